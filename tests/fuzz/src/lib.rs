//! What is fuzzed: functions over any bytes, each of which panics if something that must hold of
//! all bytes does not. A fuzzer drives them (`tests/run fuzz`), and an ordinary test gives them the
//! corpus that is kept.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::missing_panics_doc,
    clippy::indexing_slicing,
    reason = "a target fails by a panic, as a test does"
)]

mod bytes;
mod client;
mod codec;
mod documents;
mod edit;
mod journal;
mod state;
mod values;

/// Something that takes any bytes.
#[derive(Debug)]
pub struct Target {
    /// Its name, and that of its folder in the corpus.
    pub name: &'static str,
    /// Panics if something does not hold of these bytes.
    pub run: fn(&[u8]),
}

/// All of them.
pub const TARGETS: &[Target] = &[
    Target { name: "nut-codec", run: codec::run },
    Target { name: "nut-client", run: client::run },
    Target { name: "documents", run: documents::run },
    Target { name: "edit", run: edit::run },
    Target { name: "values", run: values::run },
    Target { name: "journal", run: journal::run },
    Target { name: "state", run: state::run },
];

/// The target of this name.
pub fn target(name: &str) -> Option<&'static Target> {
    TARGETS.iter().find(|target| target.name == name)
}
