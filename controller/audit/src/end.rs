//! Promise 7: how it ends, and what is whose.

use crate::{
    Expect, Happening, Host, Millis, Ownable, Picture, Power, Service, Violations, Wanted, What,
    replay::Replay,
};

/// Nothing that a person cordoned or suspended is undone by us, not even for a moment.
pub(super) fn judge_ownership(replay: &Replay, happening: &Happening, violations: &mut Violations) {
    match &happening.what {
        What::Uncordoned { node } if replay.nodes.get(node).is_some_and(|n| n.theirs) => {
            violations.add(
                happening.at,
                7,
                format!("{node} was uncordoned, and a person cordoned it"),
            );
        }
        What::Resumed { object } if replay.gitops.get(object).is_some_and(|g| g.theirs) => {
            let sentence = format!("{object} was resumed, and a person suspended it");
            violations.add(happening.at, 7, sentence);
        }
        _ => {}
    }
}

pub(super) fn judge(
    replay: &Replay,
    after: &Picture,
    expect: &Expect,
    violations: &mut Violations,
) {
    for (name, host) in &after.hosts {
        if !expect.lost.contains(name) && after.own_host.as_ref() != Some(name) {
            let mut add = |sentence: String| violations.add(after.at, 7, sentence);
            judge_host(name, host, expect.end, &mut add);
        }
    }
    if expect.end == Wanted::Running {
        judge_cluster(replay, after, expect, violations);
        judge_pods(after, expect, violations);
    }
}

fn judge_host(name: &str, host: &Host, end: Wanted, add: &mut impl FnMut(String)) {
    match end {
        Wanted::Running => {
            if host.power != Power::On {
                add(format!("{name} is not on at the end"));
            } else if host.role.is_some() && host.service != Service::Active {
                add(format!("the service of {name} is not active at the end"));
            }
        }
        Wanted::ClusterOnlyDown => {
            if host.power != Power::On {
                add(format!("{name} is not on at the end"));
            }
            if host.service.runs() {
                add(format!("the service of {name} runs at the end"));
            }
            if !host.containers.is_empty() {
                add(format!("containers live on {name} at the end"));
            }
        }
        Wanted::Poweroff => {
            if host.power != Power::Off {
                add(format!("{name} is not off at the end"));
            }
        }
    }
}

fn judge_cluster(replay: &Replay, after: &Picture, expect: &Expect, violations: &mut Violations) {
    let at = after.at;
    if !after.api_ready {
        violations.add(at, 7, "the API does not answer at the end");
    }
    // Nothing is scheduled on a host that is lost: what is on its Node is undone when it is back.
    for (name, node) in after.nodes.iter().filter(|(name, _)| !expect.lost.contains(*name)) {
        let theirs = replay.nodes.get(name).is_some_and(|n| n.theirs);
        judge_held(at, name, "cordoned", *node, theirs, violations);
    }
    for (object, found) in &after.gitops {
        let theirs = replay.gitops.get(object).is_some_and(|g| g.theirs);
        judge_held(at, object, "suspended", found.suspend, theirs, violations);
    }
    let nodes = replay.nodes.keys().filter(|name| !after.nodes.contains_key(*name));
    let gitops = replay.gitops.keys().filter(|object| !after.gitops.contains_key(*object));
    for gone in nodes.chain(gitops) {
        violations.add(at, 7, format!("{gone} is not in the API at the end"));
    }
}

fn judge_held(
    at: Millis,
    object: &str,
    held: &str,
    found: Ownable,
    theirs: bool,
    violations: &mut Violations,
) {
    if found.marked {
        violations.add(at, 7, format!("our mark is left on {object}"));
    }
    if found.held != theirs {
        let is = if theirs { "no longer" } else { "left" };
        violations.add(at, 7, format!("{object} is {is} {held}"));
    }
}

/// A pod and its container are one thing: neither lives without the other.
fn judge_pods(after: &Picture, expect: &Expect, violations: &mut Violations) {
    let at = after.at;
    for (uid, pod) in &after.pods {
        if expect.lost.contains(&pod.node) {
            continue;
        }
        let lives = after.hosts.get(&pod.node).is_some_and(|h| h.containers.contains_key(uid));
        if !lives && pod.settled {
            violations.add(at, 7, format!("pod {} has no container", pod.name));
        }
    }
    for (name, host) in after.hosts.iter().filter(|(name, _)| !expect.lost.contains(*name)) {
        for (uid, container) in &host.containers {
            if !after.pods.contains_key(uid) {
                let sentence =
                    format!("a container of {} lives on {name} without its pod", container.pod);
                violations.add(at, 7, sentence);
            }
        }
    }
}
