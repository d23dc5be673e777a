use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::value::{GoDuration, LabelSelector, Name};

/// Rules for going down.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct Shutdown {
    /// What `ananke shutdown --mode config` does.
    #[serde(rename = "default")]
    pub default_mode: ShutdownDefault,
    /// What a shutdown of ananke's own host by somebody else means for the rest.
    pub on_own_host_shutdown: OnOwnHostShutdown,
    /// How nodes are emptied.
    pub drain: Drain,
    /// The snapshot of the datastore that is taken on the way down. Without this section none is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub snapshot: Option<Snapshot>,
    /// Operators and workloads that are brought to rest before nodes are drained.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schemars(extend("x-kubernetes-list-type" = "map", "x-kubernetes-list-map-keys" = ["name"]))]
    pub quiesce: Vec<Quiesce>,
    /// What is different when a battery is running down.
    pub emergency: Emergency,
    /// How it is proven that a host is off.
    pub verify_off: VerifyOff,
    /// How long a stop of a Kubernetes service may take, its containers included, before the next
    /// rung.
    pub service_timeout: GoDuration,
}

impl Default for Shutdown {
    fn default() -> Self {
        Self {
            default_mode: ShutdownDefault::default(),
            on_own_host_shutdown: OnOwnHostShutdown::default(),
            drain: Drain::default(),
            snapshot: None,
            quiesce: Vec::new(),
            emergency: Emergency::default(),
            verify_off: VerifyOff::default(),
            service_timeout: GoDuration::from_secs(100),
        }
    }
}

/// What `ananke shutdown --mode config` does.
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
pub enum ShutdownDefault {
    /// Stops the cluster and leaves the hosts on.
    #[default]
    ClusterOnly,
    /// Powers the hosts off too.
    Poweroff,
}

/// What a shutdown of ananke's own host by somebody else means for the rest.
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
pub enum OnOwnHostShutdown {
    /// Nothing.
    #[default]
    Ignore,
    /// The units of this host go down in order first.
    OwnUnits,
    /// The whole cluster goes down in order first.
    Cluster,
}

/// How nodes are emptied.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct Drain {
    /// How long one node may take before its pods are deleted without regard to their budgets.
    pub timeout: GoDuration,
    /// The same when a battery is running down; less still when energy asks for it. `0s`: delete
    /// at once.
    #[schemars(extend("x-ananke-zero" = true))]
    pub emergency_timeout: GoDuration,
    /// What a drain means when the whole cluster goes down and pods have nowhere to go.
    pub whole_cluster: WholeCluster,
    /// What happens to pods that no controller would create again.
    pub unmanaged_pods: UnmanagedPods,
    /// Label selectors of more pods that detaching volumes needs and that therefore go last, besides
    /// those found by themselves (CSI drivers, storage operators, CNI, DNS).
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schemars(extend("x-kubernetes-list-type" = "atomic"))]
    pub carriers: Vec<LabelSelector>,
    /// The longest grace period of a pod that is honoured; a pod that asks for more gets this much.
    #[schemars(extend("x-ananke-zero" = true))]
    pub pod_grace: GoDuration,
}

impl Default for Drain {
    fn default() -> Self {
        Self {
            timeout: GoDuration::from_secs(180),
            emergency_timeout: GoDuration::from_secs(45),
            whole_cluster: WholeCluster::default(),
            unmanaged_pods: UnmanagedPods::default(),
            carriers: Vec::new(),
            pod_grace: GoDuration::from_secs(60),
        }
    }
}

/// What a drain means when the whole cluster goes down.
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
pub enum WholeCluster {
    /// Every node is cordoned before the first pod is evicted, so that pods end where they are.
    #[default]
    InPlace,
    /// Node after node, as for a single one: pods may move to nodes that are drained later.
    Migrate,
}

/// What happens to pods that no controller would create again.
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
pub enum UnmanagedPods {
    /// They are deleted like the others.
    #[default]
    Delete,
    /// They are left, and end with their node.
    Leave,
}

/// The snapshot of the cluster's datastore on the way down.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Snapshot {
    /// What the datastore is.
    pub kind: SnapshotKind,
    /// Whether a planned shutdown stops when no snapshot can be had. Never on battery.
    #[serde(default)]
    pub required: bool,
    /// How many snapshots of ananke are kept.
    #[serde(default = "snapshots_kept")]
    #[schemars(range(min = 1, max = 1000))]
    pub keep: u32,
}

/// As k3s keeps them by itself.
const fn snapshots_kept() -> u32 {
    5
}

/// What the datastore of the cluster is.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "kebab-case")]
pub enum SnapshotKind {
    /// etcd on the servers.
    Etcd,
    /// The SQLite file of a single server.
    Sqlite,
    /// A database elsewhere, which is backed up there: nothing is done here.
    External,
}

/// An operator or a set of workloads that is brought to rest before nodes are drained.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Quiesce {
    /// Name of it.
    pub name: Name,
    /// What it is and so how it is brought to rest.
    pub kind: QuiesceKind,
    /// Only in these namespaces. Without it in all of them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(extend("x-kubernetes-list-type" = "set"))]
    pub namespaces: Vec<Name>,
    /// Only what has these labels. Needed by `scale-to-zero`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub selector: Option<LabelSelector>,
}

/// How something is brought to rest.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "kebab-case")]
pub enum QuiesceKind {
    /// CloudNativePG clusters are hibernated.
    CloudnativePg,
    /// Longhorn volumes are left to detach, and no rebuild is begun.
    Longhorn,
    /// Deployments and StatefulSets are scaled to no replica.
    ScaleToZero,
}

/// What is different when a battery is running down.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct Emergency {
    /// How long an emergency shutdown takes, as long as too few were measured.
    pub budget: GoDuration,
    /// What is left out.
    #[schemars(extend("x-kubernetes-list-type" = "set"))]
    pub skip: Vec<SkippableStep>,
}

impl Default for Emergency {
    fn default() -> Self {
        Self { budget: GoDuration::from_secs(300), skip: vec![SkippableStep::Snapshot] }
    }
}

/// What may be left out of an emergency shutdown.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "kebab-case")]
pub enum SkippableStep {
    /// Emptying the nodes.
    Drain,
    /// The snapshot of the datastore.
    Snapshot,
    /// Bringing operators and workloads to rest.
    Quiesce,
}

/// How it is proven that a host is off.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct VerifyOff {
    /// How long a host may take to be proven off before that needs a person.
    pub timeout: GoDuration,
    /// Whether a host that does not go off may have its power cut.
    pub force_off: bool,
    /// The longest that a host takes to halt: silence for longer than this after our poweroff
    /// proves that it is off. By default systemd's `DefaultTimeoutStopSec`.
    pub longest_halt: GoDuration,
}

impl Default for VerifyOff {
    fn default() -> Self {
        Self {
            timeout: GoDuration::from_secs(120),
            force_off: false,
            longest_halt: GoDuration::from_secs(90),
        }
    }
}
