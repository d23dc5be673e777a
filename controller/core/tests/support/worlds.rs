//! Still worlds, built from a plant: what an observer would tell of them.

use ananke_core::{
    episode::{Episode, EpisodePhase},
    journal::{HostMemory, Journal},
    marks::Mark,
    observe::{
        ActiveState, ApiHealth, ClusterFacts, GitopsFacts, GitopsKind, GitopsRef, HostFacts,
        NodeFacts, ObservedState, PodFacts, Requests, ServiceState, Snapshot, SnapshotFacts,
        SourceFacts, SupplyReading, SystemState,
    },
    plant::{HostPlan, Plant, Role},
    seen::{Seen, Unseen},
    signals::SupplyMemory,
    time::Tick,
    unit::Kind,
};

use super::at;

/// Now, in every still world.
pub(crate) const NOW: Tick = at(10_000);
/// The wall clock at [`NOW`].
pub(crate) const WALL: i64 = 1_700_000_000;
/// When this shutdown set its marks, in worlds that are on their way down.
const MARKED: i64 = WALL - 60;

/// A still world and what is remembered in it.
pub(crate) struct Still {
    pub(crate) snapshot: Snapshot,
    pub(crate) journal: Journal,
}

/// The world of a name.
pub(crate) fn named(name: &str, plant: &Plant) -> Still {
    match name {
        "running" => running(plant),
        "half-way" => half_way(plant),
        "cluster-down" => cluster_down(plant),
        "off" => off(plant),
        other => panic!("there is no world called {other}"),
    }
}

/// A mark of ours.
pub(crate) fn mark(field: &str, at_unix_seconds: i64) -> Mark {
    Mark { run: "r1".into(), field: field.into(), previous: None, at_unix_seconds }
}

/// A service in a state.
pub(crate) fn service(active: ActiveState) -> ServiceState {
    ServiceState { active, result: "success".into(), job: false }
}

fn has_role(host: &HostPlan, role: Role) -> bool {
    host.role == role
}

/// A host that is up, with its service in a state.
pub(crate) fn host(plan: &HostPlan, active: ActiveState) -> HostFacts {
    let runs = active == ActiveState::Active && plan.role != Role::None;
    HostFacts {
        boot_id: format!("boot-{}", plan.name),
        uptime_seconds: 9_000,
        wall_unix_seconds: WALL,
        system: SystemState::Running,
        server: has_role(plan, Role::Server).then(|| service(active)),
        agent: has_role(plan, Role::Agent).then(|| service(active)),
        containers: if runs { 3 } else { 0 },
        volumes: u32::from(runs),
        snapshot: None,
        clock_synchronised: Some(true),
    }
}

/// A pod of a node.
pub(crate) fn pod(name: &str) -> PodFacts {
    PodFacts {
        namespace: "apps".into(),
        name: name.into(),
        uid: format!("uid-{name}").into(),
        managed: true,
        grace_seconds: 30,
        ..PodFacts::default()
    }
}

/// A node that runs a pod.
pub(crate) fn node(plan: &HostPlan) -> NodeFacts {
    NodeFacts {
        ready: true,
        lease_fresh: true,
        boot_id: format!("boot-{}", plan.name),
        attachments: u32::from(plan.role == Role::Agent),
        pods: vec![pod(&format!("app-{}", plan.name))],
        ..NodeFacts::default()
    }
}

/// A Flux object.
pub(crate) fn flux(kind: GitopsKind, name: &str, parent: Option<&str>) -> GitopsFacts {
    let named =
        |kind, name: &str| GitopsRef { kind, namespace: "flux-system".into(), name: name.into() };
    GitopsFacts {
        object: named(kind, name),
        parent: parent.map(|parent| named(GitopsKind::Kustomization, parent)),
        ..GitopsFacts::default()
    }
}

fn snapshot(plant: &Plant) -> Snapshot {
    let reading = SupplyReading {
        status: vec!["OL".into()],
        charge_percent: Some(100),
        runtime_seconds: Some(3_000),
        load_percent: Some(40),
        ..SupplyReading::default()
    };
    Snapshot {
        now: NOW,
        supplies: plant
            .supplies
            .iter()
            .map(|supply| (supply.name.clone(), Seen::known(reading.clone(), NOW)))
            .collect(),
        hosts: plant
            .hosts
            .iter()
            .filter(|host| !host.is_self)
            .map(|plan| (plan.name.clone(), Seen::known(host(plan, ActiveState::Active), NOW)))
            .collect(),
        api: Seen::known(ApiHealth::Ready, NOW),
        cluster: Seen::known(cluster(plant), NOW),
        observed: plant
            .graph
            .units()
            .iter()
            .filter(|unit| has_observer(unit.kind))
            .map(|unit| (unit.name.clone(), Seen::known(ObservedState::Up, NOW)))
            .collect(),
        requests: Requests::default(),
    }
}

