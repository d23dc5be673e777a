//! What the API tells: nodes, storage, the snapshot, GitOps.

use std::collections::BTreeSet;

use super::{Drain, LOOKED_AT, State, View};
use crate::{
    observe::{ApiHealth, ClusterFacts, NodeFacts, PodFacts, SnapshotFacts},
    plant::Role,
    seen::Seen,
    step::Rung,
    table::Wanted,
    time::Tick,
    unit::Unit,
};

pub(super) fn api(view: &View<'_>) -> State {
    match view.snapshot.api.look() {
        Ok(ApiHealth::Ready) => State::Up,
        Ok(ApiHealth::NotReady) => State::Down,
        Err(why) => State::Unknown(why),
    }
}

pub(super) fn node(view: &View<'_>, host: usize, wanted: Wanted, drain: Drain) -> State {
    let cluster = match view.cluster() {
        Ok(cluster) => cluster,
        Err(why) => return State::Unknown(why),
    };
    let Some(node) = view.node(host) else {
        // A node that is not there carries nothing of ours and no pod.
        return if wanted == Wanted::Down { State::Down } else { State::Up };
    };
    if wanted != Wanted::Down {
        return if node.mark.is_none() { State::Up } else { State::Part("cordoned by ananke") };
    }
    match (node.unschedulable, is_drained(view, cluster, node, drain)) {
        (false, _) => State::Up,
        (true, true) => State::Down,
        (true, false) => State::Part("cordoned, pods or volumes are left"),
    }
}

fn is_drained(view: &View<'_>, cluster: &ClusterFacts, node: &NodeFacts, drain: Drain) -> bool {
    let skipped = drain.emergency && view.plant.shutdown.emergency_skips_drain;
    // Carriers detach the volumes of others, so while they are wanted their own volumes stay.
    let carriers = drain.spares_carriers && node.pods.iter().any(|pod| pod.carrier);
    let is_empty = to_evict(view, node, drain).next().is_none();
    let waits = || node.attachments > 0 && !carriers && somebody_detaches(view, cluster);
    skipped || (is_empty && !waits())
}

/// The pods of a node that a drain still has to end.
pub(crate) fn to_evict<'n>(
    view: &View<'_>,
    node: &'n NodeFacts,
    drain: Drain,
) -> impl Iterator<Item = &'n PodFacts> {
    let deletes_unmanaged = view.plant.shutdown.deletes_unmanaged;
    let is_spared = move |pod: &PodFacts| pod.carrier && drain.spares_carriers;
    node.pods.iter().filter(move |pod| !is_spared(pod) && (pod.managed || deletes_unmanaged))
}

pub(super) fn storage(view: &View<'_>) -> State {
    let cluster = match view.cluster() {
        Ok(cluster) => cluster,
        Err(why) => return State::Unknown(why),
    };
    let attached = attachments(view, cluster) > 0;
    let carriers = !carriers(view, cluster).is_empty();
    match (attached, carriers) {
        (false, false) => State::Down,
        (true, _) => State::Part("volumes are attached"),
        (false, true) => State::Part("pods that detach volumes still run"),
    }
}

/// Volumes that detaching can still end.
pub(crate) fn attachments(view: &View<'_>, cluster: &ClusterFacts) -> u32 {
    if !somebody_detaches(view, cluster) {
        return 0;
    }
    let attached: u32 = nodes_left(view, cluster).map(|node| node.attachments).sum();
    attached.saturating_add(cluster.stray_attachments)
}

/// Whether anybody may be left who detaches volumes. Carriers do that: once every agent is down or
/// bare, and the servers that are left take no pod and have no carrier, a volume that is still
/// attached stays so for ever.
fn somebody_detaches(view: &View<'_>, cluster: &ClusterFacts) -> bool {
    let agents = || view.plant.hosts.iter().enumerate().filter(|(_, h)| h.role == Role::Agent);
    agents().next().is_none()
        || agents().any(|(at, _)| !is_gone(view, at) && !is_bare(view, at))
        || nodes_left(view, cluster).any(may_detach)
}

/// Whether a carrier is on a node, or may come there.
fn may_detach(node: &NodeFacts) -> bool {
    !node.unschedulable || node.pods.iter().any(|pod| pod.carrier)
}

/// Whether nothing is mounted on the host of a node, and what detaches volumes is not there and does
/// not come.
fn is_bare(view: &View<'_>, host: usize) -> bool {
    let mounts_nothing = view
        .facts(host)
        .filter(|seen| seen.is_fresh(view.snapshot.now, LOOKED_AT))
        .and_then(Seen::value)
        .is_some_and(|facts| facts.volumes == 0);
    mounts_nothing && view.node(host).is_some_and(|node| !may_detach(node))
}

/// Pods that leave last.
pub(crate) fn carriers<'c>(view: &View<'_>, cluster: &'c ClusterFacts) -> Vec<&'c PodFacts> {
    nodes_left(view, cluster).flat_map(|node| &node.pods).filter(|pod| pod.carrier).collect()
}

