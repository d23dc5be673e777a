//! Whole runs over a damaged state directory, each judged by the audit, each to its end.

use std::{collections::BTreeMap, fmt, ops::Range, time::Duration};

use ananke::publish::Published;
use ananke::state::{INTENT, Line, OVERRIDE, REQUESTS, Request};
use ananke_core::journal::Event;
use ananke_crds::policy::Target;
use ananke_sim::world::Fate;

use super::{Damage, LATE, half_way, left, lines};
use crate::{
    across::{Run, across},
    scenes::SMALL,
    stage::{Stage, condition},
};

const NAME: &str = "a_damaged_state_directory_ends_running";
/// The segment of the journal in force.
const JOURNAL: &str = "journal";

/// One run: what is damaged while nobody runs, and whether the mains are back by then.
struct Point {
    path: String,
    damage: Damage,
    is_back: bool,
}

impl fmt::Display for Point {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mains = if self.is_back { "mains back" } else { "on battery" };
        write!(f, "{}, {}, {mains}", self.path, self.damage)
    }
}

/// The kind of a line of the journal.
fn kind(line: &[u8]) -> &'static str {
    match serde_json::from_slice(line).unwrap() {
        Line::State { .. } => "state",
        Line::Policy { .. } => "policy",
        Line::Decision { .. } => "decision",
        Line::Event { event, .. } => match event {
            Event::Started { .. } => "started",
            Event::Decided { .. } => "decided",
            Event::Learned { .. } => "learned",
            Event::Begun { .. } => "begun",
            Event::Ended { .. } => "ended",
        },
    }
}

/// The first and the last line of each kind.
fn chosen(segment: &[u8]) -> Vec<Range<usize>> {
    let mut kinds: BTreeMap<&str, (Range<usize>, Range<usize>)> = BTreeMap::new();
    for line in lines(segment) {
        let ends = kinds.entry(kind(&segment[line.clone()]));
        ends.and_modify(|(_, last)| *last = line.clone()).or_insert((line.clone(), line));
    }
    let found: Vec<&str> = kinds.keys().copied().collect();
    assert_eq!(found, ["begun", "decided", "decision", "ended", "policy", "state"]);
    let mut chosen: Vec<_> = kinds.into_values().flat_map(|(first, last)| [first, last]).collect();
    chosen.sort_by_key(|line| line.start);
    chosen.dedup();
    chosen
}

/// The journal cut in the first byte, the middle and the last byte of such a line, and zeros in its
/// place; each other file cut to nothing, to half, and before its end, and all of it zeros.
fn points() -> Vec<Point> {
    let left = left();
    let of_line = |line: Range<usize>| {
        let middle = usize::midpoint(line.start, line.end);
        [
            Damage::Cut(line.start + 1),
            Damage::Cut(middle),
            Damage::Cut(line.end),
            Damage::Zeros(line),
        ]
    };
    let of_file = |length: usize| {
        [Damage::Cut(0), Damage::Cut(length / 2), Damage::Cut(length - 1), Damage::Zeros(0..length)]
    };
    let journal = chosen(&left.segment).into_iter().map(|line| (JOURNAL, of_line(line)));
    let documents = left.documents.iter().filter(|(path, _)| *path != INTENT);
    let documents = documents.map(|(path, bytes)| (path.as_str(), of_file(bytes.len())));
    // Each damage of each kind meets both.
    let point = |(turn, (path, damages)): (usize, (&str, [Damage; 4]))| {
        let path = path.to_owned();
        let all = damages.into_iter().enumerate();
        all.map(move |(place, damage)| Point {
            path: path.clone(),
            damage,
            is_back: (turn + place) % 2 == 0,
        })
    };
    journal.chain(documents).enumerate().flat_map(point).collect()
}

async fn over(stage: &mut Stage, point: &Point) {
    half_way(stage).await;
    let mains = Fate::Mains { supply: None, present: true };
    if point.path == JOURNAL {
        let segment = stage.store.segment();
        stage.store.put_segment(&point.damage.of(&segment));
    } else {
        let bytes = stage.store.take(&point.path).unwrap();
        stage.store.put(&point.path, &point.damage.of(&bytes));
    }
    if point.path == OVERRIDE {
        // It would end the warning.
        stage.store.take(&format!("{REQUESTS}/{LATE}")).unwrap();
    }
    stage.tell(&format!("damaged: {point}"));
    if point.is_back {
        stage.fate(&mains);
    }
    stage.start();
    if !point.is_back {
        stage.pass(Duration::from_secs(40)).await;
        stage.fate(&mains);
    }
    if point.path == OVERRIDE {
        let told = stage.told().is_some_and(|told| {
            let sentence = told.status.sentence.clone().unwrap_or_default();
            let is_it = |c: &&ananke_crds::policy::Condition| c.condition_type == "RequestsKnown";
            told.status.conditions.iter().any(|c| is_it(&c)) && sentence.contains(OVERRIDE)
        });
        stage.check(told || point.is_back, "what was held is not known, and nobody is told");
    }
    // What waited may be what is damaged.
    let answer = stage.ask(&Request::Release).await;
    stage.check(answer.ok, "the release was refused");
    stage.arrives(Target::Running, 900).await;
    let told = stage.told().is_some_and(|told| {
        told.status.conditions.iter().any(|c| c.condition_type == "RequestsKnown")
    });
    stage.check(!told, "what was seen to is still told");
}

#[test]
fn a_damaged_state_directory_ends_running() {
    let outcome = across(&points(), |point| {
        let which = point.to_string();
        let run = Run { sweep: NAME, which, point: None, twice: false };
        run.play(SMALL, &async |stage: &mut Stage| over(stage, point).await);
    });
    outcome.tell("each file damaged half-way down an outage, each kind of line of the journal");
}

/// A disk that forgets whole lines which it said were kept leaves no sign of it: a steady state of
/// before the outage is believed. What is off then is told as lost, and one word brings it back.
#[test]
fn lines_that_a_disk_forgot_call_a_person() {
    let which = "forgotten".to_owned();
    let run = Run { sweep: NAME, which, point: None, twice: false };
    run.play(SMALL, &async |stage: &mut Stage| {
        half_way(stage).await;
        let segment = stage.store.segment();
        let state =
            lines(&segment).into_iter().find(|line| kind(&segment[line.clone()]) == "state");
        stage.store.put_segment(&Damage::Cut(state.unwrap().end + 1).of(&segment));
        stage.fate(&Fate::Mains { supply: None, present: true });
        stage.start();
        let lost = |told: &Published| {
            let text = condition(told, "Stalled").unwrap_or_default();
            text.contains("lost in steady state")
        };
        stage.until_told("what is off is lost", 300, lost).await;
        let answer = stage.ask(&Request::Startup { reason: String::new() }).await;
        stage.check(answer.ok, "the start was refused");
        stage.arrives(Target::Running, 900).await;
    });
}
