//! How long a whole virtual outage takes to simulate, down and up: the real daemon over a virtual
//! world in virtual time. `cargo bench -p ananke --bench outage`.

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::print_stdout,
    reason = "a bench ends loudly and prints its figures"
)]

#[expect(dead_code, unreachable_pub, reason = "the stories use all of them")]
#[path = "../tests/sim/scenes.rs"]
mod scenes;

use std::{
    collections::BTreeMap,
    sync::Arc,
    time::{Duration, Instant},
};

use ananke::{daemon::Daemon, publish::Publisher, run::Mode, wiring::policy::InForce};
use ananke_core::{decide::decide, journal::Journal};
use ananke_crds::policy::{Condition, ConditionStatus, Target};
use ananke_sim::{
    ports::{MemoryStore, MemoryWorld, WorldHandle as _, ports},
    world::{Fate, Host, World},
};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

/// Runs, of which the median counts.
const RUNS: usize = 11;
/// How often the stage looks, in virtual time.
const LOOK: Duration = Duration::from_secs(1);

/// What one outage took.
struct Outage {
    real: Duration,
    virtual_seconds: u64,
    writes: u64,
    journal_bytes: usize,
}

fn main() {
    for (name, scene) in
        [("the lab's cluster", scenes::LAB), ("the embedded world", scenes::EMBEDDED)]
    {
        let in_force = Arc::new(InForce::of(&(scene.document)(), "bench.yaml").unwrap());
        let world = (scene.world)(1);
        let mut runs: Vec<Outage> = (0..RUNS).map(|_| outage(&in_force, &world)).collect();
        runs.sort_by_key(|run| run.real);
        let median = &runs[RUNS / 2];
        println!(
            "a virtual outage, down and up, {name}, {} hosts: {:.1} ms (best {:.1}, worst {:.1}) \
             for {} s; {} writes, {} KiB of journal",
            world.hosts.len(),
            millis(median.real),
            millis(runs[0].real),
            millis(runs[RUNS - 1].real),
            median.virtual_seconds,
            median.writes,
            median.journal_bytes / 1024,
        );
        parts(&in_force, &world);
    }
}

fn millis(span: Duration) -> f64 {
    span.as_secs_f64() * 1e3
}

/// On battery until all is off, mains back, until `Ready` is told.
fn outage(in_force: &Arc<InForce>, world: &World) -> Outage {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .start_paused(true)
        .build()
        .unwrap();
    let (copy, store) = (world.clone(), Arc::new(MemoryStore::new()));
    let began = Instant::now();
    let virtual_seconds = runtime.block_on(async {
        let world = Arc::new(MemoryWorld::new(copy));
        let (_policies, mut policy) = watch::channel(Arc::clone(in_force));
        let mut publisher = Publisher::new(Vec::new());
        let told = publisher.told();
        let all = ports(&world, store.clone());
        let daemon = tokio::spawn(async move {
            let wire = |_: &InForce| Ok(all.clone());
            let daemon = Daemon { wire, mode: Mode::Act, polls: BTreeMap::new() };
            daemon.run(&mut publisher, &mut policy, &CancellationToken::new()).await
        });
        let mains = |present| {
            let fate = Fate::Mains { supply: None, present };
            world.act(|world| world.suffer(&fate)).unwrap().unwrap();
        };
        let start = world.now_millis();
        mains(false);
        while !world.look(|world| world.hosts.values().all(Host::is_off)).unwrap() {
            tokio::time::sleep(LOOK).await;
        }
        mains(true);
        loop {
            tokio::time::sleep(LOOK).await;
            let told = told.borrow().clone().unwrap();
            let decision = &told.scene().decision;
            if decision.effective.target == Target::Running
                && decision.units.iter().all(|unit| unit.arrived)
            {
                break;
            }
        }
        let ready =
            |c: &Condition| c.condition_type == "Ready" && c.status == ConditionStatus::True;
        assert!(told.borrow().as_ref().unwrap().published().status.conditions.iter().any(ready));
        daemon.abort();
        (world.now_millis() - start) / 1000
    });
    let journal_bytes =
        ananke_ports::Store::journal(&*store).unwrap().iter().map(String::len).sum();
    Outage { real: began.elapsed(), virtual_seconds, writes: store.writes(), journal_bytes }
}

/// What single parts of a turn cost.
fn parts(in_force: &InForce, world: &World) {
    let snapshot = ananke_core::observe::Snapshot {
        now: ananke_core::time::Tick::from_millis(world.now()),
        supplies: BTreeMap::new(),
        hosts: world
            .hosts
            .keys()
            .filter_map(|name| {
                let now = ananke_core::time::Tick::from_millis(world.now());
                Some((name.clone(), ananke_core::seen::Seen::known(world.host_facts(name)?, now)))
            })
            .collect(),
        api: ananke_core::seen::Seen::known(
            world.api_health().unwrap(),
            ananke_core::time::Tick::from_millis(world.now()),
        ),
        cluster: ananke_core::seen::Seen::known(
            world.cluster_facts(),
            ananke_core::time::Tick::from_millis(world.now()),
        ),
        observed: BTreeMap::new(),
        requests: ananke_core::observe::Requests::default(),
    };
    let journal = Journal::default();
    let decision = decide(&in_force.plant, &journal, &snapshot);
    time("decide", || drop(decide(&in_force.plant, &journal, &snapshot)));
    time("the objects of the API, as facts", || drop(world.cluster_facts()));
    time("a snapshot and its decision as JSON", || {
        drop(serde_json::to_vec(&(&snapshot, &decision)).unwrap());
    });
}

fn time(what: &str, work: impl Fn()) {
    const TIMES: u32 = 1000;
    let began = Instant::now();
    for _ in 0..TIMES {
        work();
    }
    println!("  {what}: {:.1} µs", began.elapsed().as_secs_f64() * 1e6 / f64::from(TIMES));
}
