//! At rest nothing is done, and nothing that a person did is undone.

use std::time::Duration;

use ananke_crds::policy::Target;
use ananke_sim::world::Fate;

use crate::{
    scenes::{EMBEDDED, SMALL},
    stage::{Stage, condition, play},
};

/// Ten minutes without a write to the API but the Lease, without a command to a host.
#[test]
fn embedded_at_rest() {
    play("embedded_at_rest", EMBEDDED, async |stage: &mut Stage| {
        stage.arrives(Target::Running, 30).await;
        stage.pass(Duration::from_secs(10)).await;
        let before = stage.look(|world| world.counters.clone());
        stage.pass(Duration::from_secs(600)).await;
        let after = stage.look(|world| world.counters.clone());
        stage.check(after.lease_renewals >= before.lease_renewals + 40, "the Lease is renewed");
        let quiet = (after.api_writes, after.host_commands, after.wakes)
            == (before.api_writes, before.host_commands, before.wakes);
        stage.check(quiet, &format!("something was done at rest: {before:?} {after:?}"));
    });
}

/// Off is a rest too: hosts that are off are not woken, nor asked to go off again.
#[test]
fn small_at_rest_when_off() {
    play("small_at_rest_when_off", SMALL, async |stage: &mut Stage| {
        stage.arrives(Target::Running, 30).await;
        stage.declare(Target::Poweroff);
        stage.arrives(Target::Poweroff, 500).await;
        stage.pass(Duration::from_secs(3600)).await;
        stage.arrives(Target::Poweroff, 1).await;
    });
}

/// A host that a person takes away in steady state is reported and not woken.
#[test]
fn small_lost_while_holding() {
    play("small_lost_while_holding", SMALL, async |stage: &mut Stage| {
        stage.arrives(Target::Running, 30).await;
        stage.fate(&Fate::PressPower { host: "agent-0".into() });
        stage.until("agent-0 is off", 60, |w| w.hosts["agent-0"].is_off()).await;
        let named = |told: &ananke::publish::Published| {
            condition(told, "Stalled").is_some_and(|message| message.contains("agent-0"))
        };
        stage.until_told("its loss is told", 180, named).await;
        stage.pass(Duration::from_secs(300)).await;
        let alone = stage.look(|w| w.counters.wakes == 0 && w.counters.host_commands == 0);
        stage.check(alone, "what a person did in steady state was undone");
        stage.expect.lost.insert("agent-0".into());
    });
}

/// What was not looked at yet is not lost: a daemon that begins anew, or under another policy,
/// calls nobody.
#[test]
fn nobody_is_called_before_everything_was_looked_at() {
    play("nobody_is_called_before_everything_was_looked_at", SMALL, async |stage: &mut Stage| {
        stage.arrives(Target::Running, 30).await;
        stage.pass(Duration::from_secs(30)).await;
        stage.kill_minus_9().await;
        stage.start();
        calls_nobody(stage).await;
        stage.edit("verifyOff", "{timeout: 60s, longestHalt: 45s}");
        calls_nobody(stage).await;
    });
}

async fn calls_nobody(stage: &mut Stage) {
    for _ in 0..500 {
        stage.pass(Duration::from_millis(10)).await;
        let calls = stage.told().and_then(|told| condition(&told, "Stalled"));
        stage.check(calls.is_none(), &format!("a person is called: {calls:?}"));
    }
    stage.arrives(Target::Running, 1).await;
}
