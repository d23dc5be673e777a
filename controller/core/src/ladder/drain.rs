//! Nodes: cordon, evict, delete; and uncordon.

use std::time::Duration;

use super::{API_CALL, Found, Try, host_name, not_seen, on_its_way};
use crate::{
    assess::{attachments, carriers, to_evict},
    conditions::Reason,
    observe::PodFacts,
    step::{Action, PodRef, Rung},
    time::Tick,
    unit::Unit,
    walk::{Row, Walk, spare},
};

const CORDON_GAP: Duration = Duration::from_secs(2);
/// kubectl tries an eviction that a `PodDisruptionBudget` forbids again after 5 s.
const EVICT_GAP: Duration = Duration::from_secs(5);
const DELETE_GAP: Duration = Duration::from_secs(10);
/// The grace of the last rung, in seconds.
const SHORT_GRACE_SECONDS: u32 = 5;
/// What the last rung takes: its grace, and one look before and after it.
const SHORT_END: Duration = Duration::from_secs(8);
/// How many pods one step ends at most; the rest is the next step's.
const PODS_PER_STEP: usize = 50;

pub(super) fn uncordon(walk: &Walk<'_>, unit: &Unit) -> Try {
    Try {
        rung: Rung::Uncordon,
        action: Action::Uncordon { node: host_name(walk.view.plant, unit) },
        deadline: API_CALL,
        gap: CORDON_GAP,
    }
}

pub(super) fn drain(walk: &Walk<'_>, unit: &Unit, row: &Row) -> Found {
    let node = host_name(walk.view.plant, unit);
    let facts = match walk.view.cluster() {
        Err(_) => return Err(not_seen(unit, row)),
        Ok(cluster) => match cluster.nodes.get(&node) {
            None => return Err(on_its_way()),
            Some(facts) => facts,
        },
    };
    if !facts.unschedulable {
        return Ok(cordon(node));
    }
    let left: Vec<&PodFacts> = to_evict(walk.view, facts, walk.drain).collect();
    if left.is_empty() {
        let message = "pods are gone, volumes are still attached".into();
        return Err((Reason::DependencyNotReady, message));
    }
    end(walk, unit, row, &left)
}

/// The cordon, without waiting for anything but its turn.
pub(super) fn cordon(node: String) -> Try {
    Try { rung: Rung::Cordon, action: Action::Cordon { node }, deadline: API_CALL, gap: CORDON_GAP }
}

/// Evict until the drain's time is over, then delete, then delete with a short grace.
fn end(walk: &Walk<'_>, unit: &Unit, row: &Row, left: &[&PodFacts]) -> Found {
    let rung = rung(walk, unit, row);
    // A pod that is ending within its grace is not ended again, unless the grace is cut.
    let pods: Vec<PodRef> = left
        .iter()
        .filter(|pod| !pod.terminating || rung == Rung::DeleteShort)
        .take(PODS_PER_STEP)
        .map(|pod| reference(pod))
        .collect();
    if pods.is_empty() {
        let message = match left.len() {
            1 => "1 pod is ending within its grace".into(),
            many => format!("{many} pods are ending within their grace"),
        };
        return Err((Reason::Progressing, message));
    }
    Ok(match rung {
        Rung::Evict => {
            Try { rung, action: Action::Evict { pods }, deadline: API_CALL * 2, gap: EVICT_GAP }
        }
        _ => Try {
            rung,
            action: Action::DeletePods {
                pods,
                grace_seconds: (rung == Rung::DeleteShort).then_some(SHORT_GRACE_SECONDS),
            },
            deadline: API_CALL * 2,
            gap: DELETE_GAP,
        },
    })
}

/// On battery the drain gets what the energy leaves it: a rung that cannot end in time is not begun,
/// and no rung is gone back to when the battery looks better again.
fn rung(walk: &Walk<'_>, unit: &Unit, row: &Row) -> Rung {
    let down = &walk.view.plant.shutdown;
    let emergency = walk.scope.is_emergency();
    let patience = if emergency { down.drain_emergency_timeout } else { down.drain_timeout };
    let now = walk.view.snapshot.now;
    let since = |rung| walk.view.journal.tries(&unit.name, rung).map(|tries| tries.first);
    let spent = |from: Option<Tick>, span| from.is_some_and(|from| now.since(from) >= span);
    let is_short_of = |span| spare(row).is_some_and(|spare| spare < span);
    let (evicting, deleting) = (since(Rung::Evict), since(Rung::Delete));
    let ends_short = since(Rung::DeleteShort).is_some();
    if ends_short
        || spent(evicting, patience + down.pod_grace)
        || spent(deleting, down.pod_grace)
        || is_short_of(down.pod_grace)
    {
        Rung::DeleteShort
    } else if deleting.is_some()
        || spent(evicting, patience)
        || is_short_of(down.pod_grace + SHORT_END)
    {
        Rung::Delete
    } else {
        Rung::Evict
    }
}

fn reference(pod: &PodFacts) -> PodRef {
    PodRef { namespace: pod.namespace.clone(), name: pod.name.clone(), uid: pod.uid.clone() }
}

/// Once nothing is attached any more, the pods that detaching needed go too.
pub(super) fn carriers_away(walk: &Walk<'_>, unit: &Unit, row: &Row) -> Found {
    let Ok(cluster) = walk.view.cluster() else {
        return Err((Reason::APIUnavailable, "not seen: the API does not answer".into()));
    };
    let attached = attachments(walk.view, cluster);
    if attached > 0 {
        let message = format!("{attached} volumes are still attached");
        return Err((Reason::Progressing, message));
    }
    let left: Vec<&PodFacts> = carriers(walk.view, cluster);
    if left.is_empty() {
        return Err(on_its_way());
    }
    end(walk, unit, row, &left)
}
