//! Worlds ready to use: all hosts on, the cluster running, batteries full.

mod embedded;
mod from_policy;
mod small;

pub use embedded::{EMBEDDED_HOST_CONFIGURATION, EMBEDDED_POLICY};

use ananke_core::observe::{GitopsKind, GitopsRef, SourceFacts};

use crate::world::{
    Actor, Counters, Gitops, Host, Millis, Node, Role, Source, Supply, Trace, Workload,
    WorkloadKind, World,
};

/// How long the first start of a world may take; far beyond what boot, quorum, scheduling and pods
/// take together.
const FIRST_START: Millis = 5 * 60_000;

/// How often Flux applies everything again.
const FLUX_INTERVAL: Millis = 60_000;

/// How many minutes a UPS that a policy names lasts in a world built from that policy.
const POLICY_BATTERY_MINUTES: u64 = 20;

impl World {
    /// Adds a host that is off; a host with a role gets its Node.
    pub fn add_host(&mut self, name: &str, host: Host) {
        if host.role != Role::None {
            self.cluster.nodes.insert(name.to_owned(), Node::default());
        }
        self.hosts.insert(name.to_owned(), host);
    }

    /// Adds a UPS that lasts about so many minutes under everything that it feeds; its hosts must
    /// be there already.
    pub fn add_supply(&mut self, name: &str, minutes: u64) {
        let fed: u64 = self
            .hosts
            .values()
            .filter(|h| h.supplies.iter().any(|s| s == name))
            .map(|h| h.idle_watts)
            .sum();
        let mut supply = Supply::lasting(minutes, fed.saturating_add(8));
        supply.nominal_watts = supply.nominal_watts.max(300);
        self.supplies.insert(name.to_owned(), supply);
    }

    /// Adds a Kustomization in `flux-system`, applied by another one if `parent` is given.
    pub fn add_kustomization(&mut self, name: &str, parent: Option<&str>) {
        let named = |name: &str| GitopsRef {
            kind: GitopsKind::Kustomization,
            namespace: "flux-system".into(),
            name: name.into(),
        };
        self.add_gitops(named(name), parent.map(named));
    }

    /// Adds a `HelmRelease`, applied by a Kustomization in `flux-system`.
    pub fn add_helm_release(&mut self, namespace: &str, name: &str, parent: &str) {
        let parent = GitopsRef {
            kind: GitopsKind::Kustomization,
            namespace: "flux-system".into(),
            name: parent.into(),
        };
        let object = GitopsRef {
            kind: GitopsKind::HelmRelease,
            namespace: namespace.into(),
            name: name.into(),
        };
        self.add_gitops(object, Some(parent));
    }

    fn add_gitops(&mut self, object: GitopsRef, parent: Option<GitopsRef>) {
        let interval = FLUX_INTERVAL;
        self.cluster.gitops.push(Gitops {
            object,
            parent,
            suspended: false,
            suspended_in_git: false,
            mark: None,
            interval,
            changed: 0,
        });
    }

    /// Adds the Git source and Flux's own controllers.
    pub fn add_flux(&mut self, url: &str, branch: &str) {
        self.cluster.source = Some(Source {
            facts: SourceFacts {
                ready: false,
                message: String::new(),
                url: url.into(),
                branch: branch.into(),
            },
            reachable: true,
            observed: 0,
            interval: FLUX_INTERVAL,
        });
        for name in ["kustomize-controller", "source-controller"] {
            let one = Workload::new(WorkloadKind::Deployment, 1);
            self.add_workload("flux-system", name, one);
        }
    }

    /// Adds what every cluster runs: DNS, a CSI controller and its agents on the nodes.
    pub fn add_system_workloads(&mut self) {
        let carrier = Workload { carrier: true, ..Workload::new(WorkloadKind::Deployment, 2) };
        self.add_workload("storage", "csi-controller", carrier);
        let carrier = Workload { carrier: true, ..Workload::new(WorkloadKind::Deployment, 1) };
        self.add_workload("kube-system", "coredns", carrier);
        let daemon = Workload::new(WorkloadKind::DaemonSet, 0);
        self.add_workload("storage", "csi-node", daemon);
    }

    /// Switches everything on, lets it come up, and forgets how that went.
    #[must_use]
    pub fn raised(mut self) -> Self {
        let hosts: Vec<String> = self.hosts.keys().cloned().collect();
        for host in &hosts {
            self.wake(Actor::World, host);
        }
        // A host that no wake reaches was switched on by hand.
        for host in hosts {
            if self.hosts.get(&host).is_some_and(Host::is_off) {
                self.press_power(&host);
            }
        }
        let up = self.now().saturating_add(FIRST_START);
        self.advance(up);
        for supply in self.supplies.values_mut() {
            supply.energy_millijoules = supply.capacity_millijoules;
        }
        self.trace = Trace::unbounded();
        self.counters = Counters::default();
        self.touch();
        self
    }

    /// A pod that nobody makes again once it is gone.
    pub fn add_unmanaged_pod(&mut self, namespace: &str, name: &str) {
        let workload = Workload::new(WorkloadKind::Unmanaged, 1);
        self.add_workload(namespace, name, workload);
        self.add_pod(&format!("{namespace}/{name}"), name);
    }
}
