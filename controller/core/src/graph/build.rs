//! The edges of a policy. Each is there because leaving it out wedged or darkened a cluster.

use std::collections::BTreeMap;

use super::{Cycle, EdgeKind, Graph};
use crate::{
    plant::{HostPlan, PathPlan, Role, Sections, SupplyPlan},
    unit::{Kind, Unit, UnitId},
};

/// What a graph is built from.
pub struct Parts<'a> {
    /// The supplies.
    pub supplies: &'a [SupplyPlan],
    /// The paths.
    pub paths: &'a [PathPlan],
    /// The hosts.
    pub hosts: &'a [HostPlan],
    /// What else the policy has a section for.
    pub sections: &'a Sections,
}

/// Builds the graph; a cycle that `after:` makes is reported with its members.
pub fn build(parts: &Parts<'_>) -> Result<Graph, Cycle> {
    let mut draft = Draft::default();
    draft.power(parts);
    draft.machines(parts);
    draft.services(parts);
    draft.cluster(parts);
    draft.recovery(parts);
    draft.policy_order(parts);
    Graph::new(draft.units, &draft.edges)
}

#[derive(Default)]
struct Draft {
    units: Vec<Unit>,
    edges: Vec<(UnitId, UnitId, EdgeKind)>,
    by_name: BTreeMap<String, UnitId>,
    by_host: BTreeMap<(Kind, usize), UnitId>,
    by_kind: BTreeMap<Kind, Vec<UnitId>>,
}

impl Draft {
    fn add(&mut self, kind: Kind, name: Option<&str>, host: Option<usize>) -> UnitId {
        let id = UnitId(u32::try_from(self.units.len()).unwrap_or(u32::MAX));
        let name = name.map_or_else(|| kind.as_str().into(), |n| format!("{}/{n}", kind.as_str()));
        let ordinal = self.all(kind).len();
        if let Some(host) = host {
            self.by_host.insert((kind, host), id);
        }
        self.by_name.insert(name.clone(), id);
        self.by_kind.entry(kind).or_default().push(id);
        let supply = (kind == Kind::Supply).then_some(ordinal);
        self.units.push(Unit { kind, name: name.into(), host, supply, ordinal });
        id
    }

    fn edge(&mut self, from: UnitId, to: UnitId, kind: EdgeKind) {
        self.edges.push((from, to, kind));
    }

    fn edges_to(&mut self, from: UnitId, to: &[UnitId], kind: EdgeKind) {
        self.edges.extend(to.iter().filter(|to| **to != from).map(|to| (from, *to, kind)));
    }

    fn all(&self, kind: Kind) -> Vec<UnitId> {
        self.by_kind.get(&kind).cloned().unwrap_or_default()
    }

    fn on_host(&self, kind: Kind, host: usize) -> Option<UnitId> {
        self.by_host.get(&(kind, host)).copied()
    }

    /// The own host is one unit with two names.
    fn machine(&self, host: usize) -> Option<UnitId> {
        self.on_host(Kind::Host, host).or_else(|| self.on_host(Kind::Own, host))
    }

    fn power(&mut self, parts: &Parts<'_>) {
        for supply in parts.supplies {
            self.add(Kind::Supply, Some(&supply.name), None);
        }
        for path in parts.paths {
            self.add(Kind::Path, Some(&path.name), None);
        }
    }

    fn machines(&mut self, parts: &Parts<'_>) {
        for (at, host) in parts.hosts.iter().enumerate() {
            let kind = if host.is_self { Kind::Own } else { Kind::Host };
            let name = (!host.is_self).then_some(host.name.as_str());
            let unit = self.add(kind, name, Some(at));
            if host.is_self {
                // One unit with two names: the policy says `host/NAME`.
                self.by_name.insert(format!("host/{}", host.name), unit);
            }
            let feeds: Vec<UnitId> = host
                .supplies
                .iter()
                .filter_map(|supply| self.all(Kind::Supply).get(*supply).copied())
                .collect();
            // Either feed of a dual-fed host is enough.
            let by =
                if feeds.len() > 1 { EdgeKind::KOfN { needed: 1 } } else { EdgeKind::Requires };
            self.edges_to(unit, &feeds, by);
        }
        let own = self.all(Kind::Own);
        for unit in self.all(Kind::Host) {
            self.edges_to(unit, &own, EdgeKind::After);
        }
        self.paths(parts);
    }

