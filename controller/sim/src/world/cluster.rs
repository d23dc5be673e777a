use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use ananke_core::{
    marks::Mark,
    observe::{GitopsRef, SourceFacts},
    text::Text,
};
use ananke_crds::policy::PowerPolicyStatus;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{Actor, ApiFault, Millis};

/// The Kubernetes cluster: what etcd holds, and what its controllers are about to do.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct Cluster {
    /// The API.
    pub api: Api,
    /// Nodes by name; the host of a node has the same name.
    pub nodes: BTreeMap<String, Node>,
    /// Workloads by `NAMESPACE/NAME`.
    pub workloads: BTreeMap<String, Workload>,
    /// Pods by UID.
    pub pods: BTreeMap<Text, Pod>,
    /// `VolumeAttachment`s by the volume's name.
    pub attachments: BTreeMap<String, Attachment>,
    /// Nodes that hold a replica of a volume, by the volume's name, for storage that keeps them on
    /// nodes.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub replicas: BTreeMap<String, BTreeSet<String>>,
    /// Flux objects, parents before children.
    pub gitops: Vec<Gitops>,
    /// The Git source.
    pub source: Option<Source>,
    /// Since when Flux's controllers run.
    pub flux_since: Option<Millis>,
    /// The mirrored `PowerPolicy`.
    pub published: Option<Published>,
    /// The newest Events of ananke, oldest first.
    pub events: Vec<Note>,
    /// When ananke last renewed its Lease.
    pub lease_renewed: Option<Millis>,
    /// Rises whenever an object may have changed.
    pub revision: u64,
}

/// The Kubernetes API: it answers while enough etcd members take part.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct Api {
    /// Since when etcd has had its quorum.
    pub quorum_since: Option<Millis>,
    /// Since when `/readyz` has said `ok`.
    pub ready_since: Option<Millis>,
    /// What is wrong with it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fault: Option<ApiFault>,
    /// Since when the fault has been there.
    pub fault_since: Millis,
}

/// A Node.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct Node {
    /// `spec.unschedulable`.
    pub unschedulable: bool,
    /// Ananke's mark.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mark: Option<Mark>,
    /// Condition `Ready`, as it was last written: after a cold boot a memory.
    pub ready: bool,
    /// `status.nodeInfo.bootID`, as it was last written.
    pub boot_id: String,
    /// Since when its kubelet has been renewing its lease.
    pub alive_since: Option<Millis>,
    /// When its lease was last renewed, if it no longer is.
    pub renewed: Millis,
}

/// What a [`Workload`] is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum WorkloadKind {
    /// Replicas under names of chance; a new one is made as soon as one is told to end.
    Deployment,
    /// Numbered replicas; a new one is made when the old one is gone.
    StatefulSet,
    /// One pod on each node, cordoned or not.
    DaemonSet,
    /// One pod that nobody makes again.
    Unmanaged,
}

/// A workload: what its pods are like.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Workload {
    /// What it is.
    pub kind: WorkloadKind,
    /// How many pods there are to be.
    pub replicas: u32,
    /// `terminationGracePeriodSeconds`.
    pub grace_seconds: u32,
    /// How long a pod takes to end on SIGTERM; longer than its grace, it ignores it.
    pub ends_in: Millis,
    /// Whether each pod has a volume of its own.
    pub volume: bool,
    /// Whether storage needs it to detach volumes.
    pub carrier: bool,
    /// `minAvailable` of its `PodDisruptionBudget`.
    pub min_available: Option<u32>,
    /// Whether its pods carry a finalizer that nobody removes.
    pub finalizer: bool,
}

impl Workload {
    /// A workload with ordinary pods.
    pub const fn new(kind: WorkloadKind, replicas: u32) -> Self {
        Self {
            kind,
            replicas,
            grace_seconds: 30,
            ends_in: 2_000,
            volume: false,
            carrier: false,
            min_available: None,
            finalizer: false,
        }
    }
}

/// A Pod. Its container is on the [`Host`](super::Host) of its node, under the same UID.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Pod {
    /// Namespace.
    pub namespace: Text,
    /// Name.
    pub name: Text,
    /// `NAMESPACE/NAME` of its workload.
    pub workload: String,
    /// Its node; `None` while it is pending.
    pub node: Option<String>,
    /// When it was made.
    pub created: Millis,
    /// When its container starts.
    pub starts: Option<Millis>,
    /// Set when it was told to end.
    pub ending: Option<Ending>,
    /// The name of its volume.
    pub volume: Option<String>,
}

impl Pod {
    /// `NAMESPACE/NAME`.
    pub fn full_name(&self) -> String {
        format!("{}/{}", self.namespace, self.name)
    }
}

/// A pod was told to end.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Ending {
    /// Since when.
    pub since: Millis,
    /// The grace it was given, in milliseconds.
    pub grace: Millis,
    /// By whom.
    pub by: Actor,
}

/// A `VolumeAttachment`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Attachment {
    /// The node.
    pub node: String,
    /// When it is detached, once nothing uses it.
    pub detaches: Option<Millis>,
}

/// A Flux Kustomization or `HelmRelease`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Gitops {
    /// Which.
    pub object: GitopsRef,
    /// The Kustomization that applies it.
    pub parent: Option<GitopsRef>,
    /// `spec.suspend`.
    pub suspended: bool,
    /// What Git says of `spec.suspend`: its parent sets that again at each interval.
    pub suspended_in_git: bool,
    /// Ananke's mark.
    pub mark: Option<Mark>,
    /// `spec.interval`.
    pub interval: Millis,
    /// When `spec.suspend` last changed.
    pub changed: Millis,
}

/// The Git source.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Source {
    /// What its status says: after a cold boot a memory.
    pub facts: SourceFacts,
    /// Whether the Git server answers.
    pub reachable: bool,
    /// When its controller last looked.
    pub observed: Millis,
    /// `spec.interval`.
    pub interval: Millis,
}

/// What ananke mirrored into the cluster.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Published {
    /// The policy's name.
    pub name: String,
    /// Its spec.
    pub spec: Arc<Value>,
    /// Its status.
    pub status: Arc<PowerPolicyStatus>,
    /// Whether a person edited its spec: an apply without force is refused then.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub edited: bool,
    /// When.
    pub at: Millis,
}

/// An Event that ananke wrote.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Note {
    /// When.
    pub at: Millis,
    /// Whether it is a warning.
    pub warning: bool,
    /// Its reason.
    pub reason: String,
    /// What was done.
    pub action: String,
    /// One sentence.
    pub message: String,
}
