//! Commands that page a person: when the cluster is down, so is its alerting.

use std::{process::Stdio, sync::Arc};

use ananke_crds::{
    host_config::{Notification, NotifyEvent},
    policy::{ConditionStatus, PowerPolicyStatus},
};
use tokio::process::Command;

use super::{Published, Scene};

/// Runs the commands of the host configuration on what happens.
pub(super) struct Pager {
    commands: Arc<Vec<Notification>>,
}

impl Pager {
    pub(super) fn new(commands: Vec<Notification>) -> Self {
        Self { commands: Arc::new(commands) }
    }

    pub(super) fn turn(
        &self,
        before: Option<&PowerPolicyStatus>,
        published: &Published,
        scene: &Scene,
    ) {
        let Some(before) = before.filter(|_| scene.complete) else { return };
        let after = &published.status;
        let became = |phase: &str| {
            before.phase.as_deref() != Some(phase) && after.phase.as_deref() == Some(phase)
        };
        let rose = |kind: &str| !holds(before, kind) && holds(after, kind);
        let happened = [
            (NotifyEvent::Falling, became("falling")),
            (NotifyEvent::Held, became("held")),
            (NotifyEvent::Lifted, before.phase.as_deref() != Some("clear") && became("clear")),
            (NotifyEvent::Manual, rose("Stalled")),
            (NotifyEvent::Done, rose("Ready")),
        ];
        for (what, _) in happened.into_iter().filter(|(_, happened)| *happened) {
            self.page(what, published);
        }
    }

    fn page(&self, what: NotifyEvent, published: &Published) {
        let sentence = published.status.sentence.clone().unwrap_or_default();
        for command in self.commands.iter().filter(|command| command.on.contains(&what)) {
            tokio::spawn(run(command.clone(), what, sentence.clone()));
        }
    }
}

fn holds(status: &PowerPolicyStatus, kind: &str) -> bool {
    status.conditions.iter().any(|c| c.condition_type == kind && c.status == ConditionStatus::True)
}

const fn word(what: NotifyEvent) -> &'static str {
    match what {
        NotifyEvent::Falling => "falling",
        NotifyEvent::Held => "held",
        NotifyEvent::Lifted => "lifted",
        NotifyEvent::Manual => "manual",
        NotifyEvent::Done => "done",
    }
}

/// The sentence comes in `ANANKE_SENTENCE`, what happened in `ANANKE_EVENT`.
async fn run(command: Notification, what: NotifyEvent, sentence: String) {
    let Some((program, arguments)) = command.command.split_first() else { return };
    let child = Command::new(program)
        .args(arguments)
        .env("ANANKE_EVENT", word(what))
        .env("ANANKE_SENTENCE", sentence)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .kill_on_drop(true)
        .status();
    match tokio::time::timeout(command.timeout.get(), child).await {
        Ok(Ok(status)) if status.success() => {}
        Ok(Ok(status)) => tracing::warn!(program, "notify command ended with {status}"),
        Ok(Err(error)) => tracing::warn!(program, "notify command did not start: {error}"),
        Err(_) => tracing::warn!(program, "notify command was ended at its timeout"),
    }
}
