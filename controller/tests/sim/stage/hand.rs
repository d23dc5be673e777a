//! The hand that kills: a wrapper round the acting ports and the store that knows nothing of what
//! they are for, counts effects, and lets their owner die between any two of them.

use std::{
    future::{Future, pending, poll_fn},
    pin::pin,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    task::Poll,
    time::Duration,
};

use ananke_core::{marks::Mark, observe::*, step::PodRef, time::Tick};
use ananke_ports::*;
use ananke_sim::ports::{Death, MemoryStore};
use async_trait::async_trait;

/// Where a daemon is killed. Writes and effects are counted from 1 over the whole story.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Point {
    /// In this write of the store.
    Write(u64, Death),
    /// Before this effect reaches the world: its mark is in the journal.
    Before(u64),
    /// After this effect reached the world, before its answer came.
    After(u64),
    /// At this instant of the world, whatever it does.
    At(u64),
    /// Where it waits: at this poll of anything that it awaits of the world.
    Poll(u64),
}

/// Counts the effects of all lives of a daemon.
#[derive(Default)]
pub struct Effects {
    count: AtomicU64,
    names: Mutex<Vec<String>>,
    journal: Mutex<Vec<u64>>,
    polls: AtomicU64,
    /// The poll at which the life is over; 0 is none.
    last_poll: AtomicU64,
}

impl Effects {
    /// How often anything that the daemon awaits of the world was polled.
    pub fn polls(&self) -> u64 {
        self.polls.load(Ordering::Relaxed)
    }

    /// Ends whichever life comes to this poll.
    pub fn die_at_poll(&self, number: u64) {
        self.last_poll.store(number, Ordering::Relaxed);
    }

    /// What they were, in order.
    pub fn names(&self) -> Vec<String> {
        self.names.lock().unwrap().clone()
    }

    /// Which of the store's writes were to the journal.
    pub fn journal_writes(&self) -> Vec<u64> {
        self.journal.lock().unwrap().clone()
    }
}

/// One life.
pub struct Hand {
    dead: AtomicBool,
    effects: Arc<Effects>,
    point: Option<Point>,
    twice: bool,
}

impl Hand {
    /// A life that ends at a point, if one is given, and makes each effect once or twice.
    pub fn new(effects: &Arc<Effects>, point: Option<Point>, twice: bool) -> Arc<Self> {
        Arc::new(Self { dead: AtomicBool::new(false), effects: Arc::clone(effects), point, twice })
    }

    /// The ports of this life.
    pub fn hold(self: &Arc<Self>, ports: Ports, store: Arc<MemoryStore>) -> Ports {
        let hold = |hand: &Arc<Self>| Arc::clone(hand);
        Ports {
            clock: Arc::new(Held { hand: hold(self), inner: ports.clock }),
            supplies: Arc::new(Held { hand: hold(self), inner: ports.supplies }),
            hosts: Arc::new(Held { hand: hold(self), inner: ports.hosts }),
            wake: Arc::new(Held { hand: hold(self), inner: ports.wake }),
            cluster: Arc::new(Held { hand: hold(self), inner: ports.cluster }),
            machine: Arc::new(Held { hand: hold(self), inner: ports.machine }),
            store: Arc::new(Held { hand: hold(self), inner: store }),
        }
    }

    /// Ends the life: nothing that it awaits ever comes.
    pub fn kill(&self) {
        self.dead.store(true, Ordering::Relaxed);
    }

    /// Whether the life is over.
    pub fn is_dead(&self) -> bool {
        self.dead.load(Ordering::Relaxed)
    }

    /// Something that is awaited; for the dead nothing comes.
    async fn alive<T>(&self, call: impl Future<Output = T>) -> T {
        let mut call = pin!(call);
        poll_fn(|context| {
            let number = self.effects.polls.fetch_add(1, Ordering::Relaxed) + 1;
            if self.effects.last_poll.load(Ordering::Relaxed) == number {
                self.kill();
            }
            if self.is_dead() { Poll::Pending } else { call.as_mut().poll(context) }
        })
        .await
    }

