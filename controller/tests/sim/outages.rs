//! Outages: a signal flips the effective target, and nobody edits the document.

use std::time::Duration;

use ananke::publish::Published;
use ananke_crds::policy::Target;
use ananke_sim::world::{Fate, Host, ServiceUnit, TelemetryFault};

use crate::{
    scenes::{EMBEDDED, SMALL},
    stage::{Stage, all_off, all_on, is_stopped, is_up, play, survives},
};

fn mains(present: bool) -> Fate {
    Fate::Mains { supply: None, present }
}

fn mains_of(supply: &str, present: bool) -> Fate {
    Fate::Mains { supply: Some(supply.into()), present }
}

fn charged(supply: &str, percent: u64) -> Fate {
    Fate::Battery { supply: supply.into(), percent }
}

fn tells(supply: &str, fault: Option<TelemetryFault>) -> Fate {
    Fate::Telemetry { supply: supply.into(), fault }
}

fn asked_by(told: &Published, by: &str) -> bool {
    told.status.effective_target == Some(Target::Poweroff) && told.status.by.as_deref() == Some(by)
}

/// Waits until a UPS asks for poweroff; the document still says running.
async fn flips(stage: &mut Stage, supply: &str, within: u64) {
    let by = format!("ups/{supply}");
    let what = format!("the effective target is poweroff, by {by}");
    let told = stage.until_told(&what, within, |told| asked_by(told, &by)).await;
    stage.check(told.spec["target"] == "running", "the document was touched");
}

/// On battery until the runtime is short; down; mains return and hold; up by itself.
async fn a_whole_outage(stage: &mut Stage) {
    stage.arrives(Target::Running, 30).await;
    stage.fate(&mains(false));
    stage.pass(Duration::from_secs(60)).await;
    let stays = stage.look(is_up);
    stage.check(stays, "something went down long before it had to");
    stage.fate(&charged("ups", 30));
    flips(stage, "ups", 900).await;
    stage.until("every host is off", 300, all_off).await;
    stage.pass(Duration::from_secs(60)).await;
    stage.fate(&mains(true));
    let held = |told: &Published| told.status.phase.as_deref() == Some("held");
    stage.until_told("ananke holds what is on", 60, held).await;
    stage.pass(Duration::from_secs(10)).await;
    let dark = stage.look(all_off);
    stage.check(dark, "a host was started before the mains had held and energy was stored");
    stage.fate(&charged("ups", 50));
    stage.arrives(Target::Running, 600).await;
}

#[test]
fn small_outage() {
    survives("small_outage", SMALL, a_whole_outage);
}

/// Everything of the homelab on battery for longer than a minute.
async fn both_supplies(stage: &mut Stage) {
    stage.arrives(Target::Running, 30).await;
    stage.fate(&mains(false));
    stage.until("every host is off", 600, all_off).await;
    stage.fate(&mains(true));
    stage.arrives(Target::Running, 600).await;
}

#[test]
fn embedded_outage() {
    survives("embedded_outage", EMBEDDED, both_supplies);
}

async fn back_half_way(stage: &mut Stage, until: impl Fn(&ananke_sim::world::World) -> bool) {
    stage.arrives(Target::Running, 30).await;
    stage.fate(&mains(false));
    stage.fate(&charged("ups", 25));
    stage.until("half-way down", 900, until).await;
    stage.fate(&mains(true));
    stage.fate(&charged("ups", 60));
    stage.arrives(Target::Running, 900).await;
}

#[test]
fn small_mains_back_while_draining() {
    survives("small_mains_back_while_draining", SMALL, async |stage: &mut Stage| {
        let ours =
            |w: &ananke_sim::world::World| w.cluster.nodes.values().any(|n| n.mark.is_some());
        back_half_way(stage, ours).await;
    });
}

#[test]
fn small_mains_back_without_services() {
    survives("small_mains_back_without_services", SMALL, async |stage: &mut Stage| {
        back_half_way(stage, is_stopped).await;
    });
}

#[test]
fn small_mains_back_with_a_host_off() {
    survives("small_mains_back_with_a_host_off", SMALL, async |stage: &mut Stage| {
        back_half_way(stage, |w| w.hosts.values().any(Host::is_off)).await;
    });
}

/// The mains go again while the cluster comes up; there is energy for another way down.
async fn second_outage(stage: &mut Stage) {
    stage.arrives(Target::Running, 30).await;
    stage.fate(&mains(false));
    stage.fate(&charged("ups", 25));
    stage.until("every host is off", 900, all_off).await;
    stage.fate(&mains(true));
    stage.fate(&charged("ups", 40));
    stage
        .until("the first service starts", 900, |world| {
            world.hosts.values().filter_map(|host| host.service.as_ref()).any(ServiceUnit::runs)
        })
        .await;
    stage.fate(&mains(false));
    stage.until("every host is off again", 900, all_off).await;
    stage.fate(&mains(true));
    stage.fate(&charged("ups", 60));
    stage.arrives(Target::Running, 900).await;
}

#[test]
fn small_second_outage() {
    survives("small_second_outage", SMALL, second_outage);
}

/// Only two agents are on `statera`; the rest does not notice.
async fn statera_alone(stage: &mut Stage) {
    stage.arrives(Target::Running, 30).await;
    stage.fate(&mains_of("statera", false));
    let on_statera = |host: &&Host| host.supplies.iter().any(|supply| supply == "statera");
    stage
        .until("its hosts are off", 600, |w| w.hosts.values().filter(on_statera).all(Host::is_off))
        .await;
    let rest = stage.look(|world| {
        world.api_ready()
            && world.hosts.values().filter(|h| !on_statera(h)).all(Host::kubelet_works)
    });
    stage.check(rest, "a host on the other supply was taken down");
    stage.fate(&mains_of("statera", true));
    stage.arrives(Target::Running, 600).await;
}

#[test]
fn embedded_one_supply() {
    survives("embedded_one_supply", EMBEDDED, statera_alone);
}

/// All servers are on `pyrphoros`: the cluster goes with it, the hosts on `statera` stay on.
async fn pyrphoros_alone(stage: &mut Stage) {
    stage.arrives(Target::Running, 30).await;
    stage.fate(&mains_of("pyrphoros", false));
    let on_statera = |host: &&Host| host.supplies.iter().any(|supply| supply == "statera");
    stage
        .until("its hosts are off", 600, |w| {
            w.hosts.values().filter(|h| !on_statera(h)).all(Host::is_off)
        })
        .await;
    stage.pass(Duration::from_secs(30)).await;
    let rest =
        stage.look(|w| w.hosts.values().filter(on_statera).all(Host::is_on) && is_stopped(w));
    stage.check(rest, "the hosts on the good supply are to stay on, without their services");
    stage.fate(&mains_of("pyrphoros", true));
    stage.arrives(Target::Running, 600).await;
}

#[test]
fn embedded_the_servers_supply() {
    survives("embedded_the_servers_supply", EMBEDDED, pyrphoros_alone);
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

/// A flicker is over before any trigger holds.
#[test]
fn small_flicker() {
    play("small_flicker", SMALL, async |stage: &mut Stage| {
        stage.arrives(Target::Running, 30).await;
        for _ in 0..5 {
            stage.fate(&mains(false));
            stage.pass(Duration::from_secs(5)).await;
            stage.fate(&mains(true));
            stage.pass(Duration::from_secs(5)).await;
        }
        let untouched = stage.look(|w| all_on(w) && w.counters.host_commands == 0);
        stage.check(untouched, "a flicker of the mains took something down");
        stage.arrives(Target::Running, 120).await;
    });
}
