use std::time::Duration;

use ananke_core::observe::HostFacts;
use ananke_ports::{HostCommand, HostError, Hosts, Wake, WakeError};
use async_trait::async_trait;

use super::{Sim, WorldHandle};
use crate::world::{Actor, CommandFault, HostFault, Landing, Millis, Reach, Refusal, World};

/// One command over a warm connection (measured: 18 ms), in milliseconds.
const SSH: (u64, u64) = (15, 60);
/// Sending a packet, in milliseconds.
const PACKET: (u64, u64) = (0, 1);

/// What the world made of a command.
enum Sent {
    /// The host went away before it was sent.
    Gone,
    /// It runs, and returns then.
    Runs(Landing),
    /// The host said no.
    Refused(String),
    /// It ran and failed.
    Failed(String),
    /// The connection was cut: nobody knows.
    Cut,
    /// Nothing comes back, and it is done later.
    Late,
}

#[async_trait]
impl<W: WorldHandle> Hosts for Sim<W> {
    async fn probe(&self, host: &str, deadline: Duration) -> Result<HostFacts, HostError> {
        self.connect(host, deadline).await?;
        let seen = self
            .world
            .look(|w| (w.reach(host), w.host_facts(host)))
            .map_err(|e| silent(host, e.to_string()))?;
        match seen {
            (Reach::Answers, Some(facts)) => {
                if facts.clock_synchronised == Some(false) {
                    self.world.met("clock", "host");
                }
                Ok(facts)
            }
            _ => Err(unknown(host, "the connection was lost before the answer")),
        }
    }

    async fn run(
        &self,
        host: &str,
        command: &HostCommand,
        deadline: Duration,
    ) -> Result<(), HostError> {
        let until = self.world.now_millis().saturating_add(millis(deadline));
        self.connect(host, deadline).await?;
        let (fault, sent) = self
            .world
            .act(|world| send(world, host, command))
            .map_err(|e| silent(host, e.to_string()))?;
        if let Some((part, fault)) = fault {
            self.world.met(part, fault);
        }
        match sent {
            Sent::Runs(Landing(at)) if at > until => {
                self.wait_until(until).await;
                let message = format!("no answer within {} s", deadline.as_secs());
                Err(unknown(host, message))
            }
            Sent::Runs(Landing(at)) => {
                self.wait_until(at).await;
                self.hear_back(host, command, until).await
            }
            Sent::Refused(message) => Err(HostError::Refused { host: host.into(), message }),
            Sent::Failed(message) => Err(HostError::Failed { host: host.into(), message }),
            Sent::Cut => Err(unknown(host, "the connection was cut (exit code 255)")),
            Sent::Late => {
                self.order_later(host, command, deadline);
                self.wait_until(until).await;
                Err(unknown(host, format!("no answer within {} s", deadline.as_secs())))
            }
            Sent::Gone => {
                self.wait_until(until).await;
                Err(silent(host, "no answer within the deadline"))
            }
        }
    }
}

impl<W: WorldHandle> Sim<W> {
    /// Connects, or says why not when ssh would know.
    async fn connect(&self, host: &str, deadline: Duration) -> Result<(), HostError> {
        let (reach, fault) = self
            .world
            .look(|w| (w.reach(host), w.way_fault(host)))
            .map_err(|e| silent(host, e.to_string()))?;
        if let Some(fault) = fault {
            self.world.met("host", fault.name());
        }
        if reach == Reach::Silence {
            self.wait(deadline).await;
            let message = format!("no answer within {} s", deadline.as_secs_f32());
            return Err(silent(host, message));
        }
        if self.travel(host, SSH, deadline).await.is_err() {
            return Err(silent(host, "no answer within the deadline"));
        }
        match reach {
            Reach::Answers | Reach::Silence => Ok(()),
            Reach::Refused => Err(HostError::Closed {
                host: host.into(),
                message: "connection refused: is sshd running?".into(),
            }),
            Reach::KeyRefused => Err(HostError::Refused {
                host: host.into(),
                message: "the key of ananke is refused; check authorized_keys there".into(),
            }),
            Reach::OtherHostKey => Err(HostError::HostKey {
                host: host.into(),
                message: "its key is not the one in known_hosts; was it installed anew?".into(),
            }),
        }
    }

    /// The command runs on without its connection, unless its host goes down before.
    fn order_later(&self, host: &str, command: &HostCommand, deadline: Duration) {
        let boot_of = |world: &World, host: &str| world.hosts.get(host).map(|h| h.boot_id.clone());
        let Ok(boot) = self.world.look(|world| boot_of(world, host)) else { return };
        let (host, command) = (host.to_owned(), command.clone());
        self.later(deadline, move |world| {
            if boot_of(world, &host) == boot {
                drop(order(world, Actor::World, &host, &command));
            }
        });
    }

