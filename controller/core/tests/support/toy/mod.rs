//! A perfect world that moves: every step does what it says, nothing ever fails, and what happened
//! is written down in order.

mod look;

use std::collections::BTreeMap;

use ananke_core::{
    decide::decide,
    decision::Decision,
    journal::{Event, Journal},
    marks::Mark,
    observe::{
        ActiveState, ApiHealth, ClusterFacts, GitopsFacts, GitopsKind, HostFacts, NodeFacts,
        ObservedState, PodFacts, Requests, Snapshot, SnapshotFacts, SupplyReading, SystemState,
    },
    plant::{Plant, Role},
    seen::{Seen, Unseen},
    step::{Action, Outcome},
    time::Tick,
};
use ananke_crds::policy::Target;

use super::{
    at, decided,
    worlds::{WALL, flux, pod, service},
};

/// Seconds that things take here.
const BOOT: u64 = 20;
const HALT: u64 = 10;
const SERVICE: u64 = 3;
const POD: u64 = 2;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Power {
    Off,
    Booting(u64),
    On,
    Halting(u64),
}

#[expect(clippy::struct_excessive_bools, reason = "each is a thing of its own")]
struct Machine {
    role: Role,
    power: Power,
    heard: Option<u64>,
    service: ActiveState,
    lands: u64,
    containers: u32,
    snapshot: Option<SnapshotFacts>,
    carries: bool,
    /// Whether its pods go the moment they are evicted, and when.
    pods_end: Option<u64>,
    pods: bool,
    carrier_pod: bool,
    unschedulable: bool,
    mark: Option<Mark>,
}

struct Supply {
    mains: bool,
    left: u64,
    full: u64,
}

/// The world.
pub(crate) struct World {
    pub(crate) plant: Plant,
    pub(crate) journal: Journal,
    pub(crate) seconds: u64,
    booted: u64,
    boots: u32,
    pub(crate) own_on: bool,
    machines: BTreeMap<String, Machine>,
    supplies: BTreeMap<String, Supply>,
    gitops: Vec<GitopsFacts>,
    pub(crate) requests: Requests,
    pub(crate) log: Vec<String>,
    ids: u64,
}

impl World {
    /// Everything up.
    pub(crate) fn running(plant: Plant) -> Self {
        let carrier = plant.hosts.iter().position(|host| host.role == Role::Agent);
        let machines = plant.hosts.iter().enumerate().filter(|(_, host)| !host.is_self);
        let machines = machines.map(|(index, host)| {
            let machine = Machine {
                role: host.role,
                power: Power::On,
                heard: None,
                service: ActiveState::Active,
                lands: 0,
                containers: if host.role == Role::None { 0 } else { 3 },
                snapshot: None,
                carries: Some(index) == carrier,
                pods_end: None,
                pods: host.role != Role::None,
                carrier_pod: Some(index) == carrier,
                unschedulable: false,
                mark: None,
            };
            (host.name.clone(), machine)
        });
        let supplies = plant
            .supplies
            .iter()
            .map(|supply| (supply.name.clone(), Supply { mains: true, left: 1_200, full: 1_200 }));
        let mut world = Self {
            machines: machines.collect(),
            supplies: supplies.collect(),
            gitops: vec![
                flux(GitopsKind::Kustomization, "fleet", None),
                flux(GitopsKind::Kustomization, "apps", Some("fleet")),
                flux(GitopsKind::HelmRelease, "web", Some("apps")),
            ],
            journal: Journal::default(),
            seconds: 1_000,
            booted: 0,
            boots: 1,
            own_on: true,
            requests: Requests::default(),
            log: Vec::new(),
            ids: 0,
            plant,
        };
        world.start_daemon();
        world
    }

    /// The daemon begins anew; what it remembered is read back.
    pub(crate) fn start_daemon(&mut self) {
        let boot_id = format!("own-{}", self.boots);
        self.journal.apply(&Event::Started { boot_id, at: self.now() });
        for machine in self.machines.values_mut() {
            machine.heard = None;
        }
    }

    /// Somebody turns this machine on again.
    pub(crate) fn boot_own(&mut self) {
        self.own_on = true;
        self.boots += 1;
        self.booted = self.seconds;
        self.seconds += BOOT;
        self.start_daemon();
    }

