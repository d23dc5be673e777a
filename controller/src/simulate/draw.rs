//! What nobody knows before an outage, drawn for one run.
//!
//! Where past emergencies tell how long things took, one of them is drawn and taken whole, so that
//! a slow night stays slow throughout. Before there are enough of them, each span is drawn evenly
//! between what an ordinary cluster takes and what the budget or the policy leaves it.

use ananke_core::budget::{ENOUGH_RUNS, PastRun, Path, Runs};
use ananke_sim::{
    rng::SplitMix64,
    world::{Millis, TelemetryFault, Workload, World},
};

use super::{Battery, Scenario};

/// What the budget counts for stopping a service.
const LONGEST_STOP: Millis = 15_000;
/// And for detaching volumes.
const LONGEST_DETACH: Millis = 10_000;
/// And for a snapshot.
const LONGEST_SNAPSHOT: Millis = 20_000;
/// Shims give their containers this long before they kill them.
const LONGEST_END_OF_CONTAINERS: Millis = 10_000;

/// The world of one run, everything running, just before its mains go.
pub(super) fn world(scenario: &Scenario, seed: u64) -> World {
    let spec = &scenario.in_force.policy.spec;
    let mut world = World::from_policy(spec, seed);
    // Apart from the world's own, which began from the same seed.
    let mut rng = SplitMix64::new(SplitMix64::new(seed).next_u64());
    for (name, battery) in &scenario.batteries {
        set_battery(&mut world, name, battery, &mut rng);
    }
    // Silence longer than the longest halt is proof, and a world's halt is a tenth longer at most.
    let longest_halt = millis(scenario.in_force.plant.shutdown.longest_halt) / 11 * 10;
    for host in world.hosts.values_mut() {
        host.halt_millis = rng.between(host.halt_millis.min(longest_halt), longest_halt);
    }
    match past_run(&scenario.runs, &mut rng) {
        Some(run) => take_as_then(&mut world, run),
        None => take_as_declared(&mut world, &mut rng),
    }
    world.touch();
    world
}

/// How many past emergencies spans are drawn from; fewer than enough teach nothing, as with the
/// budget.
pub(super) fn past_runs(runs: &Runs) -> u32 {
    let known = emergencies(runs).count();
    u32::try_from(known).ok().filter(|known| *known >= ENOUGH_RUNS).unwrap_or(0)
}

fn emergencies(runs: &Runs) -> impl Iterator<Item = &PastRun> {
    runs.runs.iter().filter(|run| run.path == Path::Emergency)
}

fn past_run<'r>(runs: &'r Runs, rng: &mut SplitMix64) -> Option<&'r PastRun> {
    let known = u64::from(past_runs(runs));
    let which = rng.between(1, known.max(1)).checked_sub(1)?;
    emergencies(runs).nth(usize::try_from(which).ok()?).filter(|_| known > 0)
}

/// What the battery really holds, and the load, which is never quite what it was. The UPS knows
/// the load, and goes on believing what it believed of its battery.
fn set_battery(world: &mut World, name: &str, battery: &Battery, rng: &mut SplitMix64) {
    let margin = u64::from(battery.margin_percent.min(95));
    let holds_percent = rng.between(100 - margin, 100 + margin);
    let load_percent = rng.around(100);
    let Some(supply) = world.supplies.get_mut(name) else { return };
    let full_seconds = battery.full_seconds.saturating_mul(holds_percent) / load_percent;
    let told_seconds = battery.told_full_seconds.saturating_mul(100) / load_percent;
    supply.capacity_millijoules =
        supply.load_watts.saturating_mul(full_seconds).saturating_mul(1000);
    supply.energy_millijoules =
        supply.capacity_millijoules / 100 * u64::from(battery.charge_percent);
    let load = u64::from(battery.load_percent).saturating_mul(load_percent);
    supply.nominal_watts = (supply.load_watts.saturating_mul(10_000) / load.max(1)).max(1);
    let lie = told_seconds.saturating_mul(100) / full_seconds.max(1);
    let percent = u32::try_from(lie).unwrap_or(u32::MAX);
    supply.telemetry = Some(TelemetryFault::Lies { percent });
}

fn take_as_declared(world: &mut World, rng: &mut SplitMix64) {
    let laws = &mut world.laws;
    laws.service_stop = rng.between(laws.service_stop, LONGEST_STOP);
    laws.detach = rng.between(laws.detach, LONGEST_DETACH);
    laws.snapshot = rng.between(laws.snapshot, LONGEST_SNAPSHOT);
    laws.end_containers = rng.between(laws.end_containers, LONGEST_END_OF_CONTAINERS);
    for workload in world.cluster.workloads.values_mut() {
        let grace = u64::from(workload.grace_seconds) * 1000;
        workload.ends_in = rng.between(workload.ends_in.min(grace), grace);
    }
}

