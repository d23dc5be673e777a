//! The tables.

use std::time::Duration;

use super::{
    DEBOUNCES, Place,
    trial::{Mark, Times},
};

/// What one device gave: by its file, and in `upsd`.
type Result = (Place, Vec<Times>, Vec<Times>);

const QUANTILES: [u32; 3] = [50, 95, 99];

pub(crate) fn print(results: &[Result]) {
    let by_file =
        || results.iter().flat_map(|(place, times, _)| times.iter().map(move |t| (place, t)));
    let by_upsd =
        || results.iter().flat_map(|(place, _, times)| times.iter().map(move |t| (place, t)));
    println!("\ndetection: from the change of the driver's file to the first sign of it");
    header();
    let ours = row("ananke: first decision with OB, poll 1 s", by_file(), Mark::Ours);
    let fast = row("upsmon, POLLFREQ 1: NOTIFYCMD ONBATT", by_file(), Mark::Upsmon(1));
    let slow = row("upsmon, defaults: NOTIFYCMD ONBATT", by_file(), Mark::Upsmon(5));
    ratio("ananke / upsmon, POLLFREQ 1", &ours, &fast);
    ratio("ananke / upsmon, defaults", &ours, &slow);
    println!("\ntrigger: from the same change, which also says LB, to the first step");
    header();
    let low = row("upsmon, POLLFREQ 1: NOTIFYCMD LOWBATT", by_file(), Mark::UpsmonLow(1));
    let low_slow = row("upsmon, defaults: NOTIFYCMD LOWBATT", by_file(), Mark::UpsmonLow(5));
    for debounce in DEBOUNCES {
        let own = by_file().filter(|(place, _)| place.debounce == debounce);
        let step = row(&format!("ananke: step begun, debounce {debounce}"), own, Mark::OurStep);
        ratio("  / upsmon, POLLFREQ 1: its notice", &step, &low);
        ratio("  / upsmon, POLLFREQ 1: its SHUTDOWNCMD, at the earliest", &step, &commanded(&low));
        ratio("  / upsmon, defaults: its notice", &step, &low_slow);
        ratio(
            "  / upsmon, defaults: its SHUTDOWNCMD, at the earliest",
            &step,
            &commanded(&low_slow),
        );
    }
    println!("\nfrom the change in upsd itself");
    header();
    row("ananke: first decision with OB, poll 1 s", by_upsd(), Mark::Ours);
    row("upsmon, POLLFREQ 1: NOTIFYCMD ONBATT", by_upsd(), Mark::Upsmon(1));
    row("upsmon, defaults: NOTIFYCMD ONBATT", by_upsd(), Mark::Upsmon(5));
}

/// `FINALDELAY` of upsmon.conf(5), by default: `SHUTDOWNCMD` runs so long after the last notice.
const FINAL_DELAY: Duration = Duration::from_secs(5);

/// When `upsmon` runs its first step, at the earliest: computed, for its first is also its last.
fn commanded(notices: &[Duration]) -> Vec<Duration> {
    notices.iter().map(|notice| *notice + FINAL_DELAY).collect()
}

fn header() {
    println!(
        "{:<44}{:>7}{:>7}{:>9}{:>9}{:>9}{:>9}",
        "", "trials", "missed", "p50", "p95", "p99", "worst"
    );
}

/// Prints the quantiles of one mark, and gives them.
fn row<'t>(
    name: &str,
    trials: impl Iterator<Item = (&'t Place, &'t Times)>,
    mark: Mark,
) -> Vec<Duration> {
    let (mut times, mut missed) = (Vec::new(), 0);
    for (_, trial) in trials {
        match trial.get(&mark) {
            Some(time) => times.push(*time),
            None => missed += 1,
        }
    }
    times.sort_unstable();
    let quantiles: Vec<Duration> = QUANTILES.iter().filter_map(|q| quantile(&times, *q)).collect();
    let told: String = quantiles.iter().chain(times.last()).map(|t| millis(*t)).collect();
    println!("{name:<44}{:>7}{missed:>7}{told}", times.len());
    quantiles
}

/// The smallest time that at least so many percent of all do not exceed.
fn quantile(sorted: &[Duration], percent: u32) -> Option<Duration> {
    let rank = (sorted.len() * percent as usize).div_ceil(100);
    sorted.get(rank.checked_sub(1)?).copied()
}

fn millis(time: Duration) -> String {
    format!("{:>6} ms", time.as_millis())
}

fn ratio(name: &str, ours: &[Duration], theirs: &[Duration]) {
    let ratio = |(ours, theirs): (&Duration, &Duration)| ours.as_secs_f64() / theirs.as_secs_f64();
    let ratios: Vec<String> =
        ours.iter().zip(theirs).map(|pair| format!("{:>9.2}", ratio(pair))).collect();
    println!("{name:<58}{}", ratios.concat());
}
