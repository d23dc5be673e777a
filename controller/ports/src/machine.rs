use std::time::Duration;

use async_trait::async_trait;

/// The machine that ananke runs on.
#[async_trait]
pub trait Machine: Send + Sync {
    /// `/proc/sys/kernel/random/boot_id`.
    fn boot_id(&self) -> String;

    /// Powers this machine off.
    async fn power_off(&self, deadline: Duration) -> Result<(), MachineError>;

    /// Reboots this machine.
    async fn reboot(&self, deadline: Duration) -> Result<(), MachineError>;
}

/// Why this machine did not do it.
#[derive(Debug, thiserror::Error)]
pub enum MachineError {
    /// systemd refused or failed.
    #[error("this host: {message}")]
    Failed {
        /// What was tried and seen.
        message: String,
    },
}
