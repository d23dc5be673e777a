//! A world in which every step works.

use std::{collections::BTreeMap, time::Duration};

use crate::{
    marks::Mark,
    observe::{
        ActiveState, ApiHealth, ClusterFacts, HostFacts, NodeFacts, ServiceState, Snapshot,
        SnapshotFacts, SourceFacts, SupplyReading,
    },
    plant::{Plant, Role},
    seen::{Seen, Unseen},
    step::{Action, Service},
    time::Tick,
};

pub(super) struct World<'a> {
    plant: &'a Plant,
    pub(super) snapshot: Snapshot,
    /// What the API would say if it answered.
    cluster: ClusterFacts,
    /// What hosts that are off said last.
    asleep: BTreeMap<String, HostFacts>,
    /// What supplies said last whose `upsd` runs on a host that is off.
    unheard: BTreeMap<String, SupplyReading>,
    due: BTreeMap<(Tick, u64), Action>,
    /// The clocks of the hosts when the plan begins: what it does is later than what it found.
    began_unix_seconds: i64,
    /// This host has done its last step.
    pub(super) is_over: bool,
}

impl<'a> World<'a> {
    pub(super) fn new(plant: &'a Plant, snapshot: Snapshot) -> Self {
        let cluster = snapshot.cluster.value().cloned().unwrap_or_else(|| unseen(plant));
        let (asleep, unheard, due) = (BTreeMap::new(), BTreeMap::new(), BTreeMap::new());
        let walls = snapshot.hosts.values().filter_map(Seen::value).map(|it| it.wall_unix_seconds);
        let began_unix_seconds = walls.max().unwrap_or_default();
        Self { plant, snapshot, cluster, asleep, unheard, due, began_unix_seconds, is_over: false }
    }

    pub(super) fn begin(&mut self, id: u64, action: Action, done: Tick) {
        self.due.insert((done, id), action);
    }

    /// Goes on to the next effect, or by `rest`, and looks at everything anew. Returns the steps
    /// that came back.
    pub(super) fn advance(&mut self, rest: Duration) -> Vec<u64> {
        let now = match self.due.keys().next() {
            Some((done, _)) => (*done).max(self.snapshot.now),
            None => self.snapshot.now.plus(rest),
        };
        self.snapshot.now = now;
        let mut back = Vec::new();
        while let Some(entry) = self.due.first_entry().filter(|entry| entry.key().0 <= now) {
            back.push(entry.key().1);
            let action = entry.remove();
            self.apply(&action);
        }
        // An observation is of after the effects.
        self.snapshot.now = now.plus(Duration::from_millis(100));
        self.look();
        back
    }

    fn look(&mut self) {
        let now = self.snapshot.now;
        for seen in self.snapshot.hosts.values_mut() {
            if let Seen::Known { at, .. } = seen {
                *at = now;
            }
        }
        for seen in self.snapshot.supplies.values_mut() {
            if let Seen::Known { at, .. } = seen {
                *at = now;
            }
        }
        let servers = || self.plant.hosts.iter().filter(|host| host.role == Role::Server);
        let serving = servers().filter(|host| self.is_active(&host.name, Service::Server)).count();
        let up = serving > servers().count() / 2;
        let lost = |since| Seen::unknown(Unseen::Silent, since);
        if up {
            self.snapshot.api = Seen::known(ApiHealth::Ready, now);
            for (name, node) in &mut self.cluster.nodes {
                let facts = self.snapshot.hosts.get(name).and_then(Seen::value);
                let service =
                    facts.and_then(|facts| facts.agent.as_ref().or(facts.server.as_ref()));
                let active = service.is_some_and(|service| service.active == ActiveState::Active);
                (node.ready, node.lease_fresh) = (active, active);
            }
            self.snapshot.cluster = Seen::known(self.cluster.clone(), now);
        } else if self.snapshot.api.value().is_some() {
            self.snapshot.api = lost(now);
            self.snapshot.cluster = Seen::unknown(Unseen::Silent, now);
        }
    }

    fn is_active(&self, host: &str, service: Service) -> bool {
        let facts = self.snapshot.hosts.get(host).and_then(Seen::value);
        let state = facts.and_then(|facts| match service {
            Service::Server => facts.server.as_ref(),
            Service::Agent => facts.agent.as_ref(),
        });
        state.is_some_and(|state| state.active == ActiveState::Active)
    }

