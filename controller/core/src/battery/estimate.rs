//! From what a battery taught to the seconds it has left.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{BAND_PERCENT, BatteryMemory, Pace, known_load};
use crate::{observe::SupplyReading, time::Tick};

/// The model has a say once it has seen half of the charge's range: with less, most of its number
/// would be a guess of ours instead of one of the firmware.
const ENOUGH_BANDS: usize = 5;
/// What was never seen may be a knee, behind which lead-acid falls about twice as fast.
const UNSEEN_DIVISOR: u64 = 2;
/// A firmware that nothing checked: one that told 22 minutes had 47, so its number can be off by
/// half either way.
const UNCHECKED_MARGIN: u8 = 50;
/// Nothing is known better than this, in percent.
const LEAST_MARGIN: u8 = 10;
/// What the inverter itself draws, in percent of the nominal power: at a tenth of the load a UPS
/// does not last ten times as long.
const OWN_LOAD: u64 = 5;

/// Whose number a runtime is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Basis {
    /// The UPS tells it.
    Firmware,
    /// Its past discharges tell it.
    Model,
}

/// How well a runtime is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Confidence {
    /// No past discharge speaks for or against it.
    Unchecked,
    /// One discharge does, or the charge left was never gone through.
    Low,
    /// Two to four do.
    Fair,
    /// Five or more do.
    Good,
}

impl Confidence {
    /// The word in reports.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Unchecked => "unchecked",
            Self::Low => "low",
            Self::Fair => "fair",
            Self::Good => "good",
        }
    }
}

/// How long a battery lasts under the present load.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Estimate {
    /// Seconds: the more careful of what the UPS and its past discharges tell.
    pub seconds: u64,
    /// Whose number that is.
    pub basis: Basis,
    /// How well it is known.
    pub confidence: Confidence,
    /// How far off it may be, in percent of it.
    pub margin_percent: u8,
    /// What the UPS tells.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub firmware_seconds: Option<u64>,
    /// What its past discharges tell.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub model_seconds: Option<u64>,
    /// From how many discharges.
    pub discharges: u32,
}

impl Estimate {
    /// The estimate in one sentence, for a person.
    pub fn sentence(&self) -> String {
        let (left, margin) = (self.seconds, self.margin_percent);
        let past = match self.discharges {
            1 => "its 1 past discharge".to_owned(),
            many => format!("its {many} past discharges"),
        };
        match (self.basis, self.firmware_seconds, self.model_seconds) {
            (Basis::Model, Some(firmware), _) => {
                let most = left.saturating_mul(100 + u64::from(margin)) / 100;
                let verdict = if firmware > most { ", which is not believed" } else { "" };
                format!(
                    "{left} s by {past}, give or take {margin} %; the UPS says {firmware} s{verdict}"
                )
            }
            (Basis::Model, None, _) => {
                format!("{left} s by {past}, give or take {margin} %; the UPS tells no runtime")
            }
            (Basis::Firmware, _, Some(model)) => format!(
                "{left} s as the UPS says, give or take {margin} %; by {past} it would be {model} s"
            ),
            (Basis::Firmware, _, None) => format!(
                "{left} s as the UPS says, give or take {margin} %: too few discharges were seen to \
                 check it"
            ),
        }
    }
}

/// What the past discharges tell.
struct Model {
    seconds: u64,
    margin_percent: u8,
    confidence: Confidence,
}

/// How long a battery lasts from a reading on; `None` if nothing tells it.
pub fn estimate(memory: &BatteryMemory, reading: &SupplyReading, at: Tick) -> Option<Estimate> {
    let is_told = |seconds: &u64| *seconds > 0 || memory.tells_runtime;
    let firmware = reading.runtime_seconds.filter(is_told);
    let under_way = memory.under_way.as_ref();
    let load = known_load(reading).or_else(|| under_way.and_then(super::Discharge::load));
    let model = reading.charge_percent.and_then(|charge| {
        // The charge is told in steps: the time at the present one is spent.
        let spent = under_way.filter(|discharge| discharge.charge() <= charge).map_or(
            (0, 1),
            |discharge| {
                let coarse = discharge.coarse().or(memory.coarse_percent);
                (discharge.held_millis(at), coarse.unwrap_or(1))
            },
        );
        model(memory, charge, load, spent)
    });
    let (seconds, basis) = match (firmware, &model) {
        (Some(told), Some(model)) if told > model.seconds => (model.seconds, Basis::Model),
        (Some(told), _) => (told, Basis::Firmware),
        (None, Some(model)) => (model.seconds, Basis::Model),
        (None, None) => return None,
    };
    Some(Estimate {
        seconds,
        basis,
        confidence: model.as_ref().map_or(Confidence::Unchecked, |model| model.confidence),
        margin_percent: model.as_ref().map_or(UNCHECKED_MARGIN, |model| model.margin_percent),
        firmware_seconds: firmware,
        model_seconds: model.map(|model| model.seconds),
        discharges: memory.discharges,
    })
}

