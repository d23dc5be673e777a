use std::fmt;
use std::str::FromStr;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The state of power that is wanted. They are ordered by how far down they are, so that of several
/// wishes the greatest counts.
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
pub enum Target {
    /// Hosts on, cluster up, all of its services healthy.
    #[default]
    Running,
    /// Workloads quiesced, Kubernetes stopped, hosts as they are.
    ClusterOnlyDown,
    /// As before, and the hosts powered off.
    Poweroff,
}

impl Target {
    /// Every target, from up to down.
    pub const ALL: [Self; 3] = [Self::Running, Self::ClusterOnlyDown, Self::Poweroff];

    /// Its name in documents, commands and metrics.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Running => "running",
            Self::ClusterOnlyDown => "cluster-only-down",
            Self::Poweroff => "poweroff",
        }
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// A text is not the name of a target.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{text}` is not a target; the targets are running, cluster-only-down and poweroff")]
pub struct ParseTargetError {
    /// What was given.
    pub text: String,
}

impl FromStr for Target {
    type Err = ParseTargetError;

    fn from_str(text: &str) -> Result<Self, ParseTargetError> {
        Self::ALL
            .into_iter()
            .find(|target| target.as_str() == text)
            .ok_or_else(|| ParseTargetError { text: text.to_owned() })
    }
}
