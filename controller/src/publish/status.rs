//! The status of a turn, as the custom resource has it.

use std::time::Duration;

use ananke_core::{
    conditions::{Condition as Verdict, Status},
    decision::UnitReport,
    seen::Seen,
    signals::Phase,
    text::Text,
    time::Tick,
};
use ananke_crds::{
    policy::{Condition, ConditionStatus, PowerPolicyStatus, SupplyStatus, UnitStatus},
    value::{GoDuration, Percent},
};

use super::{Live, Scene, sentence};

/// RFC 3339, in UTC, to the second.
pub fn timestamp(unix_seconds: i64) -> String {
    jiff::Timestamp::from_second(unix_seconds).unwrap_or_default().to_string()
}

pub(super) fn status(
    scene: &Scene,
    verdict: &[Verdict],
    before: Option<&PowerPolicyStatus>,
) -> PowerPolicyStatus {
    let decision = &scene.decision;
    let ready = verdict
        .iter()
        .any(|condition| condition.kind == "Ready" && condition.status == Status::True);
    PowerPolicyStatus {
        effective_target: Some(decision.effective.target),
        by: Some(decision.effective.by.clone()),
        state: sentence::state(decision, ready),
        phase: Some(phase(scene)),
        sentence: Some(sentence::sentence(decision, verdict)),
        observed_generation: scene.in_force.generation(),
        last_reconcile: Some(timestamp(scene.unix_seconds)),
        conditions: verdict.iter().map(|condition| dated(scene, condition, before)).collect(),
        supplies: supplies(scene),
        units: units(scene, before),
    }
}

fn units(scene: &Scene, before: Option<&PowerPolicyStatus>) -> Vec<UnitStatus> {
    // All three stand in the order of the units; those of before, unless the policy changed.
    let mut waiting = scene.decision.waiting.iter().peekable();
    let before = before.map(|before| before.units.as_slice()).unwrap_or_default();
    let mut in_order = before.iter();
    let told = scene.decision.units.iter().filter(|unit| !unit.name.starts_with("supply/"));
    told.map(|unit| {
        let waits = waiting.next_if(|waiting| waiting.unit == unit.name);
        let is_it = |known: &&UnitStatus| known.name == unit.name;
        let known = in_order.next().filter(is_it).or_else(|| before.iter().find(is_it));
        UnitStatus {
            name: unit.name.clone(),
            state: unit.state.clone(),
            wanted: Text::new_static(unit.wanted.as_str()),
            reason: waits.map(|waiting| Text::new_static(waiting.reason.as_str())),
            message: Some(unit.message.clone()).filter(|message| !message.is_empty()),
            since: known.and_then(|known| since(scene, unit, known)),
        }
    })
    .collect()
}

fn phase(scene: &Scene) -> String {
    let phases = scene.decision.supplies.values().map(|memory| memory.phase);
    match phases.max_by_key(|phase| (*phase != Phase::Clear, *phase == Phase::Falling)) {
        Some(Phase::Falling) => "falling",
        Some(Phase::Held) => "held",
        _ => "clear",
    }
    .into()
}

/// Since when a unit is in its state, as far as this daemon saw it.
fn since(scene: &Scene, unit: &UnitReport, known: &UnitStatus) -> Option<Text> {
    if known.state == unit.state {
        known.since.clone()
    } else {
        Some(timestamp(scene.unix_seconds).into())
    }
}

/// The transition time moves with the status only, as the API conventions say.
fn dated(scene: &Scene, condition: &Verdict, before: Option<&PowerPolicyStatus>) -> Condition {
    let status = match condition.status {
        Status::True => ConditionStatus::True,
        Status::False => ConditionStatus::False,
        Status::Unknown => ConditionStatus::Unknown,
    };
    let known = before
        .and_then(|before| before.conditions.iter().find(|c| c.condition_type == condition.kind))
        .filter(|known| known.status == status);
    Condition {
        condition_type: condition.kind.clone(),
        status,
        observed_generation: scene.in_force.generation(),
        last_transition_time: known.map_or_else(
            || timestamp(scene.unix_seconds),
            |known| known.last_transition_time.clone(),
        ),
        reason: condition.reason.as_str().into(),
        message: condition.message.clone(),
    }
}

fn wall(scene: &Scene, at: Tick) -> String {
    let ago = scene.snapshot.now.since(at).as_secs();
    timestamp(scene.unix_seconds.saturating_sub(i64::try_from(ago).unwrap_or(i64::MAX)))
}

fn supplies(scene: &Scene) -> Vec<SupplyStatus> {
    let status = |(name, seen): (&String, &Seen<ananke_core::observe::SupplyReading>)| {
        let reading = seen.value();
        let believed = scene.decision.telemetry.get(name);
        let (word, at) = match seen {
            Seen::Known { value, at } => (value.status.join(" "), *at),
            Seen::Unknown { why, since, .. } => (why.text().to_owned(), *since),
        };
        SupplyStatus {
            name: name.clone(),
            status: word,
            charge: reading.and_then(|r| r.charge_percent).map(Percent::saturating),
            runtime: reading
                .and_then(|r| r.runtime_seconds)
                .map(|seconds| GoDuration(Duration::from_secs(seconds))),
            trust: believed.map(|told| told.trust.name().to_owned()),
            message: believed.map(|told| told.message.clone()).filter(|text| !text.is_empty()),
            last_seen: Some(wall(scene, at)),
        }
    };
    scene.snapshot.supplies.iter().map(status).collect()
}

pub(super) fn live(scene: &Scene) -> Live {
    let decision = &scene.decision;
    Live {
        turned_unix_seconds: scene.turned_unix_seconds,
        complete: scene.complete,
        steps: scene.in_flight.clone(),
        leaves: decision
            .waiting
            .iter()
            .filter(|waiting| waiting.on.is_empty())
            .map(|waiting| format!("{}: {}", waiting.unit, waiting.message))
            .collect(),
        blocked: decision
            .blocked
            .iter()
            .map(|blocked| match &blocked.unit {
                Some(unit) => format!("{unit}: {}", blocked.message),
                None => blocked.message.to_string(),
            })
            .collect(),
        seconds_left: decision.seconds_left,
        budget_seconds: decision.budget.as_secs(),
        cause: decision.effective.cause.clone(),
        scope: decision.effective.scope.clone(),
        waiting: decision.waiting.clone(),
    }
}