    async fn effect<T, F: Future<Output = T>>(&self, name: String, call: impl Fn() -> F) -> T {
        if self.is_dead() {
            return pending().await;
        }
        let number = self.effects.count.fetch_add(1, Ordering::Relaxed) + 1;
        self.effects.names.lock().unwrap().push(name);
        if self.point == Some(Point::Before(number)) {
            self.kill();
        }
        let mut answer = self.alive(call()).await;
        if self.twice {
            answer = self.alive(call()).await;
        }
        if self.point == Some(Point::After(number)) {
            self.kill();
            return pending().await;
        }
        answer
    }
}

struct Held<P: ?Sized> {
    hand: Arc<Hand>,
    inner: Arc<P>,
}

#[async_trait]
impl Clock for Held<dyn Clock> {
    fn now(&self) -> Tick {
        self.inner.now()
    }

    fn wall_unix_seconds(&self) -> i64 {
        self.inner.wall_unix_seconds()
    }

    async fn sleep(&self, span: Duration) {
        self.hand.alive(self.inner.sleep(span)).await;
    }
}

#[async_trait]
impl Hosts for Held<dyn Hosts> {
    async fn probe(&self, host: &str, deadline: Duration) -> Result<HostFacts, HostError> {
        self.hand.alive(self.inner.probe(host, deadline)).await
    }

    async fn run(
        &self,
        host: &str,
        command: &HostCommand,
        deadline: Duration,
    ) -> Result<(), HostError> {
        let name = format!("{command:?} on {host}");
        self.hand.effect(name, || self.inner.run(host, command, deadline)).await
    }
}

#[async_trait]
impl Wake for Held<dyn Wake> {
    async fn wake(&self, host: &str, deadline: Duration) -> Result<(), WakeError> {
        self.hand.effect(format!("Wake {host}"), || self.inner.wake(host, deadline)).await
    }
}

#[async_trait]
impl Supplies for Held<dyn Supplies> {
    async fn read(&self, supply: &str, deadline: Duration) -> Result<SupplyReading, SupplyError> {
        self.hand.alive(self.inner.read(supply, deadline)).await
    }

    async fn force_shutdown(&self, supply: &str, by: Duration) -> Result<(), SupplyError> {
        self.hand.effect(format!("Force {supply}"), || self.inner.force_shutdown(supply, by)).await
    }

    async fn close(&self) {
        self.hand.alive(self.inner.close()).await;
    }
}

#[async_trait]
impl Machine for Held<dyn Machine> {
    fn boot_id(&self) -> String {
        self.inner.boot_id()
    }

    async fn set_wake_alarm(&self, after: Duration, by: Duration) -> Result<(), MachineError> {
        self.hand.effect("Alarm here".into(), || self.inner.set_wake_alarm(after, by)).await
    }

    async fn sync(&self, deadline: Duration) -> Result<(), MachineError> {
        self.hand.effect("Sync here".into(), || self.inner.sync(deadline)).await
    }

    async fn power_off(&self, cut: &[String], deadline: Duration) -> Result<(), MachineError> {
        self.hand.effect("PowerOff here".into(), || self.inner.power_off(cut, deadline)).await
    }

    async fn reboot(&self, deadline: Duration) -> Result<(), MachineError> {
        self.hand.effect("Reboot here".into(), || self.inner.reboot(deadline)).await
    }
}

#[async_trait]
impl Cluster for Held<dyn Cluster> {
    async fn health(&self, deadline: Duration) -> Result<ApiHealth, ClusterError> {
        self.hand.alive(self.inner.health(deadline)).await
    }

    async fn facts(&self, deadline: Duration) -> Result<ClusterFacts, ClusterError> {
        self.hand.alive(self.inner.facts(deadline)).await
    }

