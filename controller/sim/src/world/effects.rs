//! What ananke (through its ports) and people can do to the world.
//!
//! Every effect is idempotent: done twice, it is done once.

use std::sync::Arc;

use ananke_core::{
    marks::Mark,
    observe::{ActiveState, GitopsRef, SnapshotFacts},
    step::{PodRef, Service},
};
use ananke_crds::policy::PowerPolicyStatus;
use serde_json::Value;

use super::{Actor, CommandFault, HostFault, Millis, Note, Published, Role, What, World};

/// An effect is under way; the call that asked for it returns then.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Landing(pub Millis);

/// Why the world does not do it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// The command ran and failed.
    #[error("{0}")]
    Failed(String),
    /// No such object.
    #[error("{0} not found")]
    NotFound(String),
    /// The object is not as the caller believes.
    #[error("{0}")]
    Conflict(String),
    /// A `PodDisruptionBudget` says no.
    #[error("Cannot evict pod as it would violate the pod's disruption budget.")]
    DisruptionBudget,
}

/// How many Events are kept.
const EVENTS: usize = 200;

/// A snapshot of a small cluster, in bytes.
const SNAPSHOT_BYTES: u64 = 7_340_032;

/// Effects on hosts, over their SSH.
impl World {
    /// `systemctl start --no-block`.
    pub fn start(&mut self, who: Actor, host: &str, service: Service) -> Result<Landing, Refusal> {
        self.unit_of(host, service)?;
        self.start_service(who, host);
        self.settle();
        Ok(Landing(self.now))
    }

    /// `systemctl stop`; answers success even if the service had to be killed.
    pub fn stop(&mut self, who: Actor, host: &str, service: Service) -> Result<Landing, Refusal> {
        self.unit_of(host, service)?;
        let down = self.stop_service(who, host);
        self.settle();
        Ok(Landing(down))
    }

    /// `systemctl kill --signal=SIGKILL`.
    pub fn kill(&mut self, who: Actor, host: &str, service: Service) -> Result<Landing, Refusal> {
        self.unit_of(host, service)?;
        self.kill_service(who, host);
        self.settle();
        Ok(Landing(self.now))
    }

    /// `k3s-killall.sh`: stops the service if it runs, and ends all containers.
    pub fn end_containers(&mut self, who: Actor, host: &str) -> Landing {
        self.stop_service(who, host);
        self.end_all_containers(who, host);
        self.settle();
        Landing(self.now.saturating_add(self.laws.end_containers))
    }

    /// `k3s etcd-snapshot save`.
    pub fn take_snapshot(
        &mut self,
        who: Actor,
        host: &str,
        name: &str,
    ) -> Result<Landing, Refusal> {
        self.unit_of(host, Service::Server)?;
        let quorum = self.cluster.api.quorum_since.is_some();
        let wall = self.wall_unix_seconds();
        let Some(found) = self.hosts.get_mut(host) else { return Err(no_host(host)) };
        let active = found.service.as_ref().is_some_and(|s| s.state == ActiveState::Active);
        if !quorum || !active || found.has(HostFault::SnapshotFails) {
            let message = "etcd-snapshot: context deadline exceeded (exit code 1)";
            return Err(Refusal::Failed(message.into()));
        }
        found.snapshot = Some(SnapshotFacts {
            name: name.to_owned(),
            taken_unix_seconds: wall.saturating_add(found.clock_ahead_millis / 1000),
            size_bytes: SNAPSHOT_BYTES,
        });
        self.tell(who, What::SnapshotTaken { host: host.to_owned(), name: name.to_owned() });
        Ok(Landing(self.now.saturating_add(self.laws.snapshot)))
    }

    /// `systemctl poweroff`.
    pub fn power_off(&mut self, who: Actor, host: &str) {
        self.halt(who, host, false);
        self.settle();
    }

    /// `systemctl reboot`.
    pub fn reboot(&mut self, who: Actor, host: &str) {
        self.halt(who, host, true);
        self.settle();
    }

    /// A wake, as Wake-on-LAN sends it: it reaches a host that is off and has power, and says
    /// nothing of whether it did.
    pub fn wake(&mut self, who: Actor, host: &str) {
        self.tell(who, What::WakeSent { host: host.to_owned() });
        let hears = |h: &super::Host| h.wakes && !h.has(HostFault::IgnoresWake);
        if self.hosts.get(host).is_some_and(hears) {
            self.boot(who, host);
        }
        self.settle();
    }

