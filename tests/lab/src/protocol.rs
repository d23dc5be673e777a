//! What the keeper of a lab can be asked over its socket: one JSON line each way.

use std::collections::BTreeMap;
use std::io::BufReader;
use std::net::Ipv4Addr;
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use serde::{Deserialize, Serialize};

use crate::spec::{OnAcReturn, Role};

/// A request to the keeper.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Request {
    Host { host: String, action: HostAction },
    Ups { ups: String, action: UpsAction },
    State,
    Down,
}

/// What can be done to a host from outside.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum HostAction {
    /// Switch it on; nothing happens to one that is on.
    Boot,
    /// Cut its power: every process gone at once.
    Cut,
    /// Press its power button: an orderly shutdown without anybody logged in.
    PowerButton,
    /// Hang it: it still accepts TCP connections, but nothing in it runs.
    Freeze,
    /// End a [`HostAction::Freeze`].
    Thaw,
    /// Pull its network cable.
    Unplug,
    /// Plug the cable in again.
    Plug,
    /// Arm its network card for magic packets (`true`), or not.
    Standby(bool),
    /// Set what its firmware does when power comes back.
    OnAcReturn(OnAcReturn),
}

/// What can be done to a supply.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum UpsAction {
    /// Change variables by hand; ends the simulation of its battery.
    Set(BTreeMap<String, String>),
    /// Take the mains away (`false`) or bring them back, and let the battery follow from there.
    Mains(bool),
    /// Give the battery this charge in percent.
    Charge(f64),
    /// Stop the driver without ending it: `upsd` says `DATA-STALE` after three seconds.
    Stale,
    /// End a [`UpsAction::Stale`].
    Unstale,
    /// Kill the driver: `upsd` says `DRIVER-NOT-CONNECTED` at once.
    DriverKill,
    /// Start the driver again.
    DriverStart,
    /// Give the device another name in `upsd`, which says `UNKNOWN-UPS` to the one before. The lab
    /// goes on by the old name.
    Rename(String),
    /// Kill `upsd`, for all supplies.
    UpsdKill,
    /// Start `upsd` again; the only way to clear a forced shutdown (`FSD`).
    UpsdStart,
}

/// A host as the lab sees it.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct HostState {
    /// Its name.
    pub name: String,
    /// Its role.
    pub role: Role,
    /// Its address.
    pub address: Ipv4Addr,
    /// Its MAC address.
    pub mac: String,
    /// Whether it is on: whether any process of it lives.
    pub on: bool,
    /// Whether its outlet has power.
    pub ac: bool,
    /// Whether its network cable is plugged in.
    pub plugged: bool,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Reply {
    Done,
    State(Vec<HostState>),
    Failed(String),
}

/// Asks the keeper behind `socket`.
pub(crate) fn ask(socket: &Path, request: &Request, deadline: Duration) -> Result<Reply> {
    let mut stream = UnixStream::connect(socket)
        .with_context(|| format!("no lab answers at {}: is it up?", socket.display()))?;
    stream.set_read_timeout(Some(deadline))?;
    send(&mut stream, request)?;
    match receive(&mut BufReader::new(stream))? {
        Reply::Failed(message) => bail!("{message}"),
        reply => Ok(reply),
    }
}

pub(crate) fn send(stream: &mut impl std::io::Write, message: &impl Serialize) -> Result<()> {
    let mut line = serde_json::to_vec(message)?;
    line.push(b'\n');
    stream.write_all(&line).context("cannot write to the lab's socket")?;
    stream.flush().context("cannot write to the lab's socket")
}

pub(crate) fn receive<T: for<'a> Deserialize<'a>>(stream: &mut impl std::io::BufRead) -> Result<T> {
    let mut line = String::new();
    stream.read_line(&mut line).context("the lab's keeper did not answer in time")?;
    serde_json::from_str(&line).with_context(|| format!("the lab's keeper said `{line}`"))
}
