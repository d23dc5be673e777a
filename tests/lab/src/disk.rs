//! What makes a host this host: the files on its own disk, over the image that all share.

use std::fmt::Write as _;
use std::fs;
use std::os::unix::fs::{PermissionsExt as _, chown, symlink};
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result};
use serde_json::json;

use crate::cluster;
use crate::command::check;
use crate::evidence;
use crate::paths::{HostPaths, Paths};
use crate::spec::{HUB_ADDRESS, HostSpec, LabSpec, Role, USER};

/// The rights that the project ships for its hosts; the lab proves that they suffice.
const SUDOERS: &str = include_str!("../../../systemd/sudoers.d/ananke");
/// Where a host sees the programs of the stack.
pub(crate) const STACK_IN_HOST: &str = "/opt/stack/bin";

/// What the API server notes of whoever changes things, on a server.
const API_AUDIT_POLICY: &str = "etc/rancher/k3s/audit-policy.yaml";

/// Makes the key of the lab's user, shared by all hosts.
pub(crate) fn make_identity(paths: &Paths) -> Result<()> {
    make_key(&paths.identity(), "ananke-lab")
}

/// Writes a host's disk as it is delivered: never booted.
pub(crate) fn make(lab: &LabSpec, paths: &Paths, image: &Path, host: &HostSpec) -> Result<()> {
    let host_paths = paths.host(&host.name);
    for folder in [host_paths.upper(), host_paths.work(), host_paths.root()] {
        fs::create_dir_all(&folder).with_context(|| format!("cannot make {}", folder.display()))?;
    }
    for folder in [host_paths.rancher(), host_paths.kubelet()] {
        fs::create_dir_all(&folder)?;
    }
    let disk = Disk(&host_paths);
    disk.identity(lab, host)?;
    disk.network(host)?;
    disk.login(paths, image, host)?;
    disk.system()?;
    if lab.stack.is_some() {
        disk.kubernetes(lab, host)?;
        cluster::hand_out(paths, &host_paths, host)?;
    }
    Ok(())
}

struct Disk<'a>(&'a HostPaths);

