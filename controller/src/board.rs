//! The board: where the sources write what they see, and the loop reads it as one snapshot.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Arc, Mutex, PoisonError},
};

use ananke_core::{
    observe::{
        ApiHealth, ClusterFacts, HostFacts, ObservedState, Requests, Snapshot, SupplyReading,
    },
    seen::{Seen, Unseen},
    signals::{Power, power_of},
    text::Text,
    time::Tick,
};
use futures::FutureExt as _;
use tokio::sync::{Notify, watch};

/// How closely the sources look.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pace {
    /// At rest.
    Calm,
    /// Something moves.
    Busy,
}

/// What was seen last of everything.
///
/// The loop is woken by what is new: another value, an answer to a question that the loop asked, a
/// reading of a supply that is not on mains. The same seen once more is only written down: time
/// going on is the loop's own matter (`Decision::look_again`).
pub struct Board {
    parts: Mutex<Parts>,
    changed: Notify,
    paces: Mutex<Paces>,
    pokes: BTreeMap<String, Arc<Notify>>,
    poke_cluster: Notify,
}

/// One channel for each source: several that wait for one are woken in an order that is left to
/// chance, and one seed is one run.
struct Paces {
    now: Pace,
    sources: Vec<watch::Sender<Pace>>,
}

struct Parts {
    /// Hosts that the loop asked to look at and that have not been looked at since.
    asked_hosts: BTreeSet<String>,
    asked_cluster: bool,
    supplies: BTreeMap<String, Seen<SupplyReading>>,
    hosts: BTreeMap<String, Seen<HostFacts>>,
    api: Seen<ApiHealth>,
    cluster: Seen<ClusterFacts>,
    observed: BTreeMap<Text, Seen<ObservedState>>,
}

impl Board {
    /// A board on which nothing was seen yet.
    pub fn new(
        supplies: impl Iterator<Item = String>,
        hosts: impl Iterator<Item = String>,
        now: Tick,
    ) -> Self {
        let hosts: Vec<String> = hosts.collect();
        let blank = || Seen::unknown(Unseen::NotYet, now);
        Self {
            pokes: hosts.iter().map(|host| (host.clone(), Arc::new(Notify::new()))).collect(),
            parts: Mutex::new(Parts {
                asked_hosts: BTreeSet::new(),
                asked_cluster: false,
                supplies: supplies.map(|name| (name, Seen::unknown(Unseen::NotYet, now))).collect(),
                hosts: hosts
                    .into_iter()
                    .map(|name| (name, Seen::unknown(Unseen::NotYet, now)))
                    .collect(),
                api: blank(),
                cluster: Seen::unknown(Unseen::NotYet, now),
                observed: BTreeMap::new(),
            }),
            changed: Notify::new(),
            paces: Mutex::new(Paces { now: Pace::Busy, sources: Vec::new() }),
            poke_cluster: Notify::new(),
        }
    }

    /// Writes, and wakes the loop if the change says that it is news.
    fn write(&self, change: impl FnOnce(&mut Parts) -> bool) {
        // A panic elsewhere cannot leave a part half-written: each is replaced whole.
        if change(&mut self.parts.lock().unwrap_or_else(PoisonError::into_inner)) {
            self.changed.notify_one();
        }
    }

    /// A supply was looked at.
    pub fn supply(&self, name: &str, now: Tick, look: Result<SupplyReading, Unseen>) {
        // Triggers count readings, also equal ones.
        let counts = look.as_ref().map_or(true, |r| power_of(&r.status) != Power::Mains);
        self.write(|parts| {
            let before = parts.supplies.get_mut(name);
            before.is_some_and(|before| see(before, now, look, PartialEq::eq)) || counts
        });
    }

    /// A host was looked at.
    pub fn host(&self, name: &str, now: Tick, look: Result<HostFacts, Unseen>) {
        self.write(|parts| {
            let before = parts.hosts.get_mut(name);
            before.is_some_and(|before| see(before, now, look, HostFacts::tell_the_same_as))
                | parts.asked_hosts.remove(name)
        });
    }

    /// The API was asked whether it is ready.
    pub fn api(&self, now: Tick, look: Result<ApiHealth, Unseen>) {
        self.write(|parts| see(&mut parts.api, now, look, PartialEq::eq));
    }

    /// The cluster's objects were looked at.
    pub fn cluster(&self, now: Tick, look: Result<ClusterFacts, Unseen>) {
        self.write(|parts| {
            see(&mut parts.cluster, now, look, PartialEq::eq)
                | std::mem::take(&mut parts.asked_cluster)
        });
    }

    /// Everything as it was seen last.
    pub fn snapshot(&self, now: Tick, requests: Requests) -> Snapshot {
        let parts = self.parts.lock().unwrap_or_else(PoisonError::into_inner);
        Snapshot {
            now,
            supplies: parts.supplies.clone(),
            hosts: parts.hosts.clone(),
            api: parts.api.clone(),
            cluster: parts.cluster.clone(),
            observed: parts.observed.clone(),
            requests,
        }
    }

    /// Returns when something was written since the last call.
    pub async fn changed(&self) {
        self.changed.notified().await;
    }

    /// What was written until now is looked at: [`Self::changed`] waits for more.
    pub fn taken(&self) {
        let _ = self.changed.notified().now_or_never();
    }

