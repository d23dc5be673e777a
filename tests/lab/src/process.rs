//! A program that a story runs in the hub.

use std::fs::{self, File, OpenOptions};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::Duration;

use anyhow::{Context, Result, ensure};

use crate::command;

/// The program under test: beside the build of the test that asks.
///
/// # Errors
/// It was not built.
pub fn ananke() -> Result<PathBuf> {
    let this = std::env::current_exe()?;
    let folder = this.parent().and_then(Path::parent).context("no target folder")?;
    let ananke = folder.join("ananke");
    ensure!(ananke.exists(), "missing: {} (cargo build -p ananke)", ananke.display());
    Ok(ananke)
}

/// A running program; it is killed when this is dropped.
#[derive(Debug)]
pub struct HubProcess {
    name: String,
    child: Child,
    log: PathBuf,
}

impl HubProcess {
    pub(crate) fn spawn(name: &str, command: &mut Command, log: &Path) -> Result<Self> {
        let file: File = OpenOptions::new()
            .create(true)
            .append(true)
            .open(log)
            .with_context(|| format!("cannot open {}", log.display()))?;
        command.stdin(Stdio::null()).stdout(file.try_clone()?).stderr(file);
        let child = command::spawn(command)?;
        Ok(Self { name: name.to_owned(), child, log: log.to_owned() })
    }

    /// Its process id.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Everything that it, and its predecessors of the same name, wrote.
    pub fn log(&self) -> String {
        fs::read_to_string(&self.log).unwrap_or_default()
    }

    /// Whether it still runs.
    pub fn is_running(&mut self) -> bool {
        matches!(self.child.try_wait(), Ok(None))
    }

    /// Waits until it ends by itself; `None` when it still runs at the deadline.
    ///
    /// # Errors
    /// The operating system cannot tell.
    pub fn wait(&mut self, deadline: Duration) -> Result<Option<ExitStatus>> {
        command::wait(&mut self.child, deadline)
    }

    /// Kills it with SIGKILL, and returns when it is gone.
    ///
    /// # Errors
    /// The operating system refuses.
    pub fn kill(&mut self) -> Result<()> {
        self.child.kill().with_context(|| format!("cannot kill {}", self.name))?;
        self.child.wait().with_context(|| format!("cannot wait for {}", self.name))?;
        Ok(())
    }
}

impl Drop for HubProcess {
    fn drop(&mut self) {
        self.kill().ok();
    }
}
