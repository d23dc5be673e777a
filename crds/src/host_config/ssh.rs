use std::collections::BTreeMap;
use std::path::PathBuf;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::AbsolutePath;
use crate::value::{HostAddress, HostSelector, Name};

/// How hosts are reached over SSH.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct SshAccess {
    /// A configuration file of OpenSSH that is read instead of the user's.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<AbsolutePath>")]
    pub config: Option<PathBuf>,
    /// File of the private key.
    #[schemars(with = "AbsolutePath")]
    pub identity: PathBuf,
    /// File of the host keys. A host whose key is not in it is not talked to.
    #[schemars(with = "AbsolutePath")]
    pub known_hosts: PathBuf,
    /// TCP port of sshd.
    #[schemars(range(min = 1))]
    pub port: u16,
    /// User to log in as.
    #[schemars(length(min = 1))]
    pub user: String,
    /// A host through which the others are reached.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub jump: Option<JumpHost>,
    /// What is different for single hosts, by their name in the policy. A host that is not here is
    /// reached by its name.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub hosts: BTreeMap<Name, SshHost>,
    /// The hosts on which this instance may change anything; `"*"` is every host.
    pub managed: Vec<HostSelector>,
}

impl Default for SshAccess {
    fn default() -> Self {
        Self {
            config: None,
            identity: PathBuf::from("/etc/ananke/id_ed25519"),
            known_hosts: PathBuf::from("/etc/ananke/known_hosts"),
            port: 22,
            user: "ananke".to_owned(),
            jump: None,
            hosts: BTreeMap::new(),
            managed: vec![HostSelector::All],
        }
    }
}

/// A host through which the others are reached.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct JumpHost {
    /// Its name in `ssh.hosts`, or its address.
    pub host: HostAddress,
    /// User to log in as. By default the one for that host.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1))]
    pub user: Option<String>,
}

/// What is different for one host.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct SshHost {
    /// Where it answers. By default its name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub address: Option<HostAddress>,
    /// User to log in as. By default `ssh.user`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1))]
    pub user: Option<String>,
    /// TCP port of its sshd. By default `ssh.port`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1))]
    pub port: Option<u16>,
}

/// Another instance of ananke.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Peer {
    /// Name of the instance.
    pub name: Name,
    /// Its host: a name in `ssh.hosts`, or an address.
    pub ssh: HostAddress,
}
