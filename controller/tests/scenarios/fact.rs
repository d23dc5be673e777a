//! What is expected: of the world, looked at from outside, and of what ananke tells.

use ananke::publish::Published;
use ananke_core::observe::ActiveState;
use ananke_crds::policy::{ParseTargetError, Target};
use ananke_sim::world::{Actor, Host, ServiceUnit, What, World};

use crate::{
    stage::{all_off, all_on, is_stopped, is_up, nothing_of_ours},
    words::known,
};

/// Whose a cordon or a suspend is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Whose {
    /// It bears a mark of ananke.
    Ananke,
    /// It bears none.
    Person,
}

/// One thing that is so, or is not.
#[derive(Debug, Clone)]
pub enum Fact {
    /// Told to be at a target, and there.
    At(Target),
    /// Every host is on, or off.
    Hosts(bool),
    /// This host is on, or off.
    Host(String, bool),
    /// Every service works, or none runs and no container lives.
    Services(bool),
    /// The service of this host works, or is down.
    Service(String, bool),
    /// The API answers, or not.
    Api(bool),
    /// Every pod has its container.
    Pods,
    /// A node is cordoned by somebody, or by nobody.
    Node(String, Option<Whose>),
    /// A Kustomization is suspended by somebody, or by nobody.
    Kustomization(String, Option<Whose>),
    /// No mark of ananke is on anything.
    NothingLeft,
    /// Ananke has changed nothing since the last thing that happened.
    Idle,
    /// The effective target that is told, and by whom.
    ToldTarget(Target, Option<String>),
    /// A condition that is told: type, status, reason.
    ToldCondition(String, String, Option<String>),
    /// Words of the sentence that is told.
    ToldWords(String),
}

/// Where a fact is looked for.
pub struct Sight<'a> {
    /// The world.
    pub world: &'a World,
    /// What is told.
    pub told: Option<&'a Published>,
    /// How much of the trace was there before the last thing that happened.
    pub since: u64,
}

impl Fact {
    /// Reads what comes after `expect`.
    pub fn read(said: &[&str], world: &World) -> Result<Self, String> {
        let host = |name: &str| known("host", name, world.hosts.keys());
        let node = |name: &str| known("node", name, world.cluster.nodes.keys());
        Ok(match *said {
            ["running"] => Self::At(Target::Running),
            ["cluster-only-down"] => Self::At(Target::ClusterOnlyDown),
            ["poweroff"] => Self::At(Target::Poweroff),
            ["every", "host", "on"] => Self::Hosts(true),
            ["every", "host", "off"] => Self::Hosts(false),
            ["every", "service", "up"] => Self::Services(true),
            ["every", "service", "down"] => Self::Services(false),
            ["every", "pod", "runs"] => Self::Pods,
            ["host", name, "on"] => Self::Host(host(name)?, true),
            ["host", name, "off"] => Self::Host(host(name)?, false),
            ["service", "of", name, "up"] => Self::Service(host(name)?, true),
            ["service", "of", name, "down"] => Self::Service(host(name)?, false),
            ["api", "answers"] => Self::Api(true),
            ["api", "gone"] => Self::Api(false),
            ["node", name, "not", "cordoned"] => Self::Node(node(name)?, None),
            ["node", name, "cordoned", "by", ref who @ ..] => {
                Self::Node(node(name)?, Some(whose(who)?))
            }
            ["kustomization", name, "not", "suspended"] => {
                Self::Kustomization(kustomization(world, name)?, None)
            }
            ["kustomization", name, "suspended", "by", ref who @ ..] => {
                Self::Kustomization(kustomization(world, name)?, Some(whose(who)?))
            }
            ["nothing", "of", "ananke", "left"] => Self::NothingLeft,
            ["ananke", "idle"] => Self::Idle,
            ["told", ref what @ ..] => Self::told(what)?,
            _ => return Err(format!("`{}` is nothing to expect; {CAN_BE}", said.join(" "))),
        })
    }

