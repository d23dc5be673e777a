//! What can be seen of the world from where ananke stands.

use std::collections::{BTreeMap, BTreeSet};

use ananke_core::observe::{
    ActiveState, ApiHealth, ClusterFacts, GitopsFacts, HostFacts, NodeFacts, PodFacts,
    ServiceState, SourceFacts, SystemState, VolumeFacts,
};

use super::{ApiFault, Host, HostFault, Power, Role, ServiceUnit, World};

/// What becomes of a connection to a host.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reach {
    /// It answers.
    Answers,
    /// Nothing comes back, until the deadline (measured: a SYN to a host that is off hangs; a
    /// frozen host accepts TCP and sends no banner).
    Silence,
    /// `Connection refused`, at once.
    Refused,
    /// Our key is refused.
    KeyRefused,
    /// Another host key is shown.
    OtherHostKey,
}

impl World {
    /// What becomes of a connection to a host.
    pub fn reach(&self, name: &str) -> Reach {
        let Some(host) = self.hosts.get(name) else { return Reach::Silence };
        let up = match host.power {
            Power::On { .. } => true,
            Power::Halting { since, .. } => self.now <= since + self.laws.ssh_lingers,
            Power::Off { .. } | Power::Booting { .. } => false,
        };
        match () {
            () if !up || !host.is_reachable() => Reach::Silence,
            () if host.has(HostFault::RefusesSsh) => Reach::Refused,
            () if host.has(HostFault::OtherHostKey) => Reach::OtherHostKey,
            () if host.has(HostFault::RefusesKey) => Reach::KeyRefused,
            () => Reach::Answers,
        }
    }

    /// The fault that keeps a host that is up from being reached.
    pub fn way_fault(&self, name: &str) -> Option<HostFault> {
        use HostFault::{Frozen, OtherHostKey, RefusesKey, RefusesSsh, SshCut, Unplugged};
        let host = self.hosts.get(name).filter(|host| host.is_on())?;
        let ways = [Frozen, Unplugged, SshCut, RefusesSsh, OtherHostKey, RefusesKey];
        ways.into_iter().find(|fault| host.has(*fault))
    }

    /// What a host that answers says of itself.
    pub fn host_facts(&self, name: &str) -> Option<HostFacts> {
        let host = self.hosts.get(name)?;
        let since = match host.power {
            Power::On { since } | Power::Halting { since, .. } => since,
            Power::Off { .. } | Power::Booting { .. } => return None,
        };
        let system = match host.power {
            Power::Halting { .. } => SystemState::Stopping,
            _ if self.now < since + self.laws.system_starting => SystemState::Starting,
            _ => SystemState::Running,
        };
        let service = |role| host.service.as_ref().filter(|_| host.role == role).map(state_of);
        Some(HostFacts {
            boot_id: host.boot_id.clone(),
            uptime_seconds: self.now.saturating_sub(since) / 1000,
            wall_unix_seconds: self.wall_unix_seconds() + host.clock_ahead_millis / 1000,
            system,
            server: service(Role::Server),
            agent: service(Role::Agent),
            containers: host.container_count(),
            volumes: host.volumes(),
            snapshot: host.snapshot.clone(),
            clock_synchronised: Some(host.clock_ahead_millis == 0),
        })
    }

    /// What `/readyz` says, if the API answers at all.
    pub fn api_health(&self) -> Option<ApiHealth> {
        if !self.api_answers() {
            return None;
        }
        Some(if self.api_ready() { ApiHealth::Ready } else { ApiHealth::NotReady })
    }

    /// Whether watches tell anything new.
    pub fn watches_flow(&self) -> bool {
        self.api_answers()
            && self.api_ready()
            && self.cluster.api.fault != Some(ApiFault::WatchesCut)
    }

    /// The objects of the API as watches tell them.
    pub fn cluster_facts(&self) -> ClusterFacts {
        let mut nodes: BTreeMap<String, NodeFacts> = self
            .cluster
            .nodes
            .iter()
            .map(|(name, node)| {
                let facts = NodeFacts {
                    unschedulable: node.unschedulable,
                    mark: node.mark.clone(),
                    ready: node.ready,
                    lease_fresh: node.alive_since.is_some()
                        || (node.renewed > 0
                            && self.now < node.renewed.saturating_add(self.laws.lease_grace)),
                    boot_id: node.boot_id.clone(),
                    attachments: 0,
                    pods: Vec::new(),
                };
                (name.clone(), facts)
            })
            .collect();
        self.add_pods(&mut nodes);
        let mut stray_attachments = 0;
        for attachment in self.cluster.attachments.values() {
            match nodes.get_mut(&attachment.node) {
                Some(node) => node.attachments += 1,
                None => stray_attachments += 1,
            }
        }
        let gitops = self.cluster.gitops.iter().map(|g| GitopsFacts {
            object: g.object.clone(),
            parent: g.parent.clone(),
            suspended: g.suspended,
            mark: g.mark.clone(),
        });
        ClusterFacts {
            gitops: gitops.collect(),
            nodes,
            stray_attachments,
            volumes: self.volumes(),
            source: self.source(),
        }
    }

    /// A replica is healthy while the kubelet of its node works.
    fn volumes(&self) -> Vec<VolumeFacts> {
        let works = |node: &&String| self.hosts.get(*node).is_some_and(Host::kubelet_works);
        let volume = |(name, nodes): (&String, &BTreeSet<String>)| VolumeFacts {
            name: name.clone(),
            used_on: self
                .cluster
                .attachments
                .get(name)
                .map(|a| a.node.clone())
                .into_iter()
                .collect(),
            healthy_on: nodes.iter().filter(works).cloned().collect(),
        };
        self.cluster.replicas.iter().map(volume).collect()
    }

    fn add_pods(&self, nodes: &mut BTreeMap<String, NodeFacts>) {
        for (uid, pod) in &self.cluster.pods {
            let Some(workload) = self.workload(pod) else { continue };
            if workload.kind == super::WorkloadKind::DaemonSet {
                continue;
            }
            let Some(node) = pod.node.as_ref().and_then(|n| nodes.get_mut(n)) else { continue };
            node.pods.push(PodFacts {
                namespace: pod.namespace.clone(),
                name: pod.name.clone(),
                uid: uid.clone(),
                managed: workload.kind != super::WorkloadKind::Unmanaged,
                carrier: workload.carrier,
                terminating: pod.ending.is_some(),
                grace_seconds: workload.grace_seconds,
            });
        }
        for node in nodes.values_mut() {
            node.pods.sort_by(|a, b| (&a.namespace, &a.name).cmp(&(&b.namespace, &b.name)));
        }
    }

    /// The source's status counts only once its controller has looked since the API came up:
    /// what stood in etcd before is a memory.
    fn source(&self) -> Option<SourceFacts> {
        let source = self.cluster.source.as_ref()?;
        let mut facts = source.facts.clone();
        if self.cluster.api.ready_since.is_none_or(|since| source.observed < since) {
            facts.ready = false;
            facts.message = "no observation since the API came up".into();
        }
        Some(facts)
    }

    /// Whether the server of a supply's telemetry runs.
    pub fn upsd_runs(&self, supply: &str) -> bool {
        self.supplies
            .get(supply)
            .and_then(|s| s.via.as_ref())
            .is_none_or(|host| self.hosts.get(host).is_some_and(Host::is_connected))
    }
}

fn state_of(unit: &ServiceUnit) -> ServiceState {
    ServiceState {
        active: unit.state,
        result: unit.result.clone(),
        job: unit.start_queued
            || matches!(unit.state, ActiveState::Activating | ActiveState::Deactivating),
    }
}
