use std::{
    fs::{File, OpenOptions, TryLockError},
    io::{self, Read},
    os::unix::fs::FileExt,
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use serde::{Deserialize, Serialize};

use super::WorldError;
use crate::world::{Millis, World};

/// How the world's time follows the wall clock.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct Pace {
    /// When the world was at `base`, in milliseconds since 1970.
    pub(super) epoch_unix_millis: u64,
    /// The world's time then.
    pub(super) base: Millis,
    /// How much faster than the wall clock its time runs.
    pub(super) speed: u32,
}

impl Pace {
    pub(super) fn at(&self, unix_millis: u64) -> Millis {
        let passed = unix_millis.saturating_sub(self.epoch_unix_millis);
        self.base.saturating_add(passed.saturating_mul(u64::from(self.speed.max(1))))
    }
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Document<W> {
    version: u32,
    pace: Pace,
    world: W,
}

/// The form of the file.
const VERSION: u32 = 1;
/// A holder of the lock needs milliseconds; one that needs this long is stopped or gone mad.
const LOCK_PATIENCE: Duration = Duration::from_secs(2);
/// Between two tries to get the lock.
const LOCK_PAUSE: Duration = Duration::from_millis(2);
/// The lock. In it stands how often the world was saved: by that a cache knows that it is old, and
/// everybody which of the two slots holds.
const LOCK: &str = "world.lock";
/// The world is written into the slot that does not hold, in place: whoever dies half-way has
/// changed nothing. Renaming a new file over the old one would be as safe, and was measured 30 to
/// 800 times as slow (ext4 writes a file out before it lets it replace another).
const SLOTS: [&str; 2] = ["world-0.json", "world-1.json"];

/// The files of a world, under their lock.
pub(super) struct Held {
    lock: File,
    folder: PathBuf,
}

impl Held {
    /// Takes the lock, waiting for it no longer than is reasonable.
    pub(super) fn take(folder: &Path, may_create: bool) -> Result<Self, WorldError> {
        let path = folder.join(LOCK);
        let lock = OpenOptions::new()
            .read(true)
            .write(true)
            .create(may_create)
            .truncate(false)
            .open(&path)
            .map_err(|e| missing_or_io(&path, &e))?;
        let began = Instant::now();
        loop {
            match lock.try_lock() {
                Ok(()) => return Ok(Self { lock, folder: folder.to_owned() }),
                Err(TryLockError::WouldBlock) if began.elapsed() < LOCK_PATIENCE => {
                    std::thread::sleep(LOCK_PAUSE);
                }
                Err(TryLockError::WouldBlock) => {
                    let waited_millis = began.elapsed().as_millis();
                    let path = path.display().to_string();
                    return Err(WorldError::Locked { path, waited_millis });
                }
                Err(TryLockError::Error(error)) => return Err(io_error(&path, &error)),
            }
        }
    }

    /// How often the world was saved.
    pub(super) fn generation(&self) -> Result<u64, WorldError> {
        let mut digits = [0; 20];
        let read =
            self.lock.read_at(&mut digits, 0).map_err(|e| io_error(&self.folder.join(LOCK), &e))?;
        let text = digits.get(..read).and_then(|digits| std::str::from_utf8(digits).ok());
        // An empty lock is one that was just made.
        Ok(text.and_then(|text| text.trim().parse().ok()).unwrap_or_default())
    }

    /// Reads the slot that holds.
    pub(super) fn load(&self) -> Result<(Pace, World), WorldError> {
        let path = self.slot(self.generation()?);
        let mut bytes = Vec::new();
        File::open(&path)
            .and_then(|mut file| file.read_to_end(&mut bytes))
            .map_err(|e| missing_or_io(&path, &e))?;
        let damaged =
            |message: String| WorldError::Damaged { path: path.display().to_string(), message };
        let document: Document<World> =
            serde_json::from_slice(&bytes).map_err(|e| damaged(e.to_string()))?;
        if document.version != VERSION {
            return Err(damaged(format!("it has version {}, not {VERSION}", document.version)));
        }
        Ok((document.pace, document.world))
    }

    /// Writes the world into the other slot, and then lets that one hold.
    pub(super) fn save(&self, pace: Pace, world: &World) -> Result<u64, WorldError> {
        let generation = self.generation()?.wrapping_add(1);
        let path = self.slot(generation);
        let bytes = serde_json::to_vec(&Document { version: VERSION, pace, world })
            .map_err(|e| io_error(&path, &e.into()))?;
        overwrite(&path, &bytes).map_err(|e| io_error(&path, &e))?;
        self.lock
            .write_all_at(format!("{generation:020}").as_bytes(), 0)
            .map_err(|e| io_error(&self.folder.join(LOCK), &e))?;
        Ok(generation)
    }

    fn slot(&self, generation: u64) -> PathBuf {
        let [even, odd] = SLOTS;
        self.folder.join(if generation.is_multiple_of(2) { even } else { odd })
    }
}

/// Truncates after writing, not before: an empty file that is filled again is written out as well.
fn overwrite(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let file = OpenOptions::new().write(true).create(true).truncate(false).open(path)?;
    file.write_all_at(bytes, 0)?;
    file.set_len(u64::try_from(bytes.len()).unwrap_or(u64::MAX))
}

fn missing_or_io(path: &Path, error: &io::Error) -> WorldError {
    if error.kind() == io::ErrorKind::NotFound {
        return WorldError::Missing { path: path.display().to_string() };
    }
    io_error(path, error)
}

pub(super) fn io_error(path: &Path, error: &io::Error) -> WorldError {
    WorldError::Io { path: path.display().to_string(), message: error.to_string() }
}
