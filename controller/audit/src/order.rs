//! Promises 2 and 4: the order of going down, and the quorum.

use crate::{Expect, Happening, Millis, Role, UNDER_WAY, Violations, Wanted, What, replay::Replay};

pub(super) fn judge(
    replay: &Replay,
    happening: &Happening,
    expect: &Expect,
    violations: &mut Violations,
) {
    let at = happening.at;
    match &happening.what {
        What::ServiceStopping { host, runtime_left } => {
            // What is not drained and suspended by then is given up, for what is still to come.
            let is_spent = runtime_left.is_some_and(|left| left < expect.spent_below);
            if !is_spent {
                judge_drained(replay, at, host, expect, violations);
            }
            if replay.hosts.get(host).is_some_and(|h| h.role == Some(Role::Server)) {
                judge_last_server(replay, at, host, is_spent, expect, violations);
            }
        }
        What::HostHalting { host, service_runs: true, runtime_left, .. }
            if runtime_left.is_none_or(|left| left >= expect.spent_below) =>
        {
            violations.add(at, 2, format!("{host} was powered off before its service stopped"));
        }
        What::Suspended { object } => judge_suspend(replay, at, object, violations),
        What::Resumed { object } => judge_resume(replay, at, object, violations),
        _ => {}
    }
}

fn judge_drained(
    replay: &Replay,
    at: Millis,
    host: &str,
    expect: &Expect,
    violations: &mut Violations,
) {
    let Some(then) = replay.hosts.get(host) else { return };
    // Without an API nobody can drain; containers are then ended on the host.
    let serves = replay.api_up && replay.may_serve(at, expect.unheard_is_off);
    if expect.drains && serves && !then.pods.is_empty() {
        let pods: Vec<&str> = then.pods.iter().map(String::as_str).collect();
        let sentence = format!("the service of {host} was stopped before {}", pods.join(", "));
        violations.add(at, 2, sentence);
    }
}

/// The server whose stop takes the API away.
fn judge_last_server(
    replay: &Replay,
    at: Millis,
    host: &str,
    is_spent: bool,
    expect: &Expect,
    violations: &mut Violations,
) {
    // One that is down already takes nothing away: it was killed, and its systemd starts it again.
    let is_up = replay.hosts.get(host).is_some_and(|server| server.is_up(at));
    if !is_up || replay.servers_up(at) != replay.quorum {
        return;
    }
    let powered = replay
        .hosts
        .values()
        .filter(|h| h.role == Some(Role::Server) && !h.off)
        .filter(|h| replay.on_lasting_mains(h, at))
        .count();
    if expect.wanted_for_a_while(at, Wanted::Running) && powered >= replay.quorum {
        violations.add(at, 4, format!("stopping {host} lost the quorum that was to stay"));
    }
    let declared = expect.wanted_at(at) != Wanted::Running;
    if expect.snapshots && declared && replay.api_up && !replay.has_snapshot {
        violations.add(at, 2, format!("{host} took the API away before a snapshot was taken"));
    }
    let agents = replay
        .hosts
        .iter()
        .filter(|(_, h)| h.role == Some(Role::Agent) && h.service.runs() && !h.off)
        .filter(|(_, h)| !h.is_taken_for_off(at, expect.unheard_is_off));
    for (agent, _) in agents {
        let sentence = format!("{host} took the API away while the agent of {agent} still ran");
        violations.add(at, 2, sentence);
    }
    for (object, then) in &replay.gitops {
        // What a person resumes in the same second, nobody knew of yet.
        let is_known = then.resumed_by_hand.is_none_or(|since| at > since + UNDER_WAY);
        if replay.api_up && !is_spent && !then.suspended && is_known {
            let sentence = format!("{host} took the API away before {object} was suspended");
            violations.add(at, 2, sentence);
        }
    }
}

fn judge_suspend(replay: &Replay, at: Millis, object: &str, violations: &mut Violations) {
    let parent = replay.gitops.get(object).and_then(|g| g.parent.as_ref());
    if let Some(parent) = parent
        && replay.gitops.get(parent).is_some_and(|p| !p.suspended)
    {
        let sentence = format!("{object} was suspended before {parent}, which undoes that");
        violations.add(at, 2, sentence);
    }
}

fn judge_resume(replay: &Replay, at: Millis, object: &str, violations: &mut Violations) {
    for (child, then) in &replay.gitops {
        if then.parent.as_deref() == Some(object) && then.suspended && !then.theirs {
            violations.add(at, 2, format!("{object} was resumed before {child}, which it applies"));
        }
    }
}
