//! Evidence that a host is off. Silence is not it: a host that halts is silent long before it is
//! off, one that boots is silent too, one behind a dead path is silent for ever.

use std::{collections::BTreeMap, time::Duration};

use super::{State, View};
use crate::{
    journal::HostMemory,
    observe::SystemState,
    seen::{Seen, Unseen},
    signals::{Power, power_of},
    time::Tick,
    unit::Kind,
    walk::Walk,
};

/// A Node's lease counts as fresh for so long after it was renewed last.
const LEASE_GRACE: Duration = Duration::from_secs(40);

/// Whether a host is proven off.
///
/// Proof is silence that began after our poweroff, with its path up, for longer than the longest
/// halt, with no wake by us and no return of mains on its supply since; nor was it seen on since.
/// With no such history, silence for longer than the longest boot *and* halt. What refuses us or
/// shows another key is not silent, and of one whose Node renews its lease only the way to it is
/// cut. What was proven stays proven, also for a daemon that was restarted since and hears nobody
/// because the way to it is off too, until it is heard, woken, or mains return.
pub(super) fn is_proven_off(view: &View<'_>, host: usize) -> bool {
    let Some(seen) = view.facts(host) else { return false };
    let Seen::Unknown { why: Unseen::Silent | Unseen::PathDown, since, .. } = seen else {
        return false;
    };
    let Some(name) = view.plant.hosts.get(host).map(|host| &host.name) else { return false };
    let memory = view.journal.hosts.get(name);
    let woken = memory.and_then(|memory| memory.woken);
    let returned = mains_returned(view, host);
    let sent = memory
        .and_then(HostMemory::sent_off)
        .filter(|sent| returned.is_none_or(|returned| returned < *sent));
    // A lease outlives its host by its grace: for that long it says nothing against our poweroff.
    let outlives = view.plant.shutdown.longest_halt.saturating_add(LEASE_GRACE);
    let is_over = |sent: Tick| view.snapshot.now.since(sent) > outlives;
    if sent.is_none_or(is_over) && view.node(host).is_some_and(|node| node.lease_fresh) {
        return false;
    }
    if let Some(proven) = memory.and_then(|memory| memory.proven_off)
        && returned.is_none_or(|returned| returned < proven)
    {
        return true;
    }
    let heard_until = path_up_until(view, host);
    // Ticks of before this daemon's start are another's observation.
    let silent_since = seen.silent_since().max(Some(view.journal.started));
    if let Some(sent) = sent {
        let began = (*since).max(sent);
        return heard_until.since(began) > view.plant.shutdown.longest_halt;
    }
    let quiet = silent_since.max(woken).max(returned);
    let longest = view.plant.startup.longest_boot + view.plant.shutdown.longest_halt;
    quiet.is_some_and(|quiet| heard_until.since(quiet) > longest)
}

/// The hosts whose proof is new, or void: what was proven is remembered, for silence cannot prove
/// it again once the way to the host is off.
pub(crate) fn news(walk: &Walk<'_>) -> BTreeMap<String, bool> {
    let view = walk.view;
    let news = walk.iter().filter(|(_, unit, _)| unit.kind == Kind::Host).filter_map(|it| {
        let (_, unit, row) = it;
        let host = unit.host?;
        let name = &view.plant.hosts.get(host)?.name;
        let proven = view.journal.hosts.get(name).and_then(|memory| memory.proven_off);
        let is_off = row.state == State::Down;
        // Not looked at yet by this daemon: what another saw still holds.
        let is_unseen =
            matches!(view.facts(host), None | Some(Seen::Unknown { why: Unseen::NotYet, .. }));
        (is_off != proven.is_some() && !is_unseen).then(|| (name.clone(), is_off))
    });
    news.collect()
}

/// The hosts that are seen on although we powered them off: booted by another hand since, or still
/// there once the longest halt is over, which no poweroff of then explains.
pub(crate) fn back(view: &View<'_>) -> Vec<String> {
    let hosts = view.plant.hosts.iter().enumerate().filter(|(at, host)| {
        let memory = view.journal.hosts.get(&host.name);
        let sent = memory.and_then(HostMemory::sent_off);
        sent.is_some_and(|sent| {
            has_booted_since(view, *at, sent) == Some(true) || is_there(view, *at, sent)
        })
    });
    hosts.map(|(_, host)| host.name.clone()).collect()
}

fn is_there(view: &View<'_>, host: usize, sent: Tick) -> bool {
    let Some(Seen::Known { value, at }) = view.facts(host) else { return false };
    value.system != SystemState::Stopping && at.since(sent) > view.plant.shutdown.longest_halt
}

/// Whether a host has booted since then, if it answers. Seconds that it tells are whole ones.
pub(crate) fn has_booted_since(view: &View<'_>, host: usize, then: Tick) -> Option<bool> {
    let Some(Seen::Known { value, at }) = view.facts(host) else { return None };
    Some(Duration::from_secs(value.uptime_seconds.saturating_add(1)) <= at.since(then))
}

/// Until when the way to a host was up: silence of after that proves nothing, and what was proven
/// before stays proven (a jump host goes off after the hosts behind it).
fn path_up_until(view: &View<'_>, host: usize) -> Tick {
    let heard = |carrier: usize| match view.facts(carrier) {
        Some(Seen::Known { .. }) => view.snapshot.now,
        Some(Seen::Unknown { since, .. }) => *since,
        None => Tick::default(),
    };
    carriers_of(view, host).map(heard).min().unwrap_or(view.snapshot.now)
}

fn mains_returned(view: &View<'_>, host: usize) -> Option<Tick> {
    let supplies = &view.plant.hosts.get(host)?.supplies;
    supplies
        .iter()
        .filter_map(|supply| view.plant.supplies.get(*supply))
        .filter_map(|supply| returned(view, &supply.name))
        .max()
}

/// When the mains of a supply last came back; the reading at hand counts before it is remembered.
pub(crate) fn returned(view: &View<'_>, supply: &str) -> Option<Tick> {
    let memory = view.journal.supplies.get(supply)?;
    let returns = match view.snapshot.supplies.get(supply) {
        Some(Seen::Known { value, at })
            if memory.on_battery_since.is_some() && power_of(&value.status) == Power::Mains =>
        {
            Some(*at)
        }
        _ => None,
    };
    returns.max(memory.returned)
}

/// Whether the way to a host is down, so that its silence proves nothing.
pub(super) fn is_path_down(view: &View<'_>, host: usize) -> bool {
    carriers_of(view, host).any(|carrier| !matches!(view.facts(carrier), Some(Seen::Known { .. })))
}

/// The hosts that a host is reached through and without which there is no way to it.
fn carriers_of<'v>(view: &'v View<'_>, host: usize) -> impl Iterator<Item = usize> + 'v {
    let only_ways = view.plant.paths.iter().filter(move |path| {
        path.reaches.contains(&host) && path.host != Some(host) && !path.has_alternative
    });
    only_ways
        .filter_map(|path| path.host)
        .filter(|carrier| !view.plant.hosts.get(*carrier).is_some_and(|carrier| carrier.is_self))
}
