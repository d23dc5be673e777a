//! What is believed of a damaged journal, and what is decided on it.

use std::{collections::BTreeMap, sync::Arc};

use ananke::{
    state::{Asked, Line, Remembered},
    wiring::policy::InForce,
};
use ananke_core::{
    conditions::{Reason, Status, conditions},
    decide::decide,
    decision::Decision,
    episode::EpisodePhase,
    journal::{Event, Journal},
    observe::Snapshot,
    plant::Plant,
    seen::Seen,
    step::Action,
};
use ananke_hosts::{journal_is_torn, journal_lines};

use super::{Damage, Left, ensure, is_plain, judged, left, lines};
use crate::across::Outcome;

/// What the lines of a segment say, without any damage.
struct Segment<'a> {
    bytes: &'a [u8],
    text: Vec<String>,
    /// Where they begin, and where the next one would.
    starts: Vec<usize>,
    /// What is remembered after so many lines.
    after: Vec<(Journal, Option<Asked>)>,
    plant: Arc<Plant>,
    /// What was seen last: hosts go off, and the mains are away.
    seen: Snapshot,
}

impl<'a> Segment<'a> {
    fn of(left: &'a Left) -> Self {
        let mut remembered = (Journal::default(), None);
        let (mut text, mut after, mut seen) = (Vec::new(), vec![remembered.clone()], None);
        for line in lines(&left.segment) {
            let line = str::from_utf8(&left.segment[line]).unwrap();
            text.push(line.to_owned());
            match serde_json::from_str(line).unwrap() {
                Line::State { journal } => remembered.0 = journal.into_owned(),
                Line::Event { event, .. } => remembered.0.apply(&event),
                Line::Decision { unix_seconds, inputs, .. } => {
                    let (requests, at) = (inputs.requests.clone(), inputs.now);
                    remembered.1 = Some(Asked { requests, at, unix_seconds });
                    seen = Some(inputs.into_owned());
                }
                Line::Policy { .. } => {}
            }
            after.push(remembered.clone());
        }
        let mut starts: Vec<usize> = lines(&left.segment).iter().map(|line| line.start).collect();
        starts.push(left.segment.len());
        let plant = InForce::of(&left.policy, "desired/story.yaml").unwrap().plant;
        Self { bytes: &left.segment, text, starts, after, plant, seen: seen.unwrap() }
    }

    /// Judges a load of every cut.
    fn cuts(&self, load: impl Fn(&[String], bool) -> Remembered) -> Outcome {
        // What is remembered follows from the whole lines and from whether something stands behind
        // them, so it is judged once for those. Lines are read one by one, which is a test below.
        let mut known: BTreeMap<(usize, bool), Result<(), String>> = BTreeMap::new();
        judged("journal", Damage::cuts(self.bytes), |damage| {
            let (end, before) = (damage.first(), self.lines_before(damage));
            let start = self.starts[before];
            let behind = journal_lines(&self.bytes[start..end]);
            ensure(behind.is_empty(), || format!("a line of it is whole: {behind:?}"))?;
            let (lines, is_torn) = (&self.text[..before], journal_is_torn(&self.bytes[..end]));
            let judge = || self.judge(before, start < end, &load(lines, is_torn));
            known.entry((before, is_torn)).or_insert_with(judge).clone()
        })
    }

    /// Judges a load with zeros somewhere.
    fn zeros(
        &self,
        zeros: impl Iterator<Item = Damage>,
        load: impl Fn(&[String], bool) -> Remembered,
    ) -> Outcome {
        judged("journal", zeros, |damage| {
            let bytes = damage.of(self.bytes);
            let remembered = load(&journal_lines(&bytes), journal_is_torn(&bytes));
            self.judge(self.lines_before(damage), true, &remembered)
        })
    }

    fn lines_before(&self, damage: &Damage) -> usize {
        self.starts.partition_point(|start| *start <= damage.first()) - 1
    }

    /// What stands before the damage is believed and nothing behind it; a record that is damaged is
    /// told, and not taken for none.
    fn judge(&self, before: usize, is_told: bool, found: &Remembered) -> Result<(), String> {
        let (mut journal, asked) = self.after[before].clone();
        if is_told {
            journal.episode.phase = EpisodePhase::Recovering;
        }
        ensure(found.journal == journal, || "something else is remembered".into())?;
        ensure(found.asked == asked, || "something else was asked for".into())?;
        match &found.complaint {
            None => ensure(!is_told, || "it is not told".into())?,
            Some(complaint) => {
                is_plain(complaint)?;
                let place = [format!(" line {} ", before + 1), format!(" behind line {before} ")];
                let is_named = place.iter().any(|place| complaint.contains(place));
                let is_so = is_told && is_named && complaint.starts_with("journal: ");
                ensure(is_so, || format!("it is told as: {complaint}"))?;
            }
        }
        self.decides(&found.journal, is_told)
    }

