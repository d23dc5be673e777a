//! What people ask of a running daemon: files in `requests/`, and `spec.suspend`.

use std::time::Duration;

use ananke::{publish::Published, state::Request};
use ananke_crds::policy::Target;
use ananke_sim::world::{Counters, Fate};

use crate::{
    scenes::SMALL,
    stage::{Stage, all_off, is_up, play, survives},
};

fn acted(stage: &Stage) -> Counters {
    // Telling the cluster about it is no act.
    stage.look(|world| Counters { api_writes: 0, lease_renewals: 0, ..world.counters.clone() })
}

fn says(kind: &'static str, reason: &'static str) -> impl Fn(&Published) -> bool {
    move |told| {
        told.status.conditions.iter().any(|c| c.condition_type == kind && c.reason == reason)
    }
}

/// Nothing of ours happens for two minutes.
async fn nothing_happens(stage: &mut Stage) {
    let before = acted(stage);
    stage.pass(Duration::from_secs(120)).await;
    let is_up = stage.look(is_up) && acted(stage) == before;
    stage.check(is_up, "a step was begun");
}

async fn held(stage: &mut Stage) {
    stage.arrives(Target::Running, 30).await;
    let hold = Request::Hold { reason: "hands off".into(), even_on_battery: false };
    let answer = stage.ask(&hold).await;
    stage.check(answer.ok, "the hold was refused");
    stage.declare(Target::Poweroff);
    nothing_happens(stage).await;
    stage.until_told("the hold is told", 5, says("Ready", "OnHold")).await;
    stage.ask(&Request::Release).await;
    stage.until("every host is off", 400, all_off).await;
    stage.arrives(Target::Poweroff, 120).await;
}

#[test]
fn small_hold_and_release() {
    survives("small_hold_and_release", SMALL, held);
}

/// A hold does not bind the supplies, unless it says so.
#[test]
fn small_hold_in_an_outage() {
    survives("small_hold_in_an_outage", SMALL, async |stage: &mut Stage| {
        stage.arrives(Target::Running, 30).await;
        stage.ask(&Request::Hold { reason: String::new(), even_on_battery: false }).await;
        stage.fate(&Fate::Mains { supply: None, present: false });
        stage.fate(&Fate::Battery { supply: "ups".into(), percent: 25 });
        stage.until("every host is off", 900, all_off).await;
        stage.fate(&Fate::Mains { supply: None, present: true });
        stage.fate(&Fate::Battery { supply: "ups".into(), percent: 60 });
        stage.pass(Duration::from_secs(120)).await;
        let dark = stage.look(all_off);
        stage.check(dark, "something was started in spite of the hold");
        stage.ask(&Request::Release).await;
        stage.arrives(Target::Running, 600).await;
    });
}

#[test]
fn small_spec_suspend() {
    play("small_spec_suspend", SMALL, async |stage: &mut Stage| {
        stage.arrives(Target::Running, 30).await;
        stage.edit("suspend", "true");
        stage.declare(Target::ClusterOnlyDown);
        nothing_happens(stage).await;
        stage.until_told("it is told", 5, says("Ready", "Suspended")).await;
        stage.edit("suspend", "false");
        stage.arrives(Target::ClusterOnlyDown, 300).await;
    });
}

/// Hands in the case: never woken, never waited for.
async fn maintained(stage: &mut Stage) {
    stage.arrives(Target::Running, 30).await;
    let on = |on| Request::Maintenance { host: "agent-0".into(), on };
    stage.ask(&on(true)).await;
    stage.fate(&Fate::PressPower { host: "agent-0".into() });
    stage.until("agent-0 is off", 60, |w| w.hosts["agent-0"].is_off()).await;
    stage.declare(Target::ClusterOnlyDown);
    let stopped = |w: &ananke_sim::world::World| {
        w.hosts.values().filter_map(|h| h.service.as_ref()).all(|unit| !unit.runs())
    };
    stage.until("the services are stopped", 400, stopped).await;
    stage.declare(Target::Running);
    stage
        .until("the others work", 400, |w| {
            w.api_ready() && w.hosts.iter().all(|(name, h)| name == "agent-0" || h.kubelet_works())
        })
        .await;
    stage.pass(Duration::from_secs(120)).await;
    let left = stage.look(|w| w.hosts["agent-0"].is_off());
    stage.check(left, "a host with hands in its case was woken");
    stage.ask(&on(false)).await;
    stage.ask(&Request::Startup { reason: "it is whole again".into() }).await;
    stage.arrives(Target::Running, 400).await;
}

#[test]
fn small_maintenance() {
    survives("small_maintenance", SMALL, maintained);
}

#[test]
fn small_bad_requests() {
    play("small_bad_requests", SMALL, async |stage: &mut Stage| {
        stage.arrives(Target::Running, 30).await;
        let answer = stage.ask(&Request::Maintenance { host: "titan".into(), on: true }).await;
        stage.check(!answer.ok && answer.message.contains("server-0"), "it names what there is");
        let mask =
            Request::Mask { signal: "ups/ups".into(), for_seconds: 60, reason: String::new() };
        let answer = stage.ask(&mask).await;
        stage.check(!answer.ok, "there is nothing to mask");
    });
}
