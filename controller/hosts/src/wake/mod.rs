//! Turning hosts on, each in the way that the policy gives it.

mod interfaces;
mod magic;

use std::{collections::BTreeMap, time::Duration};

use ananke_crds::{policy, value::Name};
use ananke_ports::{Wake, WakeError};
use async_trait::async_trait;
use tokio::{
    process::Command,
    time::{Instant, timeout_at},
};

use crate::process::{quote, run};

/// Wakes hosts by Wake-on-LAN or by a command, as the policy says for each.
#[derive(Debug, Clone)]
pub struct HostWaker {
    ways: BTreeMap<Name, policy::Wake>,
}

impl HostWaker {
    /// The ways of these hosts; those without `wake` have none.
    pub fn new(hosts: &[policy::Host]) -> Self {
        let way = |host: &policy::Host| Some((host.name.clone(), host.wake.clone()?));
        Self { ways: hosts.iter().filter_map(way).collect() }
    }
}

#[async_trait]
impl Wake for HostWaker {
    async fn wake(&self, host: &str, deadline: Duration) -> Result<(), WakeError> {
        let until = Instant::now() + deadline;
        let host = host.to_owned();
        let sent = match self.ways.get(host.as_str()) {
            None => return Err(WakeError::NoWay { host }),
            Some(policy::Wake::Wol { mac, broadcast, interface }) => {
                let sending = magic::send(*mac, broadcast.as_ref(), interface.as_deref());
                match timeout_at(until, sending).await {
                    Ok(sent) => sent,
                    Err(_) => Err("the packet was not sent by the deadline".to_owned()),
                }
            }
            Some(policy::Wake::Command { command, timeout }) => {
                obey(command, until.min(Instant::now() + timeout.get())).await
            }
        };
        sent.map_err(|message| WakeError::Failed { host, message })
    }
}

/// Runs a wake command.
async fn obey(words: &[String], until: Instant) -> Result<(), String> {
    let Some((program, arguments)) = words.split_first() else {
        return Err("its wake command is empty".to_owned());
    };
    // Arguments may hold a password of a management card: they are never shown.
    let began = Instant::now();
    let ended = run(Command::new(program).args(arguments), until)
        .await
        .map_err(|error| format!("`{program}` cannot be started: {error}"))?;
    match ended.status {
        Some(status) if status.success() => Ok(()),
        Some(status) => Err(format!("`{program}` failed ({status}): {}", quote(&ended.stderr))),
        None => Err(format!(
            "`{program}` was killed: it had not ended after {:.1} s",
            began.elapsed().as_secs_f32()
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn waker(wake: Option<policy::Wake>) -> HostWaker {
        let host = policy::Host {
            name: "titan-04".parse().unwrap(),
            role: policy::Role::Agent,
            tier: 0,
            after: Vec::new(),
            wake,
            is_self: false,
            off: None,
        };
        HostWaker::new(&[host])
    }

    fn command(words: &[&str], timeout_millis: u64) -> HostWaker {
        waker(Some(policy::Wake::Command {
            command: words.iter().map(|word| (*word).to_owned()).collect(),
            timeout: ananke_crds::value::GoDuration::from_millis(timeout_millis),
        }))
    }

    const SOON: Duration = Duration::from_secs(20);

    async fn error(waker: &HostWaker) -> String {
        waker.wake("titan-04", SOON).await.unwrap_err().to_string()
    }

    #[tokio::test]
    async fn without_a_way_it_is_done_by_hand() {
        assert!(error(&waker(None)).await.contains("by hand"));
        let other = command(&["true"], 1000).wake("titan-05", SOON).await;
        assert!(matches!(other, Err(WakeError::NoWay { .. })));
    }

    #[tokio::test]
    async fn commands_get_their_words_as_they_are() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("seen");
        let script = format!("printf '<%s>' \"$@\" > {}", file.display());
        let words = ["/bin/sh", "-c", &script, "x", "a b", "$(id)", "'"];
        command(&words, 20_000).wake("titan-04", SOON).await.unwrap();
        assert_eq!(std::fs::read_to_string(file).unwrap(), "<a b><$(id)><'>");
    }

    #[tokio::test]
    async fn commands_that_fail_say_why_but_not_their_words() {
        let waker = command(&["/bin/sh", "-c", "echo no route to the card >&2; exit 3"], 20_000);
        let text = error(&waker).await;
        assert_eq!(text, "host titan-04: `/bin/sh` failed (exit status: 3): no route to the card");
        let text = error(&command(&["/nowhere/ipmitool", "-P", "secret"], 1000)).await;
        assert!(text.contains("cannot be started") && !text.contains("secret"), "{text}");
    }

    #[tokio::test]
    async fn commands_that_hang_are_killed() {
        let text = error(&command(&["sleep", "600"], 200)).await;
        assert!(text.contains("`sleep` was killed: it had not ended after 0."), "{text}");
        let waker = command(&["sleep", "600"], 600_000);
        let result = waker.wake("titan-04", Duration::from_millis(200)).await;
        assert!(result.unwrap_err().to_string().contains("was killed"));
    }
}