/// Whether a unit of this kind has an observer of its own.
pub(crate) const fn has_observer(kind: Kind) -> bool {
    matches!(
        kind,
        Kind::Quiesce | Kind::Layer | Kind::Vault | Kind::Images | Kind::Gate | Kind::Soak
    )
}

fn cluster(plant: &Plant) -> ClusterFacts {
    let with_node = |host: &&HostPlan| host.role != Role::None;
    let nodes = plant.hosts.iter().filter(with_node);
    ClusterFacts {
        nodes: nodes.map(|plan| (plan.name.clone(), node(plan))).collect(),
        gitops: vec![
            flux(GitopsKind::Kustomization, "fleet", None),
            flux(GitopsKind::Kustomization, "apps", Some("fleet")),
            flux(GitopsKind::HelmRelease, "web", Some("apps")),
        ],
        stray_attachments: 0,
        volumes: Vec::new(),
        source: plant.sections.source.then(|| SourceFacts {
            ready: true,
            message: String::new(),
            url: "https://git.example.org/fleet.git".into(),
            branch: "main".into(),
        }),
    }
}

fn journal(plant: &Plant, phase: EpisodePhase) -> Journal {
    let heard = SupplyMemory {
        mains_since: Some(at(1)),
        last_heard: Some(at(9_999)),
        last_runtime_seconds: Some(3_000),
        ..SupplyMemory::default()
    };
    Journal {
        boot_id: "boot-own".into(),
        supplies: plant.supplies.iter().map(|s| (s.name.clone(), heard.clone().into())).collect(),
        episode: Episode { phase, since: at(1), startups: 0 },
        started: at(1),
        ..Journal::default()
    }
}

/// Everything up and steady.
pub(crate) fn running(plant: &Plant) -> Still {
    Still { snapshot: snapshot(plant), journal: journal(plant, EpisodePhase::Holding) }
}

/// On the way down: GitOps suspended, every node cordoned, snapshot taken; pods still run.
pub(crate) fn half_way(plant: &Plant) -> Still {
    let mut still =
        Still { snapshot: snapshot(plant), journal: journal(plant, EpisodePhase::Recovering) };
    if let Some(value) = still.snapshot.cluster.value_mut() {
        for object in &mut value.gitops {
            object.suspended = true;
            object.mark = Some(mark("spec.suspend", MARKED));
        }
        for node in value.nodes.values_mut() {
            node.unschedulable = true;
            node.mark = Some(mark("spec.unschedulable", MARKED));
        }
    }
    for seen in still.snapshot.hosts.values_mut() {
        if let Some(value) = seen.value_mut()
            && value.server.is_some()
        {
            value.snapshot = Some(SnapshotFacts {
                name: format!("ananke-{}", MARKED + 10),
                taken_unix_seconds: MARKED + 10,
                size_bytes: 4_096,
            });
        }
    }
    for (unit, seen) in &mut still.snapshot.observed {
        if unit.starts_with("quiesce/") {
            *seen = Seen::known(ObservedState::Down { message: "quiesced".into() }, NOW);
        }
    }
    still
}

/// Hosts on, nothing of Kubernetes runs.
pub(crate) fn cluster_down(plant: &Plant) -> Still {
    let mut still =
        Still { snapshot: snapshot(plant), journal: journal(plant, EpisodePhase::Recovering) };
    let silent = at(9_000);
    still.snapshot.api = Seen::unknown(Unseen::Silent, silent);
    still.snapshot.cluster = Seen::unknown(Unseen::Silent, silent);
    for seen in still.snapshot.observed.values_mut() {
        *seen = Seen::unknown(Unseen::Silent, silent);
    }
    for plan in plant.hosts.iter().filter(|host| !host.is_self) {
        let facts = host(plan, ActiveState::Inactive);
        still.snapshot.hosts.insert(plan.name.clone(), Seen::known(facts, NOW));
    }
    still
}

/// Every host proven off by us, this one excepted.
pub(crate) fn off(plant: &Plant) -> Still {
    let mut still = cluster_down(plant);
    for (name, seen) in &mut still.snapshot.hosts {
        *seen = Seen::unknown(Unseen::Silent, at(9_000));
        let memory = HostMemory { powered_off: Some(at(8_990)), ..HostMemory::default() };
        still.journal.hosts.insert(name.clone(), memory);
    }
    // What carries a path went off last, so that the silence behind it was heard through it.
    for carrier in plant.paths.iter().filter_map(|path| plant.hosts.get(path.host?)) {
        still.snapshot.hosts.insert(carrier.name.clone(), Seen::unknown(Unseen::Silent, at(9_500)));
        let memory = HostMemory { powered_off: Some(at(9_490)), ..HostMemory::default() };
        still.journal.hosts.insert(carrier.name.clone(), memory);
    }
    still
}
