//! How long one unit takes on the way down: what runs taught, else what is declared.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::{Known, Path, RunUnderWay, Source, Table, WAIT};
use crate::{
    assess::State,
    journal::Journal,
    plant::Plant,
    unit::{Kind, Unit},
};

/// The declared span of one unit on the way down. In an emergency these are shares of the policy's
/// emergency budget, which is declared for the whole.
pub(crate) fn declared(plant: &Plant, kind: Kind, path: Path) -> Duration {
    let down = &plant.shutdown;
    let emergency = path == Path::Emergency;
    match kind {
        Kind::Gitops => Duration::from_secs(5),
        Kind::Quiesce => Duration::from_secs(30),
        Kind::Snapshot if !(emergency && down.emergency_skips_snapshot) => Duration::from_secs(20),
        Kind::Node if !emergency => down.drain_timeout,
        Kind::Node if !down.emergency_skips_drain => down.drain_emergency_timeout,
        Kind::Storage => Duration::from_secs(10),
        Kind::Agent | Kind::Server => Duration::from_secs(15),
        Kind::Host => down.longest_halt,
        Kind::Own => Duration::from_secs(10),
        _ => Duration::ZERO,
    }
}

/// A part of the budget: one step of one unit on the critical path.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Share {
    /// The unit.
    pub unit: String,
    /// The rung's name, `wait`, or `all` for a unit of which only the whole is declared.
    pub step: String,
    /// How long.
    #[serde(with = "crate::time::millis", rename = "millis")]
    pub takes: Duration,
    /// Where that number comes from.
    pub source: Source,
}

/// How much of its way down a unit has before it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Ahead {
    /// It is down, or need not go.
    Nothing,
    /// It was seen down in this run and is not seen any more (its host halts, the API is gone):
    /// what waits for it waits for proof.
    Sight,
    /// The steps that are not over.
    Steps,
}

/// A run of more units than this is not looked through for what each of them has behind it.
const FOLLOWED: usize = 50;

/// The spans of one kind of run, at one instant of it.
pub(crate) struct Spans<'a> {
    plant: &'a Plant,
    path: Path,
    table: &'a Table,
    /// Whether units are told apart.
    apart: bool,
    run: Option<&'a RunUnderWay>,
    scale: f64,
}

impl<'a> Spans<'a> {
    pub(crate) fn new(plant: &'a Plant, journal: &'a Journal, path: Path) -> Self {
        let table = journal.learned.of(path);
        Self {
            plant,
            path,
            table,
            apart: table.keys().any(|name| name.contains('/')),
            run: journal.run.as_ref().filter(|run| run.units.len() <= FOLLOWED),
            scale: if path == Path::Emergency { plant.span_scale } else { 1.0 },
        }
    }

    /// How much of its way down a unit has before it, by how it is seen.
    pub(crate) fn ahead(&self, unit: &Unit, state: &State) -> Ahead {
        let has_arrived = || self.run.is_some_and(|run| run.has_arrived(&unit.name));
        match state {
            State::Down => Ahead::Nothing,
            State::Unknown(_) if has_arrived() => Ahead::Sight,
            _ => Ahead::Steps,
        }
    }

    /// How long a unit still takes.
    pub(crate) fn of(&self, unit: &Unit, ahead: Ahead) -> Duration {
        let declared = declared(self.plant, unit.kind, self.path);
        if ahead == Ahead::Nothing || declared.is_zero() {
            return Duration::ZERO;
        }
        match self.known(unit) {
            Some(known) => {
                let steps = self.steps(known, unit, ahead);
                Duration::from_millis(steps.map(|(_, millis)| *millis).sum())
            }
            None if ahead == Ahead::Sight => Duration::ZERO,
            None => declared.mul_f64(self.scale),
        }
    }

    /// The same, step by step.
    pub(crate) fn shares(&self, unit: &Unit, ahead: Ahead) -> Vec<Share> {
        let share = |step: &str, takes, source| Share {
            unit: unit.name.to_string(),
            step: step.to_owned(),
            takes,
            source,
        };
        let mut shares = match self.known(unit) {
            None => vec![share("all", self.of(unit, ahead), Source::Declared)],
            Some(known) => self
                .steps(known, unit, ahead)
                .map(|(step, millis)| share(step, Duration::from_millis(*millis), known.source()))
                .collect(),
        };
        shares.retain(|share| !share.takes.is_zero());
        shares
    }

    fn steps<'k>(
        &'k self,
        known: &'k Known,
        unit: &'k Unit,
        ahead: Ahead,
    ) -> impl Iterator<Item = (&'k String, &'k u64)> {
        let run = self.run;
        known.step_millis.iter().filter(move |(step, _)| match ahead {
            Ahead::Nothing => false,
            Ahead::Sight => step.as_str() == WAIT,
            Ahead::Steps => !run.is_some_and(|run| run.is_over(&unit.name, step)),
        })
    }

    fn known(&self, unit: &Unit) -> Option<&'a Known> {
        let own = if self.apart { self.table.get(&*unit.name) } else { None };
        own.or_else(|| self.table.get(unit.kind.as_str()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        budget::{Ending, Lasted, Way},
        seen::Unseen,
        time::Tick,
    };

    fn plant() -> Option<Plant> {
        let text = include_str!("../../tests/golden/policies/small.yaml");
        let policy: ananke_crds::policy::PowerPolicy = serde_saphyr::from_str(text).ok()?;
        Plant::compile("small", &policy.spec).ok()
    }

    #[test]
    fn what_an_emergency_skips_takes_no_time_in_one() {
        let spans = |skips| {
            let mut plant = plant()?;
            let down = &mut plant.shutdown;
            (down.emergency_skips_snapshot, down.emergency_skips_drain) = (skips, skips);
            (down.drain_timeout, down.drain_emergency_timeout) =
                (Duration::from_secs(600), Duration::from_secs(40));
            let of = |path| {
                [Kind::Quiesce, Kind::Snapshot, Kind::Node]
                    .map(|kind| declared(&plant, kind, path).as_secs())
            };
            Some(Path::ALL.map(of))
        };
        assert_eq!(spans(false), Some([[30, 20, 40], [30, 20, 600]]));
        assert_eq!(spans(true), Some([[30, 0, 0], [30, 20, 600]]));
    }

    /// Seen down in this run and not seen any more: only the proof is left, of which nothing is
    /// declared.
    #[test]
    fn what_was_down_and_is_not_seen_is_waited_for_alone() {
        let ahead = |arrived: bool| {
            let plant = plant()?;
            let way = Way { path: Path::Emergency, fails: false };
            let began = Tick::from_millis(1_000);
            let mut run = RunUnderWay::begin(way, began);
            let ending = if arrived { Ending::Arrived } else { Ending::Passed };
            let (unit, step) = ("agent/n1".to_owned(), "stop".to_owned());
            run.take(&[Lasted { unit, step, began, ending }], Tick::from_millis(9_000));
            let journal = Journal { run: Some(run), ..Journal::default() };
            let spans = Spans::new(&plant, &journal, Path::Full);
            let unit = plant.graph.units().iter().find(|unit| unit.name == "agent/n1")?;
            let ahead = spans.ahead(unit, &State::Unknown(Unseen::Silent));
            Some((ahead, spans.of(unit, ahead).as_secs()))
        };
        assert_eq!(ahead(true), Some((Ahead::Sight, 0)));
        assert_eq!(ahead(false), Some((Ahead::Steps, 15)));
    }
}
