use std::{
    fs,
    path::{Path, PathBuf},
    sync::{
        Arc, Mutex,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use super::{
    WorldError, WorldHandle, lock,
    world_file::{Held, Pace, io_error},
};
use crate::world::{Millis, World};

/// Milliseconds since 1970; handed in so that tests need no waiting.
pub type WallClock = Arc<dyn Fn() -> u64 + Send + Sync>;

/// A world in a file: a state and a law of motion.
///
/// Whoever opens the file moves the world on to now, by the wall clock, and acts on it under a lock.
/// So the world lives on when the daemon dies, and a second process can play fate on it. Looking
/// saves nothing: how a world moves on is a matter of its state and the time alone.
pub struct FileWorld {
    folder: PathBuf,
    wall: WallClock,
    pace: Pace,
    /// The latest instant handed out: the wall clock may be stepped back, the world's may not.
    latest: AtomicU64,
    cache: Mutex<Cache>,
}

/// The world as this process last had it.
struct Cache {
    /// The generation of the file that it is.
    generation: u64,
    world: World,
    /// The world's time when it was last saved.
    saved: Millis,
}

/// How many happenings a file keeps: a few outages, and small enough to be written at each act.
const HAPPENINGS: usize = 400;
/// A world that only flowed is saved this often (in its own time), so that whoever opens it next
/// has little to catch up with.
const SAVE_EVERY: Millis = 10 * 60_000;

impl FileWorld {
    /// Opens the world in a folder, or makes one. Its time goes on from where it was, from now on
    /// `speed` times as fast as the wall clock.
    pub fn open_or_create(
        folder: &Path,
        speed: u32,
        make: impl FnOnce() -> World,
    ) -> Result<Self, WorldError> {
        Self::open_with(folder, Some(speed), Some(make), wall_clock())
    }

    /// Opens the world in a folder as it is.
    pub fn open(folder: &Path) -> Result<Self, WorldError> {
        Self::open_with(folder, None, None::<fn() -> World>, wall_clock())
    }

    /// Like the others, by another wall clock.
    pub fn open_with(
        folder: &Path,
        speed: Option<u32>,
        make: Option<impl FnOnce() -> World>,
        wall: WallClock,
    ) -> Result<Self, WorldError> {
        if make.is_some() {
            fs::create_dir_all(folder).map_err(|e| io_error(folder, &e))?;
        }
        let held = Held::take(folder, make.is_some())?;
        let now = wall();
        let (mut pace, mut world) = match (held.load(), make) {
            (Err(WorldError::Missing { .. }), Some(make)) => {
                let mut world = make();
                world.trace.bound(HAPPENINGS);
                world.epoch_unix_seconds = epoch_of(&world, now);
                (Pace { epoch_unix_millis: now, base: world.now(), speed: 1 }, world)
            }
            (loaded, _) => loaded?,
        };
        world.advance(pace.at(now));
        if let Some(speed) = speed {
            pace = Pace { epoch_unix_millis: now, base: world.now(), speed: speed.max(1) };
        }
        let generation = held.save(pace, &world)?;
        let saved = world.now();
        Ok(Self {
            folder: folder.to_owned(),
            wall,
            pace,
            latest: AtomicU64::new(saved),
            cache: Mutex::new(Cache { generation, world, saved }),
        })
    }

    /// How much faster than the wall clock the world's time runs.
    pub const fn speed(&self) -> u32 {
        self.pace.speed
    }

    /// The folder that it lives in.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    fn visit<R>(
        &self,
        changes: bool,
        visit: impl FnOnce(&mut World) -> R,
    ) -> Result<R, WorldError> {
        let mut cache = lock(&self.cache);
        let held = Held::take(&self.folder, false)?;
        if held.generation()? != cache.generation {
            let (_, world) = held.load()?;
            *cache = Cache { generation: held.generation()?, saved: world.now(), world };
        }
        let now = self.now_millis();
        cache.world.advance(now);
        let result = visit(&mut cache.world);
        if changes || cache.world.now().saturating_sub(cache.saved) > SAVE_EVERY {
            cache.generation = held.save(self.pace, &cache.world)?;
            cache.saved = cache.world.now();
        }
        Ok(result)
    }
}

impl WorldHandle for FileWorld {
    fn now_millis(&self) -> Millis {
        let now = self.pace.at((self.wall)());
        self.latest.fetch_max(now, Ordering::Relaxed).max(now)
    }

    fn look<R>(&self, look: impl FnOnce(&World) -> R) -> Result<R, WorldError> {
        self.visit(false, |world| look(world))
    }

    fn act<R>(&self, act: impl FnOnce(&mut World) -> R) -> Result<R, WorldError> {
        self.visit(true, act)
    }

    fn real(&self, span: Duration) -> Duration {
        span / self.pace.speed.max(1)
    }
}

fn wall_clock() -> WallClock {
    Arc::new(|| {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
    })
}

/// The wall clock at the beginning of a world whose now is the wall clock's now.
fn epoch_of(world: &World, unix_millis: u64) -> i64 {
    let began = unix_millis.saturating_sub(world.now()) / 1000;
    i64::try_from(began).unwrap_or(i64::MAX)
}
