//! The loop closed over a perfect world: every story must end, in the right order.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test that cannot go on fails"
)]

mod support;

use ananke_core::{
    journal::Journal,
    signals::{Phase, Trigger},
};
use ananke_crds::policy::Target;
use support::{plant, policy, toy::World};

fn world(name: &str) -> World {
    World::running(plant(&policy(name)))
}

fn declare(world: &mut World, target: Target) {
    world.plant.declared = target;
    if target == Target::Running {
        world.requests.startups += 1;
    }
}

/// Every line that begins with `first` stands before every line that begins with `then`.
#[track_caller]
fn in_order(world: &World, first: &str, then: &str) {
    let (a, b) = (world.places(first), world.places(then));
    let log = world.log.join("\n  ");
    assert!(!a.is_empty() && !b.is_empty(), "`{first}` or `{then}` never happened:\n  {log}");
    assert!(a.last() < b.first(), "`{first}` is not before `{then}`:\n  {log}");
}

#[track_caller]
fn descent_is_in_order(world: &World) {
    in_order(world, "gitops suspend", "node/s1 evict");
    in_order(world, "gitops suspend", "snapshot snapshot");
    in_order(world, "gitops suspend", "node/n1 cordon");
    in_order(world, "node/n1 evict", "node/s1 evict");
    in_order(world, "node/s1 evict", "storage evict");
    in_order(world, "storage evict", "agent/n1 stop");
    in_order(world, "agent/n", "server/s1 stop");
    in_order(world, "snapshot snapshot", "server/s1 stop");
}

const MANY: u64 = 2_000;

#[test]
fn at_rest_nothing_is_done() {
    for name in ["small", "two-ups", "layered"] {
        let mut world = world(name);
        for _ in 0..50 {
            let decision = world.round();
            assert!(decision.steps.is_empty(), "{name}: {:?}", decision.steps);
        }
    }
}

#[test]
fn to_cluster_only_down_and_back() {
    for name in ["small", "two-ups"] {
        let mut world = world(name);
        declare(&mut world, Target::ClusterOnlyDown);
        world.settle(Target::ClusterOnlyDown, MANY);
        descent_is_in_order(&world);
        assert_eq!(world.containers(), 0, "{name}");
        assert!(world.off().is_empty(), "{name}: hosts stay on");
        world.log.clear();
        declare(&mut world, Target::Running);
        world.settle(Target::Running, MANY);
        in_order(&world, "server/s1 start", "node/s1 uncordon");
        in_order(&world, "agent/n2 start", "node/n1 uncordon");
        in_order(&world, "node/n1 uncordon", "gitops resume");
        assert_eq!(world.cordons_and_suspends(), [], "{name}");
    }
}

#[test]
fn to_poweroff_and_back_through_a_boot_of_this_host() {
    for name in ["small", "two-ups"] {
        let mut world = world(name);
        declare(&mut world, Target::Poweroff);
        world.settle(Target::Poweroff, MANY);
        assert!(!world.own_on, "{name}: this host goes off too");
        descent_is_in_order(&world);
        in_order(&world, "server/s1 stop", "host/s1 power-off");
        in_order(&world, "host/", "self power-off");
        let hosts = world.plant.hosts.iter().filter(|host| !host.is_self).count();
        assert_eq!(world.off().len(), hosts, "{name}: every host is off before this one");

        world.log.clear();
        world.boot_own();
        for _ in 0..1_000 {
            let decision = world.round();
            assert!(
                decision.steps.is_empty(),
                "{name}: somebody wants it on: {:?}",
                decision.steps
            );
        }
        declare(&mut world, Target::Running);
        world.settle(Target::Running, MANY);
        in_order(&world, "host/s1 wake", "node/n1 uncordon");
        in_order(&world, "node/n1 uncordon", "gitops resume");
        assert_eq!(world.cordons_and_suspends(), [], "{name}");
        assert!(world.off().is_empty(), "{name}");
    }
}

#[test]
fn the_jump_host_goes_after_every_host_behind_it() {
    let mut world = world("two-ups");
    declare(&mut world, Target::Poweroff);
    world.settle(Target::Poweroff, MANY);
    for host in ["s1", "s2", "s3", "n1", "n2", "n3", "n4", "n5"] {
        in_order(&world, &format!("host/{host} power-off"), "host/jump power-off");
    }
    in_order(&world, "host/jump power-off", "self power-off");
    in_order(&world, "host/n5 power-off", "host/n4 power-off");
}

#[test]
fn what_a_person_did_is_untouched() {
    let mut world = world("small");
    world.cordon_by_hand("n1");
    world.suspend_by_hand("web");
    declare(&mut world, Target::ClusterOnlyDown);
    world.settle(Target::ClusterOnlyDown, MANY);
    declare(&mut world, Target::Running);
    world.settle(Target::Running, MANY);
    assert_eq!(world.cordons_and_suspends(), [("n1".to_owned(), false), ("web".to_owned(), false)]);
    assert!(world.places("node/n1 cordon").is_empty());
    assert!(world.places("node/n1 uncordon").is_empty());
}

