use std::fmt;
use std::str::FromStr;

use super::{Name, ValueError, string_value};

/// The kinds of unit of which there are several, so that one is told by `kind/name`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum UnitKind {
    /// `supply/NAME`: a UPS.
    Supply,
    /// `path/NAME`: what hosts are reached through.
    Path,
    /// `host/NAME`: a machine.
    Host,
    /// `server/NAME`: the control-plane service on a host.
    Server,
    /// `agent/NAME`: the agent service on a host.
    Agent,
    /// `node/NAME`: the Kubernetes node of a host.
    Node,
    /// `quiesce/NAME`: an operator or workload that is brought to rest.
    Quiesce,
    /// `layer/NAME`: a layer of manifests.
    Layer,
    /// `vault/NAME`: a Vault that is unsealed.
    Vault,
    /// `images/NAME`: an image bundle on a host.
    Images,
    /// `gate/NAME`: a check that must pass.
    Gate,
}

impl UnitKind {
    /// Every kind, in the order in which they are explained.
    pub const ALL: [Self; 11] = [
        Self::Supply,
        Self::Path,
        Self::Host,
        Self::Server,
        Self::Agent,
        Self::Node,
        Self::Quiesce,
        Self::Layer,
        Self::Vault,
        Self::Images,
        Self::Gate,
    ];

    /// The word before the slash.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Supply => "supply",
            Self::Path => "path",
            Self::Host => "host",
            Self::Server => "server",
            Self::Agent => "agent",
            Self::Node => "node",
            Self::Quiesce => "quiesce",
            Self::Layer => "layer",
            Self::Vault => "vault",
            Self::Images => "images",
            Self::Gate => "gate",
        }
    }
}

impl fmt::Display for UnitKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A unit of the graph that a policy points to: `host/titan-04`, `images/harbor`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct UnitRef {
    /// What it is.
    pub kind: UnitKind,
    /// Which one.
    pub name: Name,
}

impl UnitRef {
    /// The unit `kind/name`.
    pub const fn new(kind: UnitKind, name: Name) -> Self {
        Self { kind, name }
    }
}

impl FromStr for UnitRef {
    type Err = ValueError;

    fn from_str(text: &str) -> Result<Self, ValueError> {
        let Some((kind, name)) = text.split_once('/') else {
            let message = format!("`{text}` is not a unit");
            return Err(ValueError::new(message, "write `kind/name`, as in `host/titan-04`"));
        };
        let Some(kind) = UnitKind::ALL.into_iter().find(|known| known.as_str() == kind) else {
            let kinds: Vec<_> = UnitKind::ALL.iter().map(|kind| kind.as_str()).collect();
            let message = format!("`{kind}` in `{text}` is not a kind of unit");
            return Err(ValueError::new(message, format!("the kinds are {}", kinds.join(", "))));
        };
        Ok(Self { kind, name: name.parse()? })
    }
}

impl fmt::Display for UnitRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.kind, self.name)
    }
}

string_value!(
    UnitRef,
    format: "unit-ref",
    pattern: r"^[a-z]+/[a-z0-9]([-a-z0-9.]*[a-z0-9])?$",
    example: "host/titan-04"
);
