use std::fmt;

use ananke_core::observe::{GitopsKind, GitopsRef};
use serde::{Deserialize, Serialize};

use super::{
    Actor, ApiFault, CommandFault, CommandFaults, HostFault, Millis, Scheduled, TelemetryFault,
    What, World,
};

/// What fate, or a person other than the operator of ananke, does to the world.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", rename_all_fields = "camelCase", tag = "fate")]
pub enum Fate {
    /// Mains of one supply, or of all, go or come back.
    Mains {
        /// The supply; `None` is all of them.
        supply: Option<String>,
        /// Whether they are present from now on.
        present: bool,
    },
    /// The battery holds this much from now on.
    Battery {
        /// The supply.
        supply: String,
        /// Charge in percent.
        percent: u64,
    },
    /// What a UPS tells of itself goes wrong; `None` mends it.
    Telemetry {
        /// The supply.
        supply: String,
        /// How.
        fault: Option<TelemetryFault>,
    },
    /// Somebody orders a forced shutdown (`FSD`), or restarts upsd, which ends it.
    ForcedShutdown {
        /// The supply.
        supply: String,
        /// Whether it is set from now on.
        set: bool,
    },
    /// Something goes wrong with a host.
    Break {
        /// The host.
        host: String,
        /// What.
        fault: HostFault,
    },
    /// Everything that is wrong with a host is mended.
    Repair {
        /// The host.
        host: String,
    },
    /// Somebody presses a host's power button: on if it is off, an orderly halt if it is on.
    PressPower {
        /// The host.
        host: String,
    },
    /// A host that is off is switched on by nobody of ours: an alarm, a packet, its firmware.
    SwitchOn {
        /// The host.
        host: String,
    },
    /// Somebody pulls a host's plug and puts it back.
    PullPlug {
        /// The host.
        host: String,
    },
    /// A clock is stepped: it is off by this much from now on.
    Clock {
        /// The host; `None` is the machine that ananke runs on.
        host: Option<String>,
        /// How far it is ahead, in milliseconds.
        ahead_millis: i64,
    },
    /// The next commands to a host go wrong.
    Commands {
        /// The host.
        host: String,
        /// How.
        fault: CommandFault,
        /// How many of them.
        times: u32,
    },
    /// The API goes wrong; `None` mends it.
    Api {
        /// How.
        fault: Option<ApiFault>,
    },
    /// A person cordons a node, or undoes that.
    Cordon {
        /// The node.
        node: String,
        /// Whether it is cordoned from now on.
        on: bool,
    },
    /// A person suspends a Kustomization, or resumes it.
    Suspend {
        /// The object.
        object: GitopsRef,
        /// Whether it is suspended from now on.
        on: bool,
    },
    /// The Git server goes or comes back.
    Source {
        /// Whether it answers from now on.
        reachable: bool,
    },
}

/// Why fate cannot do it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum FateError {
    /// The world has no such thing.
    #[error("there is no {kind} `{name}` in this world; there are: {known}")]
    Unknown {
        /// What kind of thing.
        kind: &'static str,
        /// The name that was given.
        name: String,
        /// The names that there are.
        known: String,
    },
}

impl World {
    /// Lets fate do something now.
    pub fn suffer(&mut self, fate: &Fate) -> Result<(), FateError> {
        self.check(fate)?;
        self.undergo(fate);
        self.settle();
        Ok(())
    }

    /// Lets fate do something at its time; names are checked now.
    pub fn schedule(&mut self, at: Millis, fate: Fate) -> Result<(), FateError> {
        self.check(&fate)?;
        let place = self.script.partition_point(|s| s.at <= at);
        self.script.insert(place, Scheduled { at, fate });
        self.quiet_until = 0;
        Ok(())
    }

    pub(super) fn play_script(&mut self) {
        let due = self.script.partition_point(|s| s.at <= self.now);
        let due: Vec<Scheduled> = self.script.drain(..due).collect();
        for scheduled in due {
            self.undergo(&scheduled.fate);
            self.settle();
        }
    }

