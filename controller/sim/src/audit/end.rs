//! Promise 7: how it ends, and what is whose.

use ananke_core::observe::ActiveState;

use super::{Expect, Violations, Wanted, replay::Replay};
use crate::world::{Happening, Host, What, World};

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

pub(super) fn judge(replay: &Replay, world: &World, expect: &Expect, violations: &mut Violations) {
    for (name, host) in &world.hosts {
        if !expect.lost.contains(name) && world.own_host.as_ref() != Some(name) {
            judge_host(name, host, world, expect, violations);
        }
    }
    if expect.end == Wanted::Running {
        judge_cluster(replay, world, violations);
        judge_pods(world, expect, violations);
    }
}

fn judge_host(
    name: &str,
    host: &Host,
    world: &World,
    expect: &Expect,
    violations: &mut Violations,
) {
    let at = world.now();
    let state = host.service.as_ref().map(|s| s.state);
    match expect.end {
        Wanted::Running => {
            if !host.is_on() {
                violations.add(at, 7, format!("{name} is not on at the end"));
            } else if state.is_some_and(|s| s != ActiveState::Active) {
                violations.add(at, 7, format!("the service of {name} is not active at the end"));
            }
        }
        Wanted::ClusterOnlyDown => {
            if !host.is_on() {
                violations.add(at, 7, format!("{name} is not on at the end"));
            }
            if host.service.as_ref().is_some_and(crate::world::ServiceUnit::runs) {
                violations.add(at, 7, format!("the service of {name} runs at the end"));
            }
            if !host.containers.is_empty() {
                violations.add(at, 7, format!("containers live on {name} at the end"));
            }
        }
        Wanted::Poweroff => {
            if !host.is_off() {
                violations.add(at, 7, format!("{name} is not off at the end"));
            }
        }
    }
}

fn judge_cluster(replay: &Replay, world: &World, violations: &mut Violations) {
    let at = world.now();
    if !world.api_ready() {
        violations.add(at, 7, "the API does not answer at the end");
    }
    for (name, node) in &world.cluster.nodes {
        let theirs = replay.nodes.get(name).is_some_and(|n| n.theirs);
        if node.mark.is_some() {
            violations.add(at, 7, format!("our mark is left on {name}"));
        }
        if node.unschedulable != theirs {
            let is = if theirs { "no longer cordoned" } else { "left cordoned" };
            violations.add(at, 7, format!("{name} is {is}"));
        }
    }
    for found in &world.cluster.gitops {
        let object = &found.object;
        let theirs = replay.gitops.get(object).is_some_and(|g| g.theirs);
        if found.mark.is_some() {
            violations.add(at, 7, format!("our mark is left on {object}"));
        }
        if found.suspended != theirs {
            let is = if theirs { "no longer suspended" } else { "left suspended" };
            violations.add(at, 7, format!("{object} is {is}"));
        }
    }
}

/// A pod and its container are one thing: neither lives without the other.
fn judge_pods(world: &World, expect: &Expect, violations: &mut Violations) {
    let at = world.now();
    for (uid, pod) in &world.cluster.pods {
        let Some(node) = pod.node.as_ref().filter(|n| !expect.lost.contains(*n)) else { continue };
        let lives = world.hosts.get(node).is_some_and(|h| h.containers.contains_key(uid));
        if !lives && pod.ending.is_none() && pod.starts.is_none() {
            violations.add(at, 7, format!("pod {} has no container", pod.full_name()));
        }
    }
    for (name, host) in world.hosts.iter().filter(|(name, _)| !expect.lost.contains(*name)) {
        for (uid, container) in &host.containers {
            if !world.cluster.pods.contains_key(uid) {
                let sentence =
                    format!("a container of {} lives on {name} without its pod", container.pod);
                violations.add(at, 7, sentence);
            }
        }
    }
}
