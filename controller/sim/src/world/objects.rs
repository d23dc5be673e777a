//! What the controllers of the cluster do: make pods, bind them, attach and detach volumes.

use std::collections::{BTreeMap, BTreeSet};

use ananke_core::text::Text;

use super::{Actor, Attachment, Ending, Millis, Pod, What, Workload, WorkloadKind, World};

impl World {
    /// Adds a workload; its controller makes the pods as soon as the API answers.
    pub fn add_workload(&mut self, namespace: &str, name: &str, workload: Workload) {
        self.cluster.workloads.insert(format!("{namespace}/{name}"), workload);
    }

    /// Adds a pod of a workload by hand, pending.
    pub fn add_pod(&mut self, workload: &str, name: &str) {
        self.make_pod(workload, Some(name.to_owned()), None);
    }

    pub(super) fn workload(&self, pod: &Pod) -> Option<&Workload> {
        self.cluster.workloads.get(&pod.workload)
    }

    /// Whether a drain leaves the pod alone.
    pub(super) fn is_daemon(&self, pod: &Pod) -> bool {
        self.workload(pod).is_some_and(|w| w.kind == WorkloadKind::DaemonSet)
    }

    pub(super) fn settle_workloads(&mut self) {
        let mut names: BTreeMap<&str, Vec<&Pod>> = BTreeMap::new();
        for pod in self.cluster.pods.values() {
            names.entry(&pod.workload).or_default().push(pod);
        }
        let mut missing: Vec<(String, Option<String>, Option<String>)> = Vec::new();
        for (key, workload) in &self.cluster.workloads {
            let pods = names.get(key.as_str()).map_or(&[][..], Vec::as_slice);
            let live = pods.iter().filter(|p| p.ending.is_none()).count();
            match workload.kind {
                WorkloadKind::Deployment => {
                    let wanted = usize::try_from(workload.replicas).unwrap_or(usize::MAX);
                    missing.extend((live..wanted).map(|_| (key.clone(), None, None)));
                }
                WorkloadKind::StatefulSet => {
                    let base = key.rsplit('/').next().unwrap_or(key);
                    let name = |ordinal| format!("{base}-{ordinal}");
                    missing.extend(
                        (0..workload.replicas)
                            .map(name)
                            .filter(|n| pods.iter().all(|p| p.name != *n))
                            .map(|n| (key.clone(), Some(n), None)),
                    );
                }
                WorkloadKind::DaemonSet => missing.extend(
                    self.cluster
                        .nodes
                        .keys()
                        .filter(|n| pods.iter().all(|p| p.node.as_ref() != Some(*n)))
                        .map(|n| (key.clone(), None, Some(n.clone()))),
                ),
                // Made once, by the builder of the world.
                WorkloadKind::Unmanaged => {}
            }
        }
        for (workload, name, node) in missing {
            self.make_pod(&workload, name, node);
        }
    }

    /// Makes a pod of a workload, pending unless it is given its node.
    fn make_pod(&mut self, workload: &str, name: Option<String>, node: Option<String>) {
        let Some((namespace, base)) = workload.split_once('/') else { return };
        let uid = self.rng.uuid();
        let name = name.unwrap_or_else(|| {
            let suffix = uid.get(..5).unwrap_or_default();
            format!("{base}-{suffix}")
        });
        let has_volume = self.cluster.workloads.get(workload).is_some_and(|w| w.volume);
        let pod = Pod {
            namespace: namespace.into(),
            volume: has_volume.then(|| format!("pvc-{namespace}-{name}")),
            name: name.into(),
            workload: workload.to_owned(),
            node,
            created: self.now,
            starts: None,
            ending: None,
        };
        self.cluster.pods.insert(uid.into(), pod);
    }

    /// Binds pods that have waited long enough to a Node that is Ready and schedulable.
    pub(super) fn settle_schedule(&mut self) {
        let before = self.now.saturating_sub(self.laws.bind);
        let pending: Vec<Text> = self
            .cluster
            .pods
            .iter()
            .filter(|(_, p)| p.node.is_none() && p.ending.is_none() && p.created <= before)
            .map(|(uid, _)| uid.clone())
            .collect();
        if pending.is_empty() {
            return;
        }
        let mut candidates: BTreeMap<String, usize> = self
            .cluster
            .nodes
            .iter()
            .filter(|(_, n)| n.ready && !n.unschedulable)
            .map(|(name, _)| (name.clone(), 0))
            .collect();
        for pod in self.cluster.pods.values() {
            if let Some(pods) = pod.node.as_ref().and_then(|n| candidates.get_mut(n)) {
                *pods += 1;
            }
        }
        for uid in pending {
            let Some((node, pods)) = candidates.iter_mut().min_by_key(|(_, pods)| **pods) else {
                return;
            };
            *pods += 1;
            if let Some(pod) = self.cluster.pods.get_mut(&uid) {
                pod.node = Some(node.clone());
            }
        }
    }