    /// A poweroff answers 0 or 255, by chance (measured). Any other command whose host goes away
    /// meanwhile never answers: no RST comes from a host that is gone.
    async fn hear_back(
        &self,
        host: &str,
        command: &HostCommand,
        until: Millis,
    ) -> Result<(), HostError> {
        if *command == HostCommand::PowerOff {
            let cut = self.world.act(|w| w.chance(50)).unwrap_or(true);
            return if cut {
                Err(unknown(host, "connection closed by remote host (exit code 255)"))
            } else {
                Ok(())
            };
        }
        if matches!(self.world.look(|w| w.reach(host)), Ok(Reach::Answers)) {
            return Ok(());
        }
        self.wait_until(until).await;
        Err(unknown(host, "the connection was lost before the answer"))
    }
}

/// What becomes of a command, and the fault that it met.
fn send(
    world: &mut World,
    host: &str,
    command: &HostCommand,
) -> (Option<(&'static str, &'static str)>, Sent) {
    if world.reach(host) != Reach::Answers {
        return (None, Sent::Gone);
    }
    world.counters.host_commands += 1;
    let fault = world.next_command_fault(host);
    let sent = obey(world, host, command, fault);
    let snapshot_fails = matches!(sent, Sent::Failed(_))
        && world.hosts.get(host).is_some_and(|h| h.has(HostFault::SnapshotFails));
    let own = snapshot_fails.then(|| ("host", HostFault::SnapshotFails.name()));
    (fault.map(|fault| ("command", fault.name())).or(own), sent)
}

fn obey(world: &mut World, host: &str, command: &HostCommand, fault: Option<CommandFault>) -> Sent {
    match fault {
        None => order(world, Actor::Ananke, host, command).map_or_else(failed, Sent::Runs),
        Some(CommandFault::CutAfter) => {
            order(world, Actor::Ananke, host, command).map_or_else(failed, |_| Sent::Cut)
        }
        Some(CommandFault::CutBefore) => Sent::Cut,
        Some(CommandFault::Refused) => {
            Sent::Refused("sudo: a password is required; check the sudo rules there".into())
        }
        Some(CommandFault::SaidDoneButNot) => Sent::Runs(Landing(world.now())),
        Some(CommandFault::Late) => Sent::Late,
    }
}

#[expect(clippy::needless_pass_by_value, reason = "it is what `map_or_else` hands over")]
fn failed(refusal: Refusal) -> Sent {
    Sent::Failed(refusal.to_string())
}

fn order(
    world: &mut World,
    who: Actor,
    host: &str,
    command: &HostCommand,
) -> Result<Landing, Refusal> {
    match command {
        HostCommand::Start(service) => world.start(who, host, *service),
        HostCommand::Stop(service) => world.stop(who, host, *service),
        HostCommand::Kill(service) => world.kill(who, host, *service),
        HostCommand::EndContainers => Ok(world.end_containers(who, host)),
        HostCommand::TakeSnapshot { name } => world.take_snapshot(who, host, name),
        HostCommand::PowerOff => {
            world.power_off(who, host);
            Ok(Landing(world.now()))
        }
    }
}

#[async_trait]
impl<W: WorldHandle> Wake for Sim<W> {
    async fn wake(&self, host: &str, deadline: Duration) -> Result<(), WakeError> {
        let failed = |message: String| WakeError::Failed { host: host.into(), message };
        let wakes = self
            .world
            .look(|w| w.hosts.get(host).is_some_and(|h| h.wakes))
            .map_err(|e| failed(e.to_string()))?;
        if !wakes {
            return Err(WakeError::NoWay { host: host.into() });
        }
        if self.travel(host, PACKET, deadline).await.is_err() {
            return Err(failed("it was not sent within the deadline".into()));
        }
        self.world
            .act(|w| {
                w.counters.wakes += 1;
                w.wake(Actor::Ananke, host);
            })
            .map_err(|e| failed(e.to_string()))
    }
}

fn silent(host: &str, message: impl Into<String>) -> HostError {
    HostError::Silent { host: host.into(), message: message.into() }
}

fn unknown(host: &str, message: impl Into<String>) -> HostError {
    HostError::Unknown { host: host.into(), message: message.into() }
}

/// A span in milliseconds of the world.
pub(super) fn millis(span: Duration) -> Millis {
    u64::try_from(span.as_millis()).unwrap_or(u64::MAX)
}
