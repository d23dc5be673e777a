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
    forecast::forecast,
    observe::SupplyReading,
    seen::{Seen, Unseen},
    signals::{Cause, Phase, Trigger},
};
use ananke_crds::policy::{OffWhen, WayBack};
use support::worlds::{NOW, named};

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
