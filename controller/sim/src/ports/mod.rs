//! The port traits of ananke over a virtual world.
//!
//! Calls take as long as they do in life, drawn by the world's seed and slept on the world's clock.
//! Every call returns by its deadline.

mod cluster;
mod file_world;
mod handle;
mod hosts;
mod memory_world;
mod rest;
mod store;
mod world_file;

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError, atomic::AtomicU64},
    time::Duration,
};

use ananke_ports::{Ports, Store};
pub use file_world::{FileWorld, WallClock};
pub use handle::{WorldError, WorldHandle};
pub use memory_world::MemoryWorld;
pub use store::{Death, DiskFault, MemoryStore};

use crate::{
    rng::SplitMix64,
    world::{Millis, World},
};

/// How long after its deadline something that is late is done, in milliseconds.
const LATE: (u64, u64) = (500, 20_000);

/// All ports over one world. `store` is the daemon's own disk, which is not a part of the world.
pub fn ports<W: WorldHandle>(world: &Arc<W>, store: Arc<dyn Store>) -> Ports {
    let (seed, revision) = world.look(|w| (w.seed, w.cluster.revision)).unwrap_or_default();
    let sim = Arc::new(Sim {
        world: Arc::clone(world),
        seed,
        rngs: Mutex::default(),
        told: AtomicU64::new(revision),
    });
    Ports {
        clock: Arc::<Sim<W>>::clone(&sim),
        supplies: Arc::<Sim<W>>::clone(&sim),
        hosts: Arc::<Sim<W>>::clone(&sim),
        wake: Arc::<Sim<W>>::clone(&sim),
        cluster: Arc::<Sim<W>>::clone(&sim),
        machine: sim,
        store,
    }
}

/// Every port over a world, the store apart.
struct Sim<W> {
    world: Arc<W>,
    seed: u64,
    /// Draw latencies, one for each line of calls: whoever comes first in one instant makes no
    /// difference to the others. Apart from the world's own, so that looking changes nothing.
    rngs: Mutex<BTreeMap<String, SplitMix64>>,
    /// The revision of the cluster that was last told to whoever looks.
    told: AtomicU64,
}

/// The deadline passed before the answer came.
struct Late;

impl<W: WorldHandle> Sim<W> {
    /// Sleeps on the world's clock.
    async fn wait(&self, span: Duration) {
        tokio::time::sleep(self.world.real(span)).await;
    }

    /// Sleeps until an instant of the world.
    async fn wait_until(&self, at: Millis) {
        let left = at.saturating_sub(self.world.now_millis());
        self.wait(Duration::from_millis(left)).await;
    }

    /// The world does what it was told some time after the deadline, whether who told it lives or
    /// not.
    fn later(&self, deadline: Duration, change: impl FnOnce(&mut World) + Send + 'static) {
        let late = Duration::from_millis(self.draw("late", LATE));
        let pause = self.world.real(deadline.saturating_add(late));
        let world = Arc::clone(&self.world);
        tokio::spawn(async move {
            tokio::time::sleep(pause).await;
            // A world that cannot be opened any more does nothing.
            let _ = world.act(change);
        });
    }

    /// Sleeps as long as a call takes, at most until its deadline.
    async fn travel(&self, line: &str, millis: (u64, u64), deadline: Duration) -> Result<(), Late> {
        let takes = Duration::from_millis(self.draw(line, millis));
        self.wait(takes.min(deadline)).await;
        if takes > deadline { Err(Late) } else { Ok(()) }
    }
}

impl<W> Sim<W> {
    /// Draws from the generator of a line, begun from the seed and the line's name.
    fn draw(&self, line: &str, (low, high): (u64, u64)) -> u64 {
        let mut rngs = lock(&self.rngs);
        let begin = || {
            let name = |seed: u64, byte: u8| SplitMix64::new(seed ^ u64::from(byte)).next_u64();
            SplitMix64::new(line.bytes().fold(self.seed, name))
        };
        rngs.entry(line.to_owned()).or_insert_with(begin).between(low, high)
    }
}

/// A mutex whose holder panicked holds what it held.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
