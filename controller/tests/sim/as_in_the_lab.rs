//! The stories of the lab, under the same names and the same audit: hosts, power and cluster are
//! virtual, and the daemon dies at drawn points here, too.

use std::{fs, time::Duration};

use ananke_audit::Expect;
use ananke_crds::policy::Target;
use ananke_sim::world::{Fate, Host, OnAcReturn, Role, ServiceUnit, What, World};

use crate::{
    outages::charged,
    scenes::LAB,
    stage::{Stage, all_off, is_stopped, is_up, survives},
};

/// What the document wants stored before anything is started, in percent.
const MIN_CHARGE: u64 = 25;

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

/// Too little to start anything on; what the firmware boots is left on all the same.
#[test]
fn the_mains_return_at_nine_percent() {
    survives("the_mains_return_at_nine_percent", LAB, async |stage: &mut Stage| {
        // The battery runs empty behind hosts that are off.
        stage.expect = Expect { energy_fits: false, ..expect() };
        stage.change(|world| {
            for name in ["n1", "n2"] {
                world.hosts.get_mut(name).unwrap().on_ac_return = OnAcReturn::Boot;
            }
        });
        stage.arrives(Target::Running, 30).await;
        stage.fate(&charged("ups", 80));
        stage.fate(&mains(false));
        stage.until("every host is off", 240, all_off).await;
        stage.fate(&charged("ups", 0));
        stage.pass(Duration::from_secs(1)).await;
        let back = stage.now();
        stage.fate(&mains(true));
        stage.fate(&charged("ups", 9));
        let booted = |world: &World| ["n1", "n2"].iter().all(|name| world.hosts[*name].is_on());
        stage.until("n1 and n2 booted by themselves", 60, booted).await;
        while stage.look(|world| world.supplies["ups"].charge_percent() < MIN_CHARGE) {
            let sleeps = stage.look(|world| world.hosts["n3"].is_off());
            stage.check(sleeps, "n3 was woken before enough was stored");
            stage.pass(Duration::from_millis(200)).await;
        }
        stage.fate(&charged("ups", 100));
        stage.arrives(Target::Running, 480).await;
        let stayed = stage.look(|world| {
            let since = world.trace.iter().filter(|happening| happening.at >= back);
            let went = |what: &What| matches!(what, What::HostHalting { host, .. } if host != "n3");
            !since.map(|happening| &happening.what).any(went)
        });
        stage.check(stayed, "what the mains had switched on was powered off again");
    });
}

/// Stories of the lab that have no twin here, each with why.
const WITHOUT: [(&str, &str); 0] = [];

/// The tests of the lab that tell of the lab itself and not of ananke.
const OF_THE_LAB: [&str; 2] = ["lab_works.rs", "recorded.rs"];

/// A story that the lab tells is told here, too, under its name, or it is said why not.
#[test]
fn every_story_of_the_lab_has_its_twin() {
    let lab = concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/lab/tests");
    let files = fs::read_dir(lab).unwrap().map(|entry| entry.unwrap().path());
    let told = files.filter(|file| {
        let is_source = file.extension().is_some_and(|kind| kind == "rs");
        is_source && !OF_THE_LAB.iter().any(|name| file.ends_with(name))
    });
    let stories: Vec<String> =
        told.flat_map(|file| tests_in(&fs::read_to_string(file).unwrap())).collect();
    let twins = [include_str!("as_in_the_lab.rs"), include_str!("supplies_as_in_the_lab.rs")];
    let twins: Vec<String> = twins.iter().flat_map(|text| tests_in(text)).collect();
    let excused = |name: &String| WITHOUT.iter().any(|(story, _)| story == name);
    let alone: Vec<&String> =
        stories.iter().filter(|name| !twins.contains(name) && !excused(name)).collect();
    let found = stories.iter().filter(|name| twins.contains(name)).count();
    println!("agreement: {found} of {} lab stories have their twin in virtual time", stories.len());
    assert!(stories.len() >= 9, "the stories of the lab were not found: {stories:?}");
    assert!(alone.is_empty(), "told in the lab alone: {alone:?}");
}

/// The names of the tests in a source.
fn tests_in(source: &str) -> Vec<String> {
    let after = source.split("#[test]\n").skip(1);
    let name = |text: &str| text.strip_prefix("fn ")?.split('(').next().map(str::to_owned);
    after.filter_map(name).collect()
}
