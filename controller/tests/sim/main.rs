//! Stories told by the real daemon over the virtual world, in virtual time.
//!
//! Everything between the ports is what ships: sources, loop, journal, acts, publishing. Each story
//! ends with an audit that looks at the world alone. `ANANKE_SEED=N cargo test -p ananke --test sim
//! NAME -- --nocapture` tells a story again, word for word.

#![expect(unreachable_pub, reason = "nothing outside can reach into a test")]

mod faults;
mod log;
mod outages;
mod requests;
mod rest;
mod scenes;
mod stage;
mod state_files;
mod walks;
