//! What a look at the abstract world shows: the snapshot that `decide` is given.

use std::collections::BTreeMap;

use ananke_core::{
    marks::Mark,
    observe::{
        ActiveState, ApiHealth, ClusterFacts, GitopsFacts, GitopsKind, GitopsRef, HostFacts,
        NodeFacts, PodFacts, Requests, ServiceState, Snapshot, SnapshotFacts, SupplyReading,
        SystemState,
    },
    plant::{HostPlan, Plant, Role},
    seen::{Seen, Unseen},
    time::Tick,
};

use super::world::{
    Battery, EtcdSnapshot, Hold, Machine, OBJECTS, Pods, Power, Service, Supply, World,
};

/// A part of the world that a look did not reach.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Lost {
    Host(usize),
    Api,
    Supply(usize),
}

/// The second in which every mark of ours was set. A snapshot is newer than it, or much older.
const MARKED: i64 = 1_000_000;
/// The wall clock of every look: long after the marks.
const WALL: i64 = MARKED + 10_000;

/// What all looks at one instant show together.
pub(crate) fn look(
    plant: &Plant,
    world: &World,
    lost: Option<Lost>,
    at: Tick,
    startups: u64,
) -> Snapshot {
    let api = world.api(plant) && lost != Some(Lost::Api);
    let hosts = world.each(plant).enumerate().map(|(place, (host, machine))| {
        let answers = matches!(machine.power, Power::On | Power::Stopping);
        let seen = if answers && lost != Some(Lost::Host(place)) {
            Seen::known(facts(host, machine, world.snapshot), at)
        } else {
            Seen::unknown(Unseen::Silent, machine.heard)
        };
        (host.name.clone(), seen)
    });
    let supplies = plant.supplies.iter().zip(&world.supplies).enumerate();
    let supplies = supplies.map(|(place, (plan, supply))| {
        let seen = if lost == Some(Lost::Supply(place)) {
            Seen::unknown(Unseen::Silent, at)
        } else {
            Seen::known(reading(supply), at)
        };
        (plan.name.clone(), seen)
    });
    Snapshot {
        now: at,
        supplies: supplies.collect(),
        hosts: hosts.collect(),
        api: if api { Seen::known(ApiHealth::Ready, at) } else { silent(at) },
        cluster: if api { Seen::known(cluster(plant, world), at) } else { silent(at) },
        observed: BTreeMap::new(),
        requests: Requests { startups, ..Requests::default() },
    }
}

fn silent<T>(at: Tick) -> Seen<T> {
    Seen::unknown(Unseen::Silent, at)
}

fn facts(host: &HostPlan, machine: &Machine, snapshot: EtcdSnapshot) -> HostFacts {
    let active = match machine.service {
        Service::Stopped => ActiveState::Inactive,
        Service::Starting => ActiveState::Activating,
        Service::Active => ActiveState::Active,
        Service::Stopping => ActiveState::Deactivating,
    };
    let service = ServiceState { active, result: "success".into(), job: false };
    let is = |role| (host.role == role).then(|| service.clone());
    let is_stopping = machine.power == Power::Stopping;
    HostFacts {
        boot_id: "boot".into(),
        uptime_seconds: 9_000,
        wall_unix_seconds: WALL,
        system: if is_stopping { SystemState::Stopping } else { SystemState::Running },
        server: is(Role::Server),
        agent: is(Role::Agent),
        containers: u32::from(machine.containers),
        volumes: u32::from(machine.containers && machine.pods != Pods::None),
        snapshot: (host.role == Role::Server && snapshot == EtcdSnapshot::Newer).then(|| {
            let taken = MARKED + 1;
            SnapshotFacts {
                name: format!("{}{taken}", ananke_core::assess::SNAPSHOT_PREFIX),
                taken_unix_seconds: taken,
                size_bytes: 1,
            }
        }),
        clock_synchronised: Some(true),
    }
}

/// Charge stays above what a policy calls nearly empty: a held host is then never doomed, and
/// mains that are back always hold it.
fn reading(supply: &Supply) -> SupplyReading {
    let (charge, runtime) = match supply.battery {
        Battery::Full => (100, 3_000),
        Battery::Low => (30, 600),
        Battery::Spent | Battery::Empty => (25, 5),
    };
    let mut words = vec![if supply.mains { "OL" } else { "OB" }];
    if !supply.mains && supply.battery != Battery::Full {
        words.push("LB");
    }
    if supply.forced {
        words.push("FSD");
    }
    SupplyReading {
        status: words.into_iter().map(Into::into).collect(),
        charge_percent: Some(charge),
        runtime_seconds: Some(runtime),
        ..SupplyReading::default()
    }
}

fn mark(hold: Hold, field: &str) -> Option<Mark> {
    (hold == Hold::Ours).then(|| Mark {
        run: "r1".into(),
        field: field.into(),
        previous: None,
        at_unix_seconds: MARKED,
    })
}

fn cluster(plant: &Plant, world: &World) -> ClusterFacts {
    let with_node = world.each(plant).filter(|(host, _)| host.role != Role::None);
    let kustomization = |name: &str| GitopsRef {
        kind: GitopsKind::Kustomization,
        namespace: "flux-system".into(),
        name: name.into(),
    };
    let gitops = OBJECTS.iter().zip(world.suspends).enumerate().map(|(at, (name, hold))| {
        let parent = at.checked_sub(1).map(|parent| kustomization(OBJECTS[parent]));
        GitopsFacts {
            object: kustomization(name),
            parent,
            suspended: hold != Hold::No,
            mark: mark(hold, "spec.suspend"),
        }
    });
    ClusterFacts {
        nodes: with_node.map(|(host, machine)| (host.name.clone(), node(host, machine))).collect(),
        gitops: gitops.collect(),
        ..ClusterFacts::default()
    }
}

fn node(host: &HostPlan, machine: &Machine) -> NodeFacts {
    let lives = machine.power == Power::On && machine.service == Service::Active;
    let pod = PodFacts {
        namespace: "apps".into(),
        name: host.name.as_str().into(),
        uid: "uid".into(),
        managed: true,
        terminating: machine.pods == Pods::Ending,
        grace_seconds: 30,
        ..PodFacts::default()
    };
    NodeFacts {
        unschedulable: machine.cordon != Hold::No,
        mark: mark(machine.cordon, "spec.unschedulable"),
        ready: lives,
        lease_fresh: lives,
        boot_id: "boot".into(),
        attachments: u32::from(machine.pods != Pods::None),
        pods: if machine.pods == Pods::None { Vec::new() } else { vec![pod] },
    }
}
