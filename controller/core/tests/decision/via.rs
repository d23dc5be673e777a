//! A supply that is heard through a host that it feeds, and when that host is tried.

use super::*;

/// Everything is off, and nobody can ask the supply of `n4`: it may be lasting yet.
#[test]
fn a_via_host_is_tried_once_its_battery_has_run_down() {
    let mut policy = support::policy("two-ups");
    policy.spec.supplies[1].via = Some("host/n4".parse().unwrap());
    let mut plant = support::plant(&policy);
    plant.shutdown.longest_halt = secs(50);
    let is_tried = |millis: u64| {
        let mut still = named("off", &plant);
        still.snapshot.supplies.insert("east".into(), Seen::unknown(Unseen::Silent, at(9_000)));
        let memory = Arc::make_mut(still.journal.supplies.get_mut("east").unwrap());
        memory.on_battery_since = Some(at(5_000));
        memory.last_heard = Some(Tick::from_millis(NOW.as_millis() - millis));
        memory.last_runtime_seconds = Some(700);
        let decision = decide(&plant, &still.journal, &still.snapshot);
        decision.steps.iter().any(|step| step.unit == "host/n4")
    };
    // 700 s of battery, and 50 s in which its upsd may have answered while it halted.
    assert!(!is_tried(750_000));
    assert!(is_tried(750_001));
}

/// An upsd that says nothing on a host that is up is silent, as any other: that its host is not tried
/// once more does not keep it on.
#[test]
fn a_via_host_that_is_up_goes_with_its_supply() {
    let mut policy = support::policy("two-ups");
    policy.spec.supplies[1].via = Some("host/n4".parse().unwrap());
    let decision = decided(&policy, "running", |_, still| {
        still.snapshot.supplies.insert("east".into(), Seen::unknown(Unseen::Silent, at(5_000)));
        let memory = Arc::make_mut(still.journal.supplies.get_mut("east").unwrap());
        (memory.phase, memory.on_battery_since) = (Phase::Falling, Some(at(4_000)));
        memory.cause = Some(Cause { trigger: Trigger::LowBattery, figures: "LB".into() });
        (memory.mains_since, memory.last_heard) = (None, Some(at(5_000)));
        memory.last_runtime_seconds = Some(700);
        // It has been up for longer than its supply is silent.
        let facts = still.snapshot.hosts.get_mut("n4").unwrap().value_mut().unwrap();
        facts.uptime_seconds = 9_000;
    });
    let host = decision.units.iter().find(|unit| unit.name == "host/n4").unwrap();
    assert_eq!(host.wanted, Wanted::Down);
}
