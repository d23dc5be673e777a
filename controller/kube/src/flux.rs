//! Flux objects: what applies things, and the source that it comes from.

use ananke_core::observe::{GitopsFacts, GitopsKind, GitopsRef, SourceFacts};
use serde::Deserialize;

use crate::{
    nodes::mark,
    wire::{Condition, Meta, Wire, ready},
};

/// kustomize-controller writes on all that it applies which Kustomization that was.
const PARENT_NAME: &str = "kustomize.toolkit.fluxcd.io/name";
const PARENT_NAMESPACE: &str = "kustomize.toolkit.fluxcd.io/namespace";

/// The Lease that the leader among source-controllers renews, in the namespace of Flux.
pub(crate) const SOURCE_LEASE: &str = "source-controller-leader-election";

/// The path of the collection of a kind, in all namespaces.
pub(crate) const fn collection(kind: GitopsKind) -> (&'static str, &'static str) {
    match kind {
        GitopsKind::Kustomization => ("/apis/kustomize.toolkit.fluxcd.io/v1", "kustomizations"),
        GitopsKind::HelmRelease => ("/apis/helm.toolkit.fluxcd.io/v2", "helmreleases"),
    }
}

/// A Kustomization or `HelmRelease`.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct GitopsWire {
    metadata: Meta,
    #[serde(default)]
    spec: GitopsSpec,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
struct GitopsSpec {
    suspend: bool,
}

impl Wire for GitopsWire {
    type Kept = GitopsFacts;

    fn meta(&self) -> &Meta {
        &self.metadata
    }
}

/// What is kept of an object that applies things.
pub(crate) fn keep(kind: GitopsKind, wire: &GitopsWire) -> GitopsFacts {
    let meta = &wire.metadata;
    let object = GitopsRef { kind, namespace: meta.namespace.clone(), name: meta.name.clone() };
    let label = |key| meta.labels.get(key).cloned();
    let parent = label(PARENT_NAME)
        .zip(label(PARENT_NAMESPACE))
        .map(|(name, namespace)| GitopsRef { kind: GitopsKind::Kustomization, namespace, name });
    GitopsFacts {
        // The root Kustomization of `flux bootstrap` applies itself too.
        parent: parent.filter(|parent| *parent != object),
        suspended: wire.spec.suspend,
        mark: mark(meta),
        object,
    }
}

/// A `GitRepository`.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct SourceWire {
    metadata: Meta,
    #[serde(default)]
    spec: SourceSpec,
    #[serde(default)]
    status: SourceStatus,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
struct SourceSpec {
    url: String,
    #[serde(rename = "ref")]
    reference: SourceReference,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
struct SourceReference {
    branch: String,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct SourceStatus {
    observed_generation: i64,
    conditions: Vec<Condition>,
}

impl Wire for SourceWire {
    type Kept = SourceFacts;

    fn meta(&self) -> &Meta {
        &self.metadata
    }
}

/// What the Git source says of itself; whether that is a memory is for the caller to judge.
pub(crate) fn keep_source(source: &SourceWire) -> SourceFacts {
    let current = source.status.observed_generation >= source.metadata.generation;
    let condition = ready(&source.status.conditions);
    let says_ready = condition.is_some_and(|condition| condition.status == "True");
    let message = match condition {
        _ if says_ready && current => String::new(),
        _ if !current => "its last change is not reconciled yet".to_owned(),
        Some(condition) => condition.message.clone(),
        None => "it has not said yet whether it is ready".to_owned(),
    };
    SourceFacts {
        ready: says_ready && current,
        message,
        url: source.spec.url.clone(),
        branch: source.spec.reference.branch.clone(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn gitops(name: &str, value: Value) -> GitopsFacts {
        let mut object = value;
        object["metadata"]["name"] = json!(name);
        object["metadata"]["namespace"] = json!("flux-system");
        keep(GitopsKind::Kustomization, &serde_json::from_value(object).unwrap())
    }

    #[test]
    fn the_parent_is_the_kustomization_of_the_labels_but_never_itself() {
        let labels = json!({PARENT_NAME: "flux-system", PARENT_NAMESPACE: "flux-system"});
        let child = gitops("apps", json!({"metadata": {"labels": labels}}));
        let parent = child.parent.unwrap();
        assert_eq!(parent.to_string(), "Kustomization/flux-system/flux-system");
        let root = gitops("flux-system", json!({"metadata": {"labels": labels}}));
        assert_eq!(root.parent, None);
    }

    #[test]
    fn suspend_is_read_with_and_without_a_mark() {
        let theirs = gitops("a", json!({"metadata": {}, "spec": {"suspend": true}}));
        assert!(theirs.suspended && theirs.mark.is_none());
        let ours = json!({"metadata": {"annotations": {"ananke.dev/mark": "{"}}});
        assert!(gitops("a", ours).mark.is_some());
    }

    #[test]
    fn a_source_is_ready_only_for_its_last_change() {
        let source = |generation: i64, status: &str| {
            keep_source(
                &serde_json::from_value(json!({
                    "metadata": {"name": "s", "generation": generation},
                    "spec": {"url": "ssh://git@h/r", "ref": {"branch": "main"}},
                    "status": {
                        "observedGeneration": 2,
                        "conditions": [{"type": "Ready", "status": status, "message": "words"}]
                    }
                }))
                .unwrap(),
            )
        };
        assert!(source(2, "True").ready);
        assert_eq!(source(2, "True").branch, "main");
        assert!(!source(3, "True").ready);
        assert_eq!(source(2, "False").message, "words");
    }
}
