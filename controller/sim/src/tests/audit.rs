//! Each promise is broken on purpose once: an audit that sees nothing proves nothing.

use ananke_audit::{Expect, Violation, Wanted};

use super::*;
use crate::world::{Fate, HostFault};

fn mains(world: &mut World, present: bool) {
    world.suffer(&Fate::Mains { supply: None, present }).unwrap();
}

fn broken(violations: &[Violation], promise: u8, part: &str) {
    assert!(
        violations.iter().any(|v| v.promise == promise && v.sentence.contains(part)),
        "no violation of {promise} with `{part}` in {violations:#?}"
    );
}

#[test]
fn an_orderly_way_down_and_up_keeps_every_promise() {
    let before = World::small(1);
    let mut world = before.clone();
    let down = Expect::running().declared(world.now(), Wanted::ClusterOnlyDown);
    take_cluster_down(&mut world);
    assert_eq!(audit(&before, &world, &down), []);
    for host in ["agent-0", "agent-1", "server-0"] {
        world.power_off(ME, host);
    }
    pass(&mut world, 20);
    let off = down.clone().declared(world.now(), Wanted::Poweroff);
    assert_eq!(audit(&before, &world, &off), []);
    for host in ["agent-0", "agent-1", "server-0"] {
        world.wake(ME, host);
    }
    pass(&mut world, 40);
    bring_cluster_up(&mut world);
    assert_eq!(audit(&before, &world, &off.declared(world.now(), Wanted::Running)), []);
}

#[test]
fn a_start_on_battery_is_seen() {
    let mut world = World::small(1);
    take_cluster_down(&mut world);
    let before = world.clone();
    mains(&mut world, false);
    pass(&mut world, 2);
    world.start(ME, "agent-0", Service::Agent).unwrap();
    let expect = Expect { end: Wanted::ClusterOnlyDown, ..Expect::running() };
    let promise_1 = |w: &World| {
        audit(&before, w, &expect).into_iter().filter(|v| v.promise == 1).collect::<Vec<_>>()
    };
    // Two seconds after the transfer nobody can know yet.
    assert_eq!(promise_1(&world), []);
    pass(&mut world, 5);
    world.start(ME, "agent-1", Service::Agent).unwrap();
    world.wake(ME, "agent-0");
    broken(&promise_1(&world), 1, "agent-1 had its service started on battery");
    broken(&promise_1(&world), 1, "agent-0 was woken on battery");
}

#[test]
fn a_start_while_power_is_unknown_is_seen() {
    let mut world = World::small(1);
    let before = world.clone();
    let fault = Some(crate::world::TelemetryFault::Silent);
    world.suffer(&Fate::Telemetry { supply: "ups".into(), fault }).unwrap();
    pass(&mut world, 10);
    world.wake(ME, "agent-0");
    broken(&audit(&before, &world, &Expect::running()), 1, "agent-0 was woken");
}

#[test]
fn a_resume_on_battery_is_seen() {
    let mut world = World::small(1);
    world.suspend(ME, &kustomization("flux-system"), Some(&mark("spec.suspend"))).unwrap();
    let before = world.clone();
    mains(&mut world, false);
    pass(&mut world, 10);
    world.unmark_gitops(ME, &kustomization("flux-system")).unwrap();
    broken(&audit(&before, &world, &Expect::running()), 1, "was resumed on battery");
}

#[test]
fn an_undrained_stop_is_seen() {
    let before = World::small(1);
    let mut world = before.clone();
    world.stop(ME, "agent-0", Service::Agent).unwrap();
    broken(&audit(&before, &world, &Expect::running()), 2, "the service of agent-0 was stopped");
    let undrained = Expect { drains: false, ..Expect::running() };
    assert!(audit(&before, &world, &undrained).iter().all(|v| v.promise != 2));
}

#[test]
fn a_server_that_goes_before_its_agents_is_seen() {
    let before = World::small(1);
    let mut world = before.clone();
    world.stop(ME, "server-0", Service::Server).unwrap();
    let violations = audit(&before, &world, &Expect::running());
    broken(&violations, 2, "took the API away while the agent of agent-0 still ran");
    broken(&violations, 2, "took the API away before Kustomization/flux-system/apps was suspended");
    broken(&violations, 4, "lost the quorum that was to stay");
}

