//! What becomes of a move: in the world, and in the journal.

use std::{
    hash::{DefaultHasher, Hash, Hasher},
    sync::Arc,
};

use ananke_core::{
    journal::{Event, Journal},
    step::Outcome,
    time::Tick,
};
use ananke_crds::policy::Target;

use super::{
    model::{Cluster, Move, State},
    normal::{NOW, WAIT, normalise},
    promises,
    world::{Battery, Power, Service},
};

impl Cluster {
    /// Something happens that is no decision.
    pub(crate) fn happen(&self, state: &mut State, event: &Move, at: Tick) {
        let plant = self.plant(state.declared);
        match event {
            Move::Return(id) => self.call(state, *id, true, Outcome::Done, at),
            Move::Refused(id) => {
                self.call(state, *id, false, Outcome::Refused { message: String::new() }, at);
            }
            Move::Cut(id) => self.call(state, *id, false, unknown(), at),
            Move::CutAfter(id) => self.call(state, *id, true, unknown(), at),
            Move::Lied(id) => self.call(state, *id, false, Outcome::Done, at),
            Move::GivenUp(id) => {
                state.world.late.push(state.journal.in_flight[id].step.action.clone());
                self.call(state, *id, false, unknown(), at);
            }
            Move::Hangs(id) => {
                state.hung.insert(state.journal.in_flight[id].step.unit.clone());
            }
            Move::Land(place, landing) => state.world.land(plant, *place, *landing),
            Move::Arrive(place) => {
                let action = state.world.late.remove(*place);
                state.world.act(plant, &action);
            }
            Move::Wait => state.wait(),
            Move::OwnBoots | Move::OwnBootsByItself => {
                let boot = if state.journal.boot_id == "own-0" { "own-1" } else { "own-0" };
                state.world.own_on = true;
                state.world.supplies.iter_mut().for_each(|supply| supply.forced = false);
                state.start(boot, at);
            }
            Move::MainsBack(place) => {
                let supply = &mut state.world.supplies[*place];
                (supply.mains, supply.cut) = (true, false);
                if supply.battery == Battery::Empty {
                    supply.battery = Battery::Low;
                }
            }
            Move::Charged(place) => state.world.supplies[*place].battery = Battery::Full,
            Move::MainsFail(place) => {
                state.world.supplies[*place].mains = false;
                state.world.follow(plant);
            }
            Move::BatteryFalls(place) => {
                let battery = &mut state.world.supplies[*place].battery;
                *battery = match battery {
                    Battery::Full => Battery::Low,
                    Battery::Low => Battery::Spent,
                    Battery::Spent | Battery::Empty => Battery::Empty,
                };
                state.world.follow(plant);
            }
            Move::Wish(target) => {
                state.declared = *target;
                state.asked = *target == Target::Running;
            }
            Move::Dies { effects } => {
                for flight in state.journal.in_flight.values().filter(|_| *effects) {
                    state.world.act(plant, &flight.step.action);
                }
                let boot = state.journal.boot_id.clone();
                state.start(&boot, at);
            }
            Move::Forgets => {
                let boot = state.journal.boot_id.clone();
                state.journal = Arc::new(Journal::default());
                state.start(&boot, at);
            }
            Move::Crashes(place) => state.world.machines[*place].service = Service::Starting,
            Move::BootsByItself(place) | Move::Reboots(place) => {
                let machine = &mut state.world.machines[*place];
                (machine.power, machine.is_secretly_on) = (Power::Booting, true);
            }
            Move::Lost(place) => {
                state.world.machines[*place].is_lost = true;
                state.world.follow(plant);
            }
            Move::Decide | Move::DecideWithout(_) | Move::DecideBefore(_) => {
                panic!("a decision is no happening")
            }
        }
    }

    /// A call ends. Where nobody is there to do it, it has no effect and nobody says so.
    fn call(&self, state: &mut State, id: u64, has_effect: bool, outcome: Outcome, at: Tick) {
        let plant = self.plant(state.declared);
        let action = state.journal.in_flight[&id].step.action.clone();
        let mut outcome = outcome;
        if has_effect {
            let broken = promises::broken_by_effect(plant, &state.world, state.declared, &action);
            state.broken = state.broken.or(broken);
            if !state.world.act(plant, &action) {
                outcome = unknown();
            }
        }
        Arc::make_mut(&mut state.journal).apply(&Event::Ended { id, at, outcome });
    }
}

fn unknown() -> Outcome {
    Outcome::Unknown { message: String::new() }
}

impl State {
    /// The daemon begins, with what its journal keeps.
    pub(crate) fn start(&mut self, boot: &str, at: Tick) {
        let kept = serde_json::to_string(&*self.journal).unwrap();
        let mut journal: Journal = serde_json::from_str(&kept).unwrap();
        journal.apply(&Event::Started { boot_id: boot.into(), at });
        self.journal = Arc::new(journal);
        self.hung.clear();
        // It has heard nobody yet.
        self.world.machines.iter_mut().for_each(|machine| machine.heard = at);
    }

    /// Time goes on; calls whose deadline is over are cut off.
    fn wait(&mut self) {
        self.settle(NOW.plus(WAIT));
        let over: Vec<u64> = self
            .journal
            .in_flight
            .iter()
            .filter(|(_, flight)| NOW.since(flight.since) > flight.step.deadline)
            .map(|(id, _)| *id)
            .collect();
        for id in over {
            self.hung.remove(&self.journal.in_flight[&id].step.unit);
            let ended = Event::Ended { id, at: NOW, outcome: unknown() };
            Arc::make_mut(&mut self.journal).apply(&ended);
        }
    }

    /// Brings this into the form of all states like it.
    pub(crate) fn settle(&mut self, now: Tick) {
        let journal = Arc::make_mut(&mut self.journal);
        normalise(&mut self.world, journal, now);
        let mut hasher = DefaultHasher::new();
        serde_json::to_vec(journal).unwrap().hash(&mut hasher);
        self.journal_print = hasher.finish();
    }
}
