//! Where the parts of a lab lie on the machine. All of them go when it goes.

use std::path::{Path, PathBuf};

use crate::spec::{LabName, LabSpec};

/// Holds one folder per lab that is up: sockets, keys, logs.
pub(crate) const RUN_ROOT: &str = "/run/ananke-lab";
/// Holds the disks of the hosts. Not under `/run`: they may be large, and etcd syncs to them.
pub(crate) const DISK_ROOT: &str = "/var/tmp/ananke-lab";
/// The cgroup that holds one cgroup per lab.
pub(crate) const CGROUP: &str = "ananke-lab";

/// Paths of one lab.
#[derive(Debug, Clone)]
pub(crate) struct Paths {
    pub(crate) name: LabName,
    logs: Option<PathBuf>,
}

impl Paths {
    pub(crate) fn new(name: &LabName) -> Self {
        Self { name: name.clone(), logs: None }
    }

    pub(crate) fn of(spec: &LabSpec) -> Self {
        Self { name: spec.name.clone(), logs: spec.logs.clone() }
    }

    pub(crate) fn run(&self) -> PathBuf {
        Path::new(RUN_ROOT).join(self.name.as_str())
    }

    pub(crate) fn disks(&self) -> PathBuf {
        Path::new(DISK_ROOT).join(self.name.as_str())
    }

    pub(crate) fn netns_name(&self) -> String {
        format!("ananke-{}", self.name)
    }

    pub(crate) fn netns(&self) -> PathBuf {
        Path::new("/run/netns").join(self.netns_name())
    }

    /// The keeper's socket for requests.
    pub(crate) fn control(&self) -> PathBuf {
        self.run().join("control")
    }

    /// Process id and start time of the keeper.
    pub(crate) fn keeper(&self) -> PathBuf {
        self.run().join("keeper")
    }

    pub(crate) fn spec(&self) -> PathBuf {
        self.run().join("spec.json")
    }

    pub(crate) fn nut(&self) -> PathBuf {
        self.run().join("nut")
    }

    /// Keys and kubeconfigs of the cluster.
    pub(crate) fn cluster(&self) -> PathBuf {
        self.run().join("cluster")
    }

    pub(crate) fn logs(&self) -> PathBuf {
        self.logs.clone().unwrap_or_else(|| self.run().join("logs"))
    }

    pub(crate) fn identity(&self) -> PathBuf {
        self.run().join("id_ed25519")
    }

    pub(crate) fn known_hosts(&self) -> PathBuf {
        self.run().join("known_hosts")
    }

    pub(crate) fn host(&self, host: &str) -> HostPaths {
        HostPaths {
            disk: self.disks().join(host),
            console: self.logs().join(format!("{host}.console.log")),
            power: self.logs().join(format!("{host}.power.log")),
        }
    }

    /// Name that nspawn knows a host by; its network interface in the hub is `vb-` and this.
    pub(crate) fn machine(&self, number: u8) -> String {
        format!("{}-h{number}", self.name)
    }
}

/// Paths of one host.
#[derive(Debug, Clone)]
pub(crate) struct HostPaths {
    disk: PathBuf,
    pub(crate) console: PathBuf,
    pub(crate) power: PathBuf,
}

impl HostPaths {
    /// What the host wrote: the upper layer of its root file system.
    pub(crate) fn upper(&self) -> PathBuf {
        self.disk.join("upper")
    }

    pub(crate) fn work(&self) -> PathBuf {
        self.disk.join("work")
    }

    /// Where its root file system is mounted, in the mount namespace of its power supply only.
    pub(crate) fn root(&self) -> PathBuf {
        self.disk.join("root")
    }

    /// `/var/lib/rancher` of the host: a plain folder, for containers cannot lie on an overlay.
    pub(crate) fn rancher(&self) -> PathBuf {
        self.disk.join("rancher")
    }

    /// `/var/lib/kubelet` of the host: a plain folder too.
    pub(crate) fn kubelet(&self) -> PathBuf {
        self.disk.join("kubelet")
    }
}
