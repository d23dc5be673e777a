use std::{collections::BTreeMap, sync::Mutex};

use ananke_ports::{Store, StoreError};

use super::lock;

/// A state directory in memory, that can be full, and on which its owner can die at any write.
#[derive(Debug, Default)]
pub struct MemoryStore {
    disk: Mutex<Disk>,
}

/// How the owner of a store dies at a write.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Death {
    /// Before anything reached the disk; what was not synced is lost.
    Before,
    /// In the middle: an appended line is torn. A document is written whole or not at all.
    Torn,
    /// After the disk had it, before the owner knew.
    After,
}

#[derive(Debug, Default)]
struct Disk {
    documents: BTreeMap<String, Vec<u8>>,
    journal: String,
    full: bool,
    reserve_bytes: usize,
    writes: u64,
    refused: u64,
    dies: Option<(u64, Death)>,
    dead: bool,
    fault: Option<DiskFault>,
}

/// What is wrong with a disk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DiskFault {
    /// It is mounted read-only.
    ReadOnly,
    /// It neither takes nor gives anything.
    Dead,
}

impl DiskFault {
    /// What the system says then.
    fn error(self, path: &str) -> StoreError {
        let message = match self {
            Self::ReadOnly => "Read-only file system (os error 30)",
            Self::Dead => "Input/output error (os error 5)",
        };
        StoreError::Io { path: path.into(), message: message.into() }
    }
}

/// What the journal preallocates, in bytes: room for the steps of some outages.
const RESERVE_BYTES: usize = 64 * 1024;

impl MemoryStore {
    /// An empty one.
    pub fn new() -> Self {
        let disk = Disk { reserve_bytes: RESERVE_BYTES, ..Disk::default() };
        Self { disk: Mutex::new(disk) }
    }

    /// Fills the disk, or frees it. The journal's reserve is filled up again when it is freed.
    pub fn fill(&self, full: bool) {
        let mut disk = lock(&self.disk);
        disk.full = full;
        if !full {
            disk.reserve_bytes = RESERVE_BYTES;
        }
    }

    /// Breaks the disk, or mends it.
    pub fn breaks(&self, fault: Option<DiskFault>) {
        lock(&self.disk).fault = fault;
    }

    /// Lets the owner die at the write number `at`, counted from 1 over the life of the store.
    /// From then on every call fails, until [`MemoryStore::revive`].
    pub fn die_at(&self, at: u64, how: Death) {
        lock(&self.disk).dies = Some((at, how));
    }

    /// Whether the owner is dead: whoever runs it drops it now.
    pub fn is_dead(&self) -> bool {
        lock(&self.disk).dead
    }

    /// How the owner dies, if it is to die in a write, or died in one.
    pub fn death(&self) -> Option<Death> {
        lock(&self.disk).dies.map(|(_, how)| how)
    }

    /// The next owner opens the same disk.
    pub fn revive(&self) {
        let mut disk = lock(&self.disk);
        disk.dead = false;
        disk.dies = None;
    }

    /// How many writes there were.
    pub fn writes(&self) -> u64 {
        lock(&self.disk).writes
    }

    /// How many writes it had no room for.
    pub fn refused(&self) -> u64 {
        lock(&self.disk).refused
    }

    /// Puts bytes where a document is, as a broken disk does, or a command; not counted as a write.
    pub fn put(&self, path: &str, bytes: &[u8]) {
        lock(&self.disk).documents.insert(path.to_owned(), bytes.to_owned());
    }

    /// Takes a document away, as a command does that read it: it lives when the owner dies.
    pub fn take(&self, path: &str) -> Option<Vec<u8>> {
        lock(&self.disk).documents.remove(path)
    }

    /// All documents, by their paths.
    pub fn documents(&self) -> BTreeMap<String, Vec<u8>> {
        lock(&self.disk).documents.clone()
    }

    /// The segment of the journal in force, as it lies on the disk.
    pub fn segment(&self) -> Vec<u8> {
        lock(&self.disk).journal.clone().into_bytes()
    }

    /// Puts bytes where the segment in force is, as a broken disk does. What is no text is a sign
    /// that no line has.
    pub fn put_segment(&self, bytes: &[u8]) {
        lock(&self.disk).journal = String::from_utf8_lossy(bytes).into_owned();
    }

    /// Loses everything, as a new disk does.
    pub fn lose(&self) {
        let mut disk = lock(&self.disk);
        disk.documents.clear();
        disk.journal.clear();
    }

