//! The battery model over traces: what a battery really does, and what its firmware says of it.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test that cannot go on fails"
)]
#![allow(clippy::needless_update, reason = "a reading may come to tell more than a battery needs")]

use ananke_core::{
    battery::{Basis, BatteryMemory, Confidence, Estimate, estimate, full_seconds},
    observe::SupplyReading,
    time::Tick,
};
use proptest::prelude::*;

/// A battery that is read every five seconds.
struct Trace {
    /// Milliseconds that each percent really lasts at the load below, from 0 % up.
    truth: Vec<u64>,
    load: Option<u16>,
    /// The charge is told in steps of this many percent.
    step: u8,
    /// What the firmware says of a charge: seconds.
    says: fn(u8) -> u64,
}

const POLL: u64 = 5_000;

impl Trace {
    /// So many seconds from full to empty, evenly.
    fn linear(seconds: u64) -> Self {
        let truth = vec![seconds * 10; 100];
        Self { truth, load: Some(40), step: 1, says: |charge| u64::from(charge) * 30 }
    }

    /// Twice as fast below the knee.
    fn knee(at: usize, slow: u64) -> Self {
        let truth = (0..100).map(|percent| if percent < at { slow / 2 } else { slow }).collect();
        Self { truth, ..Self::linear(0) }
    }

    fn left(&self, charge: u8) -> u64 {
        self.truth[..usize::from(charge)].iter().sum::<u64>() / 1000
    }

    fn reading(&self, charge: u8, words: &[&str]) -> SupplyReading {
        SupplyReading {
            status: words.iter().map(|word| (*word).to_owned()).collect(),
            // Told from the top of each step: 76 % to 100 % is 100.
            charge_percent: Some((charge.div_ceil(self.step) * self.step).min(100)),
            runtime_seconds: Some((self.says)(charge)),
            load_percent: self.load,
            ..SupplyReading::default()
        }
    }

    /// On battery from one charge to another; the last reading and when it was.
    fn fall(
        &self,
        memory: &mut BatteryMemory,
        from: u8,
        to: u8,
        began: u64,
    ) -> (SupplyReading, Tick) {
        let mut now = 0;
        loop {
            let (mut charge, mut spent) = (from, now);
            while charge > 0 && spent >= self.truth[usize::from(charge) - 1] {
                spent -= self.truth[usize::from(charge) - 1];
                charge -= 1;
            }
            let at = Tick::from_millis(began + now);
            let reading = self.reading(charge, &["OB", "DISCHRG"]);
            memory.hear(&reading, at);
            if charge <= to {
                return (reading, at);
            }
            now += POLL;
        }
    }

    /// A whole discharge in the past.
    fn past(&self, memory: &mut BatteryMemory, to: u8) {
        let (_, at) = self.fall(memory, 100, to, 1_000);
        memory.hear(&self.reading(to, &["OL", "CHRG"]), at.plus(std::time::Duration::from_secs(5)));
    }

    /// The estimate at a charge of a new discharge.
    fn estimate(&self, memory: &BatteryMemory, charge: u8) -> Estimate {
        let mut memory = memory.clone();
        let (reading, at) = self.fall(&mut memory, 100, charge, 100_000_000);
        estimate(&memory, &reading, at).unwrap()
    }
}

#[track_caller]
fn near(found: u64, wanted: u64, percent: u64) {
    let off = found.abs_diff(wanted) * 100;
    assert!(off <= wanted * percent, "{found} s is not within {percent} % of {wanted} s");
}

#[test]
fn a_linear_battery_is_known_after_one_discharge() {
    let trace = Trace { says: |_| 9_999, ..Trace::linear(3_000) };
    let mut memory = BatteryMemory::default();
    trace.past(&mut memory, 5);
    for charge in [90, 60, 30] {
        let found = trace.estimate(&memory, charge);
        near(found.seconds, trace.left(charge), 12);
        assert_eq!(found.basis, Basis::Model);
    }
}

