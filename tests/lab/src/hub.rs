//! The hub: the network namespace with the bridge that all hosts of a lab hang on. The daemon
//! under test, `upsd` and the sleeping network cards live in it.

use std::fs::{self, File};
use std::net::{SocketAddr, TcpStream};
use std::os::fd::AsFd as _;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, anyhow, ensure};
use rustix::process::Signal;
use rustix::thread::{LinkNameSpaceType, move_into_link_name_space};

use crate::cgroup::Cgroup;
use crate::command::{check, run};
use crate::keeper::host::signal;
use crate::paths::{Paths, RUN_ROOT};
use crate::spec::{HUB_ADDRESS, NETWORK};

const DEADLINE: Duration = Duration::from_secs(10);
/// What is done under the lock that all labs share takes well under a second.
const LOCK_DEADLINE: Duration = Duration::from_secs(30);
/// Each systemd takes about five inotify instances of root's 128: beyond some 24 hosts the next
/// one hangs in its boot without a message.
const INOTIFY_INSTANCES: u32 = 4096;
const INOTIFY_FILE: &str = "/proc/sys/fs/inotify/max_user_instances";

/// The network of one lab.
#[derive(Debug, Clone)]
pub(crate) struct Hub {
    paths: Paths,
}

impl Hub {
    pub(crate) fn new(paths: &Paths) -> Self {
        Self { paths: paths.clone() }
    }

    /// Makes the namespace, the bridge and the hub's address.
    pub(crate) fn create(&self) -> Result<()> {
        raise_inotify_limit()?;
        shut_the_way_out()?;
        let name = self.paths.netns_name();
        ip(&["netns", "add", &name])?;
        self.ip(&["link", "set", "lo", "up"])?;
        // With an address of its own the bridge does not change it as hosts come and go, which
        // would make every host's ARP entry of the hub wrong for a while.
        self.ip(&["link", "add", "br0", "address", "02:00:5e:77:00:01", "type", "bridge"])?;
        self.ip(&["link", "set", "br0", "type", "bridge", "forward_delay", "0"])?;
        self.ip(&["addr", "add", &format!("{HUB_ADDRESS}/24"), "dev", "br0"])?;
        self.ip(&["link", "set", "br0", "up"])
    }

    /// Takes the namespace away; fine when it is not there. Whatever process is still in it has
    /// left the lab's control group: it is killed, and an error.
    pub(crate) fn remove(&self) -> Result<()> {
        let Ok(netns) = fs::metadata(self.paths.netns()) else { return Ok(()) };
        let strays = processes_in(netns.ino());
        for (pid, _) in &strays {
            signal(*pid, Signal::KILL).ok();
        }
        ip(&["netns", "del", &self.paths.netns_name()])?;
        ensure!(strays.is_empty(), "left the lab's control group: {strays:?}");
        Ok(())
    }

    /// Pulls a host's network cable, or plugs it in again. `false`: the host has no card now.
    pub(crate) fn set_cable(&self, machine: &str, plugged: bool) -> Result<bool> {
        let state = if plugged { "up" } else { "down" };
        Ok(run(self.card(machine, "set").arg(state), DEADLINE)?.ok())
    }

    /// Takes a host's network card away; fine when it has none.
    pub(crate) fn remove_card(&self, machine: &str) -> Result<()> {
        run(&mut self.card(machine, "del"), DEADLINE).map(drop)
    }

    fn card(&self, machine: &str, action: &str) -> Command {
        let mut command = Command::new("ip");
        command.args(["-n", &self.paths.netns_name(), "link", action]);
        command.arg(format!("vb-{machine}"));
        command
    }

    /// Runs `work` on a thread of its own inside the hub's network. A socket that it returns
    /// stays there, whichever thread uses it.
    pub(crate) fn enter<T: Send>(&self, work: impl FnOnce() -> T + Send) -> Result<T> {
        let netns = File::open(self.paths.netns()).context("the lab has no network: is it up?")?;
        thread::scope(|scope| {
            let thread = scope.spawn(|| {
                move_into_link_name_space(netns.as_fd(), Some(LinkNameSpaceType::Network))?;
                Ok::<T, rustix::io::Errno>(work())
            });
            let entered = thread.join().map_err(|_| anyhow!("the work in the hub panicked"))?;
            entered.context("cannot enter the lab's network")
        })
    }

