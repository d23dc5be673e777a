//! The host configuration: where things are and how they are reached from this one host.

mod kubernetes;
mod notify;
mod ssh;
mod supply;

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::PathBuf;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

pub use kubernetes::{BreakGlass, KubernetesAccess, VaultKeys};
pub use notify::{Notification, NotifyEvent};
pub use ssh::{JumpHost, Peer, SshAccess, SshHost};
pub use supply::{NutTls, SupplyEndpoint};

use crate::policy::ApiVersion;
use crate::value::Name;

/// The kind of a host configuration document.
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
pub enum HostConfigurationKind {
    /// `HostConfiguration`.
    #[default]
    HostConfiguration,
}

/// Where things are and how they are reached from this one host. It holds no secret itself, only
/// where secrets are.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct HostConfiguration {
    /// Version of this document's form: `ananke.dev/v1alpha1`.
    pub api_version: ApiVersion,
    /// Kind of this document: `HostConfiguration`.
    pub kind: HostConfigurationKind,
    /// What this instance is among its peers.
    pub role: InstanceRole,
    /// Folder of the policy documents.
    #[serde(default = "default_desired")]
    #[schemars(with = "AbsolutePath")]
    pub desired: PathBuf,
    /// Name of the policy that is in force.
    pub policy: Name,
    /// Folder for state that must survive a restart.
    #[serde(default = "default_state")]
    #[schemars(with = "AbsolutePath")]
    pub state: PathBuf,
    /// Address and port of metrics, status and health checks; read-only.
    #[serde(default = "default_listen")]
    #[schemars(with = "SocketAddress")]
    pub listen: SocketAddr,
    /// The cluster's API.
    #[serde(default)]
    pub kubernetes: KubernetesAccess,
    /// How hosts are reached.
    #[serde(default)]
    pub ssh: SshAccess,
    /// Where the NUT server of each supply of the policy is, by the name of the supply.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub supplies: BTreeMap<Name, SupplyEndpoint>,
    /// The other instances of ananke.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub peers: Vec<Peer>,
    /// Where an unseal key is found when the cluster cannot give it.
    #[serde(default)]
    pub vault: VaultKeys,
    /// Folder of the image bundles. By default `bundles` in the state folder.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<AbsolutePath>")]
    pub bundles: Option<PathBuf>,
    /// Working copy of the Git repository from which layers are rendered.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<AbsolutePath>")]
    pub bootstrap_source: Option<PathBuf>,
    /// Commands that tell people. They run on this host, since alerting that lives in the cluster is
    /// down with it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub notify: Vec<Notification>,
}

impl HostConfiguration {
    /// Folder of the image bundles.
    pub fn bundles(&self) -> PathBuf {
        self.bundles.clone().unwrap_or_else(|| self.state.join("bundles"))
    }
}

/// What an instance is among its peers.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "kebab-case")]
pub enum InstanceRole {
    /// Acts.
    Coordinator,
    /// Tells the coordinator of its own supplies, and acts in its place when it is gone.
    Peer,
    /// Watches and publishes, and never acts.
    Observer,
}

/// Where packages put the policy documents.
fn default_desired() -> PathBuf {
    PathBuf::from("/etc/ananke/desired")
}

/// What systemd's `StateDirectory=ananke` means.
fn default_state() -> PathBuf {
    PathBuf::from("/var/lib/ananke")
}

/// Only this host itself.
const fn default_listen() -> SocketAddr {
    SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 9560)
}

/// Gives a type that is a string in the document a schema whose `format` names its check.
macro_rules! schema_only {
    ($(#[$doc:meta])* $type:ident, $format:literal, $pattern:expr, $example:literal) => {
        $(#[$doc])*
        struct $type;

        impl JsonSchema for $type {
            fn inline_schema() -> bool {
                true
            }
            fn schema_name() -> std::borrow::Cow<'static, str> {
                stringify!($type).into()
            }
            fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
                schemars::json_schema!({
                    "type": "string",
                    "format": $format,
                    "pattern": $pattern,
                    "examples": [$example],
                })
            }
        }
    };
}

schema_only!(
    /// The schema of a [`SocketAddr`].
    SocketAddress,
    "socket-address",
    r"^([0-9.]+|\[[0-9A-Fa-f:.]+\]):[0-9]{1,5}$",
    "127.0.0.1:9560"
);

schema_only!(
    /// The schema of a [`PathBuf`]: a service has no working directory to speak of, so that every
    /// path is absolute.
    AbsolutePath,
    "absolute-path",
    "^/.*$",
    "/etc/ananke/desired"
);
