//! What the tests share: policies, still worlds to decide on, and a perfect world that moves.

#![allow(
    dead_code,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "every test binary uses its own part of this; a test that cannot go on fails"
)]

pub(crate) mod toy;
pub(crate) mod worlds;

use std::{fs, path::PathBuf, time::Duration};

use ananke_core::{decision::Decision, journal::Event, journal::Journal, plant::Plant, time::Tick};
use ananke_crds::policy::PowerPolicy;

/// The folder of the golden cases.
pub(crate) fn golden() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/golden")
}

/// A policy of `tests/golden/policies`.
pub(crate) fn policy(name: &str) -> PowerPolicy {
    let path = golden().join("policies").join(format!("{name}.yaml"));
    let text = fs::read_to_string(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
    serde_saphyr::from_str(&text).unwrap_or_else(|e| panic!("{}: {e}", path.display()))
}

/// The plant of a policy.
pub(crate) fn plant(policy: &PowerPolicy) -> Plant {
    Plant::compile(policy.metadata.name.as_str(), &policy.spec).unwrap()
}

/// What a decision changes in the journal, as its event.
pub(crate) fn decided(journal: &Journal, decision: &Decision) -> Event {
    Event::decided(journal, decision)
}

/// Seconds.
pub(crate) const fn secs(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

/// The tick at this many seconds.
pub(crate) const fn at(seconds: u64) -> Tick {
    Tick::from_millis(seconds * 1000)
}
