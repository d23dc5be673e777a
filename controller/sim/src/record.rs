//! What happened in a virtual world, written down as the audit reads it.

use std::collections::{BTreeMap, BTreeSet};

use ananke_audit as audit;
use ananke_core::observe::ActiveState;

use crate::world::{
    Actor, ApiFault, Gitops, Happening, Host, HostFault, Node, Power, Role, Supply, TelemetryFault,
    What, World,
};

/// What happened between two states of one world. The trace of `after` must be whole since then.
pub fn record(before: &World, after: &World) -> audit::Record {
    let kept = u64::try_from(after.trace.iter().count()).unwrap_or(0);
    let forgotten = after.trace.len().saturating_sub(kept);
    let seen = before.trace.len().saturating_sub(forgotten);
    let skip = usize::try_from(seen).unwrap_or(usize::MAX);
    audit::Record {
        before: picture(before),
        happenings: {
            let mut unheard = Unheard::of(before);
            let told = after.trace.iter().skip(skip);
            told.flat_map(|told| unheard.after(told).into_iter().chain(happening(told))).collect()
        },
        after: picture(after),
    }
}

/// How often ananke has changed something so far.
pub const fn work(world: &World) -> audit::Work {
    let counters = &world.counters;
    audit::Work {
        api_writes: counters.api_writes,
        host_commands: counters.host_commands,
        wakes: counters.wakes,
    }
}

/// Who cannot be heard: hosts although they are on, and supplies.
struct Unheard {
    faults: BTreeMap<String, BTreeSet<HostFault>>,
    /// Hosts whose processes run, but for a freeze.
    on: BTreeSet<String>,
    /// Supplies that do not tell where power comes from.
    mute: BTreeSet<String>,
    /// The host that the upsd of a supply runs on.
    via: BTreeMap<String, Option<String>>,
    /// Whether the API answers, and what it tells of Nodes is new.
    api_up: bool,
    api_fault: Option<ApiFault>,
    told: BTreeSet<String>,
    told_hidden: BTreeSet<String>,
}

impl Unheard {
    fn of(world: &World) -> Self {
        let faults = world.hosts.iter().map(|(name, host)| (name.clone(), host.faults.clone()));
        let runs = |host: &Host| matches!(host.power, Power::On { .. } | Power::Halting { .. });
        let on = world.hosts.iter().filter(|(_, host)| runs(host));
        let supplies = || world.supplies.iter();
        let hidden = supplies().filter(|(name, s)| supply(world, name, s).hidden);
        Self {
            faults: faults.collect(),
            on: on.map(|(name, _)| name.clone()).collect(),
            mute: supplies().filter(|(_, s)| is_mute(s)).map(|(name, _)| name.clone()).collect(),
            via: supplies().map(|(name, s)| (name.clone(), s.via.clone())).collect(),
            api_up: world.api_ready(),
            api_fault: world.cluster.api.fault,
            told: BTreeSet::new(),
            told_hidden: hidden.map(|(name, _)| name.clone()).collect(),
        }
    }

    /// What a happening changes.
    fn after(&mut self, happening: &Happening) -> Vec<audit::Happening> {
        match &happening.what {
            What::HostFaulty { host, fault } => {
                self.faults.entry(host.clone()).or_default().insert(*fault);
            }
            What::HostRepaired { host } => drop(self.faults.remove(host)),
            What::HostCut { host, .. } => {
                self.faults.entry(host.clone()).or_default().remove(&HostFault::Frozen);
                self.on.remove(host);
            }
            What::HostOn { host, .. } => drop(self.on.insert(host.clone())),
            What::HostOff { host } => drop(self.on.remove(host)),
            What::Telemetry { supply, fault } => {
                if fault.as_ref().is_some_and(TelemetryFault::hides_power) {
                    self.mute.insert(supply.clone());
                } else {
                    self.mute.remove(supply);
                }
            }
            What::ApiUp => self.api_up = true,
            What::ApiDown => self.api_up = false,
            What::ApiFaulty { fault } => self.api_fault = *fault,
            _ => return Vec::new(),
        }
        let told = |what| audit::Happening { at: happening.at, who: audit::Actor::World, what };
        let unheard = self.faults.keys().filter(|host| self.is_unheard(host)).cloned().collect();
        let hidden = self.via.keys().filter(|supply| self.is_hidden(supply)).cloned().collect();
        let hosts = changes(&mut self.told, unheard)
            .map(|(host, unheard)| told(audit::What::HostUnheard { host, unheard }));
        let supplies = changes(&mut self.told_hidden, hidden)
            .map(|(supply, hidden)| told(audit::What::PowerHidden { supply, hidden }));
        hosts.chain(supplies).collect()
    }

