//! The Kubernetes API: whether it is ready, and the objects that matter.

use std::{sync::Arc, time::Duration};

use ananke_ports::Ports;

use crate::board::{Board, Pace};

/// The heartbeat: a watch that died in silence must not look alive.
const HEALTH: Duration = Duration::from_secs(5);
const HEALTH_BUSY: Duration = Duration::from_secs(1);
const DEADLINE: Duration = Duration::from_secs(4);
/// The objects come from watches, so looking at them asks the API nothing.
const FACTS: Duration = Duration::from_secs(5);
const FACTS_BUSY: Duration = Duration::from_secs(1);
/// Changes closer together than this are looked at together.
const SETTLE: Duration = Duration::from_millis(100);

pub(super) async fn health(ports: Ports, board: Arc<Board>) {
    let mut pace = board.pace();
    loop {
        let health = ports.cluster.health(DEADLINE).await;
        board.api(ports.clock.now(), health.map_err(|error| error.unseen()));
        let rest = if *pace.borrow_and_update() == Pace::Calm { HEALTH } else { HEALTH_BUSY };
        tokio::select! {
            biased;
            () = ports.clock.sleep(rest) => {}
            _ = pace.changed() => {}
        }
    }
}

pub(super) async fn facts(ports: Ports, board: Arc<Board>) {
    let mut pace = board.pace();
    let mut complained = false;
    loop {
        let facts = ports.cluster.facts(DEADLINE).await;
        if let Err(error) = &facts
            && !complained
        {
            tracing::info!("{error}");
        }
        complained = facts.is_err();
        board.cluster(ports.clock.now(), facts.map_err(|error| error.unseen()));
        let rest = if *pace.borrow_and_update() == Pace::Calm { FACTS } else { FACTS_BUSY };
        tokio::select! {
            biased;
            () = ports.clock.sleep(rest) => {}
            () = ports.cluster.changed() => {}
            () = board.cluster_poked() => {}
            _ = pace.changed() => {}
        }
        ports.clock.sleep(SETTLE).await;
    }
}
