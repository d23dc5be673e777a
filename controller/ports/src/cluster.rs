use std::{sync::Arc, time::Duration};

use ananke_core::{
    marks::Mark,
    observe::{ApiHealth, ClusterFacts, GitopsRef},
    seen::Unseen,
    step::PodRef,
};
use ananke_crds::policy::PowerPolicyStatus;
use async_trait::async_trait;

/// The Kubernetes API.
#[async_trait]
pub trait Cluster: Send + Sync {
    /// Asks `/readyz` of the first endpoint that answers.
    async fn health(&self, deadline: Duration) -> Result<ApiHealth, ClusterError>;

    /// The objects that matter, from watches: cheap, and an error when they are not fresh.
    async fn facts(&self, deadline: Duration) -> Result<ClusterFacts, ClusterError>;

    /// Returns when the facts may have changed. May return for nothing; may never return.
    async fn changed(&self);

    /// Cordons and marks, in one patch.
    async fn cordon(&self, node: &str, mark: &Mark, deadline: Duration)
    -> Result<(), ClusterError>;

    /// Puts back what the mark remembers, and takes the mark off, in one patch. A node without a
    /// mark of ours is left alone.
    async fn uncordon(&self, node: &str, deadline: Duration) -> Result<(), ClusterError>;

    /// Suspends and marks, in one patch.
    async fn suspend(
        &self,
        object: &GitopsRef,
        mark: &Mark,
        deadline: Duration,
    ) -> Result<(), ClusterError>;

    /// Puts back what the mark remembers, and takes the mark off. Without a mark: left alone.
    async fn resume(&self, object: &GitopsRef, deadline: Duration) -> Result<(), ClusterError>;

    /// Evicts a pod; a `PodDisruptionBudget` may say no ([`ClusterError::Busy`]).
    async fn evict(&self, pod: &PodRef, deadline: Duration) -> Result<(), ClusterError>;

    /// Deletes a pod of this very UID.
    async fn delete_pod(
        &self,
        pod: &PodRef,
        grace_seconds: Option<u32>,
        deadline: Duration,
    ) -> Result<(), ClusterError>;

    /// Applies the mirror of the document and its status.
    async fn publish(
        &self,
        publication: &Publication,
        deadline: Duration,
    ) -> Result<(), ClusterError>;

    /// Writes an Event about the `PowerPolicy`.
    async fn event(&self, note: &EventNote, deadline: Duration) -> Result<(), ClusterError>;

    /// Renews the Lease that tells a living daemon from a dead one.
    async fn renew_lease(&self, deadline: Duration) -> Result<(), ClusterError>;
}

/// What is mirrored into the cluster.
#[derive(Debug, Clone, PartialEq)]
pub struct Publication {
    /// The `PowerPolicy`'s name.
    pub name: String,
    /// Its spec, as the document has it.
    pub spec: Arc<serde_json::Value>,
    /// Its status.
    pub status: Arc<PowerPolicyStatus>,
}

/// An Event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EventNote {
    /// The `PowerPolicy`'s name.
    pub policy: String,
    /// Normal or Warning.
    pub severity: EventSeverity,
    /// `CamelCase` reason.
    pub reason: String,
    /// What was done: `StopService`, `Decide`, …
    pub action: String,
    /// One sentence.
    pub message: String,
}

/// The type of an Event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EventSeverity {
    /// All is well.
    Normal,
    /// A person should look.
    Warning,
}

/// Why the API did not do it.
#[derive(Debug, thiserror::Error)]
pub enum ClusterError {
    /// No endpoint answers, or not within the deadline before anything was sent.
    #[error("Kubernetes API: {message}")]
    Silent {
        /// What was tried and seen.
        message: String,
    },
    /// The deadline passed or the connection was cut after the request was sent: nobody knows.
    #[error("Kubernetes API: {message}")]
    Unknown {
        /// What was seen.
        message: String,
    },
    /// The watches are cut; what they last said may be old.
    #[error("Kubernetes API: {message}")]
    Stale {
        /// Since when, and which watch.
        message: String,
    },
    /// Credentials or RBAC.
    #[error("Kubernetes API: {message}")]
    Refused {
        /// What was refused, and what to check.
        message: String,
    },
    /// 429: a `PodDisruptionBudget`, or the server has too much to do.
    #[error("Kubernetes API: {message}")]
    Busy {
        /// What it said.
        message: String,
        /// Whether a `PodDisruptionBudget` said no.
        disruption_budget: bool,
    },
    /// The object changed under us; look again.
    #[error("Kubernetes API: {message}")]
    Conflict {
        /// What it said.
        message: String,
    },
    /// Anything else the API said no with.
    #[error("Kubernetes API: {message}")]
    Failed {
        /// Its status and its words.
        message: String,
    },
}

impl ClusterError {
    /// What the error means to the core, when looking.
    pub const fn unseen(&self) -> Unseen {
        match self {
            Self::Silent { .. } | Self::Unknown { .. } | Self::Busy { .. } => Unseen::Silent,
            Self::Stale { .. } => Unseen::Stale,
            Self::Refused { .. } => Unseen::Refused,
            Self::Conflict { .. } | Self::Failed { .. } => Unseen::Garbage,
        }
    }

    /// Whether the effect may have happened all the same.
    pub const fn is_unknown(&self) -> bool {
        matches!(self, Self::Unknown { .. })
    }
}
