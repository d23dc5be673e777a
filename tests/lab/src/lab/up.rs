//! How a lab comes up and goes down.

use std::fs::{self, File};
use std::io::{BufReader, ErrorKind};
use std::path::{Path, PathBuf};
use std::process::Child;
use std::sync::mpsc;

use anyhow::{Context, Result, anyhow, bail, ensure};

use super::{BOOT_DEADLINE, DEADLINE, Lab};
use crate::command::{self, require};
use crate::hub::{Hub, labs_lock};
use crate::keeper::nut::{DRIVER, UPSD};
use crate::keeper::{self, Order, identity_of};
use crate::paths::{Paths, RUN_ROOT};
use crate::protocol::{Reply, Request, ask, receive};
use crate::spec::LabSpec;
use crate::{image, teardown};

/// The programs that every lab needs.
const PROGRAMS: &[&str] =
    &["ip", "journalctl", "nsenter", "ssh", "ssh-keygen", "systemd-nspawn", "unshare"];

impl Lab {
    pub(super) fn start(mut spec: LabSpec, lifeline: bool) -> Result<Self> {
        spec.validate()?;
        require_tools(&spec)?;
        spec.stack = spec.stack.as_deref().map(stack_folder).transpose()?;
        spec.logs = spec.logs.as_deref().map(folder).transpose()?;
        let image = image::ensure()?;
        let paths = Paths::of(&spec);
        claim(&paths)?;
        let mut lab = Self { hub: Hub::new(&paths), paths, spec, keeper: None };
        if let Err(error) = lab.launch(image, lifeline) {
            // The keeper has cleared up if it could; if it could not, this does.
            lab.take_down().ok();
            return Err(error);
        }
        Ok(lab)
    }

    fn launch(&mut self, image: PathBuf, lifeline: bool) -> Result<()> {
        fs::create_dir_all(self.paths.logs()).context("cannot make the folder for logs")?;
        fs::write(self.paths.spec(), serde_json::to_vec(&self.spec)?)?;
        let log = File::create(self.paths.logs().join("keeper.log"))?;
        let order = Order { spec: self.spec.clone(), image, lifeline };
        let mut keeper = keeper::start(&program()?, &order, log)?;
        let identity = identity_of(keeper.id()).context("the keeper ended at once")?;
        fs::write(self.paths.keeper(), identity)?;
        let answer = first_line(&mut keeper);
        self.keeper = Some(keeper);
        if let Reply::Failed(message) = answer? {
            bail!("the lab did not come up: {message}");
        }
        for host in self.spec.hosts.iter().filter(|host| host.on) {
            self.wait_ssh(&host.name, BOOT_DEADLINE)?;
        }
        Ok(())
    }

    pub(super) fn take_down(&mut self) -> Result<()> {
        let asked = ask(&self.paths.control(), &Request::Down, DEADLINE);
        if let Some(mut keeper) = self.keeper.take() {
            // The end of its input tells it, too, should the socket be gone.
            drop(keeper.stdin.take());
            if command::wait(&mut keeper, DEADLINE)?.is_none() {
                keeper.kill().ok();
                keeper.wait().ok();
            }
        }
        match asked {
            Ok(_) => Ok(()),
            Err(_) if !self.paths.control().exists() => teardown::sweep(&self.paths),
            Err(error) => teardown::sweep(&self.paths).and(Err(error)),
        }
    }
}

impl Drop for Lab {
    #[expect(clippy::panic, reason = "a lab that cannot be taken down must fail its test")]
    fn drop(&mut self) {
        if self.keeper.is_none() {
            return;
        }
        match self.take_down() {
            Err(error) if !std::thread::panicking() => panic!("{error:#}"),
            _ => {}
        }
    }
}

fn require_tools(spec: &LabSpec) -> Result<()> {
    ensure!(rustix::process::geteuid().is_root(), "missing: root (the lab boots real hosts)");
    let nut: &[&str] = if spec.supplies.is_empty() { &[] } else { &["upsc", UPSD, DRIVER] };
    require(&[PROGRAMS, nut].concat())
}

fn folder(path: &Path) -> Result<PathBuf> {
    fs::create_dir_all(path).with_context(|| format!("cannot make {}", path.display()))?;
    fs::canonicalize(path).with_context(|| format!("cannot find {}", path.display()))
}

fn stack_folder(path: &Path) -> Result<PathBuf> {
    let k3s = path.join("k3s");
    ensure!(k3s.is_file(), "missing: {} (it is to be the stack's `k3s`)", k3s.display());
    fs::canonicalize(path).with_context(|| format!("cannot find {}", path.display()))
}

/// Takes the name: clears what a dead lab of this name left, refuses a living one.
fn claim(paths: &Paths) -> Result<()> {
    let name = &paths.name;
    if let Some(pid) = teardown::living_keeper(paths) {
        bail!("lab `{name}` is up already (process {pid}): lab down --name {name}");
    }
    teardown::sweep(paths).with_context(|| format!("cannot clear what lab `{name}` left"))?;
    let _guard = labs_lock()?;
    fs::create_dir_all(RUN_ROOT)?;
    match fs::create_dir(paths.run()) {
        Err(error) if error.kind() == ErrorKind::AlreadyExists => {
            bail!("lab `{name}` is being brought up by somebody else")
        }
        other => other.with_context(|| format!("cannot make {}", paths.run().display()))?,
    }
    fs::create_dir_all(paths.disks())
        .with_context(|| format!("cannot make {}", paths.disks().display()))
}

/// The program `lab`: this very one, or the one that was built beside this test.
fn program() -> Result<PathBuf> {
    let own = std::env::current_exe().context("cannot tell which program this is")?;
    if own.file_stem().is_some_and(|stem| stem == "lab") {
        return Ok(own);
    }
    // Cargo puts test programs into `deps/` below the folder of the program proper.
    let beside = own.ancestors().skip(1).take(2).map(|folder| folder.join("lab"));
    let found = beside.into_iter().find(|program| program.is_file());
    found.context("missing: the program `lab` beside this one (cargo build -p ananke-lab)")
}

/// The first thing that the keeper says.
fn first_line(keeper: &mut Child) -> Result<Reply> {
    let stdout = keeper.stdout.take().context("the keeper has no output")?;
    let (sender, receiver) = mpsc::channel();
    std::thread::spawn(move || sender.send(receive(&mut BufReader::new(stdout))).ok());
    receiver
        .recv_timeout(DEADLINE)
        .map_err(|_| anyhow!("the keeper said nothing in {DEADLINE:?}"))?
}
