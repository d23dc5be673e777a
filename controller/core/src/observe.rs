//! The snapshot: everything that `decide` may know, as values.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use crate::{marks::Mark, seen::Seen, text::Text, time::Tick};

/// What was seen of the whole world at one instant.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Snapshot {
    /// The instant of this snapshot.
    pub now: Tick,
    /// Supplies by name.
    #[serde(default)]
    pub supplies: BTreeMap<String, Seen<SupplyReading>>,
    /// Hosts by name, as seen over SSH. The own host is not among them: it runs.
    #[serde(default)]
    pub hosts: BTreeMap<String, Seen<HostFacts>>,
    /// Whether `/readyz` of the Kubernetes API answers.
    pub api: Seen<ApiHealth>,
    /// The objects of the API that matter here.
    pub cluster: Seen<ClusterFacts>,
    /// Units that have an observer of their own, by unit name.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub observed: BTreeMap<Text, Seen<ObservedState>>,
    /// What people asked for through `requests/`.
    #[serde(default, skip_serializing_if = "Requests::is_default")]
    pub requests: Requests,
}

/// How far up a unit with an observer of its own is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", rename_all_fields = "camelCase", tag = "is")]
pub enum ObservedState {
    /// Up.
    Up,
    /// Half-way up: its objects are accepted, its pods exist.
    Started {
        /// What is missing.
        message: String,
    },
    /// Down.
    Down {
        /// What is missing.
        message: String,
    },
}

/// One reading of one UPS.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct SupplyReading {
    /// The words of `ups.status`, as the driver wrote them (`OL`, `OB`, `LB`, …).
    pub status: Vec<String>,
    /// `battery.charge` in percent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub charge_percent: Option<u8>,
    /// `battery.runtime` in seconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub runtime_seconds: Option<u64>,
    /// `ups.load` in percent of the nominal power.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub load_percent: Option<u16>,
    /// `ups.realpower.nominal` in watts: what the load is a part of.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub nominal_watts: Option<u32>,
    /// Variables that were told and are not what they should be: a charge that is no number.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub garbled: Vec<String>,
    /// Which device it says it is.
    #[serde(default, skip_serializing_if = "Device::is_untold")]
    pub device: Device,
}

/// Which device a UPS says it is; what it does not say is none.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct Device {
    /// `ups.mfr`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub manufacturer: Option<String>,
    /// `ups.model`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub model: Option<String>,
    /// `ups.serial`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub serial: Option<String>,
    /// Whether its serial number is the one that the host configuration names; `None` if that
    /// names none, or the device tells none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub is_named: Option<bool>,
}

impl Device {
    /// Whether it says nothing of itself.
    pub fn is_untold(&self) -> bool {
        *self == Self::default()
    }

    /// Whether this can not be the device that `known` was. One that the host configuration names
    /// is what it should be, whatever was there before; else the serial number decides where both
    /// tell it, and manufacturer and model where they do not.
    pub fn is_another(&self, known: &Self) -> bool {
        let differs = |now: &Option<String>, then: &Option<String>| {
            now.as_ref().zip(then.as_ref()).is_some_and(|(now, then)| now != then)
        };
        match (self.is_named, &self.serial, &known.serial) {
            (Some(is_named), _, _) => !is_named,
            (None, Some(now), Some(then)) => now != then,
            _ => {
                differs(&self.manufacturer, &known.manufacturer)
                    || differs(&self.model, &known.model)
            }
        }
    }

    /// Takes in what it says of itself; a driver that is starting does not say everything at once.
    pub fn learn(&mut self, told: &Self) {
        if told.is_named == Some(true) {
            self.clone_from(told);
        }
        for (known, told) in [
            (&mut self.manufacturer, &told.manufacturer),
            (&mut self.model, &told.model),
            (&mut self.serial, &told.serial),
        ] {
            if known.is_none() {
                known.clone_from(told);
            }
        }
        self.is_named = None;
    }
}

/// `Acme X1, serial 42`.
impl std::fmt::Display for Device {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let names = [&self.manufacturer, &self.model].into_iter().flatten();
        let names: Vec<&str> = names.map(String::as_str).collect();
        f.write_str(if names.is_empty() { "a device" } else { "" })?;
        f.write_str(&names.join(" "))?;
        self.serial.as_ref().map_or(Ok(()), |serial| write!(f, ", serial {serial}"))
    }
}

