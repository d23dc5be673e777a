//! The triggers: each by itself, each with a name. On mains none fires.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::{Context, Power, Says, SupplyMemory, power_of, tells};
use crate::{observe::SupplyReading, plant::SupplyPlan, seen::Seen, time::Tick};

/// Why a supply asks for a shutdown, mildest first: a mask covers its own cause and milder ones.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Trigger {
    /// On battery again before the recovery from the outage before was over.
    SecondOutage,
    /// On battery for longer than the policy allows.
    TimeOnBattery,
    /// Charge below the policy's minimum.
    Charge,
    /// Charge falls faster than the policy allows.
    ChargeFalling,
    /// Runtime left is short of the budget.
    Runtime,
    /// Nothing is heard on battery, and the last known runtime has run down.
    Silence,
    /// The UPS says its battery is low (`LB`).
    LowBattery,
    /// Somebody ordered a forced shutdown (`FSD`).
    ForcedShutdown,
}

impl Trigger {
    /// The trigger as a word in metrics and conditions.
    pub const fn name(self) -> &'static str {
        match self {
            Self::SecondOutage => "second-outage",
            Self::TimeOnBattery => "time-on-battery",
            Self::Charge => "charge",
            Self::ChargeFalling => "charge-falling",
            Self::Runtime => "runtime",
            Self::Silence => "silence",
            Self::LowBattery => "low-battery",
            Self::ForcedShutdown => "forced-shutdown",
        }
    }

    /// The UPS decides these by itself, so one reading is enough.
    const fn is_immediate(self) -> bool {
        matches!(self, Self::ForcedShutdown | Self::Silence | Self::TimeOnBattery)
    }

    /// How many readings in a row it takes.
    pub(super) fn debounce(self, plan: &SupplyPlan) -> u32 {
        if self.is_immediate() { 1 } else { plan.debounce.max(1) }
    }
}

/// Why a signal is live, with the figures that made it so.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Cause {
    /// The trigger.
    pub trigger: Trigger,
    /// The figures, for a person: `312 s left < 1.25 × 260 s`.
    pub figures: String,
}

/// How far a silent UPS is trusted: its last runtime, elapsed time taken off, times this.
/// A margin for load that rose unseen.
const SILENT_RUNTIME_SHARE: f64 = 0.8;
/// A UPS that is silent for this long is lost (`upsmon` calls it dead after `DEADTIME` 15 s).
/// Before that an answer is late: no sign of anything, and no break in what was told.
pub(super) const LOST_AFTER: Duration = Duration::from_secs(15);
/// The fall of charge is taken over at least this long …
const FALL_WINDOW: Duration = Duration::from_secs(60);
/// … and not in the first seconds after the transfer, when the voltage sags.
const FALL_SETTLE: Duration = Duration::from_secs(30);

/// All triggers that hold in this instant, with their figures.
pub(super) fn live(memory: &SupplyMemory, context: &Context<'_>) -> Vec<Cause> {
    match context.seen {
        Seen::Known { value, .. } if power_of(&value.status) == Power::Battery => {
            heard(memory, value, context)
        }
        Seen::Known { value, .. } if power_of(&value.status) == Power::Mains => Vec::new(),
        _ => silent(memory, context),
    }
}

