//! What UPSes and their drivers are reported to tell: nothing goes down for nothing, and no outage
//! that a reading tells is missed. The form is told in `ups/README.md`.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stdout,
    reason = "a test that cannot go on fails, and its counts are for people"
)]

mod support;

use std::{collections::BTreeMap, fs, ops::AddAssign, path::Path};

use ananke_core::{
    decide::decide,
    journal::{Event, Journal},
    observe::{Snapshot, SupplyReading},
    plant::Plant,
    seen::{Seen, Unseen},
    signals::Phase,
    time::Tick,
};
use serde::Deserialize;
use support::worlds;

#[derive(Clone, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Report {
    cites: Vec<String>,
    about: String,
    #[serde(default)]
    blind: bool,
    told: Vec<Told>,
    falls: Vec<Fall>,
}

#[derive(Clone, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Told {
    r#for: String,
    #[serde(default)]
    status: String,
    charge: Option<Line>,
    runtime: Option<Line>,
    load: Option<u16>,
    #[serde(default)]
    garbled: Vec<String>,
    unseen: Option<Unseen>,
}

#[derive(Clone, Copy, Deserialize)]
#[serde(untagged)]
enum Line {
    Flat(u64),
    Slope(u64, u64),
}

#[derive(Clone, Deserialize)]
#[serde(deny_unknown_fields)]
struct Fall {
    after: String,
    by: String,
}

fn millis(seconds: &str) -> u64 {
    let number = seconds.strip_suffix('s').unwrap_or_else(|| panic!("{seconds} is no span"));
    number.parse::<u64>().unwrap() * 1000
}

impl Line {
    fn at(self, part: u64, whole: u64) -> u64 {
        match self {
            Self::Flat(value) => value,
            Self::Slope(from, to) if to >= from => from + (to - from) * part / whole,
            Self::Slope(from, to) => from - (from - to) * part / whole,
        }
    }
}

