//! `intent.json`: what this instance is about to do, for peers and people. Never read here to block
//! ourselves: an old intent that blocks every start is an old failure.

use ananke_crds::policy::Target;
use ananke_ports::Ports;
use serde::Serialize;

use super::Scene;
use crate::state;

/// What is about to happen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
enum State {
    /// Everything is up.
    Normal,
    /// Things are brought up.
    StartupInProgress,
    /// Things are taken down.
    ShuttingDown,
    /// Everything that was to go down is down.
    ShutdownComplete,
}

/// The file.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
struct Intent {
    state: State,
    target: Target,
    by: String,
    boot_id: String,
    since_unix_seconds: i64,
}

/// Writes it when it changes.
pub(super) struct Teller {
    told: Option<(State, Target, String)>,
}

impl Teller {
    pub(super) const fn new() -> Self {
        Self { told: None }
    }

    pub(super) fn turn(&mut self, ports: &Ports, scene: &Scene) {
        let effective = &scene.decision.effective;
        let arrived = scene.decision.units.iter().all(|unit| unit.arrived);
        let state = match (effective.target, arrived) {
            (Target::Running, true) => State::Normal,
            (Target::Running, false) => State::StartupInProgress,
            (_, false) => State::ShuttingDown,
            (_, true) => State::ShutdownComplete,
        };
        let told = (state, effective.target, effective.by.clone());
        if self.told.as_ref() == Some(&told) {
            return;
        }
        let intent = Intent {
            state,
            target: effective.target,
            by: effective.by.clone(),
            boot_id: ports.machine.boot_id(),
            since_unix_seconds: scene.unix_seconds,
        };
        let text = serde_json::to_vec_pretty(&intent).unwrap_or_default();
        match ports.store.write(state::INTENT, &text) {
            Ok(()) => self.told = Some(told),
            Err(error) => tracing::debug!("{error}"),
        }
    }
}
