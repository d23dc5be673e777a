//! Steps: what may be done, as data. The act layer turns each into calls of a port.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::{observe::GitopsRef, text::Text};

/// One idempotent effect on the world.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", rename_all_fields = "camelCase", tag = "do")]
pub enum Action {
    /// Suspend these Flux objects and mark them ours. One wave: no object of it applies another.
    Suspend {
        /// The objects.
        objects: Vec<GitopsRef>,
    },
    /// Resume these Flux objects of ours.
    Resume {
        /// The objects.
        objects: Vec<GitopsRef>,
    },
    /// Cordon a node and mark it ours.
    Cordon {
        /// The node.
        node: String,
    },
    /// Undo our cordon.
    Uncordon {
        /// The node.
        node: String,
    },
    /// Evict pods through the eviction API: `PodDisruptionBudget`s hold.
    Evict {
        /// The pods.
        pods: Vec<PodRef>,
    },
    /// Delete pods: `PodDisruptionBudget`s are overruled.
    DeletePods {
        /// The pods.
        pods: Vec<PodRef>,
        /// A shorter grace than the pod's own, in seconds; `None` keeps the pod's.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        grace_seconds: Option<u32>,
    },
    /// Take an etcd snapshot.
    TakeSnapshot {
        /// The server's host.
        host: String,
    },
    /// Start a service of the distribution.
    StartService {
        /// The host.
        host: String,
        /// Which.
        service: Service,
    },
    /// Stop it. Containers live on.
    StopService {
        /// The host.
        host: String,
        /// Which.
        service: Service,
    },
    /// End it by signal 9, when stopping it did not.
    KillService {
        /// The host.
        host: String,
        /// Which.
        service: Service,
    },
    /// End containers that outlived the service and unmount their volumes.
    EndContainers {
        /// The host.
        host: String,
    },
    /// Power a host off through its own systemd.
    PowerOff {
        /// The host.
        host: String,
    },
    /// Wake a host. May be repeated at any time.
    Wake {
        /// The host.
        host: String,
    },
    /// Have the clock of this machine switch it on again. One that is set is replaced.
    SetWakeAlarm {
        /// How long after now.
        after_seconds: u64,
    },
    /// Set "forced shutdown" on supplies, as their primary: whoever else is fed by them leaves.
    ForceShutdown {
        /// The supplies.
        supplies: Vec<String>,
    },
    /// Write everything to the disks of this machine.
    SyncDisks,
    /// Power this machine off; the last look at the mains decides for a reboot instead.
    PowerOffSelf {
        /// Whether mains present at that instant turn it into a reboot.
        reboot_if_mains: bool,
        /// Supplies that cut their output at the end of the halt, and give it back with mains.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        cut_supplies: Vec<String>,
    },
}

impl Action {
    /// Whether it is a call on objects of the API.
    pub const fn is_on_objects(&self) -> bool {
        matches!(
            self,
            Self::Suspend { .. }
                | Self::Resume { .. }
                | Self::Cordon { .. }
                | Self::Uncordon { .. }
                | Self::Evict { .. }
                | Self::DeletePods { .. }
        )
    }
}

/// Names one pod of one life.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct PodRef {
    /// Namespace.
    pub namespace: Text,
    /// Name.
    pub name: Text,
    /// UID.
    pub uid: Text,
}

/// A service of the distribution.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Service {
    /// The control plane: `k3s`, `rke2-server`.
    Server,
    /// The agent: `k3s-agent`, `rke2-agent`.
    Agent,
}

/// The rungs of all ladders; each unit has some of them, mildest first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Rung {
    /// Suspend Flux objects.
    Suspend,
    /// Resume them.
    Resume,
    /// Cordon.
    Cordon,
    /// Uncordon.
    Uncordon,
    /// Evict.
    Evict,
    /// Delete pods, with their own grace.
    Delete,
    /// Delete pods with a short grace.
    DeleteShort,
    /// Take a snapshot.
    Snapshot,
    /// Start a service.
    Start,
    /// Stop a service.
    Stop,
    /// Kill a service.
    Kill,
    /// End containers left behind.
    EndContainers,
    /// Power off.
    PowerOff,
    /// Wake.
    Wake,
    /// Set the wake alarm of this host.
    WakeAlarm,
    /// Set "forced shutdown" on this host's supplies.
    ForceShutdown,
    /// Write this host's disks.
    Sync,
}

impl Rung {
    /// The rung's name in journals, metrics and reports.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Suspend => "suspend",
            Self::Resume => "resume",
            Self::Cordon => "cordon",
            Self::Uncordon => "uncordon",
            Self::Evict => "evict",
            Self::Delete => "delete",
            Self::DeleteShort => "delete-short",
            Self::Snapshot => "snapshot",
            Self::Start => "start",
            Self::Stop => "stop",
            Self::Kill => "kill",
            Self::EndContainers => "end-containers",
            Self::PowerOff => "power-off",
            Self::Wake => "wake",
            Self::WakeAlarm => "wake-alarm",
            Self::ForceShutdown => "force-shutdown",
            Self::Sync => "sync",
        }
    }
}

/// A step that may begin now.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct PlannedStep {
    /// The unit it moves.
    pub unit: Text,
    /// The rung of that unit's ladder.
    pub rung: Rung,
    /// The effect.
    pub action: Action,
    /// How long the call may take, in milliseconds.
    #[serde(with = "crate::time::millis", rename = "deadlineMillis")]
    pub deadline: Duration,
    /// Which try of this rung it is, from 1.
    pub attempt: u32,
}

/// How a step ended, as its caller saw it. Never progress: only an observation is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", rename_all_fields = "camelCase", tag = "outcome")]
pub enum Outcome {
    /// The far side said yes.
    Done,
    /// The far side said no.
    Refused {
        /// What it said.
        message: String,
    },
    /// Nobody knows: the connection was cut, or the deadline is over.
    Unknown {
        /// What was seen.
        message: String,
    },
}
