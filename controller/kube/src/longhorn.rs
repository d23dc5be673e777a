//! Replicas of Longhorn volumes: which node holds a healthy one.

use std::collections::{BTreeMap, BTreeSet};

use ananke_core::observe::VolumeFacts;
use serde::Deserialize;

use crate::wire::{Meta, Wire};

/// Where Longhorn lists its replicas.
pub(crate) const REPLICAS: &str = "/apis/longhorn.io/v1beta2/replicas";

/// A replica of a volume.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct ReplicaWire {
    metadata: Meta,
    #[serde(default)]
    spec: ReplicaSpec,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct ReplicaSpec {
    #[serde(rename = "nodeID")]
    node_id: String,
    volume_name: String,
    /// When it was last whole; empty while it is built.
    healthy_at: String,
    /// When it failed, if it has.
    failed_at: String,
}

/// What is kept of a healthy replica.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ReplicaKept {
    pub volume: Box<str>,
    pub node: Box<str>,
}

impl Wire for ReplicaWire {
    type Kept = ReplicaKept;

    fn meta(&self) -> &Meta {
        &self.metadata
    }
}

/// The volume and node of a healthy replica.
pub(crate) fn keep(replica: &ReplicaWire) -> Option<ReplicaKept> {
    let ReplicaSpec { node_id, volume_name, healthy_at, failed_at } = &replica.spec;
    let healthy = !healthy_at.is_empty() && failed_at.is_empty();
    healthy
        .then(|| ReplicaKept { volume: volume_name.as_str().into(), node: node_id.as_str().into() })
}

/// Volumes with a healthy replica, and where they are attached: Longhorn names a volume after its
/// `PersistentVolume`.
pub(crate) fn volumes<'a>(
    replicas: impl Iterator<Item = &'a ReplicaKept>,
    attached: &BTreeMap<Box<str>, BTreeSet<String>>,
) -> Vec<VolumeFacts> {
    let mut volumes: BTreeMap<&str, VolumeFacts> = BTreeMap::new();
    for replica in replicas {
        let volume = volumes.entry(&replica.volume).or_insert_with(|| VolumeFacts {
            name: replica.volume.to_string(),
            used_on: attached.get(&replica.volume).cloned().unwrap_or_default(),
            healthy_on: BTreeSet::new(),
        });
        volume.healthy_on.insert(replica.node.to_string());
    }
    volumes.into_values().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn replica(healthy_at: &str, failed_at: &str) -> Option<ReplicaKept> {
        let wire = serde_json::from_value(serde_json::json!({
            "metadata": {"name": "pvc-1-r-0", "namespace": "longhorn-system"},
            "spec": {
                "nodeID": "titan-23", "volumeName": "pvc-1",
                "healthyAt": healthy_at, "failedAt": failed_at
            }
        }));
        keep(&wire.unwrap())
    }

    #[test]
    fn only_a_replica_that_is_whole_counts() {
        let then = "2026-01-01T00:00:00Z";
        let whole = ReplicaKept { volume: "pvc-1".into(), node: "titan-23".into() };
        assert_eq!(replica(then, ""), Some(whole));
        assert_eq!(replica(then, then), None, "it failed");
        assert_eq!(replica("", ""), None, "it is being built");
    }
}
