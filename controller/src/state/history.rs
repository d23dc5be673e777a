//! `runs.json`: what the steps of past runs took.

use ananke_core::{budget::Runs, journal::Event};
use ananke_ports::{Store, StoreError};

use super::{RUNS, Recorder, plain};

/// The past runs.
#[derive(Debug, Default)]
pub struct History {
    runs: Runs,
}

impl History {
    /// Reads the file; a damaged one is set aside and named in the message.
    pub fn open(store: &dyn Store) -> Result<(Self, Option<String>), StoreError> {
        let Some(bytes) = store.read(RUNS)? else { return Ok((Self::default(), None)) };
        match serde_json::from_slice(&bytes) {
            Ok(runs) => Ok((Self { runs }, None)),
            Err(error) => {
                let aside = store.set_aside(RUNS)?;
                let message = format!(
                    "{RUNS} is damaged ({}), kept as {aside}: the budget is the declared one \
                     until enough runs were seen again",
                    plain(&error.to_string())
                );
                Ok((Self::default(), Some(message)))
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
