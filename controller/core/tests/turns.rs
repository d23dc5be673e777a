//! Whose turn it is, and what is learned of how long a step took.

#![allow(
    dead_code,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test that cannot go on fails"
)]

mod support;

use std::{collections::BTreeMap, sync::Arc};

use ananke_core::{
    budget::{Ending, Lasted, Path, RunUnderWay},
    decide::decide,
    decision::Decision,
    journal::{Tries, Turn},
    observe::SupplyReading,
    plant::Plant,
    seen::Seen,
    signals::{Cause, Phase, Trigger},
    step::Rung,
    table::Wanted,
    time::Tick,
};
use ananke_crds::policy::Target;
use support::{
    at,
    worlds::{NOW, Still, named},
};

fn scene(world: &str, target: Target) -> (Plant, Still) {
    let mut policy = support::policy("small");
    policy.spec.target = target;
    let plant = support::plant(&policy);
    let still = named(world, &plant);
    (plant, still)
}

fn decided(plant: &Plant, still: &Still) -> Decision {
    decide(plant, &still.journal, &still.snapshot)
}

fn turn(still: &mut Still, unit: &str, since: Tick, wanted: Wanted) {
    still.journal.turns.insert(unit.into(), Turn { since, wanted });
}

fn tried(still: &mut Still, unit: &str, rung: Rung, first: Tick) {
    let tries = Tries { count: 1, first, last: first, ended: Some(first), failure: None };
    still.journal.tries.entry(unit.into()).or_default().insert(rung, tries);
}

fn lasted(decision: &Decision, unit: &str) -> Option<Lasted> {
    decision.lasted.iter().find(|lasted| lasted.unit == unit).cloned()
}

/// So many seconds before now.
fn ago(seconds: u64) -> Tick {
    Tick::from_millis(NOW.as_millis() - seconds * 1000)
}

#[test]
fn a_turn_the_other_way_begins_anew() {
    let (plant, mut still) = scene("cluster-down", Target::Running);
    turn(&mut still, "server/s1", ago(60), Wanted::Down);
    let decision = decided(&plant, &still);
    assert_eq!(decision.began.get("server/s1"), Some(&Wanted::Up));
    assert!(decision.ended.iter().any(|unit| unit == "server/s1"), "{:?}", decision.ended);
}

#[test]
fn the_time_of_what_went_with_the_api_stops() {
    let (plant, mut still) = scene("cluster-down", Target::Poweroff);
    turn(&mut still, "gitops", ago(60), Wanted::Down);
    let decision = decided(&plant, &still);
    assert_eq!(decision.paused, ["gitops"]);
    assert!(decision.ended.is_empty(), "{:?}", decision.ended);
}

#[test]
fn tries_end_where_nothing_is_left_to_try() {
    let (plant, mut still) = scene("running", Target::Running);
    tried(&mut still, "node/n1", Rung::Uncordon, ago(60));
    tried(&mut still, "self", Rung::PowerOff, ago(60));
    assert_eq!(decided(&plant, &still).ended, ["node/n1"], "this host's are of the whole boot");
    let (plant, mut still) = scene("cluster-down", Target::Running);
    tried(&mut still, "agent/n1", Rung::Start, ago(60));
    assert!(decided(&plant, &still).ended.is_empty(), "it waits for the server, and comes back");
}

#[test]
fn one_unit_that_takes_too_long_fails_the_run() {
    let open = |decision: &Decision| {
        let units = decision.units.iter().filter(|unit| unit.name != "self");
        let open = units.filter(|unit| unit.wanted == Wanted::Down && !unit.arrived);
        open.map(|unit| unit.name.clone()).collect::<Vec<_>>()
    };
    let (plant, mut still) = scene("half-way", Target::Poweroff);
    let decision = decided(&plant, &still);
    assert!(!decision.way.unwrap().fails);
    let open = open(&decision);
    for unit in [open.first().unwrap(), open.last().unwrap()] {
        still.journal.turns.clear();
        turn(&mut still, unit, at(1), Wanted::Down);
        assert!(decided(&plant, &still).way.unwrap().fails, "{unit}");
    }
}

