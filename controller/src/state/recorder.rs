//! The journal on disk: append-only lines, synced before each effect.

use std::{borrow::Cow, sync::Arc};

use ananke_core::{
    decision::Decision,
    journal::{Event, Journal},
    observe::Snapshot,
    time::Tick,
};
use ananke_ports::{Store, StoreError};
use serde::{Deserialize, Serialize};

/// One line of the journal.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", rename_all_fields = "camelCase", tag = "line")]
#[expect(clippy::large_enum_variant, reason = "one line at a time is in memory")]
pub enum Line<'a> {
    /// All that was remembered when a segment began.
    State {
        /// The journal.
        journal: Cow<'a, Journal>,
    },
    /// Something happened.
    Event {
        /// The wall clock, seconds since 1970, for people.
        unix_seconds: i64,
        /// What.
        event: Event,
    },
    /// A decision that differs from the one before, with what it was made from: `replay` makes it
    /// again.
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
}

impl Recorder {
    /// Reads the journal back and notes the start of this daemon. A line that cannot be read ends
    /// what is believed of the file; the file is kept aside and named in the messages.
    pub fn open(
        store: Arc<dyn Store>,
        boot_id: String,
        at: Tick,
        unix_seconds: i64,
    ) -> Result<(Self, Vec<String>), StoreError> {
        let (mut journal, complaints) = read_back(store.as_ref())?;
        journal.apply(&Event::Started { boot_id, at });
        let mut recorder = Self { store, journal, bytes: 0, decided: None };
        match recorder.begin_segment() {
            // A full disk must not keep the daemon from bringing things down.
            Ok(()) | Err(StoreError::Full { .. }) => {}
            Err(error) => return Err(error),
        }
        tracing::debug!(unix_seconds, "journal opened");
        Ok((recorder, complaints))
    }

    /// What is remembered.
    pub const fn journal(&self) -> &Journal {
        &self.journal
    }

    /// Remembers an event, and syncs it to disk. It is remembered in memory even when the disk
    /// does not take it; the caller decides what that forbids.
    pub fn event(&mut self, event: Event, unix_seconds: i64) -> Result<(), StoreError> {
        self.journal.apply(&event);
        self.append(&render(&Line::Event { unix_seconds, event })?)
    }

    /// Remembers an event in memory alone: losing it costs nothing.
    pub fn note(&mut self, event: &Event) {
        self.journal.apply(event);
    }

    /// Notes a decision and its inputs.
    pub fn decision(
        &mut self,
        inputs: &Snapshot,
        decision: &Decision,
        unix_seconds: i64,
    ) -> Result<(), StoreError> {
        let text = render(&Line::Decision {
            unix_seconds,
            inputs: Cow::Borrowed(inputs),
            decision: Cow::Borrowed(decision),
        })?;
        self.decided = Some(text.clone());
        self.append(&text)
    }

    fn append(&mut self, text: &str) -> Result<(), StoreError> {
        self.bytes = self.bytes.saturating_add(text.len());
        self.store.append(text)?;
        if self.bytes > SEGMENT_BYTES { self.begin_segment() } else { Ok(()) }
    }

    /// Writes all that is remembered into a new segment: nothing before it is needed any more.
    pub fn begin_segment(&mut self) -> Result<(), StoreError> {
        let state = render(&Line::State { journal: Cow::Borrowed(&self.journal) })?;
        let decided = self.decided.as_deref().unwrap_or_default();
        self.bytes = state.len() + decided.len();
        self.store.rotate(&state)?;
        if decided.is_empty() { Ok(()) } else { self.store.append(decided) }
    }
}

fn render(line: &Line<'_>) -> Result<String, StoreError> {
    let text = serde_json::to_string(line)
        .map_err(|error| StoreError::Io { path: "journal".into(), message: error.to_string() })?;
    Ok(text + "\n")
}

fn read_back(store: &dyn Store) -> Result<(Journal, Vec<String>), StoreError> {
    let mut journal = Journal::default();
    let mut complaints = Vec::new();
    for (number, text) in store.journal()?.iter().enumerate() {
        match serde_json::from_str(text) {
            Ok(Line::State { journal: state }) => journal = state.into_owned(),
            Ok(Line::Event { event, .. }) => journal.apply(&event),
            Ok(Line::Decision { .. }) => {}
            Err(error) => {
                complaints.push(format!(
                    "journal: line {} is damaged ({error}); what stands before it is believed, \
                     the rest is found by looking",
                    number + 1
                ));
                break;
            }
        }
    }
    Ok((journal, complaints))
}
