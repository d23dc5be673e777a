//! The documents: any text, read as each kind. What is refused is refused with a place and a way
//! out; what is read is read again from what it is written as, and can be decided on.

use ananke::wiring::policy::InForce;
use ananke_core::{
    decide::decide,
    journal::Journal,
    observe::Snapshot,
    plant::Plant,
    seen::{Seen, Unseen},
    time::Tick,
};
use ananke_crds::{
    AnyDocument, Document, Problems, check_pair, host_config::HostConfiguration, locate,
    parse_document, parse_host_configuration, parse_policy, policy::PowerPolicy,
};

use crate::bytes::{is_one_plain_line, text};

const FILE: &str = "f.yaml";

/// What a host configuration is paired with.
const POLICY: &str = include_str!("../../../desired/minimal.yaml");

pub(crate) fn run(bytes: &[u8]) {
    let text = text(bytes);
    // One reading of each: a document that takes its time takes it once.
    let read = match text.len() % 3 {
        0 => parse_policy(&text, FILE).map(|read| AnyDocument::Policy(Box::new(read))),
        1 => parse_host_configuration(&text, FILE)
            .map(|read| AnyDocument::HostConfiguration(Box::new(read))),
        _ => parse_document(&text, FILE),
    };
    match read {
        Ok(AnyDocument::Policy(read)) => policy(&text, &read),
        Ok(AnyDocument::HostConfiguration(read)) => host_configuration(&read),
        Err(problems) => return refused(&text, &problems),
    }
    for path in ["spec", "spec.target", "spec.hosts[0].name", "supplies", "a[0].b"] {
        if let Some(place) = locate(&text, path) {
            assert!(text.get(place.range).is_some(), "{path} is not in the text");
        }
    }
}

fn policy(text: &str, read: &Document<PowerPolicy>) {
    let written = serde_json::to_string(&read.value).unwrap();
    let again = parse_policy(&written, FILE).unwrap_or_else(|error| panic!("{error}\n{written}"));
    assert_eq!(again.value, read.value, "{written}");
    match Plant::compile(read.value.metadata.name.as_str(), &read.value.spec) {
        Ok(plant) => drop(decide(&plant, &Journal::default(), &nothing_seen())),
        Err(cycle) => is_one_plain_line(&cycle.to_string()),
    }
    if let Err(refused) = InForce::of(text, FILE) {
        is_one_plain_line(refused.line());
    }
}

fn host_configuration(read: &Document<HostConfiguration>) {
    let written = serde_json::to_string(&read.value).unwrap();
    let again = parse_host_configuration(&written, FILE)
        .unwrap_or_else(|error| panic!("{error}\n{written}"));
    assert_eq!(again.value, read.value, "{written}");
    let policy = parse_policy(POLICY, FILE).unwrap();
    if let Err(problems) = check_pair(&policy, read) {
        assert!(!problems.as_slice().is_empty());
        is_one_plain_line(&problems.line());
    }
}

/// A world that nobody has looked at yet.
fn nothing_seen() -> Snapshot {
    let since = Tick::default();
    Snapshot {
        now: since,
        supplies: [].into(),
        hosts: [].into(),
        api: Seen::unknown(Unseen::NotYet, since),
        cluster: Seen::unknown(Unseen::NotYet, since),
        observed: [].into(),
        requests: ananke_core::observe::Requests::default(),
    }
}

/// Each problem says what is wrong, where, and what to do about it.
fn refused(text: &str, problems: &Problems) {
    let lines = text.split('\n').count();
    assert!(!problems.as_slice().is_empty(), "refused for nothing");
    let longest = text.split('\n').map(|line| line.chars().count()).max().unwrap_or(0);
    for problem in problems.as_slice() {
        assert!((1..=lines).contains(&problem.line), "line {} of {lines}", problem.line);
        assert!((1..=longest + 1).contains(&problem.column), "column {}", problem.column);
        is_one_plain_line(&problem.message);
        is_one_plain_line(&problem.help);
        let shown = problem.to_string();
        assert!(shown.contains(&format!("--> {FILE}:{}:{}", problem.line, problem.column)));
        assert!(!shown.contains(|c: char| c.is_control() && c != '\n'), "{shown:?}");
    }
    is_one_plain_line(&problems.line());
}
