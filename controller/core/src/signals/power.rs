//! Whether anything may go up.

use serde::{Deserialize, Serialize};

use super::{Context, Energy, Power, SupplyMemory, Unclear, power_of, unclear};
use crate::{
    seen::{Seen, Unseen},
    time::Tick,
};

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
    /// Nothing is started before the host is on that its `upsd` runs on.
    HostOff {
        /// That host.
        host: String,
    },
    /// Nothing is started while the words of its status do not tell where power comes from.
    Unclear {
        /// Why they do not.
        what: Unclear,
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
    /// The stored energy does not cover the next step up and the way down from there.
    EnergyShort {
        /// Seconds on battery that they take.
        needed_seconds: u64,
    },
}

/// The gate of one supply, from its reading and from how long the mains have held.
pub fn gate(memory: &SupplyMemory, context: &Context<'_>) -> Gate {
    let Context { plan, now, .. } = *context;
    let reading = match context.seen {
        Seen::Known { value, .. } => value,
        Seen::Unknown { .. } if is_given_up(context) => return Gate::Open,
        Seen::Unknown { why, .. } => {
            let away = context.away.map(|host| Gate::HostOff { host: host.to_owned() });
            return away.unwrap_or(Gate::Unseen { why: *why });
        }
    };
    if let Some(what) = unclear(&reading.status) {
        return Gate::Unclear { what };
    }
    if power_of(&reading.status) == Power::Battery {
        return Gate::OnBattery;
    }
    if memory.unsettled || memory.unproven {
        let until = memory.mains_since.unwrap_or(now).plus(plan.stable_for);
        if now < until {
            return Gate::NotStable { until };
        }
    }
    match (reading.charge_percent, context.energy) {
        (Some(charge), _) if charge < plan.recover_min_charge => {
            Gate::EnergyLow { charge_percent: charge, needed_percent: plan.recover_min_charge }
        }
        (_, Energy::Short { needed_seconds }) => Gate::EnergyShort { needed_seconds },
        // Waiting would be for ever: the policy says whether recovery begins all the same.
        (_, Energy::Enough | Energy::NeverEnough { .. }) => Gate::Open,
    }
}

/// A person has masked it while it was not heard: a burnt-out UPS keeps nothing down for ever.
fn is_given_up(context: &Context<'_>) -> bool {
    context.mask.is_some_and(|mask| mask.unheard && context.now < mask.until)
}

impl Gate {
    /// Whether the supply is known to be on mains.
    pub fn is_on_mains(&self) -> bool {
        !matches!(
            self,
            Self::OnBattery | Self::Unseen { .. } | Self::HostOff { .. } | Self::Unclear { .. }
        )
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
            Self::HostOff { host } => {
                format!("{supply} is not heard while {host} is off: its upsd runs there")
            }
            Self::Unclear { what } => format!("{supply} {}", what.text()),
            Self::NotStable { .. } => {
                format!("mains of {supply} are back, not yet for long enough")
            }
            Self::EnergyLow { charge_percent, needed_percent } => {
                format!("{supply} is charged to {charge_percent} %, {needed_percent} % are needed")
            }
            // Not how much is stored: a sentence that changes every second is written every second.
            Self::EnergyShort { needed_seconds } => format!(
                "{supply} stores less than the {needed_seconds} s that the next step and the way \
                 down from there take; it is charging"
            ),
        }
    }
}
