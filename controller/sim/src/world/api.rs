//! The API and the Nodes.

use ananke_core::text::Text;

use super::{Actor, ApiFault, Host, Millis, Role, What, World};

impl World {
    /// Whether `/readyz` says `ok` (to whom it answers at all).
    pub const fn api_ready(&self) -> bool {
        self.cluster.api.ready_since.is_some()
    }

    /// Whether the API answers ananke.
    pub fn api_answers(&self) -> bool {
        self.cluster.api.quorum_since.is_some() && self.cluster.api.fault != Some(ApiFault::Frozen)
    }

    /// Whether a connection to the API is refused at once: a server host is there, and nothing
    /// listens. Else it hangs until the deadline.
    pub fn api_refuses(&self) -> bool {
        self.cluster.api.fault != Some(ApiFault::Frozen)
            && self.hosts.values().any(|h| h.role == Role::Server && h.is_connected())
    }

    /// How many etcd members a quorum takes.
    pub fn quorum(&self) -> usize {
        self.hosts.values().filter(|h| h.role == Role::Server).count() / 2 + 1
    }

    pub(super) fn settle_api(&mut self) {
        let members = self.hosts.values().filter(|h| h.is_member()).count();
        let has_quorum = members >= self.quorum();
        let api = &mut self.cluster.api;
        if !has_quorum {
            api.quorum_since = None;
            if api.ready_since.take().is_some() {
                self.tell(Actor::World, What::ApiDown);
            }
        } else if api.quorum_since.is_none() {
            api.quorum_since = Some(self.now);
        }
    }

    fn api_settles_at(&self) -> Option<Millis> {
        let api = &self.cluster.api;
        let since = api.quorum_since.filter(|_| api.ready_since.is_none())?;
        Some(since.saturating_add(self.laws.api_settle))
    }

    pub(super) fn move_api(&mut self) {
        if self.api_settles_at().is_some_and(|at| at <= self.now) {
            self.cluster.api.ready_since = Some(self.now);
            self.tell(Actor::World, What::ApiUp);
        }
    }

    pub(super) fn next_due_in_api(&self) -> Option<Millis> {
        self.api_settles_at().into_iter().chain(self.next_due_node()).min()
    }

    /// When the next Node changes by itself.
    fn next_due_node(&self) -> Option<Millis> {
        let ready_since = self.cluster.api.ready_since?;
        let due = |(name, node): (&String, &super::Node)| {
            if let Some(alive) = node.alive_since {
                let boot_id = self.hosts.get(name).map(|h| h.boot_id.as_str());
                let fresh = node.ready && Some(node.boot_id.as_str()) == boot_id;
                return (!fresh).then(|| alive.saturating_add(self.laws.node_ready));
            }
            let lost = node.renewed.max(ready_since).saturating_add(self.laws.lease_grace);
            if node.ready {
                return Some(lost);
            }
            self.has_evictable(name).then(|| lost.saturating_add(self.laws.eviction))
        };
        self.cluster.nodes.iter().filter_map(due).min()
    }

    fn has_evictable(&self, node: &str) -> bool {
        self.cluster
            .pods
            .values()
            .any(|p| p.node.as_deref() == Some(node) && p.ending.is_none() && !self.is_daemon(p))
    }

    /// A kubelet that works and has an API renews its lease.
    pub(super) fn settle_nodes(&mut self) {
        let api_ready = self.api_ready();
        for (name, node) in &mut self.cluster.nodes {
            let alive = api_ready
                && self.hosts.get(name).is_some_and(|h| h.kubelet_works() && h.is_connected());
            if alive && node.alive_since.is_none() {
                node.alive_since = Some(self.now);
            } else if !alive && node.alive_since.take().is_some() {
                node.renewed = self.now;
            }
        }
    }

    pub(super) fn move_nodes(&mut self) {
        let Some(ready_since) = self.cluster.api.ready_since else { return };
        let (now, laws) = (self.now, self.laws.clone());
        let mut gone = Vec::new();
        for (name, node) in &mut self.cluster.nodes {
            if let Some(alive) = node.alive_since {
                let boot_id = self.hosts.get(name).map_or("", |h: &Host| h.boot_id.as_str());
                if alive.saturating_add(laws.node_ready) <= now {
                    node.ready = true;
                    boot_id.clone_into(&mut node.boot_id);
                }
                continue;
            }
            // The node controller believes a kubelet for as long as its lease is fresh; after an
            // outage of the API it gives every node that long again.
            let lost = node.renewed.max(ready_since).saturating_add(laws.lease_grace);
            if lost <= now {
                node.ready = false;
            }
            if lost.saturating_add(laws.eviction) <= now {
                gone.push(name.clone());
            }
        }
        for node in gone {
            self.evict_all(&node);
        }
    }

    /// The taint manager tells the pods of a Node that is gone to end; they stay `Terminating`
    /// until its kubelet is back.
    fn evict_all(&mut self, node: &str) {
        let uids: Vec<Text> = self
            .cluster
            .pods
            .iter()
            .filter(|(_, p)| p.node.as_deref() == Some(node) && p.ending.is_none())
            .filter(|(_, p)| !self.is_daemon(p))
            .map(|(uid, _)| uid.clone())
            .collect();
        for uid in uids {
            self.end_pod(Actor::World, &uid, None, true);
        }
    }
}
