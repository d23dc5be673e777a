//! How far down each unit is asked to go, and by whom.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use ananke_crds::policy::Target;

use crate::{
    graph::EdgeKind,
    plant::Plant,
    signals::{Gate, Phase, SupplyMemory},
    unit::{Kind, Unit, UnitId},
};

/// The live signals of one instant.
#[derive(Debug, Clone)]
pub(crate) struct Scope {
    declared: Target,
    /// Supplies whose signal is live, and its phase.
    pub(crate) live: BTreeMap<usize, Phase>,
    /// Supplies that are not known to be on mains.
    unlit: Vec<bool>,
    /// The host of an unheard supply's `upsd` that is started, or left on, so that it is heard.
    tried: Vec<Option<usize>>,
    /// The volume whose last healthy replicas go with the signals.
    pub(super) last_replicas: Option<String>,
}

/// How far the signals reach.
#[derive(Debug, Clone, Default)]
pub(crate) struct Reach {
    /// What is asked of every unit.
    pub(crate) targets: Vec<Target>,
    /// Hosts that stay on and that nobody reaches any more, with the path that goes.
    pub(super) cut_off: BTreeMap<usize, usize>,
    /// Hosts that are not known to be on mains and go because that path goes.
    pub(super) unreached: BTreeMap<usize, usize>,
    /// Hosts that are not known to be on mains and go because this host goes.
    pub(super) unguarded: BTreeSet<usize>,
    /// Servers that are not asked to stop for themselves.
    pub(super) servers_left: usize,
    paths_gone: BTreeSet<usize>,
    own_goes: bool,
}

impl Scope {
    /// The signals in the supplies' memories.
    pub(crate) fn new(
        plant: &Plant,
        memories: &BTreeMap<String, Arc<SupplyMemory>>,
        gates: &[Gate],
        tried: Vec<Option<usize>>,
    ) -> Self {
        let memories = || plant.supplies.iter().map(|supply| memories.get(&supply.name));
        let live = memories().enumerate().filter_map(|(at, memory)| {
            let phase = memory?.phase;
            (phase != Phase::Clear).then_some((at, phase))
        });
        Self {
            declared: plant.declared,
            live: live.collect(),
            unlit: gates.iter().map(|gate| !gate.is_on_mains()).collect(),
            tried,
            last_replicas: memories().flatten().find_map(|memory| memory.last_replicas.clone()),
        }
    }

