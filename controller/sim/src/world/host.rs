use std::collections::{BTreeMap, BTreeSet};

use ananke_core::{
    observe::{ActiveState, SnapshotFacts},
    step::Service,
    text::Text,
};
use serde::{Deserialize, Serialize};

use super::{Actor, CommandFaults, HostFault, Millis};

/// What a host does in the cluster.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Role {
    /// Control plane.
    Server,
    /// Worker.
    Agent,
    /// Neither.
    None,
}

/// Whether a host runs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", rename_all_fields = "camelCase", tag = "state")]
pub enum Power {
    /// Off.
    Off {
        /// Since when.
        since: Millis,
    },
    /// Between power and its first answer.
    Booting {
        /// Since when.
        since: Millis,
        /// Until when; `None` if it never gets through.
        until: Option<Millis>,
    },
    /// On.
    On {
        /// Since when.
        since: Millis,
    },
    /// Between the order and the end of power.
    Halting {
        /// Since when.
        since: Millis,
        /// Until when; `None` if it hangs.
        until: Option<Millis>,
        /// Whether it boots again at once.
        reboots: bool,
        /// Who ordered it.
        by: Actor,
    },
}

/// What the firmware does when power returns after a cut.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum OnAcReturn {
    /// It boots, always.
    Boot,
    /// It boots if it was on when power went.
    LastState,
    /// It stays off.
    StayOff,
}

/// A container: a process under a shim that outlives the Kubernetes service.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Container {
    /// `NAMESPACE/NAME` of its pod.
    pub pod: String,
    /// Whether a drain leaves it alone: a `DaemonSet`'s.
    pub daemon: bool,
    /// Whether it has a volume mounted.
    pub volume: bool,
    /// When it ends; `None` while nobody told it to.
    pub ends: Option<Millis>,
    /// Whether it ends only because the kubelet kills it.
    pub killed: bool,
    /// Who told it to end.
    pub by: Actor,
}

/// The Kubernetes service of a host, as its systemd has it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ServiceUnit {
    /// Which.
    pub service: Service,
    /// Whether it starts by itself at boot.
    pub enabled: bool,
    /// `ActiveState`.
    pub state: ActiveState,
    /// `Result`.
    pub result: String,
    /// When the present transition lands.
    pub due: Option<Millis>,
    /// The process is through its own start: a server's etcd member takes part, an agent asks for
    /// an API and stays `activating` until one answers.
    pub armed: bool,
    /// A start is queued behind the stop.
    pub start_queued: bool,
}

impl ServiceUnit {
    /// An enabled service that is down.
    pub const fn new(service: Service) -> Self {
        Self {
            service,
            enabled: true,
            state: ActiveState::Inactive,
            result: String::new(),
            due: None,
            armed: false,
            start_queued: false,
        }
    }

    /// Whether its process runs or is about to.
    pub const fn runs(&self) -> bool {
        !matches!(self.state, ActiveState::Inactive | ActiveState::Failed)
    }

    pub(super) fn land(&mut self, state: ActiveState, result: &str) {
        self.state = state;
        result.clone_into(&mut self.result);
        self.due = None;
        self.armed = false;
    }
}

/// A machine.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Host {
    /// What it does in the cluster.
    pub role: Role,
    /// The supplies that feed it; with none it is on power that never fails.
    pub supplies: Vec<String>,
    /// Whether it runs.
    pub power: Power,
    /// The id of its present or last boot.
    pub boot_id: String,
    /// Its Kubernetes service; a host without a role has none.
    pub service: Option<ServiceUnit>,
    /// Containers alive on it, by the UID of their pod.
    pub containers: BTreeMap<Text, Container>,
    /// The newest etcd snapshot on its disk.
    pub snapshot: Option<SnapshotFacts>,
    /// How far its clock is ahead, in milliseconds.
    pub clock_ahead_millis: i64,
    /// What its firmware does when power returns.
    pub on_ac_return: OnAcReturn,
    /// Whether it was on when its power was cut.
    pub was_on: bool,
    /// Whether a wake reaches it.
    pub wakes: bool,
    /// Power it draws when it is up, in watts.
    pub idle_watts: u64,
    /// Power it draws while it boots, in watts.
    pub boot_watts: u64,
    /// From power to its first answer.
    pub boot_millis: Millis,
    /// From the order to the end of power, services apart.
    pub halt_millis: Millis,
    /// When its clock switches it on, if that is set.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub wake_alarm: Option<Millis>,
    /// The supplies that the hook at the end of its halt has cut their output.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub cuts: Vec<String>,
    /// What is wrong with it.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub faults: BTreeSet<HostFault>,
    /// What becomes of the next commands.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub command_faults: Option<CommandFaults>,
}