    fn paths(&mut self, parts: &Parts<'_>) {
        let paths = self.all(Kind::Path);
        for (path, unit) in parts.paths.iter().zip(paths) {
            let carrier = path.host.and_then(|host| self.machine(host));
            let supply = path.supply.and_then(|s| self.all(Kind::Supply).get(s).copied());
            self.edges_to(
                unit,
                &carrier.or(supply).into_iter().collect::<Vec<_>>(),
                EdgeKind::After,
            );
            for host in path.reaches.iter().filter(|host| Some(**host) != path.host) {
                // This machine is not reached through anything.
                if let Some(host) = self.on_host(Kind::Host, *host) {
                    self.edge(host, unit, EdgeKind::Reach);
                }
            }
        }
    }

    fn services(&mut self, parts: &Parts<'_>) {
        let clock = parts.sections.clock_quorum.map(|needed| {
            let clock = self.add(Kind::Clock, None, None);
            let hosts = self.all(Kind::Host);
            self.edges_to(clock, &hosts, EdgeKind::KOfN { needed });
            clock
        });
        for (at, host) in parts.hosts.iter().enumerate().filter(|(_, h)| h.role == Role::Server) {
            self.service(Kind::Server, at, host, clock);
        }
        let servers = self.all(Kind::Server);
        let api = self.add(Kind::Api, None, None);
        let needed = u32::try_from(servers.len() / 2 + 1).unwrap_or(u32::MAX);
        self.edges_to(api, &servers, EdgeKind::KOfN { needed });
        for (at, host) in parts.hosts.iter().enumerate().filter(|(_, h)| h.role == Role::Agent) {
            let agent = self.service(Kind::Agent, at, host, clock);
            self.edge(agent, api, EdgeKind::Requires);
        }
    }

    fn service(&mut self, kind: Kind, at: usize, host: &HostPlan, clock: Option<UnitId>) -> UnitId {
        let unit = self.add(kind, Some(&host.name), Some(at));
        self.edges_to(unit, &self.machine(at).into_iter().collect::<Vec<_>>(), EdgeKind::Requires);
        self.edges_to(unit, &clock.into_iter().collect::<Vec<_>>(), EdgeKind::After);
        unit
    }

    fn cluster(&mut self, parts: &Parts<'_>) {
        let api = self.all(Kind::Api);
        let services = [self.all(Kind::Agent), self.all(Kind::Server)].concat();
        let storage = self.add(Kind::Storage, None, None);
        self.edges_to(storage, &api, EdgeKind::Requires);
        self.edges_to(storage, &services, EdgeKind::After);
        let mut servers_nodes = Vec::new();
        for (kind, role) in [(Kind::Server, Role::Server), (Kind::Agent, Role::Agent)] {
            for (at, host) in parts.hosts.iter().enumerate().filter(|(_, h)| h.role == role) {
                let node = self.add(Kind::Node, Some(&host.name), Some(at));
                let service = self.on_host(kind, at).into_iter().collect::<Vec<_>>();
                self.edges_to(node, &service, EdgeKind::Requires);
                self.edges_to(node, &api, EdgeKind::Requires);
                self.edge(node, storage, EdgeKind::After);
                if role == Role::Server {
                    servers_nodes.push(node);
                } else {
                    self.edges_to(node, &servers_nodes, EdgeKind::After);
                }
            }
        }
        if parts.sections.snapshot {
            let snapshot = self.add(Kind::Snapshot, None, None);
            self.edges_to(snapshot, &api, EdgeKind::Requires);
        }
        for name in &parts.sections.quiesce {
            let quiesce = self.add(Kind::Quiesce, Some(name), None);
            self.edges_to(quiesce, &api, EdgeKind::Requires);
            self.edges_to(quiesce, &self.all(Kind::Node), EdgeKind::After);
            self.edges_to(quiesce, &self.all(Kind::Snapshot), EdgeKind::After);
        }
    }