impl Told {
    fn seen(&self, since: u64, now: Tick, heard: Tick) -> Seen<SupplyReading> {
        if let Some(why) = self.unseen {
            return Seen::unknown(why, heard);
        }
        let at = |line: Line| line.at(since, millis(&self.r#for));
        let reading = SupplyReading {
            status: self.status.split_whitespace().map(Into::into).collect(),
            charge_percent: self.charge.map(|line| u8::try_from(at(line)).unwrap()),
            runtime_seconds: self.runtime.map(at),
            load_percent: self.load,
            garbled: self.garbled.clone(),
            ..SupplyReading::default()
        };
        Seen::known(reading, now)
    }
}

/// One telling of a report.
#[derive(Clone)]
struct Telling {
    /// What is changed, in words.
    how: String,
    told: Vec<Told>,
    /// What stands before it, in milliseconds.
    before: u64,
    /// When it is asked first, and how often from then on.
    phase: u64,
    pace: u64,
    /// Each so many answers one is lost.
    loses: Option<u64>,
    /// When the daemon is started anew.
    restart: Option<u64>,
}

/// As a report has it.
const PACE: u64 = 2_000;

impl Telling {
    fn plain(report: &Report) -> Self {
        Self {
            how: "as it is".into(),
            told: report.told.clone(),
            before: 0,
            phase: 0,
            pace: PACE,
            loses: None,
            restart: None,
        }
    }

    fn with(&self, how: impl Into<String>, change: impl FnOnce(&mut Self)) -> Self {
        let mut other = Self { how: how.into(), ..self.clone() };
        change(&mut other);
        other
    }

    fn worded(&self, how: impl Into<String>, words: impl Fn(&mut Vec<&str>)) -> Self {
        self.with(how, |telling| {
            for told in &mut telling.told {
                let status = std::mem::take(&mut told.status);
                let mut list: Vec<&str> = status.split_whitespace().collect();
                // No word at all stays none.
                if !list.is_empty() {
                    words(&mut list);
                }
                told.status = list.join(" ");
            }
        })
    }

    fn led_by(&self, how: &str, before: Vec<Told>) -> Self {
        self.with(how, |telling| {
            telling.before = before.iter().map(|told| millis(&told.r#for)).sum();
            telling.told.splice(0..0, before);
        })
    }

    fn length(&self) -> u64 {
        self.told.iter().map(|told| millis(&told.r#for)).sum()
    }

    /// What is told at an instant, and since when.
    fn at(&self, now: u64) -> Option<(&Told, u64)> {
        let mut began = 0;
        for told in &self.told {
            let ends = began + millis(&told.r#for);
            if now < ends {
                return Some((told, now - began));
            }
            began = ends;
        }
        None
    }

    /// Tells it to the core, and notes when everything begins to go down.
    fn tell(&self, plant: &Plant) -> Vec<u64> {
        let still = worlds::running(plant);
        let mut snapshot = still.snapshot;
        let mut journal = Journal { supplies: BTreeMap::new(), ..still.journal };
        let (mut heard, mut falls, mut restart) = (worlds::NOW, Vec::new(), self.restart);
        for poll in 0.. {
            let since = self.phase + poll * self.pace;
            let Some((told, part)) = self.at(since) else { break };
            let now = Tick::from_millis(worlds::NOW.as_millis() + since);
            if restart.take_if(|at| *at <= since).is_some() {
                let boot_id = journal.boot_id.clone();
                journal.apply(&Event::Started { boot_id, at: now });
            }
            let lost = self.loses.is_some_and(|each| poll % each == each - 1);
            let seen = match told.seen(part, now, heard) {
                Seen::Known { .. } if lost => Seen::unknown(Unseen::Silent, heard),
                seen => seen,
            };
            heard = seen.at().unwrap_or(heard);
            look(&mut snapshot, now, seen);
            let decision = decide(plant, &journal, &snapshot);
            let fell = journal.supplies.get("ups").is_some_and(|ups| ups.phase == Phase::Falling);
            if decision.supplies["ups"].phase == Phase::Falling && !fell {
                falls.push(since);
            }
            journal.apply(&Event::decided(&journal, &decision));
        }
        falls
    }
}

/// Nothing but the UPS changes; the rest goes on being seen.
fn look(snapshot: &mut Snapshot, now: Tick, ups: Seen<SupplyReading>) {
    fn again<T>(seen: &mut Seen<T>, now: Tick) {
        if let Seen::Known { at, .. } = seen {
            *at = now;
        }
    }
    snapshot.now = now;
    snapshot.hosts.values_mut().for_each(|seen| again(seen, now));
    snapshot.observed.values_mut().for_each(|seen| again(seen, now));
    again(&mut snapshot.api, now);
    again(&mut snapshot.cluster, now);
    snapshot.supplies.insert("ups".into(), ups);
}

/// Whether a reading is of mains and of a battery that carries a minute.
fn is_well(told: &Told) -> bool {
    let words = ["OL", "OL CHRG", "OL ECO"];
    let least = |line: Option<Line>, least: u64| match line {
        Some(Line::Flat(number)) => number >= least,
        Some(Line::Slope(from, to)) => from.min(to) >= least,
        None => true,
    };
    let runtime = matches!(told.runtime, Some(Line::Flat(0))) || least(told.runtime, 600);
    words.contains(&told.status.as_str()) && runtime && least(told.charge, 50)
}

/// What must not change a verdict.
fn tellings(report: &Report) -> Vec<Telling> {
    let plain = Telling::plain(report);
    let mut all = vec![plain.clone()];
    for phase in (250..PACE).step_by(250) {
        all.push(plain.with(format!("asked {phase} ms later"), |t| t.phase = phase));
    }
    for pace in [1_000, 3_000] {
        all.push(plain.with(format!("asked every {pace} ms"), |t| t.pace = pace));
    }
    for loses in [3, 4, 7, 11] {
        all.push(plain.with(format!("each {loses}th answer lost"), |t| t.loses = Some(loses)));
    }
    all.push(plain.worded("words from the last to the first", |words| words.reverse()));
    all.push(plain.worded("words turned by one", |words| words.rotate_left(1)));
    all.push(plain.worded("words twice", |words| words.extend(words.clone())));
    for word in ["ALARM", "RB", "OVER", "TRIM", "BYPASS", "SOMETHINGNEW"] {
        all.push(plain.worded(format!("{word} in front"), |words| words.insert(0, word)));
        all.push(plain.worded(format!("{word} behind"), |words| words.push(word)));
    }
    let first = plain.told.iter().find(|told| told.unseen.is_none()).unwrap();
    // What it tells in calm: the numbers of its first reading.
    let calm = |span: &str| Told { r#for: span.into(), ..first.clone() };
    all.push(plain.led_by("after ten minutes of calm", vec![calm("600s")]));
    if is_well(first) {
        let battery = |span: &str| Told { status: "OB DISCHRG".into(), ..calm(span) };
        for (how, span) in [("after a flicker", "3s"), ("after a short outage", "45s")] {
            all.push(plain.led_by(how, vec![calm("60s"), battery(span), calm("200s")]));
        }
    }
    for restart in (0..plain.length()).step_by(25_000) {
        let how = format!("the daemon started anew at {} s", restart / 1000);
        all.push(plain.with(how, |t| t.restart = Some(restart)));
    }
    all
}

#[derive(Default)]
struct Count {
    tellings: usize,
    falsely: usize,
    missed: usize,
}

impl AddAssign for Count {
    fn add_assign(&mut self, other: Self) {
        self.tellings += other.tellings;
        self.falsely += other.falsely;
        self.missed += other.missed;
    }
}

/// Each fall has its window, in order; three readings in a row take longer at another pace, and
/// one more for each that is lost.
fn judge(report: &Report, telling: &Telling, falls: &[u64]) -> Count {
    let slack = (telling.pace.saturating_sub(PACE) * 3) + telling.loses.map_or(0, |_| 4 * PACE);
    let mut count = Count { tellings: 1, ..Count::default() };
    let mut windows = report.falls.iter().map(|fall| {
        let [after, by] = [&fall.after, &fall.by].map(|text| millis(text) + telling.before);
        after..=by + slack
    });
    for fall in falls {
        match windows.next() {
            Some(window) if window.contains(fall) => {}
            Some(window) if fall > window.end() => count.missed += 1,
            _ => count.falsely += 1,
        }
    }
    count.missed += windows.count();
    count
}

fn reports() -> BTreeMap<String, Report> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/ups/reports.yaml");
    serde_saphyr::from_str(&fs::read_to_string(path).unwrap()).unwrap()
}

#[test]
fn nothing_falls_for_nothing_and_no_outage_is_missed() {
    let plant = support::plant(&support::policy("small"));
    let reports = reports();
    let (mut all, mut wrong) = (Count::default(), Vec::new());
    for (name, report) in &reports {
        assert!(!report.about.is_empty() && !report.cites.is_empty(), "{name}");
        for telling in tellings(report) {
            let falls = telling.tell(&plant);
            let count = judge(report, &telling, &falls);
            if count.falsely + count.missed > 0 {
                let falls: Vec<u64> = falls.iter().map(|at| (at - telling.before) / 1000).collect();
                wrong.push(format!("{name}, {}: it falls at {falls:?} s", telling.how));
            }
            all += count;
        }
    }
    let blind = reports.values().filter(|report| report.blind).count();
    println!(
        "ups corpus: {} reports in {} tellings: {} false shutdowns, {} missed outages; {blind} \
         reports are of outages that no reading tells",
        reports.len(),
        all.tellings,
        all.falsely,
        all.missed
    );
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
