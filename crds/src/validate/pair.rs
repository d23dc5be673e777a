//! A policy and a host configuration together.

use super::{Findings, power::supplies_of};
use crate::host_config::{HostConfiguration, InstanceRole};
use crate::parse::{Document, Path, Problems, Rule, one_of};
use crate::policy::{Host, PowerPolicy, WayBack};
use crate::value::{HostSelector, Name};

/// Checks that a host configuration serves a policy.
///
/// # Errors
/// Everything in either document that does not fit the other.
pub fn check_pair(
    policy: &Document<PowerPolicy>,
    config: &Document<HostConfiguration>,
) -> Result<(), Problems> {
    let mut in_policy = Findings::new(policy.located());
    let mut in_config = Findings::new(config.located());
    let (policy, config) = (&policy.value, &config.value);
    if config.policy != policy.metadata.name {
        let message = format!(
            "`{}` is in force here, but the policy is called `{}`",
            config.policy, policy.metadata.name
        );
        in_config.add(Rule::OtherPolicy, "policy", message, "write the name of the policy");
        return Problems::none_of(in_config.problems);
    }
    endpoints(policy, config, &mut in_policy, &mut in_config);
    hosts(policy, config, &mut in_config);
    needs(policy, config, &mut in_policy);
    in_config.problems.extend(in_policy.problems);
    Problems::none_of(in_config.problems)
}

fn endpoints(
    policy: &PowerPolicy,
    config: &HostConfiguration,
    in_policy: &mut Findings<'_>,
    in_config: &mut Findings<'_>,
) {
    let supplies: Vec<_> = policy.spec.supplies.iter().map(|supply| supply.name.as_str()).collect();
    for name in config.supplies.keys().filter(|name| !supplies.contains(&name.as_str())) {
        let message = format!("the policy has no supply `{name}`");
        let help = one_of(name.as_str(), "supplies", supplies.iter().copied());
        let path = Path::default().key("supplies").key(name.as_str());
        in_config.add_at(Rule::UnknownSupply, &path, message, help);
    }
    // An instance with peers may leave the supplies of their hosts to them.
    let alone = config.role == InstanceRole::Coordinator && config.peers.is_empty();
    for (index, supply) in policy.spec.supplies.iter().enumerate() {
        if alone && !config.supplies.contains_key(&supply.name) {
            let message = format!("the host configuration has no NUT server for `{}`", supply.name);
            let path = format!("spec.supplies[{index}].name");
            let help = format!("add `supplies: {{{0}: {{ups: {0}@HOST}}}}` to it", supply.name);
            in_policy.add(Rule::SupplyWithoutEndpoint, &path, message, help);
        }
    }
}

fn hosts(policy: &PowerPolicy, config: &HostConfiguration, in_config: &mut Findings<'_>) {
    let known: Vec<_> = policy.spec.hosts.iter().map(|host| host.name.as_str()).collect();
    let mut expect = |name: &Name, path: &Path| {
        if !known.contains(&name.as_str()) {
            let message = format!("the policy has no host `{name}`");
            let help = one_of(name.as_str(), "hosts", known.iter().copied());
            in_config.add_at(Rule::UnknownHost, path, message, help);
        }
    };
    let ssh = Path::default().key("ssh");
    // A jump host or a peer need not be a host of the policy.
    let beside: Vec<_> = config.peers.iter().map(|peer| peer.ssh.as_str()).collect();
    let jump = config.ssh.jump.as_ref().map(|jump| jump.host.as_str());
    for name in config.ssh.hosts.keys() {
        if !beside.contains(&name.as_str()) && jump != Some(name.as_str()) {
            expect(name, &ssh.key("hosts").key(name.as_str()));
        }
    }
    for (index, selector) in config.ssh.managed.iter().enumerate() {
        if let HostSelector::Host(name) = selector {
            expect(name, &ssh.key("managed").index(index));
        }
    }
}

/// What the policy asks for and this host must have.
fn needs(policy: &PowerPolicy, config: &HostConfiguration, in_policy: &mut Findings<'_>) {
    for (index, host) in policy.spec.hosts.iter().enumerate() {
        let by_peer = host.off.is_some_and(|off| off.way_back == WayBack::Peer);
        if by_peer && config.peers.is_empty() {
            let message = format!("`{}` is to be woken by a peer, but there is none", host.name);
            let help = "name one in `peers` of the host configuration, or another way back";
            in_policy.add(
                Rule::NoPeers,
                &format!("spec.hosts[{index}].off.wayBack"),
                message,
                help,
            );
        }
    }
    if config.role == InstanceRole::Observer {
        return;
    }
    cut(policy, config, in_policy);
    let startup = &policy.spec.startup;
    if !startup.layers.is_empty() && config.bootstrap_source.is_none() {
        let message = "nobody knows on this host which repository the layers are in";
        let help = "set `bootstrapSource` in the host configuration";
        in_policy.add(Rule::NoBootstrapSource, "spec.startup.layers", message, help);
    }
    let has_key = config.vault.key_file.is_some() || config.vault.break_glass.is_some();
    for (index, vault) in startup.vault.iter().enumerate() {
        if vault.secret.is_none() && !has_key {
            let message = format!("there is no unseal key for `{}`", vault.name);
            let help = "give its `secret`, or `vault.keyFile` in the host configuration";
            let path = format!("spec.startup.vault[{index}].name");
            in_policy.add(Rule::NoUnsealKey, &path, message, help);
        }
    }
}

/// Only who drives a UPS has it cut its output after the halt, and only a primary may tell the
/// others to leave before.
fn cut(policy: &PowerPolicy, config: &HostConfiguration, in_policy: &mut Findings<'_>) {
    let by_cut = |host: &Host| host.off.is_some_and(|off| off.way_back == WayBack::UpsCut);
    for (index, host) in policy.spec.hosts.iter().enumerate().filter(|(_, host)| by_cut(host)) {
        for supply in supplies_of(&policy.spec, host) {
            let Some(endpoint) = config.supplies.get(&supply.name) else { continue };
            if endpoint.ups.is_local() && endpoint.credentials.is_some() {
                continue;
            }
            let message = format!(
                "`{}` cannot have `{}` cut its output: that takes its upsd on that host, and a user",
                host.name, supply.name
            );
            let help = format!(
                "write `{0}: {{ups: {0}@localhost, credentials: FILE}}` in \
                 the host configuration, or name another way back",
                supply.name
            );
            let path = format!("spec.hosts[{index}].off.wayBack");
            in_policy.add(Rule::WayBackNotOurs, &path, message, help);
        }
    }
}
