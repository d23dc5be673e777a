use std::time::{Duration, SystemTime};

use ananke_core::time::Tick;
use ananke_ports::Clock;
use async_trait::async_trait;
use rustix::time::{ClockId, clock_gettime};

/// The clock of this host: `CLOCK_BOOTTIME`, which no one sets and which counts suspended time.
#[derive(Debug, Clone, Copy, Default)]
pub struct BootClock;

#[async_trait]
impl Clock for BootClock {
    fn now(&self) -> Tick {
        let now = clock_gettime(ClockId::Boottime);
        let seconds = u64::try_from(now.tv_sec).unwrap_or(0);
        let millis = u64::try_from(now.tv_nsec / 1_000_000).unwrap_or(0);
        Tick::from_millis(seconds.saturating_mul(1000).saturating_add(millis))
    }

    fn wall_unix_seconds(&self) -> i64 {
        match SystemTime::now().duration_since(SystemTime::UNIX_EPOCH) {
            Ok(since) => i64::try_from(since.as_secs()).unwrap_or(i64::MAX),
            Err(before) => {
                i64::try_from(before.duration().as_secs()).map_or(i64::MIN, i64::wrapping_neg)
            }
        }
    }

    async fn sleep(&self, span: Duration) {
        tokio::time::sleep(span).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ticks_are_the_kernels_uptime_and_never_go_back() {
        let text = std::fs::read_to_string("/proc/uptime").unwrap();
        let uptime: f64 = text.split(' ').next().unwrap().parse().unwrap();
        let first = BootClock.now();
        let second = BootClock.now();
        assert!(second >= first);
        let millis = Duration::from_secs_f64(uptime).as_millis();
        assert!(u128::from(first.as_millis()).abs_diff(millis) < 60_000, "{first:?} {uptime}");
    }

    #[test]
    fn wall_clock_counts_from_1970() {
        // 2024-01-01: no machine that builds this is older.
        assert!(BootClock.wall_unix_seconds() > 1_704_067_200);
    }

    #[tokio::test(start_paused = true)]
    async fn sleep_takes_its_span() {
        let before = tokio::time::Instant::now();
        BootClock.sleep(Duration::from_secs(7)).await;
        assert_eq!(before.elapsed(), Duration::from_secs(7));
    }
}
