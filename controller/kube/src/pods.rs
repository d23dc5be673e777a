//! Pods that a drain has to end.

use ananke_core::observe::PodFacts;
use kube::core::{Selector, SelectorExt};
use serde::Deserialize;

use crate::wire::{Meta, Wire};

/// Written by the kubelet on the API's image of a static pod.
const MIRROR: &str = "kubernetes.io/config.mirror";

/// What the API takes where a pod does not say, in seconds.
const DEFAULT_GRACE: u32 = 30;

/// Spares the pods that run nowhere or are done.
pub(crate) const FIELDS: &str = "spec.nodeName!=,status.phase!=Succeeded,status.phase!=Failed";

/// A Pod.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct PodWire {
    metadata: Meta,
    #[serde(default)]
    spec: PodSpec,
    #[serde(default)]
    status: PodStatus,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct PodSpec {
    node_name: String,
    termination_grace_period_seconds: Option<i64>,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
struct PodStatus {
    phase: String,
}

/// What is kept of a Pod.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct PodKept {
    pub node: Box<str>,
    pub facts: PodFacts,
}

impl Wire for PodWire {
    type Kept = PodKept;

    fn meta(&self) -> &Meta {
        &self.metadata
    }
}

/// What is kept of a pod; `None` for one that no drain ends: of a `DaemonSet`, static, finished or
/// on no node.
pub(crate) fn keep(pod: &PodWire, carriers: &[Selector]) -> Option<PodKept> {
    let meta = &pod.metadata;
    let finished = matches!(pod.status.phase.as_str(), "Succeeded" | "Failed");
    let owned = |kind: &str| meta.owner_references.iter().any(|owner| owner.kind == kind);
    let of_daemon_set =
        meta.owner_references.iter().any(|owner| owner.controller && owner.kind == "DaemonSet");
    let is_static = meta.annotations.contains_key(MIRROR) || owned("Node");
    if pod.spec.node_name.is_empty() || finished || of_daemon_set || is_static {
        return None;
    }
    let grace = pod.spec.termination_grace_period_seconds;
    Some(PodKept {
        node: pod.spec.node_name.as_str().into(),
        facts: PodFacts {
            namespace: meta.namespace.as_str().into(),
            name: meta.name.as_str().into(),
            uid: meta.uid.as_str().into(),
            managed: meta.owner_references.iter().any(|owner| owner.controller),
            carrier: carriers.iter().any(|selector| selector.matches(&meta.labels)),
            terminating: meta.deletion_timestamp.is_some(),
            grace_seconds: grace.map_or(DEFAULT_GRACE, |s| u32::try_from(s).unwrap_or(0)),
        },
    })
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::selector;

    fn pod(change: impl FnOnce(&mut Value)) -> Option<PodKept> {
        let mut pod = json!({
            "metadata": {
                "name": "p", "namespace": "n", "uid": "u", "labels": {"app": "dns"},
                "ownerReferences": [{"kind": "ReplicaSet", "name": "r", "controller": true}]
            },
            "spec": {"nodeName": "titan-04", "terminationGracePeriodSeconds": 60},
            "status": {"phase": "Running"}
        });
        change(&mut pod);
        let carriers = [selector::parse("app=dns").unwrap()];
        keep(&serde_json::from_value(pod).unwrap(), &carriers)
    }

    #[test]
    fn a_running_pod_of_a_controller_is_kept_whole() {
        let kept = pod(|_| {}).unwrap();
        assert_eq!(&*kept.node, "titan-04");
        let wanted = PodFacts {
            namespace: "n".into(),
            name: "p".into(),
            uid: "u".into(),
            managed: true,
            carrier: true,
            terminating: false,
            grace_seconds: 60,
        };
        assert_eq!(kept.facts, wanted);
    }

    #[test]
    fn no_drain_ends_these() {
        let owner = |kind: &str, controller: bool| json!([{"kind": kind, "name": "o", "controller": controller}]);
        let daemon =
            |pod: &mut Value| pod["metadata"]["ownerReferences"] = owner("DaemonSet", true);
        let of_node = |pod: &mut Value| pod["metadata"]["ownerReferences"] = owner("Node", true);
        let mirror = |pod: &mut Value| pod["metadata"]["annotations"] = json!({MIRROR: "x"});
        let nowhere = |pod: &mut Value| pod["spec"] = json!({});
        assert!(pod(daemon).is_none());
        assert!(pod(of_node).is_none());
        assert!(pod(mirror).is_none());
        assert!(pod(nowhere).is_none());
        for phase in ["Succeeded", "Failed"] {
            assert!(pod(|pod| pod["status"]["phase"] = json!(phase)).is_none(), "{phase}");
        }
    }

    #[test]
    fn a_drain_ends_these_too() {
        let bare = pod(|pod| pod["metadata"]["ownerReferences"] = json!([])).unwrap();
        assert!(!bare.facts.managed);
        for phase in ["Pending", "Running", "Unknown", ""] {
            assert!(pod(|pod| pod["status"]["phase"] = json!(phase)).is_some(), "{phase:?}");
        }
        let going = |pod: &mut Value| {
            pod["metadata"]["deletionTimestamp"] = json!("2026-01-01T00:00:00Z");
        };
        assert!(pod(going).unwrap().facts.terminating);
        let silent = |pod: &mut Value| pod["spec"] = json!({"nodeName": "titan-04"});
        assert_eq!(pod(silent).unwrap().facts.grace_seconds, DEFAULT_GRACE);
        let other = |pod: &mut Value| pod["metadata"]["labels"] = json!({"app": "web"});
        assert!(!pod(other).unwrap().facts.carrier);
    }
}
