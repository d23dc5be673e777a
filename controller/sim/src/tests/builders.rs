use ananke_audit::Expect;
use ananke_crds::{host_config::HostConfiguration, policy::PowerPolicy};

use super::*;
use crate::build::{EMBEDDED_HOST_CONFIGURATION, EMBEDDED_POLICY};

#[test]
fn worlds_begin_running_and_at_rest() {
    for world in [World::small(1), World::embedded(1)] {
        let mut later = world.clone();
        pass(&mut later, 3600);
        assert_eq!(audit(&world, &later, &Expect::running()), []);
        assert_eq!(audit_rest(&world, &later), []);
        // A world at rest has nothing to do: every loop over it may sleep.
        assert_eq!(later.next_due(), None);
        assert_eq!(later.trace.hash(), world.trace.hash());
    }
}

#[test]
fn the_embedded_world_shows_whose_things_are_whose() {
    let world = World::embedded(1);
    let facts = world.cluster_facts();
    assert!(facts.nodes["titan-05"].unschedulable && facts.nodes["titan-05"].mark.is_none());
    assert!(facts.gitops.iter().any(|g| g.object.name == "playground" && g.suspended));
    let pods: usize = facts.nodes.values().map(|n| n.pods.len()).sum();
    let containers: u32 = world.hosts.values().map(crate::world::Host::container_count).sum();
    assert!((20..=40).contains(&containers), "{containers} containers");
    assert!(pods >= 20, "{pods} pods");
    assert!(facts.nodes.values().map(|n| n.attachments).sum::<u32>() >= 6);
}

#[test]
fn its_batteries_last_about_twenty_minutes() {
    let mut world = World::embedded(1);
    world.suffer(&crate::world::Fate::Mains { supply: None, present: false }).unwrap();
    let minutes = world.supplies["pyrphoros"].runtime() / 60_000;
    assert!((19..=20).contains(&minutes), "{minutes} minutes");
}

#[test]
fn its_documents_fit_it() {
    let policy: PowerPolicy = serde_saphyr::from_str(EMBEDDED_POLICY).unwrap();
    let world = World::embedded(1);
    let hosts: Vec<&str> = policy.spec.hosts.iter().map(|h| h.name.as_str()).collect();
    assert!(hosts.iter().all(|h| world.hosts.contains_key(*h)));
    assert_eq!(hosts.len(), world.hosts.len());
    assert!(policy.spec.supplies.iter().all(|s| world.supplies.contains_key(s.name.as_str())));
    // Silence for longer than the longest halt proves a host off, so no halt may take longer.
    let halt = world.laws.stop_timeout + world.hosts["titan-0a"].halt_millis * 11 / 10;
    assert!(u128::from(halt) < policy.spec.shutdown.verify_off.longest_halt.get().as_millis());
    let boot = world.hosts["titan-0a"].boot_millis * 11 / 10;
    assert!(u128::from(boot) < policy.spec.startup.longest_boot.get().as_millis());
    let host: HostConfiguration = serde_saphyr::from_str(EMBEDDED_HOST_CONFIGURATION).unwrap();
    assert_eq!(host.policy.as_str(), policy.metadata.name.as_str());
}

#[test]
fn a_policy_gives_a_world() {
    let policy: PowerPolicy = serde_saphyr::from_str(EMBEDDED_POLICY).unwrap();
    let world = World::from_policy(&policy.spec, 3);
    assert_eq!(world.hosts["titan-23"].supplies, ["statera"]);
    assert_eq!(world.hosts["titan-04"].supplies, ["pyrphoros"]);
    let mut later = world.clone();
    pass(&mut later, 60);
    assert_eq!(audit(&world, &later, &Expect::running()), []);
}
