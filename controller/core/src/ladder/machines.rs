//! Hosts and services: wake, start, stop, kill, end containers, power off.

use std::time::Duration;

use super::{Found, Try, host_name, not_seen, on_its_way};
use crate::{
    assess::{Direction, LOOKED_AT, State},
    conditions::Reason,
    observe::{ActiveState, HostFacts},
    seen::{Seen, Unseen},
    step::{Action, Rung, Service},
    unit::{Kind, Unit, UnitId},
    walk::{Row, Walk},
};

/// A wake costs nothing and may be lost: it is repeated until the host answers.
const WAKE_GAP: Duration = Duration::from_secs(15);
const WAKE_CALL: Duration = Duration::from_secs(35);
/// An SSH command that only queues a job.
pub(super) const QUICK_CALL: Duration = Duration::from_secs(15);
const START_GAP: Duration = Duration::from_secs(10);
const STOP_GAP: Duration = Duration::from_secs(5);
const KILL_CALL: Duration = Duration::from_secs(30);
/// `k3s-killall.sh` gives each shim its time and unmounts.
const END_CONTAINERS_CALL: Duration = Duration::from_secs(60);
/// How often a rung is tried before the next one is taken.
const STOPS: u32 = 2;
/// A poweroff whose connection was cut may still be under way.
pub(super) const POWER_OFF_GAP: Duration = Duration::from_secs(15);

pub(super) fn wake(walk: &Walk<'_>, unit: &Unit, row: &Row) -> Found {
    let host = host_name(walk.view.plant, unit);
    let wakes = unit.host.and_then(|at| walk.view.plant.hosts.get(at)).is_some_and(|h| h.wakes);
    match row.state {
        // What answers and is going off is woken once it is off; a wake now is lost.
        State::Moving(Direction::Down) if answers(walk, unit) => Err(on_its_way()),
        // What refuses us is on, and what was not looked at yet may be.
        State::Unknown(
            Unseen::HostKey | Unseen::Refused | Unseen::Closed | Unseen::Garbage | Unseen::NotYet,
        ) => Err(not_seen(unit, row)),
        _ if !wakes => Err((
            Reason::HostUnreachable,
            "does not answer and the policy has no `wake` for it: turn it on by hand".into(),
        )),
        _ => Ok(Try {
            rung: Rung::Wake,
            action: Action::Wake { host },
            deadline: WAKE_CALL,
            gap: WAKE_GAP,
        }),
    }
}

fn facts<'a>(walk: &Walk<'a>, unit: &Unit) -> Option<&'a HostFacts> {
    walk.view.facts(unit.host?)?.value()
}

fn answers(walk: &Walk<'_>, unit: &Unit) -> bool {
    facts(walk, unit).is_some()
}

const fn service_of(kind: Kind) -> Service {
    if matches!(kind, Kind::Server) { Service::Server } else { Service::Agent }
}

fn active_state(facts: &HostFacts, service: Service) -> Option<ActiveState> {
    let state = match service {
        Service::Server => &facts.server,
        Service::Agent => &facts.agent,
    };
    state.as_ref().map(|state| state.active)
}

/// Whether the host was seen since the last step on this unit returned.
fn is_seen_since(walk: &Walk<'_>, unit: &Unit) -> bool {
    let returned =
        walk.view.journal.tries.get(&unit.name).into_iter().flat_map(|rungs| rungs.values());
    let last = returned.filter_map(|tries| tries.ended).max();
    let seen = unit.host.and_then(|host| walk.view.facts(host)).and_then(Seen::at);
    match (last, seen) {
        (None, _) => true,
        (Some(last), Some(seen)) => seen > last,
        (Some(_), None) => false,
    }
}

fn looking() -> (Reason, String) {
    (Reason::Progressing, "looking what the last step did".into())
}

