//! Trials of one device.

use std::{
    collections::BTreeMap,
    sync::mpsc::{Receiver, RecvTimeoutError},
    thread,
    time::{Duration, Instant},
};

use ananke_lab::{ADMIN, Lab, NutSession};
use anyhow::{Context, Result, ensure};

use super::{
    Place,
    follow::{Notice, Sighting, What},
    upsmon::FREQUENCIES,
};

/// After so long a watcher has missed a change. `upsmon` takes up to 5 s and the driver up to 2 s.
const LONGEST: Duration = Duration::from_secs(20);

/// Pauses between trials are drawn from this span, longer than any poll: no phase is preferred.
const SHORTEST_PAUSE_MS: u64 = 500;
const PAUSE_SPAN_MS: u64 = 5_000;

const MAINS: &str = "OL CHRG";
const LOW: &str = "OB DISCHRG LB";

/// Who took how long to do what; one that missed it is not in it.
pub(crate) type Times = BTreeMap<Mark, Duration>;

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Mark {
    Ours,
    OurStep,
    /// By the seconds between its polls.
    Upsmon(u32),
    UpsmonLow(u32),
}

pub(crate) struct Device<'l> {
    lab: &'l Lab,
    place: Place,
    sightings: Receiver<Sighting>,
    random: u64,
}

impl<'l> Device<'l> {
    pub(crate) fn new(
        lab: &'l Lab,
        place: Place,
        sightings: Receiver<Sighting>,
        seed: u64,
    ) -> Self {
        let random = seed.wrapping_mul(1_000_003).wrapping_add(place.at as u64);
        Self { lab, place, sightings, random }
    }

    /// The driver's file changes; the driver reads it about once a second.
    pub(crate) fn by_file(&mut self, trials: usize) -> Result<Vec<Times>> {
        let mut all = Vec::new();
        for _ in 0..trials {
            self.pause();
            let began = Instant::now();
            self.lab.ups_set(&self.place.ups, [("ups.status", LOW)])?;
            all.push(self.watch(began, &Mark::all())?);
            self.lab.ups_set(&self.place.ups, [("ups.status", MAINS)])?;
            self.settle()?;
        }
        Ok(all)
    }

    /// The variable changes in `upsd` itself, which is there for its clients at once.
    pub(crate) fn by_upsd(&mut self, trials: usize) -> Result<Vec<Times>> {
        let mut upsd = Upsd::login(self.lab, &self.place.ups)?;
        let mut all = Vec::new();
        for _ in 0..trials {
            self.pause();
            let changed = upsd.set_status(LOW)?;
            all.push(self.watch(changed, &Mark::all())?);
            upsd.set_status(MAINS)?;
            self.settle()?;
        }
        Ok(all)
    }

    fn pause(&mut self) {
        // `SplitMix64`.
        self.random = self.random.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.random;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^= z >> 31;
        thread::sleep(Duration::from_millis(SHORTEST_PAUSE_MS + z % PAUSE_SPAN_MS));
        while self.sightings.try_recv().is_ok() {}
    }

    /// Waits until all of these have happened.
    fn watch(&self, began: Instant, marks: &[Mark]) -> Result<Times> {
        let mut times = Times::new();
        while marks.iter().any(|mark| !times.contains_key(mark)) {
            let Some(sighting) = self.next(began + LONGEST)? else { break };
            if let Some(mark) = Mark::of(sighting.what) {
                times.entry(mark).or_insert(sighting.at.saturating_duration_since(began));
            }
        }
        Ok(times)
    }

    /// Waits until everybody knows that the mains are back.
    fn settle(&self) -> Result<()> {
        let on_line = FREQUENCIES.map(|poll| What::Upsmon(poll, Notice::OnLine));
        let mut missing: Vec<What> = [What::Clear].into_iter().chain(on_line).collect();
        let end = Instant::now() + LONGEST;
        while !missing.is_empty() {
            let seen = self.next(end)?;
            let seen = seen.with_context(|| format!("{}: no {missing:?}", self.place.ups))?;
            missing.retain(|what| *what != seen.what);
        }
        Ok(())
    }

    fn next(&self, end: Instant) -> Result<Option<Sighting>> {
        match self.sightings.recv_timeout(end.saturating_duration_since(Instant::now())) {
            Ok(sighting) => Ok(Some(sighting)),
            Err(RecvTimeoutError::Timeout) => Ok(None),
            Err(RecvTimeoutError::Disconnected) => anyhow::bail!("nobody watches any more"),
        }
    }
}

impl Mark {
    fn all() -> Vec<Self> {
        let upsmon =
            FREQUENCIES.iter().flat_map(|poll| [Self::Upsmon(*poll), Self::UpsmonLow(*poll)]);
        [Self::Ours, Self::OurStep].into_iter().chain(upsmon).collect()
    }

    const fn of(what: What) -> Option<Self> {
        match what {
            What::OnBattery => Some(Self::Ours),
            What::Step => Some(Self::OurStep),
            What::Upsmon(poll, Notice::OnBattery) => Some(Self::Upsmon(poll)),
            What::Upsmon(poll, Notice::LowBattery) => Some(Self::UpsmonLow(poll)),
            What::Clear | What::Upsmon(_, Notice::OnLine) => None,
        }
    }
}

/// A connection of a user that may set variables.
struct Upsd {
    session: NutSession,
    ups: String,
}

impl Upsd {
    fn login(lab: &Lab, ups: &str) -> Result<Self> {
        Ok(Self { session: NutSession::begin(lab, ADMIN)?, ups: ups.to_owned() })
    }

    /// Sets the status; gives the last instant at which `upsd` still told the one before.
    fn set_status(&mut self, status: &str) -> Result<Instant> {
        let mut still = Instant::now();
        let answer = self.session.ask(&format!("SET VAR {} ups.status \"{status}\"", self.ups))?;
        ensure!(answer.starts_with("OK"), "upsd: {answer}");
        let end = still + LONGEST;
        let wanted = format!("VAR {} ups.status \"{status}\"", self.ups);
        loop {
            let asked = Instant::now();
            if self.session.ask(&format!("GET VAR {} ups.status", self.ups))? == wanted {
                return Ok(still);
            }
            ensure!(asked < end, "upsd does not take `{status}` for {}", self.ups);
            still = asked;
            thread::sleep(Duration::from_millis(1));
        }
    }
}