/// How long a full battery would last under a load, by its past discharges: whether it will ever
/// hold enough. `None` before enough was seen.
pub fn full_seconds(memory: &BatteryMemory, load_percent: Option<u16>) -> Option<u64> {
    model(memory, 100, load_percent.filter(|load| *load > 0), (0, 1)).map(|model| model.seconds)
}

/// The time of every percent left, less what is spent of the present step: milliseconds at the
/// present charge, and how many percent a step has.
fn model(
    memory: &BatteryMemory,
    charge: u8,
    load: Option<u16>,
    (spent_millis, step_percent): (u64, u8),
) -> Option<Model> {
    let told = |(band, paces): (&u8, &Vec<Pace>)| Some((*band, least(paces, load)?));
    let bands: BTreeMap<u8, (u64, u8)> = memory.bands.iter().filter_map(told).collect();
    if bands.len() < ENOUGH_BANDS {
        return None;
    }
    let deepest = bands.keys().next().copied()?;
    let charge = charge.min(100);
    let (mut whole, mut top, mut margin, mut seen_all) = (0_u64, 0_u64, LEAST_MARGIN, true);
    let step_from = charge.saturating_sub(step_percent);
    for percent in 0..charge {
        let band = percent / BAND_PERCENT;
        let (least, spread) = nearest(&bands, band)?;
        let is_deeper = band < deepest;
        seen_all &= !is_deeper;
        margin = margin.max(spread);
        let millis = if is_deeper { least / UNSEEN_DIVISOR } else { least };
        whole = whole.saturating_add(millis);
        if percent >= step_from {
            top = top.saturating_add(millis);
        }
    }
    let left = whole.saturating_sub(spent_millis.min(top));
    let seconds = worn(memory, load, left) / 1000;
    let confidence = match memory.discharges {
        0 | 1 => Confidence::Low,
        _ if !seen_all => Confidence::Low,
        2..=4 => Confidence::Fair,
        _ => Confidence::Good,
    };
    let margin_percent = if seen_all { margin } else { margin.max(UNCHECKED_MARGIN) };
    Some(Model { seconds, margin_percent, confidence })
}

/// A band, if it was seen, else the next above, else the next below.
fn nearest<T: Copy>(bands: &BTreeMap<u8, T>, band: u8) -> Option<T> {
    let above = bands.range(band..).next();
    above.or_else(|| bands.range(..band).next_back()).map(|(_, told)| *told)
}

/// The least of the paces that say something of a load, and how far they lie apart in percent.
fn least(paces: &[Pace], load: Option<u16>) -> Option<(u64, u8)> {
    let under = || paces.iter().filter_map(|pace| under_load(pace, load));
    let (least, most) = (under().min()?, under().max()?);
    let spread = (most - least).saturating_mul(100).checked_div(most).unwrap_or(0);
    Some((least, u8::try_from(spread).unwrap_or(100)))
}

/// What a pace says of a load that is at most so many times as heavy. A battery that lasted for
/// hours under the switch alone, after the hosts were off, tells nothing of how long it carries
/// them: loads are told in whole percents, and the law for heavier ones holds for loads of a kind.
const COMPARABLE_TIMES: u16 = 3;

/// A percent's time under another load than that of then, if the two compare. An unknown load is
/// the same load.
fn under_load(pace: &Pace, load: Option<u16>) -> Option<u64> {
    match (pace.load_percent, load) {
        (Some(then), Some(now)) if now > then.saturating_mul(COMPARABLE_TIMES) => None,
        (Some(then), Some(now)) => Some(at_load(pace.millis_per_percent, then, now)),
        _ => Some(pace.millis_per_percent),
    }
}

/// How long what lasts so many milliseconds under a load of `then` percent lasts under one of
/// `now`.
///
/// A heavier load costs more than its share (Peukert's law, with 1.2 for lead-acid: `r^1.2` is at
/// most `r × (1 + 0.2 × (r − 1))` for a load that is r times as high). A lighter one gains less
/// than its share, because the inverter draws its own.
pub fn at_load(millis: u64, then: u16, now: u16) -> u64 {
    let (then, now) = (u64::from(then), u64::from(now));
    let ratio = |of: u64, by: u64| millis.saturating_mul(of).checked_div(by).unwrap_or(millis);
    if now <= then {
        return ratio(then + OWN_LOAD, now + OWN_LOAD);
    }
    let linear = ratio(then, now);
    linear.saturating_mul(5 * then).checked_div(5 * then + (now - then)).unwrap_or(linear)
}

/// A battery that falls faster now than it ever did has aged: the rest is cut by as much.
fn worn(memory: &BatteryMemory, load: Option<u16>, left: u64) -> u64 {
    let Some(discharge) = &memory.under_way else { return left };
    let (mut now, mut then) = (0_u64, 0_u64);
    for (band, pace) in discharge.paces() {
        let past = memory.bands.get(&band).and_then(|paces| least(paces, load));
        let Some((least, pace)) = past.map(|(least, _)| least).zip(under_load(&pace, load)) else {
            continue;
        };
        now = now.saturating_add(pace);
        then = then.saturating_add(least);
    }
    if now >= then { left } else { left.saturating_mul(now).checked_div(then).unwrap_or(left) }
}
