//! Forecast: what would be done from here, by deciding again and again over a world in which every
//! step works. The same `decide` that runs at night, so a plan is never a second opinion.

mod world;

use std::time::Duration;

use crate::{
    decide::decide,
    decision::Decision,
    journal::{Event, Journal},
    observe::Snapshot,
    plant::Plant,
    step::{Outcome, PlannedStep, Rung},
};

/// What would be done.
#[derive(Debug, Clone, PartialEq)]
pub struct Forecast {
    /// The steps, in the order in which they begin.
    pub steps: Vec<ForecastStep>,
    /// How long it takes until the last of them has its effect.
    pub total: Duration,
    /// Why the signals reach as far as they do, a sentence each.
    pub scope: Vec<String>,
    /// Whether the objects of the API were not seen: what is to be done with them is not in the
    /// steps.
    pub is_partial: bool,
    /// The last decision: what it still waits for is what the plan cannot pass.
    pub end: Decision,
}

/// One step of a forecast.
#[derive(Debug, Clone, PartialEq)]
pub struct ForecastStep {
    /// When it begins, from now.
    pub at: Duration,
    /// The step.
    pub step: PlannedStep,
    /// How long it is expected to take.
    pub takes: Duration,
}

/// No way up or down takes more decisions than this; one that does is not going to end.
const MOST_DECISIONS: usize = 2_000;

/// What would be done from `snapshot` on.
pub fn forecast(plant: &Plant, journal: &Journal, snapshot: &Snapshot) -> Forecast {
    let mut journal = journal.clone();
    let mut world = world::World::new(plant, snapshot.clone());
    let began = snapshot.now;
    let mut steps = Vec::new();
    let mut decision = decide(plant, &journal, &world.snapshot);
    let scope = decision.effective.scope.clone();
    let is_partial = snapshot.cluster.value().is_none();
    let mut last_effect = began;
    for _ in 0..MOST_DECISIONS {
        let event = Event::decided(&journal, &decision);
        journal.apply(&event);
        for step in &decision.steps {
            let takes = takes(&journal, &decision, step);
            let at = world.snapshot.now;
            let id = journal.next_id;
            journal.apply(&Event::Begun { id, at, step: step.clone() });
            world.begin(id, step.action.clone(), at.plus(takes));
            steps.push(ForecastStep { at: at.since(began), step: step.clone(), takes });
        }
        let before = arrived(&decision);
        if before == decision.units.len() {
            break;
        }
        let back = world.advance(decision.look_again);
        for id in &back {
            let at = world.snapshot.now;
            journal.apply(&Event::Ended { id: *id, at, outcome: Outcome::Done });
        }
        if world.is_over {
            last_effect = world.snapshot.now;
            break;
        }
        decision = decide(plant, &journal, &world.snapshot);
        if !back.is_empty() || arrived(&decision) != before {
            last_effect = world.snapshot.now;
        }
    }
    Forecast { steps, total: last_effect.since(began), scope, is_partial, end: decision }
}

fn arrived(decision: &Decision) -> usize {
    decision.units.iter().filter(|unit| unit.arrived).count()
}

/// How long a step is expected to take: what past runs taught, else a declared figure. Being proven
/// off is waited for by itself.
fn takes(journal: &Journal, decision: &Decision, step: &PlannedStep) -> Duration {
    let path = decision.way.map(|way| way.path).filter(|_| step.rung != Rung::PowerOff);
    let learned = path.and_then(|path| journal.learned.rung_millis(path, &step.unit, step.rung));
    learned.map_or(expected(step.rung), Duration::from_millis)
}

/// How long a step is expected to take on ordinary hardware, until it is seen.
const fn expected(rung: Rung) -> Duration {
    let seconds = match rung {
        Rung::Suspend | Rung::Resume | Rung::Cordon | Rung::Uncordon => 1,
        Rung::Evict | Rung::Delete | Rung::DeleteShort => 30,
        Rung::Snapshot => 10,
        Rung::Start => 30,
        Rung::Stop | Rung::Kill | Rung::EndContainers => 10,
        Rung::PowerOff => 2,
        Rung::Wake => 60,
        Rung::WakeAlarm | Rung::Sync => 1,
        Rung::ForceShutdown => 15,
    };
    Duration::from_secs(seconds)
}
