use std::{
    collections::BTreeMap,
    fs::{self, OpenOptions},
    io::{self, Write as _},
    path::{Path, PathBuf},
    time::Duration,
};

use ananke_ports::{Machine, MachineError};
use async_trait::async_trait;
use tokio::{process::Command, time::Instant};

use crate::process::{quote, run};

/// Where the kernel tells which boot this is.
const BOOT_ID: &str = "/proc/sys/kernel/random/boot_id";

/// The alarm of the first clock (Linux, `Documentation/ABI/testing/rtc-cdev` and `drivers/rtc/sysfs`):
/// seconds since 1970, or `+` and seconds from now by the clock's own time, right or wrong.
pub const WAKE_ALARM: &str = "/sys/class/rtc/rtc0/wakealarm";

/// Names the UPSes that are to cut their output at the end of the halt, a line each. Read by the
/// hook in `/lib/systemd/system-shutdown`. In `/run`, so that none is left after a boot.
const KILL_POWER: &str = "killpower";

/// The machine that ananke runs on, through its systemd.
#[derive(Debug, Clone)]
pub struct LocalMachine {
    boot_id: String,
    systemctl: PathBuf,
    sync: PathBuf,
    wake_alarm: PathBuf,
    kill_power: PathBuf,
    /// What the local NUT drivers call the supplies.
    devices: BTreeMap<String, String>,
}

impl LocalMachine {
    /// This machine, in this boot. `runtime` is its folder in `/run`; `devices` are the UPSes of
    /// `ups.conf` on this machine, by the names that the policy gives them.
    ///
    /// # Errors
    /// If `/proc` does not tell the boot id.
    pub fn new(runtime: &Path, devices: BTreeMap<String, String>) -> io::Result<Self> {
        Ok(Self {
            boot_id: fs::read_to_string(BOOT_ID)?.trim().to_owned(),
            systemctl: PathBuf::from("systemctl"),
            sync: PathBuf::from("sync"),
            wake_alarm: PathBuf::from(WAKE_ALARM),
            kill_power: runtime.join(KILL_POWER),
            devices,
        })
    }

    /// `systemctl VERB --no-wall`: nobody reads terminals while the lights go out.
    async fn systemctl(&self, verb: &str, deadline: Duration) -> Result<(), MachineError> {
        self.program(&self.systemctl, &[verb, "--no-wall"], deadline).await
    }

    async fn program(
        &self,
        program: &Path,
        args: &[&str],
        deadline: Duration,
    ) -> Result<(), MachineError> {
        let mut command = Command::new(program);
        command.args(args).env("LC_ALL", "C");
        let name = program.file_name().unwrap_or_default().to_string_lossy();
        let verb = args.first().map_or_else(String::new, |verb| format!(" {verb}"));
        let failed =
            |message: String| MachineError::Failed { message: format!("`{name}{verb}` {message}") };
        let ended = run(&mut command, Instant::now() + deadline)
            .await
            .map_err(|error| failed(format!("cannot be started: {error}")))?;
        match ended.status {
            Some(status) if status.success() => Ok(()),
            Some(status) => Err(failed(format!("failed ({status}): {}", quote(&ended.stderr)))),
            None => Err(failed(format!("did not return within {} s", deadline.as_secs_f32()))),
        }
    }

    /// Says which supplies the hook is to cut.
    fn ask_to_cut(&self, supplies: &[String]) -> Result<(), MachineError> {
        let failed = |message: String| MachineError::Failed { message };
        let mut devices = String::new();
        for supply in supplies {
            let device = self.devices.get(supply).ok_or_else(|| {
                failed(format!("{supply} has no upsd on this host, so none here can cut it"))
            })?;
            devices.push_str(device);
            devices.push('\n');
        }
        let path = self.kill_power.display();
        fs::write(&self.kill_power, devices).map_err(|error| failed(format!("{path}: {error}")))
    }

    fn ask_to_cut_nothing(&self) -> Result<(), MachineError> {
        let path = self.kill_power.display();
        match fs::remove_file(&self.kill_power) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(MachineError::Failed {
                message: format!("{path}: {error}: the UPS would cut its output; delete it"),
            }),
            _ => Ok(()),
        }
    }

    fn wake_alarm(&self, value: &str) -> io::Result<()> {
        OpenOptions::new()
            .write(true)
            .truncate(true)
            .open(&self.wake_alarm)?
            .write_all(value.as_bytes())
    }
}

