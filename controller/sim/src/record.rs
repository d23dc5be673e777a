//! What happened in a virtual world, written down as the audit reads it.

use ananke_audit as audit;
use ananke_core::observe::ActiveState;

use crate::world::{
    Actor, Gitops, Happening, Host, Node, Power, Role, Supply, TelemetryFault, What, World,
};

/// What happened between two states of one world. The trace of `after` must be whole since then.
pub fn record(before: &World, after: &World) -> audit::Record {
    let kept = u64::try_from(after.trace.iter().count()).unwrap_or(0);
    let forgotten = after.trace.len().saturating_sub(kept);
    let seen = before.trace.len().saturating_sub(forgotten);
    let skip = usize::try_from(seen).unwrap_or(usize::MAX);
    audit::Record {
        before: picture(before),
        happenings: after.trace.iter().skip(skip).filter_map(happening).collect(),
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

fn picture(world: &World) -> audit::Picture {
    let cluster = &world.cluster;
    audit::Picture {
        at: world.now(),
        supplies: world.supplies.iter().map(|(name, s)| (name.clone(), supply(s))).collect(),
        hosts: world.hosts.iter().map(|(name, h)| (name.clone(), host(h))).collect(),
        own_host: world.own_host.clone(),
        api_ready: world.api_ready(),
        nodes: cluster.nodes.iter().map(|(name, n)| (name.clone(), node(n))).collect(),
        gitops: cluster.gitops.iter().map(|g| (g.object.to_string(), gitops(g))).collect(),
        pods: cluster.pods.iter().filter_map(|(uid, p)| Some((uid.clone(), pod(p)?))).collect(),
    }
}

fn supply(supply: &Supply) -> audit::Supply {
    let hidden = supply.telemetry.as_ref().is_some_and(TelemetryFault::hides_power);
    audit::Supply { mains: supply.mains, hidden }
}

fn host(host: &Host) -> audit::Host {
    let containers = host
        .containers
        .iter()
        .map(|(uid, c)| (uid.clone(), audit::Container { pod: c.pod.clone(), daemon: c.daemon }));
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
        What::Telemetry { supply, fault } => {
            let hidden = fault.as_ref().is_some_and(TelemetryFault::hides_power);
            Told::PowerHidden { supply, hidden }
        }
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
        What::OutputLost { .. }
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
