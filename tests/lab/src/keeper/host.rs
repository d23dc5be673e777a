//! The power supply of one host: switches it on, notes how it ended, switches it on again.

use std::fs::{File, OpenOptions};
use std::os::unix::process::ExitStatusExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use rustix::process::{Pid, Signal, kill_process};
use rustix::time::{ClockId, clock_gettime};

use crate::cgroup::{Cgroup, pids_in};
use crate::command::{self, spawn};
use crate::disk::STACK_IN_HOST;
use crate::hub::Hub;
use crate::paths::{HostPaths, Paths};
use crate::power_log::{self, PowerChange, PoweredBy};
use crate::protocol::{HostAction, HostState};
use crate::spec::{HostSpec, OnAcReturn};

/// systemd-nspawn's exit code when the host asked for a reboot.
const EXIT_REBOOT: i32 = 133;
/// How long a cut may take to be over.
const CUT_DEADLINE: Duration = Duration::from_secs(10);
/// How long after power-on a host may be without its network card.
const CARD_DEADLINE: Duration = Duration::from_secs(5);
/// The signal by which systemd is asked for an orderly poweroff from outside (SIGRTMIN+4).
const POWER_BUTTON: &str = "RTMIN+4";

/// Boots a host in mount and cgroup views of its own. `$0` cgroup.procs of the host's group, `$1`
/// image, `$2` upper, `$3` work, `$4` root, then the command line of systemd-nspawn.
const BOOT: &str = r#"
set -e
echo $$ >"$0"
mount -t overlay overlay -o "lowerdir=$1,upperdir=$2,workdir=$3" "$4"
shift 4
# Locks and folders that nspawn makes per machine, and leaves behind when it is killed.
mkdir -p /run/systemd/nspawn
mount -t tmpfs tmpfs /run/systemd/nspawn
# The host shall see the unified hierarchy alone, whatever this machine mounts beside it.
if ! [ -e /sys/fs/cgroup/cgroup.controllers ]; then
  umount -R /sys/fs/cgroup
  mount -t cgroup2 cgroup2 /sys/fs/cgroup
fi
exec "$@"
"#;

/// A host and its power supply.
#[derive(Debug)]
pub(crate) struct Host {
    spec: HostSpec,
    machine: String,
    paths: HostPaths,
    netns: PathBuf,
    image: PathBuf,
    stack: Option<PathBuf>,
    hub: Hub,
    cgroup: Cgroup,
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Debug)]
struct State {
    power: Power,
    /// Whether its outlet is live; while the lab goes down no outlet is.
    ac: bool,
    plugged: bool,
    standby: bool,
    on_ac_return: OnAcReturn,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Power {
    Off,
    On,
    /// Cut, but the last of its processes has not been seen to end yet.
    Cut,
}

impl Host {
    pub(crate) fn new(
        spec: &HostSpec,
        paths: &Paths,
        image: PathBuf,
        stack: Option<PathBuf>,
    ) -> Result<Self> {
        Ok(Self {
            machine: paths.machine(spec.number),
            paths: paths.host(&spec.name),
            netns: paths.netns(),
            image,
            stack,
            hub: Hub::new(paths),
            cgroup: Cgroup::lab(paths)?.child(&spec.name),
            state: Mutex::new(State {
                power: Power::Off,
                ac: true,
                plugged: true,
                standby: spec.standby,
                on_ac_return: spec.on_ac_return,
            }),
            changed: Condvar::new(),
            spec: spec.clone(),
        })
    }

    pub(crate) fn spec(&self) -> &HostSpec {
        &self.spec
    }

    pub(crate) fn is_on(&self) -> bool {
        self.lock().power != Power::Off
    }

    pub(crate) fn state(&self) -> HostState {
        let state = self.lock();
        HostState {
            name: self.spec.name.clone(),
            role: self.spec.role,
            address: self.spec.address(),
            mac: self.spec.mac_text(),
            on: state.power != Power::Off,
            ac: state.ac,
            plugged: state.plugged,
        }
    }

    pub(crate) fn act(self: &Arc<Self>, action: HostAction) -> Result<()> {
        match action {
            HostAction::Boot => self.boot(PoweredBy::Hand).map(drop),
            HostAction::Cut => self.cut(),
            HostAction::PowerButton => self.press_power_button(),
            HostAction::Freeze => self.cgroup.child("payload").freeze(true),
            HostAction::Thaw => self.cgroup.child("payload").freeze(false),
            HostAction::Unplug => self.set_cable(false),
            HostAction::Plug => self.set_cable(true),
            HostAction::Standby(armed) => {
                self.lock().standby = armed;
                Ok(())
            }
            HostAction::OnAcReturn(policy) => {
                self.lock().on_ac_return = policy;
                Ok(())
            }
        }
    }

