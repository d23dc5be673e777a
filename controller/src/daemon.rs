//! The daemon: wires a world for the policy in force, runs the loop over it, and wires anew when
//! the policy names another world.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use ananke_ports::Ports;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use crate::{
    board::Board,
    observe::Sources,
    publish::Publisher,
    run::{End, Loop, Mode, Parts},
    state::{History, Recorder, Standing},
    wiring::policy::InForce,
};

/// What a daemon is made of.
pub struct Daemon<W> {
    /// Makes the ports for a policy.
    pub wire: W,
    /// Whether it acts.
    pub mode: Mode,
    /// The interval of each supply's polls.
    pub polls: BTreeMap<String, Duration>,
}

impl<W: Fn(&InForce) -> anyhow::Result<Ports>> Daemon<W> {
    /// Runs until it is cancelled.
    pub async fn run(
        &self,
        publisher: &mut Publisher,
        policies: &mut watch::Receiver<Arc<InForce>>,
        cancel: &CancellationToken,
    ) -> anyhow::Result<()> {
        let first = Arc::clone(&policies.borrow());
        let mut world = (self.wire)(&first)?;
        let (mut recorder, mut standing, mut history) = remembered(&world);
        loop {
            let in_force = Arc::clone(&policies.borrow_and_update());
            let plant = &in_force.plant;
            let board = Arc::new(Board::new(
                plant.supplies.iter().map(|supply| supply.name.clone()),
                plant.hosts.iter().filter(|host| !host.is_self).map(|host| host.name.clone()),
                world.clock.now(),
            ));
            let _sources = Sources::start(plant, &world, &board, &self.polls);
            publisher.mirror_to(&world);
            let parts = Parts {
                ports: world.clone(),
                mode: self.mode,
                recorder: &mut recorder,
                standing: &mut standing,
                history: &mut history,
                publisher: &mut *publisher,
            };
            match Loop::new(parts, &in_force, board).run(policies, cancel).await {
                End::Cancelled => return Ok(()),
                End::Rewire => tracing::info!("the policy names another world: wired anew"),
            }
            let next = Arc::clone(&policies.borrow());
            world = (self.wire)(&next)?;
        }
    }
}

/// What is remembered of before this start. A disk that cannot be read or written must not keep the
/// daemon from bringing things down.
fn remembered(ports: &Ports) -> (Recorder, Standing, History) {
    let (store, unix) = (ports.store.as_ref(), ports.clock.wall_unix_seconds());
    let (mut recorder, damage) =
        Recorder::open(Arc::clone(&ports.store), ports.machine.boot_id(), ports.clock.now(), unix);
    let (standing, lost) = Standing::open(store, recorder.asked());
    let (mut history, unlearned) = History::open(store);
    let unsettled = history.settle(store, &mut recorder, unix).err().map(|error| error.to_string());
    for complaint in [damage, lost, unlearned, unsettled].into_iter().flatten() {
        tracing::error!("{complaint}");
    }
    (recorder, standing, history)
}
