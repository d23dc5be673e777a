//! The state directory: full, damaged, lost. It costs time, never safety.

use std::time::Duration;

use ananke::state::{OVERRIDE, Request, STATUS};
use ananke_crds::policy::{ConditionStatus, Target};
use ananke_ports::Store as _;

use crate::{
    scenes::SMALL,
    stage::{Stage, is_stopped, nothing_of_ours, play, survives},
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

/// Every file is damaged, half-way down, while nobody runs.
async fn damaged(stage: &mut Stage) {
    stage.arrives(Target::Running, 30).await;
    stage.ask(&Request::Startup { reason: "so that there is an override.json".into() }).await;
    stage.declare(Target::Poweroff);
    stage.until("the first marks are made", 60, |w| !nothing_of_ours(w)).await;
    stage.kill_minus_9().await;
    stage.store.append("{\"line\":\"event\",\"unixSeconds\":17").unwrap();
    stage.store.damage(OVERRIDE, b"{");
    stage.store.damage(STATUS, &[0xff; 100]);
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
