//! The dead man's switch of a lab: should its keeper be killed, nothing of the lab lives on.

use std::os::unix::process::CommandExt as _;
use std::process::{Child, Command, Stdio};

use anyhow::Result;

use crate::cgroup::Cgroup;
use crate::command::spawn;

/// A process that waits for its input to end, which it does with the keeper, however that ends,
/// and then kills the lab's control group. (A parent-death signal would reach systemd-nspawn,
/// but systemd inside it lives on.)
#[derive(Debug)]
pub(crate) struct DeadMansSwitch(Child);

impl DeadMansSwitch {
    pub(crate) fn arm(lab: &Cgroup) -> Result<Self> {
        let mut command = Command::new("sh");
        command.args(["-c", r#"read -r _; echo 1 >"$0""#]).arg(lab.path().join("cgroup.kill"));
        // A group of its own: what is sent to the keeper's group is not for it.
        command.process_group(0).stdin(Stdio::piped());
        command.stdout(Stdio::null()).stderr(Stdio::null());
        Ok(Self(spawn(&mut command)?))
    }
}

impl Drop for DeadMansSwitch {
    fn drop(&mut self) {
        drop(self.0.stdin.take());
        self.0.wait().ok();
    }
}
