//! UPSes: polled, for NUT pushes nothing.

use std::{sync::Arc, time::Duration};

use ananke_ports::Ports;

use crate::board::Board;

/// Half of what `upsmon` waits before it calls a UPS dead.
const DEADLINE: Duration = Duration::from_secs(5);

pub(super) async fn watch(ports: Ports, board: Arc<Board>, name: String, poll: Duration) {
    let mut complained = false;
    loop {
        let read = ports.supplies.read(&name, DEADLINE).await;
        if let Err(error) = &read
            && !complained
        {
            tracing::warn!(supply = name, "{error}");
        }
        complained = read.is_err();
        board.supply(&name, ports.clock.now(), read.map_err(|error| error.unseen()));
        ports.clock.sleep(poll).await;
    }
}
