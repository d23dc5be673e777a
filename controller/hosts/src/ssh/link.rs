//! The way to one host: which connection serves it, and whether it goes through the jump host.

use std::{
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use ananke_core::observe::SnapshotFacts;
use tokio::time::Instant;

use super::master::Master;

/// What is remembered of one host between calls.
#[derive(Debug, Default)]
pub(crate) struct Link {
    /// The connection in use.
    master: Mutex<Option<Arc<Master>>>,
    /// Held while connecting, so that calls side by side make one connection.
    pub(crate) connecting: tokio::sync::Mutex<()>,
    /// Whether the direct way was the one that worked last.
    direct_first: AtomicBool,
    /// The snapshots that it listed last.
    snapshots: Mutex<Option<Listed>>,
}

/// A list of snapshots that was asked for.
#[derive(Debug)]
struct Listed {
    until: Instant,
    newest: Option<SnapshotFacts>,
}

/// How long a list of snapshots is believed. Listing takes k3s seconds; a snapshot of ours ends
/// the belief at once.
const LIST_AGE: Duration = Duration::from_secs(60);

/// How long after a list that failed the next is asked for.
const LIST_RETRY: Duration = Duration::from_secs(10);

impl Link {
    /// The connection, if it may be used again.
    pub(crate) fn fresh(&self) -> Option<Arc<Master>> {
        let master = self.master.lock().unwrap_or_else(PoisonError::into_inner);
        master.as_ref().filter(|master| master.is_fresh()).cloned()
    }

    /// Puts another connection in place; gives back the one before.
    pub(crate) fn replace(&self, master: Option<Arc<Master>>) -> Option<Arc<Master>> {
        let mut slot = self.master.lock().unwrap_or_else(PoisonError::into_inner);
        std::mem::replace(&mut *slot, master)
    }

    /// Ends a connection that failed, unless another one has taken its place.
    pub(crate) async fn discard(&self, failed: &Arc<Master>) {
        let is_it = {
            let mut slot = self.master.lock().unwrap_or_else(PoisonError::into_inner);
            let is_it = slot.as_ref().is_some_and(|master| Arc::ptr_eq(master, failed));
            if is_it {
                *slot = None;
            }
            is_it
        };
        if is_it {
            failed.close().await;
        }
    }

    /// Whether the direct way is to be tried first.
    pub(crate) fn is_direct_first(&self) -> bool {
        self.direct_first.load(Ordering::Relaxed)
    }

    /// Notes which way worked.
    pub(crate) fn worked(&self, directly: bool) {
        self.direct_first.store(directly, Ordering::Relaxed);
    }

    /// Whether the snapshots are to be listed.
    pub(crate) fn wants_list(&self) -> bool {
        self.believed(|_| ()).is_none()
    }

    /// What was listed last; nothing once it is too old to be believed.
    pub(crate) fn newest_snapshot(&self) -> Option<SnapshotFacts> {
        self.believed(|listed| listed.newest.clone()).flatten()
    }

    fn believed<T>(&self, read: impl FnOnce(&Listed) -> T) -> Option<T> {
        let listed = self.snapshots.lock().unwrap_or_else(PoisonError::into_inner);
        listed.as_ref().filter(|listed| Instant::now() < listed.until).map(read)
    }

    /// Keeps a list.
    pub(crate) fn listed(&self, newest: Option<SnapshotFacts>) {
        self.keep(Listed { until: Instant::now() + LIST_AGE, newest });
    }

    /// Nothing could be listed; it is asked for again, but not each time.
    pub(crate) fn list_failed(&self) {
        self.keep(Listed { until: Instant::now() + LIST_RETRY, newest: None });
    }

    fn keep(&self, listed: Listed) {
        *self.snapshots.lock().unwrap_or_else(PoisonError::into_inner) = Some(listed);
    }

    /// Forgets the list: there is a newer snapshot, or may be.
    pub(crate) fn forget_list(&self) {
        *self.snapshots.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_list_is_believed_for_a_minute() {
        let link = Link::default();
        let snapshot =
            SnapshotFacts { name: "ananke-1".to_owned(), taken_unix_seconds: 1, size_bytes: 1 };
        assert!(link.wants_list());
        link.listed(Some(snapshot.clone()));
        tokio::time::advance(Duration::from_millis(59_999)).await;
        assert!(!link.wants_list());
        assert_eq!(link.newest_snapshot(), Some(snapshot));
        tokio::time::advance(Duration::from_millis(1)).await;
        assert!(link.wants_list());
        assert_eq!(link.newest_snapshot(), None);
    }

    #[tokio::test(start_paused = true)]
    async fn a_list_that_failed_is_asked_for_again_soon() {
        let link = Link::default();
        link.list_failed();
        assert!(!link.wants_list());
        tokio::time::advance(LIST_RETRY).await;
        assert!(link.wants_list());
    }

    #[test]
    fn a_new_snapshot_ends_the_belief() {
        let link = Link::default();
        link.listed(None);
        assert!(!link.wants_list());
        link.forget_list();
        assert!(link.wants_list());
    }
}
