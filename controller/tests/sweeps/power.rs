//! Mains back at every second of an outage, and gone again at every second of a recovery.

use std::{fmt, time::Duration};

use ananke_crds::policy::Target;
use ananke_sim::world::{Fate, What, World};

use crate::{
    across::{Run, across},
    scenes::SMALL,
    stage::{Stage, all_off, is_up, nothing_of_ours},
};

/// Down after a minute on battery, whatever the charge.
const TRIGGER: &str = "{maxOnBattery: 60s, minCharge: 20}";

fn mains(present: bool) -> Fate {
    Fate::Mains { supply: None, present }
}

fn charged(percent: u64) -> Fate {
    Fate::Battery { supply: "ups".into(), percent }
}

fn boots(world: &World, host: &str) -> usize {
    let is_it = |what: &What| matches!(what, What::HostBooting { host: of } if of == host);
    world.trace.iter().filter(|happening| is_it(&happening.what)).count()
}

/// No host booted more often than there were outages.
fn no_boot_loop(stage: &mut Stage, outages: usize) {
    let most = stage
        .look(|world| world.hosts.keys().map(|host| boots(world, host)).max().unwrap_or_default());
    stage.check(most <= outages, &format!("a host booted {most} times in {outages} outages"));
}

struct Back {
    charge: u64,
    after: u64,
}

impl fmt::Display for Back {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} s, {} %", self.after, self.charge)
    }
}

/// The longest outage: half a minute more than everything takes to be off.
const OUTAGE: u64 = 180;

#[test]
fn mains_back_at_every_second() {
    let charges = [100, 30, 22];
    let all = |charge| (1..=OUTAGE).map(move |after| Back { charge, after });
    let runs: Vec<Back> = charges.into_iter().flat_map(all).collect();
    let outcome = across(&runs, |back| {
        let run = Run {
            sweep: "mains_back_at_every_second",
            which: back.to_string(),
            point: None,
            twice: false,
        };
        run.play(SMALL, &async |stage: &mut Stage| {
            stage.edit("trigger", TRIGGER);
            stage.arrives(Target::Running, 30).await;
            stage.fate(&charged(back.charge));
            stage.fate(&mains(false));
            stage.pass(Duration::from_secs(back.after)).await;
            if back.after == OUTAGE {
                let dark = stage.look(all_off);
                stage.check(dark, "the longest outage is too short for this sweep");
            }
            stage.fate(&mains(true));
            stage.pass(Duration::from_secs(45)).await;
            stage.fate(&charged(60));
            stage.arrives(Target::Running, 900).await;
            no_boot_loop(stage, 1);
        });
    });
    outcome.tell("mains back at every second of an outage of three minutes, at three charges");
}

struct Again(u64);

impl fmt::Display for Again {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "again after {} s", self.0)
    }
}

/// The longest time from the return of the mains to everything up, and more.
const RECOVERY: u64 = 180;

#[test]
fn a_second_outage_at_every_second() {
    let runs: Vec<Again> = (1..=RECOVERY).map(Again).collect();
    let outcome = across(&runs, |again| {
        let run = Run {
            sweep: "a_second_outage_at_every_second",
            which: again.to_string(),
            point: None,
            twice: false,
        };
        run.play(SMALL, &async |stage: &mut Stage| {
            stage.edit("trigger", TRIGGER);
            stage.arrives(Target::Running, 30).await;
            stage.fate(&mains(false));
            stage.until("every host is off", 400, all_off).await;
            stage.fate(&mains(true));
            stage.pass(Duration::from_secs(again.0)).await;
            if again.0 == RECOVERY {
                let up = stage.look(|world| is_up(world) && nothing_of_ours(world));
                stage.check(up, "the longest recovery is too short for this sweep");
            }
            stage.fate(&mains(false));
            stage.until("every host is off again", 400, all_off).await;
            stage.fate(&mains(true));
            stage.arrives(Target::Running, 900).await;
            no_boot_loop(stage, 2);
        });
    });
    outcome.tell("a second outage at every second of three minutes of recovery");
}
