//! What is remembered of a supply from one decision to the next, and how it moves on.

use std::{collections::BTreeMap, time::Duration};

use serde::{Deserialize, Serialize};

use super::{Cause, Energy, Power, Says, Trigger, power_of, tells, triggers};
use crate::{
    observe::{Device, Mask, SupplyReading},
    plant::SupplyPlan,
    seen::Seen,
    time::Tick,
};

/// The phase of a supply's signal.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Phase {
    /// Nothing is asked for. After an outage this is *lifted*: recovery begins by itself.
    #[default]
    Clear,
    /// On battery and triggered.
    Falling,
    /// Mains are back, not yet stable for long enough or with too little energy stored.
    Held,
}

/// What is remembered of one supply.
#[expect(clippy::struct_excessive_bools, reason = "facts that do not exclude one another")]
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct SupplyMemory {
    /// The phase.
    pub phase: Phase,
    /// Since when it is in that phase.
    pub since: Tick,
    /// Why it left [`Phase::Clear`].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cause: Option<Cause>,
    /// On battery since; kept through silence.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub on_battery_since: Option<Tick>,
    /// Whether the mains were away and have not held for the policy's time since.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub unsettled: bool,
    /// Whether nothing is remembered of the mains before they were first heard: the journal was
    /// lost, or the supply was silent for long. They count as unsettled, unless everything is up
    /// and nothing is to be started.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub unproven: bool,
    /// Whether its signal was lifted and what it took down is not all up again.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub lifted: bool,
    /// Whether `FSD` has stood beside `OL`. It is of an outage that is over, ours or somebody
    /// else's: upsd keeps it until it is restarted.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub forced_before: bool,
    /// Which device it was.
    #[serde(skip_serializing_if = "Device::is_untold")]
    pub device: Device,
    /// On mains since.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mains_since: Option<Tick>,
    /// When the mains last went, in this daemon's sight; kept when they are back.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub went: Option<Tick>,
    /// When the mains last came back, in this daemon's sight.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub returned: Option<Tick>,
    /// When it last told where its power comes from.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_heard: Option<Tick>,
    /// The runtime it told then.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_runtime_seconds: Option<u64>,
    /// How many readings in a row each trigger has held.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub streaks: BTreeMap<Trigger, u32>,
    /// The volume whose last healthy replicas it feeds, so that its signal takes the cluster down
    /// too. Kept for as long as the signal is live: nobody sees it once the API is gone.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_replicas: Option<String>,
    /// Charge over the last two minutes on battery.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub charge_trail: Vec<(Tick, u8)>,
}

/// How long the trail of charge reaches back.
const TRAIL: Duration = Duration::from_secs(120);
/// The trail is thinned to one reading in this long.
const TRAIL_STEP: Duration = Duration::from_secs(5);

/// What moves a memory on.
pub struct Context<'a> {
    /// The supply's part of the policy.
    pub plan: &'a SupplyPlan,
    /// What is seen of it now; a reading of another device is none.
    pub seen: &'a Seen<SupplyReading>,
    /// How long it takes from here to everything off.
    pub budget: Duration,
    /// What the energy stored in it allows.
    pub energy: Energy,
    /// What else speaks for an outage, if it is silent on battery.
    pub second_sign: Option<&'a str>,
    /// The host that its `upsd` runs on, if it is not heard because that host does not answer.
    pub away: Option<&'a str>,
    /// Whether it is not heard because we powered that host off: that is no silence.
    pub off_by_us: bool,
    /// Whether the forced shutdown that stands on it is ours.
    pub forced_by_us: bool,
    /// The operator's mask, if one is live.
    pub mask: Option<&'a Mask>,
    /// Now.
    pub now: Tick,
}

