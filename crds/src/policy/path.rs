use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::value::{HostAddress, HostSelector, Name};

/// Something through which hosts are reached: a switch, a DNS server, a jump host. While it is down,
/// the silence of a host behind it proves nothing, and it goes down after every host behind it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct NetworkPath {
    /// Name of the path.
    pub name: Name,
    /// The supply that feeds it; for a device that is not one of the hosts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub supply: Option<Name>,
    /// The host that it runs on, if it is one of the hosts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub host: Option<Name>,
    /// Address at which it answers a ping. Not needed with `host`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub address: Option<HostAddress>,
    /// The hosts behind it; `"*"` is every host (but the one that it runs on).
    #[schemars(length(min = 1), extend("x-kubernetes-list-type" = "set"))]
    pub reaches: Vec<HostSelector>,
    /// Another way to the same hosts, tried when this one is down.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub alternative: Option<Alternative>,
}

/// Another way to the hosts behind a path.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "kebab-case")]
pub enum Alternative {
    /// Straight to the address of the host.
    Direct,
}
