//! What is remembered over a boot, over a restart of the daemon, and of a call that came back.

#![allow(
    dead_code,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test that cannot go on fails"
)]

mod support;

use std::time::Duration;

use ananke_core::{
    budget::{Path, Way},
    decide::decide,
    decision::Decision,
    journal::{Event, HostMemory, Journal, Turn},
    observe::Device,
    seen::{Seen, Unseen},
    signals::{Cause, Phase, SupplyMemory, Trigger},
    step::{Action, Outcome, PlannedStep, Rung, Service},
    table::Wanted,
    time::Tick,
};
use support::{
    at,
    worlds::{NOW, running},
};

fn started(boot: &str, seconds: u64) -> Event {
    Event::Started { boot_id: boot.into(), at: at(seconds) }
}

fn begun(id: u64, seconds: u64, unit: &str, rung: Rung, action: Action) -> Event {
    let deadline = Duration::from_secs(20);
    let step = PlannedStep { unit: unit.into(), rung, action, deadline, attempt: 1 };
    Event::Begun { id, at: at(seconds), step }
}

fn ended(id: u64, seconds: u64, outcome: Outcome) -> Event {
    Event::Ended { id, at: at(seconds), outcome }
}

fn power_off(id: u64, seconds: u64) -> Event {
    begun(id, seconds, "host/n1", Rung::PowerOff, Action::PowerOff { host: "n1".into() })
}

fn refused() -> Outcome {
    Outcome::Refused { message: "no".into() }
}

fn unknown() -> Outcome {
    Outcome::Unknown { message: "no answer".into() }
}

fn falling() -> SupplyMemory {
    SupplyMemory {
        phase: Phase::Falling,
        since: at(90),
        cause: Some(Cause { trigger: Trigger::Runtime, figures: "short".into() }),
        on_battery_since: Some(at(80)),
        last_heard: Some(at(99)),
        last_runtime_seconds: Some(300),
        forced_before: true,
        last_replicas: Some("pvc-1".into()),
        lifted: true,
        device: Device { serial: Some("42".into()), ..Device::default() },
        ..SupplyMemory::default()
    }
}

/// A journal with something of everything in it, in the boot `one`.
fn full() -> Journal {
    let mut journal = Journal::fold(&[
        started("one", 10),
        power_off(0, 50),
        ended(0, 51, Outcome::Done),
        begun(1, 60, "node/n2", Rung::Cordon, Action::Cordon { node: "n2".into() }),
        ended(1, 61, Outcome::Done),
    ]);
    journal.supplies.insert("ups".into(), falling().into());
    journal.turns.insert("host/n1".into(), Turn { since: at(40), wanted: Wanted::Down });
    journal.own_fsd_since.insert("ups".into(), at(70));
    journal
}

#[test]
fn of_another_boot_only_what_was_asked_for_stays() {
    let mut journal = full();
    journal.apply(&started("two", 5));
    assert!(journal.hosts.is_empty() && journal.tries.is_empty() && journal.turns.is_empty());
    assert!(journal.touched.is_empty() && journal.own_fsd_since.is_empty());
    assert_eq!((journal.boot_id.as_str(), journal.started), ("two", at(5)));
    assert_eq!(journal.episode.since, at(5));
    let wanted = SupplyMemory {
        phase: Phase::Falling,
        since: at(5),
        cause: falling().cause,
        unsettled: true,
        forced_before: true,
        last_replicas: Some("pvc-1".into()),
        lifted: true,
        device: falling().device,
        ..SupplyMemory::default()
    };
    assert_eq!(*journal.supplies["ups"], wanted);
}

#[test]
fn a_restart_in_the_same_boot_forgets_nothing() {
    let mut journal = full();
    journal.apply(&started("one", 100));
    let wanted = Journal { started: at(100), ..full() };
    assert_eq!(journal, wanted);
}

