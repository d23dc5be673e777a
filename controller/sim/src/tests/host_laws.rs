use super::*;
use crate::world::{Fate, HostFault, Landing, Reach, Refusal};

fn break_host(world: &mut World, host: &str, fault: HostFault) {
    world.suffer(&Fate::Break { host: host.into(), fault }).unwrap();
}

/// Measured: after `systemctl stop k3s-agent` the unit is `inactive` and its pods are still there.
#[test]
fn containers_outlive_the_service() {
    let mut world = World::small(1);
    let before = facts(&world, "agent-0").containers;
    assert!(before > 0);
    let Landing(down) = world.stop(ME, "agent-0", Service::Agent).unwrap();
    assert_eq!(facts(&world, "agent-0").agent.unwrap().active, ActiveState::Deactivating);
    world.advance(down);
    let now = facts(&world, "agent-0");
    assert_eq!(now.agent.clone().unwrap().active, ActiveState::Inactive);
    assert_eq!(now.agent.unwrap().result, "success");
    assert_eq!(now.containers, before);
    world.end_containers(ME, "agent-0");
    let now = facts(&world, "agent-0");
    assert_eq!((now.containers, now.volumes), (0, 0));
}

/// Measured: `systemctl stop` of a unit that had to be killed answers 0; `Result` tells.
#[test]
fn a_stop_that_hangs_ends_failed_and_answers_success() {
    let mut world = World::small(1);
    break_host(&mut world, "agent-0", HostFault::StopHangs);
    let began = world.now();
    let Landing(down) = world.stop(ME, "agent-0", Service::Agent).unwrap();
    assert_eq!(down - began, world.laws.stop_timeout);
    world.advance(down - 1);
    assert_eq!(state(&world, "agent-0"), ActiveState::Deactivating);
    world.advance(down);
    let agent = facts(&world, "agent-0").agent.unwrap();
    assert_eq!((agent.active, agent.result.as_str()), (ActiveState::Failed, "timeout"));
}

#[test]
fn a_kill_ends_a_hanging_stop() {
    let mut world = World::small(1);
    break_host(&mut world, "agent-0", HostFault::StopHangs);
    world.stop(ME, "agent-0", Service::Agent).unwrap();
    pass(&mut world, 1);
    world.kill(ME, "agent-0", Service::Agent).unwrap();
    assert_eq!(state(&world, "agent-0"), ActiveState::Failed);
}

/// `Restart=always`: killing a service that nobody told to stop brings it back.
#[test]
fn a_killed_service_comes_back_unless_it_was_stopping() {
    let mut world = World::small(1);
    world.kill(ME, "agent-0", Service::Agent).unwrap();
    pass(&mut world, 30);
    assert_eq!(state(&world, "agent-0"), ActiveState::Active);
}

/// Without an API an agent never leaves `activating`, and can be stopped in it.
#[test]
fn an_agent_waits_for_an_api() {
    let mut world = World::small(1);
    take_cluster_down(&mut world);
    world.start(ME, "agent-0", Service::Agent).unwrap();
    pass(&mut world, 3600);
    assert_eq!(state(&world, "agent-0"), ActiveState::Activating);
    assert!(facts(&world, "agent-0").agent.unwrap().job);
    world.stop(ME, "agent-0", Service::Agent).unwrap();
    pass(&mut world, 5);
    assert_eq!(state(&world, "agent-0"), ActiveState::Inactive);
}

#[test]
fn a_start_behind_a_stop_is_queued() {
    let mut world = World::small(1);
    world.stop(ME, "agent-0", Service::Agent).unwrap();
    world.start(ME, "agent-0", Service::Agent).unwrap();
    assert!(facts(&world, "agent-0").agent.unwrap().job);
    pass(&mut world, 30);
    assert_eq!(state(&world, "agent-0"), ActiveState::Active);
}

/// rc 5: the unit is not loaded. rc 0: stopping what is inactive.
#[test]
fn systemctl_knows_what_is_installed() {
    let mut world = World::small(1);
    let refusal = world.stop(ME, "agent-0", Service::Server).unwrap_err();
    assert_eq!(refusal, Refusal::Failed("Unit k3s.service not loaded. (exit code 5)".into()));
    take_cluster_down(&mut world);
    assert_eq!(world.stop(ME, "agent-0", Service::Agent), Ok(Landing(world.now())));
}

/// k3s is enabled: a host that boots starts it by itself, under a new boot id.
#[test]
fn a_boot_starts_the_service_and_ends_all_containers() {
    let mut world = World::small(1);
    let before = facts(&world, "agent-0");
    world.suffer(&Fate::PullPlug { host: "agent-0".into() }).unwrap();
    assert_eq!(world.reach("agent-0"), Reach::Silence);
    world.wake(ME, "agent-0");
    while world.reach("agent-0") != Reach::Answers {
        pass(&mut world, 1);
    }
    let after = facts(&world, "agent-0");
    assert_ne!(after.boot_id, before.boot_id);
    assert_eq!(after.containers, 0);
    assert_eq!(after.agent.unwrap().active, ActiveState::Activating);
    pass(&mut world, 60);
    assert_eq!(facts(&world, "agent-0").containers, before.containers);
}