/// What a host says of itself over SSH, in one answer.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct HostFacts {
    /// `/proc/sys/kernel/random/boot_id`.
    pub boot_id: String,
    /// Seconds since its boot.
    pub uptime_seconds: u64,
    /// Its wall clock, seconds since 1970.
    pub wall_unix_seconds: i64,
    /// What its systemd is doing.
    pub system: SystemState,
    /// The control-plane service (`k3s`, `rke2-server`); absent where the host has none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub server: Option<ServiceState>,
    /// The agent service (`k3s-agent`, `rke2-agent`); absent where the host has none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub agent: Option<ServiceState>,
    /// Containers alive: processes of the container runtime's shim.
    pub containers: u32,
    /// Pod volumes mounted.
    pub volumes: u32,
    /// The newest etcd snapshot that the distribution lists.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub snapshot: Option<SnapshotFacts>,
    /// Whether its clock is synchronised; `None` where it does not say.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub clock_synchronised: Option<bool>,
}

impl HostFacts {
    /// Whether these tell the same as those of another look: all but its two clocks, which go on,
    /// unless its wall clock was stepped meanwhile.
    pub fn tell_the_same_as(&self, other: &Self) -> bool {
        let Self {
            boot_id,
            uptime_seconds: _,
            wall_unix_seconds: _,
            system,
            server,
            agent,
            containers,
            volumes,
            snapshot,
            clock_synchronised,
        } = self;
        // Both are cut to whole seconds.
        self.booted_unix_seconds().abs_diff(other.booted_unix_seconds()) <= 1
            && *boot_id == other.boot_id
            && *system == other.system
            && *server == other.server
            && *agent == other.agent
            && *containers == other.containers
            && *volumes == other.volumes
            && *snapshot == other.snapshot
            && *clock_synchronised == other.clock_synchronised
    }

    /// When it booted, by its own wall clock.
    fn booted_unix_seconds(&self) -> i64 {
        self.wall_unix_seconds.saturating_sub_unsigned(self.uptime_seconds)
    }
}

/// `systemctl is-system-running`, as far as it matters.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum SystemState {
    /// Booting.
    Starting,
    /// Booted (`running` and `degraded`).
    #[default]
    Running,
    /// On its way off.
    Stopping,
}

/// A unit of systemd as `systemctl show` tells it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ServiceState {
    /// `ActiveState`.
    pub active: ActiveState,
    /// `Result`: `success`, `timeout`, `exit-code`, …
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub result: String,
    /// Whether a job is queued for it (`Job` is not 0).
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub job: bool,
}

/// `ActiveState` of systemd.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum ActiveState {
    /// Up.
    Active,
    /// On its way up.
    Activating,
    /// On its way down.
    Deactivating,
    /// Down.
    #[default]
    Inactive,
    /// Down, and not as it should be.
    Failed,
}

/// An etcd snapshot.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct SnapshotFacts {
    /// Its name.
    pub name: String,
    /// When it was taken, by the host's clock, seconds since 1970.
    pub taken_unix_seconds: i64,
    /// Its size in bytes; an empty one is none.
    pub size_bytes: u64,
}

/// What `/readyz` says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum ApiHealth {
    /// It answers `ok`.
    Ready,
    /// It answers, and something in it is not ready.
    NotReady,
}

/// The objects of the cluster that the core looks at.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct ClusterFacts {
    /// Nodes by name.
    pub nodes: BTreeMap<String, NodeFacts>,
    /// Flux Kustomizations and `HelmReleases`.
    pub gitops: Vec<GitopsFacts>,
    /// Volumes attached to a node that the cluster does not know.
    #[serde(skip_serializing_if = "is_zero")]
    pub stray_attachments: u32,
    /// Volumes whose storage keeps replicas on nodes, in name order; those of other storage are not
    /// told.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub volumes: Vec<VolumeFacts>,
    /// The Git source, if the policy names one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub source: Option<SourceFacts>,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde hands out references")]
fn is_zero(number: &u32) -> bool {
    *number == 0
}

