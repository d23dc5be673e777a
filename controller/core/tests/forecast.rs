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

use ananke_core::{
    forecast::forecast,
    observe::SupplyReading,
    seen::Seen,
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
    let memory = still.journal.supplies.entry("ups".into()).or_default();
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
