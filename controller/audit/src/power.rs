//! Promises 1, 3, 5 and 6: what power allows.

use crate::{Actor, Expect, Happening, Millis, Role, Violations, Wanted, What, replay::Replay};

pub(super) fn judge(
    replay: &Replay,
    happening: &Happening,
    expect: &Expect,
    violations: &mut Violations,
) {
    let at = happening.at;
    match &happening.what {
        What::WakeSent { host } if replay.may_be_tried(host, at, &expect.forgot) => {}
        What::WakeSent { host } => start(replay, at, host, "was woken", violations),
        What::ServiceStarting { host, .. } => {
            start(replay, at, host, "had its service started", violations);
        }
        What::Uncordoned { node } => start(replay, at, node, "was uncordoned", violations),
        What::Resumed { object } => {
            let powered = replay
                .hosts
                .iter()
                .filter(|(_, h)| h.role == Some(Role::Server))
                .filter(|(name, _)| !replay.is_known_unpowered(name, at))
                .count();
            if powered < replay.quorum {
                violations.add(at, 1, format!("{object} was resumed on battery"));
            }
        }
        What::HostHalting { host, containers, volumes, runtime_left, reboots, .. } => {
            let spent = runtime_left.is_some_and(|left| left < expect.spent_below);
            if (*containers > 0 || *volumes > 0) && !spent {
                let sentence = format!(
                    "{host} was powered off with {containers} containers and {volumes} volumes on it"
                );
                violations.add(at, 3, sentence);
            }
            if replay.own_host.as_ref() == Some(host) && !reboots {
                judge_own_host(replay, at, host, expect, violations);
            }
        }
        _ => {}
    }
}

fn start(replay: &Replay, at: Millis, host: &str, what: &str, violations: &mut Violations) {
    if replay.is_known_unpowered(host, at) {
        violations.add(at, 1, format!("{host} {what} on battery or with its power unknown"));
    }
}

fn judge_own_host(
    replay: &Replay,
    at: Millis,
    own: &str,
    expect: &Expect,
    violations: &mut Violations,
) {
    let Some(own_host) = replay.hosts.get(own) else { return };
    let wanted = expect.wanted_at(at);
    if replay.on_mains(own_host) && wanted != Wanted::Poweroff {
        violations.add(at, 6, format!("{own} powered itself off although mains are there"));
    }
    for (name, host) in replay.hosts.iter().filter(|(name, h)| *name != own && !h.off) {
        if wanted == Wanted::Poweroff || !replay.on_mains(host) {
            violations.add(at, 6, format!("{own} left while {name} was still on"));
        }
    }
}

/// What nature did, and we should have forestalled.
pub(super) fn judge_nature(
    replay: &Replay,
    happening: &Happening,
    expect: &Expect,
    violations: &mut Violations,
) {
    let What::HostCut { host, containers } = &happening.what else { return };
    if replay.own_host.as_ref() == Some(host) {
        // It goes last, and without a way back it waits for the end: with nothing on it.
        let ours = happening.who != Actor::Person && expect.energy_fits;
        if ours && *containers > 0 {
            let sentence = format!("{host} lost its power with {containers} containers on it");
            violations.add(happening.at, 3, sentence);
        }
        return;
    }
    if happening.who == Actor::Ananke {
        let sentence = format!("{host} was on when its supply was told to cut its output");
        violations.add(happening.at, 3, sentence);
    }
    // A plug that a person pulls, or a mainboard that dies, is not a battery that ran empty.
    let on_battery = replay.hosts.get(host).is_some_and(|h| !replay.on_mains(h));
    if expect.energy_fits && on_battery && happening.who == Actor::World {
        let sentence = format!("{host} was still on when its battery was empty");
        violations.add(happening.at, 5, sentence);
    }
}
