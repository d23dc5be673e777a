use std::time::Duration;

use async_trait::async_trait;

/// Turning hosts on. Idempotent: a wake of a host that is on does nothing.
#[async_trait]
pub trait Wake: Send + Sync {
    /// Sends one wake. That it was sent says nothing of the host.
    async fn wake(&self, host: &str, deadline: Duration) -> Result<(), WakeError>;
}

/// Why no wake could be sent.
#[derive(Debug, thiserror::Error)]
pub enum WakeError {
    /// The policy gives no way to wake it.
    #[error("host {host} has no `wake` in the policy: turn it on by hand")]
    NoWay {
        /// The host.
        host: String,
    },
    /// It could not be sent.
    #[error("host {host}: {message}")]
    Failed {
        /// The host.
        host: String,
        /// What was tried and seen.
        message: String,
    },
}
