//! Forwards: what keeps a unit from going up.

use super::{Row, Walk};
use crate::{
    assess::State,
    blockers::Blockers,
    graph::{Edge, EdgeKind},
    table::Wanted,
    unit::{Kind, UnitId},
};

pub(super) fn forwards(walk: &mut Walk<'_>) {
    for id in walk.view.plant.graph.upwards() {
        let carries = gate(walk, id);
        let is_tried = walk.unit(id).is_some_and(|unit| {
            unit.kind == Kind::Host && unit.host.is_some_and(|host| walk.scope.is_tried(host))
        });
        let stuck = rests_on_stuck(walk, id);
        let behind = behind(walk, id);
        let Some(row) = walk.row_mut(id) else { continue };
        (row.carries, row.shut) = (carries, carries.filter(|_| !is_tried));
        row.stuck = row.stuck || (stuck && row.wanted == Wanted::Up);
        row.seen_through = match row.wanted {
            Wanted::Any => behind,
            Wanted::Up if row.state == State::Up && !row.in_flight => Blockers::NONE,
            Wanted::Up | Wanted::Down => Blockers::one(id),
        };
        if row.wanted == Wanted::Up {
            row.blockers = behind;
        }
    }
}

/// The supply whose shut gate is carried to this unit over *requires* and *k of n*: a host that is
/// up does not hide that its supply is on battery.
fn gate(walk: &Walk<'_>, id: UnitId) -> Option<usize> {
    let unit = walk.unit(id)?;
    if let Some(supply) = unit.supply {
        return walk.gates.get(supply).filter(|gate| !gate.is_open()).map(|_| supply);
    }
    let below = walk.view.plant.graph.below(id);
    let shut = |edge: &Edge| walk.row(edge.to).and_then(|row| row.carries);
    let required = below.iter().filter(|e| e.kind == EdgeKind::Requires).find_map(shut);
    required.or_else(|| {
        let (mut open, mut needed, mut closed) = (0, 0, None);
        for edge in below {
            if let EdgeKind::KOfN { needed: k } = edge.kind {
                needed = k;
                match shut(edge) {
                    None => open += 1,
                    Some(supply) => closed = closed.or(Some(supply)),
                }
            }
        }
        closed.filter(|_| open < needed)
    })
}

fn rests_on_stuck(walk: &Walk<'_>, id: UnitId) -> bool {
    let below = walk.view.plant.graph.below(id);
    let is_stuck = |edge: &Edge| {
        walk.row(edge.to)
            .is_some_and(|row| row.stuck && row.wanted == Wanted::Up && row.state != State::Up)
    };
    let is_needed = |edge: &Edge| match edge.kind {
        EdgeKind::Requires => true,
        EdgeKind::Started => walk.row(edge.to).is_some_and(|row| !is_half_way(walk, edge.to, row)),
        _ => false,
    };
    if below.iter().any(|edge| is_needed(edge) && is_stuck(edge)) {
        return true;
    }
    let mut group = below.iter().filter_map(|edge| match edge.kind {
        EdgeKind::KOfN { needed } => Some((needed, is_stuck(edge))),
        _ => None,
    });
    let (mut free, mut needed) = (0, 0);
    for (k, stuck) in &mut group {
        needed = k;
        free += u32::from(!stuck);
    }
    free < needed
}

/// Everything that a unit waits on.
fn behind(walk: &Walk<'_>, id: UnitId) -> Blockers {
    let mut blockers = Blockers::NONE;
    let mut group = Blockers::NONE;
    let (mut ready, mut needed) = (0, 0);
    for edge in walk.view.plant.graph.below(id) {
        let Some(row) = walk.row(edge.to) else { continue };
        match edge.kind {
            EdgeKind::Requires => blockers.join(&row.seen_through),
            EdgeKind::KOfN { needed: k } => {
                needed = k;
                if row.seen_through.is_empty() {
                    ready += 1;
                } else {
                    group.join(&row.seen_through);
                }
            }
            EdgeKind::After => blockers.join(&row.seen_through.filtered(|on| holds(walk, on))),
            EdgeKind::Started if is_half_way(walk, edge.to, row) => {}
            EdgeKind::Started => blockers.join(&row.seen_through),
            EdgeKind::Reach => {}
        }
    }
    if ready < needed {
        blockers.join(&group);
    }
    blockers
}

/// An *after* edge passes what is not wanted up and what is stuck.
fn holds(walk: &Walk<'_>, on: UnitId) -> bool {
    walk.row(on).is_some_and(|row| row.wanted == Wanted::Up && !row.stuck)
}

fn is_half_way(walk: &Walk<'_>, id: UnitId, row: &Row) -> bool {
    row.state == State::Up
        || walk.unit(id).is_some_and(|unit| unit.kind == Kind::Layer && walk.view.is_started(unit))
}
