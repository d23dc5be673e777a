//! The state directory: full, damaged, lost. It costs time, never safety.

use std::time::Duration;

use ananke::{
    publish::Published,
    state::{OVERRIDE, RUNS, Request, STATUS},
};
use ananke_core::budget::{Path, Runs};
use ananke_crds::policy::{Condition, ConditionStatus, Target};
use ananke_ports::Store as _;
use ananke_sim::{ports::DiskFault, world::Fate};

use crate::{
    scenes::SMALL,
    stage::{Stage, all_off, is_stopped, nothing_of_ours, play, survives},
};

/// Steps down go on and it is told; steps up wait until there is room.
async fn full(stage: &mut Stage) {
    stage.arrives(Target::Running, 30).await;
    stage.store.fill(true);
    stage.tell("the disk is full");
    stage.declare(Target::ClusterOnlyDown);
    stage.until("every service is stopped", 300, is_stopped).await;
    stage.pass(Duration::from_secs(30)).await;
    stage.declare(Target::Running);
    let full = |told: &ananke::publish::Published| {
        told.status.conditions.iter().any(|c| {
            c.condition_type == "JournalWritable"
                && c.status == ConditionStatus::False
                && c.message.contains("the disk is full")
        })
    };
    stage.until_told("the full disk is told", 60, full).await;
    for _ in 0..60 {
        stage.pass(Duration::from_secs(1)).await;
        let told = stage.told().is_some_and(|told| full(&told));
        stage.check(told, "the full disk is no longer told");
        let waits = stage.look(is_stopped);
        stage.check(waits, "a step up was begun that is not in the journal");
    }
    stage.store.fill(false);
    stage.tell("there is room again");
    stage.arrives(Target::Running, 400).await;
    let told = stage.told().is_some_and(|told| full(&told));
    stage.check(!told, "the full disk is still told");
}

#[test]
fn small_full_disk() {
    play("small_full_disk", SMALL, full);
}

/// A daemon that starts over a state directory that takes nothing, or gives nothing either, takes
/// everything down on battery, says what is wrong, and brings nothing up until it is mended.
async fn broken(stage: &mut Stage, fault: DiskFault) {
    stage.arrives(Target::Running, 30).await;
    stage.kill_minus_9().await;
    stage.store.breaks(Some(fault));
    stage.tell("the disk is broken");
    stage.start();
    let is_told = |told: &Published| {
        let is_it = |c: &Condition| c.condition_type == "JournalWritable";
        told.status.conditions.iter().any(is_it)
            && told.status.sentence.as_ref().is_some_and(|s| s.contains("nothing up is begun"))
    };
    stage.until_told("the broken disk is told", 30, is_told).await;
    stage.fate(&Fate::Mains { supply: None, present: false });
    stage.fate(&Fate::Battery { supply: "ups".into(), percent: 25 });
    stage.until("every host is off", 900, all_off).await;
    stage.fate(&Fate::Mains { supply: None, present: true });
    stage.fate(&Fate::Battery { supply: "ups".into(), percent: 60 });
    stage.pass(Duration::from_secs(120)).await;
    let waits = stage.look(all_off) && stage.told().is_some_and(|told| is_told(&told));
    stage.check(waits, "a step up was begun that is not in the journal");
    stage.store.breaks(None);
    stage.tell("the disk is mended");
    stage.arrives(Target::Running, 900).await;
    let told = stage.told().is_some_and(|told| is_told(&told));
    stage.check(!told, "the broken disk is still told");
}

#[test]
fn small_read_only_disk() {
    play("small_read_only_disk", SMALL, async |stage: &mut Stage| {
        broken(stage, DiskFault::ReadOnly).await;
    });
}

#[test]
fn small_dead_disk() {
    play("small_dead_disk", SMALL, async |stage: &mut Stage| {
        broken(stage, DiskFault::Dead).await;
    });
}

