//! Facts about a host, seen from outside it: no login, no word of the daemon under test.

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, ensure};

use crate::cgroup::Cgroup;
use crate::command::{check, run};
use crate::keeper::host::init_of;
use crate::lab::Lab;
use crate::power_log::{self, PowerEvent};

/// How long a host may take to answer; a frozen one never does.
const DEADLINE: Duration = Duration::from_secs(10);

/// A unit as systemd on the host sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnitState {
    /// `ActiveState`: `active`, `inactive`, `activating`, `deactivating`, `failed`.
    pub active: String,
    /// `SubState`.
    pub sub: String,
    /// `Result` of the last stop: `success`, `timeout`, and so on.
    pub result: String,
    /// Number of the job that is queued for it, if any.
    pub job: Option<u32>,
    /// Its main process, by its id on the host; `None` when there is none.
    pub main_pid: Option<u32>,
}

/// A process of a host.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HostProcess {
    /// Its id on the machine that runs the lab.
    pub pid: u32,
    /// Its parent's id there.
    pub parent: u32,
    /// Its name, at most 15 characters.
    pub name: String,
    /// Its arguments, separated by spaces.
    pub command: String,
    /// Its control group, from the host's root.
    pub cgroup: String,
}

impl HostProcess {
    /// What it calls itself: its first argument without the folder.
    pub fn program(&self) -> &str {
        let first = self.command.split(' ').next().unwrap_or_default();
        first.rsplit('/').next().unwrap_or_default()
    }
}

impl Lab {
    /// Process id, on this machine, of a host's first process; `None` when it is off.
    ///
    /// # Errors
    /// The lab has no such host.
    pub fn init(&self, host: &str) -> Result<Option<u32>> {
        Ok(init_of(&self.host_cgroup(host)?))
    }

    /// Whether no process of the host is left.
    ///
    /// # Errors
    /// The lab has no such host.
    pub fn is_gone(&self, host: &str) -> Result<bool> {
        Ok(self.host_cgroup(host)?.processes().is_empty())
    }

    /// Runs a program inside a host as its root, from outside: no network, no login. Gives its
    /// stdout.
    ///
    /// # Errors
    /// The host is off or does not answer, or the program failed.
    pub fn inside(&self, host: &str, command: &[&str]) -> Result<String> {
        check(self.nsenter(host)?.args(command), DEADLINE)
            .with_context(|| format!("{host} was looked at from outside"))
    }

    /// State of a unit; one that the host does not have is `inactive`.
    ///
    /// # Errors
    /// The host is off or does not answer.
    pub fn unit(&self, host: &str, unit: &str) -> Result<UnitState> {
        let properties = "ActiveState,SubState,Result,Job,MainPID";
        let text = self.inside(host, &["systemctl", "show", "--property", properties, unit])?;
        let values: BTreeMap<&str, &str> =
            text.lines().filter_map(|line| line.split_once('=')).collect();
        let of = |name: &str| values.get(name).map_or("", |value| value).to_owned();
        let number = |name: &str| of(name).parse().ok().filter(|number| *number != 0);
        ensure!(!of("ActiveState").is_empty(), "{host} does not know {unit}: `{text}`");
        Ok(UnitState {
            active: of("ActiveState"),
            sub: of("SubState"),
            result: of("Result"),
            job: number("Job"),
            main_pid: number("MainPID"),
        })
    }

    /// All processes of a host; none when it is off.
    ///
    /// # Errors
    /// The lab has no such host.
    pub fn processes(&self, host: &str) -> Result<Vec<HostProcess>> {
        let group = self.host_cgroup(host)?.child("payload");
        let root = group.path().to_string_lossy().into_owned();
        // A process may end while it is looked at; then it is not there.
        Ok(group.processes().into_iter().filter_map(|pid| process(pid, &root)).collect())
    }

    /// The shims of a host's containers: what outlives k3s.
    ///
    /// # Errors
    /// The lab has no such host.
    pub fn shims(&self, host: &str) -> Result<Vec<HostProcess>> {
        let mut processes = self.processes(host)?;
        processes.retain(|process| process.program().starts_with("containerd-shim"));
        Ok(processes)
    }

