//! Ladders: the rungs of one unit in one direction, mildest first. Time spent and tries move them
//! on; what is seen of the unit chooses where they stand.

mod cluster;
mod drain;
mod machines;
mod own;
mod waits;

use std::time::Duration;

use crate::{
    assess::State,
    conditions::Reason,
    plant::Plant,
    step::{Action, PlannedStep, Rung},
    table::Wanted,
    unit::{Kind, Unit, UnitId},
    walk::{Row, Walk},
};

pub(crate) use waits::{Barrier, not_its_turn};

/// What a free unit may do now.
pub(crate) enum Offer {
    /// Take this step.
    Step(PlannedStep),
    /// Nothing, and why: a leaf of the explanation.
    Wait(Reason, String),
}

/// A rung that a ladder stands on.
pub(super) struct Try {
    rung: Rung,
    action: Action,
    deadline: Duration,
    gap: Duration,
}

/// Not where a no is an answer that time changes, and not where trying costs nothing.
const fn backs_off(rung: Rung) -> bool {
    !matches!(rung, Rung::Evict | Rung::Delete | Rung::DeleteShort | Rung::Wake)
}

fn times(count: u32) -> String {
    if count == 1 { "it failed".into() } else { format!("it failed {count} times") }
}

/// A call that the API answers at once.
pub(super) const API_CALL: Duration = Duration::from_secs(10);
/// The longest gap between two tries of one rung.
const LONGEST_GAP: Duration = Duration::from_secs(60);

/// The next step of a unit that nothing holds back, or what it waits for.
pub(crate) fn offer(walk: &Walk<'_>, id: UnitId, unit: &Unit, row: &Row) -> Offer {
    if let Some(wait) = lands(walk, unit, row) {
        return wait;
    }
    let found = match (unit.kind, row.wanted) {
        (Kind::Host, Wanted::Up) => machines::wake(walk, unit, row),
        (Kind::Host, _) => machines::power_off(walk, id, unit, row),
        (Kind::Own, Wanted::Down) => own::leave(walk, unit),
        (Kind::Server | Kind::Agent, Wanted::Up) => machines::start(walk, unit, row),
        (Kind::Server | Kind::Agent, _) => machines::stop(walk, unit, row),
        (Kind::Node, Wanted::Up) => Ok(drain::uncordon(walk, unit)),
        (Kind::Node, _) => drain::drain(walk, unit, row),
        (Kind::Storage, _) => drain::carriers_away(walk, unit, row),
        (Kind::Snapshot, _) => cluster::snapshot(walk, unit, row),
        (Kind::Gitops, Wanted::Up) => cluster::resume(walk),
        (Kind::Gitops, _) => cluster::suspend(walk),
        _ => Err(nothing_of_ours(unit, row)),
    };
    match found {
        Ok(attempt) => paced(walk, unit, attempt),
        Err((reason, message)) => Offer::Wait(reason, message),
    }
}

/// Whether the last step of a unit is still to land, or to be seen: it gets no second one before.
fn lands(walk: &Walk<'_>, unit: &Unit, row: &Row) -> Option<Offer> {
    if row.in_flight {
        return Some(Offer::Wait(Reason::Progressing, "step in flight".into()));
    }
    // Also one that went the other way: its effect may be there and not be seen yet.
    let touched = walk.view.journal.touched.get(&unit.name)?;
    let is_older = walk.view.snapshot.cluster.at().is_some_and(|at| at < *touched);
    is_older.then(|| Offer::Wait(Reason::Progressing, "looking what the last step did".into()))
}

pub(super) type Found = Result<Try, (Reason, String)>;

/// Leaf sentences.
pub(super) fn on_its_way() -> (Reason, String) {
    (Reason::Progressing, "on its way".into())
}

pub(super) fn not_seen(unit: &Unit, row: &Row) -> (Reason, String) {
    match row.state {
        State::Unknown(why) => {
            (Reason::of_unseen(why, unit.kind), format!("not seen: {}", why.text()))
        }
        _ => (Reason::HealthCheckFailed, "not seen".into()),
    }
}

fn nothing_of_ours(unit: &Unit, row: &Row) -> (Reason, String) {
    match row.state {
        State::Unknown(_) => not_seen(unit, row),
        State::Part(what) => (Reason::HealthCheckFailed, format!("nothing of ours to do: {what}")),
        State::Moving(_) => on_its_way(),
        State::Up | State::Down => {
            (Reason::HealthCheckFailed, "nothing of ours to do: not healthy".into())
        }
    }
}

/// Retries count per rung: one that succeeded must not delay the next one.
fn paced(walk: &Walk<'_>, unit: &Unit, attempt: Try) -> Offer {
    let now = walk.view.snapshot.now;
    let tries = walk.view.journal.tries(&unit.name, attempt.rung);
    let count = tries.map_or(0, |tries| tries.count);
    if let Some(tries) = tries {
        let failures = if tries.failure.is_some() && backs_off(attempt.rung) { count } else { 1 };
        let again = tries.last.plus(gap(attempt.gap, failures));
        if now < again {
            // No countdown: a sentence that changes every second would be written every second.
            let name = attempt.rung.name();
            let message = match &tries.failure {
                Some(why) => format!("{name} is tried again; {}: {why}", times(count)),
                None => format!("{name} is tried again if nothing changes"),
            };
            return Offer::Wait(retry_reason(tries.failure.is_some()), message);
        }
    }
    Offer::Step(PlannedStep {
        unit: unit.name.clone(),
        rung: attempt.rung,
        action: attempt.action,
        deadline: attempt.deadline,
        attempt: count.saturating_add(1),
    })
}

const fn retry_reason(failed: bool) -> Reason {
    if failed { Reason::ProgressingWithRetry } else { Reason::Progressing }
}

/// The gap doubles with every failure, up to a minute, so that a wait without end is a quiet one.
fn gap(first: Duration, failures: u32) -> Duration {
    let doubled = first.saturating_mul(2_u32.saturating_pow(failures.saturating_sub(1).min(16)));
    doubled.min(LONGEST_GAP.max(first))
}

/// Cordons a node ahead of its turn, so that the eviction barrier can fall.
pub(crate) fn offer_cordon(walk: &Walk<'_>, unit: &Unit, row: &Row) -> Offer {
    let cordon = || paced(walk, unit, drain::cordon(host_name(walk.view.plant, unit)));
    lands(walk, unit, row).unwrap_or_else(cordon)
}

/// The name of a unit's host.
pub(super) fn host_name(plant: &Plant, unit: &Unit) -> String {
    let host = unit.host.and_then(|host| plant.hosts.get(host));
    host.map_or_else(String::new, |host| host.name.clone())
}
