//! A lab, as the stories use it.

mod up;

use std::collections::BTreeMap;
use std::fs;
use std::io::Read as _;
use std::net::{SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};

use crate::cgroup::Cgroup;
use crate::cluster;
use crate::command::{self, Output};
use crate::hub::Hub;
use crate::paths::Paths;
use crate::process::HubProcess;
use crate::protocol::{HostAction, HostState, Reply, Request, UpsAction, ask};
use crate::spec::{HUB_ADDRESS, HostSpec, LabName, LabSpec, NUT_PORT, Role, USER};
use crate::teardown;

/// How long the keeper may take for one request; taking a big lab down is the longest.
const DEADLINE: Duration = Duration::from_secs(60);
/// How long hosts may take from power on to a login. Measured: 1 to 2 s; 23 s for 60 at once.
const BOOT_DEADLINE: Duration = Duration::from_secs(90);
/// Pause between two looks while something is waited for.
const LOOK_AGAIN: Duration = Duration::from_millis(20);

/// A lab that is up. When it is dropped, all of it goes down, and it panics if anything is left.
#[derive(Debug)]
pub struct Lab {
    spec: LabSpec,
    paths: Paths,
    hub: Hub,
    /// The process of the keeper, if this value brought the lab up and is to take it down.
    keeper: Option<Child>,
}

impl Lab {
    /// Brings a lab up: hosts that are on at first answer at their SSH port, and the UPS server
    /// answers. It lives until [`Lab::down`], until it is dropped, or until this process dies.
    ///
    /// # Errors
    /// Something is missing (the message says what to install), the name is taken, or something
    /// did not come up; then nothing is left behind.
    pub fn up(spec: LabSpec) -> Result<Self> {
        Self::start(spec, true)
    }

    /// Like [`Lab::up`], but it lives on without this process, until somebody takes it down.
    ///
    /// # Errors
    /// As [`Lab::up`].
    pub fn up_detached(spec: LabSpec) -> Result<()> {
        let mut lab = Self::start(spec, false)?;
        lab.keeper = None;
        Ok(())
    }

    /// The lab of this name that somebody else brought up, and will take down.
    ///
    /// # Errors
    /// There is none.
    pub fn attach(name: &LabName) -> Result<Self> {
        let file = Paths::new(name).spec();
        let text = fs::read_to_string(&file).with_context(|| format!("no lab `{name}` is up"))?;
        let spec: LabSpec = serde_json::from_str(&text)?;
        let paths = Paths::of(&spec);
        Ok(Self { hub: Hub::new(&paths), paths, spec, keeper: None })
    }

    /// Names of the labs that are up on this machine.
    pub fn names() -> Vec<LabName> {
        let labs = fs::read_dir(crate::paths::RUN_ROOT).into_iter().flatten().flatten();
        labs.filter_map(|lab| LabName::new(&lab.file_name().to_string_lossy()).ok()).collect()
    }

    /// Takes the lab down and removes all of it.
    ///
    /// # Errors
    /// Something was left behind; the message lists it.
    pub fn down(mut self) -> Result<()> {
        self.take_down()
    }

    /// Takes a lab down by name, whatever state it is in: fine when there is none.
    ///
    /// # Errors
    /// Something is still there; the message lists it.
    pub fn remove(name: &LabName) -> Result<()> {
        let paths = Paths::new(name);
        if ask(&paths.control(), &Request::Down, DEADLINE).is_ok() {
            return Ok(());
        }
        teardown::kill_keeper(&paths)?;
        teardown::sweep(&paths)
    }

    /// What it consists of.
    pub fn spec(&self) -> &LabSpec {
        &self.spec
    }

    /// One of its hosts.
    ///
    /// # Errors
    /// It has none of this name.
    pub fn host(&self, name: &str) -> Result<&HostSpec> {
        let host = self.spec.hosts.iter().find(|host| host.name == name);
        host.with_context(|| format!("the lab has no host `{name}`"))
    }

    /// Does something to a host.
    ///
    /// # Errors
    /// There is no such host, or it could not be done.
    pub fn host_action(&self, host: &str, action: HostAction) -> Result<()> {
        let request = Request::Host { host: host.to_owned(), action };
        ask(&self.paths.control(), &request, DEADLINE).map(drop)
    }

    /// Does something to a supply.
    ///
    /// # Errors
    /// There is no such supply, or it could not be done.
    pub fn ups_action(&self, ups: &str, action: UpsAction) -> Result<()> {
        let request = Request::Ups { ups: ups.to_owned(), action };
        ask(&self.paths.control(), &request, DEADLINE).map(drop)
    }

