//! Golden cases: a snapshot, what is remembered and a policy in, a decision out. The decision half
//! of every case was written from the design, not from a run. The form is told in
//! `golden/README.md`.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test that cannot go on fails"
)]

mod support;

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::Path,
};

use ananke_core::{
    conditions::{Reason, conditions},
    decide::decide,
    decision::{Blocked, Decision},
    journal::Journal,
    observe::Snapshot,
    plant::Plant,
    step::{Action, PlannedStep},
    table::{Wanted, wanted},
    unit::Kind,
};
use ananke_crds::policy::{PowerPolicy, Target};
use serde::Deserialize;
use serde_json::{Map, Value, json};
use support::worlds::{self, NOW};

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Case {
    cites: String,
    #[serde(default)]
    about: String,
    policy: String,
    world: String,
    #[serde(default)]
    spec: BTreeMap<String, Value>,
    #[serde(default)]
    set: BTreeMap<String, Value>,
    #[serde(default)]
    unseen: BTreeMap<String, String>,
    #[serde(default)]
    journal: BTreeMap<String, Value>,
    #[serde(default)]
    also_blocked: Vec<Reason>,
    expect: Expect,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Expect {
    effective: Option<String>,
    scope: Option<Vec<String>>,
    steps: Option<Vec<Value>>,
    #[serde(default)]
    not_steps: Vec<Value>,
    #[serde(default)]
    waiting: BTreeMap<String, String>,
    #[serde(default)]
    reasons: BTreeMap<String, Reason>,
    blocked: Option<Vec<String>>,
    conditions: Option<BTreeMap<String, String>>,
    #[serde(default)]
    states: BTreeMap<String, String>,
    #[serde(default)]
    wanted: BTreeMap<String, String>,
    #[serde(default)]
    arrived: Vec<String>,
    #[serde(default)]
    not_arrived: Vec<String>,
    #[serde(default)]
    messages: BTreeMap<String, String>,
    #[serde(default)]
    signals: BTreeMap<String, String>,
    episode: Option<String>,
    back: Option<Vec<String>>,
}

/// Puts `value` where a dotted path points to, through what is seen.
fn put(root: &mut Value, path: &str, value: Value, of_snapshot: bool) {
    let mut here = root;
    let segments: Vec<&str> = path.split('.').collect();
    for (place, segment) in segments.iter().enumerate() {
        let is_seen = here.as_object().is_some_and(|o| o.len() == 1 && o.contains_key("known"));
        if is_seen && *segment != "known" {
            here = &mut here["known"]["value"];
        }
        if here.is_null() {
            *here = Value::Object(Map::new());
        }
        here = match here {
            Value::Array(list) => {
                let at: usize = segment.parse().unwrap_or_else(|_| panic!("{path}: {segment}"));
                list.get_mut(at).unwrap_or_else(|| panic!("{path}: no element {at}"))
            }
            Value::Object(map) => {
                if value.is_null() && place + 1 == segments.len() {
                    map.remove(*segment);
                    return;
                }
                map.entry((*segment).to_owned()).or_insert(Value::Null)
            }
            other => panic!("{path}: {other} has no {segment}"),
        };
    }
    let is_seen = of_snapshot
        && here.as_object().is_some_and(|o| o.contains_key("known") || o.contains_key("unknown"));
    let is_new = of_snapshot
        && here.is_null()
        && (path.starts_with("observed.") || path.starts_with("hosts."))
        && segments.len() == 2;
    *here = if is_seen || is_new {
        json!({"known": {"value": value, "at": NOW.as_millis()}})
    } else {
        value
    };
}

/// `now-90s` as a tick.
fn ticks(value: Value) -> Value {
    match value {
        Value::String(text) => tick(&text).map_or(Value::String(text), |millis| json!(millis)),
        Value::Array(list) => list.into_iter().map(ticks).collect(),
        Value::Object(map) => map.into_iter().map(|(k, v)| (k, ticks(v))).collect(),
        other => other,
    }
}

fn tick(text: &str) -> Option<u64> {
    let offset = text.strip_prefix("now")?;
    let now = NOW.as_millis();
    if offset.is_empty() {
        return Some(now);
    }
    let seconds = offset.strip_suffix('s')?;
    if let Some(ago) = seconds.strip_prefix('-') {
        return Some(now - ago.parse::<u64>().ok()? * 1000);
    }
    Some(now + seconds.strip_prefix('+')?.parse::<u64>().ok()? * 1000)
}

struct Input {
    plant: Plant,
    snapshot: Snapshot,
    journal: Journal,
}

fn input(case: &Case) -> Input {
    let mut policy = serde_json::to_value(support::policy(&case.policy)).unwrap();
    for (path, value) in &case.spec {
        put(&mut policy, &format!("spec.{path}"), value.clone(), false);
    }
    let policy: PowerPolicy = serde_json::from_value(policy).unwrap();
    let plant = support::plant(&policy);
    let still = worlds::named(&case.world, &plant);
    let mut snapshot = serde_json::to_value(&still.snapshot).unwrap();
    for (path, text) in &case.unseen {
        let (why, ago) = text.split_once(' ').unwrap_or((text, "0s"));
        let since = tick(&format!("now-{ago}")).unwrap_or_else(|| panic!("{path}: {ago}"));
        let mut here = &mut snapshot;
        for segment in path.split('.') {
            here = &mut here[segment];
        }
        *here = json!({"unknown": {"why": why, "since": since}});
    }
    for (path, value) in &case.set {
        put(&mut snapshot, path, ticks(value.clone()), true);
    }
    let mut journal = serde_json::to_value(&still.journal).unwrap();
    for (path, value) in &case.journal {
        put(&mut journal, path, ticks(value.clone()), false);
    }
    Input {
        plant,
        snapshot: serde_json::from_value(snapshot).unwrap(),
        journal: serde_json::from_value(journal).unwrap(),
    }
}

/// A step in its short form.
fn short(step: &PlannedStep) -> String {
    let details = match &step.action {
        Action::Suspend { objects } | Action::Resume { objects } => {
            objects.iter().map(|object| object.name.clone()).collect::<Vec<_>>().join(" ")
        }
        Action::Evict { pods, .. } => {
            pods.iter().map(|pod| pod.name.clone()).collect::<Vec<_>>().join(" ")
        }
        Action::DeletePods { pods, grace_seconds, .. } => {
            let grace = grace_seconds.map(|grace| format!("{grace}s").into());
            pods.iter().map(|pod| pod.name.clone()).chain(grace).collect::<Vec<_>>().join(" ")
        }
        Action::TakeSnapshot { host } => host.clone(),
        Action::SetWakeAlarm { after_seconds } => format!("{after_seconds}s"),
        Action::ForceShutdown { supplies } => supplies.join(" "),
        Action::PowerOffSelf { reboot_if_mains, cut_supplies } => {
            let mains = if *reboot_if_mains { "unless mains" } else { "even on mains" };
            let cut = cut_supplies.iter().map(|supply| format!(", then cut {supply}"));
            std::iter::once(mains.to_owned()).chain(cut).collect()
        }
        _ => String::new(),
    };
    format!("{}: {} {details}", step.unit, step.rung.name()).trim_end().to_owned()
}

/// `agent/n2: stop`, which YAML reads as a map of one.
fn line(value: &Value) -> String {
    match value {
        Value::Object(map) => {
            let (unit, rung) = map.iter().next().expect("a step");
            format!("{unit}: {}", rung.as_str().expect("a rung"))
        }
        other => other.as_str().expect("a step").to_owned(),
    }
}

/// Details that are told are all of them: `gitops: suspend fleet` is no `suspend fleet apps`.
fn is_meant(expected: &str, step: &str) -> bool {
    let has_details = expected.split_once(": ").is_some_and(|(_, rung)| rung.contains(' '));
    step == expected || (!has_details && step.starts_with(&format!("{expected} ")))
}

struct Verdict<'a> {
    decision: &'a Decision,
    faults: Vec<String>,
}

