//! What is reached from this host: UPSes, hosts and the API, each asked once.

use std::{collections::BTreeMap, path::Path, time::Duration};

use ananke_core::{
    observe::{ApiHealth, HostFacts, SupplyReading},
    step::Service,
};
use ananke_crds::{
    host_config::HostConfiguration,
    policy::{Host, OffWhen, PowerPolicy, Role, Supply, WayBack},
    value::{HostSelector, Name},
};
use ananke_hosts::SshHosts;
use ananke_ports::{Cluster as _, HostCommand, HostError, Hosts as _, Supplies as _, SupplyError};
use futures::{StreamExt, stream};

use super::finding::{Finding, Report};
use crate::wiring;

/// How long one answer may take: a jump host, a login and a slow disk behind it.
const ANSWER: Duration = Duration::from_secs(15);
/// Hosts asked at a time.
const SIDE_BY_SIDE: usize = 8;

pub(super) async fn look(config: &HostConfiguration, policy: &PowerPolicy, report: &mut Report) {
    supplies(config, policy, report).await;
    hosts(config, policy, report).await;
    api(config, policy, report).await;
}

async fn supplies(config: &HostConfiguration, policy: &PowerPolicy, report: &mut Report) {
    if policy.spec.supplies.is_empty() {
        let message = "the policy names no supply: there is no protection against outages";
        report.add(
            Finding::warning("supplies", message).remedy("ananke explain policy.spec.supplies"),
        );
    }
    for supply in &policy.spec.supplies {
        let name = supply.name.as_str();
        let Some(endpoint) = config.supplies.get(&supply.name) else { continue };
        report.checked(format!("supply/{name}"));
        let one = BTreeMap::from([(supply.name.clone(), endpoint.clone())]);
        let about = format!("supply/{name}");
        let port = match wiring::nut_supplies(&one) {
            Ok(port) => port,
            Err(error) => {
                let remedy = format!("ananke explain config.supplies.{name}");
                report.add(Finding::error(&about, error.to_string()).remedy(remedy));
                continue;
            }
        };
        match port.read(name, ANSWER).await {
            Ok(reading) => {
                told(&about, name, &reading, report);
                if cuts(policy, supply)
                    && let Err(error) = port.may_be_primary(name, ANSWER).await
                {
                    let remedy = "give the user of `credentials` `upsmon primary` in upsd.users";
                    report.add(Finding::error(&about, error.to_string()).remedy(remedy));
                }
            }
            Err(error) => report.add(silent(&about, &endpoint.ups.to_string(), &error)),
        }
        port.close().await;
    }
}

/// Whether a supply is to cut its output after the halt of this host.
fn cuts(policy: &PowerPolicy, supply: &Supply) -> bool {
    let feeds = |host: &Host| {
        let named = HostSelector::Host(host.name.clone());
        let is_named = |supply: &Supply| supply.powers.contains(&named);
        let by_rest = supply.powers.contains(&HostSelector::All)
            && !policy.spec.supplies.iter().any(is_named);
        is_named(supply) || by_rest
    };
    let own = policy.spec.hosts.iter().find(|host| host.is_self);
    own.is_some_and(|own| {
        let off = own.off.unwrap_or_default();
        off.when != OffWhen::Never && off.way_back == WayBack::UpsCut && feeds(own)
    })
}

fn told(about: &str, name: &str, reading: &SupplyReading, report: &mut Report) {
    if reading.device.is_named == Some(false) {
        let message = format!("it is {}, and the host configuration names another", reading.device);
        let remedy = format!("mend `supplies.{name}.serial`, or the cable");
        report.add(Finding::error(about, message).remedy(remedy));
    }
    if reading.charge_percent.is_none() && reading.runtime_seconds.is_none() {
        let message = "it tells neither charge nor runtime: only LB, FSD and the time on battery \
                       take its hosts down";
        let remedy = "look for a driver that tells more, or shorten `trigger.maxOnBattery`";
        report.add(Finding::warning(about, message).remedy(remedy));
    }
}

fn silent(about: &str, ups: &str, error: &SupplyError) -> Finding {
    let remedy = match error {
        SupplyError::Silent { .. } => {
            format!("`upsc {ups}` here; upsd must run there and `LISTEN` on that address")
        }
        SupplyError::Stale { .. } => {
            "look at its driver and its cable: `systemctl status 'nut-driver*'` there".into()
        }
        SupplyError::Refused { .. } => {
            "the user of `credentials` must stand in upsd.users there, with `upsmon secondary` or \
             `primary`; `tls.ca` must have signed upsd's certificate"
                .into()
        }
        SupplyError::NoSuchDevice { .. } => {
            "mend `ups` in the host configuration: `upsc -l HOST` lists the devices".into()
        }
        SupplyError::Garbage { .. } => format!("is it upsd that listens at {ups}?"),
    };
    Finding::error(about, error.to_string()).remedy(remedy)
}

