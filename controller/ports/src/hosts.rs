use std::time::Duration;

use ananke_core::{observe::HostFacts, seen::Unseen, step::Service};
use async_trait::async_trait;

/// The hosts over SSH, by the names that the policy gives them.
#[async_trait]
pub trait Hosts: Send + Sync {
    /// Asks a host for everything that matters, in one command.
    async fn probe(&self, host: &str, deadline: Duration) -> Result<HostFacts, HostError>;

    /// Runs one command of the closed list.
    async fn run(
        &self,
        host: &str,
        command: &HostCommand,
        deadline: Duration,
    ) -> Result<(), HostError>;
}

/// Everything that may be asked of a host; each has its exact sudo rule.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum HostCommand {
    /// `systemctl start UNIT --no-block`: whether it came up is an observation.
    Start(Service),
    /// `systemctl stop UNIT`.
    Stop(Service),
    /// `systemctl kill --signal=SIGKILL UNIT`.
    Kill(Service),
    /// `k3s-killall.sh`: ends containers and unmounts volumes.
    EndContainers,
    /// `k3s etcd-snapshot save --name NAME`.
    TakeSnapshot {
        /// The snapshot's name.
        name: String,
    },
    /// `systemctl poweroff`.
    PowerOff,
}

/// Why a host could not be asked.
#[derive(Debug, thiserror::Error)]
pub enum HostError {
    /// No answer within the deadline, or no connection.
    #[error("host {host}: {message}")]
    Silent {
        /// The host.
        host: String,
        /// What was tried and seen.
        message: String,
    },
    /// The connection was cut, or the deadline passed, after the command was sent: nobody knows.
    #[error("host {host}: {message}")]
    Unknown {
        /// The host.
        host: String,
        /// What was seen.
        message: String,
    },
    /// The key shown is not the pinned one.
    #[error("host {host}: {message}")]
    HostKey {
        /// The host.
        host: String,
        /// What to check.
        message: String,
    },
    /// The host is on and takes no connection: no sshd listens there.
    #[error("host {host}: {message}")]
    Closed {
        /// The host.
        host: String,
        /// Where it was called, and what to check.
        message: String,
    },
    /// The host refuses our key, or sudo refuses the command.
    #[error("host {host}: {message}")]
    Refused {
        /// The host.
        host: String,
        /// What was refused, and what to check.
        message: String,
    },
    /// The command ran and failed.
    #[error("host {host}: {message}")]
    Failed {
        /// The host.
        host: String,
        /// Its exit code and its words.
        message: String,
    },
    /// The answer cannot be understood.
    #[error("host {host}: {message}")]
    Garbage {
        /// The host.
        host: String,
        /// What was seen.
        message: String,
    },
}

impl HostError {
    /// What the error means to the core, when looking.
    pub const fn unseen(&self) -> Unseen {
        match self {
            Self::Silent { .. } | Self::Unknown { .. } => Unseen::Silent,
            Self::HostKey { .. } => Unseen::HostKey,
            Self::Refused { .. } => Unseen::Refused,
            Self::Closed { .. } => Unseen::Closed,
            Self::Failed { .. } | Self::Garbage { .. } => Unseen::Garbage,
        }
    }

    /// Whether the effect may have happened all the same.
    pub const fn is_unknown(&self) -> bool {
        matches!(self, Self::Unknown { .. })
    }
}