impl Verdict<'_> {
    fn same(&mut self, what: &str, expected: &str, found: &str) {
        if expected != found {
            self.faults.push(format!("{what}\n      - {expected}\n      + {found}"));
        }
    }

    fn scope(&mut self, expect: &Expect) {
        let Some(expected) = &expect.scope else { return };
        let found = &self.decision.effective.scope;
        let is_it = expected.len() == found.len()
            && expected.iter().zip(found).all(|(fragment, line)| line.contains(fragment.as_str()));
        if !is_it {
            self.faults.push(format!("scope\n      - {expected:?}\n      + {found:?}"));
        }
    }

    fn steps(&mut self, expect: &Expect) {
        let steps: Vec<String> = self.decision.steps.iter().map(short).collect();
        if let Some(expected) = &expect.steps {
            let expected: Vec<String> = expected.iter().map(line).collect();
            for missing in expected.iter().filter(|e| !steps.iter().any(|s| is_meant(e, s))) {
                self.faults.push(format!("steps\n      - {missing}"));
            }
            for more in steps.iter().filter(|s| !expected.iter().any(|e| is_meant(e, s))) {
                self.faults.push(format!("steps\n      + {more}"));
            }
        }
        for forbidden in expect.not_steps.iter().map(line) {
            for step in steps.iter().filter(|step| step.starts_with(&forbidden)) {
                self.faults.push(format!("must not be done\n      + {step}"));
            }
        }
    }

    fn waiting(&mut self, expect: &Expect) {
        for (unit, fragment) in &expect.waiting {
            let found = self.decision.waiting.iter().find(|waiting| waiting.unit == *unit);
            let text = found.map_or("(does not wait)", |waiting| waiting.message.as_str());
            if !text.contains(fragment.as_str()) {
                self.faults.push(format!("{unit} waits\n      - {fragment}\n      + {text}"));
            }
        }
        for (unit, reason) in &expect.reasons {
            let found = self.decision.waiting.iter().find(|waiting| waiting.unit == *unit);
            let text = found.map_or("none", |waiting| waiting.reason.as_str());
            self.same(&format!("reason of {unit}"), reason.as_str(), text);
        }
        if let Some(blocked) = &expect.blocked {
            let found: BTreeSet<String> = self
                .decision
                .blocked
                .iter()
                .map(|b| format!("{} {}", b.reason.as_str(), b.unit.as_deref().unwrap_or_default()))
                .map(|text| text.trim_end().to_owned())
                .collect();
            let expected: BTreeSet<String> = blocked.iter().cloned().collect();
            self.same("blocked", &format!("{expected:?}"), &format!("{found:?}"));
        }
    }

    /// The table of units says what each waits for, or what is done with it.
    fn rows(&mut self) {
        let row = |name: &str| {
            let found = self.decision.units.iter().find(|unit| unit.name == name);
            found.unwrap_or_else(|| panic!("there is no unit {name}"))
        };
        let waits = self.decision.waiting.iter().map(|w| (&w.unit, w.message.to_string()));
        let steps = self.decision.steps.iter();
        let steps = steps.map(|s| (&s.unit, format!("{} (try {})", s.rung.name(), s.attempt)));
        let told: Vec<_> = waits.chain(steps).map(|(unit, text)| (unit, text, row(unit))).collect();
        for (unit, text, row) in told {
            self.same(&format!("{unit} says"), &text, &row.message);
        }
    }

    fn conditions(&mut self, expect: &Expect) {
        let Some(expected) = &expect.conditions else { return };
        let found: BTreeMap<String, String> = conditions(self.decision)
            .into_iter()
            .map(|c| (c.kind, format!("{} {}", c.status.as_str(), c.reason.as_str())))
            .collect();
        let summary = ["Ready", "Reconciling", "Stalled"].map(str::to_owned);
        for kind in expected.keys().cloned().chain(summary).collect::<BTreeSet<_>>() {
            let absent = "absent".to_owned();
            let wish = expected.get(&kind).unwrap_or(&absent);
            self.same(&kind, wish, found.get(&kind).unwrap_or(&absent));
        }
    }

    fn units(&mut self, expect: &Expect) {
        let unit = |name: &String| {
            let found = self.decision.units.iter().find(|unit| unit.name == *name);
            found.unwrap_or_else(|| panic!("there is no unit {name}"))
        };
        let mut faults = Vec::new();
        let mut same = |what: String, expected: &str, found: &str| {
            if expected != found {
                faults.push(format!("{what}\n      - {expected}\n      + {found}"));
            }
        };
        for (name, state) in &expect.states {
            same(format!("state of {name}"), state, &unit(name).state);
        }
        for (name, state) in &expect.wanted {
            same(format!("{name} is wanted"), state, unit(name).wanted.as_str());
        }
        for (names, wish) in [(&expect.arrived, "arrived"), (&expect.not_arrived, "not arrived")] {
            for name in names {
                let found = if unit(name).arrived { "arrived" } else { "not arrived" };
                same(name.clone(), wish, found);
            }
        }
        for (name, fragment) in &expect.messages {
            let found = &unit(name).message;
            if !found.contains(fragment.as_str()) || fragment.is_empty() != found.is_empty() {
                same(format!("{name} says"), fragment, found);
            }
        }
        for (name, phase) in &expect.signals {
            let memory = &self.decision.supplies[name];
            let cause = memory.cause.as_ref().map(|cause| cause.trigger.name());
            let found = format!("{:?} {}", memory.phase, cause.unwrap_or_default()).to_lowercase();
            same(format!("signal of {name}"), phase, found.trim_end());
        }
        self.faults.extend(faults);
    }
}