    /// Nobody hears a supply whose upsd does not run, or does not reach the network.
    fn is_hidden(&self, supply: &String) -> bool {
        let runs = |host: &String| {
            self.on.contains(host)
                && !self.has(host, HostFault::Frozen)
                && !self.has(host, HostFault::Unplugged)
        };
        self.mute.contains(supply)
            || self.via.get(supply).and_then(Option::as_ref).is_some_and(|host| !runs(host))
    }

    fn has(&self, host: &String, fault: HostFault) -> bool {
        self.faults.get(host).is_some_and(|faults| faults.contains(&fault))
    }

    /// The API tells of a host whose SSH is cut, for its Node's lease is renewed.
    fn is_unheard(&self, host: &String) -> bool {
        let has = |fault| self.has(host, fault);
        let hides = matches!(self.api_fault, Some(ApiFault::Frozen | ApiFault::WatchesCut));
        has(HostFault::Frozen)
            || has(HostFault::Unplugged)
            || (has(HostFault::SshCut) && (hides || !self.api_up))
    }
}

/// Who is in another set than before, and whether in the new one.
fn changes(
    told: &mut BTreeSet<String>,
    now: BTreeSet<String>,
) -> impl Iterator<Item = (String, bool)> {
    let before = std::mem::replace(told, now.clone());
    let changed: Vec<String> = before.symmetric_difference(&now).cloned().collect();
    changed.into_iter().map(move |name| {
        let is_in = now.contains(&name);
        (name, is_in)
    })
}

fn picture(world: &World) -> audit::Picture {
    let cluster = &world.cluster;
    audit::Picture {
        at: world.now(),
        supplies: world
            .supplies
            .iter()
            .map(|(name, s)| (name.clone(), supply(world, name, s)))
            .collect(),
        hosts: world.hosts.iter().map(|(name, h)| (name.clone(), host(h))).collect(),
        own_host: world.own_host.clone(),
        api_ready: world.api_ready(),
        nodes: cluster.nodes.iter().map(|(name, n)| (name.clone(), node(n))).collect(),
        gitops: cluster.gitops.iter().map(|g| (g.object.to_string(), gitops(g))).collect(),
        pods: cluster.pods.iter().filter_map(|(uid, p)| Some((uid.to_string(), pod(p)?))).collect(),
    }
}

fn supply(world: &World, name: &str, supply: &Supply) -> audit::Supply {
    let hidden = is_mute(supply) || !world.upsd_runs(name);
    audit::Supply { mains: supply.mains, hidden, via: supply.via.clone() }
}

/// Whether what it tells does not say where power comes from.
fn is_mute(supply: &Supply) -> bool {
    supply.telemetry.as_ref().is_some_and(TelemetryFault::hides_power)
}

