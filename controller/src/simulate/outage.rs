//! One run: mains go, and stay away.

use std::{
    borrow::Cow,
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
    time::Duration,
};

use ananke_core::journal::Journal;
use ananke_ports::{Ports, Store};
use ananke_sim::{
    ports::{MemoryStore, MemoryWorld, WorldHandle as _, ports},
    world::{Fate, Happening, Host, Millis, Supply, What, World},
};
use tokio::{sync::watch, task::JoinHandle, time::timeout};
use tokio_util::sync::CancellationToken;

use super::{Scenario, SimulateError, draw};
use crate::{
    daemon::Daemon,
    publish::{Publisher, Told},
    run::Mode,
    state::{Line, RUNS},
    wiring::policy::InForce,
};

/// How often the world is looked at, in its own time.
const LOOK: Duration = Duration::from_secs(1);
/// The daemon has seen everything by then.
const FIRST_LOOK: Duration = Duration::from_secs(300);
/// A battery that lasts longer than this is not waited for.
pub(super) const LONGEST: Duration = Duration::from_secs(24 * 3600);

/// What happened in one run.
pub(super) struct Played {
    /// The world when its mains went.
    pub(super) before: World,
    /// The world at the end.
    pub(super) after: World,
    /// What the batteries held meanwhile.
    pub(super) looks: Vec<Look>,
    /// Whether it came to an end.
    pub(super) is_over: bool,
}

/// What the batteries held at an instant.
pub(super) struct Look {
    /// When.
    pub(super) at: Millis,
    /// How long the first host to lose its power had yet; none once all at stake are off.
    pub(super) left: Option<Millis>,
    /// The lowest charge, in percent.
    pub(super) charge_percent: u64,
}

impl Played {
    /// What happened since the mains went.
    pub(super) fn happenings(&self) -> impl Iterator<Item = &Happening> {
        let skip = usize::try_from(self.before.trace.len()).unwrap_or(usize::MAX);
        self.after.trace.iter().skip(skip)
    }

    /// How long the batteries lasted from an instant on, under the load of then.
    pub(super) fn left_at(&self, at: Millis) -> Option<Millis> {
        let mut before = self.looks.iter().rev().skip_while(|look| look.at > at);
        let (then, left) = before.find_map(|look| Some((look.at, look.left?)))?;
        Some(left.saturating_sub(at.saturating_sub(then)))
    }

    /// The lowest charge at an instant, in percent.
    pub(super) fn charge_at(&self, at: Millis) -> u64 {
        let before = self.looks.iter().rev().find(|look| look.at <= at);
        before.or_else(|| self.looks.first()).map_or(0, |look| look.charge_percent)
    }
}

/// Plays one run to its end.
pub(super) fn play(scenario: &Scenario, number: u32, seed: u64) -> Result<Played, SimulateError> {
    let world = draw::world(scenario, seed);
    let runtime =
        tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build()?;
    let stage = Stage { scenario, number };
    runtime.block_on(stage.play(world))
}

struct Stage<'s> {
    scenario: &'s Scenario,
    number: u32,
}

type Life = JoinHandle<anyhow::Result<()>>;

