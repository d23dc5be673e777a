//! Kill -9 at points drawn by a printed seed.

use std::time::{Duration, Instant};

/// Draws the points.
pub(crate) struct Chaos {
    state: u64,
    seed: u64,
    left: u32,
    next: Instant,
    poweroffs: usize,
}

/// How often the daemon is killed in one story, beside right after each poweroff was sent.
const KILLS: u32 = 8;

impl Chaos {
    /// From `ANANKE_SEED`, else from the clock.
    pub(crate) fn new() -> Self {
        let given = std::env::var("ANANKE_SEED").ok().and_then(|seed| seed.parse().ok());
        let clock = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
        let seed = given.unwrap_or_else(|| clock.map_or(1, |now| now.as_secs()));
        let mut chaos = Self { state: seed, seed, left: KILLS, next: Instant::now(), poweroffs: 0 };
        chaos.draw();
        chaos
    }

    /// The seed, for the log.
    pub(crate) const fn seed(&self) -> u64 {
        self.seed
    }

    /// How often it was killed by the clock.
    pub(crate) const fn kills(&self) -> u32 {
        KILLS - self.left
    }

    /// Whether the daemon, whose log this is, is to be killed now, and why.
    pub(crate) fn strikes(&mut self, log: &str) -> Option<&'static str> {
        let poweroffs = log.matches(": power-off (try").count();
        if poweroffs > self.poweroffs {
            self.poweroffs = poweroffs;
            return Some("right after a poweroff was sent");
        }
        if self.left > 0 && Instant::now() >= self.next {
            self.left -= 1;
            self.draw();
            return Some("at a drawn point");
        }
        None
    }

    /// Between one and seven seconds: inside every phase of every story. `SplitMix64`.
    fn draw(&mut self) {
        self.state = self.state.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.state;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^= z >> 31;
        self.next = Instant::now() + Duration::from_millis(1_000 + z % 6_000);
    }
}