/// A command is under way while the document is edited.
#[test]
fn a_server_that_was_told_to_go_just_before_it_was_to_stay_is_not_missed() {
    let before = World::small(1);
    let stopped_after = |seconds| {
        let mut world = before.clone();
        pass(&mut world, 60);
        let (down, up) = (before.now(), world.now());
        pass(&mut world, seconds);
        world.stop(ME, "server-0", Service::Server).unwrap();
        let expect =
            Expect::running().declared(down, Wanted::ClusterOnlyDown).declared(up, Wanted::Running);
        audit(&before, &world, &expect).iter().any(|v| v.sentence.contains("lost the quorum"))
    };
    assert!(!stopped_after(0));
    assert!(stopped_after(2));
}

/// Who was taken for off has to be looked at before it is known to be on.
#[test]
fn an_agent_that_can_be_heard_again_counts_once_it_was_looked_at() {
    let before = World::small(1);
    let stopped_after = |seconds| {
        let mut world = before.clone();
        let unplugged = Fate::Break { host: "agent-0".into(), fault: HostFault::Unplugged };
        world.suffer(&unplugged).unwrap();
        pass(&mut world, 100);
        world.suffer(&Fate::Repair { host: "agent-0".into() }).unwrap();
        pass(&mut world, seconds);
        world.stop(ME, "server-0", Service::Server).unwrap();
        let violations = audit(&before, &world, &Expect::running());
        violations.iter().any(|v| v.sentence.contains("the agent of agent-0 still ran"))
    };
    assert!(!stopped_after(5));
    assert!(stopped_after(15));
}

/// What could not be suspended while there was energy is given up with its drains.
/// Somebody else switched it on: until it is looked at nobody knows.
#[test]
fn an_agent_that_has_just_booted_counts_once_it_was_looked_at() {
    let stopped_after = |seconds| {
        let mut world = World::small(1);
        world.suffer(&Fate::PullPlug { host: "agent-0".into() }).unwrap();
        let before = world.clone();
        world.suffer(&Fate::SwitchOn { host: "agent-0".into() }).unwrap();
        while !world.hosts["agent-0"].is_on() {
            pass(&mut world, 1);
        }
        pass(&mut world, seconds);
        world.stop(ME, "server-0", Service::Server).unwrap();
        let sentence = "while the agent of agent-0 still ran";
        audit(&before, &world, &Expect::running()).iter().any(|v| v.sentence.contains(sentence))
    };
    assert!(!stopped_after(5));
    assert!(stopped_after(12));
}

#[test]
fn a_server_that_goes_at_the_end_of_its_battery_waits_for_no_suspend() {
    let mut before = World::small(1);
    mains(&mut before, false);
    let stopped_with = |percent| {
        let mut world = before.clone();
        world.suffer(&Fate::Battery { supply: "ups".into(), percent }).unwrap();
        world.stop(ME, "server-0", Service::Server).unwrap();
        let violations = audit(&before, &world, &Expect::running());
        violations.iter().any(|v| v.sentence.contains("was suspended"))
    };
    assert!(stopped_with(50));
    assert!(!stopped_with(5));
}

/// Nobody knows in the same moment that a server has died.
#[test]
fn a_quorum_is_missed_once_the_loss_before_can_be_known() {
    let stopped_after = |seconds| {
        let before = World::embedded(1);
        let mut world = before.clone();
        world.suffer(&Fate::Break { host: "titan-0a".into(), fault: HostFault::Broken }).unwrap();
        pass(&mut world, seconds);
        world.stop(ME, "titan-0c", Service::Server).unwrap();
        let violations = audit(&before, &world, &Expect::running());
        violations.iter().any(|v| v.sentence.contains("lost the quorum"))
    };
    assert!(!stopped_after(3));
    assert!(stopped_after(9));
}