fn judge(case: &Case) -> Vec<String> {
    let Input { plant, snapshot, mut journal } = input(case);
    let mut decision = decide(&plant, &journal, &snapshot);
    let again = decide(&plant, &journal, &snapshot);
    journal.apply(&support::decided(&journal, &decision));
    let settled = decide(&plant, &journal, &snapshot);
    decision.blocked.extend(case.also_blocked.iter().map(|reason| Blocked {
        unit: None,
        reason: *reason,
        message: "from outside".into(),
    }));
    let mut verdict = Verdict { decision: &decision, faults: Vec::new() };
    if let Some(expected) = &case.expect.effective {
        let held = if decision.effective.held { " held" } else { "" };
        let found = format!("{} by {}{held}", decision.effective.target, decision.effective.by);
        verdict.same("effective", expected, &found);
    }
    if let Some(back) = &case.expect.back {
        verdict.same("back", &back.join(" "), &decision.back.join(" "));
    }
    verdict.scope(&case.expect);
    verdict.steps(&case.expect);
    verdict.waiting(&case.expect);
    verdict.conditions(&case.expect);
    verdict.units(&case.expect);
    verdict.rows();
    if let Some(episode) = &case.expect.episode {
        let found = format!("{:?}", decision.episode.phase).to_lowercase();
        verdict.same("episode", episode, &found);
    }
    if again.steps != decision.steps || again.waiting != decision.waiting {
        verdict.faults.push("decides differently the second time".into());
    }
    if settled.steps != decision.steps {
        verdict.faults.push("what is remembered of the decision changes its steps".into());
    }
    verdict.faults
}

