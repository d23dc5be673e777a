//! How a host that drives its UPS leaves and comes back.

use super::*;
use crate::world::{Fate, Host, HostFault, OnAcReturn, Role};

/// [`World::small`] with a host that drives its UPS and boots when power returns.
fn world() -> World {
    let mut world = World::small(1);
    let machine = Host { on_ac_return: OnAcReturn::Boot, ..Host::new(Role::None, &["ups"]) };
    world.add_host("own", machine);
    world.supplies.get_mut("ups").unwrap().via = Some("own".into());
    world.own_host = Some("own".into());
    world.press_power("own");
    pass(&mut world, 60);
    world
}

fn mains(world: &mut World, present: bool) {
    world.suffer(&Fate::Mains { supply: None, present }).unwrap();
}

fn power_off_and_cut(world: &mut World) {
    world.power_off_and_cut(ME, "own", &["ups".to_owned()]);
    // The halt, then the hook.
    pass(world, 10);
}

fn output(world: &World) -> bool {
    world.supplies["ups"].output
}

#[test]
fn a_ups_that_was_told_to_cut_gives_its_output_back_with_mains() {
    let mut world = world();
    mains(&mut world, false);
    power_off_and_cut(&mut world);
    assert!(output(&world) && !world.hosts["own"].is_off(), "the hook waits for the cut");
    pass(&mut world, 30);
    assert!(!output(&world) && world.hosts["own"].is_off());
    mains(&mut world, true);
    pass(&mut world, 60);
    assert!(output(&world) && world.hosts["own"].is_on());
}

#[test]
fn a_cut_with_mains_there_is_a_power_cycle() {
    let mut world = world();
    mains(&mut world, false);
    power_off_and_cut(&mut world);
    mains(&mut world, true);
    pass(&mut world, 20);
    assert!(!output(&world), "an order that was given is carried out");
    pass(&mut world, 60);
    assert!(output(&world) && world.hosts["own"].is_on());
}

#[test]
fn who_is_still_there_after_the_order_reboots_or_trusts_its_clock() {
    for alarm in [false, true] {
        let mut world = world();
        world.supplies.get_mut("ups").unwrap().never_cuts_on_mains = true;
        if alarm {
            world.set_wake_alarm(ME, "own", 900_000).unwrap();
        }
        power_off_and_cut(&mut world);
        pass(&mut world, 120);
        assert!(output(&world));
        assert_eq!(world.hosts["own"].is_off(), alarm);
        pass(&mut world, 900);
        assert!(world.hosts["own"].is_on());
    }
}

#[test]
fn an_alarm_wakes_who_is_off_and_has_power_and_rings_once() {
    let mut world = world();
    world.set_wake_alarm(ME, "own", 60_000).unwrap();
    pass(&mut world, 120);
    assert_eq!(world.hosts["own"].wake_alarm, None, "it rang while the host was on");
    world.set_wake_alarm(ME, "own", 60_000).unwrap();
    world.power_off(ME, "own");
    pass(&mut world, 50);
    assert!(world.hosts["own"].is_off());
    pass(&mut world, 60);
    assert!(world.hosts["own"].is_on());
    world.suffer(&Fate::Break { host: "own".into(), fault: HostFault::NoWakeAlarm }).unwrap();
    assert!(world.set_wake_alarm(ME, "own", 60_000).is_err());
}

#[test]
fn an_alarm_that_rings_in_the_dark_is_lost() {
    let mut world = world();
    world.hosts.get_mut("own").unwrap().on_ac_return = OnAcReturn::StayOff;
    world.set_wake_alarm(ME, "own", 120_000).unwrap();
    mains(&mut world, false);
    power_off_and_cut(&mut world);
    pass(&mut world, 300);
    mains(&mut world, true);
    pass(&mut world, 300);
    assert!(world.hosts["own"].is_off());
}

/// Only a restart of upsd ends a forced shutdown (measured); a boot of its host is one.
#[test]
fn a_forced_shutdown_ends_with_the_boot_of_the_host_of_its_upsd() {
    let mut world = world();
    world.force_shutdown(ME, "ups");
    world.force_shutdown(ME, "ups");
    assert_eq!(told(&world, |what| matches!(what, What::ForcedShutdown { .. })).len(), 1);
    world.reboot(ME, "agent-0");
    pass(&mut world, 60);
    assert!(world.supplies["ups"].forced_shutdown);
    world.reboot(ME, "own");
    pass(&mut world, 60);
    assert!(!world.supplies["ups"].forced_shutdown);
}
