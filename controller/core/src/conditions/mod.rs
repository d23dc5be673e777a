//! Conditions, kstatus-compatible: a pure table over a decision.

mod reason;

pub use reason::Reason;

use std::collections::BTreeSet;

use ananke_crds::policy::Target;
use serde::{Deserialize, Serialize};

use crate::{decision::Decision, table::Wanted, unit::Kind};

/// The status of a condition.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Status {
    /// Holds.
    True,
    /// Does not hold.
    False,
    /// Not known.
    Unknown,
}

impl Status {
    /// As Kubernetes spells it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::True => "True",
            Self::False => "False",
            Self::Unknown => "Unknown",
        }
    }
}

/// A condition without its times: those belong to whoever publishes it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Condition {
    /// `Ready`, `Reconciling`, `Stalled`, or one of the domain's.
    #[serde(rename = "type")]
    pub kind: String,
    /// Its status.
    pub status: Status,
    /// Why.
    pub reason: Reason,
    /// One sentence.
    pub message: String,
}

impl Condition {
    fn new(kind: &str, status: Status, reason: Reason, message: impl Into<String>) -> Self {
        Self { kind: kind.into(), status, reason, message: message.into() }
    }
}

/// The word for a world that is as its target says.
pub const fn state_word(target: Target) -> &'static str {
    match target {
        Target::Running => "Running",
        Target::ClusterOnlyDown => "ClusterDown",
        Target::Poweroff => "PoweredOff",
    }
}

/// All conditions of a decision: `Ready` first, the abnormal ones only when they are true.
pub fn conditions(decision: &Decision) -> Vec<Condition> {
    let mut all = summary(decision);
    all.extend(domain(decision));
    all
}

fn summary(decision: &Decision) -> Vec<Condition> {
    let ready = |status, reason, message: &str| Condition::new("Ready", status, reason, message);
    let reconciling =
        |reason, message: &str| Condition::new("Reconciling", Status::True, reason, message);
    let stalled = |reason, message: &str| Condition::new("Stalled", Status::True, reason, message);

    let mut calls = decision.blocked.iter().filter(|b| b.reason.needs_a_person());
    if let Some(blocked) = calls.next() {
        let mut text = sentence(blocked.unit.as_deref(), &blocked.message);
        let others: BTreeSet<_> = calls.map(|other| &other.unit).collect();
        let others = others.into_iter().filter(|unit| **unit != blocked.unit).count();
        if others > 0 {
            text = format!("{text} (and {others} more: `ananke status`)");
        }
        return vec![ready(Status::False, blocked.reason, &text), stalled(blocked.reason, &text)];
    }
    if let Some(held) = decision.blocked.iter().find(|blocked| is_hold(blocked.reason))
        && !is_at_target(decision)
        && !is_acting(decision)
    {
        return vec![ready(Status::False, held.reason, &held.message)];
    }
    if is_at_target(decision) {
        let word = state_word(decision.effective.target);
        let text =
            format!("{word}: every unit is where target {} wants it", decision.effective.target);
        return vec![ready(Status::True, Reason::ReconciliationSucceeded, &text)];
    }
    if let Some(blocked) = decision.blocked.iter().find(|blocked| !is_hold(blocked.reason)) {
        let text = sentence(blocked.unit.as_deref(), &blocked.message);
        return vec![
            ready(Status::False, blocked.reason, &text),
            reconciling(blocked.reason, &text),
        ];
    }
    in_progress(decision, ready, reconciling)
}

const fn is_hold(reason: Reason) -> bool {
    matches!(reason, Reason::Suspended | Reason::OnHold)
}

/// Whether something moves all the same: holds do not bind what a supply asks for.
fn is_acting(decision: &Decision) -> bool {
    let mut leaves = decision.waiting.iter().filter(|waiting| waiting.on.is_empty());
    !decision.steps.is_empty() || leaves.any(|leaf| !is_hold(leaf.reason))
}

