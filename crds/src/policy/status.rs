use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use smol_str::SmolStr;

use super::Target;
use crate::value::{GoDuration, Percent};

/// What ananke says of a policy; written to the status subresource and never read from a file.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct PowerPolicyStatus {
    /// The state that is really aimed at: the declared one, or what the gravest signal asks for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub effective_target: Option<Target>,
    /// Who asks for it: `spec`, or a signal such as `ups/pyrphoros`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub by: Option<String>,
    /// Where the whole is: `Running`, `ClusterDown`, `PoweredOff`, or on its way.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub state: Option<String>,
    /// Phase of the episode: `recovering` or `holding` on the way up and there, else that of the
    /// signal.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub phase: Option<String>,
    /// One sentence: what is going on, why, and what a person must do next.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sentence: Option<String>,
    /// `metadata.generation` of the spec that this status is about.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub observed_generation: Option<i64>,
    /// When the last decision was made.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<Timestamp>")]
    pub last_reconcile: Option<String>,
    /// Whether it is ready, and if not why; as `kubectl wait` and Flux read them.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schemars(extend("x-kubernetes-list-type" = "map", "x-kubernetes-list-map-keys" = ["type"]))]
    pub conditions: Vec<Condition>,
    /// Every supply as it was last seen.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schemars(extend("x-kubernetes-list-type" = "map", "x-kubernetes-list-map-keys" = ["name"]))]
    pub supplies: Vec<SupplyStatus>,
    /// Every unit that is not where it should be, and a selection of the others.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schemars(extend("x-kubernetes-list-type" = "map", "x-kubernetes-list-map-keys" = ["name"]))]
    pub units: Vec<UnitStatus>,
}

/// One aspect of the state, as every Kubernetes API has it (`metav1.Condition`).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Condition {
    /// The aspect: `Ready`, `Reconciling`, `Stalled`, `PowerStable`, …
    #[serde(rename = "type")]
    #[schemars(length(min = 1, max = 316))]
    pub condition_type: String,
    /// Whether it holds.
    pub status: ConditionStatus,
    /// `metadata.generation` of the spec that it is about.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub observed_generation: Option<i64>,
    /// When `status` last changed.
    #[schemars(with = "Timestamp")]
    pub last_transition_time: String,
    /// The reason in one word, for programs.
    #[schemars(length(min = 1, max = 1024))]
    #[schemars(extend("pattern" = "^[A-Za-z]([A-Za-z0-9_,:]*[A-Za-z0-9_])?$"))]
    pub reason: String,
    /// The same for people.
    #[schemars(length(max = 32768))]
    pub message: String,
}

/// Whether a condition holds.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
pub enum ConditionStatus {
    /// It does.
    True,
    /// It does not.
    False,
    /// Nobody knows.
    Unknown,
}

/// A supply as it was last seen.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct SupplyStatus {
    /// Name of the supply in the policy.
    pub name: String,
    /// `ups.status` as the UPS gives it (`OL`, `OB DISCHRG`, …), or why it is not known.
    pub status: String,
    /// Charge of the battery, in percent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub charge: Option<Percent>,
    /// Runtime that is left on battery.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub runtime: Option<GoDuration>,
    /// How far its readings are believed: `fresh`, `status-only`, `contradicting`, `stale`,
    /// `silent`, `refused`, `wrong-device`, `never-heard`, or `host-off`: we have the host off that
    /// its NUT server runs on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub trust: Option<String>,
    /// What is the matter with it, and what a person can do about it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
    /// When it was last heard.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<Timestamp>")]
    pub last_seen: Option<String>,
}

/// A unit of the graph.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct UnitStatus {
    /// `kind/name`, or the kind alone where there is only one.
    pub name: SmolStr,
    /// What it is: `up`, `down`, `part`, `moving` or `unknown`.
    pub state: SmolStr,
    /// What it should be: `up`, `down` or `any`.
    pub wanted: SmolStr,
    /// Why it is not there, in one word.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<SmolStr>,
    /// The same for people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub message: Option<SmolStr>,
    /// Since when it is as it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<Timestamp>")]
    pub since: Option<SmolStr>,
}

/// The schema of a point in time, as RFC 3339 writes it.
struct Timestamp;

impl JsonSchema for Timestamp {
    fn inline_schema() -> bool {
        true
    }
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Timestamp".into()
    }
    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({"type": "string", "format": "date-time"})
    }
}
