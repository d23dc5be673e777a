use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{
    EtcdRestore, GitOps, ImageBundle, IngressCheck, Layer, ServiceCheck, SoakWindow, StorageCheck,
    VaultUnseal, Workloads,
};
use crate::value::{GoDuration, Name};

/// Rules for coming up.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct Startup {
    /// Whether losses in steady state are repaired or only reported.
    pub heal: Heal,
    /// What becomes of services that a host starts by itself at boot.
    pub autostart: Autostart,
    /// The check of the hosts' clocks. Without this section clocks are not looked at.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub clock: Option<ClockCheck>,
    /// Hosts that are absent on purpose: neither started nor waited for.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schemars(extend("x-kubernetes-list-type" = "set"))]
    pub ignore_unavailable: Vec<Name>,
    /// Flux, which is suspended on the way down and resumed on the way up. Without this section
    /// Flux is not touched.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub gitops: Option<GitOps>,
    /// Manifests that are applied from this host while the Git source is not ready, in this order.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schemars(extend("x-kubernetes-list-type" = "map", "x-kubernetes-list-map-keys" = ["name"]))]
    pub layers: Vec<Layer>,
    /// Vaults that are unsealed.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schemars(extend("x-kubernetes-list-type" = "map", "x-kubernetes-list-map-keys" = ["name"]))]
    pub vault: Vec<VaultUnseal>,
    /// Image bundles that are imported into a host's containerd.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schemars(extend("x-kubernetes-list-type" = "map", "x-kubernetes-list-map-keys" = ["name"]))]
    pub images: Vec<ImageBundle>,
    /// What must be true of storage. Without this section it is not looked at.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub storage: Option<StorageCheck>,
    /// What is done when etcd does not come up. Without this section a person restores it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub etcd_restore: Option<EtcdRestore>,
    /// Addresses that must answer as described.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schemars(extend("x-kubernetes-list-type" = "map", "x-kubernetes-list-map-keys" = ["name"]))]
    pub services: Vec<ServiceCheck>,
    /// The check of every host name of every Ingress. Without this section there is none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ingress: Option<IngressCheck>,
    /// The check of Deployments, StatefulSets and DaemonSets. Without this section there is none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub workloads: Option<Workloads>,
    /// The window in which nothing may regress before the start counts as done. Without this
    /// section it is done as soon as everything is healthy.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub soak: Option<SoakWindow>,
    /// The longest that a host takes from power to answering over SSH.
    pub longest_boot: GoDuration,
    /// How long the start of a Kubernetes service may take before the next rung.
    pub service_timeout: GoDuration,
}

impl Default for Startup {
    fn default() -> Self {
        Self {
            heal: Heal::default(),
            autostart: Autostart::default(),
            clock: None,
            ignore_unavailable: Vec::new(),
            gitops: None,
            layers: Vec::new(),
            vault: Vec::new(),
            images: Vec::new(),
            storage: None,
            etcd_restore: None,
            services: Vec::new(),
            ingress: None,
            workloads: None,
            soak: None,
            longest_boot: GoDuration::from_mins(10),
            service_timeout: GoDuration::from_mins(3),
        }
    }
}

/// Whether losses in steady state are repaired or only reported.
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
pub enum Heal {
    /// Only what an outage or ananke itself took down is brought up again.
    #[default]
    Outage,
    /// Every loss is repaired, even one that a person may have wanted.
    All,
}

/// What becomes of services that a host starts by itself at boot.
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
pub enum Autostart {
    /// They stay as they are, and the rest is built around them.
    #[default]
    Adopt,
    /// They are stopped until it is their turn.
    Hold,
}

/// The check of the hosts' clocks before Kubernetes is started on them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct ClockCheck {
    /// How many hosts must be in time.
    pub mode: ClockMode,
    /// That many hosts must be in time. Only with `mode: quorum`; by default more than half.
    #[schemars(range(min = 1))]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub quorum: Option<u32>,
    /// How far a clock may be off.
    pub max_offset: GoDuration,
}

impl Default for ClockCheck {
    fn default() -> Self {
        Self { mode: ClockMode::default(), quorum: None, max_offset: GoDuration::from_millis(500) }
    }
}

/// How many hosts must be in time.
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
pub enum ClockMode {
    /// Enough of them.
    #[default]
    Quorum,
    /// Every one.
    Strict,
}