/// The next memory of a supply. Calling it twice with the same reading is calling it once.
#[must_use]
pub fn advance(before: &SupplyMemory, context: &Context<'_>) -> SupplyMemory {
    let mut memory = before.clone();
    let told = match context.seen {
        Seen::Known { value, at } if power_of(&value.status) != Power::Unknown => {
            Some((value, *at))
        }
        _ => None,
    };
    let is_new = told.is_some_and(|(_, at)| memory.last_heard.is_none_or(|heard| at > heard));
    match told {
        Some((reading, at)) if is_new => hear(&mut memory, reading, at),
        Some(_) => {}
        None => miss(&mut memory, context.now),
    }
    if memory.mains_since.is_some_and(|since| context.now.since(since) >= context.plan.stable_for) {
        memory.unsettled = false;
        memory.unproven = false;
    }
    let causes = triggers::live(&memory, context);
    if told.is_some() {
        memory.streaks.retain(|trigger, _| causes.iter().any(|c| c.trigger == *trigger));
    }
    count(&mut memory, &causes, is_new);
    let fired = causes
        .into_iter()
        .filter(|c| {
            memory.streaks.get(&c.trigger).copied().unwrap_or(0) >= c.trigger.debounce(context.plan)
        })
        .filter(|c| context.mask.is_none_or(|m| c.trigger > m.cause || context.now >= m.until))
        .max_by_key(|c| c.trigger);
    step_phase(&mut memory, fired, context);
    memory
}

fn hear(memory: &mut SupplyMemory, reading: &SupplyReading, at: Tick) {
    memory.last_heard = Some(at);
    memory.last_runtime_seconds = reading.runtime_seconds;
    memory.device.learn(&reading.device);
    let is_forced = tells(&reading.status, Says::ForcedShutdown);
    memory.forced_before &= is_forced;
    if power_of(&reading.status) == Power::Battery {
        memory.mains_since = None;
        memory.unsettled = true;
        if memory.on_battery_since.is_none() {
            (memory.on_battery_since, memory.went) = (Some(at), Some(at));
        }
        if let Some(charge) = reading.charge_percent {
            trail(&mut memory.charge_trail, at, charge);
        }
        return;
    }
    memory.forced_before = is_forced;
    if memory.on_battery_since.take().is_some() {
        memory.returned = Some(at);
    }
    if memory.mains_since.is_none() && !memory.unsettled {
        memory.unproven = true;
    }
    memory.mains_since.get_or_insert(at);
    memory.charge_trail.clear();
}

/// Not told where its power comes from. That neither ends an outage nor begins one; but mains that
/// nobody saw for a while did not hold for that while, nor did readings agree over it.
fn miss(memory: &mut SupplyMemory, now: Tick) {
    let is_long = memory.last_heard.is_some_and(|heard| now.since(heard) > triggers::LOST_AFTER);
    if is_long {
        memory.streaks.clear();
    }
    if is_long && memory.mains_since.take().is_some() {
        memory.unproven = true;
    }
}

fn trail(trail: &mut Vec<(Tick, u8)>, at: Tick, charge: u8) {
    trail.retain(|(then, _)| at.since(*then) <= TRAIL);
    if trail.last().is_none_or(|(then, _)| at.since(*then) >= TRAIL_STEP) {
        trail.push((at, charge));
    }
}

fn count(memory: &mut SupplyMemory, causes: &[Cause], is_new: bool) {
    for cause in causes {
        let streak = memory.streaks.entry(cause.trigger).or_insert(0);
        // Silence brings no new reading; it counts by itself.
        if is_new || *streak == 0 {
            *streak = streak.saturating_add(1);
        }
    }
}

