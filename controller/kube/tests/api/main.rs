//! The adapter against an API on 127.0.0.1 that can misbehave.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "the lints are only off inside of test functions, not in their helpers"
)]

mod fake;
mod seeing;
mod writing;
