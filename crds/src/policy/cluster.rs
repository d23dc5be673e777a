use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::value::{LabelSelector, Name, NamespacedName, RelativePath, UnitRef};

/// Manifests that are applied from this host while the Git source is not ready.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Layer {
    /// Name of the layer.
    pub name: Name,
    /// Folder of its kustomization in the repository.
    pub path: RelativePath,
    /// Units that come up before it, as `kind/name`. Without it the layer that stands before it in
    /// the list; `[]` is none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(extend("x-kubernetes-list-type" = "set"))]
    pub after: Option<Vec<UnitRef>>,
}

/// A Vault that is unsealed once its pods run. The keys are had from the secret in the cluster,
/// else from the key file, else from the break-glass command of the host configuration.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct VaultUnseal {
    /// Name of it.
    pub name: Name,
    /// The layer that brings its pods; the layers behind that one wait until it is unsealed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub layer: Option<Name>,
    /// Namespace of its pods.
    pub namespace: Name,
    /// Label selector of its pods.
    pub pods: LabelSelector,
    /// Port of its API. By default 8200.
    #[serde(default = "vault_port")]
    #[schemars(range(min = 1))]
    pub port: u16,
    /// The secret in the cluster that holds the unseal key.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub secret: Option<UnsealSecret>,
}

/// The port that Vault listens on unless told otherwise.
const fn vault_port() -> u16 {
    8200
}

/// Where in the cluster an unseal key is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct UnsealSecret {
    /// Namespace of the Secret.
    pub namespace: Name,
    /// Name of the Secret.
    pub name: Name,
    /// The key in its data that holds the unseal key.
    #[schemars(length(min = 1))]
    pub key: String,
}

/// Images that are imported into a host's containerd, because the registry they come from lives in
/// the cluster that needs them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ImageBundle {
    /// Name of it.
    pub name: Name,
    /// The host whose containerd gets the images.
    pub host: Name,
    /// File of the bundle (an OCI archive, optionally compressed with zstd) in the folder for
    /// bundles of the host configuration.
    pub bundle: RelativePath,
    /// The layer whose pods need the images.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub layer: Option<Name>,
    /// An image of the bundle that is started once as a proof.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub canary: Option<String>,
    /// Units that come up before it, as `kind/name`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(extend("x-kubernetes-list-type" = "set"))]
    pub after: Vec<UnitRef>,
}

/// What must be true of storage before the start counts as done.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct StorageCheck {
    /// PersistentVolumeClaims that must be bound, as `namespace/name`.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schemars(extend("x-kubernetes-list-type" = "set"))]
    pub claims: Vec<NamespacedName>,
    /// Whether no Longhorn volume may be faulted or degraded.
    pub longhorn: bool,
    /// Whether Rook's CephClusters must say `HEALTH_OK`.
    pub ceph: bool,
}

/// What is done when etcd does not come up.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct EtcdRestore {
    /// Whether the newest proven snapshot is restored without asking. Otherwise a person does.
    #[serde(default)]
    pub auto: bool,
    /// The server on which it is restored; the others join it again.
    pub host: Name,
}
