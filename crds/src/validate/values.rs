//! Values that make each other void.

use super::Findings;
use crate::parse::Rule;
use crate::policy::{ClockMode, PowerPolicySpec, QuiesceKind, Role, SnapshotKind};

pub(super) fn check(spec: &PowerPolicySpec, findings: &mut Findings<'_>) {
    triggers(spec, findings);
    shutdown(spec, findings);
    snapshot(spec, findings);
    quiesce(spec, findings);
    clock(spec, findings);
    soak(spec, findings);
    ignored(spec, findings);
}

fn triggers(spec: &PowerPolicySpec, findings: &mut Findings<'_>) {
    for (index, supply) in spec.supplies.iter().enumerate() {
        let (down, up) = (supply.trigger.min_charge, supply.recover.min_charge);
        if up < down {
            let message = format!("hosts would start at {up} and go down below {down}");
            let path = format!("spec.supplies[{index}].recover.minCharge");
            let help = format!("start at {down} or more");
            findings.add(Rule::Contradiction, &path, message, help);
        }
    }
}

fn shutdown(spec: &PowerPolicySpec, findings: &mut Findings<'_>) {
    let drain = &spec.shutdown.drain;
    if drain.emergency_timeout > drain.timeout {
        let message = format!(
            "a drain would take longer on battery ({}) than otherwise ({})",
            drain.emergency_timeout, drain.timeout
        );
        let help = "make `emergencyTimeout` the shorter one";
        let path = "spec.shutdown.drain.emergencyTimeout";
        findings.add(Rule::Contradiction, path, message, help);
    }
    let verify = &spec.shutdown.verify_off;
    if verify.timeout < verify.longest_halt {
        let message = format!(
            "a host may halt for {}, but must be proven off after {}",
            verify.longest_halt, verify.timeout
        );
        let help = "make `timeout` at least as long as `longestHalt` (90s unless you say so)";
        findings.add(Rule::Contradiction, "spec.shutdown.verifyOff.timeout", message, help);
    }
}

fn snapshot(spec: &PowerPolicySpec, findings: &mut Findings<'_>) {
    let servers = spec.hosts.iter().filter(|host| host.role == Role::Server).count();
    let kind = spec.shutdown.snapshot.as_ref().map(|snapshot| snapshot.kind);
    if kind == Some(SnapshotKind::Sqlite) && servers > 1 {
        let message = format!("{servers} servers cannot share the SQLite file of one");
        let help = "write `kind: etcd`, or `external` for a database elsewhere";
        findings.add(Rule::Datastore, "spec.shutdown.snapshot.kind", message, help);
    }
}

fn quiesce(spec: &PowerPolicySpec, findings: &mut Findings<'_>) {
    for (index, quiesce) in spec.shutdown.quiesce.iter().enumerate() {
        if quiesce.kind == QuiesceKind::ScaleToZero && quiesce.selector.is_none() {
            let message = format!("`{}` would scale everything to zero", quiesce.name);
            let help = "say by a `selector` which workloads are meant";
            let path = format!("spec.shutdown.quiesce[{index}].kind");
            findings.add(Rule::QuiesceSelector, &path, message, help);
        }
    }
}

fn clock(spec: &PowerPolicySpec, findings: &mut Findings<'_>) {
    let Some(clock) = &spec.startup.clock else { return };
    let Some(quorum) = clock.quorum else { return };
    let path = "spec.startup.clock.quorum";
    if clock.mode == ClockMode::Strict {
        let message = "with `mode: strict` every clock counts, and no quorum";
        let help = "leave `quorum` out, or `mode: strict`";
        return findings.add(Rule::ClockQuorum, path, message, help);
    }
    // The own host's clock is what the others are compared with.
    let hosts = spec.hosts.iter().filter(|host| !host.is_self).count();
    if usize::try_from(quorum).is_ok_and(|quorum| quorum > hosts) {
        let message = format!("{quorum} clocks are wanted, but there are only {hosts} other hosts");
        findings.add(Rule::ClockQuorum, path, message, format!("write a number up to {hosts}"));
    }
}

fn soak(spec: &PowerPolicySpec, findings: &mut Findings<'_>) {
    let Some(soak) = &spec.startup.soak else { return };
    if soak.timeout <= soak.window {
        let message = format!("a window of {} can never pass within {}", soak.window, soak.timeout);
        let help = "make `timeout` longer than `window`";
        findings.add(Rule::Contradiction, "spec.startup.soak.timeout", message, help);
    }
}

fn ignored(spec: &PowerPolicySpec, findings: &mut Findings<'_>) {
    let names = &spec.startup.ignore_unavailable;
    for (index, name) in names.iter().enumerate() {
        if spec.hosts.iter().any(|host| host.is_self && host.name == *name) {
            let path = format!("spec.startup.ignoreUnavailable[{index}]");
            let message = format!("ananke runs on `{name}`, so it cannot be absent");
            findings.add(Rule::Contradiction, &path, message, "take it out of the list");
        }
    }
    let servers = || spec.hosts.iter().filter(|host| host.role == Role::Server);
    let (all, present) =
        (servers().count(), servers().filter(|host| !names.contains(&host.name)).count());
    let quorum = all / 2 + 1;
    if all > 0 && present < quorum {
        let message =
            format!("only {present} of {all} servers would be left, but the API needs {quorum}");
        let help = "take a server out of the list";
        findings.add(Rule::Contradiction, "spec.startup.ignoreUnavailable", message, help);
    }
}
