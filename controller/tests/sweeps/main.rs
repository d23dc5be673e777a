//! Sweeps: the real daemon over the virtual world, at every point of something instead of at a few.
//!
//! Each run is judged by the audit, and each failing one prints the one command that plays it again:
//! `ANANKE_ONLY='…' cargo test -p ananke --test sweeps NAME -- --nocapture`. The counts are printed
//! with `--nocapture`.

#![expect(unreachable_pub, reason = "nothing outside can reach into a test")]
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stdout,
    reason = "counts are told aloud, and what is not as it should be ends a run"
)]

mod across;
mod awaits;
mod damage;
mod kill;
#[path = "../sim/log.rs"]
mod log;
mod power;
#[path = "../sim/scenes.rs"]
#[allow(dead_code, reason = "a sweep needs few of the scenes")]
mod scenes;
mod seeds;
#[path = "../sim/stage/mod.rs"]
#[allow(dead_code, unused_imports, reason = "a sweep needs a part of the stage")]
mod stage;
mod supplies;
mod twice;
mod world;
