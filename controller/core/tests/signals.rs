//! A supply's signal, reading by reading: bounds in the second in which they are reached, and what
//! a person is told of them.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test that cannot go on fails")]

mod support;

use ananke_core::{
    observe::{Mask, SupplyReading},
    plant::SupplyPlan,
    seen::{Seen, Unseen},
    signals::{
        Cause, Context, Energy, Gate, Phase, SupplyMemory, Trigger, Trust, Unclear, advance,
        energy, gate, stored, trust, unclear,
    },
    time::Tick,
};
use support::{at, secs};

/// Acts at the first reading; the way down takes 100 s, with a margin of a quarter.
fn plan() -> SupplyPlan {
    let mut plan = support::plant(&support::policy("small")).supplies[0].clone();
    (plan.debounce, plan.runtime_factor, plan.stable_for) = (1, 1.25, secs(60));
    (plan.trigger_min_charge, plan.max_fall_percent_per_minute) = (20, 15);
    (plan.recover_min_charge, plan.max_on_battery, plan.resume_by_itself) = (35, None, true);
    plan
}

fn context<'a>(plan: &'a SupplyPlan, seen: &'a Seen<SupplyReading>, now: u64) -> Context<'a> {
    Context {
        plan,
        seen,
        budget: secs(100),
        energy: Energy::Enough,
        second_sign: None,
        away: None,
        off_by_us: false,
        forced_by_us: false,
        mask: None,
        now: at(now),
    }
}

fn reading(words: &str, charge: u8, runtime: u64) -> SupplyReading {
    SupplyReading {
        status: words.split_whitespace().map(str::to_owned).collect(),
        charge_percent: Some(charge),
        runtime_seconds: Some(runtime),
        ..SupplyReading::default()
    }
}

/// A reading taken in.
fn heard(before: &SupplyMemory, reading: &SupplyReading, now: u64) -> SupplyMemory {
    let seen = Seen::known(reading.clone(), at(now));
    advance(before, &context(&plan(), &seen, now))
}

fn on_battery(since: u64) -> SupplyMemory {
    heard(&SupplyMemory::default(), &reading("OB", 100, 3_000), since)
}

#[test]
fn a_runtime_is_short_below_the_budget_and_its_margin() {
    let enough = heard(&on_battery(1_000), &reading("OB", 90, 125), 1_001);
    assert_eq!(enough.phase, Phase::Clear);
    let short = heard(&on_battery(1_000), &reading("OB", 90, 124), 1_001);
    assert_eq!(short.phase, Phase::Falling);
    let figures = "124 s left < 1.25 × 100 s".to_owned();
    assert_eq!(short.cause, Some(Cause { trigger: Trigger::Runtime, figures }));
    // It fires again with each reading; the figures are those that it began with.
    let later = heard(&short, &reading("OB", 89, 120), 1_002);
    assert_eq!(later.cause, short.cause);
}

/// Readings of a battery that falls evenly from full, one each second from the transfer on.
fn falling(percent_per_minute: u64, seconds: u64) -> SupplyMemory {
    (1..=seconds).fold(on_battery(1_000), |memory, second| {
        let charge = 100_u64.saturating_sub(percent_per_minute * second / 60);
        let reading = reading("OB", u8::try_from(charge).unwrap(), 3_000);
        heard(&memory, &reading, 1_000 + second)
    })
}

/// The voltage sags for 30 s, and a fall is taken over a minute.
#[test]
fn a_charge_that_falls_fast_is_known_a_minute_after_it_has_settled() {
    assert_eq!(falling(20, 89).phase, Phase::Clear);
    let fast = falling(20, 90);
    assert_eq!(fast.phase, Phase::Falling);
    let cause = fast.cause.unwrap();
    assert_eq!(cause.trigger, Trigger::ChargeFalling);
    assert_eq!(cause.figures, "charge falls 20 % a minute > 15 %");
    // As fast as it may fall is not too fast.
    assert_eq!(falling(15, 90).phase, Phase::Clear);
    // Over two minutes as over one.
    assert_eq!(falling(12, 150).phase, Phase::Clear);
}

#[test]
fn the_trail_of_charge_has_a_reading_in_five_seconds() {
    let trail: Vec<Tick> = falling(6, 17).charge_trail.into_iter().map(|(at, _)| at).collect();
    assert_eq!(trail, [at(1_000), at(1_005), at(1_010), at(1_015)]);
}

#[test]
fn a_reading_that_is_older_than_the_last_one_is_none() {
    let memory = heard(&on_battery(1_000), &reading("OB", 90, 3_000), 1_010);
    let old = Seen::known(reading("OL", 100, 3_000), at(1_005));
    let same = advance(&memory, &context(&plan(), &old, 1_011));
    assert_eq!((same.last_heard, same.on_battery_since), (Some(at(1_010)), Some(at(1_000))));
}

/// What came back was seen to go: it must hold, and it is not the first that is heard of it.
#[test]
fn mains_that_are_back_are_unsettled_and_not_unproven() {
    let back = heard(&on_battery(1_000), &reading("OL", 90, 3_000), 1_010);
    assert!(back.unsettled && !back.unproven);
    let first = heard(&SupplyMemory::default(), &reading("OL", 90, 3_000), 1_010);
    assert!(first.unproven && !first.unsettled);
}

