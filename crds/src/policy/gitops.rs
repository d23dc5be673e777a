use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::value::{GitUrl, GoDuration, Name, NamespacedName};

/// Flux and where it has its manifests from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct GitOps {
    /// The source that everything else comes from, as it must be in the cluster.
    pub source: GitSource,
    /// Kustomizations and HelmReleases that need not become ready, as `namespace/name`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(extend("x-kubernetes-list-type" = "set"))]
    pub optional: Vec<NamespacedName>,
    /// How long all of it may take to become ready after it was resumed. By default `20m`.
    #[serde(default = "ready_timeout")]
    pub ready_timeout: GoDuration,
}

/// A cluster that starts cold pulls its images meanwhile.
const fn ready_timeout() -> GoDuration {
    GoDuration::from_mins(20)
}

/// A Git source as it must be in the cluster; another URL or branch there blocks the start.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct GitSource {
    /// Kind of the object.
    #[serde(default)]
    pub kind: SourceKind,
    /// Its namespace. By default `flux-system`.
    #[serde(default = "flux_system")]
    pub namespace: Name,
    /// Its name. By default `flux-system`.
    #[serde(default = "flux_system")]
    pub name: Name,
    /// The URL that it must have.
    pub url: GitUrl,
    /// The branch that it must follow.
    #[schemars(length(min = 1))]
    pub branch: String,
}

/// What `flux bootstrap` calls both.
fn flux_system() -> Name {
    Name::literal("flux-system")
}

/// Kind of a Flux source.
#[derive(
    Clone,
    Copy,
    Debug,
    Default,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Hash,
    Serialize,
    Deserialize,
    JsonSchema,
)]
pub enum SourceKind {
    /// A Git repository.
    #[default]
    GitRepository,
}