    /// Makes one write: counts it, and dies in it if it is the one.
    fn write_with(
        &self,
        path: &str,
        whole: impl FnOnce(&mut Disk) -> Result<(), StoreError>,
        torn: impl FnOnce(&mut Disk),
    ) -> Result<(), StoreError> {
        let mut disk = lock(&self.disk);
        disk.alive(path)?;
        disk.writes += 1;
        if let Some(fault) = disk.fault {
            disk.refused += 1;
            return Err(fault.error(path));
        }
        let Some((_, how)) = disk.dies.filter(|(at, _)| *at == disk.writes) else {
            let done = whole(&mut disk);
            disk.refused += u64::from(done.is_err());
            return done;
        };
        match how {
            Death::Before => {}
            Death::Torn => torn(&mut disk),
            Death::After => whole(&mut disk)?,
        }
        disk.dead = true;
        disk.alive(path)
    }
}

impl Disk {
    fn alive(&self, path: &str) -> Result<(), StoreError> {
        if self.dead {
            let message = "the process was killed".into();
            return Err(StoreError::Io { path: path.into(), message });
        }
        Ok(())
    }

    fn readable(&self, path: &str) -> Result<(), StoreError> {
        self.alive(path)?;
        match self.fault {
            Some(DiskFault::Dead) => Err(DiskFault::Dead.error(path)),
            _ => Ok(()),
        }
    }

    fn append(&mut self, lines: &str) -> Result<(), StoreError> {
        if self.full {
            self.reserve_bytes = self
                .reserve_bytes
                .checked_sub(lines.len())
                .ok_or_else(|| StoreError::Full { path: "journal".into() })?;
        }
        // A torn line of a former owner is cut off, as any store does when it is opened.
        let whole = self.journal.rfind('\n').map_or(0, |end| end + 1);
        self.journal.truncate(whole);
        self.journal.push_str(lines);
        if !lines.ends_with('\n') {
            self.journal.push('\n');
        }
        Ok(())
    }
}

impl Store for MemoryStore {
    fn read(&self, path: &str) -> Result<Option<Vec<u8>>, StoreError> {
        let disk = lock(&self.disk);
        disk.readable(path)?;
        Ok(disk.documents.get(path).cloned())
    }

    fn write(&self, path: &str, bytes: &[u8]) -> Result<(), StoreError> {
        let put = |disk: &mut Disk| {
            if disk.full {
                return Err(StoreError::Full { path: path.into() });
            }
            disk.documents.insert(path.to_owned(), bytes.to_owned());
            Ok(())
        };
        self.write_with(path, put, |_| {})
    }

    fn remove(&self, path: &str) -> Result<(), StoreError> {
        let take = |disk: &mut Disk| {
            disk.documents.remove(path);
            Ok(())
        };
        self.write_with(path, take, |_| {})
    }

    fn list(&self, folder: &str) -> Result<Vec<String>, StoreError> {
        let disk = lock(&self.disk);
        disk.readable(folder)?;
        let prefix = format!("{}/", folder.trim_end_matches('/'));
        let names = disk.documents.keys().filter_map(|path| path.strip_prefix(&prefix));
        Ok(names.filter(|name| !name.contains('/')).map(str::to_owned).collect())
    }

    fn set_aside(&self, path: &str) -> Result<String, StoreError> {
        let mut aside = String::new();
        let rename = |disk: &mut Disk| {
            let free = (1..).map(|n: u32| format!("{path}.damaged-{n}"));
            let name = free.into_iter().find(|name| !disk.documents.contains_key(name));
            aside = name.unwrap_or_default();
            if let Some(bytes) = disk.documents.remove(path) {
                disk.documents.insert(aside.clone(), bytes);
            }
            Ok(())
        };
        self.write_with(path, rename, |_| {})?;
        Ok(aside)
    }

    fn append(&self, lines: &str) -> Result<(), StoreError> {
        let torn = |disk: &mut Disk| {
            let half: String = lines.chars().take(lines.chars().count() / 2).collect();
            disk.journal.push_str(half.trim_end_matches('\n'));
        };
        self.write_with("journal", |disk| disk.append(lines), torn)
    }

    fn journal(&self) -> Result<Vec<String>, StoreError> {
        let disk = lock(&self.disk);
        disk.readable("journal")?;
        let whole =
            disk.journal.rfind('\n').map_or("", |end| disk.journal.get(..end).unwrap_or(""));
        Ok(whole.lines().map(str::to_owned).collect())
    }

    fn is_torn(&self) -> Result<bool, StoreError> {
        let disk = lock(&self.disk);
        disk.readable("journal")?;
        Ok(!disk.journal.is_empty() && !disk.journal.ends_with('\n'))
    }

    fn rotate(&self, lines: &str) -> Result<(), StoreError> {
        let begin = |disk: &mut Disk| {
            // The reserve is inside the segments that there are; a new one needs room of its own.
            if disk.full {
                return Err(StoreError::Full { path: "journal".into() });
            }
            disk.journal.clear();
            disk.append(lines)
        };
        self.write_with("journal", begin, |_| {})
    }
}
