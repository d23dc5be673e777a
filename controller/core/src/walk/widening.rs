//! Why the signals reach as far as they do: what their supplies feed, and what widens that.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use ananke_crds::policy::Target;

use super::{
    Walk,
    scope::{Reach, Scope},
};
use crate::{
    assess::View,
    observe::VolumeFacts,
    plant::{Plant, Role},
    signals::SupplyMemory,
    unit::Kind,
};

/// Remembers, while a signal is live, that it takes the last healthy replicas of a volume that is
/// used elsewhere: then its scope is the cluster. It is remembered, because nobody sees it any more
/// once the API is gone, and a scope that is narrow again would start what it has just stopped.
pub(crate) fn remember_last_replicas(
    view: &View<'_>,
    scope: &mut Scope,
    memories: &mut BTreeMap<String, Arc<SupplyMemory>>,
) {
    let Ok(cluster) = view.cluster() else { return };
    if scope.live.is_empty() {
        return;
    }
    let reach = scope.reach(view.plant);
    let units = view.plant.graph.units().iter().zip(&reach.targets);
    let goes: BTreeSet<&str> = units
        .filter(|(unit, target)| unit.kind == Kind::Node && **target != Target::Running)
        .map(|(unit, _)| unit.short_name())
        .collect();
    let is_left = |node: &String| goes.contains(node.as_str());
    let strands = |volume: &&VolumeFacts| {
        !volume.healthy_on.is_empty()
            && volume.healthy_on.iter().all(is_left)
            && !volume.used_on.iter().all(is_left)
    };
    let Some(volume) = cluster.volumes.iter().find(strands) else { return };
    scope.last_replicas = Some(volume.name.clone());
    for supply in scope.live.keys().filter_map(|at| view.plant.supplies.get(*at)) {
        if let Some(memory) = memories.get_mut(&supply.name) {
            Arc::make_mut(memory).last_replicas.clone_from(&scope.last_replicas);
        }
    }
}

/// The reasons, a sentence each; none while no supply asks for anything.
pub(crate) fn sentences(walk: &Walk<'_>) -> Vec<String> {
    let (plant, scope) = (walk.view.plant, walk.scope);
    if scope.live.is_empty() || plant.declared == Target::Poweroff {
        return Vec::new();
    }
    let without_document;
    let reach = if plant.declared == Target::Running {
        &walk.reach
    } else {
        without_document = scope.without_document().reach(plant);
        &without_document
    };
    let mut told = fed(plant, scope, reach);
    told.extend(behind_paths(plant, &reach.cut_off, "what runs there is stopped"));
    told.extend(behind_paths(plant, &reach.unreached, "they go off, too: their mains are away"));
    if !reach.unguarded.is_empty() {
        let hosts = names(plant, reach.unguarded.iter().copied());
        told.push(format!(
            "this host goes off, and nobody would look after {hosts} on battery: they go, too"
        ));
    }
    if let Some(volume) = &scope.last_replicas {
        told.push(format!(
            "the last healthy replicas of {volume} go, and it is used elsewhere: the whole \
             cluster goes down"
        ));
    }
    told.extend(quorum(plant, reach));
    told
}

/// What the supplies that ask feed, and what has another feed.
fn fed(plant: &Plant, scope: &Scope, reach: &Reach) -> Vec<String> {
    let units = plant.graph.units().iter().zip(&reach.targets);
    let goes: BTreeSet<usize> = units
        .filter(|(unit, target)| {
            matches!(unit.kind, Kind::Host | Kind::Own) && **target == Target::Poweroff
        })
        .filter_map(|(unit, _)| unit.host)
        .collect();
    let mut twice = BTreeSet::new();
    let mut told = Vec::new();
    for supply in scope.live.keys().filter_map(|at| plant.supplies.get(*at)) {
        let (go, stay): (Vec<usize>, Vec<usize>) =
            supply.hosts.iter().partition(|at| goes.contains(*at));
        twice.extend(stay);
        if go.len() == plant.hosts.len() {
            told.push(format!("{} feeds every host", supply.name));
        } else if !go.is_empty() {
            told.push(format!("{} feeds {}", supply.name, names(plant, go.into_iter())));
        }
    }
    // One that its supply's upsd runs on may be tried: that is no second feed.
    twice.retain(|at| plant.hosts.get(*at).is_some_and(|host| host.supplies.len() > 1));
    if !twice.is_empty() {
        let stays = if twice.len() == 1 {
            "has another feed and stays on"
        } else {
            "have another feed and stay on"
        };
        told.push(format!("{} {stays}", names(plant, twice.into_iter())));
    }
    told
}

fn behind_paths(plant: &Plant, hosts: &BTreeMap<usize, usize>, what: &str) -> Vec<String> {
    let paths: BTreeSet<usize> = hosts.values().copied().collect();
    let sentence = |at: usize| {
        let path = plant.paths.get(at)?;
        let behind = hosts.iter().filter(|(_, path)| **path == at).map(|(host, _)| *host);
        let carrier = path.host.and_then(|host| plant.hosts.get(host)).map(|host| &host.name);
        let supply = path.supply.and_then(|at| plant.supplies.get(at)).map(|supply| &supply.name);
        let with = carrier.or(supply).map_or("its supply", String::as_str);
        let behind = names(plant, behind);
        Some(format!("{} is the only way to {behind} and goes with {with}: {what}", path.name))
    };
    paths.into_iter().filter_map(sentence).collect()
}

fn quorum(plant: &Plant, reach: &Reach) -> Option<String> {
    let servers = plant.hosts.iter().filter(|host| host.role == Role::Server).count();
    let needed = servers / 2 + 1;
    (reach.servers_left < needed).then(|| {
        format!(
            "{} of {servers} servers would be left, {needed} are needed: the whole cluster goes \
             down",
            reach.servers_left
        )
    })
}

/// How many hosts are named.
const NAMED: usize = 4;

/// `n1, n2, n3, n4 (+2)`.
fn names(plant: &Plant, hosts: impl Iterator<Item = usize>) -> String {
    let all: Vec<&str> =
        hosts.filter_map(|at| plant.hosts.get(at)).map(|host| host.name.as_str()).collect();
    let named = all.iter().take(NAMED).copied().collect::<Vec<_>>().join(", ");
    let more = all.len().saturating_sub(NAMED);
    if more == 0 { named } else { format!("{named} (+{more})") }
}