impl Disk<'_> {
    fn write(&self, path: &str, mode: u32, content: &str) -> Result<()> {
        let file = self.0.upper().join(path);
        let folder = file.parent().context("a file without a folder")?;
        fs::create_dir_all(folder).with_context(|| format!("cannot make {}", folder.display()))?;
        fs::write(&file, content).with_context(|| format!("cannot write {}", file.display()))?;
        fs::set_permissions(&file, fs::Permissions::from_mode(mode))
            .with_context(|| format!("cannot set the mode of {}", file.display()))
    }

    fn link(&self, path: &str, target: &str) -> Result<()> {
        let link = self.0.upper().join(path);
        if let Some(folder) = link.parent() {
            fs::create_dir_all(folder)?;
        }
        symlink(target, &link).with_context(|| format!("cannot link {}", link.display()))
    }

    fn identity(&self, lab: &LabSpec, host: &HostSpec) -> Result<()> {
        let id = fs::read_to_string("/proc/sys/kernel/random/uuid")?.replace('-', "");
        self.write("etc/machine-id", 0o444, &id)?;
        self.write("etc/hostname", 0o644, &format!("{}\n", host.name))?;
        let mut hosts = format!("127.0.0.1 localhost\n{HUB_ADDRESS} hub\n");
        for host in &lab.hosts {
            writeln!(hosts, "{} {}", host.address(), host.name)?;
        }
        self.write("etc/hosts", 0o644, &hosts)
    }

    /// The address is set inside, so that a power cut takes it away with the host.
    fn network(&self, host: &HostSpec) -> Result<()> {
        let (mac, address) = (host.mac_text(), host.address());
        self.write(
            "etc/systemd/network/10-host0.network",
            0o644,
            &format!(
                "[Match]\nName=host0\n[Link]\nMACAddress={mac}\n[Network]\nAddress={address}/24\n\
                 LinkLocalAddressing=no\nIPv6AcceptRA=no\n"
            ),
        )
    }

    fn login(&self, paths: &Paths, image: &Path, host: &HostSpec) -> Result<()> {
        self.write("etc/sudoers.d/ananke", 0o440, SUDOERS)?;
        self.write(
            "etc/ssh/sshd_config.d/lab.conf",
            0o644,
            "UseDNS no\nPasswordAuthentication no\nHostKey /etc/ssh/ssh_host_ed25519_key\n",
        )?;
        let key = self.0.upper().join("etc/ssh/ssh_host_ed25519_key");
        make_key(&key, &host.name)?;
        let public = fs::read_to_string(key.with_extension("pub"))?;
        let public: Vec<&str> = public.split_whitespace().take(2).collect();
        let mut known = fs::read_to_string(paths.known_hosts()).unwrap_or_default();
        writeln!(known, "{},{} {}", host.address(), host.name, public.join(" "))?;
        fs::write(paths.known_hosts(), known)?;

        let home = format!("home/{USER}");
        let ours = fs::read_to_string(paths.identity().with_extension("pub"))?;
        self.write(&format!("{home}/.ssh/authorized_keys"), 0o600, &ours)?;
        let (user, group) = user_of(image)?;
        for path in [home.clone(), format!("{home}/.ssh"), format!("{home}/.ssh/authorized_keys")] {
            chown(self.0.upper().join(path), Some(user), Some(group))?;
        }
        for path in [home.clone(), format!("{home}/.ssh")] {
            fs::set_permissions(self.0.upper().join(path), fs::Permissions::from_mode(0o700))?;
        }
        Ok(())
    }

    fn system(&self) -> Result<()> {
        // The journal outlives the host's power cycles, so that a story can read it afterwards.
        self.write(
            "etc/systemd/journald.conf.d/lab.conf",
            0o644,
            "[Journal]\nStorage=persistent\nSystemMaxUse=32M\nSyncIntervalSec=2s\n",
        )?;
        // The kernel's clock belongs to the machine: chronyd measures it (-x) but never sets it,
        // and Debian's unit would not start at all without the right to.
        self.write(
            "etc/systemd/system/chrony.service.d/lab.conf",
            0o644,
            "[Unit]\nConditionCapability=\n",
        )?;
        self.write("etc/default/chrony", 0o644, "DAEMON_OPTS=\"-F 0 -x\"\n")?;
        self.write(
            "etc/chrony/chrony.conf",
            0o644,
            &format!(
                "server {HUB_ADDRESS} iburst minpoll 0 maxpoll 2\n\
                 driftfile /var/lib/chrony/chrony.drift\n"
            ),
        )
    }

    fn kubernetes(&self, lab: &LabSpec, host: &HostSpec) -> Result<()> {
        for program in ["k3s", "k3s-killall.sh", "kubectl"] {
            let target = format!("{STACK_IN_HOST}/{program}");
            self.link(&format!("usr/local/bin/{program}"), &target)?;
        }
        self.write("etc/rancher/k3s/config.yaml", 0o600, &k3s_config(lab, host)?)?;
        if host.role == Role::Server {
            self.write(API_AUDIT_POLICY, 0o600, evidence::POLICY)?;
        }
        if let (Some(unit), Some(subcommand)) = (host.role.unit(), host.role.subcommand()) {
            let path = format!("etc/systemd/system/{unit}");
            self.write(&path, 0o644, &k3s_unit(subcommand))?;
            let wants = format!("etc/systemd/system/multi-user.target.wants/{unit}");
            self.link(&wants, &format!("/{path}"))?;
        }
        Ok(())
    }
}

impl Role {
    fn subcommand(self) -> Option<&'static str> {
        match self {
            Self::Server => Some("server"),
            Self::Agent => Some("agent"),
            Self::None => None,
        }
    }
}

