//! `runs.json`: what the steps of past runs took.

use ananke_core::{budget::Runs, journal::Event};
use ananke_ports::{Store, StoreError};

use super::{RUNS, Recorder, parsed};

/// The past runs.
#[derive(Debug, Default)]
pub struct History {
    runs: Runs,
}

impl History {
    /// Reads the file; a damaged one is set aside and named in the message.
    pub fn open(store: &dyn Store) -> (Self, Option<String>) {
        match parsed(store, RUNS) {
            Ok(runs) => (Self { runs: runs.unwrap_or_default() }, None),
            Err(damage) => {
                let message = format!(
                    "{damage}: the budget is the declared one until enough runs were seen again"
                );
                (Self::default(), Some(message))
            }
        }
    }

    /// Takes the run that is over in, and puts what all of them teach into the journal: decisions
    /// are made from there, so that one made again knows the same.
    pub fn settle(
        &mut self,
        store: &dyn Store,
        recorder: &mut Recorder,
        unix_seconds: i64,
    ) -> Result<(), StoreError> {
        let journal = recorder.journal();
        let over = journal.run_over.as_ref();
        if over.is_some_and(|run| self.runs.keep(run, &journal.boot_id, unix_seconds)) {
            let text = serde_json::to_vec(&self.runs).unwrap_or_default();
            // Losing it costs the learning from one run; the disk is told by the journal.
            if let Err(error) = store.write(RUNS, &text) {
                tracing::warn!("what this run took is not kept: {error}");
            }
        }
        let learned = self.runs.learned();
        if over.is_none() && learned == journal.learned {
            return Ok(());
        }
        recorder.event(Event::Learned { learned }, unix_seconds)
    }
}
