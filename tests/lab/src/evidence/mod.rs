//! Evidence of what happened in a lab, found outside the daemon under test, and turned into the
//! record that the audit reads: the very one that a virtual world writes.
//!
//! Who did it is told by traces that the daemon cannot help leaving: what sudo notes on a host, the
//! field manager in the API's audit log, magic packets on the wire. All parts of a lab share one
//! kernel, so all their clocks are one.

mod api;
mod collect;
mod facts;
mod picture;
mod retell;
mod watch;

use ananke_audit::{Picture, Record};
pub(crate) use api::{LOG, POLICY};
pub use facts::{
    ApiFact, Facts, HostFact, HostNote, Life, PowerFact, Reading, UnitChange, WakeFact,
};
use serde::{Deserialize, Serialize};
pub use watch::Watch;

/// What was found out about a stretch of a lab's life.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Evidence {
    /// How things stood.
    pub before: Picture,
    /// What was noted since, each fact by itself.
    pub facts: Facts,
    /// How things stand.
    pub after: Picture,
}

impl Evidence {
    /// The facts put together, as the audit reads them.
    pub fn record(&self) -> Record {
        Record {
            before: self.before.clone(),
            happenings: retell::happenings(&self.before, &self.facts),
            after: self.after.clone(),
        }
    }
}