#[test]
fn a_quorum_is_not_missed_when_the_cluster_is_to_go_down() {
    let before = World::embedded(1);
    let mut world = before.clone();
    world.stop(ME, "titan-0a", Service::Server).unwrap();
    assert!(audit(&before, &world, &Expect::running()).iter().all(|v| v.promise != 4));
    world.stop(ME, "titan-0b", Service::Server).unwrap();
    broken(&audit(&before, &world, &Expect::running()), 4, "titan-0b");
    let down = Expect::running().declared(0, Wanted::ClusterOnlyDown);
    assert!(audit(&before, &world, &down).iter().all(|v| v.promise != 4));
}

#[test]
fn a_declared_way_down_without_a_snapshot_is_seen() {
    let before = World::small(1);
    let down = Expect::running().declared(before.now(), Wanted::ClusterOnlyDown);
    let asked = Expect { snapshots: true, ..down.clone() };
    let mut world = before.clone();
    take_cluster_down(&mut world);
    assert_eq!(audit(&before, &world, &down), []);
    broken(&audit(&before, &world, &asked), 2, "before a snapshot was taken");
    // One from before the suspends is not of this way down.
    let mut world = before.clone();
    world.take_snapshot(ME, "server-0", "early").unwrap();
    take_cluster_down(&mut world);
    broken(&audit(&before, &world, &asked), 2, "before a snapshot was taken");
}

#[test]
fn a_child_before_its_parent_is_seen() {
    let before = World::small(1);
    let mut world = before.clone();
    world.suspend(ME, &kustomization("apps"), Some(&mark("spec.suspend"))).unwrap();
    broken(&audit(&before, &world, &Expect::running()), 2, "was suspended before");
    world.suspend(ME, &kustomization("flux-system"), Some(&mark("spec.suspend"))).unwrap();
    world.unmark_gitops(ME, &kustomization("flux-system")).unwrap();
    broken(&audit(&before, &world, &Expect::running()), 2, "was resumed before");
}

#[test]
fn a_poweroff_over_containers_is_seen_unless_energy_is_spent() {
    let before = World::small(1);
    let mut world = before.clone();
    world.power_off(ME, "agent-0");
    let violations = audit(&before, &world, &Expect::running());
    broken(&violations, 3, "agent-0 was powered off with");
    broken(&violations, 2, "agent-0 was powered off before its service stopped");

    let mut world = before.clone();
    mains(&mut world, false);
    pass(&mut world, 14 * 60 + 30);
    world.power_off(ME, "agent-0");
    let violations = audit(&before, &world, &Expect::running());
    assert!(violations.iter().all(|v| v.promise != 3 && v.promise != 2), "{violations:#?}");
}

#[test]
fn a_host_that_is_on_when_the_battery_is_empty_is_seen() {
    let before = World::small(1);
    let mut world = before.clone();
    mains(&mut world, false);
    pass(&mut world, 16 * 60);
    let expect = Expect { end: Wanted::Poweroff, ..Expect::running() };
    broken(&audit(&before, &world, &expect), 5, "agent-1 was still on");
    let hopeless = Expect { energy_fits: false, ..expect };
    assert_eq!(audit(&before, &world, &hopeless), []);
}

#[test]
fn a_cut_that_hits_a_host_that_is_on_is_seen() {
    let mut before = World::small(1);
    before.own_host = Some("agent-1".into());
    let mut world = before.clone();
    mains(&mut world, false);
    world.power_off_and_cut(ME, "agent-1", &["ups".to_owned()]);
    pass(&mut world, 60);
    let violations = audit(&before, &world, &Expect::running());
    broken(&violations, 3, "agent-0 was on when its supply was told to cut");
}

#[test]
fn an_own_host_that_loses_its_power_at_work_is_seen() {
    let mut before = World::small(1);
    before.own_host = Some("agent-1".into());
    let mut world = before.clone();
    mains(&mut world, false);
    pass(&mut world, 16 * 60);
    broken(&audit(&before, &world, &Expect::running()), 3, "agent-1 lost its power with");
}