/// Measured: ssh is gone 0.4 to 0.8 s after a poweroff; the host draws power for longer, and a
/// hanging service delays its end by the stop timeout.
#[test]
fn a_halting_host_is_silent_long_before_it_is_off() {
    let mut world = World::small(1);
    break_host(&mut world, "agent-0", HostFault::StopHangs);
    world.power_off(ME, "agent-0");
    assert_eq!(world.reach("agent-0"), Reach::Answers);
    pass(&mut world, 1);
    assert_eq!(world.reach("agent-0"), Reach::Silence);
    pass(&mut world, 80);
    assert!(!world.hosts["agent-0"].is_off());
    pass(&mut world, 30);
    assert!(world.hosts["agent-0"].is_off());
}

#[test]
fn a_poweroff_kills_what_is_left_and_tells_how_much() {
    let mut world = World::small(1);
    let alive = facts(&world, "agent-0").containers;
    world.power_off(ME, "agent-0");
    pass(&mut world, 10);
    let halting = told(&world, |w| matches!(w, What::HostHalting { .. }));
    let What::HostHalting { containers, service_runs, runtime_left, .. } = halting[0].what else {
        panic!("not a halt");
    };
    assert_eq!((containers, service_runs, runtime_left), (alive, true, None));
    let killed = told(&world, |w| matches!(w, What::PodEnded { graceful: false, .. }));
    assert_eq!(killed.len(), alive as usize);
}

/// Frozen: TCP connects, no banner. Nothing on it moves, its lease goes stale, a cut ends it.
#[test]
fn a_frozen_host_does_nothing_until_it_is_cut() {
    let mut world = World::small(1);
    break_host(&mut world, "agent-0", HostFault::Frozen);
    assert_eq!(world.reach("agent-0"), Reach::Silence);
    pass(&mut world, 60);
    assert!(!world.cluster_facts().nodes["agent-0"].lease_fresh);
    assert!(!world.cluster_facts().nodes["agent-0"].ready);
    assert!(!world.hosts["agent-0"].is_off());
    world.suffer(&Fate::PullPlug { host: "agent-0".into() }).unwrap();
    world.wake(ME, "agent-0");
    pass(&mut world, 60);
    assert_eq!(world.reach("agent-0"), Reach::Answers);
}

#[test]
fn a_thawed_host_goes_on_where_it_was() {
    let mut world = World::small(1);
    world.stop(ME, "agent-0", Service::Agent).unwrap();
    break_host(&mut world, "agent-0", HostFault::Frozen);
    pass(&mut world, 60);
    assert_eq!(state(&world, "agent-0"), ActiveState::Deactivating);
    world.suffer(&Fate::Repair { host: "agent-0".into() }).unwrap();
    pass(&mut world, 1);
    assert_eq!(state(&world, "agent-0"), ActiveState::Inactive);
}

#[test]
fn a_snapshot_needs_a_server_with_quorum_and_is_dated_by_its_host() {
    let mut world = World::small(1);
    world.hosts.get_mut("server-0").unwrap().clock_ahead_millis = 5_000;
    world.take_snapshot(ME, "server-0", "ananke-1").unwrap();
    let snapshot = facts(&world, "server-0").snapshot.unwrap();
    assert_eq!(snapshot.name, "ananke-1");
    assert_eq!(snapshot.taken_unix_seconds, world.wall_unix_seconds() + 5);
    assert_eq!(facts(&world, "server-0").clock_synchronised, Some(false));
    take_cluster_down(&mut world);
    assert!(world.take_snapshot(ME, "server-0", "ananke-2").is_err());
}

/// Only the way of ananke is cut: its kubelet works on.
#[test]
fn a_host_behind_a_filter_is_silent_and_its_lease_is_renewed() {
    let mut world = World::small(1);
    break_host(&mut world, "agent-0", HostFault::SshCut);
    pass(&mut world, 60);
    assert_eq!(world.reach("agent-0"), Reach::Silence);
    assert!(world.cluster_facts().nodes["agent-0"].lease_fresh);
}

#[test]
fn a_repair_switches_off_what_hangs_between_on_and_off() {
    let mut world = World::small(1);
    break_host(&mut world, "agent-0", HostFault::HangsInHalt);
    world.power_off(ME, "agent-0");
    pass(&mut world, 60);
    assert!(!world.hosts["agent-0"].is_off());
    world.suffer(&Fate::Repair { host: "agent-0".into() }).unwrap();
    assert!(world.hosts["agent-0"].is_off());
    world.suffer(&Fate::SwitchOn { host: "agent-0".into() }).unwrap();
    pass(&mut world, 60);
    assert_eq!(world.reach("agent-0"), Reach::Answers);
}

#[test]
fn a_clock_without_a_battery_begins_at_1970() {
    let mut world = World::small(1);
    break_host(&mut world, "agent-0", HostFault::ForgetsTime);
    world.suffer(&Fate::PullPlug { host: "agent-0".into() }).unwrap();
    world.wake(ME, "agent-0");
    pass(&mut world, 60);
    assert!(facts(&world, "agent-0").wall_unix_seconds < 120);
}
