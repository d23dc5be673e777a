//! One seed is one random schedule of faults; once they stop, the world reaches its target.

mod fault;
mod felt;
mod operator;
mod site;
mod via;

use std::{
    cell::RefCell,
    collections::{BTreeMap, BTreeSet},
    env,
    sync::Mutex,
    time::Duration,
};

use ananke::{publish::Published, state::Request};
use ananke_crds::policy::Target;
use ananke_sim::{
    rng::SplitMix64,
    world::{Fate, HostFault, World},
};
use fault::{Fault, draw, mend_pods, pick};
use felt::{FOLLOWS, felt};
use site::Site;

use crate::{
    across::across,
    stage::{
        Stage, all_on, condition,
        play::{Take, take},
    },
};

/// So many seeds where nobody asks for more.
const SEEDS: u64 = 2_000;

/// Longer than any command or call takes that is given up and done all the same: its deadline, and
/// what it is late beyond that.
const LATEST: Duration = Duration::from_secs(180);

/// Longer than a boot, the pause until a supply is asked again, and `stableFor` of any document.
const HEARD_TO_HOLD: Duration = Duration::from_secs(90);

/// What does not end.
const LOST: &str = "host never comes back";
const KEPT: &str = "finalizer for ever";

/// Faults, edits and deaths, some seconds apart; then none, and the target must be reached.
async fn schedule(stage: &mut Stage, site: &Site, seed: u64, drawn: &RefCell<BTreeSet<String>>) {
    let mut rng = SplitMix64::new(seed);
    // Who lies of its battery, and what hangs, may end one in disorder; never in harm.
    stage.expect.energy_fits = false;
    stage.edit("trigger", "{maxOnBattery: 60s, minCharge: 20}");
    stage.arrives(Target::Running, 60).await;
    for _ in 0..rng.between(4, 12) {
        let fault = draw(&mut rng);
        if is_known_by_a_person_alone(&fault, &drawn.borrow()) {
            continue;
        }
        drawn.borrow_mut().extend(fault.name());
        fault.strike(stage, site, &mut rng).await;
        stage.pass(Duration::from_millis(rng.between(500, 40_000))).await;
    }
    match rng.between(0, 19) {
        0 => without_a_host(stage, site, &mut rng, drawn).await,
        1 => with_a_finalizer(stage, site, drawn).await,
        2 => ends(stage, site, Target::ClusterOnlyDown).await,
        3 => ends(stage, site, Target::Poweroff).await,
        _ => ends(stage, site, Target::Running).await,
    }
}

/// Whoever lost all memory and hears another device under a name cannot know that it is another.
fn is_known_by_a_person_alone(fault: &Fault, drawn: &BTreeSet<String>) -> bool {
    let (memory, device) = ("state lost", "ups other-device");
    match fault.name().as_deref() {
        Some(name) if name == memory => drawn.contains(device),
        Some(name) if name == device => drawn.contains(memory),
        _ => false,
    }
}

/// All that is wrong is mended.
async fn mend(stage: &mut Stage, site: &Site) {
    stage.tell("the faults are over");
    stage.is_spared();
    stage.store.fill(false);
    for host in site.hosts {
        stage.fate(&Fate::Repair { host: (*host).into() });
    }
    stage.fate(&Fate::Api { fault: None });
    stage.fate(&Fate::Source { reachable: true });
    for supply in site.supplies.iter().map(|supply| String::from(*supply)) {
        stage.fate(&Fate::Telemetry { supply: supply.clone(), fault: None });
        stage.fate(&Fate::ForcedShutdown { supply, set: false });
    }
    stage.fate(&Fate::Mains { supply: None, present: true });
    for supply in site.supplies {
        stage.fate(&Fate::Battery { supply: (*supply).into(), percent: 100 });
    }
    stage.change(mend_pods);
    stage.edit("suspend", "false");
    // With every node cordoned by persons nothing of Flux would run: once while the API is there, and
    // once more when what was late is done.
    let uncordon = Fate::Cordon { node: "server-0".into(), on: false };
    stage.fate(&uncordon);
    stage.pass(LATEST).await;
    stage.fate(&uncordon);
}

async fn ends(stage: &mut Stage, site: &Site, target: Target) {
    mend(stage, site).await;
    stage.declare(target);
    if target == Target::ClusterOnlyDown {
        switched_on(stage, site).await;
    }
    stage.ask(&Request::Startup { reason: "the faults are over".into() }).await;
    stage.arrives(target, site.within).await;
}

/// `cluster-only-down` leaves hosts as they are found: a person switches them on, and within a
/// minute they are looked at.
async fn switched_on(stage: &mut Stage, site: &Site) {
    // What was told to go off before is off by then.
    stage.pass(LATEST).await;
    if !site.heard_via.is_empty() {
        // What is on while nobody hears that mains are back goes off again.
        switch_on(stage, site.heard_via);
        stage.pass(HEARD_TO_HOLD).await;
    }
    switch_on(stage, site.hosts);
    stage.until("every host is on", 120, all_on).await;
    stage.pass(Duration::from_secs(70)).await;
}

fn switch_on(stage: &mut Stage, hosts: &[&str]) {
    for host in hosts {
        stage.fate(&Fate::SwitchOn { host: (*host).into() });
    }
}

fn names(told: &Published, what: &str) -> bool {
    condition(told, "Stalled").is_some_and(|message| message.contains(what))
}

