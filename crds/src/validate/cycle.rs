//! Units that wait for each other in a ring.
//!
//! The graph here has the edges that a policy adds and those that are always there between what it
//! names, as far as a ring can go through them: a host waits for its supply, a service for its
//! host, the API for the servers, and so on. The core builds the full graph and refuses a ring too.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use super::Findings;
use crate::parse::Rule;
use crate::policy::{Host, NetworkPath, PowerPolicySpec, Role};
use crate::value::{HostSelector, UnitKind, UnitRef};

pub(super) fn check(spec: &PowerPolicySpec, findings: &mut Findings<'_>) {
    let graph = Graph::of(spec);
    let rings = graph.in_rings();
    let neighbours = graph.neighbours(&rings);
    let mut told = BTreeSet::new();
    for edge in graph.edges.iter().filter(|edge| !edge.path.is_empty()) {
        if !rings.contains(&edge.from) || !rings.contains(&edge.to) {
            continue;
        }
        let Some(way_back) = shortest(&neighbours, edge.to, edge.from) else { continue };
        // A ring that shares a unit with one that was told is mostly the same mistake.
        if way_back.iter().any(|unit| told.contains(unit)) {
            continue;
        }
        told.extend(way_back.iter().copied());
        let members: Vec<_> = std::iter::once(edge.from)
            .chain(way_back)
            .filter_map(|unit| graph.names.get(unit).map(String::as_str))
            .collect();
        let message = format!("these wait for each other in a ring: {}", members.join(" → "));
        let help = "each comes up after the one behind its arrow; take one link out of the ring";
        findings.add(Rule::Cycle, &edge.path, message, help);
    }
}

/// `from` comes up after `to`.
struct Edge {
    from: usize,
    to: usize,
    /// Where the policy says so; empty for what is always so.
    path: String,
}

#[derive(Default)]
struct Graph {
    names: Vec<String>,
    ids: BTreeMap<String, usize>,
    edges: Vec<Edge>,
}

impl Graph {
    fn of(spec: &PowerPolicySpec) -> Self {
        let mut graph = Self::default();
        graph.machines(spec);
        graph.paths(spec);
        graph.services(spec);
        graph.layers(spec);
        graph.end(spec);
        graph
    }

    fn id(&mut self, name: String) -> usize {
        let next = self.names.len();
        let id = *self.ids.entry(name.clone()).or_insert(next);
        if id == next {
            self.names.push(name);
        }
        id
    }

    fn edge(&mut self, from: String, to: String, path: String) {
        let (from, to) = (self.id(from), self.id(to));
        self.edges.push(Edge { from, to, path });
    }

    fn always(&mut self, from: impl Into<String>, to: impl Into<String>) {
        self.edge(from.into(), to.into(), String::new());
    }

    fn after(&mut self, from: &str, units: &[UnitRef], path: &str) {
        for (index, unit) in units.iter().enumerate() {
            self.edge(from.to_owned(), unit.to_string(), format!("{path}[{index}]"));
        }
    }

    fn machines(&mut self, spec: &PowerPolicySpec) {
        let own = spec.hosts.iter().find(|host| host.is_self);
        for (index, host) in spec.hosts.iter().enumerate() {
            let unit = unit(UnitKind::Host, &host.name);
            self.after(&unit, &host.after, &format!("spec.hosts[{index}].after"));
            if let Some(own) = own.filter(|own| own.name != host.name) {
                self.always(unit, self::unit(UnitKind::Host, &own.name));
            }
        }
    }

    fn paths(&mut self, spec: &PowerPolicySpec) {
        for (index, path) in spec.paths.iter().enumerate() {
            let unit = unit(UnitKind::Path, &path.name);
            if let Some(host) = &path.host {
                let carrier = self::unit(UnitKind::Host, host);
                self.edge(unit.clone(), carrier, format!("spec.paths[{index}].host"));
            }
            for host in spec.hosts.iter().filter(|host| is_reached(host, path)) {
                let reached = self::unit(UnitKind::Host, &host.name);
                self.edge(reached, unit.clone(), format!("spec.paths[{index}].reaches"));
            }
        }
    }

    fn services(&mut self, spec: &PowerPolicySpec) {
        for host in &spec.hosts {
            let kind = match host.role {
                Role::Server => UnitKind::Server,
                Role::Agent => UnitKind::Agent,
                Role::None => continue,
            };
            let (service, node) = (unit(kind, &host.name), unit(UnitKind::Node, &host.name));
            self.always(service.clone(), unit(UnitKind::Host, &host.name));
            match host.role {
                Role::Server => self.always("api", service.clone()),
                _ => self.always(service.clone(), "api"),
            }
            self.always("storage", service.clone());
            self.always(node.clone(), service);
            self.always(node.clone(), "storage");
            self.always("nodes", node.clone());
            match host.role {
                Role::Server => self.always("servers' nodes", node),
                _ => self.always(node, "servers' nodes"),
            }
        }
        self.always("nodes", "api");
        for quiesce in &spec.shutdown.quiesce {
            self.always(unit(UnitKind::Quiesce, &quiesce.name), "nodes");
            self.always("quiesced", unit(UnitKind::Quiesce, &quiesce.name));
        }
        self.always("quiesced", "nodes");
    }

