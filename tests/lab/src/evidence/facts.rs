//! Single facts, as they are found: not yet put in order, not yet ascribed to anybody.

use std::collections::BTreeMap;

use ananke_audit::Millis;
use serde::{Deserialize, Serialize};

/// All facts. Times are milliseconds since the beginning of the watch.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Facts {
    /// The power logs of the hosts.
    pub power: BTreeMap<String, Vec<PowerFact>>,
    /// The magic packets.
    pub wakes: Vec<WakeFact>,
    /// The journals of the hosts.
    pub hosts: BTreeMap<String, Vec<HostFact>>,
    /// The API server's audit log.
    pub api: Vec<ApiFact>,
    /// What the files behind `upsd` said, one entry for each change.
    pub supplies: BTreeMap<String, Vec<Reading>>,
    /// The etcd snapshots that lie on the hosts.
    pub snapshots: BTreeMap<String, Vec<Millis>>,
    /// The containers that were seen on the hosts.
    pub containers: BTreeMap<String, Vec<Life>>,
    /// The volumes of pods that were seen mounted on the hosts.
    pub volumes: BTreeMap<String, Vec<Life>>,
    /// The last look at containers and volumes.
    pub looked: Millis,
}

/// A line of a power log.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct PowerFact {
    /// When.
    pub at: Millis,
    /// What, in the words of the log.
    pub change: String,
}

/// A magic packet.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct WakeFact {
    /// When.
    pub at: Millis,
    /// The host whose card it names.
    pub host: String,
}

/// A line of a host's journal.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct HostFact {
    /// When.
    pub at: Millis,
    /// What.
    pub note: HostNote,
}

/// Who said what in a journal.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum HostNote {
    /// sudo: the daemon's user runs this as root.
    Sudo(String),
    /// systemd: of the Kubernetes service.
    Unit(UnitChange),
}

/// What systemd says of a unit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum UnitChange {
    /// A start job has begun.
    Starting,
    /// It has ended well.
    Started,
    /// A stop job has begun.
    Stopping,
    /// No process is left, for whatever reason.
    Down,
}

/// A change of a field by which a Node is cordoned or a Kustomization suspended, or of a mark.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ApiFact {
    /// When it was answered.
    pub at: Millis,
    /// The field manager that the request names, if any.
    pub manager: Option<String>,
    /// The user agent.
    pub agent: String,
    /// `nodes` or `kustomizations`.
    pub resource: String,
    /// The namespace, if it has one.
    pub namespace: Option<String>,
    /// The name.
    pub name: String,
    /// Whether it is cordoned or suspended after that.
    pub held: bool,
}

/// What a UPS driver's file said.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Reading {
    /// When the file was replaced.
    pub at: Millis,
    /// `ups.status`.
    pub status: String,
    /// `battery.runtime`, in seconds.
    pub runtime_s: u64,
}

impl Reading {
    /// Whether mains are behind the UPS.
    pub fn mains(&self) -> bool {
        self.status.split(' ').any(|word| word == "OL")
    }
}

/// Something that was there at each look between two.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Life {
    /// The UID of a pod, or a mount point.
    pub id: String,
    /// `NAMESPACE/NAME` of the pod, or the mount point again.
    pub name: String,
    /// The first look that saw it.
    pub from: Millis,
    /// The last look that saw it.
    pub until: Millis,
}

impl Life {
    /// Whether it was there: seen before or then, and seen again or then.
    pub const fn spans(&self, at: Millis) -> bool {
        self.from <= at && at <= self.until
    }
}

impl ApiFact {
    /// What the audit calls it: the name of a node, or `KIND/NAMESPACE/NAME`.
    pub fn object(&self) -> String {
        match &self.namespace {
            Some(namespace) => format!("Kustomization/{namespace}/{}", self.name),
            None => self.name.clone(),
        }
    }
}
