//! Hosts: looked at rarely at rest, closely while something moves, at once after a step on them.

use std::{sync::Arc, time::Duration};

use ananke_ports::Ports;

use crate::board::{Board, Pace};

/// One probe is one SSH command.
const DEADLINE: Duration = Duration::from_secs(8);
/// At rest; a host that dies shows earlier in its Node's lease.
const CALM: Duration = Duration::from_secs(60);
/// While something moves.
const BUSY: Duration = Duration::from_secs(2);

pub(super) async fn watch(ports: Ports, board: Arc<Board>, name: String) {
    let mut pace = board.pace();
    let mut complained = false;
    loop {
        let probe = ports.hosts.probe(&name, DEADLINE).await;
        if let Err(error) = &probe
            && !complained
        {
            tracing::info!(host = name, "{error}");
        }
        complained = probe.is_err();
        board.host(&name, ports.clock.now(), probe.map_err(|error| error.unseen()));
        let rest = if *pace.borrow_and_update() == Pace::Calm { CALM } else { BUSY };
        tokio::select! {
            biased;
            () = ports.clock.sleep(rest) => {}
            () = board.host_poked(&name) => {}
            _ = pace.changed() => {}
        }
    }
}
