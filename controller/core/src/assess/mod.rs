//! The state of every unit, from observation alone.

mod cluster;
pub(crate) mod evidence;
mod machines;

pub use cluster::SNAPSHOT_PREFIX;
pub(crate) use cluster::{attachments, carriers, to_evict};

use std::{collections::BTreeSet, time::Duration};

use crate::{
    battery::{self, Believed},
    journal::Journal,
    observe::{ClusterFacts, HostFacts, NodeFacts, ObservedState, Snapshot, SupplyReading},
    plant::Plant,
    seen::{Seen, Unseen},
    table::Wanted,
    unit::{Kind, Unit},
};

/// While anything moves a host is asked 2 s after its last answer, and has 8 s to answer: what it
/// said longer ago is of a time of rest.
pub(crate) const LOOKED_AT: Duration = Duration::from_secs(15);

/// Which way a unit moves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Direction {
    /// Up.
    Up,
    /// Down.
    Down,
}

/// The state of a unit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum State {
    /// Up.
    Up,
    /// Down.
    Down,
    /// In between, at rest, and why.
    Part(&'static str),
    /// In between, on its way by itself. Neither up nor down.
    Moving(Direction),
    /// Not seen, and why.
    Unknown(Unseen),
}

impl State {
    /// The word in tables and metrics.
    pub const fn as_str(&self) -> &'static str {
        match self {
            Self::Up => "up",
            Self::Down => "down",
            Self::Part(_) => "part",
            Self::Moving(Direction::Up) => "starting",
            Self::Moving(Direction::Down) => "stopping",
            Self::Unknown(_) => "unknown",
        }
    }
}

/// What is asked of a drain.
#[derive(Debug, Clone, Copy)]
pub struct Drain {
    /// A supply asked for it.
    pub emergency: bool,
    /// The pods that detaching needs stay for `storage` to end, because it goes down too. A node
    /// that leaves alone lets them go like any others.
    pub spares_carriers: bool,
}

impl Drain {
    /// The drain of a shutdown of everything on battery.
    pub const OF_ALL: Self = Self { emergency: true, spares_carriers: true };
}

/// A snapshot, looked at through a plant.
pub struct View<'a> {
    /// The plant.
    pub plant: &'a Plant,
    /// The snapshot.
    pub snapshot: &'a Snapshot,
    /// The journal.
    pub journal: &'a Journal,
    // Looked up by name once: these are asked for again and again.
    facts: Vec<Option<&'a Seen<HostFacts>>>,
    nodes: Vec<Option<&'a NodeFacts>>,
    in_flight: BTreeSet<&'a str>,
    supplies: Vec<Believed>,
    hosts: Vec<State>,
    absent: BTreeSet<usize>,
    /// Fewer control planes can be alive than a quorum needs: nobody can suspend, drain or snapshot
    /// any more, and on the way down nobody will start a server for it.
    api_lost: bool,
}

impl<'a> View<'a> {
    /// Looks.
    pub fn new(plant: &'a Plant, snapshot: &'a Snapshot, journal: &'a Journal) -> Self {
        let absent = plant.hosts.iter().enumerate().filter(|(_, host)| {
            snapshot.requests.maintenance.contains(&host.name)
                || plant.startup.ignore_unavailable.contains(&host.name)
        });
        let absent = absent.map(|(at, _)| at).collect();
        let cluster = snapshot.cluster.value();
        let names = || plant.hosts.iter().map(|host| &host.name);
        let mut view = Self {
            plant,
            snapshot,
            journal,
            facts: names().map(|name| snapshot.hosts.get(name)).collect(),
            nodes: names().map(|name| cluster?.nodes.get(name)).collect(),
            in_flight: journal.units_in_flight(snapshot.now).collect(),
            supplies: battery::believe(plant, &snapshot.supplies, &journal.batteries),
            hosts: Vec::new(),
            absent,
            api_lost: false,
        };
        view.hosts = (0..plant.hosts.len()).map(|host| machines::host(&view, host)).collect();
        view.api_lost = machines::api_lost(&view);
        view
    }