/// After a boot of this host nothing is known of the mains: silence holds nothing in place.
#[test]
fn silence_after_a_boot_keeps_the_signal_as_it_is() {
    let memory = SupplyMemory { phase: Phase::Falling, ..SupplyMemory::default() };
    let silent = Seen::unknown(Unseen::Silent, at(1_000));
    assert_eq!(advance(&memory, &context(&plan(), &silent, 1_001)).phase, Phase::Falling);
}

#[test]
fn a_mask_lifts_what_it_names_until_it_ends() {
    let low = SupplyMemory {
        phase: Phase::Falling,
        cause: Some(Cause { trigger: Trigger::LowBattery, figures: "LB".into() }),
        ..on_battery(1_000)
    };
    let plan = plan();
    let seen = Seen::known(reading("OB", 90, 3_000), at(2_000));
    let phase = |cause, now| {
        let mask = Mask {
            signal: "ups/ups".into(),
            cause,
            unheard: false,
            until: at(2_000),
            reason: String::new(),
        };
        advance(&low, &Context { mask: Some(&mask), ..context(&plan, &seen, now) }).phase
    };
    assert_eq!(phase(Trigger::LowBattery, 1_999), Phase::Clear);
    assert_eq!(phase(Trigger::LowBattery, 2_000), Phase::Falling);
    assert_eq!(phase(Trigger::Charge, 1_999), Phase::Falling);
}

#[test]
fn a_supply_is_given_up_until_its_mask_ends() {
    let mask = Mask {
        signal: "ups/ups".into(),
        cause: Trigger::Silence,
        unheard: true,
        until: at(2_000),
        reason: String::new(),
    };
    let (plan, silent) = (plan(), Seen::unknown(Unseen::Silent, at(1_000)));
    let gate = |now| {
        let context = Context { mask: Some(&mask), ..context(&plan, &silent, now) };
        gate(&SupplyMemory::default(), &context)
    };
    assert_eq!(gate(1_999), Gate::Open);
    assert_eq!(gate(2_000), Gate::Unseen { why: Unseen::Silent });
}

#[test]
fn mains_are_stable_in_the_second_in_which_their_time_is_over() {
    let memory =
        SupplyMemory { unsettled: true, mains_since: Some(at(1_000)), ..SupplyMemory::default() };
    let (plan, seen) = (plan(), Seen::known(reading("OL", 90, 3_000), at(1_060)));
    assert_eq!(gate(&memory, &context(&plan, &seen, 1_059)), Gate::NotStable { until: at(1_060) });
    assert_eq!(gate(&memory, &context(&plan, &seen, 1_060)), Gate::Open);
}

#[test]
fn energy_is_judged_by_what_a_full_battery_would_store() {
    let of = |charge, runtime, span| {
        energy(&plan(), &Seen::known(reading("OL", charge, runtime), at(1)), secs(span))
    };
    assert_eq!(stored(&Seen::known(reading("OL", 50, 0), at(1))), None, "0 is no number");
    assert_eq!(of(50, 125, 100), Energy::Enough);
    // Full it lasts for just as long as is needed: waiting helps.
    assert_eq!(of(50, 100, 160), Energy::Short { needed_seconds: 200 });
    let never = Energy::NeverEnough { full_seconds: 200, needed_seconds: 201 };
    assert_eq!(of(50, 100, 161), never);
    assert_eq!(of(0, 100, 161), Energy::Enough, "nobody can tell whether waiting helps");
}

/// What a supply says of itself is named as it is written, and counts while it is heard.
#[test]
fn trust_has_one_name_and_counts_while_it_is_heard() {
    for (trust, name, is_heard) in [
        (Trust::Fresh, "fresh", true),
        (Trust::StatusOnly, "status-only", true),
        (Trust::Contradicting, "contradicting", true),
        (Trust::Stale, "stale", false),
        (Trust::HostOff, "host-off", false),
        (Trust::Silent, "silent", false),
        (Trust::Refused, "refused", false),
        (Trust::WrongDevice, "wrong-device", false),
        (Trust::NeverHeard, "never-heard", false),
    ] {
        assert_eq!((trust.name(), trust.is_heard()), (name, is_heard));
        assert_eq!(serde_json::to_value(trust).unwrap(), name);
    }
}

/// A device that another one stands in for is none that does not answer.
#[test]
fn another_device_is_not_silence() {
    let memory = on_battery(1_000);
    let (told, message) = trust("ups", &Seen::unknown(Unseen::WrongDevice, at(1_000)), &memory);
    assert_eq!(told, Trust::WrongDevice);
    assert_eq!(message, "ups: is another device than it should be");
    let unheard = SupplyMemory::default();
    let (told, message) = trust("ups", &Seen::unknown(Unseen::Stale, at(1_000)), &unheard);
    assert_eq!(told, Trust::NeverHeard);
    assert!(message.starts_with("ups was not heard yet: its driver"), "{message}");
    let (told, message) = trust("ups", &Seen::unknown(Unseen::Stale, at(1_000)), &memory);
    assert_eq!(told, Trust::Stale);
    assert!(message.starts_with("ups: its driver"), "{message}");
}

#[test]
fn words_that_do_not_tell_where_power_comes_from() {
    let unclear = |words: &str| unclear(&reading(words, 100, 100).status);
    assert_eq!(unclear("OFF"), Some(Unclear::Off));
    assert_eq!(unclear("CHRG"), Some(Unclear::Neither));
    assert_eq!(unclear("OL OFF"), None);
}
