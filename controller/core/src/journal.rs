//! The journal: what is remembered, as a fold over events.
//!
//! Losing it costs time, never safety: every progress is an observation.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use serde::{Deserialize, Serialize};

use crate::{
    battery::BatteryMemory,
    budget::{Lasted, Learned, RunUnderWay, Way},
    decision::Decision,
    episode::Episode,
    signals::SupplyMemory,
    step::{Action, Outcome, PlannedStep, Rung},
    table::Wanted,
    text::Text,
    time::Tick,
};

/// Something that happened to the daemon, in the order of the journal file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", rename_all_fields = "camelCase", tag = "event")]
pub enum Event {
    /// The daemon began. What was in flight before is unknown now; under another boot id all
    /// ticks are void.
    Started {
        /// `/proc/sys/kernel/random/boot_id` of this host.
        boot_id: String,
        /// Now.
        at: Tick,
    },
    /// A decision changed what is remembered.
    Decided {
        /// When.
        at: Tick,
        /// The supplies' memories that changed.
        #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
        supplies: BTreeMap<String, Arc<SupplyMemory>>,
        /// The episode, if it changed.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        episode: Option<Episode>,
        /// Units whose turn came, and which way: nothing holds them back any more.
        #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
        began: BTreeMap<Text, Wanted>,
        /// Units that arrived where they are wanted, or were held back again: their ladders begin
        /// anew.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        ended: Vec<Text>,
        /// Units whose time stops until it is their turn again; their ladders stay where they are.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        paused: Vec<Text>,
        /// Hosts that are proven off from now on, or no longer.
        #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
        off: BTreeMap<String, bool>,
        /// Hosts that are seen on again after our poweroff.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        back: Vec<String>,
        /// Whether this host is no longer asked to go off.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        own_wanted_up: bool,
        /// What the batteries taught, if it changed.
        #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
        batteries: BTreeMap<String, Arc<BatteryMemory>>,
        /// Steps of the way down that came to their end.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        lasted: Vec<Lasted>,
        /// The way down that the decision is on.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        way: Option<Way>,
    },
    /// The run that was over is among the past runs, and this is what they teach.
    Learned {
        /// The durations.
        learned: Learned,
    },
    /// A step is about to begin; written and synced before its effect.
    Begun {
        /// Counts the steps of this journal.
        id: u64,
        /// When.
        at: Tick,
        /// Which.
        step: PlannedStep,
    },
    /// A step's call returned.
    Ended {
        /// The step.
        id: u64,
        /// When.
        at: Tick,
        /// How.
        outcome: Outcome,
    },
}

/// What is remembered.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct Journal {
    /// The boot whose ticks these are.
    pub boot_id: String,
    /// The next step's number.
    pub next_id: u64,
    /// Supplies.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub supplies: BTreeMap<String, Arc<SupplyMemory>>,
    /// The episode.
    pub episode: Episode,
    /// Steps whose calls have not returned.
    #[serde(with = "crate::keys", skip_serializing_if = "BTreeMap::is_empty")]
    pub in_flight: BTreeMap<u64, InFlight>,
    /// Tries by unit and rung.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub tries: BTreeMap<Text, BTreeMap<Rung, Tries>>,
    /// What we did to hosts' power.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub hosts: BTreeMap<String, HostMemory>,
    /// Since when units whose turn came are free to move.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub turns: BTreeMap<Text, Turn>,
    /// Whether this host was powered off for the target that is still in force: a later boot is
    /// somebody's wish to have it on.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub own_off: bool,
    /// Supplies on which we set "forced shutdown", and since when. It cannot be taken back but by a
    /// restart of `upsd`, which a reboot of this host is; until then it is ours, and no trigger.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub own_fsd_since: BTreeMap<String, Tick>,
    /// When our last call to the API on a unit returned: a look of before that does not show what
    /// it did.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub touched: BTreeMap<Text, Tick>,
    /// When this daemon began, in this boot.
    pub started: Tick,
    /// What the batteries taught.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub batteries: BTreeMap<String, Arc<BatteryMemory>>,
    /// What past runs teach of durations.
    #[serde(skip_serializing_if = "Learned::is_empty")]
    pub learned: Learned,
    /// The way down that is under way.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub run: Option<RunUnderWay>,
    /// The one that is over, until it is among the past ones.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub run_over: Option<RunUnderWay>,
}

