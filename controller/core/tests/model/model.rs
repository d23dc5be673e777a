//! The model: what may happen next, and what becomes of it. Every decision is made by the function
//! that ships, over a plant that the shipped code compiles from a document.

use std::{
    collections::BTreeSet,
    hash::{DefaultHasher, Hash, Hasher},
    sync::Arc,
};

use ananke_core::{
    decision::Decision,
    journal::{Event, Journal},
    observe::Snapshot,
    plant::{Plant, Role},
    text::Text,
};
use ananke_crds::policy::Target;
use stateright::{Model, Property};

use super::{
    look::{Lost, look},
    normal::soon,
    promises::{self, Promise},
    rest::Calm,
    world::{Battery, Landing, Power, Service, World, hosts},
};

/// What may still happen to the world that it does not owe anybody.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct Budget {
    /// Mains that go.
    pub(crate) outages: u8,
    /// Calls, looks, hosts and the daemon that fail.
    pub(crate) faults: u8,
    /// Targets that a person declares.
    pub(crate) wishes: u8,
}

/// What happens next.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Move {
    /// All is looked at, and decided on.
    Decide,
    /// A call does what it was asked for, if it can, and says so.
    Return(u64),
    /// Something goes on by itself.
    Land(usize, Landing),
    /// A call that was given up long ago has its effect.
    Arrive(usize),
    /// Nothing else can happen, so time goes on.
    Wait,
    /// This host is switched on.
    OwnBoots,
    /// The mains of a supply come back.
    MainsBack(usize),
    /// Its battery is full again.
    Charged(usize),
    /// The mains of a supply go.
    MainsFail(usize),
    /// Its battery holds less.
    BatteryFalls(usize),
    /// A person declares a target.
    Wish(Target),
    /// All but one part is looked at.
    DecideWithout(Lost),
    /// Something happens between the look and the decision.
    DecideBefore(Box<Move>),
    /// The far side says no.
    Refused(u64),
    /// The connection was cut before the effect.
    Cut(u64),
    /// The connection was cut after the effect.
    CutAfter(u64),
    /// It says yes and does nothing.
    Lied(u64),
    /// It is given up, and has its effect later.
    GivenUp(u64),
    /// It does not return before its deadline.
    Hangs(u64),
    /// The daemon dies and folds its journal again; its calls had their effect, or not.
    Dies { effects: bool },
    /// The same, and its journal is lost.
    Forgets,
    /// A host that is off is switched on by somebody else.
    BootsByItself(usize),
    /// This host, on battery or although it was declared off.
    OwnBootsByItself,
    /// The service of a host dies, and its systemd starts it again.
    Crashes(usize),
    /// A host that halts reboots instead.
    Reboots(usize),
    /// A host is off from one moment to the next, and never comes back.
    Lost(usize),
}

/// What can go wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Faults {
    /// All but the loss of a host.
    AllButLoss,
    /// A host that is lost; or a server that crashes, reboots instead of going off, is not heard, is
    /// switched on by others, or does not answer a call.
    OfServers,
    /// A host that is lost.
    Losses,
}

/// One state: the world, and what is remembered.
#[derive(Clone)]
pub(crate) struct State {
    pub(crate) world: World,
    pub(crate) journal: Arc<Journal>,
    /// The journal's hash.
    pub(crate) journal_print: u64,
    pub(crate) declared: Target,
    /// A start was asked for that no decision has taken in.
    pub(crate) asked: bool,
    pub(crate) budget: Budget,
    /// Units whose call hangs.
    pub(crate) hung: BTreeSet<Text>,
    /// All was looked at since anything happened, and nothing came of it.
    pub(crate) looked: bool,
    pub(crate) broken: Option<Promise>,
}

impl State {
    fn facts(&self) -> impl Hash + PartialEq + '_ {
        let Self {
            world,
            journal: _,
            journal_print,
            declared,
            asked,
            budget,
            hung,
            looked,
            broken,
        } = self;
        (world, journal_print, *declared as u8, asked, budget, hung, looked, broken)
    }

    /// What tells states apart.
    pub(crate) fn print(&self) -> u64 {
        let mut hasher = DefaultHasher::new();
        self.hash(&mut hasher);
        hasher.finish()
    }
}

impl Hash for State {
    fn hash<H: Hasher>(&self, hasher: &mut H) {
        self.facts().hash(hasher);
    }
}

impl PartialEq for State {
    fn eq(&self, other: &Self) -> bool {
        self.facts() == other.facts()
    }
}

/// Decides. The model check is given `ananke_core::decide::decide`; what shows that it can fail is
/// given wrong ones.
pub(crate) type Decide = fn(&Plant, &Journal, &Snapshot) -> Decision;