/// The time before the first try is of its step too; what comes after is the next one's.
#[test]
fn a_step_lasts_from_its_turn_and_the_next_from_its_own_try() {
    let (plant, mut still) = scene("off", Target::Poweroff);
    turn(&mut still, "host/n1", ago(500), Wanted::Down);
    tried(&mut still, "host/n1", Rung::PowerOff, ago(450));
    turn(&mut still, "agent/n2", ago(500), Wanted::Down);
    tried(&mut still, "agent/n2", Rung::Stop, ago(480));
    tried(&mut still, "agent/n2", Rung::EndContainers, ago(470));
    let decision = decided(&plant, &still);
    let one = lasted(&decision, "host/n1").unwrap();
    assert_eq!(
        (one.step.as_str(), one.began, one.ending),
        ("power-off", ago(500), Ending::Arrived)
    );
    let two = lasted(&decision, "agent/n2").unwrap();
    let wanted = ("end-containers", ago(470), Ending::Arrived);
    assert_eq!((two.step.as_str(), two.began, two.ending), wanted);
}

#[test]
fn a_step_that_is_held_back_is_cut_only_by_mains_that_are_back() {
    let (plant, mut still) = scene("half-way", Target::Poweroff);
    turn(&mut still, "agent/n1", ago(30), Wanted::Down);
    tried(&mut still, "agent/n1", Rung::Stop, ago(20));
    let ending = |plant: &Plant, still: &Still| lasted(&decided(plant, still), "agent/n1").unwrap();
    assert_eq!(ending(&plant, &still).ending, Ending::Passed);
    let memory = Arc::make_mut(still.journal.supplies.get_mut("ups").unwrap());
    (memory.phase, memory.unsettled) = (Phase::Held, true);
    memory.cause = Some(Cause { trigger: Trigger::Runtime, figures: "short".into() });
    (memory.mains_since, memory.since) = (Some(ago(5)), ago(100));
    let reading = still.snapshot.supplies.get_mut("ups").unwrap();
    *reading = Seen::known(reading.value().unwrap().clone(), NOW);
    let decision = decided(&plant, &still);
    assert_eq!(decision.supplies["ups"].phase, Phase::Held);
    assert_eq!(ending(&plant, &still).ending, Ending::Cut);
}

/// Half-way down on a battery that lasts 10 s more; `n1` is being drained for 30 s, and this way
/// down began so many seconds ago.
fn short_of_energy(began: u64) -> (Plant, Still) {
    let (plant, mut still) = scene("half-way", Target::Running);
    let memory = Arc::make_mut(still.journal.supplies.get_mut("ups").unwrap());
    (memory.phase, memory.on_battery_since) = (Phase::Falling, Some(ago(60)));
    memory.cause = Some(Cause { trigger: Trigger::Runtime, figures: "short".into() });
    let reading = SupplyReading {
        status: vec!["OB".into(), "DISCHRG".into()],
        charge_percent: Some(40),
        runtime_seconds: Some(10),
        ..SupplyReading::default()
    };
    still.snapshot.supplies.insert("ups".into(), Seen::known(reading, NOW));
    turn(&mut still, "node/n1", ago(30), Wanted::Down);
    tried(&mut still, "node/n1", Rung::Evict, ago(20));
    still.journal.run = Some(RunUnderWay {
        path: Path::Emergency,
        began: ago(began),
        millis: 0,
        failed: false,
        units: BTreeMap::new(),
    });
    (plant, still)
}

/// A unit that the battery does not allow to wait for is told of as cut, and once.
#[test]
fn a_unit_that_is_left_is_cut_once() {
    let (plant, mut still) = short_of_energy(30);
    let first = decided(&plant, &still);
    let left = lasted(&first, "node/n1").unwrap();
    let wanted = ("evict", ago(30), Ending::Cut);
    assert_eq!((left.step.as_str(), left.began, left.ending), wanted);
    let event = support::decided(&still.journal, &first);
    still.journal.apply(&event);
    assert_eq!(lasted(&decided(&plant, &still), "node/n1"), None);
}

/// A step that began before this way down teaches nothing of it: telling it would never end.
#[test]
fn a_unit_that_is_left_with_a_step_of_before_is_not_told_again_and_again() {
    let (plant, mut still) = short_of_energy(29);
    assert_eq!(lasted(&decided(&plant, &still), "node/n1"), None);
    still.journal.run = None;
    let first = decided(&plant, &still);
    let event = support::decided(&still.journal, &first);
    still.journal.apply(&event);
    assert_eq!(lasted(&decided(&plant, &still), "node/n1"), None);
}
