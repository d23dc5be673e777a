//! One sentence: what is going on, why, time left, and what a person must do next.

use ananke_core::{
    conditions::{Condition, Status, state_word},
    decision::Decision,
};
use ananke_crds::policy::Target;

/// The sentence of a decision.
pub(super) fn sentence(decision: &Decision, conditions: &[Condition]) -> String {
    let find = |kind: &str| conditions.iter().find(|condition| condition.kind == kind);
    let ready = find("Ready").filter(|ready| ready.status == Status::True).is_some();
    let stalled = find("Stalled");
    let mut parts = vec![going_on(decision, ready)];
    if let Some(cause) = &decision.effective.cause {
        parts.push(format!("because {cause}"));
    }
    if let Some(left) = decision.seconds_left {
        parts.push(format!(
            "battery for {}, {} needed to be off",
            span(left),
            span(decision.budget.as_secs())
        ));
    }
    let mut text = parts.join("; ");
    if let Some(stalled) = stalled {
        text = format!("{text}. A person must act: {}", stalled.message);
    } else if !ready
        && let Some(ready) = find("Ready")
    {
        text = format!("{text}: {}", ready.message);
    }
    text + "."
}

fn going_on(decision: &Decision, ready: bool) -> String {
    let target = decision.effective.target;
    if ready {
        return match target {
            Target::Running => "Running: the cluster and its hosts are up".into(),
            Target::ClusterOnlyDown => "The cluster is down, its hosts are on".into(),
            Target::Poweroff => "Everything is off".into(),
        };
    }
    if decision.effective.held {
        return "Mains are back; what is on is held in place".into();
    }
    match target {
        Target::Running => "Coming up".into(),
        Target::ClusterOnlyDown => "Taking the cluster down".into(),
        Target::Poweroff if decision.effective.hosts.is_empty() => "Powering everything off".into(),
        Target::Poweroff => format!("Powering off {}", decision.effective.hosts.join(", ")),
    }
}

/// The word for the state, if the world is at its target.
pub(super) fn state(decision: &Decision, ready: bool) -> Option<String> {
    ready.then(|| state_word(decision.effective.target).to_owned())
}

/// `4 min 12 s`.
pub fn span(seconds: u64) -> String {
    match (seconds / 3600, seconds / 60 % 60, seconds % 60) {
        (0, 0, s) => format!("{s} s"),
        (0, m, s) => format!("{m} min {s} s"),
        (h, m, _) => format!("{h} h {m} min"),
    }
}