/// A Node and what runs on it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct NodeFacts {
    /// `spec.unschedulable`.
    pub unschedulable: bool,
    /// Our mark, if the cordon is ours.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mark: Option<Mark>,
    /// Its condition `Ready` is `True`.
    pub ready: bool,
    /// Its lease was renewed within the last 40 s, the controller-manager's grace period.
    pub lease_fresh: bool,
    /// `status.nodeInfo.bootID`: of which boot the status speaks.
    pub boot_id: String,
    /// Volumes attached (`VolumeAttachment`s).
    pub attachments: u32,
    /// Its pods that a drain has to end, in name order: not of a `DaemonSet`, not mirrored, not
    /// finished.
    pub pods: Vec<PodFacts>,
}

/// A pod that a drain has to end.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct PodFacts {
    /// Namespace.
    pub namespace: Text,
    /// Name.
    pub name: Text,
    /// UID: the precondition of every deletion.
    pub uid: Text,
    /// Whether a controller owns it; one without is gone for good when it is deleted.
    pub managed: bool,
    /// Whether storage needs it to detach volumes, so that it leaves last.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub carrier: bool,
    /// Whether it is being deleted already.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub terminating: bool,
    /// `terminationGracePeriodSeconds`.
    pub grace_seconds: u32,
}

/// A volume and where its replicas are.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct VolumeFacts {
    /// Its name.
    pub name: String,
    /// Nodes that it is attached to.
    pub used_on: BTreeSet<String>,
    /// Nodes that hold a healthy replica of it.
    pub healthy_on: BTreeSet<String>,
}

/// A Flux Kustomization or `HelmRelease`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct GitopsFacts {
    /// Which one.
    pub object: GitopsRef,
    /// The Kustomization that applies it, if any: it would undo our suspend.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub parent: Option<GitopsRef>,
    /// `spec.suspend`.
    pub suspended: bool,
    /// Our mark, if the suspend is ours.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mark: Option<Mark>,
}

/// Names one Flux object.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct GitopsRef {
    /// Kind.
    pub kind: GitopsKind,
    /// Namespace.
    pub namespace: String,
    /// Name.
    pub name: String,
}

impl std::fmt::Display for GitopsRef {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}/{}/{}", self.kind.as_str(), self.namespace, self.name)
    }
}

/// The kinds of Flux objects that apply things.
#[derive(
    Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
pub enum GitopsKind {
    /// `kustomize.toolkit.fluxcd.io` Kustomization.
    #[default]
    Kustomization,
    /// `helm.toolkit.fluxcd.io` `HelmRelease`.
    HelmRelease,
}

impl GitopsKind {
    /// The kind as Kubernetes spells it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Kustomization => "Kustomization",
            Self::HelmRelease => "HelmRelease",
        }
    }
}

/// The Git source of the cluster.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct SourceFacts {
    /// Its condition `Ready` is `True`, and it says so since this start of the API.
    pub ready: bool,
    /// Why not.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub message: String,
    /// `spec.url`.
    pub url: String,
    /// `spec.ref.branch`.
    pub branch: String,
}

/// What people asked of the daemon, apart from the document.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct Requests {
    /// Begin no new step.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hold: Option<Hold>,
    /// Supplies whose causes are overruled, and until when.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub masks: Vec<Mask>,
    /// Hosts with hands in the case: never woken, started or waited for.
    #[serde(skip_serializing_if = "BTreeSet::is_empty")]
    pub maintenance: BTreeSet<String>,
    /// Counts explicit wishes to start (`set-target running`, `startup`): each begins a recovery.
    #[serde(skip_serializing_if = "is_zero_u64")]
    pub startups: u64,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde hands out references")]
fn is_zero_u64(number: &u64) -> bool {
    *number == 0
}

impl Requests {
    fn is_default(&self) -> bool {
        *self == Self::default()
    }
}

/// `ananke hold`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Hold {
    /// Why, in the operator's words.
    #[serde(default)]
    pub reason: String,
    /// Whether the signals of the supplies are held too.
    #[serde(default)]
    pub even_on_battery: bool,
}

/// `ananke signal mask`: one cause of one supply overruled for a while.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Mask {
    /// The signal: `ups/NAME`.
    pub signal: String,
    /// The cause that was live when the mask was set; a graver one is not masked.
    pub cause: crate::signals::Trigger,
    /// Whether the supply was not heard when it was set: what it feeds may be started although
    /// nobody knows its power. A burnt-out UPS.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub unheard: bool,
    /// Until when.
    pub until: Tick,
    /// Why, in the operator's words.
    #[serde(default)]
    pub reason: String,
}