#[test]
fn before_enough_was_seen_the_firmware_stands_with_its_margin() {
    let trace = Trace { says: |_| 1_320, ..Trace::linear(3_000) };
    let mut memory = BatteryMemory::default();
    let first = trace.estimate(&memory, 60);
    assert_eq!((first.seconds, first.basis), (1_320, Basis::Firmware));
    assert_eq!((first.confidence, first.margin_percent), (Confidence::Unchecked, 50));
    assert!(first.sentence().contains("too few discharges"), "{}", first.sentence());
    // A short outage is no observation of the rest.
    trace.past(&mut memory, 80);
    assert_eq!(trace.estimate(&memory, 60).confidence, Confidence::Unchecked);
    assert_eq!(full_seconds(&memory, Some(40)), None);
}

#[test]
fn the_knee_of_lead_acid_is_remembered() {
    // The firmware draws a straight line through the slow part.
    let trace = Trace { says: |charge| u64::from(charge) * 30, ..Trace::knee(40, 30_000) };
    let mut memory = BatteryMemory::default();
    trace.past(&mut memory, 5);
    for charge in [80, 60, 35] {
        let found = trace.estimate(&memory, charge);
        assert_eq!(found.basis, Basis::Model, "at {charge} %");
        near(found.seconds, trace.left(charge), 12);
    }
}

#[test]
fn behind_what_was_ever_seen_the_worst_is_expected() {
    let trace = Trace { says: |_| 9_999, ..Trace::knee(40, 30_000) };
    let mut memory = BatteryMemory::default();
    trace.past(&mut memory, 45);
    let found = trace.estimate(&memory, 60);
    assert_eq!(found.confidence, Confidence::Low);
    assert!(found.seconds <= trace.left(60) * 11 / 10, "{} s", found.seconds);
}

#[test]
fn a_heavier_load_costs_more_than_its_share() {
    let trace = Trace { says: |_| 9_999, ..Trace::linear(3_000) };
    let mut memory = BatteryMemory::default();
    trace.past(&mut memory, 5);
    let at = Tick::from_millis(100_000_000);
    let under = |load: u16| {
        let mut memory = memory.clone();
        let reading =
            SupplyReading { load_percent: Some(load), ..trace.reading(60, &["OB", "DISCHRG"]) };
        memory.hear(&reading, at);
        estimate(&memory, &reading, at).unwrap().seconds
    };
    near(under(40), 1_800, 5);
    assert!(under(80) < 900, "{} s under twice the load", under(80));
    assert!(under(80) > 600, "{} s under twice the load", under(80));
    assert!(under(20) > 1_800 && under(20) < 3_600, "{} s under half the load", under(20));
}

/// 22 minutes told, 47 had: nothing is done before the UPS itself is short, and it is told.
#[test]
fn a_firmware_that_tells_too_little_is_the_more_careful_one() {
    let trace = Trace { says: |charge| u64::from(charge) * 1_320 / 100, ..Trace::linear(2_820) };
    let mut memory = BatteryMemory::default();
    trace.past(&mut memory, 5);
    let found = trace.estimate(&memory, 90);
    assert_eq!((found.seconds, found.basis), (1_188, Basis::Firmware));
    near(found.model_seconds.unwrap(), trace.left(90), 12);
    assert!(found.sentence().contains("it would be"), "{}", found.sentence());
}

/// 47 minutes told, 12 had.
#[test]
fn a_firmware_that_tells_too_much_is_not_believed() {
    let trace = Trace { says: |charge| u64::from(charge) * 2_820 / 100, ..Trace::linear(720) };
    let mut memory = BatteryMemory::default();
    trace.past(&mut memory, 10);
    let found = trace.estimate(&memory, 70);
    assert_eq!(found.basis, Basis::Model);
    near(found.seconds, trace.left(70), 12);
    assert!(found.sentence().contains("not believed"), "{}", found.sentence());
}

/// A firmware that stays at one number until the end.
#[test]
fn a_firmware_that_is_stuck_is_not_believed() {
    let trace = Trace { says: |_| 1_500, ..Trace::linear(1_500) };
    let mut memory = BatteryMemory::default();
    trace.past(&mut memory, 5);
    near(trace.estimate(&memory, 20).seconds, 300, 15);
}