fn heard(memory: &SupplyMemory, reading: &SupplyReading, context: &Context<'_>) -> Vec<Cause> {
    let Context { plan, budget, now, .. } = *context;
    let mut causes = Vec::new();
    let mut add = |trigger, figures: String| causes.push(Cause { trigger, figures });
    // One that stood beside `OL` is of an outage that is over; our own is told to others.
    let is_news = !memory.forced_before && !context.forced_by_us;
    if tells(&reading.status, Says::ForcedShutdown) && is_news {
        add(Trigger::ForcedShutdown, "forced shutdown is set (FSD)".into());
    }
    if tells(&reading.status, Says::BatteryLow) {
        add(Trigger::LowBattery, "battery is low (LB)".into());
    }
    if let Some(left) = reading.runtime_seconds
        && short(left, plan.runtime_factor, budget)
    {
        add(Trigger::Runtime, runtime_figures(left, plan.runtime_factor, budget));
    }
    if let Some(charge) = reading.charge_percent
        && let Some(fall) = fall_per_minute(memory, charge, now)
        && fall > f64::from(plan.max_fall_percent_per_minute)
    {
        add(
            Trigger::ChargeFalling,
            format!("charge falls {fall:.0} % a minute > {} %", plan.max_fall_percent_per_minute),
        );
    }
    if let Some(charge) = reading.charge_percent
        && charge < plan.trigger_min_charge
    {
        add(Trigger::Charge, format!("{charge} % charge < {} %", plan.trigger_min_charge));
    }
    causes.extend(too_long(memory, context));
    if memory.lifted {
        let figures = "on battery again before all was up".into();
        causes.push(Cause { trigger: Trigger::SecondOutage, figures });
    }
    causes
}

fn too_long(memory: &SupplyMemory, context: &Context<'_>) -> Option<Cause> {
    let longest = context.plan.max_on_battery?;
    (context.now.since(memory.on_battery_since?) >= longest).then(|| Cause {
        trigger: Trigger::TimeOnBattery,
        figures: format!("on battery for {} s", longest.as_secs()),
    })
}

/// Silence on battery is not a reading: the last known runtime runs down while nothing is heard,
/// and the time on battery goes on.
fn silent(memory: &SupplyMemory, context: &Context<'_>) -> Vec<Cause> {
    let is_silent = context.plan.extrapolate_silence && !context.off_by_us;
    if memory.on_battery_since.is_none() || !is_silent {
        return Vec::new();
    }
    let causes = [run_down(memory, context), too_long(memory, context)];
    causes.into_iter().flatten().collect()
}

/// What a lost UPS told last runs down. With no runtime known there is nothing to run down: then a
/// second sign must speak for it.
fn run_down(memory: &SupplyMemory, context: &Context<'_>) -> Option<Cause> {
    let Context { plan, budget, now, .. } = *context;
    let elapsed = now.since(memory.last_heard?);
    if elapsed < LOST_AFTER {
        return None;
    }
    let Some(last) = memory.last_runtime_seconds else {
        let sign = context.second_sign?;
        return Some(Cause {
            trigger: Trigger::Silence,
            figures: format!("silent on battery, runtime never told, and {sign}"),
        });
    };
    #[expect(clippy::cast_precision_loss, reason = "seconds of a battery, far below 2^52")]
    let left = (last as f64 - elapsed.as_secs_f64()).max(0.0) * SILENT_RUNTIME_SHARE;
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "positive, and far below 2^52"
    )]
    let left = left as u64;
    short(left, plan.runtime_factor, budget).then(|| Cause {
        trigger: Trigger::Silence,
        figures: format!(
            "silent on battery for {} s; {}",
            elapsed.as_secs(),
            runtime_figures(left, plan.runtime_factor, budget)
        ),
    })
}

fn short(left_seconds: u64, factor: f64, budget: Duration) -> bool {
    Duration::from_secs(left_seconds) < budget.mul_f64(factor)
}

fn runtime_figures(left: u64, factor: f64, budget: Duration) -> String {
    format!("{left} s left < {factor} × {} s", budget.as_secs())
}

/// From the first reading that counts to the one at hand: one of the trail would stand for seconds,
/// and one bad reading must not count for many.
fn fall_per_minute(memory: &SupplyMemory, charge: u8, now: Tick) -> Option<f64> {
    let settled = memory.on_battery_since?.plus(FALL_SETTLE);
    let (first_at, first) = *memory.charge_trail.iter().find(|(at, _)| *at >= settled)?;
    let over = now.since(first_at);
    if over < FALL_WINDOW {
        return None;
    }
    Some(f64::from(first.saturating_sub(charge)) * 60.0 / over.as_secs_f64())
}