    /// The fault that the next command to a host meets; it is used up.
    pub fn next_command_fault(&mut self, host: &str) -> Option<CommandFault> {
        let faults = &mut self.hosts.get_mut(host)?.command_faults;
        let found = faults.as_mut()?;
        let fault = found.fault;
        found.times = found.times.saturating_sub(1);
        if found.times == 0 {
            *faults = None;
        }
        Some(fault)
    }

    fn unit_of(&self, host: &str, service: Service) -> Result<(), Refusal> {
        let found = self.hosts.get(host).ok_or_else(|| no_host(host))?;
        if found.service.as_ref().is_some_and(|s| s.service == service) {
            return Ok(());
        }
        let unit = if service == Service::Server { "k3s" } else { "k3s-agent" };
        Err(Refusal::Failed(format!("Unit {unit}.service not loaded. (exit code 5)")))
    }
}

fn no_host(name: &str) -> Refusal {
    Refusal::NotFound(format!("host {name}"))
}

/// Effects on objects of the API.
impl World {
    /// Cordons a node; with a mark, in the same patch. The mark's `previous` is the precondition.
    pub fn cordon(&mut self, who: Actor, name: &str, mark: Option<&Mark>) -> Result<(), Refusal> {
        let node = self
            .cluster
            .nodes
            .get_mut(name)
            .ok_or_else(|| Refusal::NotFound(format!("nodes \"{name}\"")))?;
        if let Some(mark) = mark
            && node.mark.is_none()
        {
            if mark.previous.unwrap_or_default() != node.unschedulable {
                return Err(conflict("nodes", name));
            }
            node.mark = Some(mark.clone());
        }
        if !std::mem::replace(&mut node.unschedulable, true) {
            self.tell(who, What::Cordoned { node: name.to_owned() });
        }
        self.settle();
        Ok(())
    }

    /// Ananke's uncordon: puts back what its mark remembers, and takes the mark off. A node without
    /// a mark is left alone.
    pub fn unmark_node(&mut self, who: Actor, name: &str) -> Result<(), Refusal> {
        let node = self
            .cluster
            .nodes
            .get_mut(name)
            .ok_or_else(|| Refusal::NotFound(format!("nodes \"{name}\"")))?;
        let Some(mark) = node.mark.take() else { return Ok(()) };
        let previous = mark.previous.unwrap_or_default();
        if std::mem::replace(&mut node.unschedulable, previous) && !previous {
            self.tell(who, What::Uncordoned { node: name.to_owned() });
        }
        self.settle();
        Ok(())
    }

    /// A person's `kubectl uncordon`.
    pub fn uncordon(&mut self, who: Actor, name: &str) -> Result<(), Refusal> {
        let node = self
            .cluster
            .nodes
            .get_mut(name)
            .ok_or_else(|| Refusal::NotFound(format!("nodes \"{name}\"")))?;
        if std::mem::replace(&mut node.unschedulable, false) {
            self.tell(who, What::Uncordoned { node: name.to_owned() });
        }
        self.settle();
        Ok(())
    }

    /// Suspends a Flux object; with a mark, in the same patch. The mark's `previous` is the
    /// precondition.
    pub fn suspend(
        &mut self,
        who: Actor,
        object: &GitopsRef,
        mark: Option<&Mark>,
    ) -> Result<(), Refusal> {
        let found = self
            .cluster
            .gitops
            .iter_mut()
            .find(|g| g.object == *object)
            .ok_or_else(|| Refusal::NotFound(object.to_string()))?;
        if let Some(mark) = mark
            && found.mark.is_none()
        {
            if mark.previous.unwrap_or_default() != found.suspended {
                return Err(conflict(object.kind.as_str(), &object.name));
            }
            found.mark = Some(mark.clone());
        }
        self.set_suspended(who, object, true);
        self.settle();
        Ok(())
    }

    /// Ananke's resume: puts back what its mark remembers, and takes the mark off. An object
    /// without a mark is left alone.
    pub fn unmark_gitops(&mut self, who: Actor, object: &GitopsRef) -> Result<(), Refusal> {
        let found = self
            .cluster
            .gitops
            .iter_mut()
            .find(|g| g.object == *object)
            .ok_or_else(|| Refusal::NotFound(object.to_string()))?;
        if let Some(mark) = found.mark.take() {
            self.set_suspended(who, object, mark.previous.unwrap_or_default());
        }
        self.settle();
        Ok(())
    }

