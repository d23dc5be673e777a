//! One discharge, as its readings tell it.

use std::{collections::BTreeMap, time::Duration};

use serde::{Deserialize, Serialize};

use super::{BAND_PERCENT, ENOUGH_PERCENT, Pace};
use crate::time::Tick;

/// After a longer silence nobody knows what happened to the load and the mains meanwhile.
const LONGEST_GAP: Duration = Duration::from_secs(60);
/// A charge that rises by more than this on battery is another measure of it, not noise.
const NOISE_PERCENT: u8 = 10;

/// A discharge that is under way.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Discharge {
    /// The lowest charge told so far, in percent.
    charge: u8,
    /// When it was told first.
    since: Tick,
    /// When anything was told last.
    last: Tick,
    /// The load told then, in percent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    load: Option<u16>,
    /// The load over the time since `since`.
    work: Work,
    /// What the charge has fallen through, by band.
    #[serde(with = "crate::keys")]
    falls: BTreeMap<u8, Fall>,
    /// The smallest fall from one reading to the next, in percent: how coarse the charge is told.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    coarse: Option<u8>,
}

/// Load over time.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Work {
    /// Percent of load times milliseconds.
    percent_millis: u64,
    /// The milliseconds of which the load is known.
    known_millis: u64,
}

/// A part of a fall that lies in one band.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Fall {
    percent: u32,
    millis: u64,
    work: Work,
}

impl Work {
    fn add(&mut self, other: Self) {
        self.percent_millis = self.percent_millis.saturating_add(other.percent_millis);
        self.known_millis = self.known_millis.saturating_add(other.known_millis);
    }

    const fn share(self, part: u64, whole: u64) -> Self {
        Self {
            percent_millis: share(self.percent_millis, part, whole),
            known_millis: share(self.known_millis, part, whole),
        }
    }

    /// The mean load over `millis`, if it is known for most of them.
    fn mean(self, millis: u64) -> Option<u16> {
        let mostly = self.known_millis.saturating_mul(2) >= millis;
        let mean = self.percent_millis.checked_div(self.known_millis)?;
        u16::try_from(mean).ok().filter(|_| mostly)
    }
}

const fn share(of: u64, part: u64, whole: u64) -> u64 {
    match of.saturating_mul(part).checked_div(whole) {
        Some(share) => share,
        None => 0,
    }
}

fn millis(from: Tick, to: Tick) -> u64 {
    u64::try_from(to.since(from).as_millis()).unwrap_or(u64::MAX)
}

impl Discharge {
    pub(super) fn begin(charge: u8, load: Option<u16>, at: Tick) -> Self {
        Self {
            charge: charge.min(100),
            since: at,
            last: at,
            load,
            work: Work::default(),
            falls: BTreeMap::new(),
            coarse: None,
        }
    }

    /// The lowest charge told so far.
    pub const fn charge(&self) -> u8 {
        self.charge
    }

    /// How coarse the charge is told, in percent, once it has fallen.
    pub(super) const fn coarse(&self) -> Option<u8> {
        self.coarse
    }

    /// How long the present charge has been told, in milliseconds.
    pub(super) fn held_millis(&self, at: Tick) -> u64 {
        millis(self.since, at)
    }

    /// The load told last.
    pub(super) const fn load(&self) -> Option<u16> {
        self.load
    }

    /// Takes one reading in; `false` if it cannot belong to this discharge.
    pub(super) fn hear(&mut self, charge: u8, load: Option<u16>, at: Tick) -> bool {
        if at <= self.last {
            return true;
        }
        if charge > self.charge.saturating_add(NOISE_PERCENT) {
            return false;
        }
        if at.since(self.last) > LONGEST_GAP {
            *self =
                Self { falls: std::mem::take(&mut self.falls), ..Self::begin(charge, load, at) };
            return true;
        }
        let step = millis(self.last, at);
        if let Some(load) = self.load {
            let percent_millis = u64::from(load).saturating_mul(step);
            self.work.add(Work { percent_millis, known_millis: step });
        }
        (self.last, self.load) = (at, load.or(self.load));
        if charge < self.charge {
            self.fall(charge, at);
        }
        true
    }

    /// The time at the old charge is spread evenly over what the charge fell through.
    fn fall(&mut self, to: u8, at: Tick) {
        let whole = u64::from(self.charge - to);
        let span = millis(self.since, at);
        for percent in to..self.charge {
            let fall = self.falls.entry(percent / BAND_PERCENT).or_default();
            fall.percent += 1;
            fall.millis = fall.millis.saturating_add(share(span, 1, whole));
            fall.work.add(self.work.share(1, whole));
        }
        let fall = self.charge - to;
        self.coarse = Some(self.coarse.map_or(fall, |least| least.min(fall)));
        (self.charge, self.since, self.work) = (to, at, Work::default());
    }

    /// Forgets what lies below a charge that is told again: it was never gone through. One bad
    /// reading must not make a battery of seconds out of one of an hour.
    pub(super) fn rises_to(&mut self, charge: u8) {
        self.falls.retain(|band, _| band.saturating_mul(BAND_PERCENT) >= charge);
    }

    /// What it teaches: the pace in every band that it went through far enough.
    pub(super) fn paces(&self) -> impl Iterator<Item = (u8, Pace)> + '_ {
        self.falls.iter().filter(|(_, fall)| fall.percent >= ENOUGH_PERCENT).map(|(band, fall)| {
            let pace = Pace {
                millis_per_percent: share(fall.millis, 1, u64::from(fall.percent)),
                load_percent: fall.work.mean(fall.millis),
            };
            (*band, pace)
        })
    }
}
