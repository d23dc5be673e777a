//! The state directory: documents written whole, an append-only journal, one lock.

mod documents;
mod journal;
mod lock;

use std::{
    fs::{self, DirBuilder, File},
    io,
    os::unix::fs::DirBuilderExt,
    path::{Path, PathBuf},
    sync::{Mutex, MutexGuard, PoisonError},
};

use ananke_ports::{Store, StoreError};
use rustix::fs::{Access, access, statvfs};

use self::{documents::Documents, journal::JournalFiles};

pub use self::{
    journal::{RESERVE, journal_is_torn, journal_lines},
    lock::{LockError, StateLock, lock_holder},
};

/// The state directory on a file system. Folders have mode 0700, files 0600.
///
/// Only one process may append to the journal at a time: whoever holds the [`StateLock`].
#[derive(Debug)]
pub struct FileStore {
    documents: Documents,
    journal: Mutex<JournalFiles>,
}

impl FileStore {
    /// The state directory at this path; it is made if it is not there.
    ///
    /// # Errors
    /// [`StoreError`] if it cannot be made.
    pub fn open(folder: &Path) -> Result<Self, StoreError> {
        make_folder(folder).map_err(|error| told(folder, &error))?;
        Ok(Self::at(folder))
    }

    /// The state directory at this path, whether it is there or not: what is written makes it.
    pub fn at(folder: &Path) -> Self {
        Self {
            documents: Documents::new(folder.to_owned()),
            journal: Mutex::new(JournalFiles::new(folder.join("journal"))),
        }
    }

    fn journal_files(&self) -> MutexGuard<'_, JournalFiles> {
        self.journal.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Store for FileStore {
    fn read(&self, path: &str) -> Result<Option<Vec<u8>>, StoreError> {
        self.documents.read(path)
    }

    fn write(&self, path: &str, bytes: &[u8]) -> Result<(), StoreError> {
        self.documents.write(path, bytes)
    }

    fn remove(&self, path: &str) -> Result<(), StoreError> {
        self.documents.remove(path)
    }

    fn list(&self, folder: &str) -> Result<Vec<String>, StoreError> {
        self.documents.list(folder)
    }

    fn set_aside(&self, path: &str) -> Result<String, StoreError> {
        self.documents.set_aside(path)
    }

    fn append(&self, lines: &str) -> Result<(), StoreError> {
        self.journal_files().append(lines)
    }

    fn journal(&self) -> Result<Vec<String>, StoreError> {
        self.journal_files().lines()
    }

    fn is_torn(&self) -> Result<bool, StoreError> {
        self.journal_files().is_torn()
    }

    fn rotate(&self, lines: &str) -> Result<(), StoreError> {
        self.journal_files().rotate(lines)
    }
}

/// How many bytes are free for us in a folder, or where it would be made. Nothing is written.
///
/// # Errors
/// If nothing could be written there.
pub fn room_in(folder: &Path) -> io::Result<u64> {
    let there = folder.ancestors().find(|above| above.exists()).unwrap_or(folder);
    access(there, Access::WRITE_OK | Access::EXEC_OK)?;
    let room = statvfs(there)?;
    Ok(room.f_bavail.saturating_mul(room.f_frsize))
}

/// Makes a folder and those above it, for us only, and puts their names on the disk: what is synced
/// inside of a folder whose name is lost is lost with it.
fn make_folder(folder: &Path) -> io::Result<()> {
    if folder.is_dir() {
        return Ok(());
    }
    let above = folder.parent().filter(|above| !above.as_os_str().is_empty());
    let above = above.unwrap_or(Path::new("."));
    make_folder(above)?;
    match DirBuilder::new().mode(0o700).create(folder) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists && folder.is_dir() => {}
        made => made?,
    }
    sync_folder(above)
}

/// Puts the names in a folder on the disk.
fn sync_folder(folder: &Path) -> io::Result<()> {
    File::open(folder)?.sync_all()
}

/// The names in a folder, in order; none if it is not there.
fn names(folder: &Path) -> io::Result<Vec<String>> {
    let entries = match fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(error),
    };
    let mut names = Vec::new();
    for entry in entries {
        // Names that are no text are none of ours.
        if let Ok(name) = entry?.file_name().into_string() {
            names.push(name);
        }
    }
    names.sort();
    Ok(names)
}

/// An error of the file system as the port has it.
fn told(path: &Path, error: &io::Error) -> StoreError {
    let shown = path.display().to_string();
    match error.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => {
            StoreError::Full { path: shown }
        }
        _ => StoreError::Io { path: shown, message: error.to_string() },
    }
}

/// A path in the state directory.
///
/// # Errors
/// If it would leave it.
fn inside(folder: &Path, path: &str) -> Result<PathBuf, StoreError> {
    let stays = !path.is_empty()
        && Path::new(path).components().all(|part| matches!(part, std::path::Component::Normal(_)));
    if stays {
        return Ok(folder.join(path));
    }
    let message = "this is no path inside the state directory".to_owned();
    Err(StoreError::Io { path: path.to_owned(), message })
}
