//! One form for all states that no decision can tell apart, so that the model is finite.
//!
//! Every instant becomes an age: how many waits ago it was, up to the longest span that decisions
//! compare it with. Where two instants are compared with one another, their order is kept too.
//! Everything that is only told to people, or learned from past runs, is left out.

use ananke_core::{
    budget::Learned,
    journal::{InFlight, Journal, Turn},
    time::Tick,
};

use std::{sync::Arc, time::Duration};

use super::world::{Power, World};

/// The present of every state.
pub(crate) const NOW: Tick = Tick::from_millis(100_000_000);
/// How far time goes on when nothing else can: longer than every gap between two tries.
pub(crate) const WAIT: Duration = Duration::from_secs(20);
/// More tries than this make no difference: the gap has grown to its longest.
const MOST_TRIES: u32 = 7;

/// How many waits are told apart, for policies whose own spans are no longer than 30 s.
struct Ages;

impl Ages {
    /// Of what is compared with how long a boot and a halt take, one after the other.
    const HOST: u64 = 2;
    /// Of a call: the longest may take two minutes.
    const CALL: u64 = 7;
    /// Of a turn: OBJECTS, SNAPSHOT and DETACH are two, six and seven minutes.
    const TURN: u64 = 6;
    const LONG_TURN: u64 = 21;
    /// Of tries: the longest gap is a minute, and a drain takes as long.
    const TRY: u64 = 3;
    /// Of mains and of readings: `stableFor`, and when silence counts.
    const SUPPLY: u64 = 1;
}

/// An instant a few milliseconds from now: what happens between two waits takes no time.
pub(crate) fn soon(millis: u64) -> Tick {
    NOW.plus(Duration::from_millis(millis))
}

fn waits_ago(tick: Tick, now: Tick, most: u64) -> u64 {
    let wait = WAIT.as_secs() * 1_000;
    (now.as_millis().saturating_sub(tick.as_millis()) / wait).min(most)
}

fn ago(waits: u64, rank: u64) -> Tick {
    Tick::from_millis(NOW.as_millis() - waits * WAIT.as_secs() * 1_000 - rank)
}

/// An age alone.
fn aged(tick: &mut Tick, now: Tick, most: u64) {
    *tick = ago(waits_ago(*tick, now, most), 1);
}

/// Brings world and journal into the form of all states like them, `now` becoming [`NOW`].
pub(crate) fn normalise(world: &mut World, journal: &mut Journal, now: Tick) {
    leave_out(journal);
    in_order(world, journal, now);
    by_age(journal, now);
    let mut flights: Vec<InFlight> = std::mem::take(&mut journal.in_flight).into_values().collect();
    flights.sort_by(|a, b| (&a.step.unit, a.step.rung).cmp(&(&b.step.unit, b.step.rung)));
    journal.next_id = flights.len() as u64;
    journal.in_flight = (0..).zip(flights).collect();
    world.late.sort();
}

/// What moves no decision, or none of a policy whose spans are all declared.
fn leave_out(journal: &mut Journal) {
    journal.batteries.clear();
    journal.learned = Learned::default();
    (journal.run, journal.run_over) = (None, None);
    // A later look is later than every call that has returned.
    journal.touched.clear();
    journal.episode.since = ago(0, 1);
    journal.episode.startups = 0;
    for memory in journal.supplies.values_mut().map(Arc::make_mut) {
        memory.charge_trail.clear();
        memory.since = ago(0, 1);
        if let Some(cause) = &mut memory.cause {
            cause.figures.clear();
        }
        for streak in memory.streaks.values_mut() {
            *streak = (*streak).min(1);
        }
    }
    for tries in journal.tries.values_mut().flat_map(|rungs| rungs.values_mut()) {
        tries.count = tries.count.min(MOST_TRIES);
        tries.ended = tries.ended.map(|_| ago(0, 1));
        tries.failure = tries.failure.as_ref().map(|_| "it failed".into());
    }
    for flight in journal.in_flight.values_mut() {
        flight.step.attempt = 1;
    }
}

/// Instants that are compared with one another.
fn in_order(world: &mut World, journal: &mut Journal, now: Tick) {
    let mut all: Vec<&mut Tick> = Vec::new();
    for machine in &mut world.machines {
        if matches!(machine.power, Power::On | Power::Stopping) {
            // Looks go on.
            machine.heard = NOW;
        } else {
            all.push(&mut machine.heard);
        }
    }
    for memory in journal.hosts.values_mut() {
        all.extend(memory.powered_off.as_mut());
        all.extend(memory.woken.as_mut());
        all.extend(memory.proven_off.as_mut());
    }
    for memory in journal.supplies.values_mut().map(Arc::make_mut) {
        all.extend(memory.went.as_mut());
        all.extend(memory.returned.as_mut());
    }
    all.push(&mut journal.started);
    all.sort_by_key(|tick| std::cmp::Reverse(**tick));
    let (mut before, mut waits, mut rank) = (None, 0, 0);
    for tick in all {
        let age = waits_ago(*tick, now, Ages::HOST);
        if age != waits {
            (waits, rank) = (age, 0);
        }
        if before != Some(*tick) || rank == 0 {
            rank += 1;
        }
        before = Some(*tick);
        *tick = ago(waits, rank);
    }
}

fn by_age(journal: &mut Journal, now: Tick) {
    // Whether it was set before the call under way is all that is asked of it.
    for since in journal.own_fsd_since.values_mut() {
        let is_new = journal.in_flight.values().any(|flight| flight.since == *since);
        *since = if is_new { ago(0, 1) } else { ago(Ages::CALL, 2) };
    }
    for flight in journal.in_flight.values_mut() {
        aged(&mut flight.since, now, Ages::CALL);
    }
    for memory in journal.supplies.values_mut().map(Arc::make_mut) {
        let is_settled = !memory.unsettled && !memory.unproven;
        if let Some(since) = &mut memory.mains_since {
            *since = if is_settled { ago(Ages::SUPPLY, 1) } else { *since };
            aged(since, if is_settled { NOW } else { now }, Ages::SUPPLY);
        }
        if let Some(since) = &mut memory.on_battery_since {
            aged(since, now, 0);
        }
        if let Some(heard) = &mut memory.last_heard {
            aged(heard, now, Ages::SUPPLY);
        }
    }
    for tries in journal.tries.values_mut().flat_map(|rungs| rungs.values_mut()) {
        aged(&mut tries.first, now, Ages::TRY);
        aged(&mut tries.last, now, Ages::TRY);
    }
    for (unit, Turn { since, .. }) in &mut journal.turns {
        let is_long = matches!(unit.as_str(), "snapshot" | "storage");
        aged(since, now, if is_long { Ages::LONG_TURN } else { Ages::TURN });
    }
}
