use std::time::Duration;

use ananke_core::{observe::SupplyReading, seen::Unseen};
use async_trait::async_trait;

/// The UPSes, by the names that the policy gives them.
#[async_trait]
pub trait Supplies: Send + Sync {
    /// Reads one supply.
    async fn read(&self, supply: &str, deadline: Duration) -> Result<SupplyReading, SupplyError>;

    /// Sets "forced shutdown" on a supply, as its primary, and waits until everybody else that is
    /// logged in there has left, until the deadline at most. It stands until `upsd` is restarted.
    async fn force_shutdown(&self, supply: &str, deadline: Duration) -> Result<(), SupplyError>;

    /// Logs out everywhere: a `upsd` primary must not wait for a client that is gone.
    async fn close(&self);
}

/// Why a supply could not be read.
#[derive(Debug, thiserror::Error)]
pub enum SupplyError {
    /// No answer, no connection, or no driver behind the server.
    #[error("supply {supply}: {message}")]
    Silent {
        /// The supply.
        supply: String,
        /// What was tried and seen.
        message: String,
    },
    /// The server answers, and says that its data are old: the driver behind it hangs.
    #[error("supply {supply}: {message}")]
    Stale {
        /// The supply.
        supply: String,
        /// What was seen.
        message: String,
    },
    /// Login, TLS or certificate.
    #[error("supply {supply}: {message}")]
    Refused {
        /// The supply.
        supply: String,
        /// What was refused, and what to check.
        message: String,
    },
    /// The server has no device of that name.
    #[error("supply {supply}: {message}")]
    NoSuchDevice {
        /// The supply.
        supply: String,
        /// What was seen.
        message: String,
    },
    /// The answer is not NUT.
    #[error("supply {supply}: {message}")]
    Garbage {
        /// The supply.
        supply: String,
        /// What was seen.
        message: String,
    },
}

impl SupplyError {
    /// What the error means to the core.
    pub const fn unseen(&self) -> Unseen {
        match self {
            Self::Silent { .. } => Unseen::Silent,
            Self::Stale { .. } => Unseen::Stale,
            Self::Refused { .. } => Unseen::Refused,
            Self::NoSuchDevice { .. } => Unseen::NoSuchDevice,
            Self::Garbage { .. } => Unseen::Garbage,
        }
    }
}
