//! Past runs, and what they teach.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use super::{
    ENOUGH_RUNS, Known, Learned, Path, RUNS_FOR_QUANTILE, RunUnderWay, Table, Took, UnitRun,
};

/// So many runs of each kind are kept: enough for a 95th percentile that is not the maximum, few
/// enough for a cluster that changes.
const KEPT: usize = 30;
/// Up to so many units are told apart; of a larger run only its kinds are kept.
const UNITS_APART: usize = 50;

/// A run that is over.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct PastRun {
    /// The boot that it was in, and the millisecond of it: one run is kept once.
    pub id: String,
    /// Which kind.
    pub path: Path,
    /// When it ended, seconds since 1970, for people.
    pub ended_unix_seconds: i64,
    /// How long it took.
    pub millis: u64,
    /// By unit and by kind (the longest of its units).
    pub units: BTreeMap<String, UnitRun>,
}

/// The past runs, the oldest first.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Runs {
    /// The runs.
    pub runs: Vec<PastRun>,
}

impl Runs {
    /// Keeps a run that is over; `false` if it teaches nothing: a person was called, or no step
    /// of it was ours.
    pub fn keep(&mut self, run: &RunUnderWay, boot_id: &str, unix_seconds: i64) -> bool {
        let id = format!("{boot_id}-{}", run.began.as_millis());
        let acted = run.units.values().any(|unit| unit.steps.keys().any(|step| step != WAIT));
        if run.failed || !acted || self.runs.iter().any(|past| past.id == id) {
            return false;
        }
        let mut units = kinds(&run.units);
        if run.units.len() <= UNITS_APART {
            units.extend(run.units.clone());
        }
        let (path, millis) = (run.path, run.millis);
        self.runs.push(PastRun { id, path, ended_unix_seconds: unix_seconds, millis, units });
        let of_path = self.runs.iter().filter(|past| past.path == path).count();
        if of_path > KEPT
            && let Some(oldest) = self.runs.iter().position(|past| past.path == path)
        {
            self.runs.remove(oldest);
        }
        true
    }

    /// What they teach.
    pub fn learned(&self) -> Learned {
        let table = |path| {
            let runs: Vec<&PastRun> = self.runs.iter().filter(|run| run.path == path).collect();
            table(&runs)
        };
        Learned { emergency: table(Path::Emergency), full: table(Path::Full) }
    }
}

/// A unit that arrived without a step of ours.
pub(crate) const WAIT: &str = "wait";

/// The units of each kind as one that takes as long as the longest.
fn kinds(units: &BTreeMap<String, UnitRun>) -> BTreeMap<String, UnitRun> {
    let mut kinds: BTreeMap<String, UnitRun> = BTreeMap::new();
    for (name, unit) in units {
        let kind = name.split_once('/').map_or(name.as_str(), |(kind, _)| kind);
        let all = kinds
            .entry(kind.to_owned())
            .or_insert_with(|| UnitRun { arrived: true, steps: BTreeMap::new() });
        all.arrived &= unit.arrived;
        for (step, took) in &unit.steps {
            let longest = all.steps.entry(step.clone()).or_default();
            *longest = (*longest).max(*took);
        }
    }
    kinds
}

fn table(runs: &[&PastRun]) -> Table {
    let names: BTreeSet<&String> = runs.iter().flat_map(|run| run.units.keys()).collect();
    let known = |name: &String| {
        let of: Vec<&UnitRun> = runs.iter().filter_map(|run| run.units.get(name)).collect();
        let arrived = of.iter().filter(|unit| unit.arrived).count();
        let runs = u32::try_from(arrived).unwrap_or(u32::MAX);
        (runs >= ENOUGH_RUNS).then(|| (name.clone(), Known { runs, step_millis: steps(&of, runs) }))
    };
    names.into_iter().filter_map(known).collect()
}

