//! What a feed keeps of the objects of one kind, and how sure it is of them.

use std::{
    collections::BTreeMap,
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use ananke_ports::ClusterError;
use tokio::time::Instant;

/// A watch that is well shows life at least this often: the server ends it after 25 s, as we ask,
/// and a new one is opened within 10 s.
pub(crate) const LIFE: Duration = Duration::from_secs(40);

/// Names an object within its kind.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Key {
    pub namespace: Box<str>,
    pub name: Box<str>,
}

impl Key {
    pub(crate) fn new(namespace: &str, name: &str) -> Self {
        Self { namespace: namespace.into(), name: name.into() }
    }
}

/// What is kept of an object.
#[derive(Debug, Clone)]
pub(crate) struct Entry<K> {
    pub kept: K,
    /// When the watch last told of a change. A list proves no movement: what it shows may have
    /// been written long ago.
    pub moved: Option<Instant>,
}

/// How sure a store is of its objects.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Pulse {
    /// They are as the API has them.
    Live {
        /// The last sign of life of the watch.
        heard: Instant,
    },
    /// The API does not have this kind.
    Absent,
    /// They may be old.
    Lost {
        /// What happened.
        why: Loss,
        /// Since when.
        since: Instant,
    },
}

/// Why a store is not sure.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Loss {
    /// The first list is not complete.
    Listing,
    /// The list or the watch failed.
    Broken(String),
    /// Credentials or RBAC.
    Refused(String),
}

struct Inner<K> {
    objects: BTreeMap<Key, Entry<K>>,
    pulse: Pulse,
    listed: Instant,
}

/// The objects of one kind.
pub(crate) struct Store<K> {
    /// The kind in plural, as `kubectl get` names it.
    pub what: &'static str,
    inner: Mutex<Inner<K>>,
}

impl<K: Clone + PartialEq> Store<K> {
    pub(crate) fn new(what: &'static str, now: Instant) -> Self {
        let pulse = Pulse::Lost { why: Loss::Listing, since: now };
        Self { what, inner: Mutex::new(Inner { objects: BTreeMap::new(), pulse, listed: now }) }
    }

    fn lock(&self) -> MutexGuard<'_, Inner<K>> {
        // No code below can panic half-way through a change.
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A whole list: replaces everything.
    pub(crate) fn replace(&self, listed: BTreeMap<Key, K>, now: Instant) {
        let mut inner = self.lock();
        let mut old = std::mem::take(&mut inner.objects);
        let carry = |(key, kept)| {
            let moved = old.remove(&key).and_then(|entry| entry.moved);
            (key, Entry { kept, moved })
        };
        inner.objects = listed.into_iter().map(carry).collect();
        inner.pulse = Pulse::Live { heard: now };
        inner.listed = now;
    }

    /// The watch told of an object; `None` when it is gone or of no interest any more. Says
    /// whether that changed anything.
    pub(crate) fn tell(&self, key: Key, kept: Option<K>, now: Instant) -> bool {
        let mut inner = self.lock();
        let Some(kept) = kept else { return inner.objects.remove(&key).is_some() };
        if inner.objects.get(&key).is_some_and(|entry| entry.kept == kept) {
            return false;
        }
        inner.objects.insert(key, Entry { kept, moved: Some(now) });
        true
    }

    /// The watch showed life.
    pub(crate) fn alive(&self, now: Instant) {
        if let Pulse::Live { heard } = &mut self.lock().pulse {
            *heard = now;
        }
    }

    /// The API does not have this kind.
    pub(crate) fn absent(&self) {
        let mut inner = self.lock();
        inner.objects.clear();
        inner.pulse = Pulse::Absent;
    }

    /// The watch failed. The silence began with the last sign of life.
    pub(crate) fn lost(&self, why: Loss, now: Instant) {
        let mut inner = self.lock();
        let since = match &inner.pulse {
            Pulse::Live { heard } => *heard,
            Pulse::Absent => now,
            Pulse::Lost { since, .. } => *since,
        };
        inner.pulse = Pulse::Lost { why, since };
    }