#[test]
fn a_charge_told_in_quarters_runs_down_between_them() {
    let trace = Trace { step: 25, says: |_| 9_999, ..Trace::linear(3_000) };
    let mut memory = BatteryMemory::default();
    trace.past(&mut memory, 0);
    let mut before = u64::MAX;
    for charge in [95, 85, 76, 74, 60, 51, 49, 30] {
        let found = trace.estimate(&memory, charge).seconds;
        assert!(found < before, "{found} s at {charge} %, {before} s before");
        near(found, trace.left(charge), 25);
        before = found;
    }
}

#[test]
fn without_a_load_the_times_of_then_stand() {
    let trace = Trace { load: None, says: |_| 9_999, ..Trace::linear(3_000) };
    let mut memory = BatteryMemory::default();
    trace.past(&mut memory, 5);
    near(trace.estimate(&memory, 50).seconds, trace.left(50), 12);
    // Told then, not told now; and the other way round.
    let told = Trace { says: |_| 9_999, ..Trace::linear(3_000) };
    near(told.estimate(&memory, 50).seconds, told.left(50), 12);
}

#[test]
fn a_battery_that_has_aged_is_known_while_it_falls() {
    let young = Trace { says: |_| 9_999, ..Trace::linear(3_000) };
    let old = Trace { says: |_| 9_999, ..Trace::linear(1_500) };
    let mut memory = BatteryMemory::default();
    young.past(&mut memory, 5);
    near(old.estimate(&memory, 60).seconds, old.left(60), 12);
}

#[test]
fn only_the_last_discharges_count_and_more_of_them_are_believed_more() {
    let mut memory = BatteryMemory::default();
    Trace::linear(1_000).past(&mut memory, 5);
    let now = Trace { says: |_| 9_999, ..Trace::linear(3_000) };
    assert_eq!(now.estimate(&memory, 50).confidence, Confidence::Low);
    now.past(&mut memory, 5);
    assert_eq!(now.estimate(&memory, 50).confidence, Confidence::Fair);
    near(now.estimate(&memory, 50).seconds, 500, 12);
    for _ in 0..4 {
        now.past(&mut memory, 5);
    }
    let found = now.estimate(&memory, 50);
    assert_eq!(found.confidence, Confidence::Good);
    near(found.seconds, 1_500, 12);
}

#[test]
fn what_a_full_battery_holds() {
    let mut memory = BatteryMemory::default();
    Trace::linear(900).past(&mut memory, 5);
    near(full_seconds(&memory, Some(40)).unwrap(), 900, 12);
    assert!(full_seconds(&memory, Some(80)).unwrap() < 450);
}

#[test]
fn a_self_test_teaches_nothing() {
    let trace = Trace::linear(60);
    let mut memory = BatteryMemory::default();
    for second in 0..60_u8 {
        let reading = trace.reading(100 - second, &["OB", "CAL", "DISCHRG"]);
        memory.hear(&reading, Tick::from_millis(u64::from(second) * 1000));
    }
    assert_eq!(memory, BatteryMemory::default());
}

#[test]
fn nobody_knows_what_a_silence_was() {
    let trace = Trace::linear(3_000);
    let mut memory = BatteryMemory::default();
    memory.hear(&trace.reading(100, &["OB"]), Tick::from_millis(0));
    // An hour, in which the mains may have been back.
    memory.hear(&trace.reading(20, &["OB"]), Tick::from_millis(3_600_000));
    memory.close();
    assert_eq!(memory.bands.len(), 0);
}

/// A charge that is told again was never gone through: one bad reading must not make a battery of
/// seconds out of one of an hour.
#[test]
fn a_bad_reading_teaches_nothing() {
    let trace = Trace::linear(3_000);
    let mut memory = BatteryMemory::default();
    for (second, charge) in [(0, 100), (30, 99), (60, 98), (65, 0), (70, 98), (75, 98)] {
        memory.hear(&trace.reading(charge, &["OB", "DISCHRG"]), Tick::from_millis(second * 1000));
    }
    let found = estimate(&memory, &trace.reading(98, &["OB"]), Tick::from_millis(80_000)).unwrap();
    assert_eq!((found.basis, found.seconds), (Basis::Firmware, 98 * 30));
}