fn in_progress(
    decision: &Decision,
    ready: impl Fn(Status, Reason, &str) -> Condition,
    reconciling: impl Fn(Reason, &str) -> Condition,
) -> Vec<Condition> {
    let leaves = || decision.waiting.iter().filter(|waiting| waiting.on.is_empty());
    let retrying = leaves().find(|leaf| leaf.reason == Reason::ProgressingWithRetry);
    if let Some(retrying) = retrying {
        let text = sentence(Some(&retrying.unit), &retrying.message);
        let reason = Reason::ProgressingWithRetry;
        return vec![ready(Status::False, reason, &text), reconciling(reason, &text)];
    }
    let under_way = decision
        .steps
        .first()
        .map(|step| format!("{}: {} (try {})", step.unit, step.rung.name(), step.attempt));
    let moving = leaves().find(|leaf| leaf.reason == Reason::Progressing);
    if let Some(text) =
        under_way.or_else(|| moving.map(|leaf| sentence(Some(&leaf.unit), &leaf.message)))
    {
        return vec![
            ready(Status::Unknown, Reason::Progressing, &text),
            reconciling(Reason::Progressing, &text),
        ];
    }
    let leaf = leaves().next().or_else(|| decision.waiting.first());
    let (reason, text) = leaf.map_or_else(
        || (Reason::NotObserved, "nothing is known yet".to_owned()),
        |leaf| (leaf.reason, sentence(Some(&leaf.unit), &leaf.message)),
    );
    vec![ready(Status::False, reason, &text), reconciling(reason, &text)]
}

fn sentence(unit: Option<&str>, message: &str) -> String {
    unit.map_or_else(|| message.to_owned(), |unit| format!("{unit}: {message}"))
}

fn is_at_target(decision: &Decision) -> bool {
    decision.units.iter().all(|unit| unit.arrived)
}

/// The domain's own conditions.
fn domain(decision: &Decision) -> Vec<Condition> {
    let mut all = Vec::new();
    let of_kind = |kind: Kind| {
        decision.units.iter().filter(move |unit| {
            unit.name.split('/').next() == Some(kind.as_str()) && unit.wanted != Wanted::Any
        })
    };
    let supplies = decision.units.iter().filter(|unit| unit.name.starts_with("supply/"));
    let troubled = supplies.clone().find(|unit| !unit.message.is_empty());
    all.push(match troubled {
        Some(supply) => {
            let reason = supply.reason.unwrap_or(Reason::PowerUnknown);
            Condition::new("PowerStable", Status::False, reason, &*supply.message)
        }
        None if supplies.clone().next().is_none() => Condition::new(
            "PowerStable",
            Status::Unknown,
            Reason::PowerUnknown,
            "the policy names no supply: there is no protection",
        ),
        None => Condition::new(
            "PowerStable",
            Status::True,
            Reason::ReconciliationSucceeded,
            "every supply is on mains",
        ),
    });
    all.extend(supplies_trusted(decision));
    for (name, kind, reason) in [
        ("HostsReachable", Kind::Host, Reason::HostUnreachable),
        ("APIAvailable", Kind::Api, Reason::APIUnavailable),
    ] {
        let mut units = of_kind(kind).filter(|unit| unit.wanted == Wanted::Up).peekable();
        if units.peek().is_none() {
            continue;
        }
        all.push(match units.find(|unit| !unit.arrived) {
            Some(unit) => Condition::new(
                name,
                Status::False,
                reason,
                format!("{}: {}", unit.name, unit.message),
            ),
            None => Condition::new(name, Status::True, Reason::ReconciliationSucceeded, "seen"),
        });
    }
    all
}

/// Whether what the supplies tell can be relied on; absent where there are none.
fn supplies_trusted(decision: &Decision) -> Option<Condition> {
    if decision.telemetry.is_empty() {
        return None;
    }
    let believed = (Status::True, Reason::ReconciliationSucceeded, "every supply is believed");
    let doubt = decision.telemetry.values().find_map(|told| Some((told.reason?, told)));
    let (status, reason, message) =
        doubt.map_or(believed, |(reason, told)| (Status::False, reason, told.message.as_str()));
    Some(Condition::new("SuppliesTrusted", status, reason, message))
}