    /// Sets how closely the sources look.
    pub fn set_pace(&self, pace: Pace) {
        let mut paces = self.paces.lock().unwrap_or_else(PoisonError::into_inner);
        if std::mem::replace(&mut paces.now, pace) != pace {
            // One that nobody listens to any more is of a policy of before.
            paces.sources.retain(|source| source.send(pace).is_ok());
        }
    }

    /// How closely to look.
    pub fn pace(&self) -> watch::Receiver<Pace> {
        let mut paces = self.paces.lock().unwrap_or_else(PoisonError::into_inner);
        let (source, receiver) = watch::channel(paces.now);
        paces.sources.push(source);
        receiver
    }

    /// Asks for a look at a host now: a step on it returned.
    pub fn poke_host(&self, name: &str) {
        if let Some(poke) = self.pokes.get(name) {
            self.write(|parts| {
                parts.asked_hosts.insert(name.to_owned());
                false
            });
            poke.notify_one();
        }
    }

    /// Returns when somebody asked for a look at a host.
    pub async fn host_poked(&self, name: &str) {
        match self.pokes.get(name) {
            Some(poke) => poke.notified().await,
            None => std::future::pending().await,
        }
    }

    /// Asks for a look at the API now.
    pub fn poke_cluster(&self) {
        self.write(|parts| {
            parts.asked_cluster = true;
            false
        });
        self.poke_cluster.notify_one();
    }

    /// Returns when somebody asked for a look at the API.
    pub async fn cluster_poked(&self) {
        self.poke_cluster.notified().await;
    }
}

/// Whether everything was looked at once, with whatever result.
pub fn is_complete(snapshot: &Snapshot) -> bool {
    fn looked<T>(seen: &Seen<T>) -> bool {
        !matches!(seen, Seen::Unknown { why: Unseen::NotYet, .. })
    }
    snapshot.supplies.values().all(looked)
        && snapshot.hosts.values().all(looked)
        && looked(&snapshot.api)
        && looked(&snapshot.cluster)
}

/// Writes a look down; says whether it tells anything new.
fn see<T>(
    before: &mut Seen<T>,
    now: Tick,
    look: Result<T, Unseen>,
    is_same: impl Fn(&T, &T) -> bool,
) -> bool {
    let after = match look {
        Ok(value) => Seen::known(value, now),
        Err(why) => before.lost(why, now),
    };
    let is_news = match (&*before, &after) {
        (Seen::Known { value, .. }, Seen::Known { value: other, .. }) => !is_same(value, other),
        (Seen::Unknown { why, .. }, Seen::Unknown { why: other, .. }) => {
            why != other || before.silent_since() != after.silent_since()
        }
        _ => true,
    };
    *before = after;
    is_news
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A board with one host, and whether the loop wakes when that host is seen like this.
    fn wakes(board: &Board, at: u64, facts: HostFacts) -> bool {
        board.host("titan", Tick::from_millis(at * 1000), Ok(facts));
        board.changed().now_or_never().is_some()
    }

    fn facts(uptime_seconds: u64, wall_unix_seconds: i64) -> HostFacts {
        HostFacts { uptime_seconds, wall_unix_seconds, ..HostFacts::default() }
    }

    #[test]
    fn a_host_that_tells_the_same_wakes_nobody() {
        let board =
            Board::new(std::iter::empty(), ["titan".to_owned()].into_iter(), Tick::default());
        assert!(wakes(&board, 1, facts(100, 5_000)), "it is seen for the first time");
        assert!(!wakes(&board, 3, facts(102, 5_002)), "its clocks went on");
        assert!(!wakes(&board, 5, facts(104, 5_005)), "one of them by a whole second more");
        assert!(wakes(&board, 7, facts(106, 9_000)), "its wall clock was stepped");
        assert!(wakes(&board, 9, HostFacts { containers: 3, ..facts(108, 9_002) }));
        board.poke_host("titan");
        let same = HostFacts { containers: 3, ..facts(110, 9_004) };
        assert!(wakes(&board, 11, same.clone()), "the loop asked for this look");
        board.host("titan", Tick::from_millis(13_000), Err(Unseen::Silent));
        assert!(board.changed().now_or_never().is_some(), "it fell silent");
        assert!(wakes(&board, 15, same), "it is heard again");
        assert_eq!(
            board.snapshot(Tick::from_millis(16_000), Requests::default()).hosts["titan"].at(),
            Some(Tick::from_millis(15_000)),
        );
    }

    #[tokio::test]
    async fn sources_are_woken_in_the_order_in_which_they_listened() {
        let board = Arc::new(Board::new(std::iter::empty(), std::iter::empty(), Tick::default()));
        let woken = Arc::new(Mutex::new(Vec::new()));
        for source in 0..16 {
            let (mut pace, woken) = (board.pace(), Arc::clone(&woken));
            tokio::spawn(async move {
                while pace.changed().await.is_ok() {
                    woken.lock().unwrap().push(source);
                }
            });
        }
        tokio::task::yield_now().await;
        for pace in [Pace::Calm, Pace::Busy] {
            board.set_pace(pace);
            tokio::task::yield_now().await;
            assert_eq!(*woken.lock().unwrap(), (0..16).collect::<Vec<_>>());
            woken.lock().unwrap().clear();
        }
    }
}
