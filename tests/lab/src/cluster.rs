//! The cluster's keys, made before any host is on: the stack's `k3s pki` writes them, and each host
//! is delivered with its own.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result};

use crate::command::check;
use crate::paths::{HostPaths, Paths};
use crate::spec::{HostSpec, LabSpec, Role};

/// A kubeconfig for labs without a cluster: nobody listens there, and the refusal is immediate.
pub const NO_CLUSTER: &str = "apiVersion: v1
kind: Config
clusters: [{name: none, cluster: {server: 'https://127.0.0.1:1'}}]
users: [{name: none, user: {token: none}}]
contexts: [{name: none, context: {cluster: none, user: none}}]
current-context: none
";

/// Where clients find the API server of a host.
pub(crate) fn api_url(server: &HostSpec) -> String {
    format!("https://{}:6443", server.address())
}

/// Makes the keys of a lab that has a stack and a server; else there is no cluster, and no keys.
pub(crate) fn make_keys(lab: &LabSpec, paths: &Paths) -> Result<()> {
    let first = lab.hosts.iter().find(|host| host.role == Role::Server);
    let (Some(stack), Some(first)) = (&lab.stack, first) else { return Ok(()) };
    let agents = lab.hosts.iter().filter(|host| host.role == Role::Agent);
    let agents: Vec<&str> = agents.map(|host| host.name.as_str()).collect();
    let mut pki = Command::new(stack.join("k3s"));
    pki.arg("pki").arg("--dir").arg(paths.cluster());
    pki.args(["--server", &api_url(first), "--agents", &agents.join(",")]);
    check(&mut pki, Duration::from_secs(30)).context("cannot make the cluster's keys").map(drop)
}

/// Delivers a host's share of the keys.
pub(crate) fn hand_out(paths: &Paths, disk: &HostPaths, host: &HostSpec) -> Result<()> {
    let keys = paths.cluster();
    if !keys.exists() {
        return Ok(());
    }
    match host.role {
        Role::Server => {
            let tls = disk.rancher().join("k3s/server/tls");
            fs::create_dir_all(&tls)?;
            for key in fs::read_dir(keys.join("tls")).context("the cluster has no keys")? {
                let key = key?;
                copy(&key.path(), &tls.join(key.file_name()))?;
            }
            Ok(())
        }
        Role::Agent => {
            let name = format!("agent-{}.kubeconfig", host.name);
            copy(&keys.join(name), &disk.upper().join("etc/rancher/k3s/agent.kubeconfig"))
        }
        Role::None => Ok(()),
    }
}

fn copy(from: &Path, to: &Path) -> Result<()> {
    fs::copy(from, to)
        .with_context(|| format!("cannot copy {} to {}", from.display(), to.display()))?;
    fs::set_permissions(to, fs::Permissions::from_mode(0o600))
        .with_context(|| format!("cannot set the mode of {}", to.display()))
}
