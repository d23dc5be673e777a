//! The budget over whole outages: declared, then learned, and near what the next one takes.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test that cannot go on fails"
)]

mod support;

use std::time::Duration;

use ananke_core::{
    budget::{ENOUGH_RUNS, Learned, Path, RunUnderWay, Runs, Source, critical_path},
    journal::{Event, Journal},
};
use ananke_crds::policy::Target;
use serde::{Deserialize, Serialize};
use support::{plant, policy, toy::World};

const MANY: u64 = 3_000;

/// A world, and the past runs beside it as the daemon keeps them.
struct Kept {
    world: World,
    runs: Runs,
}

impl Kept {
    fn running() -> Self {
        let world = World::running(plant(&policy("small")));
        Self { world, runs: Runs::default() }
    }

    /// The run that is over, among the past ones from now on.
    fn settle(&mut self) -> Option<RunUnderWay> {
        let over = self.world.journal.run_over.clone()?;
        self.runs.keep(&over, &self.world.journal.boot_id, 0);
        self.world.journal.apply(&Event::Learned { learned: self.runs.learned() });
        Some(over)
    }

    /// Mains away until this host is off, and back until all is up.
    fn outage(&mut self) -> RunUnderWay {
        self.world.mains("ups", false);
        self.world.settle(Target::Poweroff, MANY);
        let over = self.settle().expect("a run that is over");
        self.world.mains("ups", true);
        self.world.boot_own();
        self.world.settle(Target::Running, MANY);
        over
    }

    fn budget(&mut self) -> Duration {
        self.world.round().budget
    }
}

#[test]
fn the_declared_budget_stands_until_enough_outages_were_seen() {
    let mut kept = Kept::running();
    let declared = kept.budget();
    assert_eq!(declared.as_secs(), 300);
    for number in 1..=ENOUGH_RUNS {
        assert_eq!(kept.budget(), declared, "before outage {number}");
        assert_eq!(kept.outage().path, Path::Emergency);
    }
    let learned = kept.budget();
    assert_ne!(learned, declared);
    // What the next one takes, from its first step to the last host.
    let took = Duration::from_millis(kept.outage().millis);
    assert!(learned >= took.mul_f64(0.9), "{learned:?} are not enough for {took:?}");
    assert!(learned <= took.mul_f64(1.5), "{learned:?} are far too many for {took:?}");
}

#[test]
fn where_each_number_comes_from() {
    let mut kept = Kept::running();
    let shares = |kept: &mut Kept| {
        let snapshot = kept.world.observe();
        critical_path(&kept.world.plant, &kept.world.journal, &snapshot, Path::Emergency)
    };
    let declared = shares(&mut kept);
    assert!(declared.iter().all(|share| share.source == Source::Declared), "{declared:?}");
    let whole: Duration = declared.iter().map(|share| share.takes).sum();
    assert_eq!(whole.as_millis(), kept.budget().as_millis());
    for _ in 0..ENOUGH_RUNS {
        kept.outage();
    }
    let learned = shares(&mut kept);
    let whole: Duration = learned.iter().map(|share| share.takes).sum();
    assert_eq!(whole, kept.budget());
    for share in &learned {
        // Nobody sees this host go off.
        let wanted = if share.unit == "self" {
            Source::Declared
        } else {
            Source::Maximum { runs: ENOUGH_RUNS }
        };
        assert_eq!(share.source, wanted, "{share:?}");
    }
    let steps: Vec<String> =
        learned.iter().map(|share| format!("{} {}", share.unit, share.step)).collect();
    assert!(
        steps.iter().any(|step| step.starts_with("agent/") && step.ends_with(" stop")),
        "{steps:?}"
    );
    assert!(steps.iter().any(|step| step.ends_with("power-off")), "{steps:?}");
}

#[test]
fn what_a_person_asks_for_moves_no_emergency() {
    let mut kept = Kept::running();
    for _ in 0..ENOUGH_RUNS {
        kept.world.plant.declared = Target::ClusterOnlyDown;
        kept.world.settle(Target::ClusterOnlyDown, MANY);
        assert_eq!(kept.settle().expect("a run that is over").path, Path::Full);
        kept.world.plant.declared = Target::Running;
        kept.world.requests.startups += 1;
        kept.world.settle(Target::Running, MANY);
    }
    let Learned { emergency, full } = kept.world.journal.learned.clone();
    assert!(emergency.is_empty(), "{emergency:?}");
    assert!(full.contains_key("agent/n1") && full.contains_key("agent"), "{full:?}");
    assert_eq!(kept.budget().as_secs(), 300);
}

