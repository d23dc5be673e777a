use super::*;
use crate::world::Fate;

fn outage(seed: u64) -> World {
    let mut world = World::embedded(seed);
    world.schedule(world.now() + 5_000, Fate::Mains { supply: None, present: false }).unwrap();
    world.schedule(world.now() + 1_900_000, Fate::Mains { supply: None, present: true }).unwrap();
    world
}

#[test]
fn one_seed_is_one_run() {
    let run = |seed| {
        let mut world = outage(seed);
        pass(&mut world, 2_400);
        (world.trace.len(), world.trace.hash())
    };
    assert_eq!(run(7), run(7));
    assert_ne!(run(7), run(8));
    assert!(run(7).0 > 50, "a run in which nothing happens proves nothing");
}

/// A world that is looked at a thousand times is the same as one that is looked at once: this is
/// what lets a file hold a world.
#[test]
fn looking_changes_nothing() {
    let (mut often, mut once) = (outage(7), outage(7));
    let end = once.now() + 2_400_000;
    once.advance(end);
    while often.now() < end {
        let step = 1 + often.now() % 1_777;
        often.advance((often.now() + step).min(end));
    }
    assert_eq!(serde_json::to_value(&often).unwrap(), serde_json::to_value(&once).unwrap());
}

#[test]
fn a_world_survives_its_file() {
    let mut world = outage(7);
    pass(&mut world, 600);
    let text = serde_json::to_string(&world).unwrap();
    let mut copy: World = serde_json::from_str(&text).unwrap();
    pass(&mut world, 1_800);
    pass(&mut copy, 1_800);
    assert_eq!(copy.trace.hash(), world.trace.hash());
}

#[test]
fn time_never_runs_backwards() {
    let mut world = World::small(1);
    let now = world.now();
    world.advance(now - 1_000);
    assert_eq!(world.now(), now);
}

#[test]
fn a_bounded_trace_keeps_its_hash() {
    let (mut bounded, mut whole) = (outage(7), outage(7));
    bounded.trace.bound(5);
    pass(&mut bounded, 2_400);
    pass(&mut whole, 2_400);
    assert_eq!(bounded.trace.iter().count(), 5);
    assert_eq!(
        (bounded.trace.len(), bounded.trace.hash()),
        (whole.trace.len(), whole.trace.hash())
    );
}
