//! What to do now, and why nothing else.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use ananke_crds::policy::Target;
use serde::{Deserialize, Serialize};

use crate::{
    battery::{BatteryMemory, Estimate},
    budget::{Lasted, Way},
    conditions::Reason,
    episode::Episode,
    signals::{SupplyMemory, Trust},
    step::PlannedStep,
    table::Wanted,
    text::Text,
    time::Tick,
};

/// The outcome of one look at everything.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Decision {
    /// When.
    pub at: Tick,
    /// The target in force.
    pub effective: Effective,
    /// May all run side by side; empty when there is nothing to do.
    pub steps: Vec<PlannedStep>,
    /// Units that are not where they are wanted and wait for something.
    pub waiting: Vec<Waiting>,
    /// What needs a person, or time.
    pub blocked: Vec<Blocked>,
    /// Every unit.
    pub units: Vec<UnitReport>,
    /// How long everything from here to off takes on the critical path, in an emergency.
    #[serde(with = "crate::time::millis", rename = "budgetMillis")]
    pub budget: Duration,
    /// The same if a person asks for it, with the drain's whole time.
    #[serde(default, with = "crate::time::millis", rename = "fullBudgetMillis")]
    pub full_budget: Duration,
    /// The least time left on a battery, if a supply is on battery and tells it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub seconds_left: Option<u64>,
    /// How far each supply is believed.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub telemetry: BTreeMap<String, Telemetry>,
    /// The supplies' next memories.
    pub supplies: BTreeMap<String, Arc<SupplyMemory>>,
    /// What the batteries taught so far.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub batteries: BTreeMap<String, Arc<BatteryMemory>>,
    /// How long each supply would last on battery, and whose number that is.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub estimates: BTreeMap<String, Estimate>,
    /// The next episode.
    pub episode: Episode,
    /// Units whose turn came, and which way.
    pub began: BTreeMap<Text, Wanted>,
    /// Units whose turn is over.
    pub ended: Vec<Text>,
    /// Units whose time stops until it is their turn again: the API is gone, nobody could do
    /// anything about them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub paused: Vec<Text>,
    /// Steps of the way down that came to their end.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub lasted: Vec<Lasted>,
    /// The way down that this decision is on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub way: Option<Way>,
    /// Hosts that are proven off from now on, or no longer.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub off: BTreeMap<String, bool>,
    /// Hosts that are seen on again after our poweroff: they have booted by another hand, or never
    /// went.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub back: Vec<String>,
    /// Whether this host is wanted up again after it was powered off.
    pub own_wanted_up: bool,
    /// Look again after this long at the latest.
    #[serde(with = "crate::time::millis", rename = "lookAgainMillis")]
    pub look_again: Duration,
}

/// How far a supply is believed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Telemetry {
    /// How far.
    pub trust: Trust,
    /// Why a person should look at it, if one should.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<Reason>,
    /// What is the matter and what to do about it; empty where there is nothing to say.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub message: String,
}

impl Decision {
    /// Seconds left on battery beyond the budget, negative if they are short of it; `None` while
    /// nothing runs down.
    pub fn slack_seconds(&self) -> Option<f64> {
        let left = Duration::from_secs(self.seconds_left?);
        Some(left.as_secs_f64() - self.budget.as_secs_f64())
    }
}

/// The target in force, and by whom.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Effective {
    /// What the document declares.
    pub declared: Target,
    /// What is in force: the gravest over all hosts.
    pub target: Target,
    /// `operator`, or the signal: `ups/pyrphoros`.
    pub by: String,
    /// The signal's cause with its figures, if a signal asks for it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cause: Option<String>,
    /// The hosts it covers, if not all.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub hosts: Vec<String>,
    /// Why a signal reaches as far as it does, a sentence each: what its supplies feed, and what
    /// widens that.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub scope: Vec<String>,
    /// Whether a signal is held: mains are back, energy or time is missing.
    pub held: bool,
}

/// A unit that waits.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Waiting {
    /// The unit.
    pub unit: Text,
    /// At most four units that it waits on; empty for a leaf.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub on: Vec<Text>,
    /// Whether there are more than those.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub more: bool,
    /// The reason.
    pub reason: Reason,
    /// One of the leaf sentences, or what it waits on.
    pub message: Text,
    /// Since when it is its turn.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub since: Option<Tick>,
    /// When its bound is over and a person is called.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<Tick>,
}

/// Something that steps cannot pass.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Blocked {
    /// The unit; none when all is blocked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unit: Option<Text>,
    /// The reason.
    pub reason: Reason,
    /// What unblocks it.
    pub message: Text,
}

/// One unit, for tables and metrics.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct UnitReport {
    /// The unit.
    pub name: Text,
    /// `up`, `down`, `part`, `starting`, `stopping`, `unknown`.
    pub state: Text,
    /// What is wanted of it.
    pub wanted: Wanted,
    /// Whether it is where it is wanted.
    pub arrived: bool,
    /// The reason of the message, where there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<Reason>,
    /// Why it is not, or how it is settled without being seen (`moot`, `left`).
    #[serde(default, skip_serializing_if = "str::is_empty")]
    pub message: Text,
}