fn read(path: &Path) -> Case {
    let text = fs::read_to_string(path).unwrap();
    serde_saphyr::from_str(&text).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

fn cases(topic: &str) -> Vec<(String, Case)> {
    let mut paths: Vec<_> = fs::read_dir(support::golden().join(topic))
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    paths.sort();
    let name = |path: &Path| path.file_stem().unwrap().to_string_lossy().into_owned();
    paths.iter().map(|path| (name(path), read(path))).collect()
}

fn topic(topic: &str) {
    let cases = cases(topic);
    assert!(!cases.is_empty(), "{topic} has no case");
    let mut report = Vec::new();
    for (name, case) in &cases {
        let faults = judge(case);
        if !faults.is_empty() {
            let faults = faults.join("\n    ");
            let Case { cites, about, .. } = case;
            report.push(format!("{topic}/{name} ({cites}) {about}\n    {faults}"));
        }
    }
    assert!(report.is_empty(), "\n  {}", report.join("\n  "));
}

macro_rules! topics {
    ($($test:ident $folder:literal),+ $(,)?) => {
        const TOPICS: &[&str] = &[$($folder),+];
        $(#[test] fn $test() { topic($folder); })+
    };
}

topics! {
    barriers "barriers",
    condition_table "conditions",
    domains "domains",
    edges "edges",
    episodes "episodes",
    evidence "evidence",
    gates "gates",
    ladders "ladders",
    nothing_may_be_done "nothing-may-be-done",
    ownership "ownership",
    own_host "own-host",
    settled "settled",
    signals "signals",
    states "states",
    why "why",
}

#[test]
fn every_folder_is_a_topic() {
    let folders: BTreeSet<String> = fs::read_dir(support::golden())
        .unwrap()
        .map(|entry| entry.unwrap())
        .filter(|entry| entry.file_type().unwrap().is_dir())
        .map(|entry| entry.file_name().to_string_lossy().into_owned())
        .filter(|name| name != "policies")
        .collect();
    assert_eq!(folders, TOPICS.iter().map(|topic| (*topic).to_owned()).collect());
}

#[test]
fn every_reason_is_in_some_case() {
    let mut told = BTreeSet::new();
    for (_, case) in TOPICS.iter().flat_map(|topic| cases(topic)) {
        let expect = &case.expect;
        told.extend(expect.reasons.values().map(|reason| reason.as_str().to_owned()));
        let blocked = expect.blocked.iter().flatten();
        let conditions = expect.conditions.iter().flat_map(BTreeMap::values);
        let words = blocked.chain(conditions).flat_map(|text| text.split(' '));
        told.extend(words.map(str::to_owned));
    }
    let missing: Vec<_> =
        Reason::ALL.iter().map(|reason| reason.as_str()).filter(|r| !told.contains(*r)).collect();
    assert!(missing.is_empty(), "no case tells of {missing:?}");
}

/// Architecture 2.2, row by row.
#[test]
fn the_wanted_table() {
    let text = fs::read_to_string(support::golden().join("wanted-table.yaml")).unwrap();
    let table: BTreeMap<String, BTreeMap<Target, Wanted>> = serde_saphyr::from_str(&text).unwrap();
    assert_eq!(table.len(), Kind::ALL.len());
    for kind in Kind::ALL {
        for target in Target::ALL {
            let expected = table[kind.as_str()][&target];
            assert_eq!(wanted(kind, target), expected, "{} under {target}", kind.as_str());
        }
    }
}
