//! What goes wrong in a schedule: how it is drawn, and how it strikes.

use ananke_crds::policy::Target;
use ananke_sim::{
    ports::Death,
    rng::SplitMix64,
    world::{ApiFault, CommandFault, Fate, HostFault, TelemetryFault, World},
};

use super::{
    operator,
    site::{OBJECTS, Site, WORKLOADS},
};
use crate::stage::Stage;

/// A fault, or the end of one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fault {
    Mains(bool),
    MainsFlap,
    Battery,
    Ups(TelemetryFault),
    UpsFlaps,
    UpsWell,
    ForcedShutdown,
    Host(HostFault),
    HostWell,
    SwitchOn,
    PressPower,
    PullPlug,
    HostClock,
    Commands(CommandFault),
    Api(ApiFault),
    ApiWell,
    Pods(PodFault),
    Source(bool),
    Target,
    BadDocument,
    OtherDocument,
    Suspended(bool),
    Cordon(bool),
    SuspendObject(bool),
    Disk(bool),
    LostState,
    Killed,
    KilledInWrite(Death),
    KilledAtAwait,
    OwnClock,
}

/// What pods do not do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PodFault {
    /// They do not end on SIGTERM.
    IgnoreTerm,
    /// A finalizer that nobody removes keeps their objects.
    Finalizer,
    /// Their `PodDisruptionBudget` can never be met.
    Budget,
}

const POD_FAULTS: [PodFault; 3] = [PodFault::IgnoreTerm, PodFault::Finalizer, PodFault::Budget];
const DEATHS: [Death; 3] = [Death::Before, Death::Torn, Death::After];

/// Those of a host that runs the cluster.
fn host_faults() -> impl Iterator<Item = HostFault> {
    // Its alarm is asked of the host of ananke alone.
    HostFault::ALL.into_iter().filter(|fault| *fault != HostFault::NoWakeAlarm)
}

fn telemetry() -> Vec<TelemetryFault> {
    use TelemetryFault::{
        AlwaysLow, BothSources, GarbledCharge, Lies, NotConnected, OtherDevice, Refused, Renamed,
        SelfTest, Silent, Stale, StatusOnly, Wait,
    };
    vec![
        Silent,
        NotConnected,
        Stale,
        Renamed,
        OtherDevice,
        BothSources,
        AlwaysLow,
        GarbledCharge,
        StatusOnly,
        SelfTest,
        Wait,
        Refused,
        Lies { percent: 60 },
        Lies { percent: 250 },
    ]
}

pub fn pick<T: Clone>(rng: &mut SplitMix64, from: &[T]) -> T {
    let last = u64::try_from(from.len()).unwrap() - 1;
    from[usize::try_from(rng.between(0, last)).unwrap()].clone()
}

/// Groups that are as likely as one another.
fn groups() -> Vec<Vec<Fault>> {
    use Fault::*;
    let hosts: Vec<Fault> = host_faults().map(Host).collect();
    let commands: Vec<Fault> = CommandFault::ALL.map(Commands).into();
    let api: Vec<Fault> = ApiFault::ALL.map(Api).into();
    let ups: Vec<Fault> = telemetry().into_iter().map(Ups).collect();
    let writes = DEATHS.map(KilledInWrite).into();
    vec![
        vec![Mains(false), Mains(false), Mains(true)],
        vec![Mains(false), Mains(true), MainsFlap],
        vec![Battery, Battery, ForcedShutdown],
        ups.clone(),
        ups,
        vec![UpsFlaps, UpsWell, UpsWell],
        hosts.clone(),
        hosts.clone(),
        hosts,
        vec![HostWell],
        vec![SwitchOn, PressPower, PullPlug, HostClock],
        commands.clone(),
        commands,
        api.clone(),
        api,
        vec![ApiWell, ApiWell, Source(false), Source(true)],
        POD_FAULTS.map(Pods).into(),
        vec![Target],
        vec![Target],
        vec![Target],
        vec![Target, Target, Mains(false)],
        vec![Mains(false), Mains(false), Mains(true)],
        vec![BadDocument, OtherDocument, Suspended(true), Suspended(false)],
        vec![Cordon(true), Cordon(false), SuspendObject(true), SuspendObject(false)],
        vec![Disk(true), Disk(false), LostState],
        vec![Killed, KilledAtAwait, KilledAtAwait],
        writes,
        vec![OwnClock],
    ]
}

/// What goes wrong next.
pub fn draw(rng: &mut SplitMix64) -> Fault {
    let group = pick(rng, &groups());
    pick(rng, &group)
}