fn steps(of: &[&UnitRun], runs: u32) -> BTreeMap<String, u64> {
    let names: BTreeSet<&String> = of.iter().flat_map(|unit| unit.steps.keys()).collect();
    let longest = |name: &String| {
        let (mut whole, mut cut) = (Vec::new(), 0);
        for unit in of {
            match unit.steps.get(name) {
                Some(Took { millis, cut: true }) => cut = cut.max(*millis),
                Some(Took { millis, .. }) => whole.push(*millis),
                // It went without this step, as far as it went.
                None => whole.push(0),
            }
        }
        whole.sort_unstable();
        let usual = if runs < RUNS_FOR_QUANTILE { whole.last() } else { p95(&whole) };
        // What was cut takes at least as long as it was given.
        (name.clone(), usual.copied().unwrap_or(0).max(cut))
    };
    names.into_iter().map(longest).collect()
}

/// The 95th percentile by nearest rank, of sorted figures.
fn p95(sorted: &[u64]) -> Option<&u64> {
    let rank = (sorted.len() * 95).div_ceil(100);
    sorted.get(rank.saturating_sub(1))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::time::Tick;

    fn run(path: Path, number: u64, steps: &[(&str, &str, u64)]) -> RunUnderWay {
        let mut units: BTreeMap<String, UnitRun> = BTreeMap::new();
        for (unit, step, seconds) in steps {
            let unit = units.entry((*unit).to_owned()).or_default();
            unit.arrived = true;
            unit.steps.insert((*step).into(), Took { millis: seconds * 1000, cut: false });
        }
        let began = Tick::from_millis(number);
        RunUnderWay { path, began, millis: 60_000, failed: false, units }
    }

    fn of(path: Path, seconds: &[u64]) -> Runs {
        let mut runs = Runs::default();
        for (number, seconds) in (0..).zip(seconds) {
            runs.keep(&run(path, number, &[("agent/a0", "stop", *seconds)]), "boot", 0);
        }
        runs
    }

    fn seconds(runs: &Runs, path: Path, name: &str, step: &str) -> Option<u64> {
        Some(runs.learned().of(path).get(name)?.step_millis.get(step)? / 1000)
    }

    #[test]
    fn one_run_fewer_than_enough_teaches_nothing() {
        assert_eq!(of(Path::Emergency, &[7; 4]).learned(), Learned::default());
        assert_eq!(
            seconds(&of(Path::Emergency, &[7; 5]), Path::Emergency, "agent/a0", "stop"),
            Some(7)
        );
    }

    #[test]
    fn a_maximum_of_few_and_a_quantile_of_many() {
        let mut took = vec![3; 18];
        took.push(90);
        let few = of(Path::Emergency, &took);
        assert_eq!(seconds(&few, Path::Emergency, "agent", "stop"), Some(90));
        took.push(3);
        let many = of(Path::Emergency, &took);
        assert_eq!(seconds(&many, Path::Emergency, "agent", "stop"), Some(3));
        let known = |runs: &Runs| runs.learned().emergency["agent"].source();
        assert_eq!(known(&few), super::super::Source::Maximum { runs: 19 });
        assert_eq!(known(&many), super::super::Source::Quantile { runs: 20 });
        let thirty: Vec<u64> = (1..=30).collect();
        let rising = of(Path::Emergency, &thirty);
        assert_eq!(seconds(&rising, Path::Emergency, "agent", "stop"), Some(29));
    }

    #[test]
    fn the_longer_of_a_kind_counts_whether_it_was_cut_or_not() {
        let took = |seconds: u64, cut| Took { millis: seconds * 1000, cut };
        for (one, other, longest) in [
            (took(3, true), took(4, false), took(4, false)),
            (took(4, false), took(4, true), took(4, true)),
        ] {
            let of = |took| UnitRun { arrived: true, steps: [("stop".to_owned(), took)].into() };
            let units = [("agent/a0".to_owned(), of(one)), ("agent/a1".to_owned(), of(other))];
            let kinds = kinds(&units.into());
            assert_eq!(kinds.get("agent").map(|all| &all.steps), Some(&of(longest).steps));
        }
    }

    #[test]
    fn one_kind_of_run_never_moves_the_other() {
        let mut runs = of(Path::Emergency, &[7; 5]);
        let before = runs.learned().emergency;
        for number in 100..110 {
            runs.keep(&run(Path::Full, number, &[("agent/a0", "stop", 500)]), "boot", 0);
        }
        assert_eq!(runs.learned().emergency, before);
        assert_eq!(seconds(&runs, Path::Full, "agent", "stop"), Some(500));
    }

    #[test]
    fn a_cut_step_takes_at_least_as_long_and_is_no_observation() {
        let mut runs = of(Path::Emergency, &[7; 4]);
        let mut cut = run(Path::Emergency, 50, &[("agent/a0", "stop", 30)]);
        if let Some(unit) = cut.units.get_mut("agent/a0") {
            unit.arrived = false;
            unit.steps.insert("stop".into(), Took { millis: 30_000, cut: true });
        }
        runs.keep(&cut, "boot", 0);
        assert_eq!(runs.learned(), Learned::default(), "four arrived");
        let more: Vec<u64> = (60..80).collect();
        for number in more {
            runs.keep(&run(Path::Emergency, number, &[("agent/a0", "stop", 7)]), "boot", 0);
        }
        assert_eq!(seconds(&runs, Path::Emergency, "agent/a0", "stop"), Some(30), "not less");
    }

    #[test]
    fn what_failed_or_was_not_ours_does_not_count() {
        let mut runs = Runs::default();
        let failed = RunUnderWay { failed: true, ..run(Path::Full, 1, &[("agent/a0", "stop", 3)]) };
        assert!(!runs.keep(&failed, "boot", 0));
        assert!(!runs.keep(&run(Path::Full, 2, &[("storage", WAIT, 3)]), "boot", 0));
        let good = run(Path::Full, 3, &[("agent/a0", "stop", 3)]);
        assert!(runs.keep(&good, "boot", 0));
        assert!(!runs.keep(&good, "boot", 0), "one run is kept once");
        assert_eq!(runs.runs.len(), 1);
    }

    #[test]
    fn a_kind_takes_as_long_as_its_slowest_unit() {
        let mut runs = Runs::default();
        for number in 0..5 {
            let steps = [("agent/a0", "stop", 3), ("agent/a1", "stop", 40 + number)];
            runs.keep(&run(Path::Emergency, number, &steps), "boot", 0);
        }
        assert_eq!(seconds(&runs, Path::Emergency, "agent/a0", "stop"), Some(3));
        assert_eq!(seconds(&runs, Path::Emergency, "agent", "stop"), Some(44));
    }

    #[test]
    fn a_rung_that_was_rarely_needed_is_in_the_maximum_and_not_in_the_quantile() {
        let once = |count: u64| {
            let mut runs = Runs::default();
            for number in 0..count {
                let mut steps = vec![("node/a0", "evict", 10)];
                if number == 0 {
                    steps.push(("node/a0", "delete", 30));
                }
                runs.keep(&run(Path::Emergency, number, &steps), "boot", 0);
            }
            seconds(&runs, Path::Emergency, "node/a0", "delete")
        };
        assert_eq!(once(5), Some(30));
        assert_eq!(once(20), Some(0));
    }

    #[test]
    fn what_is_kept_is_bounded() {
        let mut runs = of(Path::Full, &[3; 4]);
        let units: Vec<String> = (0..300).map(|n| format!("host/h{n}")).collect();
        let steps: Vec<(&str, &str, u64)> =
            units.iter().map(|unit| (unit.as_str(), "power-off", 20)).collect();
        for number in 10..100 {
            runs.keep(&run(Path::Emergency, number, &steps), "boot", 0);
        }
        assert_eq!(runs.runs.len(), 34, "the other kind's are not pushed out");
        assert_eq!(seconds(&runs, Path::Emergency, "host", "power-off"), Some(20));
        let bytes = serde_json::to_vec(&runs).map_or(usize::MAX, |text| text.len());
        assert!(bytes < 64 * 1024, "{bytes} bytes");
    }
}
