//! What the words of `ups.status` mean, and whether anything may go up.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::{
    observe::SupplyReading,
    plant::SupplyPlan,
    seen::{Seen, Unseen},
    signals::SupplyMemory,
    time::Tick,
};

/// Where a supply's power comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Power {
    /// Mains.
    Mains,
    /// Battery, because the mains are away.
    Battery,
    /// The words do not tell: `WAIT`, `OFF`, `CAL`, contradicting or unknown words, none at all.
    Unknown,
}

/// Reads `ups.status`. The order of the words does not matter.
///
/// A calibration or self-test (`CAL`) discharges on purpose and is not an outage; `OL DISCHRG` is
/// mains (some drivers say it during a test); `WAIT` comes from upsd itself before the driver's
/// first full answer (NUT 2.8, `sock-protocol`).
pub fn power_of(status: &[String]) -> Power {
    let has = |word: &str| status.iter().any(|w| w == word);
    match (has("OL"), has("OB")) {
        _ if has("WAIT") || has("CAL") => Power::Unknown,
        (true, false) => Power::Mains,
        (false, true) => Power::Battery,
        (true, true) | (false, false) => Power::Unknown,
    }
}

/// Whether anything that rests on a supply may go up.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", rename_all_fields = "camelCase", tag = "gate")]
pub enum Gate {
    /// It may.
    Open,
    /// Nothing is started on battery.
    OnBattery,
    /// Nothing is started while power is unknown.
    Unseen {
        /// Why it is not seen.
        why: Unseen,
    },
    /// Mains are back, but not for long enough.
    NotStable {
        /// Until when they must hold.
        until: Tick,
    },
    /// Too little energy is stored.
    EnergyLow {
        /// The charge.
        charge_percent: u8,
        /// What the policy asks for.
        needed_percent: u8,
    },
}

/// The gate of one supply, from its reading and from how long the mains have held.
pub fn gate(
    plan: &SupplyPlan,
    seen: &Seen<SupplyReading>,
    memory: &SupplyMemory,
    now: Tick,
) -> Gate {
    let reading = match seen {
        Seen::Known { value, .. } => value,
        Seen::Unknown { why, .. } => return Gate::Unseen { why: *why },
    };
    match power_of(&reading.status) {
        Power::Battery => return Gate::OnBattery,
        Power::Unknown => return Gate::Unseen { why: Unseen::Garbage },
        Power::Mains => {}
    }
    if memory.unsettled {
        let until = memory.mains_since.unwrap_or(now).plus(plan.stable_for);
        if now < until {
            return Gate::NotStable { until };
        }
    }
    match reading.charge_percent {
        Some(charge) if charge < plan.recover_min_charge => {
            Gate::EnergyLow { charge_percent: charge, needed_percent: plan.recover_min_charge }
        }
        _ => Gate::Open,
    }
}

impl Gate {
    /// How long until it may open by itself, if time is what it waits for.
    pub fn opens_in(&self, now: Tick) -> Option<Duration> {
        match self {
            Self::NotStable { until } => Some(until.since(now)),
            _ => None,
        }
    }

    /// Whether it is open.
    pub fn is_open(&self) -> bool {
        *self == Self::Open
    }

    /// The gate as half a sentence about `supply`, for a person.
    pub fn text(&self, supply: &str) -> String {
        match self {
            Self::Open => format!("{supply} is on mains"),
            Self::OnBattery => format!("{supply} is on battery"),
            Self::Unseen { why } => format!("{supply} {}", why.text()),
            Self::NotStable { .. } => {
                format!("mains of {supply} are back, not yet for long enough")
            }
            Self::EnergyLow { charge_percent, needed_percent } => {
                format!("{supply} is charged to {charge_percent} %, {needed_percent} % are needed")
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn status_words_in_any_order() {
        for (words, power) in [
            ("OL", Power::Mains),
            ("OL CHRG", Power::Mains),
            ("CHRG OL", Power::Mains),
            ("OL DISCHRG", Power::Mains),
            ("OL BYPASS", Power::Mains),
            ("OL FSD", Power::Mains),
            ("OL TRIM", Power::Mains),
            ("OL BOOST", Power::Mains),
            ("OL RB ALARM", Power::Mains),
            ("OL ECO", Power::Mains),
            ("OB DISCHRG", Power::Battery),
            ("LB OB", Power::Battery),
            ("FSD OB LB", Power::Battery),
            ("OB SOMETHINGNEW", Power::Battery),
            ("OL OB", Power::Unknown),
            ("OL CAL", Power::Unknown),
            ("CAL OB DISCHRG", Power::Unknown),
            ("WAIT", Power::Unknown),
            ("FSD WAIT", Power::Unknown),
            ("OFF", Power::Unknown),
            ("BYPASS", Power::Unknown),
            ("", Power::Unknown),
            ("SOMETHINGNEW", Power::Unknown),
        ] {
            let status: Vec<String> = words.split_whitespace().map(Into::into).collect();
            assert_eq!(power_of(&status), power, "{words}");
        }
    }
}
