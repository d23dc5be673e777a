/// The state directory: small documents, each written whole, and one append-only journal.
///
/// Synchronous on purpose: the loop may not go on before the mark is on disk, and every file is
/// small.
pub trait Store: Send + Sync {
    /// Reads a document by its path within the state directory; `None` if there is none.
    fn read(&self, path: &str) -> Result<Option<Vec<u8>>, StoreError>;

    /// Replaces a document: temporary file, fsync, rename, fsync of the folder.
    fn write(&self, path: &str, bytes: &[u8]) -> Result<(), StoreError>;

    /// Removes a document; one that is not there is removed.
    fn remove(&self, path: &str) -> Result<(), StoreError>;

    /// The names in a folder, in order; none if it is not there.
    fn list(&self, folder: &str) -> Result<Vec<String>, StoreError>;

    /// Sets a damaged document aside (`NAME.damaged-N`) so that a person can look at it.
    fn set_aside(&self, path: &str) -> Result<String, StoreError>;

    /// Appends whole lines to the journal and syncs them. With no room left on the disk, the
    /// preallocated reserve is used and the call still succeeds while it lasts.
    fn append(&self, lines: &str) -> Result<(), StoreError>;

    /// The journal's lines since its last compaction, in order; a torn last line is left out. A
    /// damaged one stands in its place, so that it can be named, and is no line of ours.
    fn journal(&self) -> Result<Vec<String>, StoreError>;

    /// Whether something stands behind the journal's last whole line: a write that was cut.
    fn is_torn(&self) -> Result<bool, StoreError>;

    /// Begins a new segment with these lines and forgets segments beyond the policy's bound.
    fn rotate(&self, lines: &str) -> Result<(), StoreError>;
}

/// Why the state directory did not take or give something.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// No room.
    #[error("{path}: the disk is full; free some space, nothing up is begun until then")]
    Full {
        /// The file.
        path: String,
    },
    /// Anything else the file system says.
    #[error("{path}: {message}")]
    Io {
        /// The file.
        path: String,
        /// What the system said.
        message: String,
    },
}
