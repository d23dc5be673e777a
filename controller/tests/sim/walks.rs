//! The whole walk, both ways, and the same with a daemon that dies in it.

use std::time::Duration;

use ananke_crds::policy::Target;
use ananke_ports::Store as _;
use ananke_sim::world::Host;

use crate::{
    scenes::{EMBEDDED, SMALL},
    stage::{Stage, all_off, all_on, is_stopped, is_up, play, same_every_time, survives},
};

/// Down to the hosts, up, off, and up again. What a person cordoned and suspended is the audit's.
async fn both_ways(stage: &mut Stage) {
    stage.arrives(Target::Running, 30).await;
    stage.declare(Target::ClusterOnlyDown);
    stage.until("every service is stopped", 300, is_stopped).await;
    let hosts_stay = stage.look(all_on);
    stage.check(hosts_stay, "a host went off");
    stage.arrives(Target::ClusterOnlyDown, 30).await;
    intends(stage, "shutdown_complete");
    stage.declare(Target::Running);
    stage.arrives(Target::Running, 300).await;
    stage.declare(Target::Poweroff);
    stage.until("every host is off", 400, all_off).await;
    stage.arrives(Target::Poweroff, 120).await;
    stage.pass(Duration::from_secs(60)).await;
    stage.declare(Target::Running);
    stage.until("the cluster works again", 400, is_up).await;
    stage.arrives(Target::Running, 60).await;
    intends(stage, "normal");
}

/// What `intent.json` tells peers.
fn intends(stage: &mut Stage, word: &str) {
    let bytes = stage.store.read("intent.json").ok().flatten().unwrap_or_default();
    let told = String::from_utf8_lossy(&bytes).contains(&format!("\"state\": \"{word}\""));
    stage.check(told, "intent.json tells something else");
}

#[test]
fn small_both_ways() {
    survives("small_both_ways", SMALL, both_ways);
}

#[test]
fn embedded_both_ways() {
    survives("embedded_both_ways", EMBEDDED, both_ways);
}

#[test]
fn one_seed_is_one_run() {
    same_every_time("one_seed_is_one_run", SMALL, both_ways);
}

/// An operator who changes his mind half-way down.
async fn turned_round(stage: &mut Stage) {
    stage.arrives(Target::Running, 30).await;
    stage.declare(Target::Poweroff);
    stage.until("the first host is off", 300, |w| w.hosts.values().any(Host::is_off)).await;
    stage.declare(Target::Running);
    stage.arrives(Target::Running, 400).await;
}

#[test]
fn small_turned_round() {
    play("small_turned_round", SMALL, turned_round);
}

#[test]
fn embedded_turned_round() {
    survives("embedded_turned_round", EMBEDDED, turned_round);
}
