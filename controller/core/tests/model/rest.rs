//! Liveness: once nothing fails any more, the world reaches its target and rests there.
//!
//! stateright's own `eventually` is not used: it takes a state that was met before for no end of a
//! path, so a run that goes round for ever is not found, and where two paths meet it may keep the
//! word of one for both. Instead every move without a fault is noted while the model is explored,
//! and the graph of them is judged as a whole: a state in which nothing more happens, or to which
//! the world comes back again and again, must be at the target.

use std::{
    collections::{BTreeSet, HashMap},
    sync::Mutex,
};

use ananke_core::{
    journal::InFlight,
    plant::{HostPlan, Role},
    step::Action,
};
use ananke_crds::policy::Target;

use super::{
    model::{Cluster, Move, State},
    world::{Battery, Machine, place, quorum},
};

/// What is claimed of a state if nothing fails from here on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Claim {
    /// All mains are there and all batteries are full: it ends as declared.
    Lit,
    /// All mains are away and the batteries are low: it ends with everything off.
    Dark,
}

/// Between these nothing is claimed: mains come back, a battery runs down or is charged. Nor is it
/// once a quorum is lost for good, but for the dark.
fn claim(cluster: &Cluster, state: &State) -> Option<Claim> {
    let plant = cluster.plant(state.declared);
    let is_left =
        |(host, machine): &(&HostPlan, &Machine)| host.role == Role::Server && !machine.is_lost;
    let has_quorum = state.world.each(plant).filter(is_left).count() >= quorum(plant);
    let all = |is: fn(bool, Battery) -> bool| {
        state.world.supplies.iter().all(|supply| is(supply.mains, supply.battery))
    };
    if state.broken.is_some() {
        None
    } else if has_quorum && all(|mains, battery| mains && battery == Battery::Full) {
        Some(Claim::Lit)
    } else if all(|mains, battery| !mains && battery == Battery::Low) {
        Some(Claim::Dark)
    } else {
        None
    }
}

#[derive(Default)]
struct Node {
    claim: Option<Claim>,
    is_there: bool,
    next: Vec<u64>,
}

const SHARDS: usize = 16;

/// The graph of all moves without a fault.
pub(crate) struct Calm {
    shards: [Mutex<HashMap<u64, Node>>; SHARDS],
}

impl Calm {
    pub(crate) fn new() -> Self {
        Self { shards: std::array::from_fn(|_| Mutex::default()) }
    }

    fn shard(&self, print: u64) -> &Mutex<HashMap<u64, Node>> {
        &self.shards[usize::try_from(print % SHARDS as u64).unwrap()]
    }

    /// Notes a state.
    pub(crate) fn visit(&self, cluster: &Cluster, state: &State) {
        let Some(claim) = claim(cluster, state) else { return };
        let target = if claim == Claim::Dark { Target::Poweroff } else { state.declared };
        let plant = cluster.plant(state.declared);
        // A lost one is woken again and again.
        let is_in_vain = |flight: &InFlight| {
            let Action::Wake { host } = &flight.step.action else { return false };
            state.world.machines[place(plant, host)].is_lost
        };
        let is_there =
            state.journal.in_flight.values().all(is_in_vain) && state.world.is_at(plant, target);
        let print = state.print();
        let mut shard = self.shard(print).lock().unwrap();
        let node = shard.entry(print).or_default();
        (node.claim, node.is_there) = (Some(claim), is_there);
    }

    /// Notes a move, if it is owed.
    pub(crate) fn follow(&self, cluster: &Cluster, state: &State, event: &Move, next: &State) {
        let is_owed = matches!(
            event,
            Move::Decide
                | Move::Return(_)
                | Move::Land(..)
                | Move::Arrive(_)
                | Move::Wait
                | Move::OwnBoots
        );
        if !is_owed || claim(cluster, state).is_none() {
            return;
        }
        let print = state.print();
        let mut shard = self.shard(print).lock().unwrap();
        let node = shard.entry(print).or_default();
        let to = next.print();
        if !node.next.contains(&to) {
            node.next.push(to);
        }
    }

    /// The states that the world does not leave any more, and that are not at the target.
    pub(crate) fn judge(&self) -> BTreeSet<u64> {
        let mut graph = HashMap::new();
        for shard in &self.shards {
            graph.extend(std::mem::take(&mut *shard.lock().unwrap()));
        }
        graph.retain(|_, node| node.claim.is_some());
        let mut wrong = BTreeSet::new();
        for knot in knots(&graph) {
            let is_end = knot.len() > 1 || graph[&knot[0]].next.iter().all(|next| *next == knot[0]);
            if is_end {
                wrong.extend(knot.into_iter().filter(|print| !graph[print].is_there));
            }
        }
        wrong
    }
}

/// States that can be reached from one another, by Tarjan's algorithm; a state alone is one too.
fn knots(graph: &HashMap<u64, Node>) -> Vec<Vec<u64>> {
    let mut roots: Vec<u64> = graph.keys().copied().collect();
    roots.sort_unstable();
    let mut search = Search { graph, at: HashMap::new(), stack: Vec::new(), found: Vec::new() };
    for root in roots {
        if !search.at.contains_key(&root) {
            search.from(root);
        }
    }
    search.found
}

struct Place {
    index: usize,
    low: usize,
    is_open: bool,
}

struct Search<'g> {
    graph: &'g HashMap<u64, Node>,
    at: HashMap<u64, Place>,
    stack: Vec<u64>,
    found: Vec<Vec<u64>>,
}

impl Search<'_> {
    fn open(&mut self, print: u64) {
        let index = self.at.len();
        self.at.insert(print, Place { index, low: index, is_open: true });
        self.stack.push(print);
    }

    fn lower(&mut self, print: u64, low: usize) {
        let place = self.at.get_mut(&print).unwrap();
        place.low = place.low.min(low);
    }

    fn from(&mut self, root: u64) {
        self.open(root);
        let mut trail = vec![(root, 0)];
        while let Some((print, nth)) = trail.pop() {
            if let Some(next) = self.graph[&print].next.get(nth).copied() {
                trail.push((print, nth + 1));
                match self.at.get(&next) {
                    Some(place) if place.is_open => self.lower(print, place.index),
                    Some(_) => {}
                    None if self.graph.contains_key(&next) => {
                        self.open(next);
                        trail.push((next, 0));
                    }
                    // Nothing is claimed there.
                    None => {}
                }
                continue;
            }
            let Place { index, low, .. } = self.at[&print];
            if let Some((above, _)) = trail.last() {
                self.lower(*above, low);
            }
            if low == index {
                self.close(print);
            }
        }
    }

    fn close(&mut self, root: u64) {
        let begins = self.stack.iter().rposition(|print| *print == root).unwrap();
        let knot = self.stack.split_off(begins);
        for print in &knot {
            self.at.get_mut(print).unwrap().is_open = false;
        }
        self.found.push(knot);
    }
}
