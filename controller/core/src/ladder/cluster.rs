//! GitOps and the snapshot.

use std::{collections::BTreeSet, time::Duration};

use super::{API_CALL, Found, Try, on_its_way};
use crate::{
    conditions::Reason,
    observe::{ActiveState, GitopsFacts, GitopsRef},
    seen::Seen,
    step::{Action, Rung},
    unit::{Kind, Unit},
    walk::{Row, Walk},
};

const WAVE_GAP: Duration = Duration::from_secs(1);
const SNAPSHOT_CALL: Duration = Duration::from_secs(120);
const SNAPSHOT_GAP: Duration = Duration::from_secs(10);

/// Parents first: a parent that still reconciles would undo the suspend of its child.
pub(super) fn suspend(walk: &Walk<'_>) -> Found {
    let objects = objects(walk)?;
    let active: BTreeSet<&GitopsRef> =
        objects.iter().filter(|o| !o.suspended).map(|o| &o.object).collect();
    let wave = first_wave(objects, |object| {
        !object.suspended && object.parent.as_ref().is_none_or(|p| !active.contains(p))
    });
    // Two that apply each other have no first one: any beginning is right.
    let wave = if wave.is_empty() { first_wave(objects, |object| !object.suspended) } else { wave };
    wave_step(wave, Rung::Suspend, |objects| Action::Suspend { objects })
}

/// Children first: a parent that reconciles again must find them as it left them.
pub(super) fn resume(walk: &Walk<'_>) -> Found {
    let objects = objects(walk)?;
    let children = objects.iter().filter(|o| o.mark.is_some());
    let still_parents: BTreeSet<&GitopsRef> = children.filter_map(|o| o.parent.as_ref()).collect();
    let wave = first_wave(objects, |object| {
        object.mark.is_some() && !still_parents.contains(&object.object)
    });
    let wave = if wave.is_empty() { first_wave(objects, |o| o.mark.is_some()) } else { wave };
    wave_step(wave, Rung::Resume, |objects| Action::Resume { objects })
}

fn objects<'a>(walk: &Walk<'a>) -> Result<&'a [GitopsFacts], (Reason, String)> {
    match walk.view.cluster() {
        Ok(cluster) => Ok(&cluster.gitops),
        Err(why) => {
            Err((Reason::of_unseen(why, Kind::Gitops), format!("not seen: {}", why.text())))
        }
    }
}

fn first_wave(objects: &[GitopsFacts], belongs: impl Fn(&GitopsFacts) -> bool) -> Vec<GitopsRef> {
    objects.iter().filter(|object| belongs(object)).map(|object| object.object.clone()).collect()
}

fn wave_step(wave: Vec<GitopsRef>, rung: Rung, action: impl Fn(Vec<GitopsRef>) -> Action) -> Found {
    if wave.is_empty() {
        return Err(on_its_way());
    }
    Ok(Try { rung, action: action(wave), deadline: API_CALL * 2, gap: WAVE_GAP })
}

pub(super) fn snapshot(walk: &Walk<'_>, unit: &Unit, row: &Row) -> Found {
    let server = (0..walk.view.plant.hosts.len()).find_map(|host| {
        let facts = walk.view.facts(host).and_then(Seen::value)?;
        let active = facts.server.as_ref()?.active == ActiveState::Active;
        active.then(|| walk.view.plant.hosts.get(host).map(|host| host.name.clone()))?
    });
    let Some(host) = server else { return Err(super::not_seen(unit, row)) };
    let tries = walk.view.journal.tries(&unit.name, Rung::Snapshot);
    let looking = tries.and_then(|tries| tries.ended).is_some_and(|ended| {
        let newest =
            (0..walk.view.plant.hosts.len()).filter_map(|host| walk.view.facts(host)?.at()).max();
        newest.is_none_or(|seen| seen <= ended)
    });
    if looking {
        return Err((Reason::Progressing, "looking what the last step did".into()));
    }
    Ok(Try {
        rung: Rung::Snapshot,
        action: Action::TakeSnapshot { host },
        deadline: SNAPSHOT_CALL,
        gap: SNAPSHOT_GAP,
    })
}