    /// Switches it on; `false` when it is on already.
    pub(crate) fn boot(self: &Arc<Self>, by: PoweredBy) -> Result<bool> {
        let mut state = self.lock();
        let name = &self.spec.name;
        ensure!(state.ac, "{name} has no power: its outlet is dead");
        if state.power != Power::Off {
            return Ok(false);
        }
        power_log::append(&self.paths.power, PowerChange::On(by))?;
        state.power = Power::On;
        let host = Arc::clone(self);
        thread::Builder::new()
            .name(format!("power {name}"))
            .spawn(move || host.supply_power())
            .context("cannot start the thread of a power supply")?;
        Ok(true)
    }

    /// A magic packet for it has come: what its network card makes of it.
    pub(crate) fn wake(self: &Arc<Self>) -> &'static str {
        let (ac, armed) = {
            let state = self.lock();
            (state.ac, state.standby && state.plugged)
        };
        if !ac || !armed {
            return "not-heard";
        }
        match self.boot(PoweredBy::WakeOnLan) {
            Ok(true) => "boot",
            Ok(false) => "already-on",
            Err(_) => "not-heard",
        }
    }

    pub(crate) fn cut(&self) -> Result<()> {
        let mut state = self.lock();
        if state.power == Power::Off {
            return Ok(());
        }
        state.power = Power::Cut;
        power_log::append(&self.paths.power, PowerChange::Cut)?;
        self.cgroup.kill()?;
        let end = Instant::now() + CUT_DEADLINE;
        while state.power != Power::Off {
            // Again and again: its first process may not have been in the cgroup yet.
            let (guard, _) = self
                .changed
                .wait_timeout(state, Duration::from_millis(20))
                .unwrap_or_else(PoisonError::into_inner);
            state = guard;
            self.cgroup.kill()?;
            ensure!(Instant::now() < end, "{} still lives after a cut", self.spec.name);
        }
        Ok(())
    }

    /// The outlet of the host goes dead.
    pub(crate) fn lose_ac(&self) -> Result<()> {
        self.lock().ac = false;
        self.cut()
    }

    /// The outlet has power again; the firmware decides.
    pub(crate) fn regain_ac(self: &Arc<Self>) -> Result<()> {
        let boots = {
            let mut state = self.lock();
            state.ac = true;
            state.on_ac_return == OnAcReturn::Boot
        };
        if boots { self.boot(PoweredBy::AcReturn).map(drop) } else { Ok(()) }
    }

