//! Bounds: when a person is called, when a unit is late, when a rung is begun.

use super::*;

/// How long the units of `plants` may take, declared so that no two of them are the same.
fn with_spans(policy: &PowerPolicy) -> Plant {
    let mut plant = support::plant(policy);
    (plant.startup.longest_boot, plant.startup.service_timeout) = (secs(600), secs(100));
    plant.shutdown.longest_halt = secs(50);
    plant.shutdown.verify_off_timeout = secs(70);
    plant.shutdown.service_timeout = secs(41);
    (plant.shutdown.drain_timeout, plant.shutdown.pod_grace) = (secs(200), secs(30));
    plant
}

/// What a person is told of a unit whose turn began this long ago, if anything.
fn called(plant: &Plant, still: &Still, unit: &str, wanted: Wanted, millis: u64) -> Option<String> {
    let mut journal = still.journal.clone();
    journal.episode.phase = EpisodePhase::Recovering;
    let since = Tick::from_millis(NOW.as_millis() - millis);
    journal.turns.insert(unit.into(), Turn { since, wanted });
    let decision = decide(plant, &journal, &still.snapshot);
    let mut blocked = decision.blocked.into_iter();
    let call = blocked.find(|blocked| {
        blocked.reason == Reason::ManualActionRequired && blocked.unit.as_deref() == Some(unit)
    });
    call.map(|call| call.message.into())
}

type Change = fn(&mut Still);

/// Architecture 2.4.5: a wait is bounded, and by how much depends on what is waited for.
#[test]
fn a_person_is_called_when_a_bound_is_over_and_not_before() {
    let as_it_is: Change = |_| ();
    let api_away: Change = |still| {
        let facts = still.snapshot.hosts.get_mut("s1").unwrap().value_mut().unwrap();
        facts.server.as_mut().unwrap().active = ActiveState::Active;
    };
    let containers: Change = |still| {
        still.snapshot.hosts.get_mut("n1").unwrap().value_mut().unwrap().containers = 3;
    };
    let volumes: Change = |still| {
        let cluster = still.snapshot.cluster.value_mut().unwrap();
        cluster.stray_attachments = 1;
        for node in cluster.nodes.values_mut() {
            (node.pods, node.attachments) = (Vec::new(), 0);
        }
    };
    let no_snapshot: Change = |still| {
        still.snapshot.hosts.get_mut("s1").unwrap().value_mut().unwrap().snapshot = None;
    };
    let no_layer: Change = |still| {
        let source = &mut still.snapshot.cluster.value_mut().unwrap().source;
        source.as_mut().unwrap().ready = false;
        let down = ObservedState::Down { message: "not applied".into() };
        still.snapshot.observed.insert("layer/core".into(), Seen::known(down, NOW));
    };
    let suspended: Change = |still| {
        let object = &mut still.snapshot.cluster.value_mut().unwrap().gitops[0];
        object.suspended = true;
        object.mark = Some(Mark {
            run: "r1".into(),
            field: "spec.suspend".into(),
            previous: None,
            at_unix_seconds: 1,
        });
    };
    let (up, down) = (Wanted::Up, Wanted::Down);
    for (policy, world, target, change, unit, wanted, bound) in [
        ("small", "off", Target::Running, as_it_is, "host/n1", up, 600),
        // The longer of the halt and of its proof.
        ("small", "cluster-down", Target::Poweroff, as_it_is, "host/n1", down, 70),
        ("small", "cluster-down", Target::Running, as_it_is, "server/s1", up, 100),
        // Two stops and a kill.
        ("small", "cluster-down", Target::ClusterOnlyDown, containers, "agent/n1", down, 123),
        ("small", "cluster-down", Target::Running, api_away, "api", up, 100),
        // The drain, a deletion, and one with a short grace.
        ("small", "half-way", Target::ClusterOnlyDown, as_it_is, "node/n1", down, 260),
        ("small", "half-way", Target::ClusterOnlyDown, volumes, "storage", down, 420),
        ("small", "half-way", Target::ClusterOnlyDown, no_snapshot, "snapshot", down, 360),
        ("small", "off", Target::Poweroff, as_it_is, "self", down, 120),
        ("small", "running", Target::Running, suspended, "gitops", up, 120),
        ("layered", "running", Target::Running, no_layer, "layer/core", up, 500),
    ] {
        let mut plant = with_spans(&support::policy(policy));
        plant.declared = target;
        let mut still = named(world, &plant);
        change(&mut still);
        let call = |millis| called(&plant, &still, unit, wanted, millis);
        assert_eq!(call(bound * 1_000), None, "{unit} {wanted:?}");
        assert!(call(bound * 1_000 + 1).is_some(), "{unit} {wanted:?}");
    }
}

