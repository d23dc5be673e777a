//! What feeds what, what runs where, and the host that ananke runs on.

use super::Findings;
use crate::parse::Rule;
use crate::policy::{Host, NetworkPath, PowerPolicySpec, Role, Supply, WayBack};
use crate::value::HostSelector;

pub(super) fn check(spec: &PowerPolicySpec, findings: &mut Findings<'_>) {
    catch_alls(spec, findings);
    for (index, path) in spec.paths.iter().enumerate() {
        carrier(path, index, findings);
    }
    servers(spec, findings);
    own_host(spec, findings);
}

fn catch_alls(spec: &PowerPolicySpec, findings: &mut Findings<'_>) {
    let mut first = None;
    for (index, supply) in spec.supplies.iter().enumerate() {
        let Some(at) = supply.powers.iter().position(|powers| *powers == HostSelector::All) else {
            continue;
        };
        if let Some(name) = first {
            let message = format!("`{name}` already feeds every host that nothing else names");
            let path = format!("spec.supplies[{index}].powers[{at}]");
            findings.add(
                Rule::SeveralCatchAlls,
                &path,
                message,
                "name the hosts of one of the two",
            );
        }
        first = first.or(Some(&supply.name));
    }
}

fn carrier(path: &NetworkPath, index: usize, findings: &mut Findings<'_>) {
    let at = format!("spec.paths[{index}]");
    if path.supply.is_some() && path.host.is_some() {
        let message = format!("the path `{}` has a host and a supply", path.name);
        let help = "leave `supply` out: that of the host counts";
        findings.add(Rule::PathCarrier, &format!("{at}.supply"), message, help);
    }
    if path.host.is_none() && path.address.is_none() {
        let message = format!("nobody can see whether the path `{}` is up", path.name);
        let help = "give the `address` at which it answers, or the `host` that it runs on";
        findings.add(Rule::PathCarrier, &format!("{at}.name"), message, help);
    }
    for (item, reached) in path.reaches.iter().enumerate() {
        if matches!((reached, &path.host), (HostSelector::Host(to), Some(host)) if to == host) {
            let message = format!("the path `{}` runs on the host that it leads to", path.name);
            let path = format!("{at}.reaches[{item}]");
            findings.add(Rule::PathToItself, &path, message, "take that host out of `reaches`");
        }
    }
}

fn servers(spec: &PowerPolicySpec, findings: &mut Findings<'_>) {
    if !spec.hosts.iter().any(|host| host.role == Role::Server) {
        let message = "there is no host with `role: server`, so nothing runs the control plane";
        findings.add(Rule::NoServer, "spec.hosts", message, "say which of the hosts are servers");
    }
}

fn own_host(spec: &PowerPolicySpec, findings: &mut Findings<'_>) {
    let mut first: Option<&Host> = None;
    for (index, host) in spec.hosts.iter().enumerate() {
        let at = format!("spec.hosts[{index}]");
        match first {
            Some(first) if host.is_self => {
                let message = format!("ananke runs on one host, and that is `{}`", first.name);
                let help = "keep `self: true` at one host";
                findings.add(Rule::SeveralSelf, &format!("{at}.self"), message, help);
            }
            None if host.is_self => first = Some(host),
            _ => {}
        }
        let Some(off) = &host.off else { continue };
        if !host.is_self {
            let message = format!("ananke does not run on `{}`, so `off` says nothing", host.name);
            let help = "leave `off` out, or say `self: true`";
            findings.add(Rule::OffWithoutSelf, &format!("{at}.off"), message, help);
        } else if off.way_back == WayBack::UpsCut && !is_fed(spec, host) {
            let message =
                format!("no supply feeds `{}`, so none can switch it on again", host.name);
            let help = "put it into the `powers` of its supply, or name another way back";
            findings.add(Rule::WayBackWithoutSupply, &format!("{at}.off.wayBack"), message, help);
        }
    }
}

/// Whether any supply feeds a host.
fn is_fed(spec: &PowerPolicySpec, host: &Host) -> bool {
    supplies_of(spec, host).next().is_some()
}

/// The supplies that feed a host: those that name it, else those that feed all the rest.
pub(super) fn supplies_of<'a>(
    spec: &'a PowerPolicySpec,
    host: &'a Host,
) -> impl Iterator<Item = &'a Supply> {
    let names = |supply: &Supply| {
        let is_it = |powers: &HostSelector| matches!(powers, HostSelector::Host(name) if *name == host.name);
        supply.powers.iter().any(is_it)
    };
    let is_named = spec.supplies.iter().any(names);
    spec.supplies.iter().filter(move |supply| {
        if is_named { names(supply) } else { supply.powers.contains(&HostSelector::All) }
    })
}
