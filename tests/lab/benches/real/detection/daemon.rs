//! A daemon with one supply and one host, over the real wiring.

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Child, ChildStderr, Stdio},
    thread,
    time::{Duration, Instant},
};

use ananke_lab::{HUB_ADDRESS, Lab, NO_CLUSTER, NUT_PORT, SECONDARY};
use anyhow::{Context, Result, ensure};
use serde_json::Value;

use super::{PATIENCE, Place, private};

/// The first port of the daemons' pages, one each.
const PAGES: usize = 9600;

/// It is killed when this is dropped.
pub(crate) struct Daemon {
    process: Child,
    ups: String,
    status: PathBuf,
}

impl Daemon {
    /// Starts it; its log is read by whoever gets it.
    pub(crate) fn start(lab: &Lab, place: &Place, folder: &Path) -> Result<(Self, ChildStderr)> {
        fs::create_dir_all(folder.join("desired"))?;
        fs::create_dir_all(folder.join("state/journal"))?;
        fs::write(folder.join("desired/bench.yaml"), policy(place))?;
        private(&folder.join("kubeconfig"), NO_CLUSTER)?;
        private(
            &folder.join("nut-credentials"),
            &format!("username: {}\npassword: {}\n", SECONDARY.name, SECONDARY.password),
        )?;
        let config = private(&folder.join("ananke.yaml"), &configuration(lab, place, folder)?)?;
        let mut command = lab.command(ananke_lab::ananke()?)?;
        command.arg("--config").arg(config).arg("run");
        // Sockets of ssh: a short path.
        command.env("RUNTIME_DIRECTORY", lab.scratch()?.join(&place.ups));
        command.env("HOME", "/nonexistent").env_remove("JOURNAL_STREAM");
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped());
        let mut process = command.spawn().context("cannot start ananke")?;
        let log = process.stderr.take().context("ananke has no log")?;
        let status = folder.join("state/status.json");
        Ok((Self { process, ups: place.ups.clone(), status }, log))
    }

    /// Waits until it says that all is as declared.
    pub(crate) fn wait_for_rest(&self) -> Result<()> {
        let end = Instant::now() + PATIENCE;
        while !self.is_ready() {
            let said = || fs::read_to_string(&self.status).unwrap_or_default();
            ensure!(Instant::now() < end, "{}: not at rest: {}", self.ups, said());
            thread::sleep(Duration::from_millis(100));
        }
        Ok(())
    }

    fn is_ready(&self) -> bool {
        let text = fs::read_to_string(&self.status).unwrap_or_default();
        let status: Value = serde_json::from_str(&text).unwrap_or_default();
        let conditions = status["status"]["conditions"].as_array();
        conditions
            .is_some_and(|all| all.iter().any(|c| c["type"] == "Ready" && c["status"] == "True"))
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        self.process.kill().ok();
        self.process.wait().ok();
    }
}

fn policy(place: &Place) -> String {
    let Place { ups, host, debounce, .. } = place;
    format!(
        "apiVersion: ananke.dev/v1alpha1\nkind: PowerPolicy\nmetadata:\n  name: bench\nspec:\n  \
         target: cluster-only-down\n  supplies:\n    - name: {ups}\n      powers: [{host}]\n      \
         trigger: {{debounce: {debounce}}}\n      \
         recover: {{minCharge: 25, stableFor: 0s}}\n  \
         hosts:\n    - {{name: {host}, role: server}}\n"
    )
}

fn configuration(lab: &Lab, place: &Place, folder: &Path) -> Result<String> {
    let Place { ups, host, .. } = place;
    Ok(format!(
        "apiVersion: ananke.dev/v1alpha1\nkind: HostConfiguration\nrole: coordinator\n\
         desired: {at}/desired\npolicy: bench\nstate: {at}/state\nlisten: 127.0.0.1:{port}\n\
         kubernetes: {{kubeconfig: {at}/kubeconfig}}\n\
         ssh:\n  identity: {identity}\n  knownHosts: {known}\n  user: ananke\n  hosts:\n    \
         {host}: {{address: {address}}}\n\
         supplies:\n  {ups}: {{ups: \"{ups}@{HUB_ADDRESS}:{NUT_PORT}\", \
         credentials: {at}/nut-credentials, poll: 1s}}\n",
        at = folder.display(),
        port = PAGES + place.at,
        identity = lab.identity().display(),
        known = lab.known_hosts().display(),
        address = lab.host(host)?.address(),
    ))
}
