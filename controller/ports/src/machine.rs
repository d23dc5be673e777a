use std::time::Duration;

use async_trait::async_trait;

/// The machine that ananke runs on.
#[async_trait]
pub trait Machine: Send + Sync {
    /// `/proc/sys/kernel/random/boot_id`.
    fn boot_id(&self) -> String;

    /// Has the clock of this machine switch it on so long from now. An alarm that was set before is
    /// replaced.
    async fn set_wake_alarm(&self, after: Duration, deadline: Duration)
    -> Result<(), MachineError>;

    /// Writes everything that waits in memory to the disks.
    async fn sync(&self, deadline: Duration) -> Result<(), MachineError>;

    /// Powers this machine off. At the end of its halt the supplies of `cut` cut their output, and
    /// give it back with mains; none does if it is empty, whatever was asked before.
    async fn power_off(&self, cut: &[String], deadline: Duration) -> Result<(), MachineError>;

    /// Reboots this machine. No supply cuts its output, whatever was asked before.
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
    /// Its clock has no alarm that could be set.
    #[error("this host: no wake alarm: {message}")]
    NoWakeAlarm {
        /// What was tried and seen.
        message: String,
    },
}
