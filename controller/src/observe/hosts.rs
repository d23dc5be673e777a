//! Hosts: looked at rarely at rest, closely while something moves, at once after a step on them.

use std::{sync::Arc, time::Duration};

use ananke_core::time::Tick;
use ananke_ports::Ports;

use crate::board::{Board, Pace};

/// One probe is one SSH command.
const DEADLINE: Duration = Duration::from_secs(8);
/// At rest; a host that dies shows earlier in its Node's lease.
const CALM: Duration = Duration::from_secs(60);
/// While something moves.
const BUSY: Duration = Duration::from_secs(2);

/// When in each [`CALM`] span the `at`-th of so many hosts is looked at. One connection each, all at
/// once, would cost ten times the memory of one after the other.
pub(super) fn turn(at: usize, hosts: usize) -> Duration {
    let share = |count: usize| u32::try_from(count).unwrap_or(u32::MAX);
    CALM.saturating_mul(share(at)) / share(hosts).max(1)
}

/// How long until that turn comes again: more than nothing, and [`CALM`] at most.
fn until_turn(now: Tick, turn: Duration) -> Duration {
    let span = CALM.as_millis();
    let ahead = u128::from(now.as_millis()) + span - turn.as_millis() % span;
    let left = span - ahead % span;
    u64::try_from(left).map_or(CALM, Duration::from_millis)
}

pub(super) async fn watch(ports: Ports, board: Arc<Board>, name: String, turn: Duration) {
    let mut pace = board.pace();
    let mut complained = false;
    loop {
        let began = ports.clock.now();
        let probe = ports.hosts.probe(&name, DEADLINE).await;
        if let Err(error) = &probe
            && !complained
        {
            tracing::info!(host = name, "{error}");
        }
        complained = probe.is_err();
        // An answer is of when it came, its lack of when it was asked for.
        let at = if probe.is_ok() { ports.clock.now() } else { began };
        board.host(&name, at, probe.map_err(|error| error.unseen()));
        let rest = match *pace.borrow_and_update() {
            Pace::Calm => until_turn(ports.clock.now(), turn),
            Pace::Busy => BUSY,
        };
        tokio::select! {
            biased;
            () = ports.clock.sleep(rest) => {}
            () = board.host_poked(&name) => {}
            _ = pace.changed() => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn at(seconds: u64) -> Tick {
        Tick::from_millis(seconds * 1000)
    }

    #[test]
    fn each_host_has_its_own_part_of_the_minute() {
        let turns: Vec<u64> = (0..10).map(|host| turn(host, 10).as_secs()).collect();
        assert_eq!(turns, [0, 6, 12, 18, 24, 30, 36, 42, 48, 54]);
    }

    #[test]
    fn a_turn_comes_once_in_a_minute() {
        let turn = Duration::from_secs(18);
        for (now, seconds) in [(0, 18), (17, 1), (18, 60), (19, 59), (78, 60), (77, 1), (617, 1)] {
            assert_eq!(until_turn(at(now), turn), Duration::from_secs(seconds), "at {now} s");
        }
        assert_eq!(until_turn(at(60), Duration::ZERO), CALM);
        assert!(super::turn(4_999, 5_000) < CALM);
    }
}