/// A unit's turn.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Turn {
    /// Since when.
    pub since: Tick,
    /// Which way. Time spent on the way down is no time of the way up.
    pub wanted: Wanted,
}

/// A step whose call has not returned.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct InFlight {
    /// Since when.
    pub since: Tick,
    /// The step.
    pub step: PlannedStep,
}

/// Tries of one rung of one unit.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct Tries {
    /// How many have begun.
    pub count: u32,
    /// When the first began.
    pub first: Tick,
    /// When the last began.
    pub last: Tick,
    /// When the last returned.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ended: Option<Tick>,
    /// What the last said, if it was not yes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub failure: Option<String>,
}

/// What we did to a host's power.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct HostMemory {
    /// When we last sent a poweroff to it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub powered_off: Option<Tick>,
    /// Whether it was seen on since, booted anew or never gone: it falls silent for another reason
    /// than that poweroff.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub back: bool,
    /// When we last woke it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub woken: Option<Tick>,
    /// When it was proven off; nothing has been heard of it since, and we have not woken it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub proven_off: Option<Tick>,
}

impl HostMemory {
    /// When we sent the poweroff that its silence may come of: it was not seen on since, nor have we
    /// woken it.
    pub fn sent_off(&self) -> Option<Tick> {
        let is_woken = |sent: Tick| self.woken.is_some_and(|woken| woken >= sent);
        self.powered_off.filter(|sent| !self.back && !is_woken(*sent))
    }
}

impl Event {
    /// What a decision changes in a journal.
    pub fn decided(journal: &Journal, decision: &Decision) -> Self {
        Self::Decided {
            at: decision.at,
            supplies: changed(&journal.supplies, &decision.supplies),
            episode: (journal.episode != decision.episode).then(|| decision.episode.clone()),
            began: decision.began.clone(),
            ended: decision.ended.clone(),
            paused: decision.paused.clone(),
            off: decision.off.clone(),
            back: decision.back.clone(),
            own_wanted_up: decision.own_wanted_up,
            batteries: changed(&journal.batteries, &decision.batteries),
            lasted: decision.lasted.clone(),
            way: decision.way,
        }
    }
}

fn changed<T: Clone + PartialEq>(
    before: &BTreeMap<String, T>,
    now: &BTreeMap<String, T>,
) -> BTreeMap<String, T> {
    let differs = |(name, value): &(&String, &T)| before.get(*name) != Some(*value);
    now.iter().filter(differs).map(|(name, value)| (name.clone(), value.clone())).collect()
}

impl Journal {
    /// Takes one event in.
    pub fn apply(&mut self, event: &Event) {
        match event {
            Event::Started { boot_id, at } => self.start(boot_id, *at),
            Event::Decided {
                at,
                supplies,
                episode,
                began,
                ended,
                paused,
                off,
                back,
                own_wanted_up,
                batteries,
                lasted,
                way,
            } => {
                self.follow(lasted, *way, *at);
                self.batteries.extend(batteries.iter().map(|(k, v)| (k.clone(), v.clone())));
                self.supplies.extend(supplies.iter().map(|(k, v)| (k.clone(), v.clone())));
                if let Some(episode) = episode {
                    self.episode = episode.clone();
                }
                for unit in ended {
                    self.turns.remove(unit);
                    self.tries.remove(unit);
                }
                self.turns.retain(|unit, _| !paused.contains(unit));
                let turn = |wanted: &Wanted| Turn { since: *at, wanted: *wanted };
                self.turns.extend(began.iter().map(|(unit, way)| (unit.clone(), turn(way))));
                for (host, is_off) in off {
                    let memory = self.hosts.entry(host.clone()).or_default();
                    memory.proven_off = is_off.then_some(*at);
                }
                for host in back {
                    self.hosts.entry(host.clone()).or_default().back = true;
                }
                if *own_wanted_up {
                    self.own_off = false;
                }
            }
            Event::Learned { learned } => {
                self.learned = learned.clone();
                self.run_over = None;
            }
            Event::Begun { id, at, step } => self.begin(*id, *at, step),
            Event::Ended { id, at, outcome } => self.end(*id, *at, outcome),
        }
    }