#[test]
fn an_outage_to_the_end_and_the_return_of_mains() {
    for name in ["small", "two-ups"] {
        let mut world = world(name);
        let supplies: Vec<String> = world.plant.supplies.iter().map(|s| s.name.clone()).collect();
        for supply in &supplies {
            world.mains(supply, false);
        }
        world.settle(Target::Poweroff, MANY);
        assert!(!world.own_on, "{name}");
        for supply in &supplies {
            world.mains(supply, true);
        }
        world.boot_own();
        world.settle(Target::Running, 3_000);
        assert_eq!(world.cordons_and_suspends(), [], "{name}");
        assert!(world.off().is_empty(), "{name}");
    }
}

#[test]
fn whatever_second_the_mains_return_the_cluster_ends_running() {
    for name in ["small", "two-ups"] {
        let mut longest = 0;
        for after in (1..1_300).step_by(if name == "small" { 41 } else { 211 }) {
            let mut world = world(name);
            let supplies: Vec<String> =
                world.plant.supplies.iter().map(|s| s.name.clone()).collect();
            for supply in &supplies {
                world.mains(supply, false);
            }
            for _ in 0..after {
                if world.own_on {
                    world.round();
                }
            }
            for supply in &supplies {
                world.mains(supply, true);
            }
            if !world.own_on {
                world.boot_own();
            }
            longest = longest.max(world.settle(Target::Running, 3_000));
            assert_eq!(world.cordons_and_suspends(), [], "{name}, mains after {after} s");
            assert!(world.off().is_empty(), "{name}, mains after {after} s");
        }
        assert!(longest < 3_000);
    }
}

#[test]
fn a_partial_outage_leaves_the_rest_running() {
    let mut world = world("two-ups");
    world.mains("east", false);
    for _ in 0..1_300 {
        world.round();
    }
    assert_eq!(world.off(), ["n4", "n5", "s3"], "n3 has another feed");
    assert!(world.places("gitops suspend").is_empty());
    assert!(world.places("server/s1").is_empty());
    world.mains("east", true);
    world.settle(Target::Running, MANY);
    assert_eq!(world.cordons_and_suspends(), []);
    assert!(world.off().is_empty());
}

#[test]
fn a_turn_at_every_second_of_the_way_down() {
    for target in [Target::Running, Target::ClusterOnlyDown] {
        for after in (1..400).step_by(23) {
            let mut world = world("small");
            declare(&mut world, Target::Poweroff);
            for _ in 0..after {
                if world.own_on {
                    world.round();
                }
            }
            if !world.own_on {
                break;
            }
            declare(&mut world, target);
            world.settle(target, MANY);
            if target == Target::ClusterOnlyDown {
                assert_eq!(world.containers(), 0, "turned after {after} s");
                declare(&mut world, Target::Running);
                world.settle(Target::Running, MANY);
            }
            assert_eq!(world.cordons_and_suspends(), [], "turned after {after} s");
        }
    }
}

#[test]
fn the_daemon_may_die_at_every_second() {
    for after in (1..300).step_by(29) {
        let mut world = world("small");
        declare(&mut world, Target::Poweroff);
        for _ in 0..after {
            if world.own_on {
                world.round();
            }
        }
        if !world.own_on {
            break;
        }
        world.start_daemon();
        world.settle(Target::Poweroff, MANY);
        assert!(!world.own_on, "restarted after {after} s");
        assert_eq!(world.off().len(), 3);
    }
}

/// The journal is lost: mains that nobody remembers are good enough while all is up, and must hold
/// for the policy's time once something is to be started.
#[test]
fn mains_that_nobody_remembers() {
    let mut world = world("small");
    assert!(world.round().supplies.contains_key("ups"));
    for _ in 0..30 {
        world.round();
    }
    assert!(!world.journal.supplies["ups"].unproven, "all is up: nothing is waited for");

    declare(&mut world, Target::ClusterOnlyDown);
    world.settle(Target::ClusterOnlyDown, MANY);
    world.journal = Journal::default();
    world.start_daemon();
    declare(&mut world, Target::Running);
    world.log.clear();
    let began = world.seconds;
    while world.places("server/s1 start").is_empty() {
        world.round();
        assert!(world.seconds - began < 300, "it never starts");
    }
    let held = world.seconds - began;
    assert!(held >= 120, "started after {held} s of mains that nobody remembers");
    world.settle(Target::Running, MANY);
}

/// The mains go once more while the cluster comes up: it turns round, with a full battery too.
#[test]
fn a_second_outage_before_all_is_up_turns_round() {
    let mut world = world("small");
    let phase = |world: &World| world.journal.supplies.get("ups").map(|ups| ups.phase);
    world.mains("ups", false);
    world.charge("ups", 300);
    for _ in 0..70 {
        world.round();
    }
    assert_eq!(phase(&world), Some(Phase::Falling));
    world.mains("ups", true);
    world.charge("ups", 1_200);
    for _ in 0..300 {
        if phase(&world) != Some(Phase::Clear) {
            world.round();
        }
    }
    assert_eq!(phase(&world), Some(Phase::Clear), "it is never lifted");
    world.mains("ups", false);
    for _ in 0..5 {
        world.round();
    }
    let cause = world.journal.supplies["ups"].cause.clone().map(|cause| cause.trigger);
    assert_eq!(cause, Some(Trigger::SecondOutage));
}
