//! Plays a story once, or once for each of the points at which its daemon is killed.

#![expect(clippy::needless_pass_by_value, reason = "a story reads better without ampersands")]

use std::{collections::BTreeMap, env};

use ananke_sim::{ports::Death, rng::SplitMix64, world::World};

use super::{Point, Stage};
use crate::scenes::Scene;

/// How often a story is told again with a daemon that dies in it.
const DEATHS: u64 = 8;
/// The seed of an ordinary run.
const SEED: u64 = 20_260_101;

/// One playing of a story.
#[derive(Debug, Clone)]
pub struct Take {
    /// What chance is drawn from.
    pub seed: u64,
    /// Where the daemon is killed.
    pub point: Option<Point>,
    /// Whether each effect is made twice.
    pub twice: bool,
    /// Whether it is told aloud.
    pub loud: bool,
    /// The one command that plays it again.
    pub again: String,
}

/// What a run left behind.
#[allow(dead_code, reason = "the sweeps read all of it")]
pub struct Record {
    /// Writes of the store, in the story.
    pub writes: u64,
    /// Those of them that were to the journal, by number.
    pub journal_writes: Vec<u64>,
    /// Effects, in their order.
    pub effects: Vec<String>,
    /// Polls of all that the daemon awaited of the world, in the story.
    pub polls: u64,
    /// When the story was told.
    pub ended: u64,
    /// The hash of all that happened.
    pub hash: u64,
    /// How the daemon died at points: in a write, or elsewhere.
    pub deaths: Vec<Option<Death>>,
    /// Writes for which the disk had no room.
    pub refused_writes: u64,
    /// How often calls met each fault of each part of the world.
    pub met: BTreeMap<(&'static str, &'static str), u64>,
    /// The world at the beginning.
    pub before: World,
    /// The world at the end.
    pub after: World,
}

/// Plays a story.
#[track_caller]
pub fn play(name: &str, scene: Scene, story: impl AsyncFn(&mut Stage)) {
    run(name, scene, seed(), None, &story);
}

/// Plays a story whole, and then again with the daemon killed at points that the seed draws: in
/// writes, before and after effects, right after a poweroff was sent, and at any instant.
#[track_caller]
pub fn survives(name: &str, scene: Scene, story: impl AsyncFn(&mut Stage)) {
    let seed = seed();
    let whole = run(name, scene, seed, None, &story);
    println!("{name}: {} writes, {} effects", whole.writes, whole.effects.len());
    for point in points(seed, &whole) {
        run(name, scene, seed, Some(point), &story);
    }
}

/// Plays a story twice: one seed is one run.
#[track_caller]
pub fn same_every_time(name: &str, scene: Scene, story: impl AsyncFn(&mut Stage)) {
    let seed = seed();
    let (one, other) = (run(name, scene, seed, None, &story), run(name, scene, seed, None, &story));
    assert_eq!(one.hash, other.hash, "two runs of seed {seed} differ");
    assert_eq!((one.writes, one.effects), (other.writes, other.effects));
    let another = run(name, scene, seed + 1, None, &story);
    assert_ne!(one.hash, another.hash, "the seed changes nothing");
}

/// The seed of this run.
pub fn seed() -> u64 {
    env::var("ANANKE_SEED").ok().map_or(SEED, |text| text.parse().unwrap())
}

#[track_caller]
fn run(
    name: &str,
    scene: Scene,
    seed: u64,
    point: Option<Point>,
    story: &impl AsyncFn(&mut Stage),
) -> Record {
    let again = format!("ANANKE_SEED={seed} cargo test -p ananke --test sim {name} -- --nocapture");
    let killed = point.map_or_else(String::new, |point| format!("   # killed at {point:?}"));
    println!("\n=== {name}, seed {seed}{killed}");
    let again = format!("{again}{killed}");
    take(scene, &Take { seed, point, twice: false, loud: true, again }, story)
}

/// Plays a story as it is asked to.
#[track_caller]
pub fn take(scene: Scene, take: &Take, story: &impl AsyncFn(&mut Stage)) -> Record {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .start_paused(true)
        .build()
        .unwrap();
    runtime.block_on(async {
        let mut stage = Stage::new(scene, take);
        stage.start();
        story(&mut stage).await;
        let told = stage.now();
        // Points lie in the story, not in the rest that is watched after it: a daemon that starts
        // there tells the cluster that it is alive.
        let writes = stage.store.writes();
        let effects = stage.effects.names();
        let journal_writes = stage.effects.journal_writes();
        let polls = stage.effects.polls();
        stage.end().await;
        let record = Record {
            writes,
            journal_writes,
            effects,
            polls,
            ended: told,
            hash: stage.look(|world| world.trace.hash()),
            deaths: stage.deaths.clone(),
            refused_writes: stage.store.refused(),
            met: stage.faults_met(),
            before: stage.before.clone(),
            after: stage.look(World::clone),
        };
        // In a sweep that was done at its death: the rest is like the rest of every other run.
        if take.loud {
            stage.kill_minus_9().await;
        } else {
            stage.end_life().await;
        }
        record
    })
}

/// Draws points from the seed.
fn points(seed: u64, whole: &Record) -> Vec<Point> {
    let mut rng = SplitMix64::new(seed);
    let count = u64::try_from(whole.effects.len()).unwrap();
    let mut points: Vec<Point> = (0..DEATHS - 1)
        .map(|turn| match turn % 4 {
            0 => Point::Before(rng.between(1, count)),
            1 => {
                let deaths = [Death::Before, Death::Torn, Death::After];
                let how = deaths[usize::try_from(rng.between(0, 2)).unwrap()];
                Point::Write(rng.between(1, whole.writes), how)
            }
            2 => Point::After(rng.between(1, count)),
            _ => Point::At(rng.between(0, whole.ended)),
        })
        .collect();
    let offs: Vec<u64> = (1..)
        .zip(&whole.effects)
        .filter(|(_, name)| name.starts_with("PowerOff"))
        .map(|(number, _)| number)
        .collect();
    points.push(match offs.len() {
        0 => Point::After(rng.between(1, count)),
        some => {
            let which = rng.between(0, u64::try_from(some).unwrap() - 1);
            Point::After(offs[usize::try_from(which).unwrap()])
        }
    });
    points
}
