//! Facts put together: in order, and ascribed to whoever did it.

use ananke_audit::{Actor, Happening, Millis, Picture, Role, Service, What};

use super::facts::{Facts, HostFact, HostNote, Life, UnitChange};

/// The daemon's field manager, fixed by its contract.
const MANAGER: &str = "ananke";
/// How long a command to a host explains what systemd does to the service: it waits in turn for a
/// stop that is under way, and a service of a lab stops within seconds.
const COMMAND_EXPLAINS: Millis = 10_000;

/// Everything since `before`, oldest first.
pub(super) fn happenings(before: &Picture, facts: &Facts) -> Vec<Happening> {
    let mut told = Told { since: before.at, happenings: Vec::new() };
    // Of one instant, what has ended is told before what was begun because of it.
    containers(before, facts, &mut told);
    supplies(before, facts, &mut told);
    api_objects(before, facts, &mut told);
    for host in before.hosts.keys() {
        services(host, facts, &mut told);
        halts(host, before, facts, &mut told);
        power(host, facts, &mut told);
        for at in facts.snapshots.get(host).into_iter().flatten() {
            told.add(*at, Actor::Ananke, What::SnapshotTaken { host: host.clone() });
        }
    }
    for wake in &facts.wakes {
        // Nobody else in a lab sends magic packets.
        told.add(wake.at, Actor::Ananke, What::WakeSent { host: wake.host.clone() });
    }
    told.happenings.sort_by_key(|happening| happening.at);
    with_the_api(before, told.happenings)
}

struct Told {
    since: Millis,
    happenings: Vec<Happening>,
}

impl Told {
    /// What lies before the first picture is in it.
    fn add(&mut self, at: Millis, who: Actor, what: What) {
        if at >= self.since {
            self.happenings.push(Happening { at, who, what });
        }
    }
}

/// What was never seen alive after an instant counts as ended then: nobody is accused of what fell
/// between two looks.
fn containers(before: &Picture, facts: &Facts, told: &mut Told) {
    for (node, lives) in &facts.containers {
        for Life { name, from, until, .. } in lives {
            if *from > before.at {
                // The lab's stack knows no DaemonSets.
                let what =
                    What::PodStarted { pod: name.clone(), node: node.clone(), daemon: false };
                told.add(*from, Actor::World, what);
            }
            if *until < facts.looked {
                let what = What::PodEnded { pod: name.clone(), node: node.clone() };
                told.add((*until).max(before.at), Actor::World, what);
            }
        }
    }
}

fn supplies(before: &Picture, facts: &Facts, told: &mut Told) {
    for (supply, readings) in &facts.supplies {
        let mut mains = before.supplies.get(supply).is_none_or(|s| s.mains);
        for reading in readings.iter().filter(|r| r.at >= before.at) {
            if reading.mains() == mains {
                continue;
            }
            mains = reading.mains();
            let supply = supply.clone();
            let what = if mains { What::MainsBack { supply } } else { What::MainsLost { supply } };
            told.add(reading.at, Actor::World, what);
        }
    }
}

fn api_objects(before: &Picture, facts: &Facts, told: &mut Told) {
    let mut held = std::collections::BTreeMap::new();
    held.extend(before.nodes.iter().map(|(name, node)| (name.clone(), node.held)));
    held.extend(before.gitops.iter().map(|(object, g)| (object.clone(), g.suspend.held)));
    for fact in facts.api.iter().filter(|fact| fact.at >= before.at) {
        let object = fact.object();
        if held.insert(object.clone(), fact.held) == Some(fact.held) {
            continue;
        }
        let who = match &fact.manager {
            Some(manager) if manager == MANAGER => Actor::Ananke,
            _ if fact.agent.starts_with("kubectl") => Actor::Person,
            _ => Actor::World,
        };
        let what = match (fact.resource.as_str(), fact.held) {
            ("nodes", true) => What::Cordoned { node: object },
            ("nodes", false) => What::Uncordoned { node: object },
            (_, true) => What::Suspended { object },
            (_, false) => What::Resumed { object },
        };
        told.add(fact.at, who, what);
    }
}

fn journal<'a>(host: &str, facts: &'a Facts) -> impl Iterator<Item = &'a HostFact> {
    facts.hosts.get(host).into_iter().flatten()
}