fn step_phase(memory: &mut SupplyMemory, fired: Option<Cause>, context: &Context<'_>) {
    let enter = |memory: &mut SupplyMemory, phase| {
        if memory.phase != phase {
            memory.phase = phase;
            memory.since = context.now;
        }
    };
    let on_battery = memory.on_battery_since.is_some();
    match (memory.phase, fired) {
        (_, Some(cause)) => {
            if memory.phase != Phase::Falling
                || memory.cause.as_ref().is_none_or(|c| c.trigger < cause.trigger)
            {
                memory.cause = Some(cause);
            }
            enter(memory, Phase::Falling);
            memory.lifted = false;
        }
        // A mask set by a person lifts the signal; the mains need not be back.
        (Phase::Falling | Phase::Held, None) if masked(memory, context) => {
            enter(memory, Phase::Clear);
            (memory.cause, memory.last_replicas) = (None, None);
        }
        // On battery again: falling at once, no trigger is waited for.
        (Phase::Held, None) if on_battery => enter(memory, Phase::Falling),
        (Phase::Falling | Phase::Held, None)
            if !on_battery && memory.mains_since.is_some() && lifts(memory, context) =>
        {
            enter(memory, Phase::Clear);
            (memory.cause, memory.last_replicas) = (None, None);
            memory.lifted = true;
        }
        (Phase::Falling, None) if !on_battery && memory.mains_since.is_some() => {
            enter(memory, Phase::Held);
        }
        _ => {}
    }
}

/// Whether the signal goes by itself. What a policy does not let go, a person does, with a mask.
fn lifts(memory: &SupplyMemory, context: &Context<'_>) -> bool {
    context.plan.resume_by_itself && super::gate(memory, context).is_open()
}

fn masked(memory: &SupplyMemory, context: &Context<'_>) -> bool {
    let cause = memory.cause.as_ref().map(|c| c.trigger);
    context.mask.is_some_and(|m| context.now < m.until && cause.is_some_and(|c| c <= m.cause))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::seen::Unseen;

    const PLAN: SupplyPlan = SupplyPlan {
        name: String::new(),
        hosts: Vec::new(),
        via: None,
        runtime_factor: 1.25,
        trigger_min_charge: 20,
        max_on_battery: None,
        max_fall_percent_per_minute: 15,
        debounce: 3,
        extrapolate_silence: true,
        recover_min_charge: 35,
        stable_for: Duration::from_secs(60),
        resume_by_itself: true,
    };

    const fn at(seconds: u64) -> Tick {
        Tick::from_millis(seconds * 1000)
    }

    fn on_mains(seconds: u64) -> Seen<SupplyReading> {
        let reading = SupplyReading { status: vec!["OL".into()], ..SupplyReading::default() };
        Seen::known(reading, at(seconds))
    }

    fn after(before: &SupplyMemory, seen: &Seen<SupplyReading>, now: u64) -> SupplyMemory {
        let context = Context {
            plan: &PLAN,
            seen,
            budget: Duration::from_secs(100),
            energy: Energy::Enough,
            second_sign: None,
            away: None,
            off_by_us: false,
            forced_by_us: false,
            mask: None,
            now: at(now),
        };
        advance(before, &context)
    }

    /// Nobody knows what happened meanwhile.
    #[test]
    fn mains_that_nobody_saw_hold_anew() {
        let held = after(&SupplyMemory::default(), &on_mains(1_000), 1_000);
        let held = after(&held, &on_mains(1_100), 1_100);
        assert_eq!((held.mains_since, held.unproven), (Some(at(1_000)), false), "they held");
        let silent = Seen::unknown(Unseen::Silent, at(1_100));
        let late = after(&held, &silent, 1_115);
        assert_eq!(late.mains_since, Some(at(1_000)), "an answer that is late breaks nothing");
        let lost = after(&late, &silent, 1_116);
        assert_eq!((lost.mains_since, lost.unproven), (None, true));
        let heard = after(&lost, &on_mains(1_130), 1_130);
        assert_eq!((heard.mains_since, heard.unproven), (Some(at(1_130)), true));
        assert!(after(&heard, &on_mains(1_189), 1_189).unproven);
        assert!(!after(&heard, &on_mains(1_190), 1_190).unproven);
    }
}
