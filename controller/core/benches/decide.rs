//! How long one decision takes: medians, at rest and in the middle of a descent.
//!
//! `cargo bench -p ananke-core`. The bounds: 200 hosts in 1 ms, 5,000 hosts in 20 ms.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::print_stdout,
    reason = "a bench is run by hand and prints"
)]

#[path = "../tests/support/mod.rs"]
mod support;

use std::{
    hint::black_box,
    time::{Duration, Instant},
};

use ananke_core::{
    decide::decide,
    journal::{Event, InFlight},
    plant::Plant,
    step::{Action, PlannedStep, Rung, Service},
};
use ananke_crds::policy::{PowerPolicy, Target};
use support::worlds::{self, NOW, Still};

const SERVERS: usize = 3;

/// Three servers and workers, so many hosts in all, with every section.
fn policy(hosts: usize) -> PowerPolicy {
    let host = |at: usize| {
        let role = if at < SERVERS { "server" } else { "agent" };
        let mac = format!("02:00:5e:00:{:02x}:{:02x}", at / 256, at % 256);
        serde_json::json!({"name": format!("h{at}"), "role": role, "wake": {"method": "wol", "mac": mac}})
    };
    let mut document = serde_json::to_value(support::policy("layered")).unwrap();
    document["spec"]["hosts"] = (0..hosts).map(host).collect();
    document["spec"]["startup"]["images"][0]["host"] = "h3".into();
    document["spec"]["startup"]["clock"] = serde_json::json!({"mode": "quorum"});
    serde_json::from_value(document).unwrap()
}

/// In the middle of the drains: every agent's node has an eviction in flight or behind it.
fn descent(plant: &Plant) -> Still {
    let mut still = worlds::half_way(plant);
    for (id, host) in plant.hosts.iter().enumerate().skip(SERVERS) {
        let step = PlannedStep {
            unit: format!("node/{}", host.name).into(),
            rung: Rung::Evict,
            action: Action::StopService { host: host.name.clone(), service: Service::Agent },
            deadline: Duration::from_secs(20),
            attempt: 1,
        };
        let id = u64::try_from(id).unwrap();
        if id % 2 == 0 {
            still.journal.in_flight.insert(id, InFlight { since: NOW, step });
        } else {
            still.journal.apply(&Event::Begun { id, at: NOW, step });
        }
    }
    still
}

/// The median, and the fastest: the one to believe on a machine that others use too.
fn measure(runs: usize, mut run: impl FnMut()) -> (Duration, Duration) {
    let mut times: Vec<Duration> = (0..runs)
        .map(|_| {
            let began = Instant::now();
            run();
            began.elapsed()
        })
        .collect();
    times.sort_unstable();
    (times[runs / 2], times[0])
}

fn main() {
    println!(
        "{:<8}{:<10}{:>8}{:>8}{:>12}{:>8}",
        "hosts", "world", "units", "edges", "median", "steps"
    );
    for (hosts, runs) in [(10, 400), (200, 200), (5_000, 40)] {
        let mut policy = policy(hosts);
        for world in ["at rest", "descent", "start"] {
            policy.spec.target =
                if world == "descent" { Target::Poweroff } else { Target::Running };
            let plant = support::plant(&policy);
            let still = match world {
                "at rest" => worlds::running(&plant),
                "descent" => descent(&plant),
                _ => worlds::off(&plant),
            };
            let decision = decide(&plant, &still.journal, &still.snapshot);
            let (median, fastest) = measure(runs, || {
                black_box(decide(&plant, &still.journal, black_box(&still.snapshot)));
            });
            println!(
                "{hosts:<8}{world:<10}{:>8}{:>8}{:>9.3} ms{:>9.3} ms{:>8}",
                plant.graph.units().len(),
                plant.graph.upwards().map(|id| plant.graph.below(id).len()).sum::<usize>(),
                median.as_secs_f64() * 1e3,
                fastest.as_secs_f64() * 1e3,
                decision.steps.len()
            );
        }
    }
}