#[async_trait]
impl Machine for LocalMachine {
    fn boot_id(&self) -> String {
        self.boot_id.clone()
    }

    async fn set_wake_alarm(
        &self,
        after: Duration,
        _deadline: Duration,
    ) -> Result<(), MachineError> {
        let path = self.wake_alarm.display();
        let failed = |message: String| MachineError::NoWakeAlarm { message };
        // One that is set must be taken back first, or the kernel says EBUSY.
        self.wake_alarm("0")
            .and_then(|()| self.wake_alarm(&format!("+{}", after.as_secs())))
            .map_err(|error| failed(format!("{path}: {error}")))?;
        // Some clocks take an alarm and do not keep it.
        let kept = fs::read_to_string(&self.wake_alarm).unwrap_or_default();
        if kept.trim().is_empty() {
            return Err(failed(format!("{path} took it and does not keep it")));
        }
        Ok(())
    }

    async fn sync(&self, deadline: Duration) -> Result<(), MachineError> {
        self.program(&self.sync, &[], deadline).await
    }

    async fn power_off(&self, cut: &[String], deadline: Duration) -> Result<(), MachineError> {
        if cut.is_empty() {
            self.ask_to_cut_nothing()?;
        } else {
            self.ask_to_cut(cut)?;
        }
        let ended = self.systemctl("poweroff", deadline).await;
        if ended.is_err() {
            // A later poweroff by somebody else must not cut anything.
            self.ask_to_cut_nothing()?;
        }
        ended
    }