/// One host never comes back: it is named, and all else arrives.
async fn without_a_host(
    stage: &mut Stage,
    site: &Site,
    rng: &mut SplitMix64,
    drawn: &RefCell<BTreeSet<String>>,
) {
    drawn.borrow_mut().insert(LOST.into());
    let lost = pick(rng, site.spare);
    mend(stage, site).await;
    stage.fate(&Fate::Break { host: lost.into(), fault: HostFault::Broken });
    stage.expect.lost.insert(lost.into());
    // It is woken again and again, less and less often.
    stage.rests = false;
    stage.declare(Target::Running);
    stage.ask(&Request::Startup { reason: "the faults are over".into() }).await;
    let others = |world: &World| {
        world.api_ready()
            && world.hosts.iter().all(|(name, host)| name == lost || host.kubelet_works())
            && world.cluster.gitops.iter().all(|object| object.mark.is_none())
            && world.cluster.nodes.iter().all(|(name, node)| name == lost || node.mark.is_none())
    };
    stage.until("all but the lost host works", site.within, others).await;
    stage.until_told("it is named", 300, |told| names(told, lost)).await;
}

/// A finalizer keeps pods for ever: that is named and nothing is forced, until a person removes it.
async fn with_a_finalizer(stage: &mut Stage, site: &Site, drawn: &RefCell<BTreeSet<String>>) {
    drawn.borrow_mut().insert(KEPT.into());
    ends(stage, site, Target::Running).await;
    stage.change(|world| world.cluster.workloads.get_mut("web/site").unwrap().finalizer = true);
    stage.declare(Target::ClusterOnlyDown);
    let named = |told: &Published| names(told, "node/");
    stage.until_told("the node is named", 900, named).await;
    let serves = stage.look(World::api_ready);
    stage.check(serves, "the API was taken away from pods that are left");
    stage.change(mend_pods);
    stage.arrives(Target::ClusterOnlyDown, 900).await;
}

/// What one seed came to.
struct Played {
    site: &'static Site,
    hash: u64,
    drawn: BTreeSet<String>,
    felt: BTreeSet<String>,
}

fn played(seed: u64) -> Played {
    let loud = env::var("ANANKE_ONLY").is_ok();
    let again = format!(
        "ANANKE_ONLY={seed} cargo test -p ananke --test sweeps \
         random_faults_end_where_they_should -- --nocapture"
    );
    let drawn = RefCell::default();
    let site = site::of(seed);
    let story = async |stage: &mut Stage| schedule(stage, site, seed, &drawn).await;
    let run = take(site.scene, &Take { seed, point: None, twice: false, loud, again }, &story);
    Played { site, hash: run.hash, felt: felt(&run), drawn: drawn.into_inner() }
}

/// How many seeds were played where, how many drew each fault, and in how many of those it had an
/// effect.
#[derive(Default)]
struct Tally {
    sites: BTreeMap<&'static str, u64>,
    faults: BTreeMap<String, (u64, u64)>,
}

impl Tally {
    fn take(&mut self, played: &Played) {
        *self.sites.entry(played.site.name).or_default() += 1;
        let follows = FOLLOWS.iter().filter(|name| played.felt.contains(**name));
        for name in played.drawn.iter().cloned().chain(follows.map(|name| (*name).to_owned())) {
            let (drawn, felt) = self.faults.entry(name.clone()).or_default();
            *drawn += 1;
            *felt += u64::from(played.felt.contains(&name) || !is_seen_from_outside(&name));
        }
    }

    fn tell(&self) {
        let counts: Vec<String> = self
            .faults
            .iter()
            .map(|(name, (drawn, felt))| format!("{name} {drawn}/{felt}"))
            .collect();
        let sites: Vec<String> = self.sites.iter().map(|(site, n)| format!("{site} {n}")).collect();
        println!("sweep: worlds, seeds played in each: {}", sites.join(", "));
        println!("sweep: faults, drawn in/felt in so many seeds: {}", counts.join(", "));
    }

    fn missing(&self) -> Vec<String> {
        let follows = FOLLOWS.into_iter().chain([LOST, KEPT]).map(str::to_owned);
        let all = Fault::names().into_iter().chain(follows);
        all.filter(|name| self.faults.get(name).is_none_or(|(_, felt)| *felt == 0)).collect()
    }
}

/// What has its effect in the very act.
fn is_seen_from_outside(name: &str) -> bool {
    let at_once = [
        "battery",
        "bad document",
        "policy edited",
        "spec.suspend",
        "target edited",
        "state lost",
        "killed",
        "git server away",
        "forced shutdown",
        "finalizer never goes",
        LOST,
        KEPT,
    ];
    !at_once.contains(&name)
}

#[test]
fn random_faults_end_where_they_should() {
    let count = env::var("ANANKE_SEEDS").map_or(SEEDS, |text| text.parse().unwrap());
    let first = env::var("ANANKE_FIRST_SEED").map_or(1, |text| text.parse().unwrap());
    let only = env::var("ANANKE_ONLY").ok().and_then(|text| text.parse().ok());
    let seeds: Vec<u64> = only.map_or_else(|| (first..first + count).collect(), |seed| vec![seed]);
    let tally = Mutex::new(Tally::default());
    let outcome = across(&seeds, |seed| {
        let run = played(*seed);
        // A twentieth is played twice: one seed is one run.
        if seed % 20 == 0 {
            assert_eq!(run.hash, played(*seed).hash, "two runs of seed {seed} differ");
        }
        tally.lock().unwrap().take(&run);
    });
    let tally = tally.into_inner().unwrap();
    tally.tell();
    outcome.tell("seeds of random faults");
    if count >= SEEDS && only.is_none() {
        assert_eq!(tally.missing(), Vec::<String>::new(), "faults that were never felt");
    }
}