    /// A person's cordon.
    pub(crate) fn cordon_by_hand(&mut self, node: &str) {
        self.machines.get_mut(node).unwrap().unschedulable = true;
    }

    /// A person's suspend.
    pub(crate) fn suspend_by_hand(&mut self, name: &str) {
        self.gitops.iter_mut().find(|o| o.object.name == name).unwrap().suspended = true;
    }

    /// Mains of a supply go or come.
    pub(crate) fn mains(&mut self, supply: &str, on: bool) {
        self.supplies.get_mut(supply).unwrap().mains = on;
        self.log.push(format!("mains {supply} {}", if on { "on" } else { "off" }));
    }

    /// What a battery holds.
    pub(crate) fn charge(&mut self, supply: &str, seconds: u64) {
        self.supplies.get_mut(supply).unwrap().left = seconds;
    }

    /// Hosts that are off.
    pub(crate) fn off(&self) -> Vec<&str> {
        let off = self.machines.iter().filter(|(_, m)| m.power == Power::Off);
        off.map(|(name, _)| name.as_str()).collect()
    }

    /// Whether any pod or container runs.
    pub(crate) fn containers(&self) -> u32 {
        self.machines.values().map(|machine| machine.containers).sum()
    }

    /// Nodes that are cordoned, and whether by us; Flux objects that are suspended, and whether by us.
    pub(crate) fn cordons_and_suspends(&self) -> Vec<(String, bool)> {
        let nodes = self.machines.iter().filter(|(_, m)| m.unschedulable);
        let objects = self.gitops.iter().filter(|o| o.suspended);
        nodes
            .map(|(name, m)| (name.clone(), m.mark.is_some()))
            .chain(objects.map(|o| (o.object.name.clone(), o.mark.is_some())))
            .collect()
    }

    /// One look, one decision, its steps, one second.
    pub(crate) fn round(&mut self) -> Decision {
        let snapshot = self.observe();
        let decision = decide(&self.plant, &self.journal, &snapshot);
        self.journal.apply(&decided(&self.journal, &decision));
        for step in &decision.steps {
            let (id, now) = (self.ids, self.now());
            self.ids += 1;
            self.log.push(format!("{} {}", step.unit, step.rung.name()));
            self.journal.apply(&Event::Begun { id, at: now, step: step.clone() });
            self.act(&step.action);
            self.journal.apply(&Event::Ended { id, at: now, outcome: Outcome::Done });
        }
        self.second();
        decision
    }

    fn act(&mut self, action: &Action) {
        let (seconds, wall) = (self.seconds, self.wall());
        let mark = |field: &str| super::worlds::mark(field, wall);
        match action {
            Action::Suspend { objects } => {
                for object in self.gitops.iter_mut().filter(|o| objects.contains(&o.object)) {
                    assert!(!object.suspended, "suspended twice: {}", object.object);
                    object.suspended = true;
                    object.mark = Some(mark("spec.suspend"));
                }
            }
            Action::Resume { objects } => {
                for object in self.gitops.iter_mut().filter(|o| objects.contains(&o.object)) {
                    assert!(object.mark.is_some(), "not ours: {}", object.object);
                    object.suspended = false;
                    object.mark = None;
                }
            }
            Action::Cordon { node } => {
                if let Some(machine) = self.machines.get_mut(node) {
                    assert!(!machine.unschedulable, "cordoned twice: {node}");
                    machine.unschedulable = true;
                    machine.mark = Some(mark("spec.unschedulable"));
                }
            }
            Action::Uncordon { node } => {
                if let Some(machine) = self.machines.get_mut(node) {
                    assert!(machine.mark.is_some(), "not ours: {node}");
                    machine.unschedulable = false;
                    machine.mark = None;
                }
            }
            Action::Evict { pods } | Action::DeletePods { pods, .. } => {
                for (name, machine) in &mut self.machines {
                    let app = format!("app-{name}");
                    let here = |pod: &str| pod == app || (pod == "csi" && machine.carrier_pod);
                    if pods.iter().any(|pod| here(&pod.name)) {
                        machine.pods_end.get_or_insert(seconds + POD);
                    }
                }
            }
            Action::TakeSnapshot { host } => {
                if let Some(machine) = self.machines.get_mut(host) {
                    machine.snapshot = Some(SnapshotFacts {
                        name: format!("ananke-{wall}"),
                        taken_unix_seconds: wall,
                        size_bytes: 1,
                    });
                }
            }
            Action::StartService { host, .. } => {
                if let Some(machine) = self.machines.get_mut(host) {
                    machine.service = ActiveState::Activating;
                    machine.lands = seconds + SERVICE;
                }
            }
            Action::StopService { host, .. } | Action::KillService { host, .. } => {
                if let Some(machine) = self.machines.get_mut(host) {
                    machine.service = ActiveState::Deactivating;
                    machine.lands = seconds + SERVICE;
                }
            }
            Action::EndContainers { host } => {
                if let Some(machine) = self.machines.get_mut(host) {
                    machine.containers = 0;
                }
            }
            Action::PowerOff { host } => {
                if let Some(machine) = self.machines.get_mut(host)
                    && machine.power == Power::On
                {
                    assert_eq!(
                        machine.containers, 0,
                        "promise 1.3: {host} goes off with containers"
                    );
                    machine.power = Power::Halting(seconds + HALT);
                }
            }
            Action::Wake { host } => {
                if let Some(machine) = self.machines.get_mut(host)
                    && machine.power == Power::Off
                {
                    machine.power = Power::Booting(seconds + BOOT);
                }
            }
            Action::SetWakeAlarm { .. } | Action::ForceShutdown { .. } | Action::SyncDisks => {}
            Action::PowerOffSelf { .. } => self.own_on = false,
        }
    }

