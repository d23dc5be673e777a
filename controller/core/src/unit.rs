//! Units: the things that are up or down.

use serde::{Deserialize, Serialize};

use crate::text::Text;

/// The kinds of units, in the order in which reports list them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Kind {
    /// A UPS. A gate, not a state.
    Supply,
    /// A switch, DNS or jump host that others are reached through.
    Path,
    /// The host that ananke runs on.
    Own,
    /// A host.
    Host,
    /// Enough hosts have the right time.
    Clock,
    /// The control-plane service of a host.
    Server,
    /// The Kubernetes API.
    Api,
    /// The agent service of a host.
    Agent,
    /// A Node: cordon and drain.
    Node,
    /// Volumes detached, and the pods that detaching needs gone.
    Storage,
    /// An etcd snapshot of this shutdown.
    Snapshot,
    /// An operator that is asked to be quiet.
    Quiesce,
    /// The Git source.
    Source,
    /// A layer of the cluster that can be applied from this host.
    Layer,
    /// A vault that is to be unsealed.
    Vault,
    /// A bundle of images on a host.
    Images,
    /// Flux Kustomizations and `HelmReleases`.
    Gitops,
    /// A check of a service.
    Gate,
    /// Nothing regressed for a while.
    Soak,
}

impl Kind {
    /// All kinds.
    pub const ALL: [Self; 19] = [
        Self::Supply,
        Self::Path,
        Self::Own,
        Self::Host,
        Self::Clock,
        Self::Server,
        Self::Api,
        Self::Agent,
        Self::Node,
        Self::Storage,
        Self::Snapshot,
        Self::Quiesce,
        Self::Source,
        Self::Layer,
        Self::Vault,
        Self::Images,
        Self::Gitops,
        Self::Gate,
        Self::Soak,
    ];

    /// The kind as it stands in unit names.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Supply => "supply",
            Self::Path => "path",
            Self::Own => "self",
            Self::Host => "host",
            Self::Clock => "clock",
            Self::Server => "server",
            Self::Api => "api",
            Self::Agent => "agent",
            Self::Node => "node",
            Self::Storage => "storage",
            Self::Snapshot => "snapshot",
            Self::Quiesce => "quiesce",
            Self::Source => "source",
            Self::Layer => "layer",
            Self::Vault => "vault",
            Self::Images => "images",
            Self::Gitops => "gitops",
            Self::Gate => "gate",
            Self::Soak => "soak",
        }
    }

    /// Whether the kind is seen only: ananke has no step for it.
    pub const fn is_observed_only(self) -> bool {
        matches!(
            self,
            Self::Supply
                | Self::Path
                | Self::Clock
                | Self::Api
                | Self::Source
                | Self::Gate
                | Self::Soak
        )
    }
}

/// The index of a unit in its graph.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct UnitId(pub(crate) u32);

impl UnitId {
    /// The place in the graph's list of units.
    pub const fn index(self) -> usize {
        self.0 as usize
    }
}

/// A unit of one plant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unit {
    /// Its kind.
    pub kind: Kind,
    /// `host/titan-04`, or the bare kind where there is one at most (`api`, `gitops`).
    pub name: Text,
    /// The host it is about, as an index into the plant's hosts.
    pub host: Option<usize>,
    /// The supply it is, as an index into the plant's supplies.
    pub supply: Option<usize>,
    /// Its place among those of its kind that the policy lists.
    pub ordinal: usize,
}

impl Unit {
    /// The name behind the slash; the whole name where there is none.
    pub fn short_name(&self) -> &str {
        self.name.split_once('/').map_or(&*self.name, |(_, short)| short)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_has_no_step_of_ours() {
        let seen_only: Vec<&str> = Kind::ALL
            .into_iter()
            .filter(|kind| kind.is_observed_only())
            .map(Kind::as_str)
            .collect();
        assert_eq!(seen_only, ["supply", "path", "clock", "api", "source", "gate", "soak"]);
    }
}
