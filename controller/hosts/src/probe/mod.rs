//! What a host says of itself: the script that asks, and the parser of its answer.

mod answer;
mod snapshots;

pub(crate) use answer::{Listing, parse};

/// The script; `$1` … `$4` are explained in it.
pub(crate) const SCRIPT: &str = include_str!("probe.sh");

/// Longest answer that is read, in bytes. A normal one has 700; a list of snapshots is cut by the
/// script at 48 KiB.
pub(crate) const LONGEST_ANSWER: usize = 64 * 1024;