async fn hosts(config: &HostConfiguration, policy: &PowerPolicy, report: &mut Report) {
    let others: Vec<&Host> = policy.spec.hosts.iter().filter(|host| !host.is_self).collect();
    if others.is_empty() {
        return;
    }
    let folder = match tempfile::tempdir() {
        Ok(folder) => folder,
        Err(error) => {
            let remedy = "make room in the folder for temporary files";
            report.add(Finding::error("ssh", error.to_string()).remedy(remedy));
            return;
        }
    };
    let port = match wiring::ssh_hosts(config, policy, folder.path()) {
        Ok(port) => port,
        Err(error) => {
            let remedy = "ananke explain config.ssh";
            report.add(Finding::error("ssh", error.to_string()).remedy(remedy));
            return;
        }
    };
    for file in [&config.ssh.identity, &config.ssh.known_hosts] {
        missing(file, report);
    }
    let asked = others.iter().map(|host| ask(&port, host));
    let answers: Vec<_> = stream::iter(asked).buffered(SIDE_BY_SIDE).collect().await;
    for (host, answer) in others.into_iter().zip(answers) {
        report.checked(format!("host/{}", host.name));
        match answer {
            Ok((facts, refused)) => {
                answered(policy, host, &facts, report);
                report.extend(refused.map(|error| not_permitted(host, &error)));
            }
            Err(error) => report.add(unreachable(policy, host, &error)),
        }
    }
}

fn missing(file: &Path, report: &mut Report) {
    if let Err(error) = std::fs::metadata(file) {
        let finding = Finding::error("ssh", format!("{}: {error}", file.display()));
        report.add(finding.remedy("ananke explain config.ssh"));
    }
}

/// What a host tells, and the first thing that its sudo would refuse.
async fn ask(port: &SshHosts, host: &Host) -> Result<(HostFacts, Option<HostError>), HostError> {
    let name = host.name.as_str();
    let facts = port.probe(name, ANSWER).await?;
    for command in commands(host.role) {
        if let Err(refused @ HostError::Refused { .. }) = port.permits(name, &command, ANSWER).await
        {
            return Ok((facts, Some(refused)));
        }
    }
    Ok((facts, None))
}

/// What is asked of a host of that role on the way down and up.
fn commands(role: Role) -> Vec<HostCommand> {
    let service = match role {
        Role::Server => Service::Server,
        Role::Agent => Service::Agent,
        Role::None => return vec![HostCommand::PowerOff],
    };
    let mut all = vec![
        HostCommand::PowerOff,
        HostCommand::Start(service),
        HostCommand::Stop(service),
        HostCommand::Kill(service),
        HostCommand::EndContainers,
    ];
    if service == Service::Server {
        all.push(HostCommand::TakeSnapshot { name: "ananke-0".into() });
    }
    all
}

fn answered(policy: &PowerPolicy, host: &Host, facts: &HostFacts, report: &mut Report) {
    let about = format!("host/{}", host.name);
    let installed = match host.role {
        Role::Server => facts.server.is_some(),
        Role::Agent => facts.agent.is_some(),
        Role::None => true,
    };
    if !installed {
        let message = "its Kubernetes service is not installed";
        let remedy = "mend its `role` or `spec.distribution` in the policy";
        report.add(Finding::error(&about, message).remedy(remedy));
    }
    if policy.spec.startup.clock.is_some() && facts.clock_synchronised != Some(true) {
        let message = "its clock is not synchronised, or does not say so";
        report.add(Finding::warning(&about, message).remedy("`timedatectl` there"));
    }
}

fn not_permitted(host: &Host, error: &HostError) -> Finding {
    let remedy = "install -m 0440 systemd/sudoers.d/ananke /etc/sudoers.d/ on that host";
    Finding::error(&format!("host/{}", host.name), error.to_string()).remedy(remedy)
}

fn unreachable(policy: &PowerPolicy, host: &Host, error: &HostError) -> Finding {
    let about = format!("host/{}", host.name);
    let remedy = match error {
        HostError::Silent { .. } | HostError::Unknown { .. } => {
            "is it on, and its sshd? `ssh` there with the `ssh` section's key, port and jump host"
        }
        HostError::Closed { .. } => "start its sshd, or set the `ssh` section's port for it",
        HostError::HostKey { .. } => {
            "compare its key at its console (`ssh-keygen -lf /etc/ssh/ssh_host_ed25519_key.pub`), \
             then mend `ssh.knownHosts`"
        }
        HostError::Refused { .. } => {
            "put the public half of `ssh.identity` into authorized_keys of `ssh.user` there"
        }
        HostError::Failed { .. } | HostError::Garbage { .. } => {
            "log in there as ananke does: a shell that prints, or a command that is missing?"
        }
    };
    // One that may be away is not missed.
    let may_be_away = |name: &Name| *name == host.name;
    let message = error.to_string();
    if policy.spec.startup.ignore_unavailable.iter().any(may_be_away) {
        Finding::note(&about, message).remedy(remedy)
    } else {
        Finding::error(&about, message).remedy(remedy)
    }
}

async fn api(config: &HostConfiguration, policy: &PowerPolicy, report: &mut Report) {
    if policy.spec.hosts.iter().all(|host| host.role == Role::None) {
        return;
    }
    report.checked("api");
    let cluster = match wiring::kube_cluster(config, policy) {
        Ok(cluster) => cluster,
        Err(error) => {
            let remedy = "ananke explain config.kubernetes";
            report.add(Finding::error("api", error.to_string()).remedy(remedy));
            return;
        }
    };
    match cluster.health(ANSWER).await {
        Ok(ApiHealth::Ready) => {}
        Ok(ApiHealth::NotReady) => report.add(
            Finding::warning("api", "it answers, and /readyz says that it is not ready")
                .remedy("kubectl get --raw '/readyz?verbose'"),
        ),
        Err(error) => report.add(
            Finding::error("api", error.to_string())
                .remedy("check `kubernetes.kubeconfig` and `servers`, and that the cluster is up"),
        ),
    }
}
