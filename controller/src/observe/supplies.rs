//! UPSes: polled, for NUT pushes nothing.

use std::{sync::Arc, time::Duration};

use ananke_core::time::Tick;
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
        if let Some(status) = told {
            glance(&ports, &board, &name, poll, &status).await;
        }
        ports.clock.sleep(pause(poll, failures, ports.clock.now())).await;
    }
}

/// Half-way between two beats a supply is asked once more, and only other status words count: what
/// it tells next is known half a poll earlier, and as many readings as before make a trigger. An
/// answer that does not come is a look that failed: what was told before counts no longer.
async fn glance(ports: &Ports, board: &Board, name: &str, poll: Duration, status: &[String]) {
    let half = until_beat(poll, ports.clock.now()).saturating_sub(poll / 2);
    if half.is_zero() {
        return;
    }
    ports.clock.sleep(half).await;
    let read = ports.supplies.read(name, DEADLINE).await;
    if read.as_ref().map_or(true, |reading| reading.status != status) {
        board.supply(name, ports.clock.now(), read.map_err(|error| error.unseen()));
    }
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

    /// A supply that is watched with a poll of a second; times are milliseconds since then.
    struct Watched {
        world: Arc<MemoryWorld>,
        name: String,
        board: Arc<Board>,
        ports: Ports,
        start: u64,
    }

    impl Watched {
        fn begin() -> Self {
            let world = Arc::new(MemoryWorld::new(World::embedded(1)));
            let name = world.look(|world| world.supplies.keys().next().cloned()).unwrap().unwrap();
            let ports = ports(&world, Arc::new(MemoryStore::new()));
            let names = std::iter::once(name.clone());
            let board = Arc::new(Board::new(names, std::iter::empty(), Tick::default()));
            let start = ports.clock.now().as_millis();
            let poll = Duration::from_secs(1);
            tokio::spawn(watch(ports.clone(), Arc::clone(&board), name.clone(), poll));
            Self { world, name, board, ports, start }
        }

        async fn until(&self, millis: u64) {
            let rest = (self.start + millis).saturating_sub(self.ports.clock.now().as_millis());
            self.ports.clock.sleep(Duration::from_millis(rest)).await;
        }

        async fn seen(&self, millis: u64) -> (String, u64) {
            self.until(millis).await;
            let (words, at) = seen(&self.board);
            (words, at - self.start)
        }

        fn suffers(&self, fate: &Fate) {
            self.world.act(|world| world.suffer(fate)).unwrap().unwrap();
        }
    }

    #[tokio::test(start_paused = true)]
    async fn other_words_are_seen_between_two_beats_and_equal_ones_are_not_counted() {
        let watched = Watched::begin();
        let until = |millis| watched.seen(millis);
        assert!(matches!(until(5_200).await, (words, 5_000..5_100) if words.starts_with("OL")));
        watched.suffers(&Fate::Mains { supply: None, present: false });
        assert!(matches!(until(5_600).await, (words, 5_500..5_600) if words.starts_with("OB")));
        assert!(matches!(until(6_100).await, (_, 6_000..6_100)), "the beat is kept");
        assert!(matches!(until(6_900).await, (_, 6_000..6_100)), "the same once more");
        assert!(matches!(until(7_100).await, (_, 7_000..7_100)), "the beat counts");
    }

    /// Whichever look it is that nobody answers.
    #[tokio::test(start_paused = true)]
    async fn silence_is_known_once_a_look_has_failed() {
        for silent_at in [5_200, 5_700] {
            let watched = Watched::begin();
            watched.until(silent_at).await;
            let fault = Some(TelemetryFault::Silent);
            watched.suffers(&Fate::Telemetry { supply: watched.name.clone(), fault });
            watched.until(silent_at + 5_900).await;
            let snapshot = watched.board.snapshot(Tick::default(), Requests::default());
            let is_heard = snapshot.supplies.values().any(|seen| seen.value().is_some());
            assert!(!is_heard, "silent at {silent_at}");
        }
    }
}
