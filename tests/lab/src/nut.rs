//! Clients of the lab's UPS server: who they may be, one of them line by line, and NUT's own.

use std::io::{BufRead as _, BufReader, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use anyhow::{Result, ensure};

use crate::lab::Lab;
use crate::spec::{HUB_ADDRESS, NUT_PORT};

/// `upsd` answers within milliseconds.
const DEADLINE: Duration = Duration::from_secs(20);

/// Not `/sbin/upsmon`, a wrapper of Debian's that starts nothing while `MODE=none`.
const UPSMON: &str = "/lib/nut/upsmon";

/// A user of `upsd`.
#[derive(Debug, Clone, Copy)]
pub struct NutUser {
    /// Its name.
    pub name: &'static str,
    /// Its password; the lab guards nothing with it.
    pub password: &'static str,
}

/// May set variables and the forced-shutdown flag, and use every instant command.
pub const ADMIN: NutUser = NutUser { name: "admin", password: "lab-admin" };
/// `upsmon` of the host that commands a supply.
pub const PRIMARY: NutUser = NutUser { name: "primary", password: "lab-primary" };
/// `upsmon` of any other host.
pub const SECONDARY: NutUser = NutUser { name: "secondary", password: "lab-secondary" };

/// A connection to the UPS server of a user who has told name and password.
#[derive(Debug)]
pub struct NutSession {
    to: TcpStream,
    from: BufReader<TcpStream>,
}

impl NutSession {
    /// Connects. `upsd` looks at the password only when a command needs it.
    ///
    /// # Errors
    /// The server does not answer.
    pub fn begin(lab: &Lab, user: NutUser) -> Result<Self> {
        let to = lab.connect(SocketAddr::from((HUB_ADDRESS, NUT_PORT)), DEADLINE)?;
        to.set_nodelay(true)?;
        to.set_read_timeout(Some(DEADLINE))?;
        let from = BufReader::new(to.try_clone()?);
        let mut session = Self { to, from };
        for line in [format!("USERNAME {}", user.name), format!("PASSWORD {}", user.password)] {
            let answer = session.ask(&line)?;
            ensure!(answer == "OK", "upsd: {answer}");
        }
        Ok(session)
    }

    /// Says one line and gives the line of the answer.
    ///
    /// # Errors
    /// The server does not answer.
    pub fn ask(&mut self, line: &str) -> Result<String> {
        self.to.write_all(format!("{line}\n").as_bytes())?;
        let mut answer = String::new();
        self.from.read_line(&mut answer)?;
        Ok(answer.trim_end().to_owned())
    }
}

/// NUT's own monitor in the hub, not started yet, with the `upsmon.conf` in `folder`. It sees an
/// empty `/run`: it writes `/run/nut/upsmon.pid` whatever it is told, and this machine's own stays
/// untouched.
///
/// # Errors
/// Control groups are not to be had.
pub fn upsmon(lab: &Lab, folder: &Path) -> Result<Command> {
    let mut command = lab.command("unshare")?;
    command.args([
        "--mount",
        "sh",
        "-c",
        "mount -t tmpfs none /run && mkdir /run/nut && exec \"$@\"",
    ]);
    command.args(["sh", UPSMON, "-F", "-p"]).env("NUT_CONFPATH", folder);
    command.env("NUT_QUIET_INIT_SSL", "true");
    Ok(command)
}
