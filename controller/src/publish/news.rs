//! What is news and what is only the time going on.

use ananke_crds::policy::{PowerPolicyStatus, SupplyStatus, UnitStatus};

use super::{Live, Published};

/// Whether the figures that move all the time are news.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Figures {
    /// Another charge, runtime or time left is news, and another state of a unit nobody wants moved.
    Count,
    /// It is not.
    Aside,
}

/// Whether anything but the time of the turn differs.
pub(super) fn is_news(before: &Published, after: &Published, figures: Figures) -> bool {
    let Published { api_version: _, kind: _, metadata, spec, status, live } = after;
    before.metadata != *metadata
        || before.spec != *spec
        || status_is_news(&before.status, status, figures)
        || live_is_news(&before.live, live, figures)
}

/// The same of a status alone.
pub(super) fn status_is_news(
    before: &PowerPolicyStatus,
    after: &PowerPolicyStatus,
    figures: Figures,
) -> bool {
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
        || before.units.iter().zip(units).any(|(b, a)| unit_is_news(b, a, figures))
        || before.supplies.len() != supplies.len()
        || before.supplies.iter().zip(supplies).any(|(b, a)| supply_is_news(b, a, figures))
}

/// A unit that may be as it likes moves all the time (volumes come and go, a snapshot grows old):
/// that is a figure too.
fn unit_is_news(before: &UnitStatus, after: &UnitStatus, figures: Figures) -> bool {
    let is_free = before.wanted == "any" && after.wanted == "any" && before.name == after.name;
    before != after && (figures == Figures::Count || !is_free)
}

fn supply_is_news(before: &SupplyStatus, after: &SupplyStatus, figures: Figures) -> bool {
    let SupplyStatus { name, status, charge, runtime, trust, message, last_seen: _ } = after;
    before.name != *name
        || before.status != *status
        || before.trust != *trust
        || before.message != *message
        || (figures == Figures::Count && (before.charge != *charge || before.runtime != *runtime))
}

fn live_is_news(before: &Live, after: &Live, figures: Figures) -> bool {
    let Live {
        turned_unix_seconds: _,
        complete,
        steps,
        leaves,
        blocked,
        seconds_left,
        budget_seconds,
        cause,
        waiting,
    } = after;
    before.complete != *complete
        || before.steps != *steps
        || before.leaves != *leaves
        || before.blocked != *blocked
        || before.budget_seconds != *budget_seconds
        || before.cause != *cause
        || before.waiting != *waiting
        || (figures == Figures::Count && before.seconds_left != *seconds_left)
        || before.seconds_left.is_some() != seconds_left.is_some()
}
