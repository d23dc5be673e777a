//! The budget: how long the way down takes, from what is declared and from what past runs took.
//!
//! A run is one way down. What each step of it took, until its effect was *seen*, is remembered,
//! for emergencies and for all other runs apart: they drain differently. What was learned is a
//! part of the journal, so a decision made again from the same journal knows the same.

mod run;
mod runs;
mod spans;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

pub use crate::walk::critical_path;
pub use run::{Ending, Lasted, RunUnderWay, Took, UnitRun, Way};
pub(crate) use runs::WAIT;
pub use runs::{PastRun, Runs};
pub use spans::Share;
pub(crate) use spans::{Ahead, Spans, declared};

use crate::step::Rung;

/// Fewer runs than this teach nothing: the declared value stands. The next run of a like cluster
/// stays below the maximum of n with a chance of n in n + 1: five in six for five, and the trigger's
/// factor (1.25 by default) is for the sixth.
pub const ENOUGH_RUNS: u32 = 5;
/// From so many runs on the 95th percentile is not the maximum any more (nearest rank: the 19th of
/// 20).
pub const RUNS_FOR_QUANTILE: u32 = 20;

/// The two kinds of ways down. One never moves the other's numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Path {
    /// A supply asked for it.
    Emergency,
    /// A person did.
    Full,
}

impl Path {
    /// Both.
    pub const ALL: [Self; 2] = [Self::Emergency, Self::Full];

    /// The word in metrics and reports.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Emergency => "emergency",
            Self::Full => "full",
        }
    }
}

/// Where a duration comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", rename_all_fields = "camelCase", tag = "from")]
pub enum Source {
    /// The policy, or a share of what it declares for the whole.
    Declared,
    /// The maximum of a few runs.
    Maximum {
        /// How many.
        runs: u32,
    },
    /// The 95th percentile of many.
    Quantile {
        /// How many.
        runs: u32,
    },
}

impl std::fmt::Display for Source {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Declared => f.write_str("declared"),
            Self::Maximum { runs } => write!(f, "maximum of {runs} runs"),
            Self::Quantile { runs } => write!(f, "95th percentile of {runs} runs"),
        }
    }
}

/// What past runs teach of one unit, or of all units of a kind.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Known {
    /// How many runs it arrived in.
    pub runs: u32,
    /// Milliseconds by step: the rung's name, or `wait` where a unit arrived with none of ours.
    pub step_millis: BTreeMap<String, u64>,
}

impl Known {
    const fn source(&self) -> Source {
        if self.runs < RUNS_FOR_QUANTILE {
            Source::Maximum { runs: self.runs }
        } else {
            Source::Quantile { runs: self.runs }
        }
    }
}

/// By unit (`agent/titan-04`) and by kind (`agent`: the longest of a run).
pub type Table = BTreeMap<String, Known>;

/// What past runs teach.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct Learned {
    /// Of emergencies.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub emergency: Table,
    /// Of all other runs.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub full: Table,
}

impl Learned {
    /// What was learned of one kind of run.
    pub const fn of(&self, path: Path) -> &Table {
        match path {
            Path::Emergency => &self.emergency,
            Path::Full => &self.full,
        }
    }

    /// How long one rung of a unit takes, in milliseconds, if runs have told.
    pub(crate) fn rung_millis(&self, path: Path, unit: &str, rung: Rung) -> Option<u64> {
        let kind = unit.split('/').next().unwrap_or(unit);
        let table = self.of(path);
        table.get(unit).or_else(|| table.get(kind))?.step_millis.get(rung.name()).copied()
    }

    /// Nothing was learned yet.
    pub(crate) fn is_empty(&self) -> bool {
        self.emergency.is_empty() && self.full.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words() {
        assert_eq!(Path::ALL.map(Path::name), ["emergency", "full"]);
        let said = |source: Source| source.to_string();
        assert_eq!(said(Source::Declared), "declared");
        assert_eq!(said(Source::Maximum { runs: 5 }), "maximum of 5 runs");
        assert_eq!(said(Source::Quantile { runs: 20 }), "95th percentile of 20 runs");
    }

    #[test]
    fn nothing_learned_is_nothing_learned_of_either() {
        let known = Known { runs: 5, step_millis: BTreeMap::new() };
        let table = || Table::from([("agent".to_owned(), known.clone())]);
        assert!(Learned::default().is_empty());
        assert!(!Learned { emergency: table(), ..Learned::default() }.is_empty());
        assert!(!Learned { full: table(), ..Learned::default() }.is_empty());
    }

    #[test]
    fn a_rung_takes_what_its_unit_took_else_what_its_kind_took() {
        let known = |millis| Known { runs: 5, step_millis: [("stop".to_owned(), millis)].into() };
        let of = |name: &str, millis| (name.to_owned(), known(millis));
        let full = [of("agent", 9_000), of("agent/n1", 4_000)].into();
        let learned = Learned { full, ..Learned::default() };
        let millis = |path, unit, rung| learned.rung_millis(path, unit, rung);
        assert_eq!(millis(Path::Full, "agent/n1", Rung::Stop), Some(4_000));
        assert_eq!(millis(Path::Full, "agent/n2", Rung::Stop), Some(9_000));
        assert_eq!(millis(Path::Full, "agent/n2", Rung::Kill), None);
        assert_eq!(millis(Path::Emergency, "agent/n1", Rung::Stop), None);
    }
}
