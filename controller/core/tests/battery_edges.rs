//! Where the battery model draws its lines: what still belongs to a discharge, what is worth
//! remembering, and what is said of it.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test that cannot go on fails")]

use ananke_core::{
    battery::{Basis, BatteryMemory, Confidence, Estimate, Pace, estimate, full_seconds},
    observe::SupplyReading,
    time::Tick,
};

fn reading(charge: u8, load: Option<u16>, words: &[&str]) -> SupplyReading {
    SupplyReading {
        status: words.iter().map(|word| (*word).to_owned()).collect(),
        charge_percent: Some(charge),
        load_percent: load,
        ..SupplyReading::default()
    }
}

const fn at(seconds: u64) -> Tick {
    Tick::from_millis(seconds * 1000)
}

/// What is remembered after these seconds, charges and loads on battery.
fn heard(told: &[(u64, u8, Option<u16>)]) -> BatteryMemory {
    let mut memory = BatteryMemory::default();
    for (seconds, charge, load) in told {
        memory.hear(&reading(*charge, *load, &["OB", "DISCHRG"]), at(*seconds));
    }
    memory
}

/// A percent in so many seconds, from one charge down to another, under 40 % of load.
fn fell(memory: &mut BatteryMemory, from: u8, to: u8, each: u64) {
    for charge in (to..=from).rev() {
        let second = 1 + u64::from(from - charge) * each;
        memory.hear(&reading(charge, Some(40), &["OB", "DISCHRG"]), at(second));
    }
    memory.hear(&reading(to, Some(40), &["OL", "CHRG"]), at(10_000));
}

fn known(discharges: usize, to: u8) -> BatteryMemory {
    let mut memory = BatteryMemory::default();
    (0..discharges).for_each(|_| fell(&mut memory, 100, to, 30));
    memory
}

#[test]
fn a_load_that_was_hardly_told_is_not_known() {
    // Ten percent in 400 s, of which the load is told for 100, or for 200.
    for (told_at, mean) in [(300, None), (200, Some(40))] {
        let mut memory = BatteryMemory::default();
        for second in (0..400).step_by(50) {
            let load = (second >= told_at).then_some(40);
            memory.hear(&reading(100, load, &["OB"]), at(second));
        }
        memory.hear(&reading(90, Some(40), &["OB"]), at(400));
        memory.close();
        assert_eq!(memory.bands[&9][0].load_percent, mean, "told from {told_at} s on");
    }
}

#[test]
fn a_charge_that_rises_by_noise_is_of_the_same_discharge() {
    let charge = |memory: &BatteryMemory| memory.under_way.as_ref().unwrap().charge();
    assert_eq!(charge(&heard(&[(0, 50, None), (5, 60, None)])), 50);
    assert_eq!(charge(&heard(&[(0, 50, None), (5, 61, None)])), 61);
}

#[test]
fn a_minute_of_silence_is_bridged_and_more_is_not() {
    let pace = |silence: u64| {
        let mut memory = heard(&[(0, 100, None), (30, 95, None), (30 + silence, 90, None)]);
        memory.close();
        memory.bands[&9][0].millis_per_percent
    };
    assert_eq!(pace(60), 9_000, "90 s for ten percent");
    assert_eq!(pace(61), 6_000, "what was gone through before stays: 30 s for five");
}

#[test]
fn how_coarse_a_charge_is_told_is_the_least_it_fell_by() {
    let mut memory = heard(&[(0, 100, None), (30, 75, None), (60, 50, None), (90, 47, None)]);
    memory.close();
    assert_eq!(memory.coarse_percent, Some(3));
}

/// The time that is spent at a charge which does not move is no more than that charge lasts.
#[test]
fn a_charge_that_is_told_for_long_is_only_that_charge() {
    let mut memory = known(1, 5);
    let seconds = |memory: &BatteryMemory, at| {
        let told = reading(60, Some(40), &["OB", "DISCHRG"]);
        estimate(memory, &told, at).unwrap().seconds
    };
    memory.hear(&reading(60, Some(40), &["OB", "DISCHRG"]), at(20_000));
    let (first, later) = (seconds(&memory, at(20_000)), seconds(&memory, at(20_300)));
    assert_eq!((first, later), (1_800, 1_770), "30 s is what one percent lasts");
}