    fn recovery(&mut self, parts: &Parts<'_>) {
        let api = self.all(Kind::Api);
        let nodes = self.all(Kind::Node);
        if parts.sections.source {
            let source = self.add(Kind::Source, None, None);
            self.edges_to(source, &api, EdgeKind::Requires);
            self.edges_to(source, &nodes, EdgeKind::After);
        }
        self.layers(parts, &api, &nodes);
        for (name, host) in &parts.sections.images {
            let images = self.add(Kind::Images, Some(name), None);
            let service =
                self.on_host(Kind::Agent, *host).or_else(|| self.on_host(Kind::Server, *host));
            self.edges_to(images, &service.into_iter().collect::<Vec<_>>(), EdgeKind::Requires);
        }
        let gitops = self.add(Kind::Gitops, None, None);
        self.edges_to(gitops, &api, EdgeKind::Requires);
        // `Node` stands here for policies without a quiesce and a snapshot: without it nodes would
        // be drained beside a GitOps that is not suspended yet.
        for kind in
            [Kind::Source, Kind::Layer, Kind::Vault, Kind::Quiesce, Kind::Snapshot, Kind::Node]
        {
            self.edges_to(gitops, &self.all(kind), EdgeKind::After);
        }
        for name in &parts.sections.gates {
            let gate = self.add(Kind::Gate, Some(name), None);
            self.edge(gate, gitops, EdgeKind::Requires);
        }
        if parts.sections.soak {
            let soak = self.add(Kind::Soak, None, None);
            let gates = self.all(Kind::Gate);
            let on = if gates.is_empty() { vec![gitops] } else { gates };
            self.edges_to(soak, &on, EdgeKind::Requires);
        }
    }

    fn layers(&mut self, parts: &Parts<'_>, api: &[UnitId], nodes: &[UnitId]) {
        let mut previous: Option<(UnitId, Vec<UnitId>)> = None;
        for layer in &parts.sections.layers {
            let unit = self.add(Kind::Layer, Some(&layer.name), None);
            self.edges_to(unit, api, EdgeKind::Requires);
            self.edges_to(unit, &self.all(Kind::Quiesce), EdgeKind::After);
            match &previous {
                // A layer that holds a sealed vault is never healthy: what follows it waits for
                // the layer half-way, and for the vault.
                Some((before, vaults)) if !vaults.is_empty() => {
                    self.edge(unit, *before, EdgeKind::Started);
                    self.edges_to(unit, vaults, EdgeKind::After);
                }
                Some((before, _)) if layer.follows_previous => {
                    self.edge(unit, *before, EdgeKind::After);
                }
                _ => self.edges_to(unit, nodes, EdgeKind::After),
            }
            let mut vaults = Vec::new();
            for vault in parts.sections.vaults.iter().filter(|v| v.1.as_ref() == Some(&layer.name))
            {
                let vault = self.add(Kind::Vault, Some(&vault.0), None);
                self.edges_to(vault, api, EdgeKind::Requires);
                self.edge(vault, unit, EdgeKind::Started);
                vaults.push(vault);
            }
            previous = Some((unit, vaults));
        }
        for (name, _) in parts.sections.vaults.iter().filter(|(_, layer)| layer.is_none()) {
            let vault = self.add(Kind::Vault, Some(name), None);
            self.edges_to(vault, api, EdgeKind::Requires);
            self.edges_to(vault, nodes, EdgeKind::After);
        }
    }

    /// What the policy adds by `after:`.
    fn policy_order(&mut self, parts: &Parts<'_>) {
        for (from, to) in &parts.sections.after {
            let pair = self.by_name.get(from).copied().zip(self.by_name.get(to).copied());
            if let Some((from, to)) = pair {
                self.edge(from, to, EdgeKind::After);
            }
        }
    }
}
