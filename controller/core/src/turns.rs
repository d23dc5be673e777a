//! Whose turn it is to move, and how long the steps of the way down took until their effect was
//! seen.

use std::collections::BTreeMap;

use crate::{
    assess::State,
    budget::{Ending, Lasted, Path, WAIT, Way},
    journal::{Journal, Tries},
    signals::Phase,
    step::{PlannedStep, Rung},
    table::Wanted,
    text::Text,
    unit::{Kind, Unit, UnitId},
    walk::{Row, Walk},
};

/// Whose turn came, and whose is over.
pub(crate) struct Turns {
    /// Units whose turn came, and which way.
    pub(crate) began: BTreeMap<Text, Wanted>,
    /// Units whose turn is over.
    pub(crate) ended: Vec<Text>,
    /// Units whose time stops: nobody could do anything about them.
    pub(crate) paused: Vec<Text>,
    /// Steps of the way down that came to their end.
    pub(crate) lasted: Vec<Lasted>,
}

impl Turns {
    pub(crate) fn of(walk: &Walk<'_>, free: &[UnitId], steps: &[PlannedStep]) -> Self {
        let mut free = free.to_vec();
        free.sort_unstable();
        let journal = walk.view.journal;
        let (mut began, mut ended, mut paused) = (BTreeMap::new(), Vec::new(), Vec::new());
        let mut lasted: Vec<Lasted> =
            steps.iter().filter_map(|step| passed(journal, step)).collect();
        for (id, unit, row) in walk.iter() {
            let is_free = free.binary_search(&id).is_ok();
            let known = journal.turns.contains_key(&unit.name);
            if is_free && row.turn.is_none() {
                began.insert(unit.name.clone(), row.wanted);
            }
            lasted.extend(left(journal, unit, row));
            let before = ended.len();
            match (is_free, known) {
                // Its turn was the other way.
                (true, true) if row.turn.is_none() => ended.push(unit.name.clone()),
                // What is settled without being seen may come back, and has tried what it tried; but
                // no time ran against it meanwhile.
                (false, true) if row.moot => paused.push(unit.name.clone()),
                (false, _) if row.moot || row.left => {}
                // Told to go off, and its services live again: it came up instead.
                (false, true) if came_up_instead(walk, unit, row) => {}
                (false, true) => ended.push(unit.name.clone()),
                // The own host's poweroff is remembered for the whole boot.
                (false, false)
                    if unit.kind != Kind::Own
                        && row.has_arrived()
                        && journal.tries.contains_key(&unit.name) =>
                {
                    ended.push(unit.name.clone());
                }
                _ => {}
            }
            if ended.len() > before {
                let ending = ending(walk, row);
                lasted.extend(last_step(journal, &unit.name, ending));
            }
        }
        Self { began, ended, paused, lasted }
    }
}

fn came_up_instead(walk: &Walk<'_>, unit: &Unit, row: &Row) -> bool {
    unit.kind == Kind::Host
        && row.wanted == Wanted::Down
        && !row.blockers.is_empty()
        && walk.view.journal.tries(&unit.name, Rung::PowerOff).is_some()
}

/// The way down that a walk is on, if anything but this host is still to go down.
pub(crate) fn way(walk: &Walk<'_>) -> Option<Way> {
    let open = |row: &Row| row.wanted == Wanted::Down && !row.is_settled_down();
    let mut rows = walk.iter().filter(|(_, unit, row)| unit.kind != Kind::Own && open(row));
    let path = if walk.scope.live.is_empty() { Path::Full } else { Path::Emergency };
    let first = rows.next()?;
    let fails = first.2.stuck || rows.any(|(_, _, row)| row.stuck);
    Some(Way { path, fails })
}

/// How the turn of a unit ended: arrived, held back once more with its time spent, or given up.
fn ending(walk: &Walk<'_>, row: &Row) -> Ending {
    let is_held = walk.scope.live.values().any(|phase| *phase == Phase::Held);
    match row.wanted {
        Wanted::Down if row.state == State::Down => Ending::Arrived,
        Wanted::Down if !is_held => Ending::Passed,
        _ => Ending::Cut,
    }
}

/// The rung that a unit stands on, and since when its time runs: not before its turn came.
fn standing(journal: &Journal, unit: &str) -> Option<(&'static str, crate::time::Tick)> {
    let turn = journal.turns.get(unit).filter(|turn| turn.wanted == Wanted::Down)?;
    let rungs = journal.tries.get(unit).into_iter().flatten();
    let (step, first) = rungs
        .max_by_key(|(_, tries): &(&Rung, &Tries)| tries.first)
        .map_or((WAIT, turn.since), |(rung, tries)| (rung.name(), tries.first));
    // The time before the first try is of its step too.
    let tried: usize = journal.tries.get(unit).map_or(0, BTreeMap::len);
    Some((step, if tried > 1 { first.max(turn.since) } else { turn.since }))
}

fn last_step(journal: &Journal, unit: &str, ending: Ending) -> Option<Lasted> {
    let (step, began) = standing(journal, unit)?;
    Some(Lasted { unit: unit.to_owned(), step: step.to_owned(), began, ending })
}

/// The rung that a unit leaves behind with this step: what is seen of the unit chooses the next
/// one, unless time or tries did.
fn passed(journal: &Journal, step: &PlannedStep) -> Option<Lasted> {
    let rungs = journal.tries.get(&step.unit).filter(|rungs| !rungs.contains_key(&step.rung))?;
    let is_harsher = matches!(step.rung, Rung::Delete | Rung::DeleteShort | Rung::Kill);
    let ending = if is_harsher { Ending::Cut } else { Ending::Passed };
    (!rungs.is_empty()).then(|| last_step(journal, &step.unit, ending)).flatten()
}

/// A unit that the energy does not allow to wait for: told once, to the run that its step began in.
fn left(journal: &Journal, unit: &Unit, row: &Row) -> Option<Lasted> {
    if !row.left {
        return None;
    }
    let run = journal.run.as_ref()?;
    let (step, began) = standing(journal, &unit.name)?;
    let is_told = began < run.began || run.is_over(&unit.name, step);
    if is_told { None } else { last_step(journal, &unit.name, Ending::Cut) }
}