/// A host that nothing switches on again stays on until its battery is empty: that takes a day.
#[test]
fn a_host_without_a_way_back_may_take_as_long_as_a_battery() {
    let mut plant = with_spans(&support::policy("small"));
    plant.declared = Target::Poweroff;
    plant.shutdown.own_way_back = WayBack::None;
    let mut still = named("off", &plant);
    // Late enough for a day to have passed.
    let late = Tick::from_millis(NOW.as_millis() + 90_000_000);
    still.snapshot.now = late;
    let call = |seconds: u64| {
        let mut journal = still.journal.clone();
        let since = Tick::from_millis(late.as_millis() - seconds * 1_000);
        journal.turns.insert("self".into(), Turn { since, wanted: Wanted::Down });
        let decision = decide(&plant, &journal, &still.snapshot);
        decision.blocked.iter().any(|blocked| blocked.unit.as_deref() == Some("self"))
    };
    assert!(!call(86_400));
    assert!(call(86_401));
}

/// Who is called is told what the unit waits for, or that it is tried again.
#[test]
fn a_call_says_what_the_unit_waits_for() {
    let plant = with_spans(&support::policy("small"));
    let mut off = named("off", &plant);
    let message = called(&plant, &off, "host/n1", Wanted::Up, 700_000).unwrap();
    assert_eq!(message, "takes longer than it may; tried again. Look at it yourself");
    // n2 waits for a person, and stands before it in the table: its sentence is not n1's.
    off.snapshot.hosts.insert("s1".into(), Seen::unknown(Unseen::HostKey, at(9_000)));
    let message = called(&plant, &off, "host/n1", Wanted::Up, 700_000).unwrap();
    assert_eq!(message, "takes longer than it may; tried again. Look at it yourself");
    let message = called(&plant, &off, "host/s1", Wanted::Up, 700_000).unwrap();
    assert!(message.contains("another host key"), "{message}");
}

/// A call on the API may take twice what one answer of it may.
#[test]
fn calls_on_many_objects_have_twice_the_time_of_one() {
    let mut small = support::policy("small");
    small.spec.target = Target::ClusterOnlyDown;
    let deadline = |world, unit: &str, tried: &[(Rung, u64)]| {
        let decision = decided(&small, world, |_, still| {
            for (rung, ago) in tried {
                let began = at(10_000 - ago);
                let tries = Tries {
                    count: 1,
                    first: began,
                    last: began,
                    ended: Some(began),
                    failure: None,
                };
                still.journal.tries.entry(unit.into()).or_default().insert(*rung, tries);
            }
        });
        let step = decision.steps.into_iter().find(|step| step.unit == unit).unwrap();
        (step.rung, step.deadline)
    };
    assert_eq!(deadline("running", "gitops", &[]), (Rung::Suspend, secs(20)));
    assert_eq!(deadline("half-way", "node/n1", &[]), (Rung::Evict, secs(20)));
    let tried = [(Rung::Evict, 190)];
    assert_eq!(deadline("half-way", "node/n1", &tried), (Rung::Delete, secs(20)));
}

