//! `kill -9` at every write to the journal and at every effect of a whole way down and up.

use std::{collections::BTreeSet, fmt};

use ananke_crds::policy::Target;
use ananke_sim::ports::Death;

use crate::{
    across::{Run, across},
    stage::{Point, Stage, all_off, is_up, play::Record},
    world::{Came, NINE},
};

const NAME: &str = "killed_at_every_journal_write_and_effect";

/// Down to the hosts, and up again.
async fn down_and_up(stage: &mut Stage) {
    stage.arrives(Target::Running, 60).await;
    stage.declare(Target::Poweroff);
    stage.until("every host is off", 900, all_off).await;
    stage.arrives(Target::Poweroff, 300).await;
    stage.declare(Target::Running);
    stage.until("the cluster works again", 900, is_up).await;
    stage.arrives(Target::Running, 300).await;
}

/// A point by its name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct At(pub Point);

impl fmt::Display for At {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Point::Write(number, _) => write!(f, "in write {number}"),
            Point::Before(number) => write!(f, "before effect {number}"),
            Point::After(number) => write!(f, "after effect {number}"),
            Point::At(millis) => write!(f, "at {millis} ms"),
            Point::Poll(number) => write!(f, "at poll {number}"),
        }
    }
}

/// Every point that the wrapper counted: a line torn in each write, and each effect not done yet or
/// done and not answered.
fn points(whole: &Record) -> Vec<At> {
    let writes = whole.journal_writes.iter().map(|number| Point::Write(*number, Death::Torn));
    let effects = 1..=u64::try_from(whole.effects.len()).unwrap();
    let effects = effects.flat_map(|number| [Point::Before(number), Point::After(number)]);
    writes.chain(effects).map(At).collect()
}

/// The points that a sweep left out.
fn left_out(whole: &Record, swept: &[At]) -> Vec<String> {
    let swept: BTreeSet<String> = swept.iter().map(ToString::to_string).collect();
    points(whole).iter().map(ToString::to_string).filter(|point| !swept.contains(point)).collect()
}

fn played(which: &At) -> Record {
    let run = Run { sweep: NAME, which: which.to_string(), point: Some(which.0), twice: false };
    run.play(NINE, &down_and_up)
}

fn uninterrupted() -> Record {
    let run = Run { sweep: NAME, which: "whole".into(), point: None, twice: false };
    run.play(NINE, &down_and_up)
}

#[test]
fn killed_at_every_journal_write_and_effect() {
    let whole = uninterrupted();
    let (came, points) = (Came::to(&whole), points(&whole));
    assert!(points.len() >= 300, "{} points", points.len());
    // Off and on again, service and node of each host at the least.
    assert!(came.effects() >= 9 * 5, "{} effects are compared", came.effects());
    let outcome = across(&points, |point| {
        let record = played(point);
        assert_eq!(record.deaths.len(), 1, "the daemon was not killed {point}");
        came.assert_same(&Came::to(&record), &point.to_string());
    });
    let missing = left_out(&whole, &points);
    assert!(missing.is_empty(), "left out: {missing:?}");
    let (writes, effects) = (whole.journal_writes.len(), whole.effects.len());
    outcome.tell(&format!(
        "kill -9 in each of {writes} writes to the journal, before and after each of {effects} effects"
    ));
}

/// A sweep that leaves points out says so.
#[test]
fn two_points_taken_out_are_missed() {
    let whole = uninterrupted();
    let mut swept = points(&whole);
    let taken = [swept.remove(swept.len() / 3), swept.remove(swept.len() / 2)];
    let mut taken = taken.map(|point| point.to_string()).to_vec();
    let mut missing = left_out(&whole, &swept);
    taken.sort();
    missing.sort();
    assert_eq!(missing, taken);
}