impl Fault {
    /// All that can be drawn, by their names.
    pub fn names() -> Vec<String> {
        let mut names: Vec<String> = groups().iter().flatten().filter_map(Self::name).collect();
        names.sort();
        names.dedup();
        names
    }

    /// What it is counted as; the end of a fault is not counted.
    pub fn name(&self) -> Option<String> {
        Some(match self {
            Self::Mains(false) => "outage".into(),
            Self::MainsFlap => "mains flap".into(),
            Self::Battery => "battery".into(),
            Self::Ups(TelemetryFault::Lies { percent }) if *percent > 100 => {
                "ups lies upwards".into()
            }
            Self::Ups(fault) => format!("ups {}", fault.name()),
            Self::UpsFlaps => "ups flaps".into(),
            Self::ForcedShutdown => "forced shutdown".into(),
            Self::Host(fault) => format!("host {}", fault.name()),
            Self::SwitchOn => "host boots by itself".into(),
            Self::PressPower => "power button".into(),
            Self::PullPlug => "plug pulled".into(),
            Self::HostClock => "clock host".into(),
            Self::Commands(fault) => format!("command {}", fault.name()),
            Self::Api(fault) => format!("api {}", fault.name()),
            Self::Pods(PodFault::IgnoreTerm) => "pods ignore SIGTERM".into(),
            Self::Pods(PodFault::Finalizer) => "finalizer never goes".into(),
            Self::Pods(PodFault::Budget) => "api disruption-budget".into(),
            Self::Source(false) => "git server away".into(),
            Self::Target => "target edited".into(),
            Self::BadDocument => "bad document".into(),
            Self::OtherDocument => "policy edited".into(),
            Self::Suspended(true) => "spec.suspend".into(),
            Self::Cordon(on) => format!("person {}", if *on { "cordons" } else { "uncordons" }),
            Self::SuspendObject(on) => {
                format!("person {}", if *on { "suspends" } else { "resumes" })
            }
            Self::Disk(true) => "disk full".into(),
            Self::LostState => "state lost".into(),
            Self::Killed => "killed".into(),
            Self::KilledInWrite(Death::Before) => "write lost".into(),
            Self::KilledInWrite(Death::Torn) => "write torn".into(),
            Self::KilledInWrite(Death::After) => "killed after a write".into(),
            Self::KilledAtAwait => "killed at an await".into(),
            Self::OwnClock => "clock here".into(),
            Self::UpsWell
            | Self::HostWell
            | Self::ApiWell
            | Self::Mains(true)
            | Self::Source(true)
            | Self::Suspended(false)
            | Self::Disk(false) => return None,
        })
    }

    /// Lets it strike.
    pub async fn strike(&self, stage: &mut Stage, site: &Site, rng: &mut SplitMix64) {
        let host = pick(rng, site.hosts).to_owned();
        match self {
            Self::Target => {
                let targets = [Target::Running, Target::ClusterOnlyDown, Target::Poweroff];
                stage.declare(pick(rng, &targets));
            }
            Self::BadDocument => operator::edits_badly(stage, rng),
            Self::OtherDocument => operator::edits(stage, rng),
            Self::Suspended(on) => stage.edit("suspend", &on.to_string()),
            Self::Pods(fault) => {
                let workload = pick(rng, &WORKLOADS);
                stage.tell(&format!("pods of {workload}: {fault:?}"));
                stage.change(|world| fault.befall(world, workload));
            }
            Self::MainsFlap => {
                let supply = one_or_all(rng, site);
                let mains = |present| Fate::Mains { supply: supply.clone(), present };
                flap(stage, rng, &mains(false), &mains(true)).await;
            }
            Self::UpsFlaps => {
                let supply = pick_one(rng, site.supplies);
                let tells = |fault| Fate::Telemetry { supply: supply.into(), fault };
                let silent = tells(Some(TelemetryFault::Silent));
                flap(stage, rng, &silent, &tells(None)).await;
            }
            Self::Disk(full) => {
                stage.tell(if *full { "the disk is full" } else { "there is room again" });
                stage.store.fill(*full);
            }
            Self::LostState => {
                stage.kill_minus_9().await;
                // A new disk has room.
                stage.tell("the state directory is lost");
                stage.expect.forgot.push(stage.now());
                stage.store.fill(false);
                stage.store.lose();
            }
            Self::Killed => {
                stage.kill_minus_9().await;
                let seconds = rng.between(1, 20);
                stage.rests_dead(seconds).await;
            }
            Self::KilledInWrite(how) => stage.dies_in_write(rng.between(1, 20), *how),
            Self::KilledAtAwait => stage.dies_at_poll(rng.between(1, 1_000)),
            // Felt on the way up alone: it goes off at once, and somebody switches it on.
            Self::Host(HostFault::NeverBoots | HostFault::ForgetsTime) => {
                stage.fate(&self.fate(site, rng, host.clone()));
                stage.fate(&Fate::PullPlug { host: host.clone() });
                stage.fate(&Fate::SwitchOn { host });
            }
            Self::Battery => {
                let fate = self.fate(site, rng, host);
                // A charge does not jump while it falls.
                if stage.look(|world| may_be_charged(world, &fate)) {
                    stage.fate(&fate);
                }
            }
            _ => stage.fate(&self.fate(site, rng, host)),
        }
    }