    /// Tells a pod to end. A shorter grace than before shortens what is left.
    pub(super) fn end_pod(&mut self, by: Actor, uid: &str, grace: Option<Millis>, evicted: bool) {
        let Some(pod) = self.cluster.pods.get(uid) else { return };
        let own = self.workload(pod).map_or(0, |w| u64::from(w.grace_seconds) * 1000);
        let (name, node) = (pod.full_name(), pod.node.clone());
        let grace = grace.unwrap_or(own);
        let now = self.now;
        let Some(pod) = self.cluster.pods.get_mut(uid) else { return };
        match &mut pod.ending {
            Some(ending) => {
                let left = ending.since.saturating_add(ending.grace).saturating_sub(now);
                if grace >= left {
                    return;
                }
                *ending = Ending { since: now, grace, by };
            }
            ending => *ending = Some(Ending { since: now, grace, by }),
        }
        // The kubelet sets the container's end anew.
        if let Some(container) = node
            .as_ref()
            .and_then(|n| self.hosts.get_mut(n))
            .and_then(|h| h.containers.get_mut(uid))
        {
            container.ends = None;
        }
        self.tell(by, What::PodEnding { pod: name, node, evicted });
        // A deletion without grace takes the object away at once and leaves the rest to the kubelet.
        if grace == 0 && !self.has_finalizer(uid) {
            self.cluster.pods.remove(uid);
        }
    }

    fn has_finalizer(&self, uid: &str) -> bool {
        self.cluster.pods.get(uid).and_then(|p| self.workload(p)).is_some_and(|w| w.finalizer)
    }

    /// Takes away the objects of pods that were told to end and whose kubelet says they are gone.
    pub(super) fn settle_ended_pods(&mut self) {
        let ended: Vec<Text> = self
            .cluster
            .pods
            .iter()
            .filter(|(uid, p)| p.ending.is_some() && !self.has_finalizer(uid))
            .filter(|(uid, p)| match &p.node {
                None => true,
                Some(node) => {
                    self.cluster.nodes.get(node).is_some_and(|n| n.alive_since.is_some())
                        && self.hosts.get(node).is_none_or(|h| !h.containers.contains_key(*uid))
                }
            })
            .map(|(uid, _)| uid.clone())
            .collect();
        if ended.is_empty() {
            return;
        }
        for uid in ended {
            self.cluster.pods.remove(&uid);
        }
        // A StatefulSet makes the next one now.
        self.settle_workloads();
    }

    /// Volumes of bound pods are attached; those that nothing uses any more are detached by a
    /// carrier, if the cluster has carriers: without a running one they stay for ever.
    pub(super) fn settle_volumes(&mut self) {
        let now = self.now;
        let carried = self.carriers_run();
        let mut used: BTreeSet<(&str, &str)> = BTreeSet::new();
        for pod in self.cluster.pods.values() {
            if let (Some(volume), Some(node)) = (&pod.volume, &pod.node) {
                used.insert((volume, node));
            }
        }
        let attachments = &mut self.cluster.attachments;
        for (volume, attachment) in attachments.iter_mut() {
            let in_use = used.contains(&(volume.as_str(), attachment.node.as_str()));
            if in_use || !carried {
                attachment.detaches = None;
            } else if attachment.detaches.is_none() {
                attachment.detaches = Some(now.saturating_add(self.laws.detach));
            }
        }
        for (volume, node) in used {
            attachments
                .entry(volume.to_owned())
                .or_insert_with(|| Attachment { node: node.to_owned(), detaches: None });
        }
    }

    fn carriers_run(&self) -> bool {
        let mut any = false;
        for (key, workload) in &self.cluster.workloads {
            if !workload.carrier {
                continue;
            }
            any = true;
            if self.workload_runs(key) {
                return true;
            }
        }
        !any
    }

    /// Whether a pod of the workload runs on a node whose kubelet works.
    pub(super) fn workload_runs(&self, key: &str) -> bool {
        self.cluster.pods.iter().any(|(uid, pod)| {
            pod.workload == key
                && pod.node.as_ref().and_then(|n| self.hosts.get(n)).is_some_and(|h| {
                    h.is_connected() && h.containers.get(uid).is_some_and(|c| c.ends.is_none())
                })
        })
    }

    pub(super) fn detach_due_volumes(&mut self) {
        if self.api_ready() {
            let now = self.now;
            self.cluster.attachments.retain(|_, a| a.detaches.is_none_or(|at| at > now));
        }
    }

    pub(super) fn next_due_object(&self) -> Option<Millis> {
        if !self.api_ready() {
            return None;
        }
        let detach = self.cluster.attachments.values().filter_map(|a| a.detaches).min();
        let bind = self
            .cluster
            .pods
            .values()
            .filter(|p| p.node.is_none() && p.ending.is_none())
            .map(|p| p.created.saturating_add(self.laws.bind))
            // One that waits for a schedulable node is bound when something changes.
            .filter(|at| *at > self.now)
            .min();
        detach.into_iter().chain(bind).min()
    }
}
