//! What a unit waits for although nothing in the graph holds it back. None of it is its own time:
//! a host that is held while a battery charges does not take longer than it may.
//!
//! The barrier before `uncordon` needs no code: a node is *after* `storage`, which is *after* every
//! agent and server, so nodes see those through it.

use std::time::Duration;

use ananke_crds::policy::Target;

use super::{host_name, own};
use crate::{
    assess::evidence,
    conditions::Reason,
    seen::Seen,
    signals::{Phase, stored},
    table::Wanted,
    unit::{Kind, Unit, UnitId},
    walk::{Row, Walk, energy_left},
};

/// Kept free beyond the halt of this host when it goes off at the last moment.
const LAST_MOMENT_MARGIN: Duration = Duration::from_secs(30);

/// The barrier of one decision: it looks at every node, so it is found once.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Barrier {
    /// Two nodes that are to go down and are not cordoned yet: none is drained before them. Two,
    /// because a node does not wait for itself.
    open: [Option<UnitId>; 2],
}

impl Barrier {
    /// The barrier of a walk.
    pub(crate) fn new(walk: &Walk<'_>) -> Self {
        let mut open = walk.iter().filter(|(_, unit, row)| {
            unit.kind == Kind::Node
                && row.wanted == Wanted::Down
                && !row.is_settled_down()
                && !row.stuck
                && !is_cordoned(walk, unit)
        });
        Self { open: [open.next().map(|(id, _, _)| id), open.next().map(|(id, _, _)| id)] }
    }
}

fn is_cordoned(walk: &Walk<'_>, unit: &Unit) -> bool {
    let node = unit.host.and_then(|host| walk.view.node(host));
    node.is_none_or(|node| node.unschedulable)
}

/// Why a unit that is free has to wait for others, if it has to.
pub(crate) fn not_its_turn(
    walk: &Walk<'_>,
    barrier: &Barrier,
    id: UnitId,
    unit: &Unit,
    row: &Row,
) -> Option<(Reason, String)> {
    let name = |id: UnitId| walk.unit(id).map_or("", |unit| &*unit.name);
    match (unit.kind, row.wanted) {
        (Kind::Host, Wanted::Down) if is_doomed(walk, unit, row) => None,
        (Kind::Host, Wanted::Down) => held_in_place(walk, unit),
        // Who told others to leave a supply for good has to follow.
        (Kind::Own, Wanted::Down) if !walk.view.journal.own_fsd_since.is_empty() => None,
        (Kind::Own, Wanted::Down) => held_in_place(walk, unit).or_else(|| last_moment(walk, unit)),
        // Else pods wander to the next node and are evicted again.
        (Kind::Node, Wanted::Down) if is_cordoned(walk, unit) => {
            let other = barrier.open.into_iter().flatten().find(|other| *other != id)?;
            let message = format!("drained together, waits for the cordon of {}", name(other));
            Some((Reason::DependencyNotReady, message))
        }
        _ => None,
    }
}

/// Mains are back, energy or time is missing: what is on stays on. Most hosts would not come back
/// by themselves, and those just started by the return of AC would be switched off again.
fn held_in_place(walk: &Walk<'_>, unit: &Unit) -> Option<(Reason, String)> {
    let plan = unit.host.and_then(|host| walk.view.plant.hosts.get(host));
    let feeds = plan.map(|host| host.supplies.as_slice()).unwrap_or_default();
    match walk.scope.signal_on(feeds) {
        Some((supply, Phase::Held)) if walk.view.plant.declared != Target::Poweroff => {
            let supply = walk.view.plant.supplies.get(supply)?;
            let message =
                format!("mains of {} are back: it stays on, nothing is started yet", supply.name);
            Some((Reason::HeldInPlace, message))
        }
        _ => None,
    }
}

/// Whether a held host would not come down in time if the mains went once more: its battery says so
/// by charge and by runtime, and nothing charges that fast. Only one that can be woken again, and
/// only one that was on when the mains went: what has booted since is not switched off again, also
/// where the mains were back before anybody heard of it.
fn is_doomed(walk: &Walk<'_>, unit: &Unit, row: &Row) -> bool {
    let (plant, snapshot) = (walk.view.plant, walk.view.snapshot);
    let Some(plan) = unit.host.and_then(|host| plant.hosts.get(host)) else { return false };
    let has_booted = |then| evidence::has_booted_since(walk.view, unit.host?, then);
    let needed = plant.shutdown.longest_halt + row.tail;
    let is_short = |supply: &usize| {
        let supply = plant.supplies.get(*supply)?;
        let seen = snapshot.supplies.get(&supply.name)?;
        let memory = walk.view.journal.supplies.get(&supply.name);
        let went = memory.and_then(|memory| memory.went);
        let since = went.or_else(|| evidence::returned(walk.view, &supply.name))?;
        let is_low = seen.value()?.charge_percent? < supply.trigger_min_charge;
        Some(is_low && !has_booted(since)? && stored(seen)? < needed)
    };
    plan.wakes
        && !plan.supplies.is_empty()
        && plan.supplies.iter().all(|supply| is_short(supply).unwrap_or(false))
}

/// This host watches on for as long as its battery allows, if the policy says so. With the runtime
/// untold that is now.
fn last_moment(walk: &Walk<'_>, unit: &Unit) -> Option<(Reason, String)> {
    let plant = walk.view.plant;
    if !plant.shutdown.powers_self_off_last_moment || plant.declared == Target::Poweroff {
        return None;
    }
    let feeds = unit.host.and_then(|host| plant.hosts.get(host)).map(|host| &host.supplies)?;
    // A UPS that says it is low may cut its output whatever runtime it tells.
    let is_lasting = |supply: &&usize| {
        let plan = plant.supplies.get(**supply);
        let seen = plan.and_then(|plan| walk.view.snapshot.supplies.get(&plan.name));
        let words = seen.and_then(Seen::value).map(|reading| reading.status.as_slice());
        !words.unwrap_or_default().iter().any(|word| word == "LB" || word == "FSD")
    };
    let lasting = feeds.iter().filter(is_lasting);
    let left = lasting.filter_map(|supply| energy_left(walk, *supply)).max()?;
    let needed = own::spent_before_halt(plant) + plant.shutdown.longest_halt + LAST_MOMENT_MARGIN;
    (left > needed).then(|| {
        let message =
            format!("{} stays on until its battery is nearly empty", host_name(plant, unit));
        (Reason::Progressing, message)
    })
}