    async fn changed(&self) {
        self.hand.alive(self.inner.changed()).await;
    }

    async fn cordon(&self, node: &str, mark: &Mark, by: Duration) -> Result<(), ClusterError> {
        self.hand.effect(format!("Cordon {node}"), || self.inner.cordon(node, mark, by)).await
    }

    async fn uncordon(&self, node: &str, deadline: Duration) -> Result<(), ClusterError> {
        self.hand.effect(format!("Uncordon {node}"), || self.inner.uncordon(node, deadline)).await
    }

    async fn suspend(
        &self,
        object: &GitopsRef,
        mark: &Mark,
        deadline: Duration,
    ) -> Result<(), ClusterError> {
        let name = format!("Suspend {object}");
        self.hand.effect(name, || self.inner.suspend(object, mark, deadline)).await
    }

    async fn resume(&self, object: &GitopsRef, deadline: Duration) -> Result<(), ClusterError> {
        self.hand.effect(format!("Resume {object}"), || self.inner.resume(object, deadline)).await
    }

    async fn evict(&self, pod: &PodRef, deadline: Duration) -> Result<(), ClusterError> {
        self.hand.effect(format!("Evict {}", pod.name), || self.inner.evict(pod, deadline)).await
    }

    async fn delete_pod(
        &self,
        pod: &PodRef,
        grace_seconds: Option<u32>,
        deadline: Duration,
    ) -> Result<(), ClusterError> {
        let name = format!("Delete {}", pod.name);
        self.hand.effect(name, || self.inner.delete_pod(pod, grace_seconds, deadline)).await
    }

    async fn publish(&self, what: &Publication, deadline: Duration) -> Result<(), ClusterError> {
        self.hand.alive(self.inner.publish(what, deadline)).await
    }

    async fn event(&self, note: &EventNote, deadline: Duration) -> Result<(), ClusterError> {
        self.hand.alive(self.inner.event(note, deadline)).await
    }

    async fn renew_lease(&self, deadline: Duration) -> Result<(), ClusterError> {
        self.hand.alive(self.inner.renew_lease(deadline)).await
    }
}

impl Held<MemoryStore> {
    /// A write to the journal, by its number among all writes.
    fn in_journal<T>(&self, call: impl FnOnce(&MemoryStore) -> T) -> T {
        self.hand.effects.journal.lock().unwrap().push(self.inner.writes() + 1);
        self.on(call)
    }

    /// Whoever dies in a write is dead before the next line of code.
    fn on<T>(&self, call: impl FnOnce(&MemoryStore) -> T) -> T {
        let answer = call(&self.inner);
        if self.inner.is_dead() {
            self.hand.kill();
        }
        answer
    }
}

impl Store for Held<MemoryStore> {
    fn read(&self, path: &str) -> Result<Option<Vec<u8>>, StoreError> {
        self.on(|store| store.read(path))
    }

    fn write(&self, path: &str, bytes: &[u8]) -> Result<(), StoreError> {
        self.on(|store| store.write(path, bytes))
    }

    fn remove(&self, path: &str) -> Result<(), StoreError> {
        self.on(|store| store.remove(path))
    }

    fn list(&self, folder: &str) -> Result<Vec<String>, StoreError> {
        self.on(|store| store.list(folder))
    }

    fn set_aside(&self, path: &str) -> Result<String, StoreError> {
        self.on(|store| store.set_aside(path))
    }

    fn append(&self, lines: &str) -> Result<(), StoreError> {
        self.in_journal(|store| store.append(lines))
    }

    fn journal(&self) -> Result<Vec<String>, StoreError> {
        self.on(MemoryStore::journal)
    }

    fn is_torn(&self) -> Result<bool, StoreError> {
        self.on(MemoryStore::is_torn)
    }

    fn rotate(&self, lines: &str) -> Result<(), StoreError> {
        self.in_journal(|store| store.rotate(lines))
    }
}