    /// Opens a TCP connection from the hub.
    pub(crate) fn connect(&self, to: SocketAddr, deadline: Duration) -> Result<TcpStream> {
        self.enter(|| TcpStream::connect_timeout(&to, deadline))?
            .with_context(|| format!("cannot connect to {to}"))
    }

    /// A command that runs `program` in the hub, in the lab's own cgroup, so that it goes down
    /// with the lab whatever it forks. The child's process id is the program's.
    pub(crate) fn command(&self, program: impl AsRef<Path>) -> Result<Command> {
        let group = Cgroup::lab(&self.paths)?.child("hub");
        let mut command = Command::new("nsenter");
        // Not `ip netns exec`, which remounts /sys and hides the cgroups.
        command.arg(format!("--net={}", self.paths.netns().display())).args([
            "--",
            "sh",
            "-c",
            r#"echo $$ >"$0" && exec "$@""#,
        ]);
        command.arg(group.path().join("cgroup.procs")).arg(program.as_ref());
        Ok(command)
    }

    fn ip(&self, arguments: &[&str]) -> Result<()> {
        ip(&[&["-n", self.paths.netns_name().as_str()], arguments].concat())
    }
}

fn ip(arguments: &[&str]) -> Result<()> {
    check(Command::new("ip").args(arguments), DEADLINE).map(drop)
}

fn raise_inotify_limit() -> Result<()> {
    let now = fs::read_to_string(INOTIFY_FILE).context("cannot read the inotify limit")?;
    if now.trim().parse::<u32>().is_ok_and(|limit| limit < INOTIFY_INSTANCES) {
        fs::write(INOTIFY_FILE, INOTIFY_INSTANCES.to_string())
            .context("cannot raise fs.inotify.max_user_instances")?;
    }
    Ok(())
}

/// Outside the hub the lab's addresses must not leave by the machine's default route, where
/// something else may answer. All labs share this one route.
fn shut_the_way_out() -> Result<()> {
    run(Command::new("ip").args(["route", "add", "unreachable", NETWORK]), DEADLINE).map(drop)
}

/// Takes the shared route away when no lab is left. The caller holds [`labs_lock`].
pub(crate) fn open_the_way_out_if_last() -> Result<()> {
    let labs = fs::read_dir("/run/netns").map(|entries| {
        entries.flatten().filter(|e| e.file_name().to_string_lossy().starts_with("ananke-")).count()
    });
    if labs.unwrap_or(0) == 0 {
        run(Command::new("ip").args(["route", "del", "unreachable", NETWORK]), DEADLINE)?;
    }
    Ok(())
}

/// Process id and command line of each process whose network namespace has this inode.
fn processes_in(netns: u64) -> Vec<(u32, String)> {
    let all = fs::read_dir("/proc").into_iter().flatten().flatten();
    all.filter_map(|entry| {
        let pid = entry.file_name().to_str()?.parse().ok()?;
        let own = fs::metadata(entry.path().join("ns/net")).ok()?;
        let command = fs::read(entry.path().join("cmdline")).unwrap_or_default();
        let command = String::from_utf8_lossy(&command).replace('\0', " ");
        (own.ino() == netns).then(|| (pid, command.trim_end().to_owned()))
    })
    .collect()
}

/// Held while something that all labs share is changed.
pub(crate) fn labs_lock() -> Result<File> {
    let file = PathBuf::from(RUN_ROOT).with_extension("lock");
    let lock = File::create(&file).with_context(|| format!("cannot make {}", file.display()))?;
    let end = Instant::now() + LOCK_DEADLINE;
    while lock.try_lock().is_err() {
        ensure!(Instant::now() < end, "{} is held by another lab for too long", file.display());
        thread::sleep(Duration::from_millis(5));
    }
    Ok(lock)
}
