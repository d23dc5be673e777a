//! The transcript: what happens, what ananke does, and what it tells whenever that changes.

use std::collections::BTreeMap;

use ananke::publish::Published;
use ananke_sim::world::{Actor, Happening, What};

use crate::{log, script::Time, stage::Stage};

/// A transcript while it is written.
pub struct Transcript {
    lines: Vec<String>,
    begins: Time,
    /// When the story begins, in milliseconds of the world.
    zero: u64,
    /// How much of the trace is told.
    seen: u64,
    /// What was said last, without its figures.
    said: Saying,
    /// What is told by now and was not said, and since when.
    pending: Option<(Saying, u64)>,
    pods: Option<Pods>,
    /// How often a line was written since the script said something.
    often: BTreeMap<String, u32>,
}

/// A sentence without its figures: what goes on, and what is being done or waited for.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
struct Saying {
    going_on: String,
    now: String,
}

/// What happens more often than this, with nothing from the script in between, is told as such once.
const OFTEN: u32 = 3;

/// What is being done is worth a line once it was so for as long as this, in milliseconds: steps
/// that end sooner have lines of their own.
const LASTS: u64 = 10_000;

/// Pods that are told to end, of one node: each by itself would be no news.
struct Pods {
    who: Actor,
    at: u64,
    node: String,
    evicted: bool,
    count: usize,
}

impl Transcript {
    /// Begins with the head of its script.
    pub fn begin(head: &[String], begins: Time, stage: &Stage) -> Self {
        let mut lines = head.to_vec();
        lines.push(String::new());
        let seen = stage.look(|world| world.trace.len());
        let said = Saying::default();
        Self {
            lines,
            begins,
            zero: stage.now(),
            seen,
            said,
            pending: None,
            pods: None,
            often: BTreeMap::new(),
        }
    }

    /// How much of the trace is told.
    pub const fn seen(&self) -> u64 {
        self.seen
    }

    /// The time in the story, at an instant of the world.
    pub const fn time(&self, millis: u64) -> Time {
        Time(self.begins.0 + millis.saturating_sub(self.zero) / 1000)
    }

    /// The instant of the world, at a time in the story.
    pub const fn instant(&self, time: Time) -> u64 {
        self.zero + (time.0 - self.begins.0) * 1000
    }

    /// Writes a line of the script, or an answer to one.
    pub fn line(&mut self, at: u64, kind: &str, text: &str) {
        self.catch_up();
        self.often.clear();
        self.write(at, kind, text);
    }

    fn write(&mut self, at: u64, kind: &str, text: &str) {
        let time = self.time(at);
        self.lines.push(format!("{time}  {kind:<8}  {text}"));
    }

    /// Writes a line about what goes on by itself.
    fn news(&mut self, at: u64, kind: &str, text: &str) {
        self.catch_up();
        let words = format!("{kind} {}", without_figures(text));
        let count = self.often.entry(words).or_default();
        *count += 1;
        match *count {
            1..=OFTEN => self.write(at, kind, text),
            next if next == OFTEN + 1 => self.write(at, kind, &format!("{text} (and so on)")),
            _ => {}
        }
    }

    /// Tells what happened since, and what is told now.
    pub fn look(&mut self, stage: &Stage) {
        let skip = usize::try_from(self.seen).unwrap();
        let (news, until) = stage.look(|world| {
            let news: Vec<Happening> = world.trace.iter().skip(skip).cloned().collect();
            (news, world.trace.len())
        });
        self.seen = until;
        for happening in &news {
            self.happened(happening);
        }
        if let Some(told) = stage.told() {
            self.told(stage.now(), &told);
        }
    }

    fn happened(&mut self, happening: &Happening) {
        let Happening { at, who, what } = happening;
        match what {
            What::PodEnding { node: Some(node), evicted, .. } => {
                self.pod(*at, *who, node, *evicted);
            }
            // The script has said so.
            _ if is_of_the_script(*who, what) => {}
            // In the time of the story.
            What::WakeAlarmSet { host, at: alarm } => {
                let text = format!("sets the wake alarm of {host} to {}", self.time(*alarm));
                self.news(*at, of(*who, what), &text);
            }
            What::ServiceStarting { host, service } if *who == Actor::Ananke => {
                self.news(*at, "ananke", &format!("starts the {service:?} of {host}"));
            }
            _ => {
                if let Some(text) = log::sentence(what) {
                    self.news(*at, of(*who, what), &text);
                }
            }
        }
    }