    async fn reboot(&self, deadline: Duration) -> Result<(), MachineError> {
        // One that cannot be deleted does nothing in a reboot, and is gone after it.
        let _ = self.ask_to_cut_nothing();
        self.systemctl("reboot", deadline).await
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    fn script(path: &Path, text: &str) {
        fs::write(path, format!("#!/bin/sh\n{text}\n")).unwrap();
        fs::set_permissions(path, fs::Permissions::from_mode(0o755)).unwrap();
    }

    /// This machine, with a stand-in for `systemctl`: the real one would be obeyed. `rack` hangs on
    /// it, called `dev` in its `ups.conf`.
    fn machine(folder: &Path, systemctl: &str) -> LocalMachine {
        let devices = BTreeMap::from([("rack".to_owned(), "dev".to_owned())]);
        let (program, wake_alarm) = (folder.join("systemctl"), folder.join("wakealarm"));
        script(&program, systemctl);
        fs::write(&wake_alarm, "").unwrap();
        let real = LocalMachine::new(folder, devices).unwrap();
        LocalMachine { systemctl: program, wake_alarm, ..real }
    }

    const SOON: Duration = Duration::from_secs(20);

    fn rack() -> Vec<String> {
        vec!["rack".into()]
    }

    #[test]
    fn boot_id_is_a_uuid_without_a_line_end() {
        let id = LocalMachine::new(Path::new("/run"), BTreeMap::new()).unwrap().boot_id();
        assert_eq!(id.len(), 36);
        assert!(id.chars().all(|c| c == '-' || c.is_ascii_hexdigit()));
    }

    #[tokio::test]
    async fn asks_systemd() {
        let folder = tempfile::tempdir().unwrap();
        let log = folder.path().join("log");
        let machine = machine(folder.path(), &format!("echo \"$@\" >> {}", log.display()));
        machine.power_off(&[], SOON).await.unwrap();
        machine.reboot(SOON).await.unwrap();
        assert_eq!(fs::read_to_string(log).unwrap(), "poweroff --no-wall\nreboot --no-wall\n");
    }

    #[tokio::test]
    async fn says_what_systemd_said() {
        let folder = tempfile::tempdir().unwrap();
        let machine = machine(folder.path(), "echo Access denied >&2; exit 1");
        let error = machine.power_off(&[], SOON).await.unwrap_err().to_string();
        assert_eq!(error, "this host: `systemctl poweroff` failed (exit status: 1): Access denied");
    }

    #[tokio::test]
    async fn does_not_wait_for_ever() {
        let folder = tempfile::tempdir().unwrap();
        let machine = machine(folder.path(), "sleep 600");
        let error = machine.reboot(Duration::from_millis(300)).await.unwrap_err().to_string();
        assert_eq!(error, "this host: `systemctl reboot` did not return within 0.3 s");
    }

    /// The flag is there before systemd is asked, for the hook may run at any time after that.
    #[tokio::test]
    async fn the_hook_is_told_what_to_cut_by_its_name_in_ups_conf() {
        let folder = tempfile::tempdir().unwrap();
        let flag = folder.path().join(KILL_POWER);
        let (seen, shown) = (folder.path().join("seen"), flag.display());
        let machine = machine(folder.path(), &format!("cat {shown} > {}", seen.display()));
        machine.power_off(&rack(), SOON).await.unwrap();
        assert_eq!(fs::read_to_string(seen).unwrap(), "dev\n");
        assert!(flag.exists());
    }

    #[tokio::test]
    async fn nothing_is_cut_by_a_later_halt() {
        let folder = tempfile::tempdir().unwrap();
        let flag = folder.path().join(KILL_POWER);
        let machine = machine(folder.path(), "");
        machine.power_off(&rack(), SOON).await.unwrap();
        machine.power_off(&[], SOON).await.unwrap();
        assert!(!flag.exists(), "after a poweroff that cuts nothing");
        machine.power_off(&rack(), SOON).await.unwrap();
        machine.reboot(SOON).await.unwrap();
        assert!(!flag.exists(), "after a reboot");
        script(&machine.systemctl, "exit 1");
        machine.power_off(&rack(), SOON).await.unwrap_err();
        assert!(!flag.exists(), "after a poweroff that systemd refused");
    }

    #[tokio::test]
    async fn a_supply_without_a_driver_here_is_not_powered_off_for() {
        let folder = tempfile::tempdir().unwrap();
        let asked = folder.path().join("asked");
        let machine = machine(folder.path(), &format!("touch {}", asked.display()));
        let error = machine.power_off(&["attic".into()], SOON).await.unwrap_err().to_string();
        assert_eq!(error, "this host: attic has no upsd on this host, so none here can cut it");
        assert!(!asked.exists());
    }

    #[tokio::test]
    async fn the_alarm_is_set_by_the_clocks_own_time() {
        let folder = tempfile::tempdir().unwrap();
        let machine = machine(folder.path(), "");
        machine.set_wake_alarm(Duration::from_secs(900), SOON).await.unwrap();
        assert_eq!(fs::read_to_string(&machine.wake_alarm).unwrap(), "+900");
        machine.set_wake_alarm(Duration::from_secs(60), SOON).await.unwrap();
        assert_eq!(fs::read_to_string(&machine.wake_alarm).unwrap(), "+60", "replaced");
    }

    /// `/dev/null` takes everything and keeps nothing, as some clocks do.
    #[tokio::test]
    async fn a_clock_without_an_alarm_is_told_apart() {
        let folder = tempfile::tempdir().unwrap();
        let mut machine = machine(folder.path(), "");
        machine.wake_alarm = "/dev/null".into();
        let error = machine.set_wake_alarm(SOON, SOON).await.unwrap_err().to_string();
        assert_eq!(error, "this host: no wake alarm: /dev/null took it and does not keep it");
        machine.wake_alarm = folder.path().join("none");
        let error = machine.set_wake_alarm(SOON, SOON).await.unwrap_err();
        assert!(matches!(error, MachineError::NoWakeAlarm { .. }), "{error}");
        assert!(!machine.wake_alarm.exists(), "it was not made up");
    }

    #[tokio::test]
    async fn disks_are_written_by_sync() {
        let folder = tempfile::tempdir().unwrap();
        let mut machine = machine(folder.path(), "");
        machine.sync(SOON).await.unwrap();
        machine.sync = folder.path().join("sync");
        script(&machine.sync, "exit 5");
        let error = machine.sync(SOON).await.unwrap_err().to_string();
        assert!(error.starts_with("this host: `sync` failed"), "{error}");
    }
}