fn host(host: &Host) -> audit::Host {
    let containers = host.containers.iter().map(|(uid, c)| {
        (uid.to_string(), audit::Container { pod: c.pod.clone(), daemon: c.daemon })
    });
    audit::Host {
        supplies: host.supplies.clone(),
        power: match host.power {
            Power::Off { .. } => audit::Power::Off,
            Power::On { .. } => audit::Power::On,
            Power::Booting { .. } | Power::Halting { .. } => audit::Power::Between,
        },
        role: match host.role {
            Role::Server => Some(audit::Role::Server),
            Role::Agent => Some(audit::Role::Agent),
            Role::None => None,
        },
        service: host.service.as_ref().map_or(audit::Service::Down, |unit| match unit.state {
            ActiveState::Active => audit::Service::Active,
            ActiveState::Activating => audit::Service::Starting,
            ActiveState::Deactivating => audit::Service::Stopping,
            ActiveState::Inactive | ActiveState::Failed => audit::Service::Down,
        }),
        containers: containers.collect(),
    }
}

const fn node(node: &Node) -> audit::Ownable {
    audit::Ownable { held: node.unschedulable, marked: node.mark.is_some() }
}

fn gitops(gitops: &Gitops) -> audit::Gitops {
    audit::Gitops {
        parent: gitops.parent.as_ref().map(ToString::to_string),
        suspend: audit::Ownable { held: gitops.suspended, marked: gitops.mark.is_some() },
    }
}

fn pod(pod: &crate::world::Pod) -> Option<audit::Pod> {
    Some(audit::Pod {
        name: pod.full_name(),
        node: pod.node.clone()?,
        settled: pod.ending.is_none() && pod.starts.is_none(),
    })
}

fn happening(happening: &Happening) -> Option<audit::Happening> {
    let who = match happening.who {
        Actor::Ananke => audit::Actor::Ananke,
        Actor::Person => audit::Actor::Person,
        Actor::World => audit::Actor::World,
    };
    Some(audit::Happening { at: happening.at, who, what: what(happening.what.clone())? })
}

/// Nothing for what no promise is about.
fn what(what: What) -> Option<audit::What> {
    use audit::What as Told;
    Some(match what {
        What::MainsLost { supply } => Told::MainsLost { supply },
        What::MainsBack { supply } => Told::MainsBack { supply },
        What::WakeSent { host } => Told::WakeSent { host },
        What::HostBooting { host } => Told::HostBooting { host },
        What::HostHalting { host, reboots, containers, volumes, service_runs, runtime_left } => {
            Told::HostHalting { host, reboots, containers, volumes, service_runs, runtime_left }
        }
        What::HostOff { host } => Told::HostOff { host },
        What::HostCut { host, containers } => Told::HostCut { host, containers },
        What::ServiceStarting { host, .. } => Told::ServiceStarting { host },
        What::ServiceActive { host, .. } => Told::ServiceActive { host },
        What::ServiceStopping { host, runtime_left, .. } => {
            Told::ServiceStopping { host, runtime_left }
        }
        What::ServiceDown { host, .. } => Told::ServiceDown { host },
        What::SnapshotTaken { host, .. } => Told::SnapshotTaken { host },
        What::ApiUp => Told::ApiUp,
        What::ApiDown => Told::ApiDown,
        What::Cordoned { node } => Told::Cordoned { node },
        What::Uncordoned { node } => Told::Uncordoned { node },
        What::Suspended { object } => Told::Suspended { object: object.to_string() },
        What::Resumed { object } => Told::Resumed { object: object.to_string() },
        What::PodStarted { pod, node, daemon } => Told::PodStarted { pod, node, daemon },
        What::PodEnded { pod, node, .. } => Told::PodEnded { pod, node },
        What::Telemetry { .. }
        | What::OutputLost { .. }
        | What::OutputBack { .. }
        | What::HostOn { .. }
        | What::HostFaulty { .. }
        | What::HostRepaired { .. }
        | What::CommandsFaulty { .. }
        | What::ApiFaulty { .. }
        | What::ContainersEnded { .. }
        | What::PodEnding { .. }
        | What::ForcedShutdown { .. }
        | What::CutOrdered { .. }
        | What::WakeAlarmSet { .. }
        | What::DisksSynced { .. }
        | What::Published { .. } => return None,
    })
}
