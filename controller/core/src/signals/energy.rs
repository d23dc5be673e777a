//! Stored energy: whether a battery holds enough to take a step up and to come down again.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::{observe::SupplyReading, plant::SupplyPlan, seen::Seen};

/// How long the battery of a supply would last from now; `None` if nothing tells it.
///
/// The one place where that number comes from, for everything that asks whether something may go
/// up. Some drivers tell 0 while the battery charges: that is no number.
pub fn stored(seen: &Seen<SupplyReading>) -> Option<Duration> {
    let seconds = seen.value()?.runtime_seconds.filter(|seconds| *seconds > 0)?;
    Some(Duration::from_secs(seconds))
}

/// What the stored energy allows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", rename_all_fields = "camelCase", tag = "energy")]
pub enum Energy {
    /// Enough is stored, or nothing tells how much.
    Enough,
    /// It does not yet cover the next step up and the way down from there.
    Short {
        /// Seconds on battery that are needed.
        needed_seconds: u64,
    },
    /// Not even a full battery covers it, under the present load.
    NeverEnough {
        /// Seconds that a full battery lasts.
        full_seconds: u64,
        /// Seconds on battery that are needed.
        needed_seconds: u64,
    },
}

/// Judges the stored energy against `span`, the time on battery that a step up and the way down
/// from there take; the policy's factor is added here.
///
/// Without a charge nobody can tell whether waiting helps, so nothing is waited for.
pub fn energy(plan: &SupplyPlan, seen: &Seen<SupplyReading>, span: Duration) -> Energy {
    let needed = span.mul_f64(plan.runtime_factor);
    let charge = seen.value().and_then(|reading| reading.charge_percent);
    let (Some(left), Some(charge)) = (stored(seen), charge.filter(|charge| *charge > 0)) else {
        return Energy::Enough;
    };
    let full = left * 100 / u32::from(charge);
    let needed_seconds = needed.as_secs();
    if left >= needed {
        Energy::Enough
    } else if full < needed {
        Energy::NeverEnough { full_seconds: full.as_secs(), needed_seconds }
    } else {
        Energy::Short { needed_seconds }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{seen::Unseen, time::Tick};

    fn told(charge: Option<u8>, runtime: Option<u64>) -> Seen<SupplyReading> {
        let reading = SupplyReading {
            status: vec!["OL".into()],
            charge_percent: charge,
            runtime_seconds: runtime,
            ..SupplyReading::default()
        };
        Seen::known(reading, Tick::default())
    }

    fn judged(seen: &Seen<SupplyReading>) -> Energy {
        let plan = SupplyPlan {
            name: "ups".into(),
            hosts: Vec::new(),
            via: None,
            runtime_factor: 1.25,
            trigger_min_charge: 20,
            max_on_battery: None,
            max_fall_percent_per_minute: 15,
            debounce: 3,
            extrapolate_silence: true,
            recover_min_charge: 35,
            stable_for: Duration::ZERO,
            resume_by_itself: true,
        };
        energy(&plan, seen, Duration::from_secs(400))
    }

    #[test]
    fn enough_from_the_factor_on() {
        assert_eq!(judged(&told(Some(50), Some(500))), Energy::Enough);
        assert_eq!(judged(&told(Some(50), Some(499))), Energy::Short { needed_seconds: 500 });
    }

    #[test]
    fn a_battery_that_is_full_and_short_never_holds_enough() {
        let never = Energy::NeverEnough { full_seconds: 499, needed_seconds: 500 };
        assert_eq!(judged(&told(Some(100), Some(499))), never);
        let half = Energy::NeverEnough { full_seconds: 498, needed_seconds: 500 };
        assert_eq!(judged(&told(Some(50), Some(249))), half);
        assert_eq!(judged(&told(Some(50), Some(250))), Energy::Short { needed_seconds: 500 });
    }

    #[test]
    fn what_is_not_told_is_not_waited_for() {
        assert_eq!(judged(&told(None, Some(10))), Energy::Enough);
        assert_eq!(judged(&told(Some(50), None)), Energy::Enough);
        assert_eq!(judged(&told(Some(50), Some(0))), Energy::Enough);
        assert_eq!(judged(&told(Some(0), Some(10))), Energy::Enough);
        assert_eq!(judged(&Seen::unknown(Unseen::Silent, Tick::default())), Energy::Enough);
    }
}