#[test]
fn an_own_host_that_leaves_early_is_seen() {
    let mut before = World::small(1);
    before.own_host = Some("agent-1".into());
    let mut world = before.clone();
    world.power_off(ME, "agent-1");
    broken(&audit(&before, &world, &Expect::running()), 6, "although mains are there");
    let mut world = before.clone();
    mains(&mut world, false);
    world.power_off(ME, "agent-1");
    broken(&audit(&before, &world, &Expect::running()), 6, "left while server-0 was still on");
    let mut world = before.clone();
    world.reboot(ME, "agent-1");
    assert!(audit(&before, &world, &Expect::running()).iter().all(|v| v.promise != 6));
}

#[test]
fn what_is_left_behind_is_seen() {
    let before = World::small(1);
    let mut world = before.clone();
    world.cordon(ME, "agent-0", Some(&mark("spec.unschedulable"))).unwrap();
    world.suspend(ME, &kustomization("flux-system"), Some(&mark("spec.suspend"))).unwrap();
    world.power_off(ME, "agent-1");
    pass(&mut world, 20);
    let violations = audit(&before, &world, &Expect::running());
    broken(&violations, 7, "our mark is left on agent-0");
    broken(&violations, 7, "agent-0 is left cordoned");
    broken(&violations, 7, "our mark is left on Kustomization/flux-system/flux-system");
    broken(&violations, 7, "agent-1 is not on at the end");
    let excused = Expect { lost: ["agent-1".to_owned()].into(), ..Expect::running() };
    let violations = audit(&before, &world, &excused);
    assert!(violations.iter().all(|v| !v.sentence.contains("agent-1 is not on")));
}

#[test]
fn what_is_a_persons_is_guarded_at_every_moment() {
    let before = World::embedded(1);
    let mut world = before.clone();
    world.uncordon(ME, "titan-05").unwrap();
    world.resume(ME, &kustomization("playground")).unwrap();
    let violations = audit(&before, &world, &Expect::running());
    broken(&violations, 7, "titan-05 was uncordoned, and a person cordoned it");
    broken(&violations, 7, "playground was resumed, and a person suspended it");
    broken(&violations, 7, "titan-05 is no longer cordoned");
    // A person may.
    let mut world = before.clone();
    world.suffer(&Fate::Cordon { node: "titan-05".into(), on: false }).unwrap();
    world.suffer(&Fate::Cordon { node: "titan-04".into(), on: true }).unwrap();
    assert_eq!(audit(&before, &world, &Expect::running()), []);
}

#[test]
fn a_container_without_its_pod_is_seen() {
    let before = World::small(1);
    let mut world = before.clone();
    let uid = world.hosts["agent-0"].containers.keys().next().unwrap().clone();
    world.cluster.pods.remove(&uid);
    broken(&audit(&before, &world, &Expect::running()), 7, "without its pod");
    let mut world = before.clone();
    world.hosts.get_mut("agent-0").unwrap().containers.remove(&uid);
    broken(&audit(&before, &world, &Expect::running()), 7, "has no container");
}

#[test]
fn a_world_that_should_be_down_and_is_not_is_seen() {
    let before = World::small(1);
    let expect = Expect::running().declared(before.now(), Wanted::ClusterOnlyDown);
    let violations = audit(&before, &before, &expect);
    broken(&violations, 7, "the service of agent-0 runs at the end");
    broken(&violations, 7, "containers live on agent-0");
    let expect = Expect::running().declared(before.now(), Wanted::Poweroff);
    broken(&audit(&before, &before, &expect), 7, "server-0 is not off");
}

#[test]
fn work_at_rest_is_seen() {
    let before = World::small(1);
    let mut world = before.clone();
    world.counters.lease_renewals += 60;
    assert_eq!(audit_rest(&before, &world), []);
    world.counters.host_commands += 1;
    broken(&audit_rest(&before, &world), 10, "1 commands to hosts at rest");
}

#[test]
fn a_violation_reads_like_a_line_of_a_log() {
    let violation = Violation { at: 61_042, promise: 3, sentence: "it is so".into() };
    assert_eq!(violation.to_string(), "   61.042 s  promise 3: it is so");
}
