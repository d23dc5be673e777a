//! One connection to one host: a control master of OpenSSH.

use std::{
    path::Path,
    sync::{Mutex, PoisonError},
    time::Duration,
};

use openssh::Session;
use tokio::{
    process::Command,
    time::{Instant, timeout},
};

use super::exchange::{Answer, Broken, exchange};
use crate::process::run;

/// A connection is used again for so long after its last answer, and not longer: an old one may be
/// dead without knowing it. While something goes on, hosts are asked every second or two and one
/// connection serves them all; at rest they are asked once a minute and each time anew, which costs
/// less than ten processes that live for ever (2 MiB and a keepalive each second each).
const REUSE: Duration = Duration::from_secs(10);

/// The master ends by itself so long after its last command, so that none is left behind when this
/// process is killed. A little more than [`REUSE`].
const CONTROL_PERSIST: &str = "ControlPersist=12";

/// How long our own `ssh` may take to hear that it is to end.
const CLOSING: Duration = Duration::from_millis(200);

/// A connection that stands.
#[derive(Debug)]
pub(crate) struct Master {
    session: Session,
    control: Box<Path>,
    last_answer: Mutex<Instant>,
}

/// Why there is no connection.
#[derive(Debug)]
pub(crate) enum NoConnection {
    /// `ssh` gave up, and said why.
    GaveUp(String),
    /// It was not done by the deadline.
    TooLong,
    /// `ssh` cannot be started.
    NotStarted(std::io::Error),
}

impl Master {
    /// Connects. `control` is the path of the socket to make.
    ///
    /// `openssh` could start the master too, but cannot end one that hangs while it logs in
    /// (`ConnectTimeout` does not cover that, and no keepalive runs yet); ours is killed.
    pub(crate) async fn open(
        config: &Path,
        control: Box<Path>,
        host: &str,
        until: Instant,
    ) -> Result<Self, NoConnection> {
        let mut command = Command::new("ssh");
        command
            .arg("-F")
            .arg(config)
            .arg("-S")
            .arg(&*control)
            .args(["-M", "-N", "-f", "-o", CONTROL_PERSIST, "--", host])
            .env("LC_ALL", "C")
            .env_remove("SSH_AUTH_SOCK");
        // `-f`: it returns when the connection stands, and goes on in the background.
        let ended = run(&mut command, until).await.map_err(NoConnection::NotStarted)?;
        match ended.status {
            Some(status) if status.success() => {}
            Some(_) => return Err(NoConnection::GaveUp(ended.stderr)),
            None => return Err(NoConnection::TooLong),
        }
        let session = Session::resume_mux(control.clone(), None);
        Ok(Self { session, control, last_answer: Mutex::new(Instant::now()) })
    }

    /// Runs one command line.
    pub(crate) async fn exchange(&self, line: &[&str]) -> Result<Answer, Broken> {
        let answer = exchange(&self.session, line).await;
        if answer.is_ok() {
            *self.last_answer.lock().unwrap_or_else(PoisonError::into_inner) = Instant::now();
        }
        answer
    }

    /// Whether it answered lately enough to be used again.
    pub(crate) fn is_fresh(&self) -> bool {
        self.last_answer.lock().unwrap_or_else(PoisonError::into_inner).elapsed() <= REUSE
    }

    /// Takes no more commands; commands that still run there are let run to their end.
    pub(crate) async fn close(&self) {
        let session = Session::resume_mux(self.control.clone(), None);
        // One that does not hear ends by itself.
        timeout(CLOSING, session.close()).await.ok();
    }
}
