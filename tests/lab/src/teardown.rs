//! Removing everything that a lab made, in whatever state it is: up, half up, or left behind by a
//! keeper that was killed.

use std::fs;
use std::io::ErrorKind;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use rustix::process::Signal;

use crate::cgroup::Cgroup;
use crate::hub::{Hub, labs_lock, open_the_way_out_if_last};
use crate::keeper::host::signal;
use crate::keeper::identity_of;
use crate::leftovers::Leftovers;
use crate::paths::{DISK_ROOT, Paths, RUN_ROOT};

/// How long killed processes may take to be gone.
const DEADLINE: Duration = Duration::from_secs(20);

/// Kills and removes all that is left of a lab; fine when there is nothing. The lab's keeper calls
/// it last, others call it for a lab whose keeper is dead.
///
/// # Errors
/// Something is still there; the message says what.
pub(crate) fn sweep(paths: &Paths) -> Result<()> {
    let group = Cgroup::lab(paths)?;
    group.kill()?;
    group.remove(DEADLINE)?;
    let _guard = labs_lock()?;
    Hub::new(paths).remove()?;
    for folder in [paths.disks(), paths.run()] {
        gone(fs::remove_dir_all(&folder))
            .with_context(|| format!("cannot remove {}", folder.display()))?;
    }
    open_the_way_out_if_last()?;
    // The folders that all labs share go with the last of them.
    fs::remove_dir(DISK_ROOT).ok();
    fs::remove_dir(RUN_ROOT).ok();
    fs::remove_dir(Cgroup::all()?.path()).ok();
    let left = Leftovers::of_lab(&paths.name);
    if !left.is_empty() {
        bail!("left behind:\n{left}");
    }
    Ok(())
}

/// Kills the keeper that a lab's folder names, if it is that very process.
pub(crate) fn kill_keeper(paths: &Paths) -> Result<()> {
    if let Some(pid) = living_keeper(paths) {
        signal(pid, Signal::KILL)?;
    }
    Ok(())
}

/// The process id of the lab's keeper, if it lives.
pub(crate) fn living_keeper(paths: &Paths) -> Option<u32> {
    let recorded = fs::read_to_string(paths.keeper()).ok()?;
    let pid = recorded.split(' ').next()?.parse().ok()?;
    (identity_of(pid)? == recorded).then_some(pid)
}

fn gone(result: std::io::Result<()>) -> std::io::Result<()> {
    match result {
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
        other => other,
    }
}