/// A small cluster, and what may happen to it.
pub(crate) struct Cluster {
    /// Once for every target: running, cluster-only-down, poweroff.
    pub(crate) plants: [Plant; 3],
    pub(crate) decide: Decide,
    pub(crate) budget: Budget,
    pub(crate) faults: Faults,
    /// The world in the beginning.
    pub(crate) begins: fn(&Plant) -> World,
    /// Targets that a person may declare.
    pub(crate) wishes: &'static [Target],
    /// Supplies whose mains may go.
    pub(crate) may_fail: Vec<usize>,
    /// Hosts that may be lost for good.
    pub(crate) may_be_lost: Vec<usize>,
    /// Whether something else may go on while a call is under way that does not hang.
    pub(crate) calls_are_slow: bool,
    /// How far batteries run down.
    pub(crate) emptiest: Battery,
    pub(crate) calm: Arc<Calm>,
    /// States that a path is looked for to.
    pub(crate) avoid: BTreeSet<u64>,
}

impl Cluster {
    pub(crate) fn plant(&self, declared: Target) -> &Plant {
        &self.plants[declared as usize]
    }

    fn init(&self) -> State {
        let plant = self.plant(Target::Running);
        let world = (self.begins)(plant);
        let mut journal = Journal::default();
        journal.apply(&Event::Started { boot_id: "own-0".into(), at: soon(0) });
        let mut state = State {
            world,
            journal: Arc::new(journal),
            journal_print: 0,
            declared: Target::Running,
            asked: false,
            budget: self.budget,
            hung: BTreeSet::new(),
            looked: false,
            broken: None,
        };
        state.settle(soon(1));
        state
    }

    /// What the world owes: it happens without a fault, sooner or later.
    fn owed(&self, state: &State) -> Vec<Move> {
        let plant = self.plant(state.declared);
        let world = &state.world;
        let call = state.open_call().map(Move::Return);
        if let Some(call) = call.clone().filter(|_| !self.calls_are_slow) {
            return vec![call];
        }
        let mut moves: Vec<Move> = world
            .landings(plant)
            .into_iter()
            .map(|(at, landing)| Move::Land(at, landing))
            .collect();
        moves.extend((0..world.late.len()).map(Move::Arrive));
        moves.extend(call);
        if world.own_on {
            if state.looked && moves.is_empty() {
                moves.push(Move::Wait);
            }
            if !state.looked {
                moves.push(Move::Decide);
            }
        } else if world.own_mains(plant) && state.declared != Target::Poweroff {
            moves.push(Move::OwnBoots);
        }
        moves
    }

    /// What power may do.
    fn power(&self, state: &State, owed: &[Move], moves: &mut Vec<Move>) {
        for (at, supply) in state.world.supplies.iter().enumerate() {
            if supply.mains {
                // Slower than anything else that goes on.
                if supply.battery != Battery::Full && matches!(owed, [Move::Wait]) {
                    moves.push(Move::Charged(at));
                }
                if state.budget.outages > 0 && self.may_fail.contains(&at) {
                    moves.push(Move::MainsFail(at));
                }
            } else {
                moves.push(Move::MainsBack(at));
                if supply.battery != self.emptiest {
                    moves.push(Move::BatteryFalls(at));
                }
            }
        }
    }

    fn faults(&self, state: &State, owed: &[Move], moves: &mut Vec<Move>) {
        let plant = self.plant(state.declared);
        for (at, machine) in state.world.machines.iter().enumerate() {
            match machine.power {
                Power::Off if machine.is_lost => {}
                Power::Off if state.world.is_fed(hosts(plant).nth(at).unwrap().1) => {
                    moves.push(Move::BootsByItself(at));
                }
                Power::Halting => moves.push(Move::Reboots(at)),
                Power::On if machine.service == Service::Active => moves.push(Move::Crashes(at)),
                _ => {}
            }
        }
        if !state.world.own_on {
            let is_owed = owed.contains(&Move::OwnBoots);
            if state.world.own_is_fed(plant) && !is_owed {
                moves.push(Move::OwnBootsByItself);
            }
            return;
        }
        if let Some(id) = state.open_call() {
            moves.extend([
                Move::DecideBefore(Box::new(Move::Return(id))),
                Move::Refused(id),
                Move::Cut(id),
                Move::CutAfter(id),
                Move::Lied(id),
                Move::GivenUp(id),
                Move::Hangs(id),
            ]);
        }
        moves.extend([Move::Dies { effects: false }, Move::Forgets]);
        if !state.journal.in_flight.is_empty() {
            moves.push(Move::Dies { effects: true });
        }
        let hosts = (0..state.world.machines.len()).map(Lost::Host);
        let supplies = (0..state.world.supplies.len()).map(Lost::Supply);
        let parts = hosts.chain(supplies).chain([Lost::Api]);
        moves.extend(parts.map(Move::DecideWithout));
        let races = owed.iter().filter(|owed| matches!(owed, Move::Land(..) | Move::Arrive(_)));
        moves.extend(races.map(|event| Move::DecideBefore(Box::new(event.clone()))));
    }

    fn losses(&self, state: &State, moves: &mut Vec<Move>) {
        let there = self.may_be_lost.iter().filter(|at| !state.world.machines[**at].is_lost);
        moves.extend(there.map(|at| Move::Lost(*at)));
    }

