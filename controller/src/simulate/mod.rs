//! What if: an outage over a virtual copy of a policy's world, many times over.
//!
//! The daemon in it is the one that ships, in virtual time and over a state directory in memory.
//! Each run draws from its own seed what nobody knows beforehand: what the battery really holds,
//! the load, how long pods, services and halts take. The audit judges how it ended, by the world
//! alone.

mod draw;
mod judge;
mod odds;
mod outage;
mod report;
mod sacrifice;
mod supply;
mod timeline;

use std::{
    collections::{BTreeMap, BTreeSet},
    num::NonZero,
    sync::Arc,
    thread,
};

use ananke_core::{battery::BatteryMemory, budget::Runs};
use ananke_ports::StoreError;
use ananke_sim::{ports::WorldError, rng::SplitMix64, world::World};

use crate::wiring::policy::InForce;

pub use report::{Simulation, Stage, Timeline, Which};
pub use supply::{Battery, Heard, Impossible, Load, Source, Wish, battery};

/// What is tried.
pub struct Scenario {
    /// The policy, with everything running.
    pub in_force: Arc<InForce>,
    /// The supplies whose mains go, with their batteries as they are believed to be.
    pub batteries: BTreeMap<String, Battery>,
    /// The past runs, which tell how long things take and what the daemon budgets.
    pub runs: Runs,
    /// What past discharges taught the daemon.
    pub memories: BTreeMap<String, Arc<BatteryMemory>>,
}

/// Why nothing was learned.
#[derive(Debug, thiserror::Error)]
pub enum SimulateError {
    /// No executor, or no thread.
    #[error("a simulated run cannot begin: {0}")]
    Start(#[from] std::io::Error),
    /// The virtual world.
    #[error(transparent)]
    World(#[from] WorldError),
    /// The virtual state directory.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// What the daemon is to know beforehand cannot be written down.
    #[error("the simulated daemon's memory cannot be written: {0}")]
    Memory(#[from] serde_json::Error),
    /// The daemon in the world did not go on to the end.
    #[error("the simulated daemon ended in run {run}: {message}")]
    Ended {
        /// Which run.
        run: u32,
        /// What it said.
        message: String,
    },
}

impl Scenario {
    /// The world of the policy, as it runs before anything is drawn.
    pub fn world(in_force: &InForce) -> World {
        World::from_policy(&in_force.policy.spec, 0)
    }

    /// Tries it so many times. The same scenario, number and seed give the same answer.
    pub fn simulate(&self, runs: u32, seed: u64) -> Result<Simulation, SimulateError> {
        let seeds = seeds(runs, seed);
        let workers = thread::available_parallelism().map_or(1, NonZero::get).min(seeds.len());
        let mut played: Vec<(u32, judge::Run)> = Vec::with_capacity(seeds.len());
        thread::scope(|scope| {
            let share = |worker: usize| {
                let mine: Vec<(u32, u64)> =
                    seeds.iter().copied().skip(worker).step_by(workers.max(1)).collect();
                scope.spawn(move || self.play(&mine))
            };
            let threads: Vec<_> = (0..workers).map(share).collect();
            for thread in threads {
                let share = thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic));
                played.extend(share?);
            }
            Ok::<(), SimulateError>(())
        })?;
        // In the order of their seeds, whichever thread was faster.
        played.sort_by_key(|(number, _)| *number);
        let runs: Vec<judge::Run> = played.into_iter().map(|(_, run)| run).collect();
        Ok(report::report(self, &runs, seed))
    }

    fn play(&self, runs: &[(u32, u64)]) -> Result<Vec<(u32, judge::Run)>, SimulateError> {
        let one = |(number, seed): &(u32, u64)| {
            let played = outage::play(self, *number, *seed)?;
            Ok((*number, judge::judge(self, &played)))
        };
        runs.iter().map(one).collect()
    }

    /// Hosts that have no power but that of the supplies that fail.
    pub fn hosts_at_stake(&self) -> BTreeSet<String> {
        let plant = &self.in_force.plant;
        let fails = |supply: &usize| {
            plant.supplies.get(*supply).is_some_and(|s| self.batteries.contains_key(&s.name))
        };
        let at_stake = plant
            .hosts
            .iter()
            .filter(|host| !host.supplies.is_empty() && host.supplies.iter().all(fails));
        at_stake.map(|host| host.name.clone()).collect()
    }
}

/// Each run's number, from 1, and its seed.
fn seeds(runs: u32, seed: u64) -> Vec<(u32, u64)> {
    let mut rng = SplitMix64::new(seed);
    (1..=runs).map(|number| (number, rng.next_u64())).collect()
}

#[cfg(test)]
mod tests {
    use ananke_core::battery::Pace;

