//! What is judged: two pictures of a world, and what happened between them. Any world that can be
//! looked at from outside can be written down like this; nothing here knows how ananke decides.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

/// Milliseconds, from a beginning that all of a record shares.
pub type Millis = u64;

/// A stretch of a world's life.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Record {
    /// How things stood.
    pub before: Picture,
    /// What happened, oldest first.
    pub happenings: Vec<Happening>,
    /// How things stand.
    pub after: Picture,
}

/// How things stand at one instant.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Picture {
    /// When.
    pub at: Millis,
    /// UPSes by name.
    pub supplies: BTreeMap<String, Supply>,
    /// Hosts by name.
    pub hosts: BTreeMap<String, Host>,
    /// The host that ananke runs on, if it is one of them.
    pub own_host: Option<String>,
    /// Whether the API answers `ok`.
    pub api_ready: bool,
    /// Nodes by name; the host of a node has the same name. Empty while the API is away.
    pub nodes: BTreeMap<String, Ownable>,
    /// Flux objects by `KIND/NAMESPACE/NAME`. Empty while the API is away.
    pub gitops: BTreeMap<String, Gitops>,
    /// Pods that are bound to a node, by UID. Empty while the API is away.
    pub pods: BTreeMap<String, Pod>,
}

/// A UPS.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Supply {
    /// Whether mains are behind it.
    pub mains: bool,
    /// Whether nobody can learn from it where power comes from.
    pub hidden: bool,
    /// The host without which nobody hears it, if it is one that goes off and on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub via: Option<String>,
}

/// A machine.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Host {
    /// The supplies that feed it; with none it is on power that never fails.
    pub supplies: Vec<String>,
    /// Whether it runs.
    pub power: Power,
    /// What it does in the cluster; a host without a role has no service.
    pub role: Option<Role>,
    /// Its Kubernetes service.
    pub service: Service,
    /// Containers alive on it, by the UID of their pod.
    pub containers: BTreeMap<String, Container>,
}

/// Whether a host runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Power {
    /// It draws no power.
    Off,
    /// It boots or halts.
    Between,
    /// It is up.
    On,
}

/// What a host does in the cluster.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Role {
    /// Control plane.
    Server,
    /// Worker.
    Agent,
}

/// The state of a Kubernetes service, as its systemd has it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Service {
    /// `inactive` or `failed`.
    Down,
    /// `activating`.
    Starting,
    /// `active`.
    Active,
    /// `deactivating`.
    Stopping,
}

impl Service {
    /// Whether its process runs or is about to.
    pub const fn runs(self) -> bool {
        !matches!(self, Self::Down)
    }
}

/// A process of a pod; it outlives the Kubernetes service.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Container {
    /// `NAMESPACE/NAME` of its pod.
    pub pod: String,
    /// Whether a drain leaves it alone: a `DaemonSet`'s.
    pub daemon: bool,
}

/// What a person can have claimed before us: a cordon or a suspend.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Ownable {
    /// Cordoned or suspended, by anybody.
    pub held: bool,
    /// Whether a mark of ananke is on it.
    pub marked: bool,
}

impl Ownable {
    /// Held, and not by us.
    pub const fn is_theirs(self) -> bool {
        self.held && !self.marked
    }
}

/// A Flux Kustomization or `HelmRelease`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Gitops {
    /// The Kustomization that applies it.
    pub parent: Option<String>,
    /// Whose suspend is on it.
    pub suspend: Ownable,
}

/// A pod, as the API has it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Pod {
    /// `NAMESPACE/NAME`.
    pub name: String,
    /// Its node.
    pub node: String,
    /// Whether it is neither about to start nor about to end.
    pub settled: bool,
}

/// Who did it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Actor {
    /// The daemon.
    Ananke,
    /// A person.
    Person,
    /// Nature, a UPS, systemd, a controller.
    World,
}

/// Something that happened.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Happening {
    /// When.
    pub at: Millis,
    /// Who did it.
    pub who: Actor,
    /// What.
    pub what: What,
}

/// What can happen that a promise is about. Only changes are told; a wake is one of a try, not of
/// the host.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", rename_all_fields = "camelCase", tag = "what")]
#[expect(missing_docs, reason = "the names of the fields are those of the things")]
pub enum What {
    /// Mains of a supply went.
    MainsLost { supply: String },
    /// They are back.
    MainsBack { supply: String },
    /// From now on nobody can learn from it where power comes from, or they can again.
    PowerHidden { supply: String, hidden: bool },
    /// From now on nobody can hear the host although it is on, or they can again.
    HostUnheard { host: String, unheard: bool },
    /// A wake was sent.
    WakeSent { host: String },
    /// The host draws power and boots.
    HostBooting { host: String },
    /// It was told to power off (or to reboot) with this alive on it.
    HostHalting {
        host: String,
        reboots: bool,
        containers: u32,
        volumes: u32,
        service_runs: bool,
        /// What the batteries behind it still held then; `None` on mains.
        runtime_left: Option<Millis>,
    },
    /// It is off.
    HostOff { host: String },
    /// Its power went while it was not off.
    HostCut {
        host: String,
        /// Containers that lived on it then.
        #[serde(default)]
        containers: u32,
    },
    /// A service was started, or starts by itself.
    ServiceStarting { host: String },
    /// It is active.
    ServiceActive { host: String },
    /// It was told to stop.
    ServiceStopping {
        host: String,
        /// What the batteries behind its host still held then; `None` on mains.
        #[serde(default)]
        runtime_left: Option<Millis>,
    },
    /// It is down.
    ServiceDown { host: String },
    /// An etcd snapshot was taken.
    SnapshotTaken { host: String },
    /// The API answers `ok`.
    ApiUp,
    /// It does not any more.
    ApiDown,
    /// A node was cordoned.
    Cordoned { node: String },
    /// It was uncordoned.
    Uncordoned { node: String },
    /// A Flux object was suspended.
    Suspended { object: String },
    /// It was resumed.
    Resumed { object: String },
    /// A pod's container runs; a drain leaves a daemon's alone.
    PodStarted { pod: String, node: String, daemon: bool },
    /// It ended.
    PodEnded { pod: String, node: String },
}

impl Picture {
    /// How many servers etcd needs.
    pub fn quorum(&self) -> usize {
        self.hosts.values().filter(|host| host.role == Some(Role::Server)).count() / 2 + 1
    }
}

impl Host {
    /// Names of the pods on it that a drain has to end.
    pub fn drained(&self) -> BTreeSet<String> {
        self.containers.values().filter(|c| !c.daemon).map(|c| c.pod.clone()).collect()
    }
}
