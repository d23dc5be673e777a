//! A plan ends where nothing is decided any more: with the last step of this host.

#![allow(
    dead_code,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test that cannot go on fails"
)]

mod support;

use std::sync::Arc;

use ananke_core::{
    budget::Known,
    episode::EpisodePhase,
    forecast::{Forecast, ForecastStep, forecast},
    journal::HostMemory,
    observe::{SnapshotFacts, SupplyReading},
    seen::{Seen, Unseen},
    signals::{Cause, Phase, Trigger},
    step::{PlannedStep, Rung},
};
use ananke_crds::policy::{OffWhen, Target, WayBack};
use support::{
    at,
    worlds::{NOW, named},
};

/// What this host does in a plan for a low battery, everything else being off.
fn last_rungs(when: OffWhen, way_back: WayBack) -> Vec<&'static str> {
    let mut policy = support::policy("small");
    let own = policy.spec.hosts.iter_mut().find(|host| host.is_self).unwrap();
    (own.off.as_mut().unwrap().when, own.off.as_mut().unwrap().way_back) = (when, way_back);
    let plant = support::plant(&policy);
    let mut still = named("off", &plant);
    let status = ["OB", "LB"].map(str::to_owned).into();
    let reading = SupplyReading { status, charge_percent: Some(10), ..SupplyReading::default() };
    still.snapshot.supplies.insert("ups".into(), Seen::known(reading, NOW));
    let memory = Arc::make_mut(still.journal.supplies.entry("ups".into()).or_default());
    memory.phase = Phase::Falling;
    memory.on_battery_since = Some(NOW);
    memory.cause = Some(Cause { trigger: Trigger::LowBattery, figures: "LB".into() });
    let made = forecast(&plant, &still.journal, &still.snapshot);
    assert!(made.total.as_secs() < 60, "{:?}", made.total);
    assert!(made.steps.iter().all(|step| step.step.unit == "self"));
    made.steps.iter().map(|step| step.step.rung.name()).collect()
}

#[test]
fn a_plan_ends_with_the_last_step_of_this_host() {
    for (when, way_back, rungs) in [
        (OffWhen::LastMoment, WayBack::UpsCut, &["wake-alarm", "force-shutdown", "power-off"][..]),
        (OffWhen::Always, WayBack::Rtc, &["wake-alarm", "power-off"]),
        (OffWhen::Always, WayBack::None, &["power-off"]),
        (OffWhen::LastMoment, WayBack::None, &["sync"]),
    ] {
        assert_eq!(last_rungs(when, way_back), rungs, "{when:?} {way_back:?}");
    }
}

/// A supply that is heard on a host that it feeds is heard again once that host is woken: a plan
/// does not wait for ever behind it.
#[test]
fn a_plan_hears_a_supply_again_that_its_own_host_tells_of() {
    let mut policy = support::policy("two-ups");
    policy.spec.supplies[1].via = Some("host/n4".parse().unwrap());
    let plant = support::plant(&policy);
    let mut still = named("off", &plant);
    still.snapshot.supplies.insert("east".into(), Seen::unknown(Unseen::Silent, NOW));
    let heard = Arc::make_mut(still.journal.supplies.get_mut("east").unwrap());
    heard.last_heard = still.journal.hosts["n4"].powered_off;
    let made = forecast(&plant, &still.journal, &still.snapshot);
    let woken = |host: &str| {
        let unit = format!("host/{host}");
        made.steps.iter().find(|step| step.step.unit == unit).map(|step| step.at)
    };
    assert!(woken("n4") < woken("s3"), "{:?} {:?}", woken("n4"), woken("s3"));
    let hosts = made.end.units.iter().filter(|unit| unit.name.starts_with("host/"));
    let left: Vec<_> = hosts.filter(|unit| !unit.arrived).collect();
    assert!(left.is_empty(), "{left:#?}");
}

