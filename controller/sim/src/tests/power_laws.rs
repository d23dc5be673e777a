use super::*;
use crate::world::{Fate, HostFault, OnAcReturn, Power, TelemetryFault};

fn mains(world: &mut World, present: bool) {
    world.suffer(&Fate::Mains { supply: None, present }).unwrap();
}

#[test]
fn an_empty_battery_cuts_its_hosts_dead() {
    let mut world = World::small(1);
    mains(&mut world, false);
    pass(&mut world, 14 * 60);
    assert!(world.hosts["server-0"].is_on());
    assert!(world.supplies["ups"].truth().status.contains(&"LB".to_owned()));
    pass(&mut world, 2 * 60);
    assert!(world.hosts.values().all(crate::world::Host::is_off));
    assert_eq!(told(&world, |w| matches!(w, What::HostCut { .. })).len(), 3);
}

#[test]
fn fewer_hosts_make_it_last_longer() {
    let mut world = World::small(1);
    mains(&mut world, false);
    let all = world.supplies["ups"].runtime();
    world.power_off(ME, "agent-0");
    pass(&mut world, 10);
    assert!(world.hosts["agent-0"].is_off());
    assert!(world.supplies["ups"].runtime() > all);
}

/// What comes back by itself after a cut is the firmware's choice, and takes nobody's leave.
#[test]
fn the_return_of_power_boots_what_the_firmware_says() {
    let mut world = World::small(1);
    for (host, policy) in [
        ("server-0", OnAcReturn::Boot),
        ("agent-0", OnAcReturn::LastState),
        ("agent-1", OnAcReturn::StayOff),
    ] {
        world.hosts.get_mut(host).unwrap().on_ac_return = policy;
    }
    mains(&mut world, false);
    pass(&mut world, 16 * 60);
    mains(&mut world, true);
    pass(&mut world, 60);
    assert!(world.hosts["server-0"].is_on());
    assert!(world.hosts["agent-0"].is_on());
    assert!(world.hosts["agent-1"].is_off());
}

/// Mains that return before the battery is empty were never away for the hosts: who halted stays
/// off (87 of 445 virtual outages ended dark by that).
#[test]
fn a_host_that_halted_sees_nothing_of_mains_that_return_early() {
    let mut world = World::small(1);
    world.hosts.get_mut("agent-0").unwrap().on_ac_return = OnAcReturn::Boot;
    mains(&mut world, false);
    world.power_off(ME, "agent-0");
    pass(&mut world, 30);
    mains(&mut world, true);
    pass(&mut world, 120);
    assert!(world.hosts["agent-0"].is_off());
}

#[test]
fn two_supplies_share_a_load_and_one_is_enough() {
    let mut world = World::small(1);
    world.add_supply("other", 15);
    world.hosts.get_mut("agent-0").unwrap().supplies.push("other".into());
    world.touch();
    let own = world.supplies["other"].own_watts;
    assert_eq!(world.supplies["other"].load_watts, own + 20);
    world.suffer(&Fate::Mains { supply: Some("ups".into()), present: false }).unwrap();
    pass(&mut world, 20 * 60);
    assert!(world.hosts["agent-1"].is_off());
    assert!(world.hosts["agent-0"].is_on());
    assert_eq!(world.supplies["other"].load_watts, own + 40);
}

/// A forced shutdown latches over the return of mains; only a restart of upsd ends it (measured).
#[test]
fn a_forced_shutdown_latches() {
    let mut world = World::small(1);
    world.suffer(&Fate::ForcedShutdown { supply: "ups".into(), set: true }).unwrap();
    mains(&mut world, false);
    mains(&mut world, true);
    pass(&mut world, 600);
    assert!(world.supplies["ups"].truth().status.contains(&"FSD".to_owned()));
}

#[test]
fn a_stuck_driver_tells_the_past() {
    let mut world = World::small(1);
    let reading = world.supplies["ups"].truth();
    let fault = Some(TelemetryFault::Stuck { reading: reading.clone() });
    world.suffer(&Fate::Telemetry { supply: "ups".into(), fault }).unwrap();
    mains(&mut world, false);
    assert_eq!(world.supplies["ups"].told(), Some(reading));
}

#[test]
fn a_wake_reaches_only_a_host_that_is_off_and_fed() {
    let mut world = World::small(1);
    world.power_off(ME, "agent-0");
    // It is still halting: the packet is lost.
    world.wake(ME, "agent-0");
    pass(&mut world, 60);
    assert!(world.hosts["agent-0"].is_off());
    world.wake(ME, "agent-0");
    assert!(matches!(world.hosts["agent-0"].power, Power::Booting { .. }));
    pass(&mut world, 30);
    assert!(world.hosts["agent-0"].is_on());
}

#[test]
fn faults_of_power_do_as_they_say() {
    let mut world = World::small(1);
    let broken = |world: &mut World, host: &str, fault| {
        world.suffer(&Fate::Break { host: host.into(), fault }).unwrap();
    };
    broken(&mut world, "agent-0", HostFault::RebootsInsteadOfOff);
    broken(&mut world, "agent-1", HostFault::HangsInHalt);
    world.power_off(ME, "agent-0");
    world.power_off(ME, "agent-1");
    pass(&mut world, 300);
    assert!(world.hosts["agent-0"].is_on());
    assert!(matches!(world.hosts["agent-1"].power, Power::Halting { .. }));
    broken(&mut world, "agent-1", HostFault::Broken);
    assert!(world.hosts["agent-1"].is_off());
    world.wake(ME, "agent-1");
    assert!(world.hosts["agent-1"].is_off());
    world.suffer(&Fate::Repair { host: "agent-1".into() }).unwrap();
    broken(&mut world, "agent-1", HostFault::NeverBoots);
    world.wake(ME, "agent-1");
    pass(&mut world, 3600);
    assert!(matches!(world.hosts["agent-1"].power, Power::Booting { until: None, .. }));
}

#[test]
fn fate_knows_its_names() {
    let mut world = World::small(1);
    let error = world.suffer(&Fate::Repair { host: "agent-9".into() }).unwrap_err();
    assert_eq!(
        error.to_string(),
        "there is no host `agent-9` in this world; there are: agent-0, agent-1, server-0"
    );
}