    fn check(&self, fate: &Fate) -> Result<(), FateError> {
        match fate {
            Fate::Mains { supply: None, .. }
            | Fate::Clock { host: None, .. }
            | Fate::Api { .. }
            | Fate::Source { .. } => Ok(()),
            Fate::Mains { supply: Some(supply), .. }
            | Fate::Battery { supply, .. }
            | Fate::Telemetry { supply, .. }
            | Fate::ForcedShutdown { supply, .. } => known("supply", supply, self.supplies.keys()),
            Fate::Break { host, .. }
            | Fate::Repair { host }
            | Fate::PressPower { host }
            | Fate::SwitchOn { host }
            | Fate::PullPlug { host }
            | Fate::Clock { host: Some(host), .. }
            | Fate::Commands { host, .. } => known("host", host, self.hosts.keys()),
            Fate::Cordon { node, .. } => known("node", node, self.cluster.nodes.keys()),
            Fate::Suspend { object, .. } => {
                let names: Vec<String> =
                    self.cluster.gitops.iter().map(|g| g.object.to_string()).collect();
                known("Flux object", &object.to_string(), names.iter())
            }
        }
    }

    fn undergo(&mut self, fate: &Fate) {
        match fate {
            Fate::Mains { supply, present } => self.undergo_mains(supply.as_deref(), *present),
            Fate::Battery { supply, percent } => {
                if let Some(supply) = self.supplies.get_mut(supply) {
                    let percent = (*percent).min(100);
                    supply.energy_millijoules = supply.capacity_millijoules / 100 * percent;
                }
            }
            Fate::Telemetry { supply, fault } => {
                if let Some(found) = self.supplies.get_mut(supply) {
                    found.telemetry.clone_from(fault);
                }
                let what = What::Telemetry { supply: supply.clone(), fault: fault.clone() };
                self.tell(Actor::World, what);
            }
            Fate::ForcedShutdown { supply, set } => {
                if let Some(supply) = self.supplies.get_mut(supply) {
                    supply.forced_shutdown = *set;
                }
            }
            Fate::Break { .. }
            | Fate::Repair { .. }
            | Fate::PressPower { .. }
            | Fate::SwitchOn { .. }
            | Fate::PullPlug { .. }
            | Fate::Clock { .. }
            | Fate::Commands { .. } => self.undergo_host(fate),
            Fate::Api { fault } => {
                self.cluster.api.fault = *fault;
                self.cluster.api.fault_since = self.now;
                self.tell(Actor::World, What::ApiFaulty { fault: *fault });
            }
            // An API that is away takes nothing from a person either.
            Fate::Cordon { .. } | Fate::Suspend { .. } if !self.api_ready() => {}
            // The names were checked: there is nothing else that it could say.
            Fate::Cordon { node, on: true } => drop(self.cordon(Actor::Person, node, None)),
            Fate::Cordon { node, on: false } => drop(self.uncordon(Actor::Person, node)),
            Fate::Suspend { object, on: true } => drop(self.suspend(Actor::Person, object, None)),
            Fate::Suspend { object, on: false } => drop(self.resume(Actor::Person, object)),
            Fate::Source { reachable } => {
                if let Some(source) = &mut self.cluster.source {
                    source.reachable = *reachable;
                }
            }
        }
    }

    fn undergo_mains(&mut self, supply: Option<&str>, present: bool) {
        let names: Vec<String> = match supply {
            Some(name) => vec![name.to_owned()],
            None => self.supplies.keys().cloned().collect(),
        };
        for name in names {
            self.set_mains(&name, present);
        }
    }

