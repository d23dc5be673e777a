//! What was given up first for lack of energy, by what happened in the world.

use std::collections::{BTreeMap, BTreeSet};

use ananke_sim::world::{Actor, Millis, What};
use schemars::JsonSchema;
use serde::Serialize;

use super::{Scenario, outage::Played};

/// What can be given up, mildest first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum Sacrifice {
    /// Pods are deleted instead of evicted.
    Eviction,
    /// Pods are killed before they have ended.
    Grace,
    /// No etcd snapshot is taken.
    Snapshot,
    /// A service is stopped with pods on its host.
    Drain,
    /// A host is powered off with its service or containers running.
    Order,
    /// A host is still on when its battery is empty.
    Power,
}

impl Sacrifice {
    /// In words, for a person.
    pub const fn text(self) -> &'static str {
        match self {
            Self::Eviction => "pods are deleted, whatever their disruption budgets say",
            Self::Grace => "pods are killed before they have ended",
            Self::Snapshot => "no etcd snapshot is taken",
            Self::Drain => "services are stopped with pods on their hosts",
            Self::Order => "hosts are powered off with services or containers running",
            Self::Power => "hosts are still on when their battery is empty",
        }
    }
}

/// Something that was given up.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Given {
    /// What.
    pub(super) what: Sacrifice,
    /// Whose: a pod, a host, the API.
    pub(super) whose: String,
    /// When.
    pub(super) at: Millis,
}

/// What was given up first. What the policy leaves out of an emergency is not given up: it was
/// never to be had.
pub(super) fn first(scenario: &Scenario, played: &Played) -> Option<Given> {
    let mut pods = Pods::of(played);
    let down = &scenario.in_force.plant.shutdown;
    let mut awaits_snapshot =
        scenario.in_force.plant.sections.snapshot && !down.emergency_skips_snapshot;
    for happening in played.happenings() {
        let ours = happening.who == Actor::Ananke;
        let found = match &happening.what {
            What::PodEnding { pod, evicted: false, .. } if ours => {
                Some((Sacrifice::Eviction, pod.clone()))
            }
            What::PodEnded { pod, graceful: false, .. } if ours && !pods.daemons.contains(pod) => {
                Some((Sacrifice::Grace, pod.clone()))
            }
            What::ApiDown if awaits_snapshot => Some((Sacrifice::Snapshot, "etcd".into())),
            What::ServiceStopping { host, .. }
                if ours && !down.emergency_skips_drain && pods.are_on(host) =>
            {
                Some((Sacrifice::Drain, host.clone()))
            }
            What::HostHalting { host, containers, volumes, service_runs, .. }
                if ours && (*service_runs || containers + volumes > 0) =>
            {
                Some((Sacrifice::Order, host.clone()))
            }
            What::HostCut { host, .. } if happening.who == Actor::World => {
                Some((Sacrifice::Power, host.clone()))
            }
            _ => None,
        };
        if let Some((what, whose)) = found {
            return Some(Given { what, whose, at: happening.at });
        }
        awaits_snapshot &= !matches!(happening.what, What::SnapshotTaken { .. });
        pods.follow(&happening.what);
    }
    None
}

/// Which pods run where.
struct Pods {
    /// Pods that a drain leaves alone.
    daemons: BTreeSet<String>,
    by_host: BTreeMap<String, BTreeSet<String>>,
}

impl Pods {
    fn of(played: &Played) -> Self {
        let mut pods = Self { daemons: BTreeSet::new(), by_host: BTreeMap::new() };
        for (host, found) in &played.before.hosts {
            for container in found.containers.values() {
                pods.add(&container.pod, host, container.daemon);
            }
        }
        pods
    }

    fn add(&mut self, pod: &str, host: &str, daemon: bool) {
        if daemon {
            self.daemons.insert(pod.to_owned());
        } else {
            self.by_host.entry(host.to_owned()).or_default().insert(pod.to_owned());
        }
    }

    fn are_on(&self, host: &str) -> bool {
        self.by_host.get(host).is_some_and(|pods| !pods.is_empty())
    }

    fn follow(&mut self, what: &What) {
        match what {
            What::PodStarted { pod, node, daemon } => self.add(pod, node, *daemon),
            What::PodEnded { pod, node, .. } => {
                self.by_host.entry(node.clone()).or_default().remove(pod);
            }
            _ => {}
        }
    }
}