    /// On battery nothing is begun that brings something up, half-way down nothing is `Ready`, and
    /// what went down is given up only by a daemon that remembers a steady state.
    fn decides(&self, journal: &Journal, is_told: bool) -> Result<(), String> {
        let boot_id = self.after[self.text.len()].0.boot_id.clone();
        let decided = |seen: &Snapshot| {
            let mut journal = journal.clone();
            journal.apply(&Event::Started { boot_id: boot_id.clone(), at: seen.now });
            decide(&self.plant, &journal, seen)
        };
        let on_battery = decided(&self.seen);
        let up = on_battery.steps.iter().find(|step| is_up(&step.action));
        ensure(up.is_none(), || format!("on battery: {up:?}"))?;
        let on_mains = decided(&with_mains(self.seen.clone()));
        for decision in [&on_battery, &on_mains] {
            ensure(!is_ready(decision), || "Ready half-way down".into())?;
        }
        let lost = on_mains.waiting.iter().find(|w| w.reason == Reason::LostWhileHolding);
        ensure(!is_told || lost.is_none(), || format!("given up: {lost:?}"))
    }
}

fn is_up(action: &Action) -> bool {
    matches!(
        action,
        Action::Resume { .. }
            | Action::Uncordon { .. }
            | Action::StartService { .. }
            | Action::Wake { .. }
    )
}

fn is_ready(decision: &Decision) -> bool {
    let ready =
        |c: &ananke_core::conditions::Condition| c.kind == "Ready" && c.status == Status::True;
    conditions(decision).iter().any(ready)
}

/// The mains are back, the battery is full, and nobody holds anything.
fn with_mains(mut seen: Snapshot) -> Snapshot {
    seen.requests.hold = None;
    for reading in seen.supplies.values_mut() {
        if let Seen::Known { value, .. } = reading {
            let reading = Arc::make_mut(value);
            reading.status = vec!["OL".into()];
            reading.charge_percent = Some(100);
        }
    }
    seen
}

#[test]
fn a_damaged_journal_is_believed_up_to_the_damage() {
    let segment = Segment::of(left());
    let (bytes, lines) = (segment.bytes.len(), segment.text.len());
    assert!(lines >= 20 && bytes >= 20_000, "{lines} lines, {bytes} bytes");
    let phases = segment.after.iter().map(|(journal, _)| journal.episode.phase);
    let steady = phases.filter(|phase| *phase == EpisodePhase::Holding).count();
    assert!(steady > 1 && steady + 1 < lines, "{steady} of {lines} lines tell of a steady state");
    let zeros = Damage::zeros(segment.bytes);
    segment.cuts(Remembered::of).and(segment.zeros(zeros, Remembered::of)).tell(&format!(
        "a journal of {lines} lines, cut at each of {bytes} bytes and each block and line zeroed"
    ));
}

/// What is read of a segment is what is read of its lines, one after the other.
#[test]
fn a_journal_is_read_line_by_line() {
    let segment = Segment::of(left());
    assert_eq!(journal_lines(segment.bytes), segment.text);
    for (place, start) in segment.starts.iter().enumerate() {
        let (before, behind) = segment.bytes.split_at(*start);
        assert_eq!(journal_lines(before), segment.text[..place]);
        assert_eq!(journal_lines(behind), segment.text[place..]);
        assert!(!journal_is_torn(before));
    }
}

/// Daemons that would believe too much are found out.
#[test]
fn a_journal_that_is_believed_too_much_is_found_out() {
    let segment = Segment::of(left());
    let passed_over = |lines: &[String], _: bool| {
        let whole = |line: &&String| serde_json::from_str::<Line<'_>>(line).is_ok();
        Remembered::of(&lines.iter().filter(whole).cloned().collect::<Vec<_>>(), false)
    };
    let untold = |lines: &[String], is_torn: bool| Remembered {
        complaint: None,
        ..Remembered::of(lines, is_torn)
    };
    let nothing_happened = |lines: &[String], is_torn: bool| {
        let mut found = Remembered::of(lines, is_torn);
        found.journal.episode.phase = Remembered::of(lines, false).journal.episode.phase;
        found
    };
    let zeros = || Damage::zeros(segment.bytes).step_by(10);
    assert!(segment.zeros(zeros(), passed_over).failed.len() > 10);
    assert!(segment.zeros(zeros(), untold).failed.len() > 10);
    assert!(segment.cuts(untold).failed.len() > 10_000);
    assert!(segment.cuts(nothing_happened).failed.len() > 1_000);
}