fn services(host: &str, facts: &Facts, told: &mut Told) {
    let mut last: Option<(Millis, &str)> = None;
    let by = |last: Option<(Millis, &str)>, at: Millis, verbs: &[&str]| match last {
        Some((sent, command))
            if at <= sent + COMMAND_EXPLAINS && verbs.iter().any(|verb| command.contains(verb)) =>
        {
            Actor::Ananke
        }
        _ => Actor::World,
    };
    for fact in journal(host, facts) {
        let name = host.to_owned();
        match &fact.note {
            HostNote::Sudo(command) => last = Some((fact.at, command)),
            HostNote::Unit(UnitChange::Starting) => {
                let who = by(last, fact.at, &["systemctl start"]);
                told.add(fact.at, who, What::ServiceStarting { host: name });
            }
            HostNote::Unit(UnitChange::Started) => {
                told.add(fact.at, Actor::World, What::ServiceActive { host: name });
            }
            HostNote::Unit(UnitChange::Stopping) => {
                let who = by(last, fact.at, &["systemctl stop", "systemctl kill", "killall"]);
                told.add(fact.at, who, What::ServiceStopping { host: name, runtime_left: None });
            }
            HostNote::Unit(UnitChange::Down) => {
                told.add(fact.at, Actor::World, What::ServiceDown { host: name });
            }
        }
    }
}

/// The first order to power off in each life of a host; later ones change nothing.
fn halts(host: &str, before: &Picture, facts: &Facts, told: &mut Told) {
    let booted = |fact: &&super::PowerFact| fact.change.starts_with("on ");
    let boots: Vec<Millis> =
        facts.power.get(host).into_iter().flatten().filter(booted).map(|f| f.at).collect();
    let mut halted_in = None;
    for fact in journal(host, facts) {
        let HostNote::Sudo(command) = &fact.note else { continue };
        let life = boots.iter().filter(|boot| **boot <= fact.at).count();
        if !command.contains("systemctl poweroff") || halted_in.replace(life) == Some(life) {
            continue;
        }
        let alive = |lives: Option<&Vec<Life>>| {
            let count = lives.into_iter().flatten().filter(|life| life.spans(fact.at)).count();
            u32::try_from(count).unwrap_or(u32::MAX)
        };
        let what = What::HostHalting {
            host: host.to_owned(),
            reboots: false,
            containers: alive(facts.containers.get(host)),
            volumes: alive(facts.volumes.get(host)),
            service_runs: service_runs(host, before, facts, fact.at),
            runtime_left: runtime_left(host, before, facts, fact.at),
        };
        told.add(fact.at, Actor::Ananke, what);
    }
}

fn service_runs(host: &str, before: &Picture, facts: &Facts, at: Millis) -> bool {
    let since = journal(host, facts).filter(|f| f.at >= before.at && f.at <= at);
    let last = since.filter_map(|fact| match fact.note {
        HostNote::Unit(change) => Some(change),
        HostNote::Sudo(_) => None,
    });
    match last.last() {
        Some(change) => change != UnitChange::Down,
        None => before.hosts.get(host).is_some_and(|h| h.service.runs()),
    }
}

fn runtime_left(host: &str, before: &Picture, facts: &Facts, at: Millis) -> Option<Millis> {
    let left = before.hosts.get(host)?.supplies.iter().map(|supply| {
        let reading = facts.supplies.get(supply)?.iter().rfind(|reading| reading.at <= at)?;
        (!reading.mains()).then_some(reading.runtime_s * 1000)
    });
    left.collect::<Option<Vec<Millis>>>()?.into_iter().max()
}

fn power(host: &str, facts: &Facts, told: &mut Told) {
    for fact in facts.power.get(host).into_iter().flatten() {
        let name = host.to_owned();
        let (who, what) = match fact.change.as_str() {
            "on wake-on-lan" => (Actor::Ananke, What::HostBooting { host: name }),
            on if on.starts_with("on ") => (Actor::World, What::HostBooting { host: name }),
            "exit 0" | "exit 133" => (Actor::World, What::HostOff { host: name }),
            _ => (Actor::World, What::HostCut { host: name, containers: 0 }),
        };
        told.add(fact.at, who, what);
    }
}

/// The API answers while enough services of servers are active: k3s says so only when it does.
fn with_the_api(before: &Picture, told: Vec<Happening>) -> Vec<Happening> {
    let mut servers: std::collections::BTreeMap<String, bool> = before
        .hosts
        .iter()
        .filter(|(_, host)| host.role == Some(Role::Server))
        .map(|(name, host)| (name.clone(), host.service == Service::Active))
        .collect();
    let (mut up, mut whole) = (before.api_ready, Vec::with_capacity(told.len()));
    for happening in told {
        let at = happening.at;
        let change = match &happening.what {
            What::ServiceActive { host } => Some((host, true)),
            What::ServiceStopping { host, .. }
            | What::ServiceDown { host }
            | What::HostOff { host }
            | What::HostCut { host, .. } => Some((host, false)),
            _ => None,
        };
        if let Some((host, active)) = change
            && let Some(server) = servers.get_mut(host)
        {
            *server = active;
        }
        whole.push(happening);
        let answers = servers.values().filter(|active| **active).count() >= before.quorum();
        if answers != up {
            up = answers;
            let what = if up { What::ApiUp } else { What::ApiDown };
            whole.push(Happening { at, who: Actor::World, what });
        }
    }
    whole
}