    /// A person's `flux resume`.
    pub fn resume(&mut self, who: Actor, object: &GitopsRef) -> Result<(), Refusal> {
        if !self.cluster.gitops.iter().any(|g| g.object == *object) {
            return Err(Refusal::NotFound(object.to_string()));
        }
        self.set_suspended(who, object, false);
        self.settle();
        Ok(())
    }

    /// Evicts a pod: its `PodDisruptionBudget` may say no.
    pub fn evict(&mut self, who: Actor, pod: &PodRef) -> Result<(), Refusal> {
        if !self.is_same_pod(pod)? {
            return Ok(());
        }
        let Some(found) = self.cluster.pods.get(&pod.uid) else { return Ok(()) };
        if found.ending.is_some() {
            return Ok(());
        }
        let least = self.workload(found).and_then(|w| w.min_available);
        if least.is_some_and(|least| self.healthy(&found.workload) <= least) {
            return Err(Refusal::DisruptionBudget);
        }
        self.end_pod(who, &pod.uid, None, true);
        self.settle();
        Ok(())
    }

    /// Deletes a pod, with its own grace or a shorter one.
    pub fn delete_pod(
        &mut self,
        who: Actor,
        pod: &PodRef,
        grace_seconds: Option<u32>,
    ) -> Result<(), Refusal> {
        if self.is_same_pod(pod)? {
            let grace = grace_seconds.map(|s| u64::from(s) * 1000);
            self.end_pod(who, &pod.uid, grace, false);
            self.settle();
        }
        Ok(())
    }

    /// Whether the pod of that UID is there; another one of the same name is a conflict.
    fn is_same_pod(&self, pod: &PodRef) -> Result<bool, Refusal> {
        if self.cluster.pods.contains_key(&pod.uid) {
            return Ok(true);
        }
        let other = |p: &super::Pod| p.namespace == pod.namespace && p.name == pod.name;
        if self.cluster.pods.values().any(other) {
            let message = format!("the UID in the precondition ({}) is not the pod's", pod.uid);
            return Err(Refusal::Conflict(message));
        }
        Ok(false)
    }

    fn healthy(&self, workload: &str) -> u32 {
        let healthy = self.cluster.pods.iter().filter(|(uid, p)| {
            p.workload == workload
                && p.ending.is_none()
                && p.node
                    .as_ref()
                    .and_then(|n| self.hosts.get(n))
                    .is_some_and(|h| h.containers.contains_key(*uid))
        });
        super::host::count(healthy.count())
    }

    /// Applies the mirror of the policy and its status. A spec that a person edited is left as it
    /// is: the status alone is written.
    pub fn publish(
        &mut self,
        who: Actor,
        name: &str,
        spec: Arc<Value>,
        status: Arc<PowerPolicyStatus>,
    ) -> Result<(), Refusal> {
        let at = self.now;
        let before = self.cluster.published.take();
        let foreign = before.filter(|before| before.edited && before.name == name);
        let edited = foreign.is_some();
        let spec = foreign.map_or(spec, |foreign| foreign.spec);
        self.cluster.published =
            Some(Published { name: name.to_owned(), spec, status, edited, at });
        self.tell(who, What::Published { policy: name.to_owned() });
        if edited {
            let message = "Apply failed with 1 conflict: conflict with \"kubectl-edit\": .spec";
            return Err(Refusal::Conflict(message.into()));
        }
        Ok(())
    }

    /// Writes an Event.
    pub fn note(&mut self, note: Note) {
        let events = &mut self.cluster.events;
        events.push(note);
        let beyond = events.len().saturating_sub(EVENTS);
        events.drain(..beyond);
    }

    /// Renews ananke's Lease.
    pub const fn renew_lease(&mut self) {
        self.cluster.lease_renewed = Some(self.now);
    }

    /// Names of the hosts with a role, in order.
    pub fn hosts_of(&self, role: Role) -> impl Iterator<Item = &str> {
        self.hosts.iter().filter(move |(_, h)| h.role == role).map(|(name, _)| name.as_str())
    }
}

fn conflict(kind: &str, name: &str) -> Refusal {
    Refusal::Conflict(format!(
        "Operation cannot be fulfilled on {kind} \"{name}\": the object has been modified"
    ))
}
