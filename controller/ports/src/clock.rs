use std::time::Duration;

use ananke_core::time::Tick;
use async_trait::async_trait;

/// Time, real or virtual.
#[async_trait]
pub trait Clock: Send + Sync {
    /// Now, on `CLOCK_BOOTTIME`.
    fn now(&self) -> Tick;

    /// The wall clock, seconds since 1970. For people and for marks; never for a deadline.
    fn wall_unix_seconds(&self) -> i64;

    /// Returns after `span` of this clock.
    async fn sleep(&self, span: Duration);
}
