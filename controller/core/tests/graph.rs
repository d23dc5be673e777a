//! Which edges a policy makes, where no decision of a common world tells them apart.

#![allow(
    dead_code,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test that cannot go on fails"
)]

mod support;

use ananke_core::{graph::EdgeKind, plant::Plant};
use ananke_crds::policy::PowerPolicy;
use serde_json::json;

/// What an edge from one unit to another is, if there is one.
fn edge(plant: &Plant, from: &str, to: &str) -> Option<EdgeKind> {
    let graph = &plant.graph;
    let (from, to) = (graph.find(from).unwrap(), graph.find(to).unwrap());
    graph.below(from).iter().find(|edge| edge.to == to).map(|edge| edge.kind)
}

/// Either feed of a host that is fed twice is enough; one that is fed once has no choice.
#[test]
fn a_host_requires_its_only_supply() {
    let plant = support::plant(&support::policy("two-ups"));
    assert_eq!(edge(&plant, "host/n1", "supply/west"), Some(EdgeKind::Requires));
    for supply in ["supply/west", "supply/east"] {
        assert_eq!(edge(&plant, "host/n3", supply), Some(EdgeKind::KOfN { needed: 1 }));
    }
}

/// A layer that holds a vault is never healthy before somebody unseals it: the next one waits for
/// it half-way, and for the vault. Every other layer is waited for until it is up, unless the next
/// one says what it waits for.
#[test]
fn a_layer_waits_for_the_one_before_it() {
    let layered = support::policy("layered");
    let plant = support::plant(&layered);
    assert_eq!(edge(&plant, "layer/vault", "layer/core"), Some(EdgeKind::After));
    assert_eq!(edge(&plant, "layer/git", "layer/vault"), Some(EdgeKind::Started));
    assert_eq!(edge(&plant, "layer/git", "vault/main"), Some(EdgeKind::After));
    assert_eq!(edge(&plant, "layer/core", "node/n1"), Some(EdgeKind::After));

    let mut changed = serde_json::to_value(&layered).unwrap();
    changed["spec"]["startup"]["layers"][1]["after"] = json!([]);
    let changed: PowerPolicy = serde_json::from_value(changed).unwrap();
    let plant = support::plant(&changed);
    assert_eq!(edge(&plant, "layer/vault", "layer/core"), None);
    assert_eq!(edge(&plant, "layer/vault", "node/n1"), Some(EdgeKind::After));
}
