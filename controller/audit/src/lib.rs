//! Judges a run by the world alone: what happened in it and how it ended.
//!
//! It knows nothing of how ananke decides, and nothing of where a [`Record`] comes from: a virtual
//! world writes one from its trace, a real one from journals, power logs and the API's audit log.
//! Each violation cites its promise by number:
//!
//! 1. nothing is started on battery, or while power is unknown;
//! 2. going down, nothing stops before what needs it is down;
//! 3. no host is powered off with a container or a volume on it, unless energy is spent;
//! 4. etcd quorum is never lost by our doing while the cluster is to be up;
//! 5. on battery, every host is off before the battery is empty;
//! 6. the host that runs ananke goes last;
//! 7. the end is what was declared, nothing of ours is left, nothing of anybody else's is touched;
//! 10. at rest nothing is done.

mod end;
mod order;
mod power;
mod record;
mod replay;
mod supply;

use std::{collections::BTreeSet, fmt};

use serde::Serialize;

pub use record::{
    Actor, Container, Gitops, Happening, Host, Millis, Ownable, Picture, Pod, Power, Record, Role,
    Service, Supply, What,
};
use replay::Replay;

/// A promise that was not kept.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Violation {
    /// When, in the milliseconds of the record.
    pub at: Millis,
    /// The number of the promise.
    pub promise: u8,
    /// What happened, as a sentence.
    pub sentence: String,
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (seconds, millis) = (self.at / 1000, self.at % 1000);
        write!(f, "{seconds:>5}.{millis:03} s  promise {}: {}", self.promise, self.sentence)
    }
}

/// What the operator wants.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Wanted {
    /// Everything up.
    Running,
    /// Hosts on, cluster down.
    ClusterOnlyDown,
    /// Everything off.
    Poweroff,
}

/// What a run is measured against.
#[derive(Debug, Clone)]
pub struct Expect {
    /// What was declared from which instant on, earliest first. Before the first: running.
    pub declared: Vec<(Millis, Wanted)>,
    /// How the run is to end.
    pub end: Wanted,
    /// Whether nodes are to be drained before their service stops.
    pub drains: bool,
    /// Whether a declared way down is to leave an etcd snapshot.
    pub snapshots: bool,
    /// Whether the batteries hold enough for an orderly end.
    pub energy_fits: bool,
    /// Below this much runtime left, order and containers no longer count.
    pub spent_below: Millis,
    /// For this long after mains came back the way down may still be finished: they are not yet
    /// stable, or too little energy is stored.
    pub held_for: Millis,
    /// A host that nobody hears for longer than this may be taken for off.
    pub unheard_is_off: Millis,
    /// When everything was forgotten that was known before.
    pub forgot: Vec<Millis>,
    /// Hosts that are lost and may be so at the end.
    pub lost: BTreeSet<String>,
}

/// What ananke may not know yet: a UPS driver refreshes every 2 s, and is asked every second.
const NOT_KNOWN_YET: Millis = 3_000;

/// A supply that has fallen silent is not known to be: it is asked twice a second, an answer is
/// waited for for 5 s, and a command is under way a little later.
const NOT_MISSED_YET: Millis = 7_000;

/// A host that can be heard again is not known to be on before it is looked at: while it does not
/// answer, a look takes 8 s, and the next one begins 2 s later.
const NOT_HEARD_YET: Millis = 10_000;

/// A host that has just lost its power is not known to be gone: what it said counts for 5 s, and a
/// command is at its host a little later.
const NOT_GONE_YET: Millis = 6_000;

/// What was ordered before an edit of the document lands after it: decisions are 100 ms apart, and a
/// command is at its host a little later.
const UNDER_WAY: Millis = 1_000;

/// What counts as spent where nobody says otherwise, in milliseconds.
const SPENT_BELOW: Millis = 60_000;

/// How long mains may be held for where nobody says otherwise, in milliseconds.
const HELD_FOR: Millis = 300_000;

/// The longest boot and the longest halt together where nobody says otherwise, in milliseconds.
const UNHEARD_IS_OFF: Millis = 80_000;

impl Expect {
    /// Running all the time and at the end, with drains and enough energy.
    pub const fn running() -> Self {
        Self {
            declared: Vec::new(),
            end: Wanted::Running,
            drains: true,
            snapshots: false,
            energy_fits: true,
            spent_below: SPENT_BELOW,
            held_for: HELD_FOR,
            unheard_is_off: UNHEARD_IS_OFF,
            forgot: Vec::new(),
            lost: BTreeSet::new(),
        }
    }

    /// Declared at an instant, and expected at the end.
    #[must_use]
    pub fn declared(mut self, at: Millis, wanted: Wanted) -> Self {
        self.declared.push((at, wanted));
        self.end = wanted;
        self
    }

    /// Whether this was declared, and everybody could know it.
    fn wanted_for_a_while(&self, at: Millis, wanted: Wanted) -> bool {
        [at, at.saturating_sub(UNDER_WAY)].iter().all(|at| self.wanted_at(*at) == wanted)
    }

    fn wanted_at(&self, at: Millis) -> Wanted {
        let last = self.declared.iter().rev().find(|(since, _)| *since <= at);
        last.map_or(Wanted::Running, |(_, wanted)| *wanted)
    }
}

/// Judges a run.
pub fn audit(record: &Record, expect: &Expect) -> Vec<Violation> {
    let mut violations = Violations::default();
    let mut replay = Replay::new(&record.before, expect.held_for);
    for happening in &record.happenings {
        if happening.who == Actor::Ananke {
            power::judge(&replay, happening, expect, &mut violations);
            order::judge(&replay, happening, expect, &mut violations);
            end::judge_ownership(&replay, happening, &mut violations);
        }
        power::judge_nature(&replay, happening, expect, &mut violations);
        replay.apply(happening);
    }
    end::judge(&replay, &record.after, expect, &mut violations);
    violations.0
}

/// How often something was changed, or tried to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Work {
    /// Writes to the API, renewals of the Lease apart.
    pub api_writes: u64,
    /// Commands over SSH that change something.
    pub host_commands: u64,
    /// Wakes sent.
    pub wakes: u64,
}

/// Judges a world at rest: between the two nothing may have been done but renewing the Lease.
pub fn audit_rest(at: Millis, was: Work, is: Work) -> Vec<Violation> {
    let mut violations = Violations::default();
    for (what, was, is) in [
        ("writes to the API", was.api_writes, is.api_writes),
        ("commands to hosts", was.host_commands, is.host_commands),
        ("wakes", was.wakes, is.wakes),
    ] {
        if is != was {
            violations.add(at, 10, format!("{} {what} at rest", is.saturating_sub(was)));
        }
    }
    violations.0
}

#[derive(Default)]
struct Violations(Vec<Violation>);

impl Violations {
    fn add(&mut self, at: Millis, promise: u8, sentence: impl Into<String>) {
        self.0.push(Violation { at, promise, sentence: sentence.into() });
    }
}
