use std::{io, path::PathBuf, time::Duration};

use ananke_ports::{Machine, MachineError};
use async_trait::async_trait;
use tokio::{process::Command, time::Instant};

use crate::process::{quote, run};

/// Where the kernel tells which boot this is.
const BOOT_ID: &str = "/proc/sys/kernel/random/boot_id";

/// The machine that ananke runs on, through its systemd.
#[derive(Debug, Clone)]
pub struct LocalMachine {
    boot_id: String,
    systemctl: PathBuf,
}

impl LocalMachine {
    /// This machine, in this boot.
    ///
    /// # Errors
    /// If `/proc` does not tell the boot id.
    pub fn new() -> io::Result<Self> {
        let boot_id = std::fs::read_to_string(BOOT_ID)?.trim().to_owned();
        Ok(Self { boot_id, systemctl: PathBuf::from("systemctl") })
    }

    /// `systemctl VERB --no-wall`: nobody reads terminals while the lights go out.
    async fn systemctl(&self, verb: &str, deadline: Duration) -> Result<(), MachineError> {
        let mut command = Command::new(&self.systemctl);
        command.args([verb, "--no-wall"]).env("LC_ALL", "C");
        let failed = |message: String| MachineError::Failed {
            message: format!("`systemctl {verb}` {message}"),
        };
        let ended = run(&mut command, Instant::now() + deadline)
            .await
            .map_err(|error| failed(format!("cannot be started: {error}")))?;
        match ended.status {
            Some(status) if status.success() => Ok(()),
            Some(status) => Err(failed(format!("failed ({status}): {}", quote(&ended.stderr)))),
            None => Err(failed(format!("did not return within {} s", deadline.as_secs_f32()))),
        }
    }
}

#[async_trait]
impl Machine for LocalMachine {
    fn boot_id(&self) -> String {
        self.boot_id.clone()
    }

    async fn power_off(&self, deadline: Duration) -> Result<(), MachineError> {
        self.systemctl("poweroff", deadline).await
    }

    async fn reboot(&self, deadline: Duration) -> Result<(), MachineError> {
        self.systemctl("reboot", deadline).await
    }
}

#[cfg(test)]
mod tests {
    use std::{fs, os::unix::fs::PermissionsExt, path::Path};

    use super::*;

    /// This machine, with a stand-in for `systemctl`: the real one would be obeyed.
    fn machine(folder: &Path, script: &str) -> LocalMachine {
        let systemctl = folder.join("systemctl");
        fs::write(&systemctl, format!("#!/bin/sh\n{script}\n")).unwrap();
        fs::set_permissions(&systemctl, fs::Permissions::from_mode(0o755)).unwrap();
        LocalMachine { systemctl, ..LocalMachine::new().unwrap() }
    }

    const SOON: Duration = Duration::from_secs(20);

    #[test]
    fn boot_id_is_a_uuid_without_a_line_end() {
        let id = LocalMachine::new().unwrap().boot_id();
        assert_eq!(id.len(), 36);
        assert!(id.chars().all(|c| c == '-' || c.is_ascii_hexdigit()));
    }

    #[tokio::test]
    async fn asks_systemd() {
        let folder = tempfile::tempdir().unwrap();
        let log = folder.path().join("log");
        let machine = machine(folder.path(), &format!("echo \"$@\" >> {}", log.display()));
        machine.power_off(SOON).await.unwrap();
        machine.reboot(SOON).await.unwrap();
        assert_eq!(fs::read_to_string(log).unwrap(), "poweroff --no-wall\nreboot --no-wall\n");
    }

    #[tokio::test]
    async fn says_what_systemd_said() {
        let folder = tempfile::tempdir().unwrap();
        let machine = machine(folder.path(), "echo Access denied >&2; exit 1");
        let error = machine.power_off(SOON).await.unwrap_err().to_string();
        assert_eq!(error, "this host: `systemctl poweroff` failed (exit status: 1): Access denied");
    }

    #[tokio::test]
    async fn does_not_wait_for_ever() {
        let folder = tempfile::tempdir().unwrap();
        let machine = machine(folder.path(), "sleep 600");
        let error = machine.reboot(Duration::from_millis(300)).await.unwrap_err().to_string();
        assert_eq!(error, "this host: `systemctl reboot` did not return within 0.3 s");
    }
}
