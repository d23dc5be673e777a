use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};

use super::*;
use crate::{
    ports::{FileWorld, WallClock, WorldError, WorldHandle},
    world::Fate,
};

/// A wall clock that stands until it is set.
fn wall() -> (Arc<AtomicU64>, WallClock) {
    let millis = Arc::new(AtomicU64::new(1_800_000_000_000));
    let read = Arc::clone(&millis);
    (millis, Arc::new(move || read.load(Ordering::Relaxed)))
}

fn create(folder: &std::path::Path, speed: u32, wall: &WallClock) -> FileWorld {
    FileWorld::open_with(folder, Some(speed), Some(|| World::small(1)), Arc::clone(wall)).unwrap()
}

fn reopen(folder: &std::path::Path, wall: &WallClock) -> FileWorld {
    FileWorld::open_with(folder, None, None::<fn() -> World>, Arc::clone(wall)).unwrap()
}

#[test]
fn a_world_lives_on_while_nobody_looks() {
    let folder = tempfile::tempdir().unwrap();
    let (time, clock) = wall();
    let world = create(folder.path(), 1, &clock);
    world.act(|w| w.suffer(&Fate::Mains { supply: None, present: false })).unwrap().unwrap();
    drop(world);
    time.fetch_add(16 * 60_000, Ordering::Relaxed);
    let world = reopen(folder.path(), &clock);
    assert!(world.look(|w| w.hosts["server-0"].is_off()).unwrap());
}

#[test]
fn a_second_process_plays_fate() {
    let folder = tempfile::tempdir().unwrap();
    let (time, clock) = wall();
    let daemon = create(folder.path(), 1, &clock);
    let command = reopen(folder.path(), &clock);
    assert!(daemon.look(|w| w.supplies["ups"].mains).unwrap());
    command.act(|w| w.suffer(&Fate::Mains { supply: None, present: false })).unwrap().unwrap();
    assert!(!daemon.look(|w| w.supplies["ups"].mains).unwrap());
    daemon.act(|w| w.power_off(ME, "agent-0")).unwrap();
    time.fetch_add(10_000, Ordering::Relaxed);
    assert!(command.look(|w| w.hosts["agent-0"].is_off()).unwrap());
    assert_eq!(command.look(World::wall_unix_seconds).unwrap(), 1_800_000_010);
}

/// Everything in a folder, byte by byte.
fn contents(folder: &std::path::Path) -> Vec<(std::path::PathBuf, Vec<u8>)> {
    let entries = std::fs::read_dir(folder).unwrap().map(|e| e.unwrap().path());
    let mut files: Vec<_> = entries.map(|p| (p.clone(), std::fs::read(p).unwrap())).collect();
    files.sort();
    files
}

#[test]
fn looking_does_not_write() {
    let folder = tempfile::tempdir().unwrap();
    let (time, clock) = wall();
    let world = create(folder.path(), 1, &clock);
    let before = contents(world.folder());
    time.fetch_add(60_000, Ordering::Relaxed);
    let now = world.look(World::now).unwrap();
    assert_eq!(contents(world.folder()), before);
    assert_eq!(reopen(folder.path(), &clock).look(World::now).unwrap(), now);
}

/// Whoever dies while it saves has torn the slot that does not hold.
#[test]
fn a_death_half_way_through_a_save_changes_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let (_, clock) = wall();
    let world = create(folder.path(), 1, &clock);
    for _ in 0..4 {
        world.act(|w| w.wake(ME, "agent-0")).unwrap();
        let saves: u64 =
            std::fs::read_to_string(folder.path().join("world.lock")).unwrap().parse().unwrap();
        let other = folder.path().join(format!("world-{}.json", (saves + 1) % 2));
        std::fs::write(other, "{\"version\":1,\"pa").unwrap();
        let wakes = |w: &FileWorld| w.look(|w| w.trace.len()).unwrap();
        assert_eq!(wakes(&reopen(folder.path(), &clock)), wakes(&world));
    }
}

#[test]
fn speed_makes_its_time_run_faster_and_can_be_changed() {
    let folder = tempfile::tempdir().unwrap();
    let (time, clock) = wall();
    let world = create(folder.path(), 20, &clock);
    let began = world.now_millis();
    time.fetch_add(1_000, Ordering::Relaxed);
    assert_eq!(world.now_millis() - began, 20_000);
    assert_eq!(world.real(std::time::Duration::from_secs(20)), std::time::Duration::from_secs(1));
    let world = create(folder.path(), 1, &clock);
    assert_eq!(world.now_millis() - began, 20_000);
    time.fetch_add(1_000, Ordering::Relaxed);
    assert_eq!(world.now_millis() - began, 21_000);
}

#[test]
fn a_clock_that_is_stepped_back_stops_time_at_most() {
    let folder = tempfile::tempdir().unwrap();
    let (time, clock) = wall();
    let world = create(folder.path(), 1, &clock);
    time.fetch_add(60_000, Ordering::Relaxed);
    let now = world.now_millis();
    time.fetch_sub(3_600_000, Ordering::Relaxed);
    assert_eq!(world.now_millis(), now);
    assert_eq!(world.look(World::now).unwrap(), now);
}

#[test]
fn what_is_no_world_is_said_so() {
    let folder = tempfile::tempdir().unwrap();
    let (_, clock) = wall();
    let open =
        || FileWorld::open_with(folder.path(), None, None::<fn() -> World>, Arc::clone(&clock));
    assert!(matches!(open().err().unwrap(), WorldError::Missing { .. }));
    drop(create(folder.path(), 1, &clock));
    for slot in ["world-0.json", "world-1.json"] {
        std::fs::write(folder.path().join(slot), "{").unwrap();
    }
    let error = open().err().unwrap();
    assert!(matches!(error, WorldError::Damaged { .. }));
    assert!(error.to_string().contains("delete it to begin anew"));
}

#[test]
fn its_trace_is_bounded() {
    let folder = tempfile::tempdir().unwrap();
    let (_, clock) = wall();
    let world = create(folder.path(), 1, &clock);
    world.act(|w| (0..1000).for_each(|_| w.wake(ME, "agent-0"))).unwrap();
    assert_eq!(world.look(|w| w.trace.iter().count()).unwrap(), 400);
    assert!(contents(world.folder()).iter().all(|(_, bytes)| bytes.len() < 200_000));
}
