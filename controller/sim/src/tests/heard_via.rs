//! The audit of a supply that is heard through a host which it feeds.

use ananke_audit::Expect;

use super::*;
use crate::world::{Fate, HostFault};

/// The supply of two agents of the homelab is heard through one of them.
fn homelab() -> World {
    let mut world = World::embedded(1);
    world.supplies.get_mut("statera").unwrap().via = Some("titan-24".into());
    world
}

fn mains(world: &mut World, supply: &str, present: bool) {
    world.suffer(&Fate::Mains { supply: Some(supply.into()), present }).unwrap();
}

/// The host that tells of the supply goes off.
fn falls_silent(world: &mut World) {
    world.power_off(ME, "titan-24");
    pass(world, 60);
    assert!(!world.upsd_runs("statera"));
}

/// Whether a wake sent now is one on battery, or with its power unknown.
fn is_blamed(before: &World, world: &World, host: &str, expect: &Expect) -> bool {
    let mut world = world.clone();
    world.wake(ME, host);
    let sentence = format!("{host} was woken on battery or with its power unknown");
    audit(before, &world, expect).iter().any(|v| v.promise == 1 && v.sentence == sentence)
}

#[test]
fn what_else_an_unheard_supply_feeds_is_not_to_be_started() {
    let before = homelab();
    let mut world = before.clone();
    let is_blamed = |world: &World, host| is_blamed(&before, world, host, &Expect::running());
    falls_silent(&mut world);
    assert!(is_blamed(&world, "titan-23"));
    assert!(!is_blamed(&world, "titan-24"), "nobody would ever hear the supply");
    world.wake(ME, "titan-24");
    pass(&mut world, 60);
    assert!(!is_blamed(&world, "titan-23"), "it is heard again");
}

/// A look at it has to fail first.
#[test]
fn silence_is_not_known_at_once() {
    let before = homelab();
    for fault in [HostFault::Unplugged, HostFault::Frozen] {
        let mut world = before.clone();
        world.suffer(&Fate::Break { host: "titan-24".into(), fault }).unwrap();
        pass(&mut world, 6);
        assert!(!is_blamed(&before, &world, "titan-23", &Expect::running()));
        pass(&mut world, 2);
        assert!(is_blamed(&before, &world, "titan-23", &Expect::running()));
    }
}

#[test]
fn a_host_is_not_tried_while_the_battery_lasts_that_it_would_tell_of() {
    let before = homelab();
    let mut world = before.clone();
    let is_blamed = |world: &World, expect: &Expect| is_blamed(&before, world, "titan-24", expect);
    mains(&mut world, "statera", false);
    pass(&mut world, 10);
    let lasts = world.runtime_left(&world.hosts["titan-24"]).unwrap() / 1000;
    falls_silent(&mut world);
    let silent = world.clone();
    assert!(is_blamed(&world, &Expect::running()));
    let forgot = Expect { forgot: vec![world.now()], ..Expect::running() };
    assert!(!is_blamed(&world, &forgot), "nobody remembers the outage");
    pass(&mut world, lasts);
    assert!(!is_blamed(&world, &Expect::running()), "it may be empty");
    let mut back = silent;
    mains(&mut back, "statera", true);
    assert!(!is_blamed(&back, &Expect::running()), "that harms nobody");
}

#[test]
fn another_supply_tells_of_an_outage_and_of_its_end() {
    let before = homelab();
    let is_blamed = |world: &World| is_blamed(&before, world, "titan-24", &Expect::running());
    // They fail together, and nobody heard that of this one.
    let mut world = before.clone();
    falls_silent(&mut world);
    mains(&mut world, "statera", false);
    assert!(!is_blamed(&world), "nothing tells of an outage");
    mains(&mut world, "pyrphoros", false);
    pass(&mut world, 10);
    assert!(is_blamed(&world));
    // The other one comes back before this one falls silent on battery, or after.
    let mut world = before.clone();
    for supply in ["statera", "pyrphoros"] {
        mains(&mut world, supply, false);
    }
    pass(&mut world, 10);
    let mut after = world.clone();
    mains(&mut world, "pyrphoros", true);
    pass(&mut world, 60);
    falls_silent(&mut world);
    assert!(is_blamed(&world), "it was on battery still");
    falls_silent(&mut after);
    mains(&mut after, "pyrphoros", true);
    assert!(!is_blamed(&after), "both may be back");
}

/// Mains that nobody saw come back, or hold, are no reason for a quorum to stay.
#[test]
fn mains_that_nobody_hears_of_prove_nothing() {
    let mut before = World::small(1);
    before.supplies.get_mut("ups").unwrap().via = Some("agent-0".into());
    let is_blamed = |world: &World| {
        let mut world = world.clone();
        world.stop(ME, "server-0", Service::Server).unwrap();
        let violations = audit(&before, &world, &Expect::running());
        violations.iter().any(|v| v.sentence.contains("lost the quorum"))
    };
    let away = |world: &mut World, seconds: u64| {
        world.power_off(ME, "agent-0");
        pass(world, seconds);
    };
    let fate = |present| Fate::Mains { supply: None, present };
    let mut world = before.clone();
    away(&mut world, 600);
    assert!(is_blamed(&world), "mains never went");
    let mut world = before.clone();
    world.suffer(&fate(false)).unwrap();
    pass(&mut world, 10);
    away(&mut world, 30);
    world.suffer(&fate(true)).unwrap();
    pass(&mut world, 600);
    assert!(!is_blamed(&world), "nobody heard that they are back");
    world.wake(ME, "agent-0");
    pass(&mut world, 60);
    assert!(!is_blamed(&world), "they have not held for long");
    pass(&mut world, 300);
    assert!(is_blamed(&world));
}
