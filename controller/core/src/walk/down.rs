//! Backwards: what keeps a unit from going down.

use std::time::Duration;

use super::{Row, Walk};
use crate::{
    blockers::Blockers,
    seen::Seen,
    signals::{Gate, Phase},
    step::Rung,
    table::Wanted,
    unit::{Kind, Unit, UnitId},
};

/// Kept free of the tail: a unit is left when less energy than this and its tail remains.
const MARGIN: Duration = Duration::from_secs(5);

pub(super) fn backwards(walk: &mut Walk<'_>) {
    let order: Vec<UnitId> = walk.view.plant.graph.upwards().collect();
    for id in order.into_iter().rev() {
        let mut behind = behind(walk, id);
        // All others were off when it told the rest to leave; mains that are back only void what
        // was known of that.
        let is_leaving = walk.unit(id).is_some_and(|unit| unit.kind == Kind::Own)
            && !walk.view.journal.own_fsd_since.is_empty();
        if is_leaving {
            behind = Blockers::NONE;
        }
        let is_host = walk.unit(id).is_some_and(|unit| unit.kind == Kind::Host);
        let left = is_out_of_time(walk, id);
        let Some(row) = walk.row_mut(id) else { continue };
        if row.wanted == Wanted::Down {
            row.left = left && !(row.state == crate::assess::State::Down);
            row.blockers = behind;
        }
        row.seen_through = match row.wanted {
            Wanted::Down if !row.is_settled_down() => Blockers::one(id),
            // Through settled ones too: a worker that lost its agent early does not let its host
            // overtake a quiesce that is still running.
            Wanted::Down | Wanted::Any => behind,
            // Services stop on hosts that stay on, too, as long as there is a way to them.
            Wanted::Up if is_host => behind,
            Wanted::Up => Blockers::NONE,
        };
    }
}

fn behind(walk: &Walk<'_>, id: UnitId) -> Blockers {
    let mut blockers = Blockers::NONE;
    for edge in walk.view.plant.graph.above(id) {
        if let Some(row) = walk.row(edge.to) {
            blockers.join(&row.seen_through);
        }
    }
    blockers
}

/// Only under an energy deadline, and without memory or timer: it moves by itself with the load.
fn is_out_of_time(walk: &Walk<'_>, id: UnitId) -> bool {
    let Some(unit) = walk.unit(id) else { return false };
    if unit.kind == Kind::Own {
        return false;
    }
    let Some(row) = walk.row(id) else { return false };
    if unit.kind == Kind::Host && !may_be_left(walk, unit, row) {
        return false;
    }
    row.due.is_some_and(|due| due < MARGIN)
}

/// Telling a host to go off costs no time, so it is told however little energy a supply tells of:
/// some tell none from `LB` on, and last for minutes. Then it is left, for what goes off after it.
fn may_be_left(walk: &Walk<'_>, unit: &Unit, row: &Row) -> bool {
    let was_told = walk.view.journal.tries(&unit.name, Rung::PowerOff).is_some();
    let facts = unit.host.and_then(|host| walk.view.facts(host));
    let answers = facts.and_then(Seen::value).is_some();
    !row.tail.is_zero() && (was_told || !answers)
}

/// How long a unit may still take before what is below it runs short of energy; `None` while no
/// battery is raced.
pub(crate) fn spare(row: &Row) -> Option<Duration> {
    Some(row.due?.saturating_sub(MARGIN))
}

/// How long the batteries behind a host last, if all its feeds run on one and tell it: one that is
/// fed twice is on until the last of them is empty.
pub(super) fn battery_of(walk: &Walk<'_>, host: usize) -> Option<Duration> {
    let is_raced = |supply: &usize| {
        walk.scope.live.get(supply) == Some(&Phase::Falling)
            || walk.gates.get(*supply) == Some(&Gate::OnBattery)
    };
    let feeds = &walk.view.plant.hosts.get(host)?.supplies;
    let left = feeds.iter().map(|supply| energy_left(walk, *supply).filter(|_| is_raced(supply)));
    left.collect::<Option<Vec<_>>>()?.into_iter().max()
}

/// The runtime that a supply is believed to have had last, time since taken off.
pub(crate) fn energy_left(walk: &Walk<'_>, supply: usize) -> Option<Duration> {
    let name = &walk.view.plant.supplies.get(supply)?.name;
    let seen = walk.view.supply(supply)?;
    let memory = walk.view.journal.supplies.get(name);
    let (runtime, at) = match seen {
        Seen::Known { value, at } => (value.runtime_seconds?, *at),
        Seen::Unknown { .. } => (memory?.last_runtime_seconds?, memory?.last_heard?),
    };
    Some(Duration::from_secs(runtime).saturating_sub(walk.view.snapshot.now.since(at)))
}
