//! Hosts and the services on them.

use std::time::Duration;

use super::{Direction, State, View, evidence};
use crate::{
    observe::{ActiveState, ApiHealth, HostFacts, ServiceState, SystemState},
    plant::Role,
    seen::{Seen, Unseen},
    unit::Unit,
};

pub(super) fn host(view: &View<'_>, host: usize) -> State {
    let Some(plan) = view.plant.hosts.get(host) else { return State::Unknown(Unseen::NotYet) };
    if plan.is_self {
        return State::Up;
    }
    match view.facts(host) {
        None => State::Unknown(Unseen::NotYet),
        Some(Seen::Known { value, .. }) if value.system == SystemState::Stopping => {
            State::Moving(Direction::Down)
        }
        Some(Seen::Known { .. }) => State::Up,
        Some(Seen::Unknown { why, .. }) => silent_host(view, host, &plan.name, *why),
    }
}

fn silent_host(view: &View<'_>, host: usize, name: &str, why: Unseen) -> State {
    if evidence::is_proven_off(view, host) {
        return State::Down;
    }
    if evidence::is_path_down(view, host) {
        return State::Unknown(Unseen::PathDown);
    }
    let memory = view.journal.hosts.get(name).cloned().unwrap_or_default();
    let recent = |at: crate::time::Tick, span: Duration| view.snapshot.now.since(at) <= span;
    let halting = view.plant.shutdown.longest_halt + view.plant.shutdown.verify_off_timeout;
    match (memory.powered_off, memory.woken) {
        (off, Some(woken))
            if off.is_none_or(|off| woken > off)
                && recent(woken, view.plant.startup.longest_boot) =>
        {
            State::Moving(Direction::Up)
        }
        _ if memory.sent_off().is_some_and(|sent| recent(sent, halting)) => {
            State::Moving(Direction::Down)
        }
        _ => State::Unknown(why),
    }
}

pub(super) fn path(view: &View<'_>, unit: &Unit) -> State {
    let plan = view.plant.paths.get(unit.ordinal);
    match plan.and_then(|path| path.host) {
        Some(carrier) => view.host(carrier),
        None => State::Up,
    }
}

pub(super) fn clock(view: &View<'_>) -> State {
    let needed = view.plant.sections.clock_quorum.unwrap_or(0) as usize;
    let said = |wanted: bool| {
        (0..view.plant.hosts.len())
            .filter_map(|host| view.facts(host)?.value()?.clock_synchronised)
            .filter(|synchronised| *synchronised == wanted)
            .count()
    };
    if said(true) >= needed {
        State::Up
    } else if said(false) > 0 {
        State::Part("clocks are not synchronised")
    } else {
        State::Unknown(Unseen::Silent)
    }
}

pub(super) fn server(view: &View<'_>, host: usize) -> State {
    service(view, host, |facts| facts.server.as_ref(), || State::Up)
}

pub(super) fn agent(view: &View<'_>, host: usize) -> State {
    service(view, host, |facts| facts.agent.as_ref(), || node_readiness(view, host))
}

fn service<'f>(
    view: &View<'f>,
    host: usize,
    of: impl Fn(&'f HostFacts) -> Option<&'f ServiceState>,
    when_active: impl Fn() -> State,
) -> State {
    match view.host(host) {
        State::Down => return State::Down,
        State::Unknown(why) => return State::Unknown(why),
        _ => {}
    }
    let facts = match view.facts(host) {
        Some(Seen::Known { value, .. }) => value,
        Some(Seen::Unknown { why, .. }) => return State::Unknown(*why),
        // The own host is not asked over SSH; its services are looked at like any other's when
        // the observer gives them.
        None => return State::Unknown(Unseen::NotYet),
    };
    let Some(service) = of(facts) else { return left_behind(facts) };
    match service.active {
        ActiveState::Active if service.job => State::Moving(Direction::Down),
        ActiveState::Active => when_active(),
        ActiveState::Activating => State::Moving(Direction::Up),
        ActiveState::Deactivating => State::Moving(Direction::Down),
        ActiveState::Inactive | ActiveState::Failed if service.job => State::Moving(Direction::Up),
        ActiveState::Inactive | ActiveState::Failed => left_behind(facts),
    }
}

/// A stopped k3s leaves its containers running (`KillMode=process`).
fn left_behind(facts: &HostFacts) -> State {
    match (facts.containers, facts.volumes) {
        (0, 0) => State::Down,
        (0, _) => State::Part("stopped, volumes are still mounted"),
        _ => State::Part("stopped, containers still run"),
    }
}

fn node_readiness(view: &View<'_>, host: usize) -> State {
    match view.cluster() {
        Err(_) => State::Part("active, the API does not tell of its Node"),
        Ok(_) => match view.node(host) {
            None => State::Part("active, its Node is not registered"),
            Some(node) if !node.lease_fresh => {
                State::Part("active, its Node's lease is not renewed")
            }
            Some(node) if !node.ready => State::Part("active, its Node is not Ready"),
            Some(_) => State::Up,
        },
    }
}

/// The API is lost when fewer than a quorum of servers have a control plane that is active, on
/// its way up, or unknown. Not "servers are down": one with containers left is not down.
pub(super) fn api_lost(view: &View<'_>) -> bool {
    // An API that answers is not lost, whatever the services say.
    if view.snapshot.api.value() == Some(&ApiHealth::Ready) {
        return false;
    }
    let servers: Vec<usize> = (0..view.plant.hosts.len())
        .filter(|at| view.plant.hosts.get(*at).is_some_and(|host| host.role == Role::Server))
        .collect();
    let alive = servers.iter().filter(|host| may_live(view, **host)).count();
    alive < servers.len() / 2 + 1
}

fn may_live(view: &View<'_>, host: usize) -> bool {
    if view.host(host) == State::Down {
        return false;
    }
    match view.facts(host) {
        Some(Seen::Known { value, .. }) => value.server.as_ref().is_some_and(|service| {
            matches!(service.active, ActiveState::Active | ActiveState::Activating)
        }),
        _ => true,
    }
}