impl Host {
    /// A host that is off, with ordinary figures.
    pub fn new(role: Role, supplies: &[&str]) -> Self {
        let service = match role {
            Role::Server => Some(ServiceUnit::new(Service::Server)),
            Role::Agent => Some(ServiceUnit::new(Service::Agent)),
            Role::None => None,
        };
        Self {
            role,
            supplies: supplies.iter().map(|s| (*s).to_owned()).collect(),
            power: Power::Off { since: 0 },
            boot_id: String::new(),
            service,
            containers: BTreeMap::new(),
            snapshot: None,
            clock_ahead_millis: 0,
            on_ac_return: OnAcReturn::LastState,
            was_on: false,
            wakes: true,
            idle_watts: 40,
            boot_watts: 70,
            boot_millis: 20_000,
            halt_millis: 5_000,
            wake_alarm: None,
            cuts: Vec::new(),
            faults: BTreeSet::new(),
            command_faults: None,
        }
    }

    /// Whether it has this fault.
    pub fn has(&self, fault: HostFault) -> bool {
        self.faults.contains(&fault)
    }

    /// Whether it is up: booted, and not told to halt.
    pub const fn is_on(&self) -> bool {
        matches!(self.power, Power::On { .. })
    }

    /// Whether it is off for good: it draws no power.
    pub const fn is_off(&self) -> bool {
        matches!(self.power, Power::Off { .. })
    }

    /// Whether it never gets through its boot or its halt.
    pub const fn hangs_between(&self) -> bool {
        matches!(
            self.power,
            Power::Booting { until: None, .. } | Power::Halting { until: None, .. }
        )
    }

    /// Whether its processes run.
    pub fn is_alive(&self) -> bool {
        matches!(self.power, Power::On { .. } | Power::Halting { .. })
            && !self.has(HostFault::Frozen)
    }

    /// Whether its processes run and reach the network.
    pub fn is_connected(&self) -> bool {
        self.is_alive() && !self.has(HostFault::Unplugged)
    }

    /// Whether it is up and its SSH can be reached.
    pub fn is_reachable(&self) -> bool {
        self.is_connected() && !self.has(HostFault::SshCut)
    }

    /// Whether its service is `active`, so that its kubelet works.
    pub fn kubelet_works(&self) -> bool {
        self.is_alive() && self.service.as_ref().is_some_and(|s| s.state == ActiveState::Active)
    }

    /// Volumes mounted on it.
    pub fn volumes(&self) -> u32 {
        count(self.containers.values().filter(|c| c.volume).count())
    }

    /// Containers alive on it.
    pub fn container_count(&self) -> u32 {
        count(self.containers.len())
    }

    /// What it draws now, in watts.
    pub const fn watts(&self) -> u64 {
        match self.power {
            Power::Off { .. } => 0,
            Power::Booting { .. } => self.boot_watts,
            Power::On { .. } | Power::Halting { .. } => self.idle_watts,
        }
    }

    /// When something of it is due next.
    pub(super) fn next_due(&self) -> Option<Millis> {
        if self.has(HostFault::Frozen) {
            return self.wake_alarm;
        }
        let power = match self.power {
            Power::Booting { until, .. } | Power::Halting { until, .. } => until,
            Power::Off { .. } | Power::On { .. } => None,
        };
        let service = self.service.as_ref().and_then(|s| s.due).filter(|_| self.is_alive());
        let kubelet = self.kubelet_works();
        let container =
            self.containers.values().filter(|c| kubelet || !c.killed).filter_map(|c| c.ends).min();
        [power, service, container, self.wake_alarm].into_iter().flatten().min()
    }
}

/// A count for the wire; there are never four thousand million.
pub(super) fn count(number: usize) -> u32 {
    u32::try_from(number).unwrap_or(u32::MAX)
}
