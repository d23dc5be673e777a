//! The run that is under way: what its steps took, until their effect was seen.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{Path, WAIT};
use crate::time::Tick;

/// How a step came to its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Ending {
    /// The unit was seen where it was to go.
    Arrived,
    /// The unit was seen far enough for its next step.
    Passed,
    /// It was given up before its effect was seen: the energy was short, the target turned, or a
    /// harsher rung took over. It takes at least as long as it was given.
    Cut,
}

/// A step that came to its end.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Lasted {
    /// The unit.
    pub unit: String,
    /// The rung's name, or `wait`.
    pub step: String,
    /// When it began.
    pub began: Tick,
    /// How.
    pub ending: Ending,
}

/// The way down that a decision is on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Way {
    /// Which.
    pub path: Path,
    /// Whether a unit takes longer than it may, so that a person is called: such a run teaches
    /// nothing.
    pub fails: bool,
}

/// What one step took. The longer one is the greater.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Took {
    /// Milliseconds.
    pub millis: u64,
    /// At least that long: it was cut.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub cut: bool,
}

/// What one unit took in one run.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct UnitRun {
    /// Whether it was seen where it was to go.
    pub arrived: bool,
    /// By rung, or `wait`.
    pub steps: BTreeMap<String, Took>,
}

/// A run that is under way, or that is over and not yet among the past ones.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct RunUnderWay {
    /// Which kind.
    pub path: Path,
    /// Since when.
    pub began: Tick,
    /// How long it has taken, in milliseconds.
    pub millis: u64,
    /// Whether a person was called.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub failed: bool,
    /// What its units took so far.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub units: BTreeMap<String, UnitRun>,
}

impl RunUnderWay {
    pub(crate) fn begin(way: Way, at: Tick) -> Self {
        Self { path: way.path, began: at, millis: 0, failed: way.fails, units: BTreeMap::new() }
    }

    /// Takes in what came to its end. A step that began before this run did is not of it.
    pub(crate) fn take(&mut self, lasted: &[Lasted], at: Tick) {
        self.millis = millis(self.began, at);
        for one in lasted.iter().filter(|one| one.began >= self.began) {
            let unit = self.units.entry(one.unit.clone()).or_default();
            // Down, then not seen for a while (its host halts, the API is gone), and nothing more
            // was done about it: it stays arrived, whatever ends that wait.
            if unit.arrived && one.step == WAIT && one.ending != Ending::Arrived {
                continue;
            }
            unit.arrived = one.ending == Ending::Arrived;
            let step = unit.steps.entry(one.step.clone()).or_default();
            step.millis = step.millis.saturating_add(millis(one.began, at));
            step.cut |= one.ending == Ending::Cut;
        }
    }

    /// Whether a step of a unit is over, and the unit still on its way.
    pub(crate) fn is_over(&self, unit: &str, step: &str) -> bool {
        self.units.get(unit).is_some_and(|unit| !unit.arrived && unit.steps.contains_key(step))
    }

    /// Whether a unit was seen where it was to go.
    pub(crate) fn has_arrived(&self, unit: &str) -> bool {
        self.units.get(unit).is_some_and(|unit| unit.arrived)
    }
}

fn millis(from: Tick, to: Tick) -> u64 {
    u64::try_from(to.since(from).as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lasted(unit: &str, step: &str, began: u64, ending: Ending) -> Lasted {
        let began = Tick::from_millis(began * 1000);
        Lasted { unit: unit.into(), step: step.into(), began, ending }
    }

    fn begun(seconds: u64) -> RunUnderWay {
        let way = Way { path: Path::Emergency, fails: false };
        RunUnderWay::begin(way, Tick::from_millis(seconds * 1000))
    }

    #[test]
    fn a_step_is_over_until_its_unit_has_arrived() {
        let mut run = begun(100);
        assert!(!run.is_over("node/n1", "evict"), "nothing of it was seen yet");
        let at = Tick::from_millis(130_000);
        run.take(&[lasted("node/n1", "evict", 100, Ending::Passed)], at);
        assert!(run.is_over("node/n1", "evict") && !run.is_over("node/n1", "delete"));
        assert!(!run.is_over("node/n2", "evict"), "another's");
        run.take(&[lasted("node/n1", "delete", 130, Ending::Arrived)], at);
        assert!(run.has_arrived("node/n1") && !run.is_over("node/n1", "evict"));
    }

    #[test]
    fn what_began_before_the_run_is_not_of_it() {
        let mut run = begun(100);
        let at = Tick::from_millis(130_000);
        run.take(&[lasted("node/n1", "evict", 99, Ending::Arrived)], at);
        assert!(run.units.is_empty());
        assert_eq!(run.millis, 30_000);
    }

    /// What was down and is not seen for a while stays arrived when that wait is cut short; what is
    /// done to it anew does not.
    #[test]
    fn a_wait_that_is_cut_takes_back_no_arrival() {
        let mut run = begun(100);
        let at = Tick::from_millis(130_000);
        run.take(&[lasted("agent/n1", "stop", 100, Ending::Arrived)], at);
        run.take(&[lasted("agent/n1", WAIT, 120, Ending::Cut)], at);
        assert!(run.has_arrived("agent/n1"));
        run.take(&[lasted("agent/n1", "kill", 120, Ending::Cut)], at);
        assert!(!run.has_arrived("agent/n1"));
    }
}
