//! The wanted state of every kind of unit for every target, as data.

use ananke_crds::policy::Target;
use serde::{Deserialize, Serialize};

use crate::unit::Kind;

/// What is wanted of a unit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Wanted {
    /// Up.
    Up,
    /// Down.
    Down,
    /// As found: it asks for no step, and whoever looks at it looks through it.
    Any,
}

impl Wanted {
    /// The word in tables.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Up => "up",
            Self::Down => "down",
            Self::Any => "any",
        }
    }
}

/// The wanted state of `kind` under `target`. A `layer` may be excused on top of this, and a host
/// under maintenance is left as found.
pub const fn wanted(kind: Kind, target: Target) -> Wanted {
    use Kind as K;
    use Target as T;
    use Wanted::{Any, Down, Up};
    match (kind, target) {
        (K::Supply | K::Path, _) => Any,

        (K::Host, T::Running) => Up,
        (K::Host, T::ClusterOnlyDown) => Any,
        (K::Host, T::Poweroff) => Down,

        (K::Own, T::Running | T::ClusterOnlyDown) => Up,
        (K::Own, T::Poweroff) => Down,

        (K::Server | K::Agent | K::Node | K::Quiesce | K::Gitops, T::Running) => Up,
        (
            K::Server | K::Agent | K::Node | K::Quiesce | K::Gitops,
            T::ClusterOnlyDown | T::Poweroff,
        ) => Down,

        (K::Storage | K::Snapshot, T::Running) => Any,
        (K::Storage | K::Snapshot, T::ClusterOnlyDown | T::Poweroff) => Down,

        (
            K::Layer | K::Vault | K::Images | K::Clock | K::Api | K::Source | K::Gate | K::Soak,
            T::Running,
        ) => Up,
        (
            K::Layer | K::Vault | K::Images | K::Clock | K::Api | K::Source | K::Gate | K::Soak,
            T::ClusterOnlyDown | T::Poweroff,
        ) => Any,
    }
}
