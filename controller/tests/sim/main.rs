//! Stories told by the real daemon over the virtual world, in virtual time.
//!
//! Everything between the ports is what ships: sources, loop, journal, acts, publishing. Each story
//! ends with an audit that looks at the world alone. `ANANKE_SEED=N cargo test -p ananke --test sim
//! NAME -- --nocapture` tells a story again, word for word.

#![expect(unreachable_pub, reason = "nothing outside can reach into a test")]
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stdout,
    reason = "a story is told aloud, and what is not as it should be ends it"
)]

mod as_in_the_lab;
mod domains;
mod faults;
mod last_step;
mod log;
mod metrics;
mod outages;
mod requests;
mod rest;
mod scenes;
mod site;
#[expect(dead_code, reason = "the sweeps need more of the stage")]
mod stage;
mod state_files;
mod supplies_as_in_the_lab;
mod telemetry;
mod walks;