/// It is heard again when that host is woken, and not with any other.
#[test]
fn a_plan_hears_a_supply_again_with_the_host_that_tells_of_it() {
    let mut policy = support::policy("two-ups");
    policy.spec.supplies[1].via = Some("host/n4".parse().unwrap());
    let plant = support::plant(&policy);
    let mut still = named("running", &plant);
    still.journal.episode.phase = EpisodePhase::Recovering;
    let off = Seen::unknown(Unseen::Silent, at(9_000));
    still.snapshot.supplies.insert("east".into(), Seen::unknown(Unseen::Silent, at(9_000)));
    still.snapshot.hosts.insert("n4".into(), off);
    let proven = HostMemory {
        powered_off: Some(at(8_990)),
        proven_off: Some(at(9_500)),
        ..HostMemory::default()
    };
    still.journal.hosts.insert("n4".into(), proven);
    Arc::make_mut(still.journal.supplies.get_mut("east").unwrap()).last_heard = Some(at(8_999));
    let node = still.snapshot.cluster.value_mut().unwrap().nodes.get_mut("n4").unwrap();
    (node.ready, node.lease_fresh) = (false, false);
    let made = forecast(&plant, &still.journal, &still.snapshot);
    assert_eq!(made.steps[0].step.unit, "host/n4");
    let left: Vec<_> = made.end.units.iter().filter(|unit| !unit.arrived).collect();
    assert!(left.is_empty(), "{left:#?}");
    assert!(made.end.supplies["east"].last_heard > Some(NOW), "{:?}", made.end.supplies["east"]);
}

/// Who evicts the pods of a node detaches its volumes, and no others.
#[test]
fn a_plan_detaches_the_volumes_of_the_pods_that_it_evicts() {
    let plan = |attached: &str, is_empty: bool| {
        let mut policy = support::policy("small");
        policy.spec.target = Target::ClusterOnlyDown;
        let plant = support::plant(&policy);
        let mut still = named("running", &plant);
        for (name, node) in &mut still.snapshot.cluster.value_mut().unwrap().nodes {
            node.attachments = u32::from(name == attached);
            if name == attached && is_empty {
                node.pods.clear();
            }
        }
        forecast(&plant, &still.journal, &still.snapshot)
    };
    let first_stop = |made: &Forecast| {
        made.steps.iter().find(|step| step.step.rung == Rung::Stop).map(|step| step.at)
    };
    // The server is drained last: nobody evicts anything after it.
    for node in ["n1", "n2", "s1"] {
        let made = plan(node, false);
        assert_eq!(first_stop(&made).unwrap().as_secs(), 64, "{node}");
        assert!(made.end.waiting.is_empty(), "{node}: {:?}", made.end.waiting);
    }
    let made = plan("n2", true);
    assert!(first_stop(&made).is_none_or(|at| at.as_secs() > 120), "{:?}", first_stop(&made));
}

/// The steps of a plan for `small`, from this world to this target: when, whose, which and for how
/// long, in seconds.
fn steps(world: &str, declared: Target) -> (Forecast, Vec<String>) {
    let mut policy = support::policy("small");
    policy.spec.target = declared;
    let plant = support::plant(&policy);
    let still = named(world, &plant);
    let made = forecast(&plant, &still.journal, &still.snapshot);
    let line = |step: &ForecastStep| {
        let PlannedStep { unit, rung, .. } = &step.step;
        format!("{} {unit} {} {}", step.at.as_secs(), rung.name(), step.takes.as_secs())
    };
    let lines = made.steps.iter().map(line).collect();
    (made, lines)
}

#[test]
fn a_plan_of_all_the_way_down() {
    let (made, lines) = steps("running", Target::Poweroff);
    let wanted = [
        "0 gitops suspend 1",
        "1 gitops suspend 1",
        "2 gitops suspend 1",
        "3 node/s1 cordon 1",
        "3 node/n1 cordon 1",
        "3 node/n2 cordon 1",
        "3 snapshot snapshot 10",
        "4 node/n1 evict 30",
        "4 node/n2 evict 30",
        "34 node/s1 evict 30",
        "64 agent/n1 stop 10",
        "64 agent/n2 stop 10",
        "75 agent/n1 end-containers 10",
        "75 agent/n2 end-containers 10",
        "85 host/n1 power-off 2",
        "85 host/n2 power-off 2",
        "85 server/s1 stop 10",
        // Both hosts are proven off first.
        "178 server/s1 end-containers 10",
        "188 host/s1 power-off 2",
        "280 self power-off 2",
    ];
    assert_eq!(lines, wanted);
    assert_eq!((made.total.as_secs(), made.is_partial), (283, false));
    assert!(made.end.waiting.is_empty(), "{:?}", made.end.waiting);
}

