//! The battery model: how long a supply lasts, learned from its own past discharges.
//!
//! What a UPS tells of its runtime is a guess of its firmware, and it lies both ways: one that told
//! 22 minutes lasted 47, one that told 0 % had 12 minutes left, and a worn battery is gone long
//! before its number is. So the time that each ten percent of charge really lasted is remembered,
//! with the load of then. The more careful of the two numbers decides. Before enough was seen the
//! firmware's number stands, and its margin is told.
//!
//! Whole numbers only: the same readings give the same estimate on every machine.

mod discharge;
mod estimate;

use std::{collections::BTreeMap, sync::Arc};

use serde::{Deserialize, Serialize};

pub use discharge::Discharge;
pub use estimate::{Basis, Confidence, Estimate, at_load, estimate, full_seconds};

use crate::{
    observe::SupplyReading,
    plant::Plant,
    seen::Seen,
    signals::{Power, power_of},
    time::Tick,
};

/// So many percent of charge are one band.
const BAND_PERCENT: u8 = 10;
/// A battery ages: only this many past discharges of a band count.
const REMEMBERED: usize = 5;
/// A discharge says something of a band once it went through this much of it, in percent.
const ENOUGH_PERCENT: u32 = 5;

/// How long one percent of charge lasted in one band of one discharge.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Pace {
    /// Milliseconds for each percent.
    pub millis_per_percent: u64,
    /// The mean load, in percent of the nominal power; `None` if the supply does not tell it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub load_percent: Option<u16>,
}

/// What is remembered of one battery.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct BatteryMemory {
    /// Past discharges by band (0 is below 10 %), the oldest first.
    #[serde(with = "crate::keys", skip_serializing_if = "BTreeMap::is_empty")]
    pub bands: BTreeMap<u8, Vec<Pace>>,
    /// How many discharges taught something, ever.
    #[serde(skip_serializing_if = "is_zero")]
    pub discharges: u32,
    /// How coarse the charge was told in the last of them, in percent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub coarse_percent: Option<u8>,
    /// The discharge that is under way.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub under_way: Option<Discharge>,
    /// Whether it ever told a runtime other than 0. A driver that knows none tells 0 for ever.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub tells_runtime: bool,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde hands out references")]
const fn is_zero(number: &u32) -> bool {
    *number == 0
}

impl BatteryMemory {
    /// Takes one reading in. Taking the same one twice is taking it once.
    pub fn hear(&mut self, reading: &SupplyReading, at: Tick) {
        let power = power_of(&reading.status);
        let runtime = reading.runtime_seconds.filter(|_| power != Power::Unknown);
        self.tells_runtime |= runtime.is_some_and(|seconds| seconds > 0);
        match power {
            Power::Mains => self.close(),
            Power::Battery => {
                let Some(charge) = reading.charge_percent else { return };
                let load = known_load(reading);
                let goes_on = self.under_way.as_mut().is_some_and(|d| d.hear(charge, load, at));
                if !goes_on {
                    if let Some(discharge) = &mut self.under_way {
                        discharge.rises_to(charge);
                    }
                    self.close();
                    self.under_way = Some(Discharge::begin(charge, load, at));
                }
            }
            // Neither ends a discharge nor belongs to one: a self-test, a driver that starts.
            Power::Unknown => {}
        }
    }

    /// Ends the discharge under way and learns from it. Also right when this host was off
    /// meanwhile: a discharge is made of spans.
    pub fn close(&mut self) {
        let Some(discharge) = self.under_way.take() else { return };
        self.coarse_percent = discharge.coarse().or(self.coarse_percent);
        let mut taught = false;
        for (band, pace) in discharge.paces() {
            let paces = self.bands.entry(band).or_default();
            paces.push(pace);
            let surplus = paces.len().saturating_sub(REMEMBERED);
            paces.drain(..surplus);
            taught = true;
        }
        self.discharges = self.discharges.saturating_add(u32::from(taught));
    }

    /// Whether this holds more than `before` that is worth a sync to disk: losing less than five
    /// percent of a discharge costs nothing.
    pub fn is_news_after(&self, before: &Self) -> bool {
        let step = |memory: &Self| memory.under_way.as_ref().map(|d| d.charge() / 5);
        self.discharges != before.discharges
            || step(self) != step(before)
            || self.tells_runtime != before.tells_runtime
    }
}

/// A load of nothing at all is a firmware that does not measure it.
pub(crate) fn known_load(reading: &SupplyReading) -> Option<u16> {
    reading.load_percent.filter(|load| *load > 0)
}

/// One supply as it is believed: what its battery taught, and its reading with the more careful
/// runtime in it.
#[derive(Debug, Clone)]
pub struct Believed {
    /// The next memory.
    pub memory: Arc<BatteryMemory>,
    /// The reading, with the runtime that decides.
    pub seen: Seen<SupplyReading>,
    /// Where that runtime comes from; `None` if nothing tells one.
    pub estimate: Option<Estimate>,
}

/// Looks at every supply of a plant, in its order.
pub(crate) fn believe(
    plant: &Plant,
    seen: &BTreeMap<String, Seen<SupplyReading>>,
    memories: &BTreeMap<String, Arc<BatteryMemory>>,
) -> Vec<Believed> {
    let one = |name: &String| {
        let mut memory = memories.get(name).cloned().unwrap_or_default();
        let mut seen = seen.get(name).cloned().unwrap_or(NOT_YET);
        let mut told = None;
        if let Seen::Known { value, at } = &mut seen {
            Arc::make_mut(&mut memory).hear(value, *at);
            told = estimate(&memory, value, *at);
            let runtime = told.as_ref().map(|estimate| estimate.seconds);
            if value.runtime_seconds != runtime {
                Arc::make_mut(value).runtime_seconds = runtime;
            }
        }
        Believed { memory, seen, estimate: told }
    };
    plant.supplies.iter().map(|plan| one(&plan.name)).collect()
}

const NOT_YET: Seen<SupplyReading> =
    Seen::unknown(crate::seen::Unseen::NotYet, Tick::from_millis(0));