/// Every file is damaged, half-way down, while nobody runs.
async fn damaged(stage: &mut Stage) {
    stage.arrives(Target::Running, 30).await;
    stage.ask(&Request::Startup { reason: "so that there is an override.json".into() }).await;
    stage.declare(Target::Poweroff);
    stage.until("the first marks are made", 60, |w| !nothing_of_ours(w)).await;
    stage.kill_minus_9().await;
    stage.store.append("{\"line\":\"event\",\"unixSeconds\":17").unwrap();
    stage.store.put(OVERRIDE, b"{");
    stage.store.put(STATUS, &[0xff; 100]);
    stage.tell("journal, override.json and status.json are damaged");
    stage.start();
    stage.arrives(Target::Poweroff, 500).await;
    let aside = stage.store.list("").unwrap_or_default();
    let kept = stage.store.read(&format!("{OVERRIDE}.damaged-1")).unwrap();
    stage.check(kept.as_deref() == Some(b"{"), &format!("nothing was set aside: {aside:?}"));
    stage.declare(Target::Running);
    stage.arrives(Target::Running, 500).await;
}

#[test]
fn small_damaged_files() {
    survives("small_damaged_files", SMALL, damaged);
}

/// The kinds of the past runs.
fn past(stage: &Stage) -> Vec<Path> {
    let text = stage.store.read(RUNS).unwrap_or_default().unwrap_or_default();
    let runs: Runs = serde_json::from_slice(&text).unwrap_or_default();
    runs.runs.iter().map(|run| run.path).collect()
}

/// What the steps of an outage and of a person's way down took is kept, each apart.
#[test]
fn small_past_runs() {
    play("small_past_runs", SMALL, async |stage: &mut Stage| {
        stage.arrives(Target::Running, 30).await;
        stage.fate(&Fate::Mains { supply: None, present: false });
        stage.fate(&Fate::Battery { supply: "ups".into(), percent: 25 });
        stage.until("every host is off", 900, all_off).await;
        stage.pass(Duration::from_secs(60)).await;
        let kept = past(stage);
        stage.check(kept == [Path::Emergency], &format!("the runs that are kept: {kept:?}"));
        stage.fate(&Fate::Mains { supply: None, present: true });
        stage.fate(&Fate::Battery { supply: "ups".into(), percent: 60 });
        stage.arrives(Target::Running, 900).await;
        stage.declare(Target::ClusterOnlyDown);
        stage.arrives(Target::ClusterOnlyDown, 300).await;
        let kept = past(stage);
        let both = kept == [Path::Emergency, Path::Full];
        stage.check(both, &format!("the runs that are kept: {kept:?}"));
        stage.kill_minus_9().await;
        stage.store.put(RUNS, b"{\"runs\": 7}");
        stage.tell("runs.json is damaged");
        stage.start();
        stage.declare(Target::Running);
        stage.arrives(Target::Running, 400).await;
        let aside = stage.store.read(&format!("{RUNS}.damaged-1")).unwrap();
        stage.check(aside.is_some(), "the damaged file was not set aside");
    });
}

/// A new disk half-way down and half-way up: the marks are on the objects.
#[test]
fn small_lost_state() {
    play("small_lost_state", SMALL, async |stage: &mut Stage| {
        stage.arrives(Target::Running, 30).await;
        stage.declare(Target::Poweroff);
        stage.until("the first marks are made", 60, |w| !nothing_of_ours(w)).await;
        for _ in 0..2 {
            stage.kill_minus_9().await;
            stage.store.lose();
            stage.tell("the state directory is lost");
            stage.start();
            stage.arrives(Target::Poweroff, 900).await;
        }
        stage.declare(Target::Running);
        stage.until("a host boots", 60, |w| w.hosts.values().any(|h| !h.is_off())).await;
        stage.kill_minus_9().await;
        stage.store.lose();
        stage.tell("the state directory is lost");
        stage.start();
        stage.ask(&Request::Startup { reason: "the journal was lost".into() }).await;
        stage.arrives(Target::Running, 900).await;
    });
}
