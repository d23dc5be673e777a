//! What is news and what is only the time going on.

use std::sync::Arc;

use ananke_core::{
    decision::{Decision, UnitReport},
    observe::{Snapshot, SupplyReading},
    seen::Seen,
    table::Wanted,
};
use ananke_crds::policy::{PowerPolicyStatus, SupplyStatus, UnitStatus};

use super::Scene;

/// Whether a turn has more to tell than the one before: anything but the time, and the figures of
/// a battery that runs down.
pub(super) fn is_news(before: &Scene, after: &Scene) -> bool {
    !Arc::ptr_eq(&before.in_force, &after.in_force)
        || before.complete != after.complete
        || before.disk != after.disk
        || before.damage != after.damage
        || before.in_flight != after.in_flight
        || decision_is_news(&before.decision, &after.decision)
        || words_are_news(&before.snapshot, &after.snapshot)
}

fn decision_is_news(before: &Decision, after: &Decision) -> bool {
    let Decision {
        at: _,
        effective,
        steps,
        waiting,
        blocked,
        units,
        budget,
        full_budget: _,
        seconds_left,
        telemetry,
        supplies,
        batteries: _,
        estimates,
        episode: _,
        began: _,
        ended: _,
        paused: _,
        lasted: _,
        way: _,
        off: _,
        back: _,
        own_wanted_up: _,
        look_again: _,
    } = after;
    before.effective != *effective
        || before.steps != *steps
        || before.waiting != *waiting
        || before.blocked != *blocked
        || before.units.len() != units.len()
        || before.units.iter().zip(units).any(|(before, after)| unit_is_news(before, after))
        || before.budget != *budget
        || before.seconds_left.is_some() != seconds_left.is_some()
        || before.telemetry != *telemetry
        || !before.supplies.values().map(|s| s.phase).eq(supplies.values().map(|s| s.phase))
        || !before.estimates.values().map(|e| e.basis).eq(estimates.values().map(|e| e.basis))
}

/// A unit that may be as it likes moves all the time (volumes come and go, a snapshot grows old).
fn unit_is_news(before: &UnitReport, after: &UnitReport) -> bool {
    let is_free =
        before.wanted == Wanted::Any && after.wanted == Wanted::Any && before.name == after.name;
    before != after && !is_free
}

/// Whether a supply says other words, or is no longer heard.
fn words_are_news(before: &Snapshot, after: &Snapshot) -> bool {
    fn words(seen: &Seen<SupplyReading>) -> Result<&[String], &str> {
        match seen {
            Seen::Known { value, .. } => Ok(&value.status),
            Seen::Unknown { why, .. } => Err(why.text()),
        }
    }
    !before.supplies.values().map(words).eq(after.supplies.values().map(words))
}

/// Whether a status differs in anything but the time and the figures of its supplies: at rest the
/// mirror in the cluster is not written.
pub(super) fn status_is_news(before: &PowerPolicyStatus, after: &PowerPolicyStatus) -> bool {
    let PowerPolicyStatus {
        effective_target,
        by,
        state,
        phase,
        sentence,
        observed_generation,
        last_reconcile: _,
        conditions,
        supplies,
        units,
    } = after;
    before.effective_target != *effective_target
        || before.by != *by
        || before.state != *state
        || before.phase != *phase
        || before.sentence != *sentence
        || before.observed_generation != *observed_generation
        || before.conditions != *conditions
        || before.units.len() != units.len()
        || before.units.iter().zip(units).any(|(b, a)| unit_status_is_news(b, a))
        || before.supplies.len() != supplies.len()
        || before.supplies.iter().zip(supplies).any(|(b, a)| supply_is_news(b, a))
}

fn unit_status_is_news(before: &UnitStatus, after: &UnitStatus) -> bool {
    let is_free = before.wanted == "any" && after.wanted == "any" && before.name == after.name;
    before != after && !is_free
}

fn supply_is_news(before: &SupplyStatus, after: &SupplyStatus) -> bool {
    let SupplyStatus { name, status, charge: _, runtime: _, trust, message, last_seen: _ } = after;
    before.name != *name
        || before.status != *status
        || before.trust != *trust
        || before.message != *message
}
