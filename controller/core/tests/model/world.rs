//! The abstract world: as little of hosts, services, pods, power and Flux as decisions can tell
//! apart. What happens in it, and when, the explorer chooses.

use ananke_core::{
    plant::{HostPlan, Plant, Role},
    step::Action,
    time::Tick,
};
use ananke_crds::policy::Target;

/// A host's power.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Power {
    Off,
    /// Silent until it answers.
    Booting,
    On,
    /// It answers, and says that it stops.
    Stopping,
    /// It does not answer any more, and is not off yet.
    Halting,
}

/// k3s on a host.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Service {
    Stopped,
    Starting,
    Active,
    Stopping,
}

/// What runs on a Node and has to leave in a drain; its volume is attached until it is gone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Pods {
    None,
    Running,
    Ending,
}

/// A cordon, a suspend: whose it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Hold {
    No,
    Ours,
    Theirs,
}

/// A host other than the one that ananke runs on.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct Machine {
    pub(crate) power: Power,
    pub(crate) service: Service,
    /// Some live on after the service.
    pub(crate) containers: bool,
    pub(crate) pods: Pods,
    pub(crate) cordon: Hold,
    /// Somebody else switched it on, and no look has met it since: nobody can know.
    pub(crate) is_secretly_on: bool,
    /// It is off, and never comes back.
    pub(crate) is_lost: bool,
    /// When it was last heard.
    pub(crate) heard: Tick,
}

/// What a battery holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Battery {
    Full,
    /// Enough for an orderly way down, and no more.
    Low,
    /// Nothing can be waited for any more.
    Spent,
    Empty,
}

/// A UPS.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct Supply {
    pub(crate) mains: bool,
    pub(crate) battery: Battery,
    /// `FSD` stands on it, until `upsd` is restarted.
    pub(crate) forced: bool,
    /// Its output is cut until mains are back.
    pub(crate) cut: bool,
}

impl Supply {
    /// Whether it gives power.
    pub(crate) fn feeds(&self) -> bool {
        self.mains || (self.battery != Battery::Empty && !self.cut)
    }
}

/// What goes on by itself on a host.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Landing {
    /// It has booted.
    Boots,
    /// It answers no more.
    FallsSilent,
    /// It is off.
    GoesOff,
    /// Its service is up.
    Starts,
    /// Its service is down; containers live on.
    Stops,
    /// Its pods are gone, and their volumes detached.
    PodsEnd,
}

/// The newest etcd snapshot, against the first mark of this shutdown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum EtcdSnapshot {
    Older,
    Newer,
}

/// The Flux objects: the second is applied by the first.
pub(crate) const OBJECTS: [&str; 2] = ["fleet", "apps"];

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct World {
    /// In the order of the plant, this host left out.
    pub(crate) machines: Vec<Machine>,
    pub(crate) supplies: Vec<Supply>,
    pub(crate) own_on: bool,
    /// By [`OBJECTS`].
    pub(crate) suspends: [Hold; 2],
    pub(crate) snapshot: EtcdSnapshot,
    /// Calls that were given up and will have their effect all the same.
    pub(crate) late: Vec<Action>,
}

/// The hosts of a plant but this one, with their places in the plant.
pub(crate) fn hosts(plant: &Plant) -> impl Iterator<Item = (usize, &HostPlan)> {
    plant.hosts.iter().enumerate().filter(|(_, host)| !host.is_self)
}

/// The place of a host of this name among the machines.
pub(crate) fn place(plant: &Plant, name: &str) -> usize {
    hosts(plant).position(|(_, host)| host.name == name).unwrap()
}

impl World {
    /// Everything is up.
    pub(crate) fn running(plant: &Plant, now: Tick) -> Self {
        let machine = |role| Machine {
            power: Power::On,
            service: if role == Role::None { Service::Stopped } else { Service::Active },
            containers: role != Role::None,
            pods: if role == Role::None { Pods::None } else { Pods::Running },
            cordon: Hold::No,
            is_secretly_on: false,
            is_lost: false,
            heard: now,
        };
        let full = Supply { mains: true, battery: Battery::Full, forced: false, cut: false };
        Self {
            machines: hosts(plant).map(|(_, host)| machine(host.role)).collect(),
            supplies: vec![full; plant.supplies.len()],
            own_on: true,
            suspends: [Hold::No; 2],
            snapshot: EtcdSnapshot::Older,
            late: Vec::new(),
        }
    }

