//! The journal on disk: append-only lines, synced before each effect.

use std::{borrow::Cow, sync::Arc};

use ananke_core::{
    decision::Decision,
    journal::{Event, Journal},
    observe::Snapshot,
    time::Tick,
};
use ananke_crds::policy::PowerPolicySpec;
use ananke_ports::{Store, StoreError};
use serde::{Deserialize, Serialize};

use super::{
    noted::Noted,
    remembered::{Asked, Remembered},
};
use crate::wiring::policy::InForce;

/// One line of the journal.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", rename_all_fields = "camelCase", tag = "line")]
pub enum Line<'a> {
    /// All that was remembered when a segment began. A decision that stands before it is the last
    /// one of the segment before.
    State {
        /// The journal.
        journal: Cow<'a, Journal>,
    },
    /// What the decisions from here on are made under.
    Policy {
        /// The policy's name.
        name: Cow<'a, str>,
        /// What it says.
        spec: Cow<'a, PowerPolicySpec>,
    },
    /// Something happened.
    Event {
        /// The wall clock, seconds since 1970, for people.
        unix_seconds: i64,
        /// What.
        event: Event,
    },
    /// A decision that differs from the one before by more than steps that were begun (events tell
    /// those), with what it was made from: `replay` makes it again.
    Decision {
        /// The wall clock, seconds since 1970, for people.
        unix_seconds: i64,
        /// What was seen.
        inputs: Cow<'a, Snapshot>,
        /// What was decided.
        decision: Cow<'a, Decision>,
    },
}

/// A segment is begun anew beyond this.
const SEGMENT_BYTES: usize = 4 * 1024 * 1024;

/// Keeps the journal, in memory and on disk.
pub struct Recorder {
    store: Arc<dyn Store>,
    journal: Journal,
    bytes: usize,
    /// The last decision's line: a new segment begins with it, for commands plan from it.
    decided: Option<String>,
    /// What was remembered in memory alone since the last line.
    noted: Noted,
    /// The policy in force, and whether this segment tells it.
    policy: Option<Arc<InForce>>,
    policy_told: bool,
    /// Whether the segment holds all that is remembered. A decision made from more than that could
    /// not be made again.
    whole: bool,
    /// What people had asked for when a decision was recorded last, before this start.
    asked: Option<Asked>,
}

impl Recorder {
    /// Reads the journal back and notes the start of this daemon. What cannot be read ends what is
    /// believed of it, and is named in the message; the segment is kept.
    ///
    /// A disk that takes nothing must not keep the daemon from bringing things down: whoever
    /// records the first decision is told.
    pub fn open(
        store: Arc<dyn Store>,
        boot_id: String,
        at: Tick,
        unix_seconds: i64,
    ) -> (Self, Option<String>) {
        let Remembered { mut journal, asked, complaint } = Remembered::read(store.as_ref());
        journal.apply(&Event::Started { boot_id, at });
        let mut recorder = Self {
            store,
            journal,
            bytes: 0,
            decided: None,
            noted: Noted::default(),
            policy: None,
            policy_told: false,
            whole: false,
            asked,
        };
        let kept = recorder.begin_segment();
        tracing::debug!(unix_seconds, ?kept, "journal opened");
        (recorder, complaint)
    }

    /// What people had asked for when a decision was recorded last, before this start.
    pub const fn asked(&self) -> Option<&Asked> {
        self.asked.as_ref()
    }

    /// What is remembered.
    pub const fn journal(&self) -> &Journal {
        &self.journal
    }

    /// Remembers an event, and syncs it to disk. It is remembered in memory even when the disk
    /// does not take it; the caller decides what that forbids.
    pub fn event(&mut self, event: Event, unix_seconds: i64) -> Result<(), StoreError> {
        self.journal.apply(&event);
        self.append(&render(&Line::Event { unix_seconds, event })?, unix_seconds)
    }

    /// Remembers an event in memory alone: losing it costs nothing. Whatever is written next is
    /// written after it, so that the journal on disk has no gap.
    pub fn note(&mut self, event: &Event) {
        self.journal.apply(event);
        self.noted.add(event);
    }

    /// What decisions are made under from now on.
    pub fn under(&mut self, in_force: &Arc<InForce>) {
        if self.policy.as_ref().is_none_or(|policy| policy.digest != in_force.digest) {
            self.policy = Some(Arc::clone(in_force));
            self.policy_told = false;
        }
    }

    /// Records a decision and its inputs. What would not be made again from its segment has no
    /// room there: on a full disk that room is for the marks of steps.
    pub fn decision(
        &mut self,
        inputs: &Snapshot,
        decision: &Decision,
        unix_seconds: i64,
    ) -> Result<(), StoreError> {
        if !self.whole {
            self.begin_segment()?;
        }
        let decided = render(&Line::Decision {
            unix_seconds,
            inputs: Cow::Borrowed(inputs),
            decision: Cow::Borrowed(decision),
        })?;
        let text = match self.policy.as_ref().filter(|_| !self.policy_told) {
            Some(in_force) => render(&policy_line(in_force))? + &decided,
            None => decided.clone(),
        };
        self.decided = Some(decided);
        self.policy_told = true;
        self.append(&text, unix_seconds)
    }

    fn append(&mut self, text: &str, unix_seconds: i64) -> Result<(), StoreError> {
        let mut lines = String::new();
        for event in self.noted.take() {
            lines.push_str(&render(&Line::Event { unix_seconds, event })?);
        }
        lines.push_str(text);
        self.bytes = self.bytes.saturating_add(lines.len());
        let kept = self.store.append(&lines);
        self.whole &= kept.is_ok();
        kept?;
        if self.bytes > SEGMENT_BYTES { self.begin_segment() } else { Ok(()) }
    }

    /// Writes all that is remembered into a new segment: nothing before it is needed any more.
    pub fn begin_segment(&mut self) -> Result<(), StoreError> {
        let mut lines = self.decided.clone().unwrap_or_default();
        lines.push_str(&render(&Line::State { journal: Cow::Borrowed(&self.journal) })?);
        self.store.rotate(&lines)?;
        self.bytes = lines.len();
        self.noted.take();
        self.policy_told = false;
        self.whole = true;
        Ok(())
    }
}

fn policy_line(in_force: &InForce) -> Line<'_> {
    Line::Policy {
        name: Cow::Borrowed(in_force.name()),
        spec: Cow::Borrowed(&in_force.policy.spec),
    }
}

fn render(line: &Line<'_>) -> Result<String, StoreError> {
    let text = serde_json::to_string(line)
        .map_err(|error| StoreError::Io { path: "journal".into(), message: error.to_string() })?;
    Ok(text + "\n")
}
