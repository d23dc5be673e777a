//! One run as a few lines: what happens of a kind within moments is one of them.

use std::collections::BTreeSet;

use ananke_sim::world::{Actor, Happening, Millis, What};
use schemars::JsonSchema;
use serde::Serialize;

use super::outage::Played;

/// A line of a run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Moment {
    /// Seconds after the mains went.
    pub after_seconds: u64,
    /// The lowest charge of the failing supplies then.
    pub charge_percent: u64,
    /// Whether it is a step of ananke's.
    pub ours: bool,
    /// What happened.
    pub what: String,
}

/// What happens of a kind within this is told as one.
const TOGETHER: Millis = 3_000;
/// So many names are told.
const NAMES: usize = 4;

/// A kind of happenings: `verb` NAMES `rest`, or with a noun `verb` COUNT `noun` `of` NAMES.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Kind {
    /// A step that somebody takes, and not what follows from one.
    is_step: bool,
    verb: &'static str,
    counted: Option<(&'static str, &'static str)>,
    rest: (&'static str, &'static str),
}

struct Group {
    at: Millis,
    kind: Kind,
    ours: bool,
    count: u64,
    names: BTreeSet<String>,
}

/// A step on what it names.
const fn step(verb: &'static str) -> Kind {
    Kind { is_step: true, verb, counted: None, rest: ("", "") }
}

/// A state that what it names came to.
const fn state(of: &'static str, one: &'static str, many: &'static str) -> Kind {
    Kind { is_step: false, verb: of, counted: None, rest: (one, many) }
}

/// A step on so many.
const fn counted(verb: &'static str, noun: &'static str, of: &'static str) -> Kind {
    Kind { is_step: true, verb, counted: Some((noun, of)), rest: ("", "") }
}

/// A run as lines.
pub(super) fn moments(played: &Played) -> Vec<Moment> {
    let mut groups: Vec<Group> = Vec::new();
    for happening in played.happenings() {
        if let Some((kind, name, count)) = told(happening) {
            add(&mut groups, happening, kind, name, count);
        }
    }
    let began = played.before.now();
    let moment = |group: Group| Moment {
        after_seconds: group.at.saturating_sub(began) / 1000,
        charge_percent: played.charge_at(group.at),
        ours: group.ours,
        what: group.sentence(),
    };
    groups.into_iter().map(moment).collect()
}

fn add(groups: &mut Vec<Group>, happening: &Happening, kind: Kind, name: String, count: u64) {
    let ours = kind.is_step && happening.who == Actor::Ananke;
    let open = groups.iter_mut().rev().find(|group| {
        group.kind == kind && group.ours == ours && happening.at - group.at <= TOGETHER
    });
    match open {
        Some(group) => {
            group.count += count;
            group.names.insert(name);
        }
        None => {
            groups.push(Group { at: happening.at, kind, ours, count, names: [name].into() });
        }
    }
}

impl Group {
    fn sentence(&self) -> String {
        let rest = match self.names.len() {
            0 | 1 => self.kind.rest.0,
            _ => self.kind.rest.1,
        };
        let mut words: Vec<String> = vec![self.kind.verb.to_owned()];
        if let Some((noun, of)) = self.kind.counted {
            let plural = if self.count == 1 { "" } else { "s" };
            words.push(format!("{} {noun}{plural}", self.count));
            words.push(of.to_owned());
        }
        if !self.kind.counted.is_some_and(|(_, of)| of.is_empty()) {
            words.push(self.listed());
        }
        words.push(rest.to_owned());
        words.retain(|word| !word.is_empty());
        words.join(" ")
    }

    fn listed(&self) -> String {
        let shown: Vec<&str> = self.names.iter().take(NAMES).map(String::as_str).collect();
        match self.names.len().saturating_sub(NAMES) {
            0 => shown.join(", "),
            more => format!("{} and {more} more", shown.join(", ")),
        }
    }
}

/// The kind of a happening, its name, and how many it counts for; nothing for what nobody needs.
fn told(happening: &Happening) -> Option<(Kind, String, u64)> {
    let ours = happening.who == Actor::Ananke;
    let of = |kind, name: &String| Some((kind, name.clone(), 1));
    match &happening.what {
        What::MainsLost { supply } => of(state("the mains of", "are gone", "are gone"), supply),
        What::OutputLost { supply } => of(state("the output of", "is off", "is off"), supply),
        What::ForcedShutdown { supply } => of(step("sets forced shutdown on"), supply),
        What::CutOrdered { supply } => of(
            Kind { rest: ("to cut its output", "to cut their outputs"), ..step("tells") },
            supply,
        ),
        What::WakeAlarmSet { host, .. } => of(step("sets the wake alarm of"), host),
        What::DisksSynced { host } => of(step("writes the disks of"), host),
        What::Suspended { object } => {
            Some((counted("suspends", "Flux object", ""), object.to_string(), 1))
        }
        What::Cordoned { node } => of(step("cordons"), node),
        What::PodEnding { node: Some(node), evicted: true, .. } if ours => {
            of(counted("evicts", "pod", "from"), node)
        }
        What::PodEnding { node: Some(node), .. } if ours => {
            of(counted("deletes", "pod", "on"), node)
        }
        What::ContainersEnded { host, containers } => {
            Some((counted("ends", "container", "on"), host.clone(), u64::from(*containers)))
        }
        What::SnapshotTaken { host, .. } => of(step("takes a snapshot on"), host),
        What::ServiceStopping { host, .. } if ours => of(step("stops the service of"), host),
        What::ServiceDown { host, .. } => of(state("the service of", "is down", "is down"), host),
        What::ApiDown => Some((state("", "is gone", "is gone"), "the API".into(), 1)),
        What::HostHalting { host, reboots: true, .. } => of(step("reboots"), host),
        What::HostHalting { host, .. } => of(step("powers off"), host),
        What::HostOff { host } => of(state("", "is off", "are off"), host),
        What::HostCut { host, .. } => of(state("", "loses its power", "lose their power"), host),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told_as(happenings: &[(Millis, What)]) -> Vec<String> {
        let mut groups = Vec::new();
        for (at, what) in happenings {
            let happening = Happening { at: *at, who: Actor::Ananke, what: what.clone() };
            let (kind, name, count) = told(&happening).unwrap();
            add(&mut groups, &happening, kind, name, count);
        }
        groups.iter().map(Group::sentence).collect()
    }

    fn ending(node: &str) -> What {
        What::PodEnding { pod: "web/site".into(), node: Some(node.into()), evicted: true }
    }

    fn off(host: &str) -> What {
        What::HostOff { host: host.into() }
    }

    #[test]
    fn what_happens_together_is_one_line() {
        let lines = told_as(&[
            (0, ending("a")),
            (100, What::Cordoned { node: "c".into() }),
            (200, ending("b")),
            (300, ending("a")),
            (9_000, ending("a")),
        ]);
        assert_eq!(lines, ["evicts 3 pods from a, b", "cordons c", "evicts 1 pod from a"]);
        let many: Vec<_> = ["a", "b", "c", "d", "e", "f"].map(|host| (0, off(host))).into();
        assert_eq!(told_as(&many), ["a, b, c, d and 2 more are off"]);
        assert_eq!(told_as(&many[..1]), ["a is off"]);
    }
}