    fn told(what: &[&str]) -> Result<Self, String> {
        const STATUS: [&str; 3] = ["True", "False", "Unknown"];
        let at = |target: &str| {
            target.parse::<Target>().map_err(|error: ParseTargetError| error.to_string())
        };
        Ok(match *what {
            ["target", target] => Self::ToldTarget(at(target)?, None),
            ["target", target, "by", by] => Self::ToldTarget(at(target)?, Some(by.to_owned())),
            [kind, status] if STATUS.contains(&status) => {
                Self::ToldCondition(kind.to_owned(), status.to_owned(), None)
            }
            [kind, status, reason] if STATUS.contains(&status) => {
                Self::ToldCondition(kind.to_owned(), status.to_owned(), Some(reason.to_owned()))
            }
            _ => {
                let text = what.join(" ");
                let words = text.strip_prefix('"').and_then(|text| text.strip_suffix('"'));
                let words = words.filter(|words| !words.is_empty());
                let words = words.ok_or_else(|| format!("`{text}` cannot be told; {CAN_BE}"))?;
                Self::ToldWords(words.to_owned())
            }
        })
    }

    /// Whether it is so; if not, how it is instead.
    pub fn look(&self, sight: &Sight<'_>) -> Result<(), String> {
        let world = sight.world;
        match self {
            Self::At(target) => at_target(*target, sight),
            Self::Hosts(true) => so(all_on(world), || names(world, |host| !host.is_on(), "not on")),
            Self::Hosts(false) => {
                so(all_off(world), || names(world, |host| !host.is_off(), "not off"))
            }
            Self::Host(name, on) => {
                let host = &world.hosts[name];
                let is_it = if *on { host.is_on() } else { host.is_off() };
                so(is_it, || format!("it is {:?}", host.power))
            }
            Self::Services(true) => {
                let idle = |host: &Host| host.service.is_some() && !host.kubelet_works();
                so(!world.hosts.values().any(idle), || names(world, idle, "without its service"))
            }
            Self::Services(false) => {
                so(is_stopped(world), || names(world, something_runs, "with something that runs"))
            }
            Self::Service(name, up) => service(&world.hosts[name], *up),
            Self::Api(answers) => so(world.api_ready() == *answers, || {
                if *answers { "it does not answer".into() } else { "it answers".into() }
            }),
            Self::Pods => every_pod(world),
            Self::Node(name, whose) => {
                let node = &world.cluster.nodes[name];
                held(*whose, node.unschedulable, node.mark.is_some())
            }
            Self::Kustomization(name, whose) => {
                let mut objects = world.cluster.gitops.iter();
                let found = objects.find(|found| found.object.name == *name).unwrap();
                held(*whose, found.suspended, found.mark.is_some())
            }
            Self::NothingLeft => so(nothing_of_ours(world), || "a mark is left".into()),
            Self::Idle => idle(sight),
            Self::ToldTarget(..) | Self::ToldCondition(..) | Self::ToldWords(_) => {
                self.look_at_told(sight.told.ok_or("nothing is told yet")?)
            }
        }
    }

    fn look_at_told(&self, told: &Published) -> Result<(), String> {
        let status = &told.status;
        match self {
            Self::ToldTarget(target, by) => {
                let is_it = status.effective_target == Some(*target)
                    && by.as_ref().is_none_or(|by| status.by.as_ref() == Some(by));
                so(is_it, || format!("told: {:?} by {:?}", status.effective_target, status.by))
            }
            Self::ToldCondition(kind, wanted, reason) => {
                let found = status.conditions.iter().find(|c| c.condition_type == *kind);
                let found = found.ok_or_else(|| format!("no condition {kind} is told"))?;
                let is = format!("{:?}", found.status);
                let is_it =
                    is == *wanted && reason.as_ref().is_none_or(|reason| *reason == found.reason);
                so(is_it, || format!("told: {kind} {is} {}: {}", found.reason, found.message))
            }
            Self::ToldWords(words) => {
                let sentence = status.sentence.as_deref().unwrap_or_default();
                so(sentence.contains(words), || format!("told: {sentence}"))
            }
            _ => Ok(()),
        }
    }
}

