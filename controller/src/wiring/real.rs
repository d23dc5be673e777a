//! The real world: hosts over SSH, UPSes over NUT, the Kubernetes API, this machine.

use std::{collections::BTreeMap, path::Path, sync::Arc};

use ananke_crds::{
    host_config::{HostConfiguration, SupplyEndpoint},
    policy::PowerPolicy,
    value::Name,
};
use ananke_hosts::{BootClock, HostWaker, LocalMachine, SshHosts, SshSetupError};
use ananke_kube::{KubeCluster, KubeConfig, KubeConfigError, SourceRef};
use ananke_ports::{Ports, Store};

use super::nut::{NutSetupError, NutSupplies};

/// Sockets and the configuration of `ssh`: nothing that must outlive a boot.
const RUNTIME: &str = "/run/ananke";

/// All ports of the real world.
pub fn ports(
    config: &HostConfiguration,
    policy: &PowerPolicy,
    store: Arc<dyn Store>,
) -> anyhow::Result<Ports> {
    let runtime = std::env::var_os("RUNTIME_DIRECTORY").unwrap_or_else(|| RUNTIME.into());
    Ok(Ports {
        clock: Arc::new(BootClock),
        supplies: Arc::new(nut_supplies(&config.supplies)?),
        hosts: Arc::new(ssh_hosts(config, policy, Path::new(&runtime))?),
        wake: Arc::new(HostWaker::new(&policy.spec.hosts)),
        cluster: Arc::new(kube_cluster(config, policy)?),
        machine: Arc::new(LocalMachine::new(Path::new(&runtime), devices(config))?),
        store,
    })
}

/// The UPSes of a host configuration.
pub fn nut_supplies(
    endpoints: &BTreeMap<Name, SupplyEndpoint>,
) -> Result<NutSupplies, NutSetupError> {
    NutSupplies::new(endpoints)
}

/// The hosts of a policy over SSH; `runtime` is for sockets and the configuration of `ssh`.
pub fn ssh_hosts(
    config: &HostConfiguration,
    policy: &PowerPolicy,
    runtime: &Path,
) -> Result<SshHosts, SshSetupError> {
    SshHosts::new(&config.ssh, policy.spec.distribution, runtime)
}

/// The Kubernetes API of a host configuration.
pub fn kube_cluster(
    config: &HostConfiguration,
    policy: &PowerPolicy,
) -> Result<KubeCluster, KubeConfigError> {
    KubeCluster::new(kubernetes(config, policy))
}

/// What the NUT drivers of this host call the supplies that they drive.
fn devices(config: &HostConfiguration) -> BTreeMap<String, String> {
    let local = config.supplies.iter().filter(|(_, endpoint)| endpoint.ups.is_local());
    local.map(|(name, endpoint)| (name.to_string(), endpoint.ups.ups.clone())).collect()
}

fn kubernetes(config: &HostConfiguration, policy: &PowerPolicy) -> KubeConfig {
    let source = policy.spec.startup.gitops.as_ref().map(|gitops| &gitops.source);
    KubeConfig {
        kubeconfig: config.kubernetes.kubeconfig.clone(),
        servers: config.kubernetes.servers.iter().map(ToString::to_string).collect(),
        identity: own_name(),
        policy: policy.metadata.name.to_string(),
        carriers: policy.spec.shutdown.drain.carriers.iter().map(ToString::to_string).collect(),
        source: source.map(|source| SourceRef {
            namespace: source.namespace.to_string(),
            name: source.name.to_string(),
        }),
    }
}

/// Who holds the Lease: this host, as the kernel names it.
fn own_name() -> String {
    let name = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    let name = name.trim();
    if name.is_empty() { "ananke".into() } else { name.into() }
}