    /// What a host said of itself.
    pub fn facts(&self, host: usize) -> Option<&'a Seen<HostFacts>> {
        self.facts.get(host).copied().flatten()
    }

    /// The reading of a supply, with the runtime that decides.
    pub fn supply(&self, supply: usize) -> Option<&Seen<SupplyReading>> {
        self.supplies.get(supply).map(|supply| &supply.seen)
    }

    /// Every supply as it is believed, in the plant's order.
    pub fn supplies(&self) -> &[Believed] {
        &self.supplies
    }

    /// The Node of a host, if the API told of it.
    pub fn node(&self, host: usize) -> Option<&'a NodeFacts> {
        self.nodes.get(host).copied().flatten()
    }

    /// Whether a step of ours is in flight on a unit.
    pub fn is_in_flight(&self, unit: &str) -> bool {
        self.in_flight.contains(unit)
    }

    /// The state of a host.
    pub fn host(&self, host: usize) -> State {
        self.hosts.get(host).cloned().unwrap_or(State::Unknown(Unseen::NotYet))
    }

    /// Whether a host is planned to be absent: hands in the case, or named as unavailable and not
    /// seen.
    pub fn is_absent(&self, host: usize) -> bool {
        self.absent.contains(&host)
            && (self.host(host) != State::Up || self.is_in_maintenance(host))
    }

    fn is_in_maintenance(&self, host: usize) -> bool {
        let name = self.plant.hosts.get(host).map(|host| host.name.as_str());
        name.is_some_and(|name| self.snapshot.requests.maintenance.contains(name))
    }

    /// The cluster's objects, if they are known.
    pub fn cluster(&self) -> Result<&'a ClusterFacts, Unseen> {
        self.snapshot.cluster.look()
    }

    /// The state of a unit that is wanted `wanted`. A cordon or suspend of somebody else counts as
    /// up on the way up and as done on the way down, so the way matters.
    pub fn state(&self, unit: &Unit, wanted: Wanted, drain: Drain) -> State {
        let host = unit.host.unwrap_or(usize::MAX);
        match unit.kind {
            Kind::Supply | Kind::Own => State::Up,
            Kind::Path => machines::path(self, unit),
            Kind::Host => self.host(host),
            Kind::Clock => machines::clock(self),
            Kind::Server => machines::server(self, host),
            Kind::Agent => machines::agent(self, host),
            Kind::Api => cluster::api(self),
            Kind::Node => cluster::node(self, host, wanted, drain),
            Kind::Storage => cluster::storage(self),
            Kind::Snapshot => cluster::snapshot(self, unit),
            Kind::Gitops => cluster::gitops(self, wanted),
            Kind::Source => cluster::source(self, unit),
            Kind::Quiesce | Kind::Layer | Kind::Vault | Kind::Images | Kind::Gate | Kind::Soak => {
                self.observed(unit)
            }
        }
    }

    fn observed(&self, unit: &Unit) -> State {
        match self.snapshot.observed.get(&*unit.name).map(Seen::look) {
            Some(Ok(ObservedState::Up)) => State::Up,
            Some(Ok(ObservedState::Started { .. })) => State::Part("started, not healthy"),
            Some(Ok(ObservedState::Down { .. })) => State::Down,
            Some(Err(why)) => State::Unknown(why),
            None => State::Unknown(Unseen::NotYet),
        }
    }

    /// Whether a unit has come half-way up.
    pub fn is_started(&self, unit: &Unit) -> bool {
        matches!(self.observed(unit), State::Up | State::Part(_))
    }

    /// Whether the service of a host is down and has left nothing behind.
    fn is_service_down(&self, host: usize) -> bool {
        let service = match self.plant.hosts.get(host).map(|host| host.role) {
            Some(crate::plant::Role::Server) => machines::server(self, host),
            _ => machines::agent(self, host),
        };
        service == State::Down
    }

    /// Whether what a unit is about cannot happen any more.
    pub fn is_moot(&self, unit: &Unit) -> bool {
        match unit.kind {
            Kind::Gitops | Kind::Quiesce | Kind::Snapshot | Kind::Storage => self.api_lost,
            Kind::Node => self.api_lost || unit.host.is_some_and(|host| self.is_service_down(host)),
            _ => false,
        }
    }
}