    /// Those that fate has a word for.
    fn fate(&self, site: &Site, rng: &mut SplitMix64, host: String) -> Fate {
        if let Self::Mains(present) = self {
            return Fate::Mains { supply: one_or_all(rng, site), present: *present };
        }
        let supply = pick_one(rng, site.supplies).to_owned();
        match self {
            Self::Ups(fault) => Fate::Telemetry { supply, fault: Some(fault.clone()) },
            Self::UpsWell => Fate::Telemetry { supply, fault: None },
            Self::ForcedShutdown => Fate::ForcedShutdown { supply, set: true },
            Self::Host(fault) => Fate::Break { host, fault: *fault },
            Self::HostWell => Fate::Repair { host },
            Self::SwitchOn => Fate::SwitchOn { host },
            Self::PressPower => Fate::PressPower { host },
            Self::PullPlug => Fate::PullPlug { host },
            Self::HostClock => Fate::Clock { host: Some(host), ahead_millis: step(rng) },
            Self::OwnClock => Fate::Clock { host: None, ahead_millis: step(rng) },
            Self::Commands(fault) => {
                let times = u32::try_from(rng.between(1, 3)).unwrap();
                Fate::Commands { host, fault: *fault, times }
            }
            Self::Api(fault) => Fate::Api { fault: Some(*fault) },
            Self::ApiWell => Fate::Api { fault: None },
            Self::Source(reachable) => Fate::Source { reachable: *reachable },
            Self::Cordon(on) => Fate::Cordon { node: host, on: *on },
            Self::SuspendObject(on) => Fate::kustomization(pick(rng, &OBJECTS), *on),
            _ => Fate::Battery { supply, percent: rng.between(22, 100) },
        }
    }
}

/// Whether mains are behind the supply whose battery this changes.
fn may_be_charged(world: &World, fate: &Fate) -> bool {
    let Fate::Battery { supply, .. } = fate else { return false };
    world.supplies.get(supply).is_some_and(|supply| supply.mains)
}

/// One of them; nothing is drawn where there is only one.
fn pick_one(rng: &mut SplitMix64, from: &[&'static str]) -> &'static str {
    if let [one] = from { one } else { pick(rng, from) }
}

/// Every other time all mains at once.
fn one_or_all(rng: &mut SplitMix64, site: &Site) -> Option<String> {
    let is_one = site.supplies.len() > 1 && rng.chance(50);
    is_one.then(|| pick(rng, site.supplies).to_owned())
}

impl PodFault {
    fn befall(self, world: &mut World, workload: &str) {
        let found = world.cluster.workloads.get_mut(workload).unwrap();
        match self {
            Self::IgnoreTerm => found.ends_in = 600_000,
            Self::Finalizer => found.finalizer = true,
            Self::Budget => found.min_available = Some(found.replicas),
        }
    }
}

/// Pods do what they are told again.
pub fn mend_pods(world: &mut World) {
    for workload in WORKLOADS {
        let found = world.cluster.workloads.get_mut(workload).unwrap();
        (found.ends_in, found.finalizer, found.min_available) = (2_000, false, None);
    }
}

/// From seconds to years, either way.
fn step(rng: &mut SplitMix64) -> i64 {
    let seconds = pick(rng, &[7, 90, 3_600, 86_400, 400 * 86_400]);
    if rng.chance(50) { seconds * 1000 } else { -seconds * 1000 }
}

/// Back and forth, some seconds each.
async fn flap(stage: &mut Stage, rng: &mut SplitMix64, bad: &Fate, good: &Fate) {
    for _ in 0..rng.between(3, 6) {
        stage.fate(bad);
        stage.pass_millis(rng.between(500, 9_000)).await;
        stage.fate(good);
        stage.pass_millis(rng.between(500, 9_000)).await;
    }
}
