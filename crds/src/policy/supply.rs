use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::value::{GoDuration, HostSelector, Name, Percent, UnitRef};

/// A UPS, the hosts that it feeds, and when its battery takes them down.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Supply {
    /// Name of the supply. Each host configuration says by it where its NUT server is.
    pub name: Name,
    /// The hosts that it feeds; `"*"` is every host that no other supply names. A host that two
    /// supplies name is fed by both and goes down only when both ask for it.
    #[schemars(length(min = 1), extend("x-kubernetes-list-type" = "set"))]
    pub powers: Vec<HostSelector>,
    /// The host that its NUT server runs on, if that is a host of this policy; as `host/NAME`. While
    /// that host is off the supply is not missed, and does not keep it from being started.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub via: Option<UnitRef>,
    /// When an outage takes the hosts down.
    #[serde(default)]
    pub trigger: Trigger,
    /// When mains that are back count as reliable.
    #[serde(default)]
    pub recover: Recover,
    /// What happens once mains are back and reliable.
    #[serde(default)]
    pub on_power_restored: OnPowerRestored,
}

/// When an outage takes the hosts of a supply down; whichever is reached first.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct Trigger {
    /// Act when the runtime left is less than this factor times the time that the shutdown needs.
    #[schemars(range(min = 1.0, max = 10.0))]
    pub runtime_factor: f64,
    /// Act when the charge is below this, in percent.
    pub min_charge: Percent,
    /// Act after this long on battery, whatever the charge. `0s`: however long it lasts.
    #[schemars(extend("x-ananke-zero" = true))]
    pub max_on_battery: GoDuration,
    /// Act when the charge falls faster than this, in percent per minute.
    pub max_fall: Percent,
    /// Readings in a row that must agree before any of this counts.
    #[schemars(range(min = 1, max = 100))]
    pub debounce: u32,
    /// What counts while the UPS is on battery and its NUT server says nothing.
    pub on_silence: OnSilence,
}

impl Default for Trigger {
    fn default() -> Self {
        Self {
            runtime_factor: 1.25,
            min_charge: Percent::saturating(20),
            max_on_battery: GoDuration::from_mins(15),
            max_fall: Percent::saturating(15),
            debounce: 3,
            on_silence: OnSilence::default(),
        }
    }
}

/// What counts while a UPS is on battery and its NUT server says nothing.
#[derive(
    Clone,
    Copy,
    Debug,
    Default,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Hash,
    Serialize,
    Deserialize,
    JsonSchema,
)]
#[serde(rename_all = "kebab-case")]
pub enum OnSilence {
    /// The last known runtime runs down by itself and triggers when it is too short.
    #[default]
    Extrapolate,
    /// Silence never triggers.
    Ignore,
}

/// When mains that are back count as reliable, so that hosts may be started on them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct Recover {
    /// Charge that must be stored first, in percent.
    pub min_charge: Percent,
    /// How long mains must have been present without a break.
    #[schemars(extend("x-ananke-zero" = true))]
    pub stable_for: GoDuration,
}

impl Default for Recover {
    fn default() -> Self {
        Self { min_charge: Percent::saturating(35), stable_for: GoDuration::from_mins(2) }
    }
}

/// What happens once mains are back and reliable.
#[derive(
    Clone,
    Copy,
    Debug,
    Default,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Hash,
    Serialize,
    Deserialize,
    JsonSchema,
)]
#[serde(rename_all = "kebab-case")]
pub enum OnPowerRestored {
    /// The declared target is in force again and recovery begins by itself.
    #[default]
    Resume,
    /// Stay down until a person clears the signal.
    Hold,
}
