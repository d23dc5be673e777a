use std::path::PathBuf;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::AbsolutePath;
use crate::value::{GoDuration, NutEndpoint};

/// Where the NUT server of a supply is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct SupplyEndpoint {
    /// The UPS and its server, as `ups@host[:port]`.
    pub ups: NutEndpoint,
    /// File with the user and the password for upsd. Without it only readings are possible, no
    /// command to the UPS.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<AbsolutePath>")]
    pub credentials: Option<PathBuf>,
    /// Serial number of the UPS, as `upsc UPS ups.serial` tells it. What another device tells is
    /// not believed. Without it, the device that was heard first is the right one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1))]
    pub serial: Option<String>,
    /// Encryption of the connection.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tls: Option<NutTls>,
    /// How often it is asked. By default `1s`.
    #[serde(default = "poll_interval")]
    pub poll: GoDuration,
}

/// Drivers refresh about every two seconds, so that a change is seen within three.
const fn poll_interval() -> GoDuration {
    GoDuration::from_secs(1)
}

/// Encryption of the connection to a NUT server.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct NutTls {
    /// Whether a server without encryption is refused.
    pub required: bool,
    /// File with the certificates that sign the server's. By default those of the system.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<AbsolutePath>")]
    pub ca: Option<PathBuf>,
}