    fn pod(&mut self, at: u64, who: Actor, node: &str, evicted: bool) {
        let is_same = |p: &Pods| p.who == who && p.node == node && p.evicted == evicted;
        if self.pods.as_ref().is_some_and(|pods| !is_same(pods)) {
            self.catch_up();
        }
        let begin = || Pods { who, at, node: node.to_owned(), evicted, count: 0 };
        self.pods.get_or_insert_with(begin).count += 1;
    }

    /// Writes about the pods that were counted so far.
    fn catch_up(&mut self) {
        let Some(Pods { who, at, node, evicted, count }) = self.pods.take() else { return };
        let verb = if evicted { "evicts" } else { "deletes" };
        let pods = if count == 1 { "pod" } else { "pods" };
        let who = if who == Actor::Ananke { "ananke" } else { "" };
        self.write(at, who, &format!("{verb} {count} {pods} on {node}"));
    }

    /// What goes on is news at once; what is being done, when it lasts; figures never.
    fn told(&mut self, at: u64, told: &Published) {
        let sentence = told.status.sentence.clone().unwrap_or_default();
        let saying = Saying::of(&sentence);
        if saying == self.said {
            self.pending = None;
            return;
        }
        let pending = self.pending.take().filter(|(pending, _)| *pending == saying);
        let (_, since) = pending.unwrap_or((saying.clone(), at));
        if saying.going_on != self.said.going_on || at - since >= LASTS {
            self.said = saying;
            self.news(at, "says", &sentence);
        } else {
            self.pending = Some((saying, since));
        }
    }

    /// The whole of it.
    pub fn end(mut self, last: &str) -> String {
        self.catch_up();
        self.lines.extend([String::new(), last.to_owned(), String::new()]);
        self.lines.join("\n")
    }
}

impl Saying {
    fn of(sentence: &str) -> Self {
        let words = without_figures(sentence);
        let marks = ["Battery for", "A person must act:", "Now:", "Look at a supply:"];
        let end = marks.iter().filter_map(|mark| words.find(mark)).min().unwrap_or(words.len());
        let (going_on, rest) = words.split_at(end);
        let now = rest.find("needed to be off.").map_or(rest, |at| rest.split_at(at).1);
        Self { going_on: going_on.to_owned(), now: now.to_owned() }
    }
}

/// The words of a line: units have digits in their names, and figures stand by themselves.
fn without_figures(text: &str) -> String {
    let is_figure =
        |word: &&str| word.trim_start_matches('(').starts_with(|c: char| c.is_ascii_digit());
    let words: Vec<&str> = text.split(' ').filter(|word| !is_figure(word)).collect();
    words.join(" ")
}

/// Who does it; what others do because ananke did something has no name here.
const fn of(who: Actor, what: &What) -> &'static str {
    let follows = matches!(
        what,
        What::HostBooting { .. }
            | What::HostOff { .. }
            | What::HostCut { .. }
            | What::OutputLost { .. }
            | What::CutOrdered { .. }
    );
    match who {
        Actor::Ananke if !follows => "ananke",
        Actor::Ananke | Actor::Person | Actor::World => "",
    }
}

/// What fate and persons do is a line of the script; what follows from it is not.
const fn is_of_the_script(who: Actor, what: &What) -> bool {
    matches!(
        what,
        What::MainsLost { .. }
            | What::MainsBack { .. }
            | What::Telemetry { .. }
            | What::HostFaulty { .. }
            | What::HostRepaired { .. }
            | What::ApiFaulty { .. }
    ) || matches!(who, Actor::Person)
        && matches!(
            what,
            What::Cordoned { .. }
                | What::Uncordoned { .. }
                | What::Suspended { .. }
                | What::Resumed { .. }
        )
}
