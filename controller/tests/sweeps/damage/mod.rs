//! Every file of a state directory damaged: cut at each byte, each block and each line of it zeroed.
//!
//! What a load believes is looked at for each of them, and what is decided on it. Whole runs are
//! played for some: at each kind of line of the journal, and of each other file.

mod documents;
mod journal;
mod runs;

use std::{collections::BTreeMap, fmt, ops::Range, sync::OnceLock};

use ananke::{
    state::{LAST_GOOD, REQUESTS, Request},
    wiring::policy::sealed,
};
use ananke_crds::policy::Target;
use ananke_sim::world::Fate;

use crate::{
    across::{Outcome, Run},
    scenes::SMALL,
    stage::Stage,
};

/// A request that nobody has taken yet.
const LATE: &str = "late.json";
/// What a disk writes at once.
const BLOCK: usize = 512;

/// One file, and what became of a part of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Damage {
    /// It ends here.
    Cut(usize),
    /// These bytes are zeros.
    Zeros(Range<usize>),
}

impl fmt::Display for Damage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Cut(end) => write!(f, "cut at {end}"),
            Self::Zeros(Range { start, end }) => write!(f, "zeros from {start} to {end}"),
        }
    }
}

impl Damage {
    /// What is left of a file.
    pub fn of(&self, bytes: &[u8]) -> Vec<u8> {
        match self {
            Self::Cut(end) => bytes[..*end].to_vec(),
            Self::Zeros(range) => {
                let mut damaged = bytes.to_vec();
                damaged[range.clone()].fill(0);
                damaged
            }
        }
    }

    /// The first byte that is not as it was.
    pub fn first(&self) -> usize {
        match self {
            Self::Cut(at) | Self::Zeros(Range { start: at, .. }) => *at,
        }
    }

    /// Every cut of a file that leaves less than all of it.
    pub fn cuts(bytes: &[u8]) -> impl Iterator<Item = Self> {
        (0..bytes.len()).map(Self::Cut)
    }

    /// Each block and each line of a file.
    pub fn zeros(bytes: &[u8]) -> impl Iterator<Item = Self> {
        let blocks = (0..bytes.len()).step_by(BLOCK);
        let blocks = blocks.map(|start| start..bytes.len().min(start + BLOCK));
        blocks.chain(lines(bytes)).map(Self::Zeros)
    }
}

/// Where the lines of a text are, without their ends.
pub fn lines(bytes: &[u8]) -> Vec<Range<usize>> {
    let mut start = 0;
    let line = |line: &[u8]| {
        let range = start..start + line.len();
        start = range.end + 1;
        range
    };
    bytes.split(|byte| *byte == b'\n').map(line).filter(|line| !line.is_empty()).collect()
}

/// A state directory as a kill left it.
pub struct Left {
    /// The segment of the journal in force.
    pub segment: Vec<u8>,
    /// All else, by its path.
    pub documents: BTreeMap<String, Vec<u8>>,
    /// The document in force.
    pub policy: String,
}

/// The daemon dies half-way down an outage, with a past run, a hold and a request that waits. The
/// segment begins with a steady state.
async fn half_way(stage: &mut Stage) {
    stage.edit("trigger", "{maxOnBattery: 20s, minCharge: 20}");
    stage.arrives(Target::Running, 60).await;
    stage.declare(Target::ClusterOnlyDown);
    stage.arrives(Target::ClusterOnlyDown, 300).await;
    stage.declare(Target::Running);
    stage.arrives(Target::Running, 300).await;
    let hold = Request::Hold { reason: "hands off".into(), even_on_battery: false };
    let answer = stage.ask(&hold).await;
    stage.check(answer.ok, "the hold was refused");
    stage.kill_minus_9().await;
    stage.start();
    stage.arrives(Target::Running, 60).await;
    stage.fate(&Fate::Mains { supply: None, present: false });
    stage
        .until("a host is off", 300, |w| w.hosts.values().any(ananke_sim::world::Host::is_off))
        .await;
    stage.kill_minus_9().await;
    let late = serde_json::to_vec(&Request::Release).unwrap();
    stage.store.put(&format!("{REQUESTS}/{LATE}"), &late);
    stage.store.put(LAST_GOOD, sealed(stage.document()).as_bytes());
}

/// What [`half_way`] leaves: the same each time.
fn left() -> &'static Left {
    static LEFT: OnceLock<Left> = OnceLock::new();
    LEFT.get_or_init(|| {
        let left = OnceLock::new();
        let run = Run { sweep: "damage", which: "whole".into(), point: None, twice: false };
        run.play(SMALL, &async |stage: &mut Stage| {
            half_way(stage).await;
            let (segment, documents) = (stage.store.segment(), stage.store.documents());
            let policy = stage.document().to_owned();
            left.set(Left { segment, documents, policy }).ok().unwrap();
            stage.start();
            stage.fate(&Fate::Mains { supply: None, present: true });
            stage.arrives(Target::Running, 900).await;
        });
        left.into_inner().unwrap()
    })
}

/// Judges a load of each damage.
fn judged(
    what: &str,
    damages: impl IntoIterator<Item = Damage>,
    mut judge: impl FnMut(&Damage) -> Result<(), String>,
) -> Outcome {
    let mut outcome = Outcome { runs: 0, failed: Vec::new() };
    for damage in damages {
        outcome.runs += 1;
        if let Err(why) = judge(&damage) {
            outcome.failed.push(format!("{what}, {damage}: {why}"));
        }
    }
    outcome
}

/// Whether a message is one short line that a terminal only shows.
fn is_plain(message: &str) -> Result<(), String> {
    let is_plain = message.chars().count() <= 600 && !message.chars().any(char::is_control);
    is_plain.then_some(()).ok_or_else(|| format!("no short line: {message}"))
}

/// Fails unless something is so.
fn ensure(is_so: bool, otherwise: impl FnOnce() -> String) -> Result<(), String> {
    if is_so { Ok(()) } else { Err(otherwise()) }
}