    /// Switches a host on.
    ///
    /// # Errors
    /// Its supply is empty.
    pub fn boot(&self, host: &str) -> Result<()> {
        self.host_action(host, HostAction::Boot)
    }

    /// Cuts a host's power; it is off when this returns.
    ///
    /// # Errors
    /// Some process of it would not end.
    pub fn cut(&self, host: &str) -> Result<()> {
        self.host_action(host, HostAction::Cut)
    }

    /// Takes the mains of a supply away, or brings them back; its battery follows from there.
    ///
    /// # Errors
    /// There is no such supply.
    pub fn mains(&self, ups: &str, present: bool) -> Result<()> {
        self.ups_action(ups, UpsAction::Mains(present))
    }

    /// Changes variables of a supply by hand, in one pass of its driver.
    ///
    /// # Errors
    /// There is no such supply.
    pub fn ups_set<'a>(
        &self,
        ups: &str,
        values: impl IntoIterator<Item = (&'a str, &'a str)>,
    ) -> Result<()> {
        let owned = |(name, value): (&str, &str)| (name.to_owned(), value.to_owned());
        let values: BTreeMap<_, _> = values.into_iter().map(owned).collect();
        self.ups_action(ups, UpsAction::Set(values))
    }

    /// A variable of a supply, as a client in the hub reads it (NUT's `upsc`).
    ///
    /// # Errors
    /// The server does not answer, or answers with an error (`Data stale` and others).
    pub fn ups_get(&self, ups: &str, variable: &str) -> Result<String> {
        let output = self.upsc(ups, Some(variable))?;
        ensure!(output.ok(), "{}", output.stderr.lines().last().unwrap_or("upsc failed"));
        Ok(output.stdout.trim_end().to_owned())
    }

    /// All variables of a supply, `name: value` per line, or what `upsc` complains of.
    ///
    /// # Errors
    /// `upsc` is missing or hangs.
    pub fn upsc(&self, ups: &str, variable: Option<&str>) -> Result<Output> {
        let mut upsc = self.command("upsc")?;
        upsc.arg(format!("{ups}@{HUB_ADDRESS}:{NUT_PORT}")).args(variable);
        command::run(&mut upsc, Duration::from_secs(10))
    }

    /// The authority that signed the UPS server's certificate, when the lab has TLS.
    pub fn nut_ca(&self) -> PathBuf {
        self.paths.nut().join("tls/ca.pem")
    }

    /// All hosts as they are now.
    ///
    /// # Errors
    /// The keeper does not answer.
    pub fn state(&self) -> Result<Vec<HostState>> {
        match ask(&self.paths.control(), &Request::State, DEADLINE)? {
            Reply::State(hosts) => Ok(hosts),
            other => bail!("the keeper answered {other:?}"),
        }
    }

    /// Whether a host is on: whether any process of it lives.
    ///
    /// # Errors
    /// There is no such host.
    pub fn is_on(&self, host: &str) -> Result<bool> {
        let host = self.host(host)?;
        Ok(self.state()?.iter().any(|state| state.name == host.name && state.on))
    }

    /// A command in the hub, where the daemon under test belongs. Whatever it forks ends with the
    /// lab at the latest.
    ///
    /// # Errors
    /// Control groups are not to be had.
    pub fn command(&self, program: impl AsRef<Path>) -> Result<Command> {
        self.hub.command(program)
    }

    /// A control group of the lab's for whatever is to be measured by itself, empty at first. It
    /// goes with the lab, and what runs in it too.
    ///
    /// # Errors
    /// Control groups are not to be had.
    pub fn control_group(&self, name: &str) -> Result<PathBuf> {
        let group = Cgroup::lab(&self.paths)?.child(name);
        group.create()?;
        Ok(group.path().to_owned())
    }

    /// Starts a command of [`Lab::command`] with a log of this name, which it appends to.
    ///
    /// # Errors
    /// The program is missing or the log cannot be written.
    pub fn spawn(&self, name: &str, command: &mut Command) -> Result<HubProcess> {
        let log = self.paths.logs().join(format!("{name}.log"));
        HubProcess::spawn(name, command, &log)
    }

    /// Runs a command line as [`USER`] on a host over SSH.
    ///
    /// # Errors
    /// `ssh` is missing, or had not ended after a minute. A refused login is code 255.
    pub fn ssh(&self, host: &str, command_line: &str) -> Result<Output> {
        command::run(self.ssh_command(host)?.arg(command_line), DEADLINE)
    }

    /// The `ssh` to a host, with the options that it needs; the caller adds the command line.
    ///
    /// # Errors
    /// There is no such host.
    pub fn ssh_command(&self, host: &str) -> Result<Command> {
        let address = self.host(host)?.address();
        let mut ssh = self.command("ssh")?;
        ssh.arg("-i").arg(self.identity());
        ssh.arg("-o").arg(format!("UserKnownHostsFile={}", self.known_hosts().display()));
        for option in ["StrictHostKeyChecking=yes", "BatchMode=yes", "ConnectTimeout=3"] {
            ssh.args(["-o", option]);
        }
        ssh.args(["-F", "none", "-o", "LogLevel=ERROR", "-o", "ServerAliveInterval=2"]);
        ssh.arg(format!("{USER}@{address}"));
        Ok(ssh)
    }

    /// Private key of [`USER`] on all hosts.
    pub fn identity(&self) -> PathBuf {
        self.paths.identity()
    }

    /// Public keys of all hosts, by address and name.
    pub fn known_hosts(&self) -> PathBuf {
        self.paths.known_hosts()
    }

    /// A folder for files of the test; it goes with the lab.
    ///
    /// # Errors
    /// It cannot be made.
    pub fn scratch(&self) -> Result<PathBuf> {
        let folder = self.paths.run().join("scratch");
        fs::create_dir_all(&folder)?;
        Ok(folder)
    }

    /// Where the logs are.
    pub fn logs(&self) -> PathBuf {
        self.paths.logs()
    }

    /// Opens a TCP connection from the hub.
    ///
    /// # Errors
    /// Nobody answers.
    pub fn connect(&self, to: SocketAddr, deadline: Duration) -> Result<TcpStream> {
        self.hub.connect(to, deadline)
    }

    /// Runs `work` on a thread in the hub's network; sockets that it returns stay in it.
    ///
    /// # Errors
    /// The lab is down.
    pub fn enter<T: Send>(&self, work: impl FnOnce() -> T + Send) -> Result<T> {
        self.hub.enter(work)
    }

    /// The administrator's kubeconfig, for use in the hub; it names the first server.
    pub fn kubeconfig(&self) -> PathBuf {
        self.paths.cluster().join("admin.kubeconfig")
    }

    /// Runs the stack's `kubectl` in the hub as administrator, against the first server that is on.
    ///
    /// # Errors
    /// The lab has no stack, no server is on, or it had not ended after a minute.
    pub fn kubectl(&self, arguments: &[&str]) -> Result<Output> {
        let stack = self.spec.stack.as_ref().context("this lab has no stack")?;
        let on: Vec<String> =
            self.state()?.into_iter().filter(|host| host.on).map(|host| host.name).collect();
        let mut servers = self.spec.hosts.iter().filter(|host| host.role == Role::Server);
        let server = servers.find(|host| on.contains(&host.name)).context("no server is on")?;
        let mut kubectl = self.command(stack.join("kubectl"))?;
        kubectl.arg("--kubeconfig").arg(self.kubeconfig());
        kubectl.args(["--server", &cluster::api_url(server)]).args(arguments);
        command::run(&mut kubectl, DEADLINE)
    }

    /// Waits until a host's SSH server greets.
    ///
    /// # Errors
    /// It does not within the deadline; the message ends with the last lines of its console.
    pub fn wait_ssh(&self, host: &str, deadline: Duration) -> Result<()> {
        let address = SocketAddr::from((self.host(host)?.address(), 22));
        let end = Instant::now() + deadline;
        while !self.greets(address) {
            if Instant::now() >= end {
                let console = fs::read_to_string(self.paths.host(host).console).unwrap_or_default();
                let tail = command::tail(&console, 5);
                bail!("{host} has no SSH server after {deadline:?}; its console:\n{tail}");
            }
            std::thread::sleep(LOOK_AGAIN);
        }
        Ok(())
    }

    /// Waits until a host is off.
    ///
    /// # Errors
    /// It is on at the deadline.
    pub fn wait_off(&self, host: &str, deadline: Duration) -> Result<()> {
        let end = Instant::now() + deadline;
        while self.is_on(host)? {
            ensure!(Instant::now() < end, "{host} is still on after {deadline:?}");
            std::thread::sleep(LOOK_AGAIN);
        }
        Ok(())
    }

    pub(crate) fn paths(&self) -> &Paths {
        &self.paths
    }

    fn greets(&self, address: SocketAddr) -> bool {
        let patience = Duration::from_millis(500);
        let Ok(mut stream) = self.connect(address, patience) else { return false };
        let mut greeting = [0; 4];
        stream.set_read_timeout(Some(patience)).is_ok()
            && stream.read_exact(&mut greeting).is_ok()
            && &greeting == b"SSH-"
    }
}