/// Whoever was waiting for the answer is gone: nobody knows how it ended.
#[test]
fn what_was_in_flight_is_unknown_after_a_restart() {
    let stop = Action::StopService { host: "n1".into(), service: Service::Agent };
    let mut journal =
        Journal::fold(&[started("one", 10), begun(4, 50, "agent/n1", Rung::Stop, stop)]);
    assert_eq!(journal.units_in_flight(at(51)).collect::<Vec<_>>(), ["agent/n1"]);
    assert_eq!(journal.next_id, 5);
    journal.apply(&started("one", 52));
    assert!(journal.in_flight.is_empty());
    let tries = journal.tries("agent/n1", Rung::Stop).unwrap();
    assert_eq!((tries.count, tries.ended), (1, Some(at(52))));
    assert!(tries.failure.is_some());
}

#[test]
fn a_poweroff_was_sent_unless_it_was_refused() {
    for (outcome, sent) in
        [(Outcome::Done, Some(at(50))), (unknown(), Some(at(50))), (refused(), None)]
    {
        let journal =
            Journal::fold(&[started("one", 10), power_off(0, 50), ended(0, 51, outcome.clone())]);
        assert_eq!(journal.hosts["n1"].powered_off, sent, "{outcome:?}");
        let tries = journal.tries("host/n1", Rung::PowerOff).unwrap();
        assert_eq!(tries.failure.is_none(), outcome == Outcome::Done);
        assert_eq!(tries.ended, Some(at(51)));
    }
}

#[test]
fn this_host_is_remembered_to_have_left() {
    let leave = Action::PowerOffSelf { reboot_if_mains: false, cut_supplies: Vec::new() };
    let journal = Journal::fold(&[started("one", 10), begun(0, 50, "self", Rung::PowerOff, leave)]);
    assert!(journal.own_off);
}

/// What a supply was told before stays told: only what this call would have set is taken back.
#[test]
fn a_forced_shutdown_that_was_refused_is_not_ours() {
    let force = |id, seconds, supplies: &[&str]| {
        let supplies = supplies.iter().map(|name| (*name).to_owned()).collect();
        begun(id, seconds, "self", Rung::ForceShutdown, Action::ForceShutdown { supplies })
    };
    let journal = Journal::fold(&[
        started("one", 10),
        force(0, 40, &["east", "north"]),
        ended(0, 41, unknown()),
        force(1, 50, &["east", "west"]),
        ended(1, 51, refused()),
    ]);
    let ours: Vec<_> =
        journal.own_fsd_since.iter().map(|(name, at)| (name.as_str(), *at)).collect();
    assert_eq!(ours, [("east", at(40)), ("north", at(40))]);
}

/// A person was called once on this way down: it teaches nothing, however well it goes on.
#[test]
fn a_run_that_failed_once_has_failed() {
    let plant = support::plant(&support::policy("small"));
    let still = running(&plant);
    let mut decision = decide(&plant, &still.journal, &still.snapshot);
    let mut journal = still.journal;
    for fails in [false, true, false] {
        decision.way = Some(Way { path: Path::Full, fails });
        journal.apply(&support::decided(&journal, &decision));
    }
    assert!(journal.run.as_ref().unwrap().failed);
    decision.way = None;
    journal.apply(&support::decided(&journal, &decision));
    assert!(journal.run.is_none() && journal.run_over.unwrap().failed);
}

#[test]
fn only_another_episode_is_written_down() {
    let plant = support::plant(&support::policy("small"));
    let still = running(&plant);
    let mut decision = decide(&plant, &still.journal, &still.snapshot);
    let told = |decision: &Decision| match support::decided(&still.journal, decision) {
        Event::Decided { episode, .. } => episode,
        other => panic!("{other:?}"),
    };
    assert_eq!(told(&decision), None);
    decision.episode.startups += 1;
    assert_eq!(told(&decision).as_ref(), Some(&decision.episode));
}

#[test]
fn a_wake_voids_what_was_proven() {
    let mut journal = Journal::fold(&[started("one", 10)]);
    let proven = HostMemory { proven_off: Some(at(20)), ..HostMemory::default() };
    journal.hosts.insert("n1".into(), proven);
    let wake = Action::Wake { host: "n1".into() };
    journal.apply(&begun(0, 30, "host/n1", Rung::Wake, wake));
    let woken = HostMemory { woken: Some(at(30)), ..HostMemory::default() };
    assert_eq!(journal.hosts["n1"], woken);
}

