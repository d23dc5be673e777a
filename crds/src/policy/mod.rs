//! The PowerPolicy: what state of power a cluster and its hosts are to be in, and by which rules.

mod cluster;
mod gates;
mod gitops;
mod host;
mod path;
mod shutdown;
mod startup;
mod status;
mod supply;
mod target;

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

pub use cluster::{EtcdRestore, ImageBundle, Layer, StorageCheck, UnsealSecret, VaultUnseal};
pub use gates::{
    Expectation, HeaderExpectation, IngressCheck, ServiceCheck, SoakWindow, Workloads,
};
pub use gitops::{GitOps, GitSource, SourceKind};
pub use host::{Host, OffWhen, OwnHostOff, Role, Wake, WayBack};
pub use path::{Alternative, NetworkPath};
pub use shutdown::{
    Drain, Emergency, OnOwnHostShutdown, Quiesce, QuiesceKind, Shutdown, ShutdownDefault,
    SkippableStep, Snapshot, SnapshotKind, UnmanagedPods, VerifyOff, WholeCluster,
};
pub use startup::{Autostart, ClockCheck, ClockMode, Heal, Startup};
pub use status::{Condition, ConditionStatus, PowerPolicyStatus, SupplyStatus, UnitStatus};
pub use supply::{OnPowerRestored, OnSilence, Recover, Supply, Trigger};
pub use target::{ParseTargetError, Target};

use crate::value::Name;

/// The API group of the custom resource.
pub const GROUP: &str = "ananke.dev";

/// The only version of the API so far.
pub const VERSION: &str = "v1alpha1";

/// The kind of the document.
pub const KIND: &str = "PowerPolicy";

/// The version of the documents that this program reads.
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
pub enum ApiVersion {
    /// `ananke.dev/v1alpha1`.
    #[default]
    #[serde(rename = "ananke.dev/v1alpha1")]
    V1Alpha1,
}

/// The kind of a PowerPolicy document.
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
pub enum PolicyKind {
    /// `PowerPolicy`.
    #[default]
    PowerPolicy,
}

/// What state of power a bare-metal Kubernetes cluster and its hosts are to be in, and by which
/// rules ananke brings them there and back. It holds no secret and no path of one host, so it can
/// live in Git.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct PowerPolicy {
    /// Version of this document's form: `ananke.dev/v1alpha1`.
    pub api_version: ApiVersion,
    /// Kind of this document: `PowerPolicy`.
    pub kind: PolicyKind,
    /// Name and labels of the policy. Fields that the cluster adds to it are ignored.
    pub metadata: Metadata,
    /// What is wanted.
    pub spec: PowerPolicySpec,
}

/// Name and labels of a policy.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Metadata {
    /// Name of the policy. The host configuration says by it which policy is in force.
    pub name: Name,
    /// Labels, as any Kubernetes object has them.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub labels: BTreeMap<String, String>,
    /// Annotations, as any Kubernetes object has them.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub annotations: BTreeMap<String, String>,
    /// Counter of changes of the spec, kept by the cluster; ignored in a file.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub generation: Option<i64>,
}

/// What is wanted of the cluster and its hosts.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct PowerPolicySpec {
    /// The state to be in as long as no power signal asks for less.
    pub target: Target,
    /// Why the target is what it is, in words for people; shown in status and reports.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// Observe and report, but do nothing. The signals of a UPS are obeyed all the same.
    #[serde(default)]
    pub suspend: bool,
    /// How Kubernetes is installed on the hosts; tells the names of its services and files.
    #[serde(default)]
    pub distribution: Distribution,
    /// The UPSes that feed the hosts. Without any there is no protection against an outage.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(extend("x-kubernetes-list-type" = "map", "x-kubernetes-list-map-keys" = ["name"]))]
    pub supplies: Vec<Supply>,
    /// Switches, DNS servers and jump hosts through which hosts are reached.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(extend("x-kubernetes-list-type" = "map", "x-kubernetes-list-map-keys" = ["name"]))]
    pub paths: Vec<NetworkPath>,
    /// The machines, in any order.
    #[schemars(extend("x-kubernetes-list-type" = "map", "x-kubernetes-list-map-keys" = ["name"]))]
    pub hosts: Vec<Host>,
    /// Rules for going down.
    #[serde(default)]
    pub shutdown: Shutdown,
    /// Rules for coming up.
    #[serde(default)]
    pub startup: Startup,
}

/// How Kubernetes is installed on the hosts.
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
pub enum Distribution {
    /// k3s: services `k3s` and `k3s-agent`.
    #[default]
    K3s,
    /// RKE2: services `rke2-server` and `rke2-agent`.
    Rke2,
    /// Any other one that systemd starts: service `kubelet`, containers in `containerd`.
    Systemd,
}