/// The longest of each kind in that run: which unit it was then says nothing of the next night.
fn take_as_then(world: &mut World, run: &PastRun) {
    let took = |kind: &str, steps: &[&str]| {
        let unit = run.units.get(kind)?;
        let spans = steps.iter().filter_map(|step| unit.steps.get(*step));
        Some(spans.map(|took| took.millis).sum::<u64>()).filter(|sum| *sum > 0)
    };
    let stops = [took("agent", &["stop", "kill"]), took("server", &["stop", "kill"])];
    if let Some(stop) = stops.into_iter().flatten().max() {
        world.laws.service_stop = stop;
    }
    if let Some(snapshot) = took("snapshot", &["snapshot"]) {
        world.laws.snapshot = snapshot;
    }
    // A drain lasts until its volumes are detached.
    if let Some(drain) = took("node", &["evict", "delete", "delete-short"]) {
        let ends_in = drain.saturating_sub(world.laws.detach);
        world.cluster.workloads.values_mut().for_each(|workload| end_within(workload, ends_in));
    }
}

/// A pod that took so long then was given the time for it.
fn end_within(workload: &mut Workload, millis: Millis) {
    let seconds = u32::try_from(millis.div_ceil(1000)).unwrap_or(u32::MAX);
    workload.ends_in = millis;
    workload.grace_seconds = workload.grace_seconds.max(seconds);
}

fn millis(span: std::time::Duration) -> Millis {
    u64::try_from(span.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use ananke_core::budget::{Took, UnitRun};

    use super::{super::tests::scenario, *};

    const SEEDS: std::ops::Range<u64> = 0..40;

    fn past(emergencies: u32) -> Runs {
        let steps = |steps: &[(&str, u64)]| {
            let took = |(step, millis): &(&str, u64)| {
                ((*step).to_owned(), Took { millis: *millis, cut: false })
            };
            UnitRun { arrived: true, steps: steps.iter().map(took).collect() }
        };
        let units: BTreeMap<String, UnitRun> = [
            ("agent".to_owned(), steps(&[("stop", 7_000), ("wait", 1_000)])),
            ("server".to_owned(), steps(&[("stop", 3_000)])),
            ("node".to_owned(), steps(&[("evict", 40_000), ("delete", 5_000)])),
        ]
        .into();
        let run = |number: u32| PastRun {
            id: number.to_string(),
            path: Path::Emergency,
            ended_unix_seconds: 0,
            millis: 60_000,
            units: units.clone(),
        };
        Runs { runs: (0..emergencies).map(run).collect() }
    }

    #[test]
    fn enough_past_emergencies_tell_how_long_things_take() {
        let known = scenario(past(5));
        assert_eq!(past_runs(&known.runs), 5);
        for seed in SEEDS {
            let world = world(&known, seed);
            assert_eq!(world.laws.service_stop, 7_000);
            let drain = 45_000 - world.laws.detach;
            assert!(world.cluster.workloads.values().all(|workload| {
                workload.ends_in == drain && u64::from(workload.grace_seconds) * 1000 >= drain
            }));
        }
        let unknown = scenario(past(4));
        assert_eq!(past_runs(&unknown.runs), 0);
        let stops: Vec<Millis> = SEEDS.map(|s| world(&unknown, s).laws.service_stop).collect();
        assert!(stops.iter().all(|stop| (2_000..=LONGEST_STOP).contains(stop)), "{stops:?}");
        assert!(stops.iter().any(|stop| *stop > 10_000) && stops.iter().any(|stop| *stop < 6_000));
    }

    #[test]
    fn no_halt_is_longer_than_what_proves_a_host_off() {
        let scenario = scenario(Runs::default());
        let longest = millis(scenario.in_force.plant.shutdown.longest_halt);
        let halts: Vec<Millis> = SEEDS
            .flat_map(|seed| world(&scenario, seed).hosts.into_values().map(|h| h.halt_millis))
            .collect();
        assert!(halts.iter().all(|halt| halt * 11 / 10 <= longest), "{halts:?}");
        assert!(halts.iter().any(|halt| *halt > longest / 2), "{halts:?}");
    }

    /// The UPS says the same whatever the battery holds, and the battery holds what it holds.
    #[test]
    fn what_a_ups_tells_is_what_it_believes() {
        let mut scenario = scenario(Runs::default());
        let battery = scenario.batteries.get_mut("ups").unwrap();
        (battery.full_seconds, battery.told_full_seconds) = (1_000, 2_000);
        (battery.margin_percent, battery.charge_percent) = (50, 80);
        let mut truths = Vec::new();
        for seed in SEEDS {
            let mut world = world(&scenario, seed);
            let supply = world.supplies.get_mut("ups").unwrap();
            let told = supply.told().unwrap();
            assert!(told.charge_percent == Some(80) || told.charge_percent == Some(79), "{told:?}");
            let seconds = told.runtime_seconds.unwrap();
            assert!((1_400..=1_800).contains(&seconds), "{seconds} s told");
            truths.push(supply.runtime() / 1000);
        }
        assert!(truths.iter().all(|truth| (350..=1_350).contains(truth)), "{truths:?}");
        assert!(truths.iter().any(|t| *t < 600) && truths.iter().any(|t| *t > 1_000), "{truths:?}");
    }
}
