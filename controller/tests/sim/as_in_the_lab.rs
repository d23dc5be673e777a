//! The stories of the lab, under the same names and the same audit: hosts, power and cluster are
//! virtual, and the daemon dies at drawn points here, too.

use ananke_audit::Expect;
use ananke_crds::policy::Target;
use ananke_sim::world::{Fate, Host, Role, ServiceUnit, World};

use crate::{
    scenes::LAB,
    stage::{Stage, all_off, is_stopped, is_up, survives},
};

fn mains(present: bool) -> Fate {
    Fate::Mains { supply: None, present }
}

/// As the lab's stories measure: its document holds mains for seconds, and its UPS calls 15 s of
/// runtime low.
fn expect() -> Expect {
    Expect { snapshots: true, spent_below: 15_000, held_for: 30_000, ..Expect::running() }
}

/// The first worker's agent is stopped, and its host is on.
fn an_agent_is_stopped(world: &World) -> bool {
    let stopped = |host: &Host| host.service.as_ref().is_some_and(|unit| !ServiceUnit::runs(unit));
    world.hosts.values().any(|host| host.role == Role::Agent && host.is_on() && stopped(host))
}

#[test]
fn a_document_takes_the_cluster_down_and_brings_it_back() {
    let name = "a_document_takes_the_cluster_down_and_brings_it_back";
    survives(name, LAB, async |stage: &mut Stage| {
        stage.expect = expect();
        stage.arrives(Target::Running, 30).await;
        stage.declare(Target::ClusterOnlyDown);
        stage.until("the cluster is down, its hosts are on", 240, is_stopped).await;
        stage.arrives(Target::ClusterOnlyDown, 30).await;
        stage.declare(Target::Running);
        stage.arrives(Target::Running, 240).await;
        stage.declare(Target::Poweroff);
        stage.until("every host is off", 240, all_off).await;
        stage.arrives(Target::Poweroff, 60).await;
        stage.declare(Target::Running);
        stage.until("every host was woken and the cluster runs again", 240, is_up).await;
        stage.arrives(Target::Running, 60).await;
    });
}

#[test]
fn the_ups_runs_low_and_the_mains_return() {
    survives("the_ups_runs_low_and_the_mains_return", LAB, async |stage: &mut Stage| {
        stage.expect = expect();
        stage.arrives(Target::Running, 30).await;
        stage.fate(&mains(false));
        stage.until("every host is off", 240, all_off).await;
        stage.fate(&mains(true));
        stage.arrives(Target::Running, 480).await;
    });
}

#[test]
fn the_mains_return_half_way_down() {
    survives("the_mains_return_half_way_down", LAB, async |stage: &mut Stage| {
        stage.expect = expect();
        stage.arrives(Target::Running, 30).await;
        stage.fate(&mains(false));
        stage.until("the first worker's agent is stopped", 240, an_agent_is_stopped).await;
        stage.fate(&mains(true));
        stage.arrives(Target::Running, 480).await;
    });
}