    /// The journal that a sequence of events leaves.
    pub fn fold<'a>(events: impl IntoIterator<Item = &'a Event>) -> Self {
        let mut journal = Self::default();
        for event in events {
            journal.apply(event);
        }
        journal
    }

    /// Goes on with the run under way, ends it, or begins one.
    fn follow(&mut self, lasted: &[Lasted], way: Option<Way>, at: Tick) {
        if let Some(run) = &mut self.run {
            run.take(lasted, at);
            run.failed |= way.is_some_and(|way| way.fails);
        }
        if self.run.as_ref().map(|run| run.path) != way.map(|way| way.path) {
            let over = self.run.take();
            self.run_over = over.or_else(|| self.run_over.take());
            self.run = way.map(|way| RunUnderWay::begin(way, at));
        }
    }

    fn start(&mut self, boot_id: &str, at: Tick) {
        // What happened while nobody looked is no observation.
        self.run = None;
        if self.boot_id != boot_id {
            self.batteries.values_mut().for_each(|memory| Arc::make_mut(memory).close());
            // Ticks of another boot say nothing here. What a supply asked for stays asked for:
            // only its ages begin anew.
            for memory in self.supplies.values_mut().map(Arc::make_mut) {
                *memory = SupplyMemory {
                    phase: memory.phase,
                    cause: memory.cause.take(),
                    last_replicas: memory.last_replicas.take(),
                    since: at,
                    unsettled: true,
                    lifted: memory.lifted,
                    forced_before: memory.forced_before,
                    device: std::mem::take(&mut memory.device),
                    ..SupplyMemory::default()
                };
            }
            self.episode.since = at;
            self.tries.clear();
            self.touched.clear();
            self.turns.clear();
            self.hosts.clear();
            self.own_fsd_since.clear();
            boot_id.clone_into(&mut self.boot_id);
        }
        for flight in std::mem::take(&mut self.in_flight).into_values() {
            self.settle(&flight.step, at, Some("the daemon was restarted meanwhile".into()));
        }
        self.started = at;
    }

    fn begin(&mut self, id: u64, at: Tick, step: &PlannedStep) {
        self.next_id = self.next_id.max(id.saturating_add(1));
        let tries = self.tries.entry(step.unit.clone()).or_default().entry(step.rung).or_default();
        if tries.count == 0 {
            tries.first = at;
        }
        tries.count = tries.count.saturating_add(1);
        tries.last = at;
        tries.ended = None;
        match &step.action {
            Action::PowerOff { host } => {
                let memory = self.hosts.entry(host.clone()).or_default();
                (memory.powered_off, memory.back) = (Some(at), false);
            }
            Action::PowerOffSelf { .. } => self.own_off = true,
            // From now on it may be set, whatever becomes of the call.
            Action::ForceShutdown { supplies } => {
                for supply in supplies {
                    self.own_fsd_since.entry(supply.clone()).or_insert(at);
                }
            }
            Action::Wake { host } => {
                let memory = self.hosts.entry(host.clone()).or_default();
                (memory.woken, memory.proven_off) = (Some(at), None);
            }
            _ => {}
        }
        self.in_flight.insert(id, InFlight { since: at, step: step.clone() });
    }

    fn end(&mut self, id: u64, at: Tick, outcome: &Outcome) {
        let Some(flight) = self.in_flight.remove(&id) else { return };
        let failure = match outcome {
            Outcome::Done => None,
            Outcome::Refused { message } | Outcome::Unknown { message } => Some(message.clone()),
        };
        // A host that refused the poweroff is not on its way off.
        if let (Action::PowerOff { host }, Outcome::Refused { .. }) = (&flight.step.action, outcome)
        {
            self.hosts.entry(host.clone()).or_default().powered_off = None;
        }
        // Nor is it set where `upsd` said no.
        if let (Action::ForceShutdown { supplies }, Outcome::Refused { .. }) =
            (&flight.step.action, outcome)
        {
            self.own_fsd_since
                .retain(|supply, since| !supplies.contains(supply) || *since < flight.since);
        }
        self.settle(&flight.step, at, failure);
    }

    fn settle(&mut self, step: &PlannedStep, at: Tick, failure: Option<String>) {
        if step.action.is_on_objects() {
            self.touched.insert(step.unit.clone(), at);
        }
        if let Some(tries) =
            self.tries.get_mut(&*step.unit).and_then(|rungs| rungs.get_mut(&step.rung))
        {
            tries.ended = Some(at);
            tries.failure = failure;
        }
    }

    /// The tries of one rung.
    pub fn tries(&self, unit: &str, rung: Rung) -> Option<&Tries> {
        self.tries.get(unit)?.get(&rung)
    }

    /// The units on which a step of ours is in flight whose deadline is not over.
    pub fn units_in_flight(&self, now: Tick) -> impl Iterator<Item = &str> {
        let open = self.in_flight.values().filter(move |flight| !flight.is_over(now));
        open.map(|flight| &*flight.step.unit)
    }
}

