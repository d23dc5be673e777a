//! UPSes: polled, for NUT pushes nothing.

use std::{sync::Arc, time::Duration};

use ananke_core::{seen::Unseen, time::Tick};
use ananke_ports::Ports;

use crate::board::Board;

/// The longest pause after a failed look: longer than this a UPS that speaks again is not left
/// unheard.
const LONGEST_PAUSE: Duration = Duration::from_secs(5);

/// Half of what `upsmon` waits before it calls a UPS dead.
const DEADLINE: Duration = Duration::from_secs(5);

pub(super) async fn watch(ports: Ports, board: Arc<Board>, name: String, poll: Duration) {
    let mut complained = false;
    let mut failures = 0;
    loop {
        let read = ports.supplies.read(&name, DEADLINE).await;
        if let Err(error) = &read
            && !complained
        {
            tracing::warn!(supply = name, "{error}");
        }
        complained = read.is_err();
        failures = if read.is_err() { failures + 1 } else { 0 };
        let told = read.as_ref().ok().map(|reading| reading.status.clone());
        board.supply(&name, ports.clock.now(), read.map_err(|error| error.unseen()));
        if let Some(status) = told
            && let Err(unseen) = glance(&ports, &board, &name, poll, &status).await
        {
            failures = 1;
            board.supply(&name, ports.clock.now(), Err(unseen));
        }
        ports.clock.sleep(pause(poll, failures, ports.clock.now())).await;
    }
}

/// Half-way between two beats a supply is asked once more, and only other status words count: what
/// it tells next is known half a poll earlier, and as many readings as before make a trigger. No
/// answer is as good as none to a look: else silence would be known a whole deadline later.
async fn glance(
    ports: &Ports,
    board: &Board,
    name: &str,
    poll: Duration,
    status: &[String],
) -> Result<(), Unseen> {
    let half = until_beat(poll, ports.clock.now()).saturating_sub(poll / 2);
    if half.is_zero() {
        return Ok(());
    }
    ports.clock.sleep(half).await;
    let reading = ports.supplies.read(name, DEADLINE).await.map_err(|error| error.unseen())?;
    if reading.status != status {
        board.supply(name, ports.clock.now(), Ok(reading));
    }
    Ok(())
}

/// Looks are made on the beat of the poll, however long one takes: supplies with the same poll are
/// seen together and decided on once. A server that does not answer is asked ever less often,
/// within bounds: each look may be a new connection with a TLS handshake and a login.
fn pause(poll: Duration, failures: u32, now: Tick) -> Duration {
    let doubled = poll.saturating_mul(2_u32.saturating_pow(failures.saturating_sub(1).min(16)));
    if failures == 0 { until_beat(poll, now) } else { doubled.min(LONGEST_PAUSE.max(poll)) }
}

/// How long until the next whole multiple of the poll: more than nothing, and the poll at most.
fn until_beat(poll: Duration, now: Tick) -> Duration {
    let millis = u64::try_from(poll.as_millis()).unwrap_or(u64::MAX);
    let since = now.as_millis().checked_rem(millis).unwrap_or_default();
    poll.saturating_sub(Duration::from_millis(since))
}

#[cfg(test)]
mod tests {
    use ananke_core::observe::Requests;
    use ananke_sim::{
        ports::{MemoryStore, MemoryWorld, WorldHandle as _, ports},
        world::{Fate, TelemetryFault, World},
    };

    use super::*;

    #[test]
    fn pauses_grow_within_bounds() {
        let beat = Tick::from_millis(60_000);
        let seconds = |poll, failures| pause(Duration::from_secs(poll), failures, beat).as_secs();
        assert_eq!([0, 1, 2, 3, 4, 99].map(|failures| seconds(1, failures)), [1, 1, 2, 4, 5, 5]);
        assert_eq!([0, 1, 9].map(|failures| seconds(10, failures)), [10, 10, 10]);
    }

    #[test]
    fn looks_are_made_on_the_beat() {
        let millis =
            |poll, now| pause(Duration::from_millis(poll), 0, Tick::from_millis(now)).as_millis();
        assert_eq!([0, 1, 5, 999].map(|now| millis(1000, now)), [1000, 999, 995, 1]);
        assert_eq!([0, 400, 2_600].map(|now| millis(2500, now)), [2500, 2100, 2400]);
    }

    /// What is on the board of the one supply: its words, and when they were seen.
    fn seen(board: &Board) -> (String, u64) {
        let snapshot = board.snapshot(Tick::default(), Requests::default());
        let (value, at) =
            snapshot.supplies.values().find_map(|s| Some((s.value()?, s.at()?))).unwrap();
        (value.status.join(" "), at.as_millis())
    }

    /// A loop over one supply of the virtual world, asked each second.
    fn watched() -> (Arc<MemoryWorld>, Ports, Arc<Board>, String) {
        let world = Arc::new(MemoryWorld::new(World::embedded(1)));
        let name = world.look(|world| world.supplies.keys().next().cloned()).unwrap().unwrap();
        let all = ports(&world, Arc::new(MemoryStore::new()));
        let names = std::iter::once(name.clone());
        let board = Arc::new(Board::new(names, std::iter::empty(), Tick::default()));
        tokio::spawn(watch(all.clone(), Arc::clone(&board), name.clone(), Duration::from_secs(1)));
        (world, all, board, name)
    }

    #[tokio::test(start_paused = true)]
    async fn silence_is_known_after_one_deadline_whenever_it_begins() {
        for millis in [5_100, 5_600] {
            let (world, all, board, name) = watched();
            let start = all.clock.now().as_millis();
            let until = async |millis: u64| {
                let rest = (start + millis).saturating_sub(all.clock.now().as_millis());
                all.clock.sleep(Duration::from_millis(rest)).await;
            };
            until(millis).await;
            let fault =
                Fate::Telemetry { supply: name.clone(), fault: Some(TelemetryFault::Silent) };
            world.act(|world| world.suffer(&fault)).unwrap().unwrap();
            until(millis + 6_100).await;
            let snapshot = board.snapshot(Tick::default(), Requests::default());
            assert_eq!(snapshot.supplies[&name].look().err(), Some(Unseen::Silent), "{millis}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn other_words_are_seen_between_two_beats_and_equal_ones_are_not_counted() {
        let (world, all, board, _) = watched();
        let start = all.clock.now().as_millis();
        let until = async |millis: u64| {
            let rest = (start + millis).saturating_sub(all.clock.now().as_millis());
            all.clock.sleep(Duration::from_millis(rest)).await;
            let (words, at) = seen(&board);
            (words, at - start)
        };
        assert!(matches!(until(5_200).await, (words, 5_000..5_100) if words.starts_with("OL")));
        let off = Fate::Mains { supply: None, present: false };
        world.act(|world| world.suffer(&off)).unwrap().unwrap();
        assert!(matches!(until(5_600).await, (words, 5_500..5_600) if words.starts_with("OB")));
        assert!(matches!(until(6_100).await, (_, 6_000..6_100)), "the beat is kept");
        assert!(matches!(until(6_900).await, (_, 6_000..6_100)), "the same once more");
        assert!(matches!(until(7_100).await, (_, 7_000..7_100)), "the beat counts");
    }
}