    fn apply(&mut self, action: &Action) {
        let at = self.began_unix_seconds;
        let mark = || Some(Mark { at_unix_seconds: at, ..Mark::default() });
        match action {
            Action::Suspend { objects } => {
                for object in self.cluster.gitops.iter_mut().filter(|o| objects.contains(&o.object))
                {
                    object.suspended = true;
                    object.mark = mark();
                }
            }
            Action::Resume { objects } => {
                for object in self.cluster.gitops.iter_mut().filter(|o| objects.contains(&o.object))
                {
                    object.suspended = false;
                    object.mark = None;
                }
            }
            Action::Cordon { node } => {
                if let Some(node) = self.cluster.nodes.get_mut(node) {
                    node.unschedulable = true;
                    node.mark = mark();
                }
            }
            Action::Uncordon { node } => {
                if let Some(node) = self.cluster.nodes.get_mut(node) {
                    node.unschedulable = false;
                    node.mark = None;
                }
            }
            Action::Evict { pods } | Action::DeletePods { pods, .. } => {
                for node in self.cluster.nodes.values_mut() {
                    let before = node.pods.len();
                    node.pods.retain(|pod| !pods.iter().any(|gone| gone.uid == pod.uid));
                    if node.pods.len() < before {
                        node.attachments = 0;
                    }
                }
            }
            Action::TakeSnapshot { host } => self.on(host, |facts| {
                let name = format!("{}{at}", crate::assess::SNAPSHOT_PREFIX);
                facts.snapshot =
                    Some(SnapshotFacts { name, taken_unix_seconds: at, size_bytes: 1 });
            }),
            Action::StartService { host, service } => {
                self.on(host, |facts| set(facts, *service, ActiveState::Active));
            }
            Action::StopService { host, service } | Action::KillService { host, service } => {
                self.on(host, |facts| set(facts, *service, ActiveState::Inactive));
            }
            Action::EndContainers { host } => self.on(host, |facts| {
                (facts.containers, facts.volumes) = (0, 0);
            }),
            Action::PowerOff { host } => self.sleep(host),
            Action::Wake { host } => self.wake(host),
            Action::SetWakeAlarm { .. } | Action::ForceShutdown { .. } => {}
            // Off, or on until its battery is empty: nothing is decided after it.
            Action::SyncDisks | Action::PowerOffSelf { .. } => self.is_over = true,
        }
    }

    fn on(&mut self, host: &str, change: impl FnOnce(&mut HostFacts)) {
        if let Some(value) = self.snapshot.hosts.get_mut(host).and_then(Seen::value_mut) {
            change(value);
        }
    }

    fn sleep(&mut self, host: &str) {
        let now = self.snapshot.now;
        if let Some(seen) = self.snapshot.hosts.get_mut(host) {
            if let Some(value) = seen.value() {
                self.asleep.insert(host.to_owned(), value.clone());
            }
            *seen = Seen::unknown(Unseen::Silent, now);
        }
        for (supply, seen) in heard_on(self.plant, host, &mut self.snapshot) {
            self.unheard.extend(seen.value().map(|reading| (supply.clone(), reading.clone())));
            *seen = Seen::unknown(Unseen::Silent, now);
        }
    }

    /// Services are enabled at boot, so they come up with their host.
    fn wake(&mut self, host: &str) {
        let now = self.snapshot.now;
        let Some(seen) = self.snapshot.hosts.get_mut(host).filter(|seen| seen.value().is_none())
        else {
            return;
        };
        let role = self.plant.hosts.iter().find(|plan| plan.name == host).map(|plan| plan.role);
        let mut facts = self.asleep.remove(host).unwrap_or_default();
        match role {
            Some(Role::Server) => set(&mut facts, Service::Server, ActiveState::Active),
            Some(Role::Agent) => set(&mut facts, Service::Agent, ActiveState::Active),
            _ => {}
        }
        facts.clock_synchronised = facts.clock_synchronised.map(|_| true);
        facts.uptime_seconds = 0;
        *seen = Seen::known(facts, now);
        for (supply, seen) in heard_on(self.plant, host, &mut self.snapshot) {
            // It woke, so there are mains.
            let before = self.unheard.remove(supply).unwrap_or_default();
            *seen = Seen::known(SupplyReading { status: vec!["OL".into()], ..before }, now);
        }
    }
}

/// What the API may say of itself where it was not seen: every host has its Node, and nothing is
/// known of marks, pods and Flux.
fn unseen(plant: &Plant) -> ClusterFacts {
    let with_node = plant.hosts.iter().filter(|host| host.role != Role::None);
    let source = SourceFacts { ready: true, ..SourceFacts::default() };
    ClusterFacts {
        nodes: with_node.map(|host| (host.name.clone(), NodeFacts::default())).collect(),
        source: plant.sections.source.then_some(source),
        ..ClusterFacts::default()
    }
}

/// The supplies whose `upsd` runs on a host.
fn heard_on<'s>(
    plant: &Plant,
    host: &str,
    snapshot: &'s mut Snapshot,
) -> impl Iterator<Item = (&'s String, &'s mut Seen<SupplyReading>)> {
    let via = move |name: &String| {
        let supply = plant.supplies.iter().find(|supply| supply.name == *name);
        supply.and_then(|supply| plant.hosts.get(supply.via?)).is_some_and(|via| via.name == host)
    };
    snapshot.supplies.iter_mut().filter(move |(name, _)| via(name))
}

fn set(facts: &mut HostFacts, service: Service, active: ActiveState) {
    let state = Some(ServiceState { active, result: "success".into(), job: false });
    match service {
        Service::Server => facts.server = state,
        Service::Agent => facts.agent = state,
    }
}
