use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::value::{GoDuration, HostAddress, MacAddress, Name, UnitRef};

/// One machine.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Host {
    /// Name of the host. A host with a role is a Kubernetes node of the same name.
    pub name: Name,
    /// What it does in the cluster.
    pub role: Role,
    /// How dear it is: when load is shed or energy is short, hosts of a higher tier go down first
    /// and come up last. 0 is the dearest.
    #[serde(default)]
    #[schemars(range(max = 100))]
    pub tier: u32,
    /// Units that come up before it and go down after it, as `kind/name`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(extend("x-kubernetes-list-type" = "set"))]
    pub after: Vec<UnitRef>,
    /// How it is switched on. Without it nothing but the return of mains does that.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub wake: Option<Wake>,
    /// Whether ananke itself runs on it. It goes off last; one host at most.
    #[serde(default, rename = "self", skip_serializing_if = "std::ops::Not::not")]
    pub is_self: bool,
    /// How the host that ananke runs on goes off. Only with `self: true`. Write the key in quotes
    /// (`"off"`) if kubectl or Flux reads the document too: for them a bare `off` means `false`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub off: Option<OwnHostOff>,
}

/// What a host does in the cluster.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "kebab-case")]
pub enum Role {
    /// Runs the control plane.
    Server,
    /// Runs workloads only.
    Agent,
    /// Is no node of the cluster, but is switched on and off with it.
    None,
}

/// How a host is switched on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(
    tag = "method",
    rename_all = "kebab-case",
    rename_all_fields = "camelCase",
    deny_unknown_fields
)]
pub enum Wake {
    /// A Wake-on-LAN packet, repeated until the host answers.
    Wol {
        /// Hardware address of its network card.
        mac: MacAddress,
        /// Where the packet is sent: a broadcast address of its network. By default
        /// every network that this host is in.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        broadcast: Option<HostAddress>,
        /// Network interface of this host from which it is sent. By default the one that the
        /// routing table names.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        interface: Option<String>,
    },
    /// A command on the host that ananke runs on.
    Command {
        /// The program and its arguments; no shell reads them.
        #[schemars(length(min = 1))]
        command: Vec<String>,
        /// How long it may take. By default `30s`.
        #[serde(default = "wake_timeout")]
        timeout: GoDuration,
    },
}

/// A wake command talks to a switch or a management card: half a minute is ample.
const fn wake_timeout() -> GoDuration {
    GoDuration::from_secs(30)
}

/// How the host that ananke runs on goes off.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct OwnHostOff {
    /// Whether and when it is powered off with the others.
    pub when: OffWhen,
    /// What switches it on again.
    pub way_back: WayBack,
}

/// Whether and when ananke's own host is powered off.
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
#[serde(rename_all = "kebab-case")]
pub enum OffWhen {
    /// Only when its battery is about to be empty, or when `poweroff` is the declared target. With
    /// no way back it does not go off on battery: it writes its disks and waits for mains or the end.
    #[default]
    LastMoment,
    /// As soon as every other host is off.
    Always,
    /// Never by ananke.
    Never,
}

/// What switches ananke's own host on again.
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
#[serde(rename_all = "kebab-case")]
pub enum WayBack {
    /// Its UPS cuts its output after the halt and gives it back with mains. Its `upsd` runs on this
    /// host, with a user that is its primary; the wake alarm is set too, where there is one.
    UpsCut,
    /// The wake alarm of its clock, 15 minutes after it went off, again and again until mains are
    /// back. If it cannot be set, this host stays on as with `none`.
    Rtc,
    /// Another ananke instance wakes it.
    Peer,
    /// Nothing: a person does.
    #[default]
    None,
}