/// The nodes that can still let something go. On a host that is off, or whose service is down with
/// nothing left behind, nothing is mounted, whatever the API remembers; and a host with hands in its
/// case is not waited for.
fn nodes_left<'c>(
    view: &View<'_>,
    cluster: &'c ClusterFacts,
) -> impl Iterator<Item = &'c NodeFacts> {
    let gone: BTreeSet<&str> = (0..view.plant.hosts.len())
        .filter(|at| is_gone(view, *at))
        .filter_map(|at| view.plant.hosts.get(at))
        .map(|host| host.name.as_str())
        .collect();
    cluster
        .nodes
        .iter()
        .filter(move |(name, _)| !gone.contains(name.as_str()))
        .map(|(_, node)| node)
}

fn is_gone(view: &View<'_>, host: usize) -> bool {
    view.is_service_down(host) || view.is_absent(host)
}

/// A snapshot taken this long ago counts when nothing of ours dates this shutdown: everything was
/// cordoned and suspended by somebody else already.
const UNDATED_SNAPSHOT_MAX_AGE_SECONDS: i64 = 600;

pub(super) fn snapshot(view: &View<'_>, unit: &Unit) -> State {
    let marked = view.cluster().ok().and_then(oldest_mark);
    let ordered = view.journal.tries(&unit.name, Rung::Snapshot).map(|tries| tries.first);
    let mut seen = false;
    for host in 0..view.plant.hosts.len() {
        let Some(facts) = view.facts(host).and_then(Seen::value) else { continue };
        seen = seen || facts.server.is_some();
        let Some(snapshot) = &facts.snapshot else { continue };
        let since = marked.unwrap_or(facts.wall_unix_seconds - UNDATED_SNAPSHOT_MAX_AGE_SECONDS);
        let is_since = taken(snapshot) >= since || is_younger(view, host, snapshot, ordered);
        if snapshot.size_bytes > 0 && is_since {
            return State::Down;
        }
    }
    if seen { State::Up } else { State::Unknown(crate::seen::Unseen::Silent) }
}

/// When a snapshot was taken. One of ours carries the second in its name, by the clock that dated
/// the marks too: clocks of two hosts need not agree.
fn taken(snapshot: &SnapshotFacts) -> i64 {
    let ours = snapshot.name.strip_prefix(SNAPSHOT_PREFIX);
    let digits = ours.map(|rest| rest.split('-').next().unwrap_or(rest));
    digits.and_then(|digits| digits.parse().ok()).unwrap_or(snapshot.taken_unix_seconds)
}

/// Whether a snapshot is younger, by the clock of its own host, than our first order for one: a clock
/// of ours that was set back dates every new one before the marks.
fn is_younger(
    view: &View<'_>,
    host: usize,
    snapshot: &SnapshotFacts,
    ordered: Option<Tick>,
) -> bool {
    let Some(Seen::Known { value, at }) = view.facts(host) else { return false };
    let age = u64::try_from(value.wall_unix_seconds.saturating_sub(snapshot.taken_unix_seconds));
    ordered.zip(age.ok()).is_some_and(|(ordered, age)| age <= at.since(ordered).as_secs())
}

/// What the names of our snapshots begin with; the second of their order follows.
pub const SNAPSHOT_PREFIX: &str = "ananke-";

/// When this shutdown's first mark was set: on GitOps if there is one, else on a node.
fn oldest_mark(cluster: &ClusterFacts) -> Option<i64> {
    let gitops = cluster.gitops.iter().filter_map(|object| object.mark.as_ref());
    let nodes = cluster.nodes.values().filter_map(|node| node.mark.as_ref());
    let oldest = |mark: &crate::marks::Mark| mark.at_unix_seconds;
    gitops.map(oldest).min().or_else(|| nodes.map(oldest).min())
}

pub(super) fn gitops(view: &View<'_>, wanted: Wanted) -> State {
    let cluster = match view.cluster() {
        Ok(cluster) => cluster,
        Err(why) => return State::Unknown(why),
    };
    if wanted == Wanted::Down {
        return match cluster.gitops.iter().filter(|object| !object.suspended).count() {
            0 => State::Down,
            left if left == cluster.gitops.len() => State::Up,
            _ => State::Part("not all suspended"),
        };
    }
    if cluster.gitops.iter().any(|object| object.mark.is_some()) {
        State::Part("suspended by ananke")
    } else {
        State::Up
    }
}

pub(super) fn source(view: &View<'_>, unit: &Unit) -> State {
    if view.snapshot.observed.contains_key(&*unit.name) {
        return view.observed(unit);
    }
    match view.cluster() {
        Err(why) => State::Unknown(why),
        Ok(cluster) => match &cluster.source {
            Some(source) if source.ready => State::Up,
            Some(_) => State::Part("the Git source is not Ready"),
            None => State::Down,
        },
    }
}