    /// Mount points of pods' volumes on a host; none when it is off.
    ///
    /// # Errors
    /// The host went off while it was looked at.
    pub fn pod_mounts(&self, host: &str) -> Result<Vec<PathBuf>> {
        let Some(init) = self.init(host)? else { return Ok(Vec::new()) };
        let table = fs::read_to_string(format!("/proc/{init}/mountinfo"))
            .with_context(|| format!("cannot read the mounts of {host}"))?;
        let points = table.lines().filter_map(|line| line.split(' ').nth(4));
        Ok(points.filter(|p| p.starts_with("/var/lib/kubelet/pods/")).map(PathBuf::from).collect())
    }

    /// The last `lines` lines of a unit's journal, oldest first; works while the host is off, too.
    ///
    /// # Errors
    /// `journalctl` failed.
    pub fn journal(&self, host: &str, unit: &str, lines: u32) -> Result<String> {
        let folder = self.paths().host(host).upper().join("var/log/journal");
        let mut journalctl = Command::new("journalctl");
        journalctl.arg("--directory").arg(folder).args(["--unit", unit, "--no-pager", "--quiet"]);
        journalctl.arg(format!("--lines={lines}")).arg("--output=short-precise");
        check(&mut journalctl, DEADLINE)
    }

    /// What happened to a host's power, oldest first.
    ///
    /// # Errors
    /// The log is damaged.
    pub fn power_log(&self, host: &str) -> Result<Vec<PowerEvent>> {
        power_log::read(&self.paths().host(host).power)
    }

    /// Every magic packet that was seen: `TIME MAC HOST ACTION`.
    pub fn wake_log(&self) -> Vec<String> {
        let text = fs::read_to_string(self.paths().logs().join("wake.log")).unwrap_or_default();
        text.lines().map(str::to_owned).collect()
    }

    /// Whether a program inside a host ends with 0.
    ///
    /// # Errors
    /// The host is off or does not answer.
    pub fn inside_ok(&self, host: &str, command: &[&str]) -> Result<bool> {
        Ok(run(self.nsenter(host)?.args(command), DEADLINE)?.ok())
    }

    fn nsenter(&self, host: &str) -> Result<Command> {
        let init = self.init(host)?.with_context(|| format!("{host} is off"))?;
        let mut command = Command::new("nsenter");
        command.args(["--all", "--target", &init.to_string(), "--"]);
        Ok(command)
    }

    fn host_cgroup(&self, host: &str) -> Result<Cgroup> {
        self.host(host)?;
        Ok(Cgroup::lab(self.paths())?.child(host))
    }
}

fn process(pid: u32, cgroup_root: &str) -> Option<HostProcess> {
    let read = |file: &str| fs::read_to_string(format!("/proc/{pid}/{file}")).ok();
    let stat = read("stat")?;
    let (_, fields) = stat.rsplit_once(") ")?;
    let mut fields = fields.split(' ');
    // Zombies are gone; only their parent has not looked.
    let alive = fields.next()? != "Z";
    let parent = fields.next()?.parse().ok()?;
    let command = fs::read(format!("/proc/{pid}/cmdline")).ok()?;
    let cgroup = read("cgroup")?;
    let cgroup = cgroup.lines().find_map(|line| line.strip_prefix("0::"))?;
    // The group is told from the unified root, the host's own root is somewhere below it.
    let own = cgroup_root.split_once("/ananke-lab/").map(|(_, rest)| format!("/ananke-lab/{rest}"));
    let inside = own.and_then(|own| cgroup.strip_prefix(&own).map(str::to_owned));
    alive.then(|| HostProcess {
        pid,
        parent,
        name: read("comm").unwrap_or_default().trim_end().to_owned(),
        command: String::from_utf8_lossy(&command).replace('\0', " ").trim_end().to_owned(),
        cgroup: inside.unwrap_or_else(|| cgroup.to_owned()),
    })
}
