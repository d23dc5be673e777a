//! Control groups of version 2: one per lab, in it one per host and one for what runs in the hub.
//!
//! A machine may mount the unified hierarchy alone or beside version 1 ("hybrid"); only the
//! unified one is used here, and the hosts see no other.

use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};

use crate::paths::{CGROUP, Paths};

/// Where the unified hierarchy is mounted.
///
/// # Errors
/// It is not mounted at either of its usual places.
pub(crate) fn mount_point() -> Result<PathBuf> {
    ["/sys/fs/cgroup", "/sys/fs/cgroup/unified"]
        .into_iter()
        .map(PathBuf::from)
        .find(|folder| folder.join("cgroup.procs").exists())
        .context("missing: cgroup v2 (mount -t cgroup2 cgroup2 /sys/fs/cgroup/unified)")
}

/// One control group.
#[derive(Debug, Clone)]
pub(crate) struct Cgroup(PathBuf);

impl Cgroup {
    /// The group that holds every lab.
    pub(crate) fn all() -> Result<Self> {
        Ok(Self(mount_point()?.join(CGROUP)))
    }

    /// The group of a lab.
    pub(crate) fn lab(paths: &Paths) -> Result<Self> {
        Ok(Self::all()?.child(paths.name.as_str()))
    }

    /// The group of one host, or of the hub.
    pub(crate) fn child(&self, name: &str) -> Self {
        Self(self.0.join(name))
    }

    pub(crate) fn path(&self) -> &Path {
        &self.0
    }

    /// Creates it and what lies above it, and hands down the controllers that there are.
    pub(crate) fn create(&self) -> Result<()> {
        fs::create_dir_all(&self.0).with_context(|| format!("cannot make {}", self.0.display()))?;
        let above: Vec<&Path> = self.0.ancestors().skip(1).collect();
        for folder in above.into_iter().rev().filter(|f| f.join("cgroup.procs").exists()) {
            let controllers = fs::read_to_string(folder.join("cgroup.controllers"))?;
            for controller in controllers.split_whitespace() {
                // One that cannot be handed down (hybrid, or a container's root) is not needed.
                fs::write(folder.join("cgroup.subtree_control"), format!("+{controller}")).ok();
            }
        }
        Ok(())
    }

    /// Every process in it and below it, by its id here.
    pub(crate) fn processes(&self) -> Vec<u32> {
        let mut pids = pids_in(&self.0.join("cgroup.procs"));
        for child in self.children() {
            pids.extend(child.processes());
        }
        pids
    }

    /// The groups in it, whatever made them.
    pub(crate) fn children(&self) -> Vec<Self> {
        let Ok(entries) = fs::read_dir(&self.0) else { return Vec::new() };
        let folders = entries.flatten().filter(|e| e.file_type().is_ok_and(|t| t.is_dir()));
        folders.map(|e| Self(e.path())).collect()
    }

    /// Kills all processes in it and below it at once, as an unplugged cord does.
    pub(crate) fn kill(&self) -> Result<()> {
        match fs::write(self.0.join("cgroup.kill"), "1") {
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
            other => other.with_context(|| format!("cannot kill {}", self.0.display())),
        }
    }

    /// Stops the clock of everything in it, or lets it run on.
    pub(crate) fn freeze(&self, frozen: bool) -> Result<()> {
        fs::write(self.0.join("cgroup.freeze"), if frozen { "1" } else { "0" })
            .with_context(|| format!("cannot freeze or thaw {}", self.0.display()))
    }

    /// Removes it and all below it, once its processes are gone.
    ///
    /// # Errors
    /// Some process is still there at the deadline; the message has its id.
    pub(crate) fn remove(&self, deadline: Duration) -> Result<()> {
        let end = Instant::now() + deadline;
        while self.0.exists() {
            if self.try_remove() {
                return Ok(());
            }
            if Instant::now() >= end {
                bail!("{} still has processes {:?}", self.0.display(), self.processes());
            }
            std::thread::sleep(Duration::from_millis(5));
        }
        Ok(())
    }

    fn try_remove(&self) -> bool {
        for child in self.children() {
            child.try_remove();
        }
        match fs::remove_dir(&self.0) {
            Ok(()) => true,
            Err(error) => error.kind() == ErrorKind::NotFound,
        }
    }
}

/// Process ids in a `cgroup.procs` file; none when the group is not there.
pub(crate) fn pids_in(file: &Path) -> Vec<u32> {
    let text = fs::read_to_string(file).unwrap_or_default();
    text.lines().filter_map(|line| line.parse().ok()).collect()
}