/// The unit as k3s's own installer writes it: what happens to containers at `stop`, how long a
/// start may take and what is restarted all depend on these options.
fn k3s_unit(subcommand: &str) -> String {
    format!(
        "[Unit]\n\
         Description=Lightweight Kubernetes\n\
         Documentation=https://k3s.io\n\
         Wants=network-online.target\n\
         After=network-online.target\n\
         \n\
         [Install]\n\
         WantedBy=multi-user.target\n\
         \n\
         [Service]\n\
         Type=notify\n\
         EnvironmentFile=-/etc/default/%N\n\
         EnvironmentFile=-/etc/sysconfig/%N\n\
         KillMode=process\n\
         Delegate=yes\n\
         LimitNOFILE=1048576\n\
         LimitNPROC=infinity\n\
         LimitCORE=infinity\n\
         TasksMax=infinity\n\
         TimeoutStartSec=0\n\
         Restart=always\n\
         RestartSec=5s\n\
         ExecStart=/usr/local/bin/k3s {subcommand}\n"
    )
}

/// The host's `config.yaml`: what follows from the lab, then what its spec overrides. Every value
/// is written as JSON, which YAML contains.
fn k3s_config(lab: &LabSpec, host: &HostSpec) -> Result<String> {
    let servers: Vec<&HostSpec> = lab.hosts.iter().filter(|h| h.role == Role::Server).collect();
    let urls: Vec<String> = servers.iter().map(|server| cluster::api_url(server)).collect();
    let members: Vec<String> = servers
        .iter()
        .map(|server| format!("{}=https://{}:2380", server.name, server.address()))
        .collect();
    let mut keys = std::collections::BTreeMap::from([
        ("node-name".to_owned(), json!(host.name)),
        ("node-ip".to_owned(), json!(host.address().to_string())),
        ("server".to_owned(), json!(urls)),
    ]);
    if host.role == Role::Server {
        let audit = [
            format!("audit-policy-file=/{API_AUDIT_POLICY}"),
            format!("audit-log-path=/{}", evidence::LOG),
        ];
        keys.insert("kube-apiserver-arg".to_owned(), json!(audit));
    }
    // A server that is alone is no member of a cluster.
    if host.role == Role::Server && servers.len() > 1 {
        keys.insert("etcd-cluster".to_owned(), json!(members.join(",")));
    }
    keys.extend(host.k3s.clone());
    let mut yaml = String::new();
    for (key, value) in keys {
        writeln!(yaml, "{key}: {}", serde_json::to_string(&value)?)?;
    }
    Ok(yaml)
}

fn make_key(file: &Path, comment: &str) -> Result<()> {
    check(
        Command::new("ssh-keygen")
            .args(["-q", "-t", "ed25519", "-N", "", "-C", comment, "-f"])
            .arg(file),
        Duration::from_secs(10),
    )
    .map(drop)
}

/// User and group id of the lab's user in the image.
fn user_of(image: &Path) -> Result<(u32, u32)> {
    let passwd = fs::read_to_string(image.join("etc/passwd")).context("cannot read the image")?;
    let ids = passwd.lines().find_map(|line| {
        let mut fields = line.split(':');
        (fields.next()? == USER).then_some(())?;
        Some((fields.nth(1)?.parse().ok()?, fields.next()?.parse().ok()?))
    });
    ids.with_context(|| format!("the image has no user {USER}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::spec::LabName;

    #[test]
    fn a_server_knows_its_peers_and_a_spec_overrides() {
        let mut second = HostSpec::new("n2", Role::Server);
        second.k3s.insert("server".into(), json!(["https://10.77.0.1:6443"]));
        second.k3s.insert("token".into(), json!("x: y"));
        let lab = LabSpec::new(LabName::new("t").unwrap()).server("n1").host(second).agent("n3");
        assert_eq!(
            k3s_config(&lab, &lab.hosts[1]).unwrap(),
            "etcd-cluster: \"n1=https://10.77.0.11:2380,n2=https://10.77.0.12:2380\"\n\
             kube-apiserver-arg: \
             [\"audit-policy-file=/etc/rancher/k3s/audit-policy.yaml\",\
             \"audit-log-path=/var/log/k3s/audit.log\"]\n\
             node-ip: \"10.77.0.12\"\nnode-name: \"n2\"\n\
             server: [\"https://10.77.0.1:6443\"]\ntoken: \"x: y\"\n"
        );
        assert!(!k3s_config(&lab, &lab.hosts[2]).unwrap().contains("etcd-cluster"));
    }
}
