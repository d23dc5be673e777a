//! What kubelets do: start and end containers. A running pod and its container are one thing.

use ananke_core::text::Text;

use super::{Actor, Container, Millis, What, World};

impl World {
    /// Kubelets notice what the API wants of them.
    pub(super) fn settle_kubelets(&mut self) {
        let now = self.now;
        let mut orders = Vec::new();
        for (uid, pod) in &self.cluster.pods {
            let Some(node) = &pod.node else { continue };
            let Some(host) = self.hosts.get(node) else { continue };
            let heard = self.cluster.nodes.get(node).is_some_and(|n| n.alive_since.is_some());
            if !heard {
                continue;
            }
            match (host.containers.get(uid), &pod.ending) {
                (None, None) if pod.starts.is_none() && self.volume_is_here(pod, node) => {
                    orders.push(Order::Start(uid.clone()));
                }
                (Some(container), Some(ending)) if container.ends.is_none() => {
                    let ends_in = self.workload(pod).map_or(0, |w| w.ends_in);
                    let left = ending.since.saturating_add(ending.grace).saturating_sub(now);
                    orders.push(Order::End {
                        host: node.clone(),
                        uid: uid.clone(),
                        ends: now.saturating_add(ends_in.min(left)),
                        killed: ends_in > left,
                        by: ending.by,
                    });
                }
                _ => {}
            }
        }
        for order in orders {
            self.obey(order);
        }
        self.settle_orphans();
    }

    fn obey(&mut self, order: Order) {
        match order {
            Order::Start(uid) => {
                let starts = self.now.saturating_add(self.laws.pod_start);
                if let Some(pod) = self.cluster.pods.get_mut(&uid) {
                    pod.starts = Some(starts);
                }
            }
            Order::End { host, uid, ends, killed, by } => {
                if let Some(container) =
                    self.hosts.get_mut(&host).and_then(|h| h.containers.get_mut(&uid))
                {
                    container.ends = Some(ends);
                    container.killed = killed;
                    container.by = by;
                }
            }
        }
    }

    /// A kubelet kills containers whose pod is gone from the API.
    fn settle_orphans(&mut self) {
        let now = self.now;
        for (name, host) in &mut self.hosts {
            let heard = self.cluster.nodes.get(name).is_some_and(|n| n.alive_since.is_some());
            if !heard {
                continue;
            }
            for (uid, container) in &mut host.containers {
                if container.ends.is_none() && !self.cluster.pods.contains_key(uid) {
                    container.ends = Some(now);
                    container.killed = true;
                }
            }
        }
    }

    fn volume_is_here(&self, pod: &super::Pod, node: &str) -> bool {
        pod.volume
            .as_ref()
            .is_none_or(|v| self.cluster.attachments.get(v).is_some_and(|a| a.node == node))
    }

    pub(super) fn start_due_pods(&mut self) {
        let due: Vec<Text> = self
            .cluster
            .pods
            .iter()
            .filter(|(_, p)| p.starts.is_some_and(|at| at <= self.now))
            .map(|(uid, _)| uid.clone())
            .collect();
        for uid in due {
            self.start_pod(&uid);
        }
    }

    pub(super) fn start_pod(&mut self, uid: &str) {
        let Some(pod) = self.cluster.pods.get_mut(uid) else { return };
        pod.starts = None;
        let Some(pod) = self.cluster.pods.get(uid) else { return };
        let Some(node) = pod.node.clone().filter(|_| pod.ending.is_none()) else { return };
        let container = Container {
            pod: pod.full_name(),
            daemon: self.is_daemon(pod),
            volume: pod.volume.is_some(),
            ends: None,
            killed: false,
            by: Actor::World,
        };
        let (pod, daemon) = (container.pod.clone(), container.daemon);
        // A kubelet that stopped meanwhile starts nothing.
        let Some(host) = self.hosts.get_mut(&node).filter(|h| h.kubelet_works()) else { return };
        host.containers.insert(uid.into(), container);
        self.tell(Actor::World, What::PodStarted { pod, node, daemon });
    }

    pub(super) fn end_due_containers(&mut self) {
        let now = self.now;
        let mut ended = Vec::new();
        for (name, host) in &mut self.hosts {
            if !host.is_alive() {
                continue;
            }
            let kubelet = host.kubelet_works();
            host.containers.retain(|_, container| {
                // SIGKILL at the end of the grace is the kubelet's; SIGTERM was sent before.
                let over = (kubelet || !container.killed)
                    && container.ends.is_some_and(|ends| ends <= now);
                if over {
                    ended.push((name.clone(), container.clone()));
                }
                !over
            });
        }
        for (node, container) in ended {
            let graceful = !container.killed;
            self.tell(container.by, What::PodEnded { pod: container.pod, node, graceful });
        }
    }

    /// `k3s-killall.sh`: all shims of a host and what runs under them.
    pub(super) fn end_all_containers(&mut self, who: Actor, name: &str) {
        let Some(host) = self.hosts.get_mut(name).filter(|h| h.is_alive()) else { return };
        let ended = std::mem::take(&mut host.containers);
        if ended.is_empty() {
            return;
        }
        let containers = super::host::count(ended.len());
        for container in ended.into_values() {
            let node = name.to_owned();
            self.tell(who, What::PodEnded { pod: container.pod, node, graceful: false });
        }
        self.tell(who, What::ContainersEnded { host: name.to_owned(), containers });
    }

    pub(super) fn next_due_pod(&self) -> Option<Millis> {
        self.cluster.pods.values().filter_map(|p| p.starts).min()
    }
}

/// What a kubelet is about to do.
enum Order {
    /// Start the container of a pod.
    Start(Text),
    /// Tell a container to end.
    End { host: String, uid: Text, ends: Millis, killed: bool, by: Actor },
}
