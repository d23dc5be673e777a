//! The topological order, and the cycle that forbids one.

use std::{cmp::Reverse, collections::BinaryHeap};

use super::{Adjacency, Edge, EdgeKind, Graph};
use crate::unit::{Unit, UnitId};

/// Units that wait on one another in a ring, in order; the first is named again at the end.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("these wait on one another: {}", .members.join(" → "))]
pub struct Cycle {
    /// The names.
    pub members: Vec<String>,
}

impl Graph {
    /// A graph of these units and edges.
    pub(super) fn new(
        units: Vec<Unit>,
        edges: &[(UnitId, UnitId, EdgeKind)],
    ) -> Result<Self, Cycle> {
        let below = group(units.len(), edges.iter().map(|(from, to, kind)| (*from, *to, *kind)));
        let above = group(units.len(), edges.iter().map(|(from, to, kind)| (*to, *from, *kind)));
        let mut graph = Self { units, below, above, order: Vec::new() };
        graph.order = order(&graph)?;
        Ok(graph)
    }
}

fn group(
    count: usize,
    edges: impl Iterator<Item = (UnitId, UnitId, EdgeKind)> + Clone,
) -> Adjacency {
    let mut offsets = vec![0_usize; count + 1];
    for (at, _, _) in edges.clone() {
        if let Some(slot) = offsets.get_mut(at.index() + 1) {
            *slot += 1;
        }
    }
    let mut sum = 0;
    for slot in &mut offsets {
        sum += *slot;
        *slot = sum;
    }
    let mut next = offsets.clone();
    let mut list = vec![Edge { to: UnitId(0), kind: EdgeKind::Reach }; sum];
    for (at, to, kind) in edges {
        if let Some(place) = next.get_mut(at.index())
            && let Some(slot) = list.get_mut(*place)
        {
            *slot = Edge { to, kind };
            *place += 1;
        }
    }
    Adjacency { offsets, edges: list }
}

/// Kahn's algorithm; of those that are free the first in the list goes first, so that the order
/// is the same everywhere.
fn order(graph: &Graph) -> Result<Vec<UnitId>, Cycle> {
    let ids = || (0_u32..).map(UnitId).take(graph.units.len());
    let mut missing: Vec<usize> = ids().map(|unit| graph.below(unit).len()).collect();
    let mut free: BinaryHeap<Reverse<UnitId>> =
        ids().filter(|unit| graph.below(*unit).is_empty()).map(Reverse).collect();
    let mut order = Vec::with_capacity(graph.units.len());
    while let Some(Reverse(unit)) = free.pop() {
        order.push(unit);
        for edge in graph.above(unit) {
            if let Some(left) = missing.get_mut(edge.to.index()) {
                *left -= 1;
                if *left == 0 {
                    free.push(Reverse(edge.to));
                }
            }
        }
    }
    if order.len() == graph.units.len() {
        return Ok(order);
    }
    let waiting = ids().find(|unit| missing.get(unit.index()).is_some_and(|left| *left > 0));
    Err(Cycle { members: ring(graph, &missing, waiting.unwrap_or(UnitId(0))) })
}

/// Walks down from a unit that waits, always to one that waits too, until it meets itself.
fn ring(graph: &Graph, missing: &[usize], from: UnitId) -> Vec<String> {
    let mut path = vec![from];
    loop {
        let here = path.last().copied().unwrap_or(from);
        let next = graph
            .below(here)
            .iter()
            .map(|edge| edge.to)
            .find(|to| missing.get(to.index()).is_some_and(|left| *left > 0));
        let Some(next) = next else { break };
        if let Some(start) = path.iter().position(|seen| *seen == next) {
            path.push(next);
            path.drain(..start);
            break;
        }
        path.push(next);
    }
    path.into_iter().filter_map(|id| graph.unit(id)).map(|unit| unit.name.to_string()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::unit::Kind;

    /// Units by name, of which each rests on others by their place.
    fn graph(units: &[(&str, &[u32])]) -> Result<Graph, Cycle> {
        let unit = |name: &str| Unit {
            kind: Kind::Host,
            name: name.into(),
            host: None,
            supply: None,
            ordinal: 0,
        };
        let edges: Vec<_> = (0..)
            .map(UnitId)
            .zip(units)
            .flat_map(|(from, (_, below))| {
                below.iter().map(move |to| (from, UnitId(*to), EdgeKind::Requires))
            })
            .collect();
        Graph::new(units.iter().map(|(name, _)| unit(name)).collect(), &edges)
    }

    #[test]
    fn each_unit_stands_behind_all_that_it_rests_on_and_the_first_goes_first() {
        let order = graph(&[("a", &[3]), ("b", &[]), ("c", &[0, 1]), ("d", &[])]);
        let order: Vec<u32> = order.iter().flat_map(Graph::upwards).map(|id| id.0).collect();
        assert_eq!(order, [1, 3, 0, 2]);
    }

    #[test]
    fn a_ring_is_named_without_what_only_waits_for_it() {
        let units: [(&str, &[u32]); 6] = [
            ("free", &[]),
            ("behind", &[2]),
            ("a", &[0, 3]),
            ("b", &[0, 4]),
            ("c", &[2]),
            ("beside", &[0]),
        ];
        let told = graph(&units).err().map(|cycle| cycle.to_string());
        assert_eq!(told.as_deref(), Some("these wait on one another: a → b → c → a"));
    }
}
