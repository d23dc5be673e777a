use std::{
    fs::{self, File, OpenOptions, TryLockError},
    io::{self, Read, Seek, Write},
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
    time::{Duration, SystemTime},
};

use rustix::io::Errno;

use super::{documents::TEMPORARY, make_folder};

/// A temporary file older than this belongs to nobody who still lives: a write takes milliseconds.
const ABANDONED: Duration = Duration::from_secs(60);

/// How long a command that only looks may be in the way of the one that acts.
const LOOK: Duration = Duration::from_millis(10);
const LOOKS: u32 = 5;

/// Says that this process is the one that acts. The kernel gives it back when the process ends,
/// however it ends.
#[derive(Debug)]
pub struct StateLock {
    /// Kept open: closing it is giving it back.
    _file: File,
}

/// Why this process may not act.
#[derive(Debug, thiserror::Error)]
pub enum LockError {
    /// Another one does.
    #[error("{path}: held by another ananke, {holder}; there may be only one that acts", path = path.display())]
    Held {
        /// The lock file.
        path: PathBuf,
        /// `process N`, as far as it says.
        holder: String,
    },
    /// The file cannot be opened or locked.
    #[error("{path}: cannot be locked", path = path.display())]
    Io {
        /// The lock file.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: io::Error,
    },
}

impl StateLock {
    /// Takes the lock of a state directory, and sweeps out what a killed writer left there.
    ///
    /// A disk that takes nothing keeps nobody from acting: what is there already is locked.
    ///
    /// # Errors
    /// [`LockError::Held`] says which process has it; it is never waited for.
    pub fn acquire(folder: &Path) -> Result<Self, LockError> {
        let path = folder.join("lock");
        let failed = |source| LockError::Io { path: path.clone(), source };
        let mut file = match lock_file(folder, &path) {
            Err(error) if takes_nothing(&error) => as_it_is(&path).ok_or(error),
            opened => opened,
        }
        .map_err(failed)?;
        match try_exclusive(&file) {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                return Err(LockError::Held { holder: holder(&mut file), path });
            }
            Err(TryLockError::Error(source)) => return Err(failed(source)),
        }
        // The number is for people only: a full disk must not keep us from acting.
        write_number(&mut file).ok();
        sweep(folder);
        Ok(Self { _file: file })
    }
}

fn lock_file(folder: &Path, path: &Path) -> io::Result<File> {
    make_folder(folder)?;
    let mut how = OpenOptions::new();
    how.read(true).write(true).create(true).truncate(false).mode(0o600).open(path)
}

/// Whether it is the disk that says no, and not that this is somebody else's folder.
fn takes_nothing(error: &io::Error) -> bool {
    let kinds = [
        io::ErrorKind::ReadOnlyFilesystem,
        io::ErrorKind::StorageFull,
        io::ErrorKind::QuotaExceeded,
    ];
    kinds.contains(&error.kind()) || error.raw_os_error() == Some(Errno::IO.raw_os_error())
}

/// The lock file that is there, or the first folder above it that is.
fn as_it_is(path: &Path) -> Option<File> {
    path.ancestors().find_map(|place| File::open(place).ok())
}

/// A command that only looks ([`lock_holder`]) has the file for an instant.
fn try_exclusive(file: &File) -> Result<(), TryLockError> {
    for _ in 0..LOOKS {
        match file.try_lock() {
            Err(TryLockError::WouldBlock) => std::thread::sleep(LOOK),
            other => return other,
        }
    }
    file.try_lock()
}

/// Which process holds the lock of a state directory, as `process N`; `None` if nobody does, or if
/// it cannot be told. Only looks: a daemon that starts meanwhile is not kept from it.
pub fn lock_holder(folder: &Path) -> Option<String> {
    let mut file = File::open(folder.join("lock")).ok()?;
    match file.try_lock_shared() {
        Err(TryLockError::WouldBlock) => Some(holder(&mut file)),
        Ok(()) | Err(TryLockError::Error(_)) => None,
    }
}

fn write_number(file: &mut File) -> io::Result<()> {
    file.set_len(0)?;
    file.rewind()?;
    file.write_all(std::process::id().to_string().as_bytes())
}

fn holder(file: &mut File) -> String {
    let mut number = String::new();
    let read = file.take(20).read_to_string(&mut number);
    match number.trim().parse::<u32>() {
        Ok(number) if read.is_ok() => format!("process {number}"),
        _ => "which does not say its number".to_owned(),
    }
}

/// Removes temporary files in the directory and its folders. What cannot be removed stays: it does
/// no harm.
fn sweep(folder: &Path) {
    let Ok(entries) = fs::read_dir(folder) else { return };
    for entry in entries.flatten() {
        let Ok(kind) = entry.file_type() else { continue };
        let is_temporary = entry.file_name().to_string_lossy().starts_with(TEMPORARY);
        if kind.is_dir() {
            sweep(&entry.path());
        } else if is_temporary && is_abandoned(&entry) {
            fs::remove_file(entry.path()).ok();
        }
    }
}

fn is_abandoned(entry: &fs::DirEntry) -> bool {
    let changed = entry.metadata().and_then(|metadata| metadata.modified());
    let age = changed.map(|at| SystemTime::now().duration_since(at).unwrap_or_default());
    age.is_ok_and(|age| age > ABANDONED)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_only_looks_is_told_the_holder_and_keeps_nobody_out() {
        let folder = tempfile::tempdir().unwrap();
        assert_eq!(lock_holder(folder.path()), None);
        let lock = StateLock::acquire(folder.path()).unwrap();
        let expected = format!("process {}", std::process::id());
        assert_eq!(lock_holder(folder.path()), Some(expected));
        drop(lock);
        assert_eq!(lock_holder(folder.path()), None);
        StateLock::acquire(folder.path()).unwrap();
    }

    #[test]
    fn one_at_a_time_and_the_other_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let first = StateLock::acquire(folder.path()).unwrap();
        let error = StateLock::acquire(folder.path()).unwrap_err();
        let expected = format!("held by another ananke, process {};", std::process::id());
        assert!(error.to_string().contains(&expected), "{error}");
        drop(first);
        StateLock::acquire(folder.path()).unwrap();
    }

    #[test]
    fn a_longer_number_of_before_leaves_nothing() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("lock"), "12345678901234567890").unwrap();
        let _lock = StateLock::acquire(folder.path()).unwrap();
        let text = fs::read_to_string(folder.path().join("lock")).unwrap();
        assert_eq!(text, std::process::id().to_string());
    }

    #[test]
    fn what_a_killed_writer_left_is_swept_out() {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir(folder.path().join("policy")).unwrap();
        let old = folder.path().join("policy/.new-old");
        let young = folder.path().join(".new-young");
        let other = folder.path().join("status.json");
        for file in [&old, &young, &other] {
            fs::write(file, "x").unwrap();
        }
        let long_ago = SystemTime::now() - Duration::from_secs(3600);
        for file in [&old, &other] {
            File::options().write(true).open(file).unwrap().set_modified(long_ago).unwrap();
        }
        let _lock = StateLock::acquire(folder.path()).unwrap();
        assert!(!old.exists() && young.exists() && other.exists());
    }
}
