//! Telemetry that is silent, wrong or somebody else's.

use std::time::Duration;

use ananke::{publish::Published, state::Request};
use ananke_crds::policy::Target;
use ananke_sim::world::{Fate, TelemetryFault};

use crate::{
    outages::{charged, flips, mains},
    scenes::{EMBEDDED, SMALL},
    stage::{Stage, all_off, is_up, play, survives},
};

fn tells(supply: &str, fault: Option<TelemetryFault>) -> Fate {
    Fate::Telemetry { supply: supply.into(), fault }
}

fn trusted(told: &Published, supply: &str) -> Option<String> {
    told.status.supplies.iter().find(|s| s.name == supply)?.trust.clone()
}

/// Silence on battery is not a reading: the last known runtime runs down.
async fn silent_on_battery(stage: &mut Stage) {
    stage.arrives(Target::Running, 30).await;
    stage.fate(&mains(false));
    stage.fate(&charged("ups", 50));
    stage.pass(Duration::from_secs(20)).await;
    stage.fate(&tells("ups", Some(TelemetryFault::Silent)));
    flips(stage, "ups", 400).await;
    stage.until("every host is off", 300, all_off).await;
    stage.fate(&mains(true));
    stage.pass(Duration::from_secs(120)).await;
    let dark = stage.look(all_off);
    stage.check(dark, "something was started while power was unknown");
    stage.fate(&tells("ups", None));
    stage.fate(&charged("ups", 60));
    stage.arrives(Target::Running, 600).await;
}

#[test]
fn small_silent_on_battery() {
    survives("small_silent_on_battery", SMALL, silent_on_battery);
}

/// Silence on mains is no outage, in whatever form it comes.
#[test]
fn small_silent_on_mains() {
    play("small_silent_on_mains", SMALL, async |stage: &mut Stage| {
        stage.arrives(Target::Running, 30).await;
        for fault in [
            TelemetryFault::Silent,
            TelemetryFault::Stale,
            TelemetryFault::Wait,
            TelemetryFault::Refused,
        ] {
            stage.fate(&tells("ups", Some(fault)));
            stage.pass(Duration::from_secs(60)).await;
            let untouched = stage.look(|w| is_up(w) && w.counters.host_commands == 0);
            stage.check(untouched, "silence on mains took something down");
            let stable = |told: &Published| {
                told.status.conditions.iter().any(|c| {
                    c.condition_type == "PowerStable"
                        && c.status != ananke_crds::policy::ConditionStatus::True
                })
            };
            stage.until_told("it is told that power is unknown", 10, stable).await;
            stage.fate(&tells("ups", None));
            stage.arrives(Target::Running, 60).await;
        }
    });
}

/// Every fault has its name, and on mains none takes anything down.
#[test]
fn small_every_trust() {
    play("small_every_trust", SMALL, async |stage: &mut Stage| {
        stage.arrives(Target::Running, 30).await;
        for (fault, trust) in [
            (TelemetryFault::Silent, "silent"),
            (TelemetryFault::NotConnected, "silent"),
            (TelemetryFault::Stale, "stale"),
            (TelemetryFault::Wait, "stale"),
            (TelemetryFault::Refused, "refused"),
            (TelemetryFault::Renamed, "wrong-device"),
            (TelemetryFault::OtherDevice, "wrong-device"),
            (TelemetryFault::BothSources, "contradicting"),
            (TelemetryFault::AlwaysLow, "contradicting"),
            (TelemetryFault::GarbledCharge, "contradicting"),
            (TelemetryFault::StatusOnly, "status-only"),
            (TelemetryFault::SelfTest, "fresh"),
        ] {
            stage.fate(&tells("ups", Some(fault)));
            let says = |told: &Published| {
                let supply = told.status.supplies.iter().find(|s| s.name == "ups");
                let message = supply.and_then(|s| s.message.as_deref());
                trusted(told, "ups").as_deref() == Some(trust)
                    && message.is_some() == (trust != "fresh")
            };
            stage.until_told(&format!("the supply is {trust}"), 20, says).await;
            stage.pass(Duration::from_secs(30)).await;
            let untouched = stage.look(|w| is_up(w) && w.counters.host_commands == 0);
            stage.check(untouched, "it took something down on mains");
            stage.fate(&tells("ups", None));
            let fresh = |told: &Published| trusted(told, "ups").as_deref() == Some("fresh");
            stage.until_told("the supply is fresh", 20, fresh).await;
        }
        stage.arrives(Target::Running, 60).await;
    });
}

