//! Nodes, the leases that their kubelets renew, and the volumes attached to them.

use std::time::Duration;

use ananke_core::marks::{self, Mark};
use serde::Deserialize;
use tokio::time::Instant;

use crate::{
    store::Entry,
    wire::{Condition, Meta, Wire, ready},
};

/// `node-monitor-grace-period` of the controller-manager: a lease that did not move for longer
/// makes its node `NotReady` there too.
const LEASE_GRACE: Duration = Duration::from_secs(40);

/// A Node.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct NodeWire {
    metadata: Meta,
    #[serde(default)]
    spec: NodeSpec,
    #[serde(default)]
    status: NodeStatus,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
struct NodeSpec {
    unschedulable: bool,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct NodeStatus {
    conditions: Vec<Condition>,
    node_info: NodeInfo,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
struct NodeInfo {
    #[serde(rename = "bootID")]
    boot_id: String,
}

/// What is kept of a Node.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct NodeKept {
    pub unschedulable: bool,
    pub mark: Option<Mark>,
    pub ready: bool,
    pub boot_id: String,
}

impl Wire for NodeWire {
    type Kept = NodeKept;

    fn meta(&self) -> &Meta {
        &self.metadata
    }
}

/// What is kept of a Node.
#[expect(clippy::unnecessary_wraps, reason = "a feed may pass objects over")]
pub(crate) fn keep_node(node: &NodeWire) -> Option<NodeKept> {
    Some(NodeKept {
        unschedulable: node.spec.unschedulable,
        mark: mark(&node.metadata),
        ready: ready(&node.status.conditions).is_some_and(|ready| ready.status == "True"),
        boot_id: node.status.node_info.boot_id.clone(),
    })
}

/// Our mark on an object, if it has one.
pub(crate) fn mark(meta: &Meta) -> Option<Mark> {
    meta.annotations.get(marks::ANNOTATION).map(|text| Mark::from_annotation(text))
}

/// A Lease.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct LeaseWire {
    metadata: Meta,
    #[serde(default)]
    spec: LeaseSpec,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct LeaseSpec {
    renew_time: Option<String>,
}

impl Wire for LeaseWire {
    /// `renewTime`. It is never read as a time: the clocks of the hosts may differ. That it moves
    /// says enough.
    type Kept = String;

    fn meta(&self) -> &Meta {
        &self.metadata
    }
}

/// `renewTime` of a Lease.
pub(crate) fn keep_lease(lease: &LeaseWire) -> Option<String> {
    lease.spec.renew_time.clone()
}

/// Whether the holder of a lease renewed it of late, before our eyes.
pub(crate) fn is_fresh(lease: &Entry<String>, now: Instant) -> bool {
    lease.moved.is_some_and(|moved| now.saturating_duration_since(moved) <= LEASE_GRACE)
}

/// A `VolumeAttachment`.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct AttachmentWire {
    metadata: Meta,
    #[serde(default)]
    spec: AttachmentSpec,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct AttachmentSpec {
    node_name: String,
    source: AttachmentSource,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct AttachmentSource {
    persistent_volume_name: Option<String>,
}

/// What is kept of a `VolumeAttachment`. The object is there from before the volume is attached
/// until after it is detached, so its being there is what counts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct AttachmentKept {
    pub node: Box<str>,
    pub volume: Box<str>,
}

impl Wire for AttachmentWire {
    type Kept = AttachmentKept;

    fn meta(&self) -> &Meta {
        &self.metadata
    }
}

/// The node and the volume of a `VolumeAttachment`.
#[expect(clippy::unnecessary_wraps, reason = "a feed may pass objects over")]
pub(crate) fn keep_attachment(attachment: &AttachmentWire) -> Option<AttachmentKept> {
    let AttachmentSpec { node_name, source } = &attachment.spec;
    let volume = source.persistent_volume_name.as_deref().unwrap_or_default();
    Some(AttachmentKept { node: node_name.as_str().into(), volume: volume.into() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_node_is_ready_only_when_it_says_true() {
        for (status, wanted) in [("True", true), ("False", false), ("Unknown", false)] {
            let node: NodeWire = serde_json::from_value(serde_json::json!({
                "metadata": {"name": "n", "annotations": {"ananke.dev/mark": "{"}},
                "spec": {"unschedulable": true},
                "status": {
                    "conditions": [{"type": "Ready", "status": status}],
                    "nodeInfo": {"bootID": "b-1"}
                }
            }))
            .unwrap();
            let kept = keep_node(&node).unwrap();
            assert_eq!(kept.ready, wanted, "{status}");
            assert_eq!(kept.mark, Some(Mark::default()), "a damaged mark is still a mark");
            assert!(kept.unschedulable);
            assert_eq!(kept.boot_id, "b-1");
        }
        let bare: NodeWire = serde_json::from_str(r#"{"metadata":{"name":"n"}}"#).unwrap();
        assert!(!keep_node(&bare).unwrap().ready, "nothing said is not ready");
    }

    #[test]
    fn a_lease_is_fresh_only_when_it_was_seen_to_move() {
        let now = Instant::now();
        let mut lease = Entry { kept: "2026-01-01T00:00:00Z".to_owned(), moved: None };
        assert!(!is_fresh(&lease, now), "whatever its time says");
        lease.moved = Some(now);
        assert!(is_fresh(&lease, now + LEASE_GRACE));
        assert!(!is_fresh(&lease, now + LEASE_GRACE + Duration::from_millis(1)));
    }
}