#[test]
fn what_was_never_gone_through_is_hardly_known_however_often() {
    let below = |to| {
        let told = reading(60, Some(40), &["OB", "DISCHRG"]);
        let found = estimate(&known(5, to), &told, at(20_000)).unwrap();
        (found.confidence, found.margin_percent)
    };
    assert_eq!(below(5), (Confidence::Good, 10));
    assert_eq!(below(45), (Confidence::Low, 50));
}

#[test]
fn a_load_of_nothing_is_none() {
    let memory = known(1, 5);
    assert_eq!(full_seconds(&memory, Some(0)), full_seconds(&memory, None));
    assert!(full_seconds(&memory, Some(20)) > full_seconds(&memory, None));
    let told = |load| estimate(&memory, &reading(60, load, &["OL"]), at(20_000)).unwrap().seconds;
    assert_eq!(told(Some(0)), told(None));
}

#[test]
fn where_both_tell_the_same_the_firmware_is_named() {
    let mut told = reading(60, Some(40), &["OL"]);
    told.runtime_seconds = Some(1_800);
    let found = estimate(&known(1, 5), &told, at(20_000)).unwrap();
    assert_eq!(
        (found.seconds, found.model_seconds, found.basis),
        (1_800, Some(1_800), Basis::Firmware)
    );
}

#[test]
fn a_firmware_is_called_a_liar_beyond_the_margin_alone() {
    let sentence = |firmware| {
        Estimate {
            seconds: 1_000,
            basis: Basis::Model,
            confidence: Confidence::Fair,
            margin_percent: 20,
            firmware_seconds: Some(firmware),
            model_seconds: Some(1_000),
            discharges: 2,
        }
        .sentence()
    };
    assert!(!sentence(1_200).contains("not believed"), "{}", sentence(1_200));
    assert!(sentence(1_201).contains("not believed"), "{}", sentence(1_201));
}

/// A driver that knows no runtime tells 0 for ever.
#[test]
fn a_runtime_is_told_once_it_is_more_than_none() {
    let tells = |seconds| {
        let mut memory = BatteryMemory::default();
        let told = SupplyReading { runtime_seconds: seconds, ..reading(90, None, &["OL"]) };
        memory.hear(&told, at(1));
        memory.tells_runtime
    };
    assert_eq!([None, Some(0), Some(1)].map(tells), [false, false, true]);
}

#[test]
fn the_words_of_confidence() {
    let all = [Confidence::Unchecked, Confidence::Low, Confidence::Fair, Confidence::Good];
    assert_eq!(all.map(Confidence::name), ["unchecked", "low", "fair", "good"]);
}

#[test]
fn nothing_remembered_is_nothing_written() {
    assert_eq!(serde_json::to_string(&BatteryMemory::default()).unwrap(), "{}");
}

#[test]
fn five_percent_a_lesson_and_a_first_runtime_are_worth_a_sync() {
    let charge = |charge| heard(&[(0, charge, None)]);
    assert!(!charge(84).is_news_after(&charge(80)), "the same five percent");
    assert!(charge(79).is_news_after(&charge(80)));
    assert!(charge(80).is_news_after(&BatteryMemory::default()), "a discharge began");
    let taught = BatteryMemory { discharges: 1, ..charge(80) };
    assert!(taught.is_news_after(&charge(80)));
    let tells = BatteryMemory { tells_runtime: true, ..charge(80) };
    assert!(tells.is_news_after(&charge(80)));
    let pace = Pace { millis_per_percent: 1, load_percent: None };
    let only_paces = BatteryMemory { bands: [(9, vec![pace])].into(), ..charge(80) };
    assert!(!only_paces.is_news_after(&charge(80)), "a lesson is told by its number");
}