    fn undergo_host(&mut self, fate: &Fate) {
        match fate {
            Fate::Break { host, fault } => {
                if let Some(found) = self.hosts.get_mut(host) {
                    found.faults.insert(*fault);
                }
                self.tell(Actor::World, What::HostFaulty { host: host.clone(), fault: *fault });
                if *fault == HostFault::Broken {
                    self.cut(Actor::World, host);
                }
            }
            Fate::Repair { host } => self.repair(host),
            Fate::PressPower { host } => self.press_power(host),
            Fate::SwitchOn { host } => self.boot(Actor::World, host),
            Fate::PullPlug { host } => self.cut(Actor::Person, host),
            Fate::Clock { host, ahead_millis } => {
                let own = self.own_host.clone();
                match host.clone().or(own).and_then(|host| self.hosts.get_mut(&host)) {
                    Some(host) => host.clock_ahead_millis = *ahead_millis,
                    None => self.clock_ahead_millis = *ahead_millis,
                }
            }
            Fate::Commands { host, fault, times } => {
                if let Some(host) = self.hosts.get_mut(host) {
                    host.command_faults = Some(CommandFaults { fault: *fault, times: *times });
                }
                let (host, fault, times) = (host.clone(), *fault, *times);
                self.tell(Actor::World, What::CommandsFaulty { host, fault, times });
            }
            _ => {}
        }
    }

    /// One that hangs on its way up or down is switched off for that, and its clock is set.
    fn repair(&mut self, host: &str) {
        let Some(found) = self.hosts.get_mut(host) else { return };
        found.faults.clear();
        found.command_faults = None;
        found.clock_ahead_millis = 0;
        let hangs = found.hangs_between();
        self.tell(Actor::Person, What::HostRepaired { host: host.to_owned() });
        if hangs {
            self.cut(Actor::Person, host);
        }
    }
}

fn known<'a>(
    kind: &'static str,
    name: &str,
    names: impl Iterator<Item = &'a String>,
) -> Result<(), FateError> {
    let names: Vec<&str> = names.map(String::as_str).collect();
    if names.contains(&name) {
        return Ok(());
    }
    Err(FateError::Unknown { kind, name: name.to_owned(), known: names.join(", ") })
}

/// As the command line says it.
impl fmt::Display for Fate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let on_off = |on: bool| if on { "on" } else { "off" };
        match self {
            Self::Mains { supply, present } => {
                write!(f, "mains {}", on_off(*present))?;
                supply.as_ref().map_or(Ok(()), |s| write!(f, " {s}"))
            }
            Self::Battery { supply, percent } => write!(f, "battery {supply} {percent} %"),
            Self::Telemetry { supply, fault: None } => write!(f, "telemetry {supply} true"),
            Self::Telemetry { supply, fault: Some(fault) } => {
                write!(f, "telemetry {supply} {fault:?}")
            }
            Self::ForcedShutdown { supply, set } => write!(f, "fsd {supply} {}", on_off(*set)),
            Self::Break { host, fault } => write!(f, "break {host} {}", fault.name()),
            Self::Repair { host } => write!(f, "repair {host}"),
            Self::PressPower { host } => write!(f, "press-power {host}"),
            Self::SwitchOn { host } => write!(f, "switch-on {host}"),
            Self::PullPlug { host } => write!(f, "pull-plug {host}"),
            Self::Clock { host, ahead_millis } => {
                let host = host.as_deref().unwrap_or("here");
                write!(f, "clock {host} {ahead_millis} ms")
            }
            Self::Commands { host, fault, times } => {
                write!(f, "commands {host} {} ×{times}", fault.name())
            }
            Self::Api { fault } => write!(f, "api {}", fault.map_or("good", ApiFault::name)),
            Self::Cordon { node, on: true } => write!(f, "cordon {node}"),
            Self::Cordon { node, on: false } => write!(f, "uncordon {node}"),
            Self::Suspend { object, on } => {
                write!(f, "{} {object}", if *on { "suspend" } else { "resume" })
            }
            Self::Source { reachable } => write!(f, "source {}", on_off(*reachable)),
        }
    }
}

impl Fate {
    /// A person's suspend or resume of a Kustomization in `flux-system`.
    pub fn kustomization(name: &str, suspended: bool) -> Self {
        let object = GitopsRef {
            kind: GitopsKind::Kustomization,
            namespace: "flux-system".into(),
            name: name.into(),
        };
        Self::Suspend { object, on: suspended }
    }
}