    use super::*;

    /// Two hosts on one UPS, and this one beside them.
    pub(super) const OWN: &str = "
apiVersion: ananke.dev/v1alpha1
kind: PowerPolicy
metadata: {name: own}
spec:
  target: running
  supplies: [{name: ups, powers: ['*']}]
  hosts:
    - {name: alpha, role: server}
    - {name: beta, role: agent}
    - {name: own, role: none, self: true, off: {wayBack: none}}
  shutdown:
    verifyOff: {timeout: 60s, longestHalt: 30s}
";

    /// A full battery of twenty minutes that holds what it says.
    pub(super) fn scenario(runs: Runs) -> Scenario {
        let in_force = Arc::new(InForce::of(OWN, "own.yaml").unwrap());
        let world = Scenario::world(&in_force);
        let known = battery(&world, "ups", Wish::default(), None).unwrap();
        let batteries = [("ups".to_owned(), Battery { margin_percent: 0, ..known })].into();
        Scenario { in_force, batteries, runs, memories: BTreeMap::new() }
    }

    /// The UPS says five times what it holds. Who has seen it discharge five times does not wait
    /// for its low battery.
    #[test]
    fn what_past_discharges_taught_is_known_to_the_simulated_daemon() {
        let mut scenario = scenario(Runs::default());
        let patient = OWN.replace("['*']", "['*'], trigger: {maxOnBattery: 0s, minCharge: 1}");
        scenario.in_force = Arc::new(InForce::of(&patient, "own.yaml").unwrap());
        let battery = scenario.batteries.get_mut("ups").unwrap();
        (battery.full_seconds, battery.told_full_seconds) = (600, 3_000);
        let signal = |scenario: &Scenario| {
            let simulation = scenario.simulate(1, 1).unwrap();
            simulation.stages.iter().find(|stage| stage.stage == Stage::Signal).cloned().unwrap()
        };
        let believed = signal(&scenario).ends_after_seconds.unwrap();
        let pace = Pace { millis_per_percent: 6_000, load_percent: None };
        let bands = (0..10).map(|band| (band, vec![pace.clone()])).collect();
        let memory = BatteryMemory { bands, discharges: 5, ..BatteryMemory::default() };
        scenario.memories = [("ups".to_owned(), memory.into())].into();
        let known = signal(&scenario).ends_after_seconds.unwrap();
        assert!(known + 60 < believed, "{known} s, {believed} s without");
    }

    #[test]
    fn runs_are_the_same_whoever_plays_them() {
        assert_eq!(seeds(3, 9)[..2], seeds(2, 9));
        let numbers: BTreeSet<u64> = seeds(1000, 9).into_iter().map(|(_, seed)| seed).collect();
        assert_eq!(numbers.len(), 1000);
    }

    #[test]
    fn at_stake_is_who_has_no_other_power() {
        let own = scenario(Runs::default()).hosts_at_stake();
        assert_eq!(own.into_iter().collect::<Vec<_>>(), ["alpha", "beta", "own"]);
        let twice = OWN.replace(
            "supplies: [{name: ups, powers: ['*']}]",
            "supplies: [{name: ups, powers: ['*', beta]}, {name: other, powers: [beta]}]",
        );
        let mut scenario = scenario(Runs::default());
        scenario.in_force = Arc::new(InForce::of(&twice, "own.yaml").unwrap());
        let alone = scenario.hosts_at_stake();
        assert_eq!(alone.into_iter().collect::<Vec<_>>(), ["alpha", "own"]);
    }
}
