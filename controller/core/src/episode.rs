//! Episodes: whether `running` is being reached (*recovering*) or kept (*holding*).

use serde::{Deserialize, Serialize};

use crate::time::Tick;

/// The phase of `running`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum EpisodePhase {
    /// From the first unit that we or an outage took down, from an explicit start, or from the
    /// first look of a daemon that remembers nothing, until all is up: everything is offered.
    #[default]
    Recovering,
    /// Steady state: a loss is reported, not repaired. Only our own marks are undone.
    Holding,
}

/// Where the present episode stands.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct Episode {
    /// Its phase.
    pub phase: EpisodePhase,
    /// Since when.
    pub since: Tick,
    /// How many explicit starts were taken in.
    pub startups: u64,
}
