//! Sources: each looks at one part of the world and writes what it sees on the board.

mod cluster;
mod hosts;
mod supplies;

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use ananke_core::plant::Plant;
use ananke_ports::Ports;
use tokio::task::JoinSet;

use crate::board::Board;

/// All sources of one plant; they end when this is dropped.
pub struct Sources {
    _tasks: JoinSet<()>,
}

impl Sources {
    /// Starts a source for every supply and host of the plant, and for the API.
    ///
    /// `polls` gives each supply's interval; [`SUPPLY_POLL`] where it is silent.
    pub fn start(
        plant: &Plant,
        ports: &Ports,
        board: &Arc<Board>,
        polls: &BTreeMap<String, Duration>,
    ) -> Self {
        let mut tasks = JoinSet::new();
        for supply in &plant.supplies {
            let poll = polls.get(&supply.name).copied().unwrap_or(SUPPLY_POLL);
            let name = supply.name.clone();
            tasks.spawn(supplies::watch(ports.clone(), Arc::clone(board), name, poll));
        }
        let others: Vec<_> = plant.hosts.iter().filter(|host| !host.is_self).collect();
        for (at, host) in others.iter().enumerate() {
            let turn = hosts::turn(at, others.len());
            tasks.spawn(hosts::watch(ports.clone(), Arc::clone(board), host.name.clone(), turn));
        }
        tasks.spawn(cluster::health(ports.clone(), Arc::clone(board)));
        tasks.spawn(cluster::facts(ports.clone(), Arc::clone(board)));
        Self { _tasks: tasks }
    }
}

/// Readings of a supply, of which triggers count so many. A UPS driver refreshes every 2 s at best:
/// more of them would tell the same once more.
pub const SUPPLY_POLL: Duration = Duration::from_secs(1);