impl Stage<'_> {
    async fn play(&self, world: World) -> Result<Played, SimulateError> {
        let world = Arc::new(MemoryWorld::new(world));
        let (_policies, policy) = watch::channel(Arc::clone(&self.scenario.in_force));
        let publisher = Publisher::new(Vec::new()).without_systemd();
        let mut told = publisher.told();
        let mut life = start(ports(&world, self.memory()?), publisher, policy);
        let seen = |told: &Option<Arc<Told>>| told.as_ref().is_some_and(|t| t.scene().complete);
        if !matches!(timeout(FIRST_LOOK, told.wait_for(seen)).await, Ok(Ok(_))) {
            return Err(self.ended(&mut life).await);
        }
        let before = world.snapshot();
        for (name, battery) in &self.scenario.batteries {
            let supply = name.clone();
            // Mains charged it a little meanwhile.
            let percent = u64::from(battery.charge_percent);
            let full = Fate::Battery { supply: supply.clone(), percent };
            let gone = Fate::Mains { supply: Some(supply), present: false };
            // Both are of this world: the scenario was made from its policy.
            world.act(|world| drop((world.suffer(&full), world.suffer(&gone))))?;
        }
        let (looks, is_over) = self.follow(&world, &mut life).await?;
        life.abort();
        Ok(Played { before, after: world.snapshot(), looks, is_over })
    }

    /// Looks until nothing at stake runs any more.
    async fn follow(
        &self,
        world: &Arc<MemoryWorld>,
        life: &mut Life,
    ) -> Result<(Vec<Look>, bool), SimulateError> {
        let at_stake = self.scenario.hosts_at_stake();
        let mut looks = Vec::new();
        let until = world.now_millis() + u64::try_from(LONGEST.as_millis()).unwrap_or(u64::MAX);
        let mut lives = true;
        loop {
            let (look, over, own_is_on) = world.look(|world| {
                let look = self.look(world, &at_stake);
                (look, is_over(world, &at_stake), own_is_on(world))
            })?;
            let at = look.at;
            looks.push(look);
            if over || at > until {
                return Ok((looks, over));
            }
            if !own_is_on && lives {
                // Its processes end with its halt.
                life.abort();
                lives = false;
            }
            if lives && life.is_finished() {
                return Err(self.ended(life).await);
            }
            tokio::time::sleep(LOOK).await;
        }
    }

    fn look(&self, world: &World, at_stake: &BTreeSet<String>) -> Look {
        let hosts = at_stake.iter().filter_map(|name| world.hosts.get(name));
        let failing = self.scenario.batteries.keys().filter_map(|name| world.supplies.get(name));
        Look {
            at: world.now(),
            left: hosts.filter(|h| !h.is_off()).filter_map(|h| world.runtime_left(h)).min(),
            charge_percent: failing.map(Supply::charge_percent).min().unwrap_or(0),
        }
    }

    /// What the daemon remembers of before: past runs and discharges, and nothing of this cluster.
    fn memory(&self) -> Result<Arc<dyn Store>, SimulateError> {
        let store = MemoryStore::new();
        store.write(RUNS, &serde_json::to_vec(&self.scenario.runs)?)?;
        let journal = Journal { batteries: self.scenario.memories.clone(), ..Journal::default() };
        let line = Line::State { journal: Cow::Owned(journal) };
        store.append(&format!("{}\n", serde_json::to_string(&line)?))?;
        Ok(Arc::new(store))
    }

    async fn ended(&self, life: &mut Life) -> SimulateError {
        let message = if life.is_finished() {
            match life.await {
                Ok(Ok(())) => "it stopped by itself".to_owned(),
                Ok(Err(error)) => format!("{error:#}"),
                Err(error) => error.to_string(),
            }
        } else {
            format!("it has not seen its whole world within {} s", FIRST_LOOK.as_secs())
        };
        SimulateError::Ended { run: self.number, message }
    }
}

fn start(
    ports: Ports,
    mut publisher: Publisher,
    mut policy: watch::Receiver<Arc<InForce>>,
) -> Life {
    tokio::spawn(async move {
        let wire = |_: &InForce| Ok(ports.clone());
        let daemon = Daemon { wire, mode: Mode::Act, polls: BTreeMap::new() };
        daemon.run(&mut publisher, &mut policy, &CancellationToken::new()).await
    })
}

/// All at stake are off; the own host may stay, with its disks written and nothing on it.
fn is_over(world: &World, at_stake: &BTreeSet<String>) -> bool {
    let has_left = |name: &String| {
        world.hosts.get(name).is_none_or(|host| {
            let is_own = world.own_host.as_ref() == Some(name);
            host.is_off() || (is_own && is_idle(host) && is_synced(world, name))
        })
    };
    at_stake.iter().all(has_left)
}

fn own_is_on(world: &World) -> bool {
    let own = world.own_host.as_ref().and_then(|own| world.hosts.get(own));
    own.is_none_or(Host::is_on)
}

fn is_idle(host: &Host) -> bool {
    host.containers.is_empty() && host.service.as_ref().is_none_or(|unit| !unit.runs())
}

/// Whether the disks of a host were written in this outage; the trace begins with the world.
pub(super) fn is_synced(world: &World, host: &str) -> bool {
    let synced = |what: &What| matches!(what, What::DisksSynced { host: of } if of == host);
    world.trace.iter().any(|happening| synced(&happening.what))
}