    /// Whether the API has this kind.
    pub(crate) fn is_absent(&self) -> bool {
        self.lock().pulse == Pulse::Absent
    }

    /// An error unless the objects are as the API has them.
    pub(crate) fn check(&self, now: Instant) -> Result<(), ClusterError> {
        let what = self.what;
        let since = |then: Instant| now.saturating_duration_since(then).as_secs();
        match &self.lock().pulse {
            Pulse::Absent => Ok(()),
            Pulse::Live { heard } if now.saturating_duration_since(*heard) <= LIFE => Ok(()),
            Pulse::Live { heard } => Err(ClusterError::Stale {
                message: format!("the watch of {what} has been silent for {} s", since(*heard)),
            }),
            Pulse::Lost { why: Loss::Refused(message), .. } => {
                Err(ClusterError::Refused { message: message.clone() })
            }
            Pulse::Lost { why: Loss::Broken(message), since: then } => {
                let message =
                    format!("the watch of {what} is cut since {} s: {message}", since(*then));
                Err(ClusterError::Stale { message })
            }
            Pulse::Lost { why: Loss::Listing, since: then } => Err(ClusterError::Stale {
                message: format!("{what} are not listed yet, since {} s", since(*then)),
            }),
        }
    }

    /// Looks at the objects, in order of namespace and name.
    pub(crate) fn read<T>(&self, look: impl FnOnce(&BTreeMap<Key, Entry<K>>) -> T) -> T {
        look(&self.lock().objects)
    }

    /// When the last whole list was complete.
    pub(crate) fn listed(&self) -> Instant {
        self.lock().listed
    }

    /// Whether the store is in step with the API.
    pub(crate) fn is_live(&self) -> bool {
        matches!(self.lock().pulse, Pulse::Live { .. })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    fn key(name: &str) -> Key {
        Key::new("", name)
    }

    fn moved(store: &Store<u8>, name: &str) -> Option<Instant> {
        store.read(|objects| objects.get(&key(name)).and_then(|entry| entry.moved))
    }

    #[test]
    fn only_a_watch_proves_that_an_object_moved() {
        let now = Instant::now();
        let store = Store::new("leases", now);
        store.replace(BTreeMap::from([(key("a"), 1)]), now);
        assert_eq!(moved(&store, "a"), None, "a list is a memory");
        assert!(!store.tell(key("a"), Some(1), now + SECOND), "nothing new");
        assert_eq!(moved(&store, "a"), None);
        assert!(store.tell(key("a"), Some(2), now + SECOND));
        assert_eq!(moved(&store, "a"), Some(now + SECOND));
        store.replace(BTreeMap::from([(key("a"), 9)]), now + 5 * SECOND);
        assert_eq!(moved(&store, "a"), Some(now + SECOND), "a list moves nothing");
    }

    #[test]
    fn a_store_is_sure_only_while_its_watch_shows_life() {
        let now = Instant::now();
        let store = Store::<u8>::new("pods", now);
        let stale = |at| store.check(at).unwrap_err().to_string();
        assert_eq!(stale(now), "Kubernetes API: pods are not listed yet, since 0 s");
        store.replace(BTreeMap::new(), now);
        assert!(store.check(now + LIFE).is_ok());
        let late = now + LIFE + SECOND;
        assert_eq!(stale(late), "Kubernetes API: the watch of pods has been silent for 41 s");
        store.alive(late);
        assert!(store.check(late).is_ok());
        store.lost(Loss::Broken("cut".into()), late + SECOND);
        let text = "Kubernetes API: the watch of pods is cut since 5 s: cut";
        assert_eq!(stale(late + 5 * SECOND), text);
        store.alive(late + SECOND);
        assert!(store.check(late + SECOND).is_err(), "life alone does not replace a list");
    }

    #[test]
    fn a_kind_that_the_api_does_not_have_is_none_and_no_error() {
        let now = Instant::now();
        let store = Store::<u8>::new("kustomizations", now);
        store.absent();
        assert!(store.check(now + 1000 * SECOND).is_ok());
    }
}