/// The state of `host/n1` after so many seconds of silence, with its Node's lease fresh or not. Our
/// poweroff was sent so many seconds ago; then it was looked at, and said how long it has been up.
fn state_in_silence(sent: u64, looked: u64, uptime: u64, silent: u64, lease: bool) -> String {
    let plant = support::plant(&support::policy("small"));
    let mut still = running(&plant);
    let sent = Tick::from_millis(NOW.as_millis() - sent * 1000);
    let look = Tick::from_millis(NOW.as_millis() - looked * 1000);
    still
        .journal
        .hosts
        .insert("n1".into(), HostMemory { powered_off: Some(sent), ..HostMemory::default() });
    let seen = still.snapshot.hosts.get_mut("n1").unwrap();
    let mut facts = seen.value().unwrap().clone();
    facts.uptime_seconds = uptime;
    *seen = Seen::known(facts, look);
    still.snapshot.now = look;
    let decision = decide(&plant, &still.journal, &still.snapshot);
    still.journal.apply(&support::decided(&still.journal, &decision));
    let since = Tick::from_millis(NOW.as_millis() - silent * 1000);
    still.snapshot.hosts.insert("n1".into(), Seen::unknown(Unseen::Silent, since));
    let nodes = &mut still.snapshot.cluster.value_mut().unwrap().nodes;
    nodes.get_mut("n1").unwrap().lease_fresh = lease;
    still.snapshot.now = NOW;
    let decision = decide(&plant, &still.journal, &still.snapshot);
    decision.units.into_iter().find(|unit| unit.name == "host/n1").unwrap().state.into()
}

/// The longest halt of the policy is 90 s, and a boot may take ten minutes more.
#[test]
fn a_poweroff_of_before_it_was_seen_on_again_proves_nothing() {
    for (sent, looked, uptime, silent, lease, state) in [
        // It booted: silence is its path's, or a freeze.
        (3_000, 1_000, 1_500, 300, true, "unknown"),
        (3_000, 1_000, 1_500, 300, false, "unknown"),
        (3_000, 1_000, 1_500, 691, true, "unknown"),
        (3_000, 1_000, 1_500, 691, false, "down"),
        // It had booted before the longest halt was over.
        (200, 150, 20, 100, false, "unknown"),
        // It never went.
        (3_000, 1_000, 9_000, 300, false, "unknown"),
        // It was on its way, and is off.
        (200, 150, 9_000, 100, false, "down"),
        (120, 110, 9_000, 95, true, "down"),
        // It has booted, and nobody has heard it since: its Node tells.
        (3_000, 3_001, 9_000, 2_999, true, "unknown"),
        (3_000, 3_001, 9_000, 2_999, false, "down"),
        // Looked at before the poweroff.
        (200, 201, 20, 200, false, "down"),
        // Up for longer than the poweroff is ago, but for less than a second.
        (200, 150, 50, 100, false, "down"),
    ] {
        let found = state_in_silence(sent, looked, uptime, silent, lease);
        assert_eq!(found, state, "{sent} {looked} {uptime} {silent} {lease}");
    }
}

#[test]
fn tries_are_counted_from_the_first() {
    let mut journal = Journal::fold(&[started("one", 10)]);
    for (id, seconds) in [(0, 50), (1, 70), (2, 90)] {
        journal.apply(&power_off(id, seconds));
        journal.apply(&ended(id, seconds + 1, refused()));
    }
    let tries = journal.tries("host/n1", Rung::PowerOff).unwrap();
    let times = (tries.count, tries.first, tries.last, tries.ended);
    assert_eq!(times, (3, at(50), at(90), Some(at(91))));
}

/// A look of before the call came back does not show what it did.
#[test]
fn only_calls_on_objects_are_waited_for_to_be_seen() {
    let journal = full();
    assert_eq!(journal.touched.get("node/n2"), Some(&at(61)));
    assert!(!journal.touched.contains_key("host/n1"));
}

#[test]
fn a_step_is_in_flight_until_its_deadline_and_a_little_more() {
    let journal = Journal::fold(&[started("one", 10), power_off(0, 50)]);
    assert_eq!(journal.units_in_flight(at(75)).count(), 1);
    assert_eq!(journal.units_in_flight(at(76)).count(), 0);
}