/// Another device under its name is not believed in an outage either: what was known runs down.
async fn stranger_on_battery(stage: &mut Stage) {
    stage.arrives(Target::Running, 30).await;
    stage.fate(&mains(false));
    stage.fate(&charged("ups", 50));
    stage.pass(Duration::from_secs(20)).await;
    stage.fate(&tells("ups", Some(TelemetryFault::OtherDevice)));
    flips(stage, "ups", 400).await;
    stage.until("every host is off", 300, all_off).await;
    stage.fate(&mains(true));
    stage.pass(Duration::from_secs(60)).await;
    let dark = stage.look(all_off);
    stage.check(dark, "something was started on what a stranger says");
    stage.fate(&tells("ups", None));
    stage.fate(&charged("ups", 60));
    stage.arrives(Target::Running, 600).await;
}

#[test]
fn small_stranger_on_battery() {
    play("small_stranger_on_battery", SMALL, stranger_on_battery);
}

/// A UPS that never told a runtime goes silent on battery: alone that is nothing until the time on
/// battery is over; with a second sign it is an outage.
#[test]
fn embedded_silent_without_a_runtime() {
    play("embedded_silent_without_a_runtime", EMBEDDED, async |stage: &mut Stage| {
        stage.fate(&tells("statera", Some(TelemetryFault::StatusOnly)));
        stage.arrives(Target::Running, 30).await;
        let only = |supply: &str, present| Fate::Mains { supply: Some(supply.into()), present };
        stage.fate(&only("statera", false));
        stage.pass(Duration::from_secs(5)).await;
        stage.fate(&tells("statera", Some(TelemetryFault::Silent)));
        stage.pass(Duration::from_secs(25)).await;
        let stays = stage.look(is_up);
        stage.check(stays, "silence alone took something down");
        stage.fate(&only("pyrphoros", false));
        let falls =
            |told: &Published| told.status.by.as_deref().is_some_and(|by| by.starts_with("ups/"));
        stage.until_told("a supply asks for poweroff", 60, falls).await;
        stage.until("every host is off", 600, all_off).await;
        stage.fate(&mains(true));
        stage.fate(&tells("statera", None));
        stage.arrives(Target::Running, 900).await;
    });
}

/// FSD stays in upsd when the mains are back. In the next outage it is no trigger.
#[test]
fn small_forced_shutdown_latched() {
    play("small_forced_shutdown_latched", SMALL, async |stage: &mut Stage| {
        stage.arrives(Target::Running, 30).await;
        stage.fate(&mains(false));
        stage.pass(Duration::from_secs(5)).await;
        stage.fate(&Fate::ForcedShutdown { supply: "ups".into(), set: true });
        flips(stage, "ups", 5).await;
        stage.until("every host is off", 300, all_off).await;
        stage.fate(&mains(true));
        stage.fate(&charged("ups", 100));
        stage.arrives(Target::Running, 600).await;
        stage.pass(Duration::from_secs(60)).await;
        stage.fate(&mains(false));
        stage.pass(Duration::from_secs(30)).await;
        let stays = stage.look(is_up);
        stage.check(stays, "an FSD of the outage before took everything down");
        stage.fate(&mains(true));
        stage.arrives(Target::Running, 120).await;
    });
}

/// A UPS burns out in the outage. A person plugs the hosts in elsewhere and gives it up for a
/// while; then what it fed is started although nobody hears it.
#[test]
fn small_burnt_out() {
    play("small_burnt_out", SMALL, async |stage: &mut Stage| {
        stage.arrives(Target::Running, 30).await;
        stage.fate(&mains(false));
        stage.fate(&charged("ups", 25));
        stage.until("every host is off", 900, all_off).await;
        // Not by fate: the audit does not hold against us what a person answers for.
        stage.change(|world| {
            world.supplies.get_mut("ups").unwrap().telemetry = Some(TelemetryFault::Silent);
        });
        stage.fate(&mains(true));
        stage.pass(Duration::from_secs(90)).await;
        let dark = stage.look(all_off);
        stage.check(dark, "something was started while power was unknown");
        let mask = Request::Mask {
            signal: "ups/ups".into(),
            for_seconds: 3_600,
            reason: "burnt out; all on the wall".into(),
        };
        let answer = stage.ask(&mask).await;
        stage.check(answer.ok, "the mask was refused");
        stage.arrives(Target::Running, 600).await;
    });
}
