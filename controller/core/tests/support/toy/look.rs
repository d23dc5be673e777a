//! What the toy world shows.

use super::{
    ActiveState, ApiHealth, BTreeMap, ClusterFacts, HostFacts, Machine, NodeFacts, ObservedState,
    PodFacts, Power, Role, Seen, Snapshot, SupplyReading, SystemState, Tick, Unseen, WALL, World,
    at, pod, service,
};

impl World {
    pub(super) fn now(&self) -> Tick {
        at(self.seconds - self.booted)
    }

    pub(super) fn api(&self) -> bool {
        let servers = self.machines.values().filter(|m| m.role == Role::Server);
        let all = servers.clone().count();
        servers.filter(|m| m.power == Power::On && m.service == ActiveState::Active).count()
            > all / 2
    }

    /// Whether hosts can be reached: what carries a path is on.
    pub(super) fn reached(&self, name: &str) -> bool {
        let at = self.plant.hosts.iter().position(|host| host.name == name).unwrap();
        self.plant.paths.iter().all(|path| {
            !path.reaches.contains(&at)
                || path.host == Some(at)
                || path.has_alternative
                || path.host.is_none_or(|carrier| {
                    self.machines[&self.plant.hosts[carrier].name].power == Power::On
                })
        })
    }

    pub(super) fn facts(machine: &Machine, wall: i64) -> HostFacts {
        let is = |role| (machine.role == role).then(|| service(machine.service));
        HostFacts {
            boot_id: "b".into(),
            uptime_seconds: 100,
            wall_unix_seconds: wall,
            system: SystemState::Running,
            server: is(Role::Server),
            agent: is(Role::Agent),
            containers: machine.containers,
            volumes: 0,
            snapshot: machine.snapshot.clone(),
            clock_synchronised: Some(true),
        }
    }

    pub(super) fn wall(&self) -> i64 {
        WALL + i64::try_from(self.seconds).unwrap()
    }

    pub(crate) fn observe(&mut self) -> Snapshot {
        let (now, seconds, wall) = (self.now(), self.seconds, self.wall());
        let mut hosts = BTreeMap::new();
        for name in self.machines.keys().cloned().collect::<Vec<_>>() {
            let answers = self.machines[&name].power == Power::On && self.reached(&name);
            let started = self.journal.started;
            let seen = if answers {
                self.machines.get_mut(&name).unwrap().heard = Some(seconds);
                Seen::known(Self::facts(&self.machines[&name], wall), now)
            } else {
                let heard = self.machines[&name].heard.map(|s| at(s - self.booted));
                Seen::unknown(Unseen::Silent, heard.unwrap_or(started))
            };
            hosts.insert(name, seen);
        }
        let supplies = self.supplies.iter().map(|(name, supply)| {
            let words: &[&str] = match (supply.mains, supply.left < 60) {
                (true, _) => &["OL"],
                (false, false) => &["OB", "DISCHRG"],
                (false, true) => &["OB", "LB"],
            };
            let reading = SupplyReading {
                status: words.iter().map(|w| (*w).to_owned()).collect(),
                charge_percent: u8::try_from(supply.left * 100 / supply.full).ok(),
                runtime_seconds: Some(supply.left),
                load_percent: None,
                ..SupplyReading::default()
            };
            (name.clone(), Seen::known(reading, now))
        });
        let silent = Seen::unknown(Unseen::Silent, now);
        let api = self.api();
        Snapshot {
            now,
            supplies: supplies.collect(),
            hosts,
            api: if api { Seen::known(ApiHealth::Ready, now) } else { silent },
            cluster: if api {
                Seen::known(self.cluster(), now)
            } else {
                Seen::unknown(Unseen::Silent, now)
            },
            observed: self.observed(api, now),
            requests: self.requests.clone(),
        }
    }

    /// Sections without a step of ours follow by themselves.
    pub(super) fn observed(
        &self,
        api: bool,
        now: Tick,
    ) -> BTreeMap<ananke_core::text::Text, Seen<ObservedState>> {
        let up = api && self.gitops.iter().all(|object| object.mark.is_none());
        let units = self.plant.graph.units().iter();
        let own = units.filter(|unit| super::super::worlds::has_observer(unit.kind));
        own.map(|unit| {
            let is = if up || unit.name.starts_with("layer") || unit.name.starts_with("vault") {
                ObservedState::Up
            } else {
                ObservedState::Down { message: "follows".into() }
            };
            (unit.name.clone(), Seen::known(is, now))
        })
        .collect()
    }

    pub(super) fn cluster(&self) -> ClusterFacts {
        let nodes = self.machines.iter().filter(|(_, m)| m.role != Role::None);
        let node = |(name, m): (&String, &Machine)| {
            let alive = m.power == Power::On && m.service == ActiveState::Active;
            let mut pods = Vec::new();
            if m.pods {
                pods.push(PodFacts {
                    terminating: m.pods_end.is_some(),
                    ..pod(&format!("app-{name}"))
                });
            }
            if m.carrier_pod {
                let terminating = !m.pods && m.pods_end.is_some();
                pods.push(PodFacts { carrier: true, terminating, ..pod("csi") });
            }
            let facts = NodeFacts {
                unschedulable: m.unschedulable,
                mark: m.mark.clone(),
                ready: alive,
                lease_fresh: alive,
                boot_id: "b".into(),
                attachments: u32::from(m.pods),
                pods,
            };
            (name.clone(), facts)
        };
        ClusterFacts {
            nodes: nodes.map(node).collect(),
            gitops: self.gitops.clone(),
            stray_attachments: 0,
            volumes: Vec::new(),
            source: self.plant.sections.source.then(|| ananke_core::observe::SourceFacts {
                ready: self.gitops.iter().all(|o| o.mark.is_none()) || self.api(),
                ..ananke_core::observe::SourceFacts::default()
            }),
        }
    }
}
