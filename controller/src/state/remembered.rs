//! What a segment of the journal says to the daemon that begins.

use ananke_core::{
    episode::EpisodePhase,
    journal::Journal,
    observe::{Requests, Snapshot},
    time::Tick,
};
use ananke_ports::Store;

use super::{Line, plain};

/// What is remembered of before.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Remembered {
    /// The journal.
    pub journal: Journal,
    /// What people had asked for when a decision was recorded last.
    pub asked: Option<Asked>,
    /// What is wrong with the journal, in one line.
    pub complaint: Option<String>,
}

/// What people had asked for at some time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Asked {
    /// What.
    pub requests: Requests,
    /// That time.
    pub at: Tick,
    /// The same by the wall clock, seconds since 1970.
    pub unix_seconds: i64,
}

impl Remembered {
    /// Reads the segment in force.
    pub fn read(store: &dyn Store) -> Self {
        let read = store.journal().and_then(|lines| Ok((lines, store.is_torn()?)));
        match read {
            Ok((lines, is_torn)) => Self::of(&lines, is_torn),
            Err(error) => {
                let mut nothing = Self::default();
                nothing.ends(format!(
                    "journal: it cannot be read ({}); nothing is remembered, all is found by \
                     looking",
                    plain(&error.to_string())
                ));
                nothing
            }
        }
    }

    /// What these lines say, and whether a part of one stands behind them. The first that cannot be
    /// read ends what is believed.
    pub fn of(lines: &[String], is_torn: bool) -> Self {
        let mut remembered = Self::default();
        for (number, text) in (1..).zip(lines) {
            match serde_json::from_str(text) {
                Ok(line) => remembered.follow(line),
                Err(error) => {
                    remembered.ends(format!(
                        "journal: line {number} is damaged ({}); what stands before it is \
                         believed, the rest is found by looking",
                        plain(&error.to_string())
                    ));
                    return remembered;
                }
            }
        }
        if is_torn {
            remembered.ends(format!(
                "journal: behind line {} a write was cut; what stands before it is believed, the \
                 rest is found by looking",
                lines.len()
            ));
        }
        remembered
    }

    fn follow(&mut self, line: Line<'_>) {
        match line {
            Line::State { journal } => self.journal = journal.into_owned(),
            Line::Event { event, .. } => self.journal.apply(&event),
            Line::Decision { unix_seconds, inputs, .. } => {
                let Snapshot { requests, now, .. } = inputs.into_owned();
                self.asked = Some(Asked { requests, at: now, unix_seconds });
            }
            Line::Policy { .. } => {}
        }
    }

    /// As a daemon that remembers nothing goes on: a steady state that stands before the damage may
    /// be one of before an outage.
    fn ends(&mut self, complaint: String) {
        self.journal.episode.phase = EpisodePhase::Recovering;
        self.complaint = Some(complaint);
    }
}
