use std::path::PathBuf;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::AbsolutePath;
use crate::value::{GoDuration, HttpUrl};

/// The cluster's API.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct KubernetesAccess {
    /// File with the credentials. Never `~/.kube/config`: a service has no home.
    #[schemars(with = "AbsolutePath")]
    pub kubeconfig: PathBuf,
    /// Addresses of the API servers, tried one after the other. By default the one of the
    /// kubeconfig.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub servers: Vec<HttpUrl>,
}

impl Default for KubernetesAccess {
    fn default() -> Self {
        Self { kubeconfig: PathBuf::from("/etc/ananke/kubeconfig"), servers: Vec::new() }
    }
}

/// Where an unseal key is found when the cluster cannot give it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct VaultKeys {
    /// File with a cached unseal key.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<AbsolutePath>")]
    pub key_file: Option<PathBuf>,
    /// A command that prints the unseal key, tried last.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub break_glass: Option<BreakGlass>,
}

/// A command that prints the unseal key.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct BreakGlass {
    /// The program and its arguments; no shell reads them.
    #[schemars(length(min = 1))]
    pub command: Vec<String>,
    /// How long it may take. By default `15s`.
    #[serde(default = "break_glass_timeout")]
    pub timeout: GoDuration,
}

/// A command that hangs is killed after this.
const fn break_glass_timeout() -> GoDuration {
    GoDuration::from_secs(15)
}