    fn second(&mut self) {
        self.seconds += 1;
        let seconds = self.seconds;
        for supply in self.supplies.values_mut() {
            supply.left = if supply.mains {
                (supply.left + 2).min(supply.full)
            } else {
                supply.left.saturating_sub(1)
            };
        }
        let api = self.api();
        for machine in self.machines.values_mut() {
            machine.second(seconds, api);
        }
    }

    /// Rounds until all is where this target wants it, `max` at most; how many it took.
    pub(crate) fn settle(&mut self, target: Target, max: u64) -> u64 {
        for round in 0..max {
            let decision = self.round();
            let there = decision.effective.target == target
                && decision.units.iter().all(|unit| unit.arrived);
            if !self.own_on || there {
                return round;
            }
            if round + 1 == max {
                let open: Vec<String> = decision
                    .units
                    .iter()
                    .filter(|unit| !unit.arrived)
                    .map(|u| {
                        format!("  {} is {}, wanted {:?}: {}", u.name, u.state, u.wanted, u.message)
                    })
                    .collect();
                let log = self.log.join("\n  ");
                panic!("not settled after {max} rounds\n{}\nlog:\n  {log}", open.join("\n"));
            }
        }
        max
    }

    /// Where in the log each line that begins so stands.
    pub(crate) fn places(&self, begins: &str) -> Vec<usize> {
        let lines = self.log.iter().enumerate();
        lines.filter(|(_, line)| line.starts_with(begins)).map(|(at, _)| at).collect()
    }
}

impl Machine {
    fn second(&mut self, seconds: u64, api: bool) {
        match self.power {
            Power::Booting(until) if seconds >= until => {
                self.power = Power::On;
                if self.role != Role::None {
                    // k3s is enabled at boot.
                    self.service = ActiveState::Activating;
                    self.lands = seconds + SERVICE;
                }
            }
            Power::Halting(until) if seconds >= until => {
                self.power = Power::Off;
                self.service = ActiveState::Inactive;
                self.containers = 0;
            }
            _ => {}
        }
        if self.power != Power::On {
            return;
        }
        match self.service {
            ActiveState::Activating
                if seconds >= self.lands && (api || self.role == Role::Server) =>
            {
                self.service = ActiveState::Active;
                self.containers = 1;
            }
            ActiveState::Deactivating if seconds >= self.lands => {
                self.service = ActiveState::Inactive;
            }
            _ => {}
        }
        if self.pods_end.is_some_and(|end| seconds >= end) {
            self.pods_end = None;
            if self.pods {
                self.pods = false;
            } else {
                self.carrier_pod = false;
            }
            self.containers = 1;
        }
        if self.service == ActiveState::Active
            && !self.unschedulable
            && self.role != Role::None
            && api
        {
            self.pods = true;
            self.carrier_pod = self.carries;
            self.containers = 3;
        }
    }
}