/// A call is given this much beyond its deadline to return: the caller cuts it off itself.
const LANDING: Duration = Duration::from_secs(5);

impl InFlight {
    /// Whether the step's deadline is over, so that it no longer counts as in flight.
    pub fn is_over(&self, now: Tick) -> bool {
        now.since(self.since) > self.step.deadline.saturating_add(LANDING)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn forced(outcome: Option<Outcome>) -> Journal {
        let at = Tick::from_millis(1000);
        let step = PlannedStep {
            unit: "self".into(),
            rung: Rung::ForceShutdown,
            action: Action::ForceShutdown { supplies: vec!["ups".into()] },
            deadline: Duration::from_secs(20),
            attempt: 1,
        };
        let started = Event::Started { boot_id: "one".into(), at };
        let begun = Event::Begun { id: 0, at, step };
        let ended = outcome.map(|outcome| Event::Ended { id: 0, at, outcome });
        Journal::fold([started, begun].iter().chain(&ended))
    }

    #[test]
    fn a_forced_shutdown_is_ours_from_before_its_call_and_unless_upsd_says_no() {
        let message = || String::from("it says nothing");
        let ours = [None, Some(Outcome::Done), Some(Outcome::Unknown { message: message() })];
        for outcome in ours {
            assert!(forced(outcome.clone()).own_fsd_since.contains_key("ups"), "{outcome:?}");
        }
        let refused = forced(Some(Outcome::Refused { message: message() }));
        assert!(refused.own_fsd_since.is_empty());
    }

    /// `upsd` runs on this host, and begins anew with it.
    #[test]
    fn a_forced_shutdown_ends_with_the_boot_and_outlives_a_restart() {
        let mut journal = forced(Some(Outcome::Done));
        let at = Tick::from_millis(2000);
        journal.apply(&Event::Started { boot_id: "one".into(), at });
        assert!(!journal.own_fsd_since.is_empty());
        journal.apply(&Event::Started { boot_id: "two".into(), at });
        assert!(journal.own_fsd_since.is_empty());
    }
}
