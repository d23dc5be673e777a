//! How far down each unit is asked to go, and by whom.

use std::collections::BTreeMap;

use ananke_crds::policy::Target;

use crate::{
    graph::EdgeKind,
    plant::Plant,
    signals::{Gate, Phase, SupplyMemory},
    unit::{Kind, UnitId},
};

/// The live signals of one instant.
#[derive(Debug, Clone)]
pub(crate) struct Scope {
    declared: Target,
    /// Supplies whose signal is live, and its phase.
    pub(crate) live: BTreeMap<usize, Phase>,
    /// Supplies that are not known to be on mains.
    unlit: Vec<bool>,
}

impl Scope {
    /// The signals in the supplies' memories.
    pub(crate) fn new(
        plant: &Plant,
        memories: &BTreeMap<String, SupplyMemory>,
        gates: &[Gate],
    ) -> Self {
        let live = plant.supplies.iter().enumerate().filter_map(|(at, supply)| {
            let phase = memories.get(&supply.name)?.phase;
            (phase != Phase::Clear).then_some((at, phase))
        });
        Self {
            declared: plant.declared,
            live: live.collect(),
            unlit: gates.iter().map(|gate| !gate.is_on_mains()).collect(),
        }
    }

    /// All supplies asking for everything off: what a budget is made for.
    pub(crate) fn everything_off(plant: &Plant) -> Self {
        Self {
            declared: Target::Poweroff,
            live: BTreeMap::new(),
            unlit: vec![true; plant.supplies.len()],
        }
    }

    /// The same signals, as if the document asked for nothing.
    pub(crate) fn without_document(&self) -> Self {
        Self { declared: Target::Running, ..self.clone() }
    }

    /// Whether a supply asks for a shutdown now.
    pub(crate) fn is_emergency(&self) -> bool {
        self.live.values().any(|phase| *phase == Phase::Falling)
    }

    /// The target of every unit: the gravest of the declared one, of its own supply's signal, and
    /// of everything it requires.
    pub(crate) fn targets(&self, plant: &Plant) -> Vec<Target> {
        let graph = &plant.graph;
        let mut targets = vec![self.declared; graph.units().len()];
        let mut orphans = false;
        for id in graph.upwards() {
            let Some(unit) = graph.unit(id) else { continue };
            let mut target = self.declared;
            if let Some(host) = unit.host.filter(|_| matches!(unit.kind, Kind::Host | Kind::Own)) {
                target = target.max(self.asked_of(plant, host));
            }
            target = target.max(carried(plant, id, &targets));
            if unit.kind == Kind::Host && orphans && self.is_unlit(plant, unit.host) {
                target = Target::Poweroff;
            }
            orphans |= unit.kind == Kind::Own
                && target == Target::Poweroff
                && plant.shutdown.powers_self_off;
            if let Some(slot) = targets.get_mut(id.index()) {
                *slot = target;
            }
        }
        servers_go_with_the_api(plant, &mut targets);
        targets
    }

    /// What the supplies ask of a host; one that is fed twice goes only when both ask.
    fn asked_of(&self, plant: &Plant, host: usize) -> Target {
        let feeds = plant.hosts.get(host).map(|host| host.supplies.as_slice()).unwrap_or_default();
        if !feeds.is_empty() && feeds.iter().all(|supply| self.live.contains_key(supply)) {
            Target::Poweroff
        } else {
            Target::Running
        }
    }

    /// Whether a host is not known to be on mains: when this one goes off, nobody looks after it.
    fn is_unlit(&self, plant: &Plant, host: Option<usize>) -> bool {
        let feeds = host.and_then(|host| plant.hosts.get(host)).map(|host| &host.supplies);
        feeds.is_some_and(|feeds| {
            !feeds.is_empty()
                && feeds.iter().all(|supply| self.unlit.get(*supply).copied().unwrap_or(true))
        })
    }
}

/// A server that is left when the rest goes is no quorum: it stops with them, and its host stays.
fn servers_go_with_the_api(plant: &Plant, targets: &mut [Target]) {
    let units = plant.graph.units();
    let api = units.iter().position(|unit| unit.kind == Kind::Api);
    let Some(api) = api.and_then(|api| targets.get(api)).copied() else { return };
    for (unit, target) in units.iter().zip(targets) {
        if unit.kind == Kind::Server {
            *target = api.max(*target);
        }
    }
}

/// What the members below a unit carry up to it.
fn carried(plant: &Plant, id: UnitId, targets: &[Target]) -> Target {
    let of = |to: UnitId| targets.get(to.index()).copied().unwrap_or_default();
    let below = plant.graph.below(id);
    let required = below.iter().filter(|e| e.kind == EdgeKind::Requires).map(|e| of(e.to)).max();
    let mut group: Vec<Target> = Vec::new();
    let mut needed = 0;
    for edge in below {
        if let EdgeKind::KOfN { needed: k } = edge.kind
            && plant.graph.unit(edge.to).is_some_and(|unit| unit.kind != Kind::Supply)
        {
            group.push(of(edge.to));
            needed = k as usize;
        }
    }
    group.sort_unstable();
    // The k-th best: that many members are asked for no more than this.
    let quorum = needed.checked_sub(1).and_then(|at| group.get(at)).copied();
    required.max(quorum).unwrap_or_default()
}

/// The supply whose live signal asks most of a host, if any: falling before held.
pub(crate) fn signal_on(scope: &Scope, feeds: &[usize]) -> Option<(usize, Phase)> {
    let live = feeds.iter().filter_map(|supply| Some((*supply, *scope.live.get(supply)?)));
    live.min_by_key(|(_, phase)| *phase != Phase::Falling)
}