/// A service on its way down is waited for as long as stopping it may take, and then killed.
#[test]
fn a_service_that_is_stopping_is_late_after_its_time() {
    let mut plant = with_spans(&support::policy("small"));
    plant.declared = Target::ClusterOnlyDown;
    let rung = |millis| {
        let mut still = named("cluster-down", &plant);
        let facts = still.snapshot.hosts.get_mut("n1").unwrap().value_mut().unwrap();
        facts.agent.as_mut().unwrap().active = ActiveState::Deactivating;
        facts.containers = 3;
        let since = Tick::from_millis(NOW.as_millis() - millis);
        still.journal.turns.insert("agent/n1".into(), Turn { since, wanted: Wanted::Down });
        let decision = decide(&plant, &still.journal, &still.snapshot);
        decision.steps.into_iter().find(|step| step.unit == "agent/n1").map(|step| step.rung)
    };
    assert_eq!(rung(41_000), None);
    assert_eq!(rung(41_001), Some(Rung::Kill));
}

/// The drain gets what the battery leaves it: a rung that ends just in time is begun.
#[test]
fn a_rung_that_ends_in_the_last_second_is_begun() {
    let mut plant = support::plant(&support::policy("small"));
    (plant.shutdown.longest_halt, plant.shutdown.pod_grace) = (secs(100), secs(60));
    plant.span_scale = 1.0;
    let rung = |seconds| {
        let mut still = named("half-way", &plant);
        on_battery(&mut still, "ups", seconds);
        signal(&mut still, "ups", Phase::Falling);
        let decision = decide(&plant, &still.journal, &still.snapshot);
        decision.steps.into_iter().find(|step| step.unit == "node/n1").map(|step| step.rung)
    };
    // 45 s go to the drain of the server, 150 s to what is below that, and 5 s are kept free.
    let first = |wanted| (1..400).find(|seconds| rung(*seconds) == Some(wanted));
    assert_eq!(first(Rung::DeleteShort), Some(200));
    assert_eq!(first(Rung::Delete), Some(200 + 60));
    assert_eq!(first(Rung::Evict), Some(200 + 60 + 8));
}

/// Mains are back, and a host that was on all the time goes off all the same only if its battery is
/// low and would not carry its halt, and that of this host after it.
#[test]
fn a_held_host_goes_only_if_its_battery_would_not_carry_its_halt() {
    let mut plant = support::plant(&support::policy("small"));
    plant.shutdown.longest_halt = secs(100);
    plant.span_scale = 1.0;
    plant.supplies[0].trigger_min_charge = 20;
    let goes = |charge: u8, seconds: u64, uptime: u64| {
        let mut still = named("cluster-down", &plant);
        let reading = still.snapshot.supplies.get_mut("ups").unwrap().value_mut().unwrap();
        (reading.charge_percent, reading.runtime_seconds) = (Some(charge), Some(seconds));
        reading.status = vec!["OL".into(), "CHRG".into()];
        signal(&mut still, "ups", Phase::Held);
        let memory = Arc::make_mut(still.journal.supplies.get_mut("ups").unwrap());
        (memory.went, memory.returned) = (Some(at(9_000)), Some(at(9_970)));
        let facts = still.snapshot.hosts.get_mut("n1").unwrap().value_mut().unwrap();
        facts.uptime_seconds = uptime;
        let decision = decide(&plant, &still.journal, &still.snapshot);
        decision.steps.iter().any(|step| step.unit == "host/n1")
    };
    assert!(goes(19, 109, 9_000));
    assert!(!goes(20, 109, 9_000), "the charge is not low");
    assert!(!goes(19, 110, 9_000), "it carries the halts");
    // It booted in the instant in which the mains went, and not after.
    assert!(goes(19, 109, 1_000));
    assert!(!goes(19, 109, 999), "it has booted since");
}
