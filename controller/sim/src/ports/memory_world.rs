use std::{collections::BTreeMap, sync::Mutex, time::Duration};

use tokio::time::Instant;

use super::{WorldError, WorldHandle, lock};
use crate::world::{Millis, World};

/// A world in memory, on tokio's clock: under `tokio::time::pause` its time is virtual, and one
/// seed is one run.
pub struct MemoryWorld {
    world: Mutex<World>,
    met: Mutex<BTreeMap<(&'static str, &'static str), u64>>,
    began: Instant,
    base: Millis,
}

impl MemoryWorld {
    /// Lets the time of a world flow from now on.
    pub fn new(world: World) -> Self {
        let (base, began) = (world.now(), Instant::now());
        Self { world: Mutex::new(world), met: Mutex::default(), began, base }
    }

    /// How often calls met each fault of each part of the world.
    pub fn faults_met(&self) -> BTreeMap<(&'static str, &'static str), u64> {
        lock(&self.met).clone()
    }

    /// A copy of the world as it is now.
    pub fn snapshot(&self) -> World {
        let mut world = lock(&self.world);
        world.advance(self.now_millis());
        world.clone()
    }
}

impl WorldHandle for MemoryWorld {
    fn now_millis(&self) -> Millis {
        let passed = u64::try_from(self.began.elapsed().as_millis()).unwrap_or(u64::MAX);
        self.base.saturating_add(passed)
    }

    fn look<R>(&self, look: impl FnOnce(&World) -> R) -> Result<R, WorldError> {
        let mut world = lock(&self.world);
        world.advance(self.now_millis());
        Ok(look(&world))
    }

    fn act<R>(&self, act: impl FnOnce(&mut World) -> R) -> Result<R, WorldError> {
        let mut world = lock(&self.world);
        world.advance(self.now_millis());
        Ok(act(&mut world))
    }

    fn real(&self, span: Duration) -> Duration {
        span
    }

    fn met(&self, part: &'static str, fault: &'static str) {
        *lock(&self.met).entry((part, fault)).or_default() += 1;
    }
}
