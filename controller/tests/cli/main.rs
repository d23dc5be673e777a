//! The commands as a person types them: the real binary over an embedded world of its own.
//!
//! What happened is asked of the world, never of the daemon.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test that cannot go on must fail"
)]

mod commands;
mod doctor;
mod documents;
mod notify;
mod replay;
mod rules;
mod simulate;
mod stage;
mod walk;
mod web;