pub(super) fn start(walk: &Walk<'_>, unit: &Unit, row: &Row) -> Found {
    let Some(facts) = facts(walk, unit) else { return Err(not_seen(unit, row)) };
    if !is_seen_since(walk, unit) {
        return Err(looking());
    }
    let service = service_of(unit.kind);
    match (&row.state, active_state(facts, service)) {
        // `start` waits while the service is `deactivating`.
        (State::Moving(_), _) => Err(on_its_way()),
        (State::Part(what), Some(ActiveState::Active)) => {
            Err((Reason::HealthCheckFailed, (*what).into()))
        }
        (_, None) => Err((
            Reason::HealthCheckFailed,
            "its service is not installed: check `role` in the policy".into(),
        )),
        _ => Ok(Try {
            rung: Rung::Start,
            action: Action::StartService { host: host_name(walk.view.plant, unit), service },
            deadline: QUICK_CALL,
            gap: START_GAP,
        }),
    }
}

pub(super) fn stop(walk: &Walk<'_>, unit: &Unit, row: &Row) -> Found {
    let Some(facts) = facts(walk, unit) else { return Err(not_seen(unit, row)) };
    if !is_seen_since(walk, unit) {
        return Err(looking());
    }
    let service = service_of(unit.kind);
    let host = host_name(walk.view.plant, unit);
    let tries = |rung| walk.view.journal.tries(&unit.name, rung).map_or(0, |tries| tries.count);
    let attempt = match active_state(facts, service) {
        None | Some(ActiveState::Inactive | ActiveState::Failed) => Try {
            rung: Rung::EndContainers,
            action: Action::EndContainers { host },
            deadline: END_CONTAINERS_CALL,
            gap: STOP_GAP,
        },
        Some(ActiveState::Deactivating) if !is_late(walk, row) => return Err(on_its_way()),
        // Without an API an agent never leaves `activating`: stop must be sent to it.
        // What was killed while it ran is started again by its systemd, so each kill earns a stop.
        Some(ActiveState::Active | ActiveState::Activating)
            if tries(Rung::Stop) < STOPS.saturating_add(tries(Rung::Kill)) =>
        {
            Try {
                rung: Rung::Stop,
                action: Action::StopService { host, service },
                deadline: walk.view.plant.shutdown.service_timeout,
                gap: STOP_GAP,
            }
        }
        Some(_) => Try {
            rung: Rung::Kill,
            action: Action::KillService { host, service },
            deadline: KILL_CALL,
            gap: STOP_GAP,
        },
    };
    Ok(attempt)
}

/// Whether a service has been on its way down for longer than stopping it may take.
fn is_late(walk: &Walk<'_>, row: &Row) -> bool {
    let now = walk.view.snapshot.now;
    row.turn.is_some_and(|turn| now.since(turn) > walk.view.plant.shutdown.service_timeout)
}

pub(super) fn power_off(walk: &Walk<'_>, id: UnitId, unit: &Unit, row: &Row) -> Found {
    match row.state {
        State::Moving(_) => Err(on_its_way()),
        // A poweroff waits until the host answers.
        _ if !answers(walk, unit) => Err(not_seen(unit, row)),
        // At rest it was looked at a minute ago: somebody may have booted it since.
        _ if !is_seen_of_late(walk, unit) => {
            Err((Reason::Progressing, "looking at it once more".into()))
        }
        _ if facts(walk, unit).is_some_and(|facts| facts.containers + facts.volumes > 0)
            && !is_service_left(walk, id) =>
        {
            Err((Reason::DependencyNotReady, "containers or volumes are left on it".into()))
        }
        _ => Ok(Try {
            rung: Rung::PowerOff,
            action: Action::PowerOff { host: host_name(walk.view.plant, unit) },
            deadline: QUICK_CALL,
            gap: POWER_OFF_GAP,
        }),
    }
}

fn is_seen_of_late(walk: &Walk<'_>, unit: &Unit) -> bool {
    let seen = unit.host.and_then(|host| walk.view.facts(host));
    seen.is_some_and(|seen| seen.is_fresh(walk.view.snapshot.now, LOOKED_AT))
}

/// Whether the energy left does not allow to wait for the service on a host: a clean halt with
/// containers is better than an empty battery.
fn is_service_left(walk: &Walk<'_>, host: UnitId) -> bool {
    let above = walk.view.plant.graph.above(host).iter();
    above
        .filter_map(|edge| walk.unit(edge.to).zip(walk.row(edge.to)))
        .any(|(unit, row)| matches!(unit.kind, Kind::Server | Kind::Agent) && row.left)
}