#[test]
fn what_is_turned_round_takes_at_least_as_long() {
    let mut kept = Kept::running();
    kept.world.plant.declared = Target::ClusterOnlyDown;
    while kept.world.places("node/n1 evict").is_empty() {
        kept.world.round();
    }
    kept.world.round();
    kept.world.plant.declared = Target::Running;
    kept.world.requests.startups += 1;
    kept.world.settle(Target::Running, MANY);
    let over = kept.settle().expect("a run that is over");
    assert!(over.units["gitops"].arrived, "{over:?}");
    let node = &over.units["node/n1"];
    assert!(!node.arrived && node.steps["evict"].cut, "{over:?}");
}

#[test]
fn a_daemon_that_died_saw_nothing() {
    let mut kept = Kept::running();
    kept.world.plant.declared = Target::ClusterOnlyDown;
    while kept.world.places("node/n1 evict").is_empty() {
        kept.world.round();
    }
    kept.world.start_daemon();
    assert_eq!(kept.world.journal.run, None);
    kept.world.settle(Target::ClusterOnlyDown, MANY);
    let over = kept.settle().expect("a run that is over");
    assert!(!over.units.contains_key("gitops"), "{over:?}");
    assert!(over.units["server/s1"].arrived, "{over:?}");
}

/// At every second of the way down the budget is what the rest of it takes.
#[test]
fn the_budget_shrinks_with_what_is_done() {
    let mut kept = Kept::running();
    for _ in 0..ENOUGH_RUNS {
        kept.outage();
    }
    kept.world.mains("ups", false);
    let mut budgets = Vec::new();
    while kept.world.own_on {
        let decision = kept.world.round();
        if decision.way.is_some() {
            budgets.push(decision.budget);
        }
    }
    let whole = budgets.len();
    assert!(whole > 60, "{whole}");
    for (second, three) in budgets.windows(3).enumerate() {
        let rest = Duration::from_secs(u64::try_from(whole - second).unwrap());
        // What was just seen down may be out of sight in the next second.
        let budget = *three.iter().max().unwrap();
        let most = rest.mul_f64(1.5) + Duration::from_secs(30);
        // The factor of the trigger, and the granularity of this world.
        let least = rest.saturating_sub(Duration::from_secs(4)).mul_f64(0.8);
        // A step counts in full until it is over.
        let most = most + Duration::from_secs(91);
        assert!(budget >= least, "{budget:?} with {rest:?} to go");
        assert!(budget <= most, "{budget:?} with {rest:?} to go");
    }
}

/// The journal that is read back decides the same: what was learned is a part of it. Its lines are
/// tagged, as the daemon writes them.
#[test]
fn what_was_learned_is_in_the_journal() {
    #[derive(Serialize, Deserialize)]
    #[serde(tag = "line")]
    enum Line {
        State { journal: Box<Journal> },
        Event { event: Box<Event> },
    }
    let back = |line: &Line| -> Line {
        let text = serde_json::to_string(line).unwrap();
        serde_json::from_str(&text).unwrap_or_else(|error| panic!("{error}: {text}"))
    };
    let mut kept = Kept::running();
    for _ in 0..ENOUGH_RUNS {
        kept.outage();
    }
    kept.world.mains("ups", false);
    let read = loop {
        let (mut read, decision) = (kept.world.journal.clone(), kept.world.round());
        let event = Box::new(Event::decided(&read, &decision));
        let Line::Event { event: same } = back(&Line::Event { event: event.clone() }) else {
            panic!("an event is read back as an event")
        };
        assert_eq!(same, event);
        read.apply(&same);
        if let Some(step) = decision.steps.first() {
            read.apply(&Event::Begun { id: 9_999, at: decision.at, step: step.clone() });
            break read;
        }
    };
    assert!(!read.in_flight.is_empty());
    assert!(!read.batteries.is_empty() && read.learned != Learned::default());
    let Line::State { journal } = back(&Line::State { journal: Box::new(read.clone()) }) else {
        panic!("a state is read back as a state")
    };
    assert_eq!(*journal, read);
}