/// With the load off it a battery recovers by more than noise; what it had gone through by then
/// stays true.
#[test]
fn a_charge_that_recovers_keeps_what_lies_above_it() {
    let trace = Trace { says: |_| 9_999, ..Trace::linear(3_000) };
    let mut memory = BatteryMemory::default();
    let (_, at) = trace.fall(&mut memory, 100, 35, 0);
    memory.hear(&trace.reading(50, &["OB"]), at.plus(std::time::Duration::from_secs(5)));
    assert_eq!(memory.bands.keys().copied().collect::<Vec<_>>(), [5, 6, 7, 8, 9]);
}

/// A reading out of anything.
fn any_reading() -> impl Strategy<Value = (u64, SupplyReading)> {
    let words = prop::sample::select(vec!["OB", "OL", "OB LB", "CAL OB", ""]);
    let charge = prop::option::of(0_u8..=255);
    let load = prop::option::of(0_u16..=300);
    (0_u64..200_000, words, charge, prop::option::of(0_u64..100_000), load).prop_map(
        |(after, words, charge_percent, runtime_seconds, load_percent)| {
            let status = words.split_whitespace().map(Into::into).collect();
            let reading = SupplyReading {
                status,
                charge_percent,
                runtime_seconds,
                load_percent,
                ..SupplyReading::default()
            };
            (after, reading)
        },
    )
}

#[test]
fn hours_under_the_switch_alone_say_nothing_of_the_hosts() {
    // The hosts go off at 60 %; the rest lasts for an hour under next to nothing.
    let hosts = Trace { says: |charge| u64::from(charge) * 9, ..Trace::linear(900) };
    let switch = Trace { load: Some(1), ..Trace::linear(6_000) };
    let mut memory = BatteryMemory::default();
    let (_, off) = hosts.fall(&mut memory, 100, 60, 1_000);
    let (_, end) = switch.fall(&mut memory, 60, 15, off.as_millis() + POLL);
    let later = end.plus(std::time::Duration::from_secs(5));
    memory.hear(&switch.reading(15, &["OL", "CHRG"]), later);
    // The next outage, with the hosts on.
    let (reading, at) = hosts.fall(&mut memory, 40, 39, later.as_millis() + 600_000);
    let told = estimate(&memory, &reading, at).unwrap();
    assert_eq!((told.seconds, told.basis), (351, Basis::Firmware), "{}", told.sentence());
    assert_eq!(full_seconds(&memory, Some(40)), None, "too little was seen under such a load");
    // What lasted under the hosts lasts longer without them.
    assert!(full_seconds(&memory, Some(1)).unwrap() >= 3_000);
}

proptest! {
    #[test]
    fn whatever_is_told_the_more_careful_decides(
        readings in prop::collection::vec(any_reading(), 1..200)
    ) {
        let (mut memory, mut now) = (BatteryMemory::default(), 0);
        for (after, reading) in &readings {
            now += after;
            let at = Tick::from_millis(now);
            memory.hear(reading, at);
            let once = memory.clone();
            memory.hear(reading, at);
            prop_assert_eq!(&once, &memory, "the same reading twice is once");
            let found = estimate(&memory, reading, at);
            // Who never told another runtime than 0 tells none.
            let firmware = reading.runtime_seconds.filter(|told| *told > 0 || memory.tells_runtime);
            let told = [firmware, found.as_ref().and_then(|found| found.model_seconds)];
            let least = told.into_iter().flatten().min();
            prop_assert_eq!(found.as_ref().map(|found| found.seconds), least);
            for paces in memory.bands.values() {
                prop_assert!(paces.len() <= 5);
            }
        }
        prop_assert!(memory.bands.len() <= 10);
    }
}