    fn layers(&mut self, spec: &PowerPolicySpec) {
        let startup = &spec.startup;
        let mut previous: Option<&crate::policy::Layer> = None;
        for (index, layer) in startup.layers.iter().enumerate() {
            let unit = unit(UnitKind::Layer, &layer.name);
            let path = format!("spec.startup.layers[{index}].after");
            self.always(unit.clone(), "quiesced");
            self.always("gitops", unit.clone());
            self.after(&unit, layer.after.as_deref().unwrap_or_default(), &path);
            if let Some(before) = previous {
                let vaults =
                    startup.vault.iter().filter(|v| v.layer.as_ref() == Some(&before.name));
                let vaults: Vec<_> = vaults.map(|v| self::unit(UnitKind::Vault, &v.name)).collect();
                if layer.after.is_none() || !vaults.is_empty() {
                    self.always(unit.clone(), self::unit(UnitKind::Layer, &before.name));
                }
                for vault in vaults {
                    self.always(unit.clone(), vault);
                }
            }
            previous = Some(layer);
        }
        for vault in &startup.vault {
            let unit = unit(UnitKind::Vault, &vault.name);
            self.always("gitops", unit.clone());
            match &vault.layer {
                Some(layer) => self.always(unit, self::unit(UnitKind::Layer, layer)),
                None => self.always(unit, "nodes"),
            }
        }
    }

    fn end(&mut self, spec: &PowerPolicySpec) {
        for (index, images) in spec.startup.images.iter().enumerate() {
            let unit = unit(UnitKind::Images, &images.name);
            let is_server = |host: &&Host| host.name == images.host && host.role == Role::Server;
            let kind = match spec.hosts.iter().find(is_server) {
                Some(_) => UnitKind::Server,
                None => UnitKind::Agent,
            };
            self.always(unit.clone(), self::unit(kind, &images.host));
            self.after(&unit, &images.after, &format!("spec.startup.images[{index}].after"));
        }
        self.always("gitops", "nodes");
        for (index, service) in spec.startup.services.iter().enumerate() {
            let unit = unit(UnitKind::Gate, &service.name);
            self.always(unit.clone(), "gitops");
            self.after(&unit, &service.after, &format!("spec.startup.services[{index}].after"));
        }
    }

    /// The units in rings and between rings: what is left when everything that waits for nothing,
    /// or that nothing waits for, is taken away again and again.
    fn in_rings(&self) -> BTreeSet<usize> {
        let all: BTreeSet<usize> = (0..self.names.len()).collect();
        let waiting = self.trimmed(&all, |edge| (edge.from, edge.to));
        self.trimmed(&waiting, |edge| (edge.to, edge.from))
    }

    /// `units` without those that have no edge out, again and again.
    fn trimmed(
        &self,
        units: &BTreeSet<usize>,
        direction: impl Fn(&Edge) -> (usize, usize),
    ) -> BTreeSet<usize> {
        let mut left = units.clone();
        let mut out: BTreeMap<usize, usize> = BTreeMap::new();
        let mut comes_from: BTreeMap<usize, Vec<usize>> = BTreeMap::new();
        for (from, to) in self.edges.iter().map(direction) {
            if units.contains(&from) && units.contains(&to) {
                *out.entry(from).or_default() += 1;
                comes_from.entry(to).or_default().push(from);
            }
        }
        let mut free: Vec<usize> =
            units.iter().copied().filter(|unit| !out.contains_key(unit)).collect();
        while let Some(unit) = free.pop() {
            left.remove(&unit);
            for from in comes_from.get(&unit).into_iter().flatten() {
                if let Some(count) = out.get_mut(from) {
                    *count -= 1;
                    if *count == 0 {
                        free.push(*from);
                    }
                }
            }
        }
        left
    }

    /// Where the edges between `units` lead to.
    fn neighbours(&self, units: &BTreeSet<usize>) -> BTreeMap<usize, Vec<usize>> {
        let mut neighbours: BTreeMap<usize, Vec<usize>> = BTreeMap::new();
        for edge in self.edges.iter().filter(|edge| units.contains(&edge.to)) {
            neighbours.entry(edge.from).or_default().push(edge.to);
        }
        neighbours
    }
}

/// The shortest way from `start` to `goal`, both included.
fn shortest(
    neighbours: &BTreeMap<usize, Vec<usize>>,
    start: usize,
    goal: usize,
) -> Option<Vec<usize>> {
    let mut came_from = BTreeMap::from([(start, None)]);
    let mut queue = VecDeque::from([start]);
    while let Some(unit) = queue.pop_front() {
        if unit == goal {
            let back = |unit: &usize| came_from.get(unit).copied().flatten();
            let mut way: Vec<usize> = std::iter::successors(Some(goal), back).collect();
            way.reverse();
            return Some(way);
        }
        for next in neighbours.get(&unit).into_iter().flatten() {
            if !came_from.contains_key(next) {
                came_from.insert(*next, Some(unit));
                queue.push_back(*next);
            }
        }
    }
    None
}

fn unit(kind: UnitKind, name: &crate::value::Name) -> String {
    format!("{kind}/{name}")
}

/// Whether a host is reached through a path: not the one that it runs on, and not the own host,
/// which is not reached through anything.
fn is_reached(host: &Host, path: &NetworkPath) -> bool {
    let named = path.reaches.iter().any(|reached| match reached {
        HostSelector::All => true,
        HostSelector::Host(name) => *name == host.name,
    });
    named && !host.is_self && path.host.as_ref() != Some(&host.name)
}