/// A snapshot of before is none of this way down, and one that has nothing in it is none at all.
#[test]
fn a_plan_takes_a_snapshot_of_its_own() {
    let mut policy = support::policy("small");
    policy.spec.target = Target::ClusterOnlyDown;
    let plant = support::plant(&policy);
    let mut still = named("running", &plant);
    let facts = still.snapshot.hosts.get_mut("s1").unwrap().value_mut().unwrap();
    let taken_unix_seconds = facts.wall_unix_seconds - 60;
    let old = SnapshotFacts { name: "by hand".into(), taken_unix_seconds, size_bytes: 4_096 };
    facts.snapshot = Some(old);
    let made = forecast(&plant, &still.journal, &still.snapshot);
    let taken = made.steps.iter().filter(|step| step.step.rung == Rung::Snapshot).count();
    assert_eq!(taken, 1);
    assert!(made.end.waiting.is_empty(), "{:?}", made.end.waiting);
}

/// Nobody knows what the API will tell, and a plan does not wait for it for ever.
#[test]
fn a_plan_from_off_goes_up_as_far_as_anybody_knows() {
    let (made, lines) = steps("off", Target::Running);
    assert_eq!(lines, ["0 host/s1 wake 60", "0 host/n1 wake 60", "0 host/n2 wake 60"]);
    assert!(made.is_partial, "what is to be uncordoned and resumed is not known");
    assert!(made.end.waiting.is_empty(), "{:?}", made.end.waiting);
    assert_eq!(made.total.as_secs(), 60, "{:?}", made.total);
    assert_eq!(made.end.at.since(NOW).as_secs(), 60, "nothing is decided after that");
}

/// What is waited for in vain takes no time in a plan; what is waited for and comes does.
#[test]
fn a_plan_ends_with_the_last_effect_that_comes() {
    let mut policy = support::policy("small");
    policy.spec.hosts.iter_mut().find(|host| host.name.as_str() == "n1").unwrap().wake = None;
    let plant = support::plant(&policy);
    let still = named("off", &plant);
    let made = forecast(&plant, &still.journal, &still.snapshot);
    assert_eq!(made.total.as_secs(), 60, "{:?}", made.end.waiting);
    assert!(made.end.waiting.iter().any(|waiting| waiting.unit == "host/n1"));
    policy.spec.target = Target::Poweroff;
    policy.spec.hosts.iter_mut().find(|host| host.is_self).unwrap().off.as_mut().unwrap().when =
        OffWhen::Never;
    let plant = support::plant(&policy);
    let still = named("running", &plant);
    let made = forecast(&plant, &still.journal, &still.snapshot);
    let last = made.steps.last().unwrap();
    assert_eq!(last.step.unit, "host/s1");
    assert!(made.total > last.at + last.takes + plant.shutdown.longest_halt, "{:?}", made.total);
}

/// What runs have taught stands in the plan; being proven off is waited for by itself.
#[test]
fn a_plan_takes_as_long_as_past_runs_did() {
    let mut policy = support::policy("small");
    policy.spec.target = Target::Poweroff;
    let plant = support::plant(&policy);
    let mut still = named("running", &plant);
    let known = |step: &str| Known { runs: 5, step_millis: [(step.to_owned(), 7_000)].into() };
    still.journal.learned.full.insert("agent".into(), known("stop"));
    still.journal.learned.full.insert("agent/n2".into(), known("end-containers"));
    still.journal.learned.full.insert("host".into(), known("power-off"));
    let made = forecast(&plant, &still.journal, &still.snapshot);
    let takes = |unit: &str, rung: Rung| {
        let it = |step: &&ForecastStep| step.step.unit == unit && step.step.rung == rung;
        made.steps.iter().find(it).map(|step| step.takes.as_secs())
    };
    assert_eq!(takes("agent/n1", Rung::Stop), Some(7), "as its kind");
    assert_eq!(takes("agent/n2", Rung::EndContainers), Some(7), "as itself");
    assert_eq!(takes("agent/n2", Rung::Stop), Some(10), "itself was never seen to stop");
    assert_eq!(takes("host/n1", Rung::PowerOff), Some(2));
}