    /// The machines with their hosts.
    pub(crate) fn each<'w>(
        &'w self,
        plant: &'w Plant,
    ) -> impl Iterator<Item = (&'w HostPlan, &'w Machine)> {
        hosts(plant).map(|(_, host)| host).zip(&self.machines)
    }

    /// How many servers serve.
    pub(crate) fn serving(&self, plant: &Plant) -> usize {
        let serves = |(host, machine): &(&HostPlan, &Machine)| {
            host.role == Role::Server
                && machine.power == Power::On
                && machine.service == Service::Active
        };
        self.each(plant).filter(serves).count()
    }

    /// Whether the API answers.
    pub(crate) fn api(&self, plant: &Plant) -> bool {
        self.serving(plant) >= quorum(plant)
    }

    /// What may go on by itself now.
    pub(crate) fn landings(&self, plant: &Plant) -> Vec<(usize, Landing)> {
        let api = self.api(plant);
        let mut all = Vec::new();
        for (at, (host, machine)) in self.each(plant).enumerate() {
            all.extend(match machine.power {
                Power::Booting => Some((at, Landing::Boots)),
                Power::Stopping => Some((at, Landing::FallsSilent)),
                Power::Halting => Some((at, Landing::GoesOff)),
                Power::On | Power::Off => None,
            });
            if machine.power != Power::On {
                continue;
            }
            all.extend(match machine.service {
                Service::Starting if api || host.role == Role::Server => {
                    Some((at, Landing::Starts))
                }
                Service::Stopping => Some((at, Landing::Stops)),
                _ => None,
            });
            if machine.pods == Pods::Ending && machine.service == Service::Active && api {
                all.push((at, Landing::PodsEnd));
            }
        }
        all
    }

    pub(crate) fn land(&mut self, plant: &Plant, at: usize, landing: Landing) {
        let role = hosts(plant).nth(at).unwrap().1.role;
        let machine = &mut self.machines[at];
        match landing {
            Landing::Boots => {
                machine.power = Power::On;
                // k3s is enabled at boot.
                let has_service = role != Role::None;
                machine.service = if has_service { Service::Starting } else { Service::Stopped };
            }
            Landing::FallsSilent => machine.power = Power::Halting,
            Landing::GoesOff => machine.power = Power::Off,
            Landing::Starts => {
                machine.service = Service::Active;
                machine.containers = true;
            }
            Landing::Stops => machine.service = Service::Stopped,
            Landing::PodsEnd => machine.pods = Pods::None,
        }
        self.follow(plant);
    }

    /// What follows by itself and at once: pods run where they may, and what has no power is off.
    pub(crate) fn follow(&mut self, plant: &Plant) {
        let fed: Vec<bool> = hosts(plant).map(|(_, host)| self.is_fed(host)).collect();
        self.own_on &= self.own_is_fed(plant);
        for (machine, fed) in self.machines.iter_mut().zip(fed) {
            if !fed || machine.is_lost {
                machine.power = Power::Off;
            }
            machine.is_secretly_on &= machine.power != Power::Off;
            if machine.power != Power::On {
                (machine.service, machine.containers) = (Service::Stopped, false);
            }
        }
        if self.api(plant) {
            for machine in &mut self.machines {
                if machine.service == Service::Active
                    && machine.cordon == Hold::No
                    && machine.pods == Pods::None
                {
                    machine.pods = Pods::Running;
                }
            }
        }
    }

    /// Does what a call asks for. Returns whether anybody was there to do it.
    pub(crate) fn act(&mut self, plant: &Plant, action: &Action) -> bool {
        let is_done = if action.is_on_objects() {
            let api = self.api(plant);
            if api {
                self.on_objects(plant, action);
            }
            api
        } else {
            self.on_machines(plant, action)
        };
        self.follow(plant);
        is_done
    }

    fn on_objects(&mut self, plant: &Plant, action: &Action) {
        let change = |hold: &mut Hold, from, to| {
            if *hold == from {
                *hold = to;
            }
        };
        match action {
            Action::Suspend { objects } => {
                if !self.suspends.contains(&Hold::Ours) {
                    self.snapshot = EtcdSnapshot::Older;
                }
                for object in objects {
                    change(&mut self.suspends[object_place(&object.name)], Hold::No, Hold::Ours);
                }
            }
            Action::Resume { objects } => {
                for object in objects {
                    change(&mut self.suspends[object_place(&object.name)], Hold::Ours, Hold::No);
                }
            }
            Action::Cordon { node } => {
                change(&mut self.machines[place(plant, node)].cordon, Hold::No, Hold::Ours);
            }
            Action::Uncordon { node } => {
                change(&mut self.machines[place(plant, node)].cordon, Hold::Ours, Hold::No);
            }
            Action::Evict { pods } | Action::DeletePods { pods, .. } => {
                for pod in pods {
                    let machine = &mut self.machines[place(plant, &pod.name)];
                    if machine.pods == Pods::Running {
                        machine.pods = Pods::Ending;
                    }
                }
            }
            other => panic!("{other:?} is not on objects"),
        }
    }

    fn on_machines(&mut self, plant: &Plant, action: &Action) -> bool {
        match action {
            Action::TakeSnapshot { host } => {
                let serves = self.machines[place(plant, host)].service == Service::Active;
                if serves {
                    self.snapshot = EtcdSnapshot::Newer;
                }
                serves
            }
            Action::StartService { host, .. } => self.on_service(plant, host, |machine| {
                if machine.service == Service::Stopped {
                    machine.service = Service::Starting;
                }
            }),
            Action::StopService { host, .. } => self.on_service(plant, host, |machine| {
                if machine.service != Service::Stopped {
                    machine.service = Service::Stopping;
                }
            }),
            // What was killed while it ran is started again by its systemd.
            Action::KillService { host, .. } => self.on_service(plant, host, |machine| {
                let ran = matches!(machine.service, Service::Active | Service::Starting);
                machine.service = if ran { Service::Starting } else { Service::Stopped };
            }),
            Action::EndContainers { host } => {
                self.on_service(plant, host, |machine| machine.containers = false)
            }
            Action::PowerOff { host } => {
                self.on_service(plant, host, |machine| machine.power = Power::Stopping)
            }
            Action::Wake { host } => {
                let machine = &mut self.machines[place(plant, host)];
                if machine.power == Power::Off && !machine.is_lost {
                    machine.power = Power::Booting;
                }
                true
            }
            Action::SetWakeAlarm { .. } | Action::SyncDisks => true,
            Action::ForceShutdown { supplies } => {
                for at in supply_places(plant, supplies) {
                    self.supplies[at].forced = true;
                }
                true
            }
            Action::PowerOffSelf { reboot_if_mains, cut_supplies } => {
                self.own_on = false;
                if !(self.own_mains(plant) && *reboot_if_mains) {
                    for at in supply_places(plant, cut_supplies) {
                        self.supplies[at].cut = !self.supplies[at].mains;
                    }
                }
                true
            }
            other => panic!("{other:?} is not on machines"),
        }
    }

    fn on_service(&mut self, plant: &Plant, host: &str, change: impl FnOnce(&mut Machine)) -> bool {
        let machine = &mut self.machines[place(plant, host)];
        let answers = machine.power == Power::On;
        if answers {
            change(machine);
        }
        answers
    }

    /// Whether a host has power.
    pub(crate) fn is_fed(&self, host: &HostPlan) -> bool {
        host.supplies.is_empty() || host.supplies.iter().any(|at| self.supplies[*at].feeds())
    }

    /// Whether this host has power.
    pub(crate) fn own_is_fed(&self, plant: &Plant) -> bool {
        plant.hosts.iter().filter(|host| host.is_self).all(|host| self.is_fed(host))
    }

    /// Whether this host is on mains.
    pub(crate) fn own_mains(&self, plant: &Plant) -> bool {
        let own = plant.hosts.iter().find(|host| host.is_self);
        own.is_none_or(|own| is_on_mains(self, own))
    }

    /// Whether everything is as a target has it, and nothing is under way. What is lost is no part
    /// of it.
    pub(crate) fn is_at(&self, plant: &Plant, target: Target) -> bool {
        let rests = self.landings(plant).is_empty() && self.late.is_empty();
        let mut each = self.each(plant).filter(|(_, machine)| !machine.is_lost);
        rests
            && match target {
                Target::Running => {
                    let is_up = |(host, machine): (&HostPlan, &Machine)| {
                        machine.power == Power::On
                            && (host.role == Role::None || machine.service == Service::Active)
                            && machine.cordon != Hold::Ours
                            && (machine.cordon == Hold::Theirs || machine.pods == Pods::Running)
                    };
                    self.own_on && each.all(is_up) && !self.suspends.contains(&Hold::Ours)
                }
                Target::ClusterOnlyDown => {
                    self.own_on && each.all(|(_, m)| m.service == Service::Stopped && !m.containers)
                }
                Target::Poweroff => each.all(|(_, machine)| {
                    machine.power == Power::Off || (machine.is_secretly_on && !self.own_on)
                }),
            }
    }
}

fn object_place(name: &str) -> usize {
    OBJECTS.iter().position(|object| *object == name).unwrap()
}

fn supply_places<'p>(plant: &'p Plant, names: &'p [String]) -> impl Iterator<Item = usize> + 'p {
    (0..plant.supplies.len()).filter(move |at| names.contains(&plant.supplies[*at].name))
}

/// Whether a feed of a host has mains.
pub(crate) fn is_on_mains(world: &World, host: &HostPlan) -> bool {
    host.supplies.is_empty() || host.supplies.iter().any(|at| world.supplies[*at].mains)
}

/// How many servers the API needs.
pub(crate) fn quorum(plant: &Plant) -> usize {
    plant.hosts.iter().filter(|host| host.role == Role::Server).count() / 2 + 1
}