const CAN_BE: &str = "what can be: running, cluster-only-down, poweroff, every host on|off, \
    host NAME on|off, every service up|down, service of NAME up|down, api answers|gone, \
    every pod runs, node NAME cordoned by ananke|a person, node NAME not cordoned, \
    kustomization NAME suspended by ananke|a person, kustomization NAME not suspended, \
    nothing of ananke left, ananke idle, told target TARGET [by WHOM], \
    told CONDITION True|False|Unknown [REASON], told \"WORDS\"";

fn so(is_so: bool, instead: impl FnOnce() -> String) -> Result<(), String> {
    if is_so { Ok(()) } else { Err(instead()) }
}

fn whose(who: &[&str]) -> Result<Whose, String> {
    match who {
        ["ananke"] => Ok(Whose::Ananke),
        ["a", "person"] => Ok(Whose::Person),
        _ => Err(format!("`{}` is neither `ananke` nor `a person`", who.join(" "))),
    }
}

fn kustomization(world: &World, name: &str) -> Result<String, String> {
    let names: Vec<String> =
        world.cluster.gitops.iter().map(|found| found.object.name.clone()).collect();
    known("Kustomization", name, names.iter())
}

fn names(world: &World, which: impl Fn(&Host) -> bool, how: &str) -> String {
    let found = world.hosts.iter().filter(|(_, host)| which(host)).map(|(name, _)| name.as_str());
    format!("{how}: {}", found.collect::<Vec<_>>().join(", "))
}

fn something_runs(host: &Host) -> bool {
    !host.containers.is_empty() || host.service.as_ref().is_some_and(ServiceUnit::runs)
}

fn service(host: &Host, up: bool) -> Result<(), String> {
    let state = host.service.as_ref().map(|unit| unit.state);
    let is_down = matches!(state, None | Some(ActiveState::Inactive | ActiveState::Failed));
    let is_it = if up { state == Some(ActiveState::Active) } else { is_down };
    so(is_it, || format!("it is {state:?}"))
}

/// Who says that it is there and is not, is not there.
fn at_target(target: Target, sight: &Sight<'_>) -> Result<(), String> {
    let world = sight.world;
    let is_there = match target {
        Target::Running => is_up(world) && nothing_of_ours(world),
        Target::ClusterOnlyDown => is_stopped(world) && all_on(world),
        Target::Poweroff => all_off(world),
    };
    so(is_there, || "the world is not there".into())?;
    Fact::ToldTarget(target, None).look(sight)?;
    Fact::ToldCondition("Ready".into(), "True".into(), None).look(sight)
}

fn held(wanted: Option<Whose>, is_held: bool, is_marked: bool) -> Result<(), String> {
    let is = match (is_held, is_marked) {
        (false, _) => None,
        (true, true) => Some(Whose::Ananke),
        (true, false) => Some(Whose::Person),
    };
    let told = || is.map_or_else(|| "by nobody".to_owned(), |whose| format!("by {whose:?}"));
    so(is == wanted, told)
}

fn every_pod(world: &World) -> Result<(), String> {
    let without = world.cluster.pods.iter().filter(|(uid, pod)| {
        let host = pod.node.as_ref().and_then(|node| world.hosts.get(node));
        !host.is_some_and(|host| host.containers.contains_key(*uid))
    });
    let without: Vec<String> = without.map(|(_, pod)| pod.full_name()).collect();
    so(without.is_empty(), || format!("without a container: {}", without.join(", ")))
}

fn idle(sight: &Sight<'_>) -> Result<(), String> {
    let skip = usize::try_from(sight.since).unwrap();
    let telling = |what: &What| matches!(what, What::Published { .. });
    let mut since = sight.world.trace.iter().skip(skip);
    let acted = since.find(|did| did.who == Actor::Ananke && !telling(&did.what));
    acted.map_or(Ok(()), |did| Err(format!("ananke did: {:?}", did.what)))
}