    /// All supplies asking for everything off: what a budget is made for.
    pub(crate) fn everything_off(plant: &Plant) -> Self {
        Self {
            declared: Target::Poweroff,
            live: BTreeMap::new(),
            unlit: vec![true; plant.supplies.len()],
            tried: Vec::new(),
            last_replicas: None,
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

    /// Whether a host is started although a supply of its is not heard: that runs its `upsd`.
    pub(super) fn is_tried(&self, host: usize) -> bool {
        self.tried.contains(&Some(host))
    }

    /// The target of every unit.
    pub(crate) fn targets(&self, plant: &Plant) -> Vec<Target> {
        self.reach(plant).targets
    }

    /// The target of every unit: the gravest of the declared one, of its own supply's signal, and
    /// of everything it requires; and of what would be left without this host, or without a way to
    /// it.
    pub(crate) fn reach(&self, plant: &Plant) -> Reach {
        let graph = &plant.graph;
        let targets = vec![self.declared; graph.units().len()];
        let mut reach = Reach { targets, ..Reach::default() };
        for id in graph.upwards() {
            let Some(unit) = graph.unit(id) else { continue };
            let carried = self.declared.max(carried(plant, id, &reach.targets));
            let target = self.asked(plant, unit, &mut reach).max(carried);
            reach.own_goes |= unit.kind == Kind::Own
                && target == Target::Poweroff
                && plant.shutdown.powers_self_off;
            if let Some(slot) = reach.targets.get_mut(id.index()) {
                *slot = target;
            }
        }
        reach.servers_left = stop_servers_with_the_api(plant, &mut reach.targets);
        reach
    }

    /// What is asked of a unit for itself.
    fn asked(&self, plant: &Plant, unit: &Unit, reach: &mut Reach) -> Target {
        let host = unit.host.unwrap_or(usize::MAX);
        match unit.kind {
            Kind::Own => self.asked_of(plant, host),
            Kind::Host => self.asked_of(plant, host).max(self.left_alone(plant, host, reach)),
            Kind::Path if self.path_goes(plant, unit.ordinal, reach) => {
                reach.paths_gone.insert(unit.ordinal);
                Target::Running
            }
            Kind::Server | Kind::Agent if reach.cut_off.contains_key(&host) => {
                Target::ClusterOnlyDown
            }
            Kind::Api if self.last_replicas.is_some() => Target::ClusterOnlyDown,
            _ => Target::Running,
        }
    }

    /// What the supplies ask of a host; one that is fed twice goes only when both ask.
    fn asked_of(&self, plant: &Plant, host: usize) -> Target {
        let feeds = plant.hosts.get(host).map(|host| host.supplies.as_slice()).unwrap_or_default();
        let asks = |supply: &usize| {
            self.live.contains_key(supply) && self.tried.get(*supply) != Some(&Some(host))
        };
        if !feeds.is_empty() && feeds.iter().all(asks) { Target::Poweroff } else { Target::Running }
    }

    /// A host that is not known to be on mains goes with what could take it down later: this host,
    /// and the way to it. One on mains stays on; without a way to it nothing stays running there.
    fn left_alone(&self, plant: &Plant, host: usize, reach: &mut Reach) -> Target {
        let gone = reach.paths_gone.iter().find(|path| {
            let path = plant.paths.get(**path);
            path.is_some_and(|path| path.reaches.contains(&host) && path.host != Some(host))
        });
        let gone = gone.copied();
        if !self.is_unlit(plant, host) {
            reach.cut_off.extend(gone.map(|path| (host, path)));
            return Target::Running;
        }
        if self.asked_of(plant, host) == Target::Running {
            reach.unreached.extend(gone.map(|path| (host, path)));
            if reach.own_goes {
                reach.unguarded.insert(host);
            }
        }
        if reach.own_goes || gone.is_some() { Target::Poweroff } else { Target::Running }
    }

    /// Whether a path goes without which there is no way to what is behind it.
    fn path_goes(&self, plant: &Plant, path: usize, reach: &Reach) -> bool {
        let Some(path) = plant.paths.get(path).filter(|path| !path.has_alternative) else {
            return false;
        };
        match path.host {
            // This machine is no unit of that kind: nothing is cut off by it.
            Some(carrier) => {
                let of = |unit: &Unit| unit.kind == Kind::Host && unit.host == Some(carrier);
                let at = plant.graph.units().iter().position(of);
                at.and_then(|at| reach.targets.get(at)) == Some(&Target::Poweroff)
            }
            None => path.supply.is_some_and(|supply| self.live.contains_key(&supply)),
        }
    }

    /// Whether a host is not known to be on mains.
    fn is_unlit(&self, plant: &Plant, host: usize) -> bool {
        let feeds = plant.hosts.get(host).map(|host| host.supplies.as_slice()).unwrap_or_default();
        !feeds.is_empty()
            && feeds.iter().all(|supply| self.unlit.get(*supply).copied().unwrap_or(true))
    }

    /// The gravest live signal: falling before held.
    pub(crate) fn gravest(&self) -> Option<(usize, Phase)> {
        let live = self.live.iter().map(|(supply, phase)| (*supply, *phase));
        live.min_by_key(|(_, phase)| *phase != Phase::Falling)
    }

    /// What the supplies together ask of what they feed, if all of them ask: one whose mains are
    /// back holds it.
    pub(crate) fn signal_on(&self, feeds: &[usize]) -> Option<(usize, Phase)> {
        let live = feeds.iter().map(|supply| Some((*supply, *self.live.get(supply)?)));
        let live: Vec<(usize, Phase)> = live.collect::<Option<_>>()?;
        live.into_iter().min_by_key(|(_, phase)| *phase != Phase::Held)
    }
}

/// A server that is left when the rest goes is no quorum: it stops with them, and its host stays.
/// Returns how many would have been left.
fn stop_servers_with_the_api(plant: &Plant, targets: &mut [Target]) -> usize {
    let units = plant.graph.units();
    let api = units.iter().position(|unit| unit.kind == Kind::Api);
    let api = api.and_then(|api| targets.get(api)).copied().unwrap_or_default();
    let mut left = 0;
    for (unit, target) in units.iter().zip(targets) {
        if unit.kind == Kind::Server {
            left += usize::from(*target == Target::Running);
            *target = api.max(*target);
        }
    }
    left
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