    fn press_power_button(&self) -> Result<()> {
        let init = init_of(&self.cgroup)
            .with_context(|| format!("{} is off: its button does nothing here", self.spec.name))?;
        // rustix names only the classic signals, so the program does it.
        let pid = init.to_string();
        let mut kill = Command::new("sh");
        kill.args(["-c", r#"kill -s "$0" "$1""#, POWER_BUTTON, &pid]);
        command::check(&mut kill, Duration::from_secs(5)).map(drop)
    }

    fn set_cable(&self, plugged: bool) -> Result<()> {
        self.lock().plugged = plugged;
        if self.is_on() { self.apply_cable() } else { Ok(()) }
    }

    /// Makes the cable of a host that is on what it should be.
    fn apply_cable(&self) -> Result<()> {
        let end = Instant::now() + CARD_DEADLINE;
        // Not before the host's first process runs: until then nspawn is busy with the card, and
        // would bring it up again.
        while init_of(&self.cgroup).is_none()
            || !self.hub.set_cable(&self.machine, self.lock().plugged)?
        {
            ensure!(Instant::now() < end, "{} is on without a network card", self.spec.name);
            thread::sleep(Duration::from_millis(5));
        }
        Ok(())
    }

    /// Runs the host until it is off for good. One thread per host that is on.
    fn supply_power(self: Arc<Self>) {
        loop {
            let code = self.run_once().unwrap_or_else(|error| {
                self.note(&format!("{error:#}"));
                1
            });
            if let Err(error) = self.clear() {
                self.note(&format!("{error:#}"));
            }
            let mut state = self.lock();
            if state.power != Power::Cut {
                self.log_power(PowerChange::Exit(code));
            }
            if code != EXIT_REBOOT || state.power == Power::Cut {
                state.power = Power::Off;
                self.changed.notify_all();
                return;
            }
            self.log_power(PowerChange::On(PoweredBy::Reboot));
        }
    }

    /// Removes what a host that ended leaves, and what would be in the way of its next boot. The
    /// kernel takes its card away by itself, but in its own time.
    fn clear(&self) -> Result<()> {
        self.cgroup.kill()?;
        self.cgroup.remove(CUT_DEADLINE)?;
        self.hub.remove_card(&self.machine)
    }

    /// From power on to power off; gives nspawn's exit code.
    fn run_once(&self) -> Result<i32> {
        self.cgroup.create()?;
        let console = self.console()?;
        let mut command = self.nspawn();
        command.stdin(Stdio::null()).stdout(console.try_clone()?).stderr(console);
        let mut child = spawn(&mut command)?;
        if !self.lock().plugged
            && let Err(error) = self.apply_cable()
        {
            self.note(&format!("{error:#}"));
        }
        let status = child.wait().context("cannot wait for a host")?;
        Ok(status.code().unwrap_or_else(|| 128 + status.signal().unwrap_or(0)))
    }

    /// The chain of programs that becomes the host; all of it is one process.
    fn nspawn(&self) -> Command {
        let mut command = Command::new("nsenter");
        command.arg(format!("--net={}", self.netns.display()));
        command.args(["unshare", "--mount", "--propagation", "private"]);
        command.args(time_from_zero()).args(["sh", "-c", BOOT]);
        command.arg(self.cgroup.path().join("cgroup.procs"));
        let root = self.paths.root();
        command.arg(&self.image).arg(self.paths.upper()).arg(self.paths.work()).arg(&root);
        command.args(["systemd-nspawn", "--quiet", "--boot", "--register=no", "--keep-unit"]);
        command.args(["--settings=no", "--console=read-only", "--resolv-conf=off"]);
        command.args(["--timezone=off", "--link-journal=no", "--kill-signal=SIGRTMIN+3"]);
        // Lets `timedatectl` read the kernel's clock state; setting it needs a right no host has.
        command.arg("--system-call-filter=adjtimex clock_adjtime");
        command.args(["--network-bridge=br0", "--machine", &self.machine]);
        command.arg(format!("--hostname={}", self.spec.name));
        command.arg(format!("--directory={}", root.display()));
        command.arg(format!("--bind={}:/var/lib/rancher", self.paths.rancher().display()));
        command.arg(format!("--bind={}:/var/lib/kubelet", self.paths.kubelet().display()));
        if let Some(stack) = &self.stack {
            command.arg(format!("--bind-ro={}:{STACK_IN_HOST}", stack.display()));
        }
        command
    }

    fn console(&self) -> Result<File> {
        OpenOptions::new()
            .create(true)
            .append(true)
            .open(&self.paths.console)
            .with_context(|| format!("cannot open {}", self.paths.console.display()))
    }

    fn log_power(&self, change: PowerChange) {
        if let Err(error) = power_log::append(&self.paths.power, change) {
            self.note(&format!("{error:#}"));
        }
    }

    fn note(&self, message: &str) {
        super::note(&format!("{}: {message}", self.spec.name));
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Options of `unshare` that let a host's uptime begin at its own boot, not at the machine's; none
/// on a kernel without time namespaces.
fn time_from_zero() -> Vec<String> {
    if !Path::new("/proc/self/ns/time").exists() {
        return Vec::new();
    }
    let option = |name: &str, clock| format!("--{name}=-{}", clock_gettime(clock).tv_sec);
    vec![
        "--time".to_owned(),
        option("boottime", ClockId::Boottime),
        option("monotonic", ClockId::Monotonic),
    ]
}

/// Process id, seen from here, of the first process of the host whose group this is.
pub(crate) fn init_of(cgroup: &Cgroup) -> Option<u32> {
    pids_in(&cgroup.child("payload").path().join("init.scope/cgroup.procs")).first().copied()
}

/// Sends a classic signal to a process.
pub(crate) fn signal(pid: u32, signal: Signal) -> Result<()> {
    let pid = i32::try_from(pid).ok().and_then(Pid::from_raw).context("no process id")?;
    kill_process(pid, signal).with_context(|| format!("cannot signal process {pid:?}"))
}
