//! What befalls the world, or is asked of ananke.

use std::time::Duration;

use ananke::state::Request;
use ananke_crds::policy::Target;
use ananke_sim::world::{Fate, OnAcReturn, World};

use crate::{
    stage::Stage,
    words::{self, find, known},
};

/// `RestartSec` of the unit.
const RESTART: Duration = Duration::from_secs(2);

/// One thing that happens.
#[derive(Debug, Clone)]
pub enum Deed {
    /// Fate, or a person beside ananke.
    Fate(Vec<Fate>),
    /// The board of a host boots whenever power returns.
    BootsWithPower(String),
    /// A person runs `set-target`.
    SetTarget(Target),
    /// A person edits a key of the document.
    Edit(String, String),
    /// A person asks something of the daemon.
    Ask(Request),
    /// The daemon is killed with -9, and systemd starts it again.
    Kill,
}

impl Deed {
    /// Reads what comes after `at TIME` or `then`.
    pub fn read(said: &[&str], world: &World) -> Result<Self, String> {
        let fate = |fate| Ok(Self::Fate(vec![fate]));
        let supply = |name: &str| known("supply", name, world.supplies.keys());
        let host = |name: &str| known("host", name, world.hosts.keys());
        match *said {
            ["mains", switch] => fate(Fate::Mains { supply: None, present: is_on(switch)? }),
            ["mains", switch, "of", name] => {
                fate(Fate::Mains { supply: Some(supply(name)?), present: is_on(switch)? })
            }
            ["battery", "at", percent, "%"] => {
                let percent = number(percent)?;
                let battery = |name: &String| Fate::Battery { supply: name.clone(), percent };
                Ok(Self::Fate(world.supplies.keys().map(battery).collect()))
            }
            ["ups", name, "speaks", "again"] => {
                fate(Fate::Telemetry { supply: supply(name)?, fault: None })
            }
            ["ups", name, ref how @ ..] => {
                let fault = Some(find(&words::SUPPLIES, "a UPS", how)?);
                fate(Fate::Telemetry { supply: supply(name)?, fault })
            }
            ["host", name, "is", "repaired"] => fate(Fate::Repair { host: host(name)? }),
            ["host", name, "boots", "with", "power"] => Ok(Self::BootsWithPower(host(name)?)),
            ["host", name, ref how @ ..] => {
                let fault = find(&words::HOSTS, "a host", how)?;
                fate(Fate::Break { host: host(name)?, fault })
            }
            ["api", "is", "well", "again"] => fate(Fate::Api { fault: None }),
            ["api", ref how @ ..] => {
                fate(Fate::Api { fault: Some(find(&words::API, "the API", how)?) })
            }
            ["a", "person", ref does @ ..] => Self::person(does, world),
            ["ananke", "is", "killed"] => Ok(Self::Kill),
            _ => Err(format!(
                "`{}` cannot happen; what can: mains off|on [of UPS], battery at N %, ups NAME …, \
                 host NAME …, api …, a person …, ananke is killed",
                said.join(" ")
            )),
        }
    }

    fn person(does: &[&str], world: &World) -> Result<Self, String> {
        let fate = |fate| Ok(Self::Fate(vec![fate]));
        let node = |name: &str| known("node", name, world.cluster.nodes.keys());
        let host = |name: &str| known("host", name, world.hosts.keys());
        match *does {
            ["cordons", name] => fate(Fate::Cordon { node: node(name)?, on: true }),
            ["uncordons", name] => fate(Fate::Cordon { node: node(name)?, on: false }),
            ["suspends", name] => fate(kustomization(world, name, true)?),
            ["resumes", name] => fate(kustomization(world, name, false)?),
            ["presses", "the", "button", "of", name] => {
                fate(Fate::PressPower { host: host(name)? })
            }
            ["pulls", "the", "plug", "of", name] => fate(Fate::PullPlug { host: host(name)? }),
            ["runs", "set-target", target] => {
                let target = target.parse::<Target>().map_err(|error| error.to_string())?;
                Ok(Self::SetTarget(target))
            }
            ["runs", "hold"] => {
                let reason = "hands off".to_owned();
                Ok(Self::Ask(Request::Hold { reason, even_on_battery: false }))
            }
            ["runs", "hold", "--even-on-battery"] => {
                let reason = "hands off".to_owned();
                Ok(Self::Ask(Request::Hold { reason, even_on_battery: true }))
            }
            ["runs", "release"] => Ok(Self::Ask(Request::Release)),
            ["runs", "host", name, "maintenance", switch] => {
                let (host, on) = (host(name)?, is_on(switch)?);
                Ok(Self::Ask(Request::Maintenance { host, on }))
            }
            ["edits", key, ref value @ ..] if key.ends_with(':') && !value.is_empty() => {
                Ok(Self::Edit(key.trim_end_matches(':').to_owned(), value.join(" ")))
            }
            _ => Err(format!(
                "a person does not `{}`; a person: cordons|uncordons NODE, suspends|resumes \
                 KUSTOMIZATION, presses the button of HOST, pulls the plug of HOST, runs set-target TARGET, runs hold \
                 [--even-on-battery], runs release, runs host HOST maintenance on|off, edits KEY: \
                 VALUE",
                does.join(" ")
            )),
        }
    }

    /// Lets it happen; what a command answers is told.
    pub async fn happens(&self, stage: &mut Stage) -> Option<String> {
        match self {
            Self::Fate(fates) => fates.iter().for_each(|fate| stage.fate(fate)),
            Self::BootsWithPower(host) => stage.change(|world| {
                world.hosts.get_mut(host).unwrap().on_ac_return = OnAcReturn::Boot;
            }),
            Self::SetTarget(target) => {
                stage.declare(*target);
                if *target == Target::Running {
                    let reason = String::new();
                    return Some(stage.ask(&Request::Startup { reason }).await.message);
                }
            }
            Self::Edit(key, value) => stage.edit(key, value),
            Self::Ask(request) => return Some(stage.ask(request).await.message),
            Self::Kill => {
                stage.kill_minus_9().await;
                tokio::time::sleep(RESTART).await;
            }
        }
        None
    }
}

fn kustomization(world: &World, name: &str, suspended: bool) -> Result<Fate, String> {
    let names: Vec<String> =
        world.cluster.gitops.iter().map(|found| found.object.name.clone()).collect();
    Ok(Fate::kustomization(&known("Kustomization", name, names.iter())?, suspended))
}

fn is_on(switch: &str) -> Result<bool, String> {
    match switch {
        "on" => Ok(true),
        "off" => Ok(false),
        _ => Err(format!("`{switch}` is neither on nor off")),
    }
}

fn number(text: &str) -> Result<u64, String> {
    text.parse().map_err(|_| format!("`{text}` is no number"))
}