    fn is_of_a_server(&self, state: &State, event: &Move) -> bool {
        let plant = self.plant(state.declared);
        let is_server = |at: usize| hosts(plant).nth(at).unwrap().1.role == Role::Server;
        match event {
            Move::Crashes(at) | Move::Reboots(at) | Move::BootsByItself(at) => is_server(*at),
            Move::DecideWithout(Lost::Host(at)) => is_server(*at),
            Move::Hangs(id) => {
                let unit = &state.journal.in_flight[id].step.unit;
                unit.starts_with("server/")
                    || hosts(plant).enumerate().any(|(at, (_, host))| {
                        is_server(at) && *unit == format!("host/{}", host.name)
                    })
            }
            _ => false,
        }
    }

    fn next(&self, state: &State, event: &Move) -> State {
        let mut next = state.clone();
        let is_fault = match event {
            Move::Decide | Move::Return(_) | Move::Land(..) | Move::Arrive(_) | Move::Wait => false,
            Move::OwnBoots | Move::MainsBack(_) | Move::Charged(_) | Move::BatteryFalls(_) => false,
            Move::MainsFail(_) => {
                next.budget.outages -= 1;
                false
            }
            Move::Wish(_) => {
                next.budget.wishes -= 1;
                false
            }
            _ => true,
        };
        next.budget.faults -= u8::from(is_fault);
        let before = next.journal_print;
        match event {
            Move::Decide => self.decide(&mut next, None, None),
            Move::DecideWithout(lost) => self.decide(&mut next, Some(*lost), None),
            Move::DecideBefore(event) => self.decide(&mut next, None, Some(event)),
            _ => self.happen(&mut next, event, soon(2)),
        }
        next.settle(soon(4));
        if next.journal_print == state.journal_print {
            next.journal = Arc::clone(&state.journal);
        }
        // Nothing came of it: it need not be looked at again before something happens.
        next.looked = matches!(event, Move::Decide) && next.journal_print == before;
        next
    }

    fn decide(&self, state: &mut State, lost: Option<Lost>, race: Option<&Move>) {
        let plant = self.plant(state.declared);
        let mut snapshot = look(plant, &state.world, lost, soon(1), u64::from(state.asked));
        for (at, machine) in state.world.machines.iter_mut().enumerate() {
            machine.is_secretly_on &= machine.power != Power::On || lost == Some(Lost::Host(at));
        }
        let seen = state.world.clone();
        if let Some(event) = race {
            self.happen(state, event, soon(2));
        }
        let now = soon(3);
        snapshot.now = now;
        let decision = (self.decide)(plant, &state.journal, &snapshot);
        let asks = promises::Asks { plant, seen: &seen, lost, journal: &state.journal };
        state.broken = state.broken.or_else(|| asks.broken_by(&decision.steps));
        state.asked = false;
        let journal = Arc::make_mut(&mut state.journal);
        let event = Event::decided(journal, &decision);
        journal.apply(&event);
        for step in decision.steps {
            let begun = Event::Begun { id: journal.next_id, at: now, step };
            journal.apply(&begun);
        }
    }
}

impl State {
    /// The steps in flight.
    pub(crate) fn steps(&self) -> impl Iterator<Item = String> + '_ {
        self.journal.in_flight.keys().map(|id| self.step(*id))
    }

    /// One of them.
    pub(crate) fn step(&self, id: u64) -> String {
        let step = &self.journal.in_flight[&id].step;
        format!("{} {}", step.unit, step.rung.name())
    }

    /// The next call that returns. Calls take no time, unless they hang; those of one decision are
    /// on different units, so their order makes no difference.
    fn open_call(&self) -> Option<u64> {
        let mut flights = self.journal.in_flight.iter().filter(|_| self.world.own_on);
        flights.find(|(_, flight)| !self.hung.contains(&flight.step.unit)).map(|(id, _)| *id)
    }
}

impl Model for Cluster {
    type State = State;
    type Action = Move;

    fn init_states(&self) -> Vec<State> {
        vec![self.init()]
    }

    fn actions(&self, state: &State, moves: &mut Vec<Move>) {
        if state.broken.is_some() {
            return;
        }
        let owed = self.owed(state);
        if state.budget.faults > 0 {
            if self.faults != Faults::Losses {
                self.faults(state, &owed, moves);
            }
            if self.faults != Faults::AllButLoss {
                moves.retain(|event| self.is_of_a_server(state, event));
                self.losses(state, moves);
            }
        }
        self.calm.visit(self, state);
        if !self.calls_are_slow && matches!(owed[..], [Move::Return(_)]) {
            return moves.extend(owed);
        }
        if state.budget.wishes > 0 && state.world.own_on {
            let others = self.wishes.iter().filter(|target| **target != state.declared);
            moves.extend(others.map(|target| Move::Wish(*target)));
        }
        self.power(state, &owed, moves);
        moves.extend(owed);
    }

    fn next_state(&self, state: &State, event: Move) -> Option<State> {
        let next = self.next(state, &event);
        self.calm.follow(self, state, &event, &next);
        Some(next)
    }

    fn properties(&self) -> Vec<Property<Self>> {
        let mut properties = promises::properties();
        // One supply of several never takes everything off.
        properties.retain(|property| {
            property.name != promises::ALL_OFF
                || self.may_fail.len() == 1
                || self.budget.outages > 1
        });
        properties
    }
}
