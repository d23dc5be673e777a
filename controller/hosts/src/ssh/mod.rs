//! Hosts over OpenSSH.

mod commands;
mod config;
mod exchange;
mod failure;
mod link;
mod master;
mod ways;

use std::{
    collections::HashMap,
    path::Path,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use ananke_core::observe::HostFacts;
use ananke_crds::{
    host_config::SshAccess,
    policy::Distribution,
    value::{HostSelector, Name},
};
use ananke_ports::{HostCommand, HostError, Hosts};
use async_trait::async_trait;
use tokio::time::{Instant, timeout_at};

use self::{
    commands::{Names, Verdict, line, not_permitted, question, verdict},
    exchange::{Answer, Broken},
    link::Link,
    master::Master,
    ways::Ways,
};
use crate::{
    probe::{self, Listing},
    process::quote,
};

pub use self::config::SshSetupError;

/// The hosts over SSH: pinned keys, one configuration file of our own, no connection trusted for
/// longer than ten seconds.
#[derive(Debug)]
pub struct SshHosts {
    ways: Ways,
    names: Names,
    managed: Vec<HostSelector>,
    links: Mutex<HashMap<Name, Arc<Link>>>,
}

/// Longest that a list of snapshots may take, in seconds.
const LIST_SECONDS: u64 = 10;

/// What a probe needs beside the list, in seconds: connection, login, systemd's answers.
const PROBE_SECONDS: u64 = 2;

impl SshHosts {
    /// Hosts as the host configuration says, with the service names of the policy's distribution.
    ///
    /// `runtime` is a folder for sockets and the configuration file of `ssh`, best one that does
    /// not outlive a boot (`/run/ananke`). A folder of this process's own is made in it.
    ///
    /// # Errors
    /// [`SshSetupError`] if the configuration cannot be put into words of OpenSSH's, or written.
    pub fn new(
        access: &SshAccess,
        distribution: Distribution,
        runtime: &Path,
    ) -> Result<Self, SshSetupError> {
        Ok(Self {
            ways: Ways::new(access, runtime)?,
            names: Names::of(distribution),
            managed: access.managed.clone(),
            links: Mutex::default(),
        })
    }

    /// The host's name, checked, and what is remembered of it.
    fn link(&self, host: &str) -> Result<(Name, Arc<Link>), HostError> {
        let name: Name = host.parse().map_err(|_| HostError::Failed {
            host: host.to_owned(),
            message: "this is not the name of a host".to_owned(),
        })?;
        let mut links = self.links.lock().unwrap_or_else(PoisonError::into_inner);
        let link = Arc::clone(links.entry(name.clone()).or_default());
        Ok((name, link))
    }

    /// A connection to the host: the one in use if it may be trusted (`true`), else a new one.
    async fn master(
        &self,
        host: &Name,
        link: &Link,
        until: Instant,
    ) -> Result<(Arc<Master>, bool), HostError> {
        if let Some(master) = link.fresh() {
            return Ok((master, true));
        }
        let waited = timeout_at(until, link.connecting.lock()).await;
        let _connecting = waited.map_err(|_| HostError::Silent {
            host: host.to_string(),
            message: "another call is still connecting".to_owned(),
        })?;
        if let Some(master) = link.fresh() {
            return Ok((master, true));
        }
        let master = Arc::new(self.ways.connect(host, link, until).await?);
        if let Some(old) = link.replace(Some(Arc::clone(&master))) {
            old.close().await;
        }
        Ok((master, false))
    }

    /// Runs a command line. A connection that was in use and broke gives way to a new one, once, if
    /// the command was not sent or may be sent twice.
    async fn ask(
        &self,
        host: &Name,
        link: &Link,
        words: &[&str],
        (until, may_repeat): (Instant, bool),
    ) -> Result<Answer, Unanswered> {
        for again in [true, false] {
            let (master, used) =
                self.master(host, link, until).await.map_err(Unanswered::NotSent)?;
            let Ok(answer) = timeout_at(until, master.exchange(words)).await else {
                link.discard(&master).await;
                return Err(Unanswered::Cut("no answer by the deadline".to_owned()));
            };
            let broken = match answer {
                Ok(answer) => return Ok(answer),
                Err(broken) => broken,
            };
            link.discard(&master).await;
            match broken {
                Broken::NotSent(_) if used && again => {}
                Broken::Cut(_) if used && again && may_repeat => {}
                Broken::NotSent(message) => {
                    let host = host.to_string();
                    return Err(Unanswered::NotSent(HostError::Silent { host, message }));
                }
                Broken::Cut(message) => return Err(Unanswered::Cut(message)),
            }
        }
        Err(Unanswered::Cut("the connection broke twice".to_owned()))
    }

    /// Keeps what the host says of its snapshots, and tells what it has.
    fn note_snapshots(host: &Name, link: &Link, listing: Listing) {
        match listing {
            Listing::NotListed => {}
            Listing::Newest(newest) => link.listed(newest),
            Listing::Failed { exit } => {
                tracing::warn!(%host, exit, "its snapshots cannot be listed; does sudo permit it?");
                link.list_failed();
            }
            Listing::Unreadable { why } => {
                tracing::warn!(%host, why, "its list of snapshots cannot be understood");
                link.list_failed();
            }
        }
    }

    /// Whether sudo would let this be done there; nothing is done. Nothing is asked of a host that
    /// this instance does not manage, nor for what its distribution has no command.
    ///
    /// # Errors
    /// [`HostError::Refused`] if it would not, and those of a host that cannot be asked.
    pub async fn permits(
        &self,
        host: &str,
        command: &HostCommand,
        deadline: Duration,
    ) -> Result<(), HostError> {
        let until = Instant::now() + deadline;
        let (name, link) = self.link(host)?;
        let host = name.to_string();
        let Ok(command_line) = line(self.names, command) else { return Ok(()) };
        if self.check_managed(&name).is_err() {
            return Ok(());
        }
        match self.ask(&name, &link, &question(&command_line), (until, true)).await {
            Ok(answer) if answer.code == 0 => Ok(()),
            Ok(answer) => {
                let message = not_permitted(&command_line, &answer.stderr);
                Err(HostError::Refused { host, message })
            }
            Err(Unanswered::NotSent(error)) => Err(error),
            Err(Unanswered::Cut(message)) => Err(HostError::Silent { host, message }),
        }
    }

    /// Refuses to change hosts that the host configuration does not hand to this instance.
    fn check_managed(&self, host: &Name) -> Result<(), HostError> {
        let is_managed = self.managed.iter().any(|selector| match selector {
            HostSelector::All => true,
            HostSelector::Host(name) => name == host,
        });
        if is_managed {
            return Ok(());
        }
        let message = "ssh.managed of the host configuration does not name it".to_owned();
        Err(HostError::Refused { host: host.to_string(), message })
    }
}

/// Why a command line has no answer.
enum Unanswered {
    /// It was never sent.
    NotSent(HostError),
    /// It was sent; nobody knows how far it came.
    Cut(String),
}

#[async_trait]
impl Hosts for SshHosts {
    async fn probe(&self, host: &str, deadline: Duration) -> Result<HostFacts, HostError> {
        let until = Instant::now() + deadline;
        let (name, link) = self.link(host)?;
        let host = name.to_string();
        let spare = deadline.as_secs().saturating_sub(PROBE_SECONDS).min(LIST_SECONDS);
        let list = self.names.snapshots.filter(|_| link.wants_list());
        let (program, seconds) = list.map_or(("-", 0), |program| (program, spare));
        let seconds = seconds.to_string();
        let Names { server, agent, .. } = self.names;
        let words =
            ["/bin/sh", "-c", probe::SCRIPT, "ananke-probe", server, agent, program, &seconds];
        let answer = match self.ask(&name, &link, &words, (until, true)).await {
            Ok(answer) => answer,
            Err(Unanswered::NotSent(error)) => return Err(error),
            Err(Unanswered::Cut(message)) => return Err(HostError::Silent { host, message }),
        };
        let read = probe::parse(&answer.stdout).map_err(|error| {
            let end = match answer.code {
                0 => String::new(),
                code => format!(" (ended with {code}: {})", quote(&answer.stderr)),
            };
            HostError::Garbage { host, message: format!("{error}{end}") }
        })?;
        Self::note_snapshots(&name, &link, read.snapshots);
        Ok(HostFacts { snapshot: link.newest_snapshot(), ..read.facts })
    }

    async fn run(
        &self,
        host: &str,
        command: &HostCommand,
        deadline: Duration,
    ) -> Result<(), HostError> {
        let until = Instant::now() + deadline;
        let (name, link) = self.link(host)?;
        let host = name.to_string();
        self.check_managed(&name)?;
        let command_line = line(self.names, command)
            .map_err(|message| HostError::Refused { host: host.clone(), message })?;
        let words: Vec<&str> = command_line.iter().map(String::as_str).collect();
        if matches!(command, HostCommand::TakeSnapshot { .. }) {
            link.forget_list();
        }
        let answer = self.ask(&name, &link, &words, (until, false)).await;
        if matches!(command, HostCommand::TakeSnapshot { .. }) {
            link.forget_list();
        }
        match answer {
            Err(Unanswered::NotSent(error)) => Err(error),
            Err(Unanswered::Cut(message)) => {
                let message = format!("`{}` was sent, then: {message}", words.join(" "));
                Err(HostError::Unknown { host, message })
            }
            Ok(answer) => match verdict(command, &command_line, &answer) {
                Verdict::Done => Ok(()),
                Verdict::Refused(message) => Err(HostError::Refused { host, message }),
                Verdict::Failed(message) => Err(HostError::Failed { host, message }),
                Verdict::Unknown(message) => Err(HostError::Unknown { host, message }),
            },
        }
    }
}
