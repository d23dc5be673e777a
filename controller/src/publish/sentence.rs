//! One sentence: what is going on, why, time left, and what a person must do next.

use ananke_core::{
    battery::{Basis, Estimate},
    conditions::{Condition, Status, state_word},
    decision::Decision,
    table::Wanted,
};
use ananke_crds::policy::Target;

use super::verdict::{JOURNAL_WRITABLE, REQUESTS_KNOWN};

/// The sentence of a decision.
pub(super) fn sentence(decision: &Decision, conditions: &[Condition]) -> String {
    let find = |kind: &str| conditions.iter().find(|condition| condition.kind == kind);
    let arrived = decision.units.iter().all(|unit| unit.arrived);
    let mut parts = vec![going_on(decision, arrived)];
    if let Some(cause) = &decision.effective.cause {
        parts = vec![format!("{} ({cause})", parts.concat())];
    }
    if let Some(left) = decision.seconds_left {
        let needed = span(decision.budget.as_secs());
        let by = not_as_told(decision);
        parts.push(format!("Battery for {}{by}, {needed} needed to be off", span(left)));
    }
    if let Some(stalled) = find("Stalled") {
        parts.push(format!("A person must act: {}", stalled.message));
    } else if let Some(ready) = find("Ready").filter(|ready| ready.status != Status::True) {
        parts.push(format!("Now: {}", ready.message));
    }
    let doubt = find("SuppliesTrusted").filter(|trusted| trusted.status != Status::True);
    if let Some(doubt) = doubt.filter(|doubt| !parts.iter().any(|p| p.contains(&doubt.message))) {
        parts.push(format!("Look at a supply: {}", doubt.message));
    }
    for kind in [JOURNAL_WRITABLE, REQUESTS_KNOWN] {
        parts.extend(find(kind).map(|files| format!("Look at the files: {}", files.message)));
    }
    let sentences = parts.iter().map(|part| part.trim_end_matches('.'));
    sentences.map(|part| format!("{part}.")).collect::<Vec<_>>().join(" ")
}

/// Whose number it is, if the supply that ends first says more than its past discharges do.
fn not_as_told(decision: &Decision) -> String {
    let on_battery = decision.estimates.iter().filter(|(name, _)| {
        decision.supplies.get(*name).is_some_and(|supply| supply.on_battery_since.is_some())
    });
    let first = on_battery.map(|(_, estimate)| estimate).min_by_key(|estimate| estimate.seconds);
    match first.filter(|estimate| estimate.basis == Basis::Model) {
        Some(Estimate { firmware_seconds: Some(told), .. }) => {
            format!(" by its past discharges (the UPS says {})", span(*told))
        }
        Some(_) => " by its past discharges".into(),
        None => String::new(),
    }
}

/// The hosts that are not seen on.
fn hosts_off(decision: &Decision) -> Vec<&str> {
    let hosts = decision.units.iter().filter(|unit| unit.state == "down");
    hosts.filter_map(|unit| unit.name.strip_prefix("host/")).collect()
}

fn going_on(decision: &Decision, arrived: bool) -> String {
    let target = decision.effective.target;
    let hosts = decision.effective.hosts.join(", ");
    let cluster_stays = decision.units.iter().all(|u| u.name != "gitops" || u.wanted == Wanted::Up);
    if arrived {
        return match target {
            Target::Running => "Running: the cluster and its hosts are up".into(),
            Target::ClusterOnlyDown => match hosts_off(decision).as_slice() {
                [] => "The cluster is down, its hosts are on".into(),
                off => format!("The cluster is down, and off: {}", off.join(", ")),
            },
            Target::Poweroff if hosts.is_empty() => "Everything is off".into(),
            Target::Poweroff if cluster_stays => format!("Off: {hosts}; the rest is up"),
            Target::Poweroff => format!("Off: {hosts}; the cluster is down, other hosts are on"),
        };
    }
    if decision.effective.held {
        return "Mains are back; what is on is held in place".into();
    }
    match target {
        Target::Running => "Coming up".into(),
        Target::ClusterOnlyDown => "Taking the cluster down".into(),
        Target::Poweroff if hosts.is_empty() => "Powering everything off".into(),
        Target::Poweroff if cluster_stays => format!("Powering off {hosts}; the rest stays up"),
        Target::Poweroff => format!("Taking the cluster down and powering off {hosts}"),
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
        (0, m, 0) => format!("{m} min"),
        (h, 0, _) => format!("{h} h"),
        (0, m, s) => format!("{m} min {s} s"),
        (h, m, _) => format!("{h} h {m} min"),
    }
}
