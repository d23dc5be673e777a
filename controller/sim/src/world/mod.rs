//! The world as a value, and its law of motion.
//!
//! [`World::advance`] jumps from one thing that is due to the next. Where it stops on the way makes
//! no difference: a world told the time a thousand times is the same as one told once.

mod api;
mod cluster;
mod effects;
mod fate;
mod faults;
mod flux;
mod host;
mod kubelet;
mod last_step;
mod laws;
mod objects;
mod power;
mod service;
mod show;
mod supply;
mod trace;
mod views;

use std::collections::BTreeMap;

pub use cluster::{
    Api, Attachment, Cluster, Ending, Gitops, Node, Note, Pod, Published, Source, Workload,
    WorkloadKind,
};
pub use effects::{Landing, Refusal};
pub use fate::{Fate, FateError};
pub use faults::{ApiFault, CommandFault, CommandFaults, HostFault, Scheduled, TelemetryFault};
pub use host::{Container, Host, OnAcReturn, Power, Role, ServiceUnit};
pub use laws::Laws;
use serde::{Deserialize, Serialize};
pub use show::{GitopsRow, HostRow, Show, SupplyRow};
pub use supply::Supply;
pub use trace::{Actor, Happening, Trace, What};
pub use views::Reach;

use crate::rng::SplitMix64;

/// Milliseconds of the world, from its beginning.
pub type Millis = u64;

/// Everything there is.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct World {
    /// The seed it was made from.
    pub seed: u64,
    /// The wall clock at its beginning, seconds since 1970.
    pub epoch_unix_seconds: i64,
    /// How long things take.
    pub laws: Laws,
    /// UPSes by name.
    pub supplies: BTreeMap<String, Supply>,
    /// Hosts by name.
    pub hosts: BTreeMap<String, Host>,
    /// The host that ananke runs on, if it is one of them.
    pub own_host: Option<String>,
    /// How far the clock of the machine that ananke runs on is ahead, in milliseconds, if it is
    /// none of the hosts.
    #[serde(default)]
    pub clock_ahead_millis: i64,
    /// The cluster.
    pub cluster: Cluster,
    /// What fate will do, earliest first.
    pub script: Vec<Scheduled>,
    /// What happened.
    pub trace: Trace,
    /// How often ananke changed something, or tried to.
    pub counters: Counters,
    now: Millis,
    rng: SplitMix64,
    /// Nothing is due before this; 0 when nobody knows.
    #[serde(skip)]
    quiet_until: Millis,
}

/// Counts what ananke did, for audits of a world at rest.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct Counters {
    /// Writes to the API, renewals of the Lease apart.
    pub api_writes: u64,
    /// Renewals of the Lease.
    pub lease_renewals: u64,
    /// Commands over SSH that change something.
    pub host_commands: u64,
    /// Wakes sent.
    pub wakes: u64,
}

/// How many times in a row something may be due at one instant. Far beyond what a world of a few
/// thousand things needs; it keeps a world with a contradiction in it from hanging its caller.
const DUE_AT_ONCE: u32 = 10_000;

impl World {
    /// A world with nothing in it.
    pub fn empty(seed: u64) -> Self {
        Self {
            seed,
            // 2026-01-01T00:00:00Z: any instant does, as long as it is always the same.
            epoch_unix_seconds: 1_767_225_600,
            laws: Laws::default(),
            supplies: BTreeMap::new(),
            hosts: BTreeMap::new(),
            own_host: None,
            clock_ahead_millis: 0,
            cluster: Cluster::default(),
            script: Vec::new(),
            trace: Trace::unbounded(),
            counters: Counters::default(),
            now: 0,
            rng: SplitMix64::new(seed),
            quiet_until: 0,
        }
    }

    /// Now, in milliseconds of the world.
    pub const fn now(&self) -> Millis {
        self.now
    }

    /// The wall clock of the world, seconds since 1970.
    pub fn wall_unix_seconds(&self) -> i64 {
        let passed = i64::try_from(self.now / 1000).unwrap_or(i64::MAX);
        self.epoch_unix_seconds.saturating_add(passed)
    }

    /// What the machine that ananke runs on takes for the wall clock.
    pub fn own_wall_unix_seconds(&self) -> i64 {
        let own = self.own_host.as_ref().and_then(|own| self.hosts.get(own));
        let ahead = own.map_or(self.clock_ahead_millis, |own| own.clock_ahead_millis);
        self.wall_unix_seconds().saturating_add(ahead / 1000)
    }

    /// Moves everything on to `to`. A time that has passed already changes nothing.
    pub fn advance(&mut self, to: Millis) {
        if to < self.quiet_until {
            self.flow(to);
            return;
        }
        let mut at_once = 0;
        while let Some(due) = self.next_due().filter(|due| *due <= to) {
            at_once = if due > self.now { 0 } else { at_once + 1 };
            // A contradiction must not stop time.
            let due = if at_once > DUE_AT_ONCE { self.now + 1 } else { due };
            if due > to {
                break;
            }
            self.flow(due);
            self.happen();
            self.settle();
        }
        self.quiet_until = self.next_due().unwrap_or(Millis::MAX);
        self.flow(to);
    }

    /// Says that a public field was changed from outside, so that what follows from it follows.
    pub fn touch(&mut self) {
        self.settle();
    }

    /// True `percent` times in a hundred, by the world's own chance.
    pub const fn chance(&mut self, percent: u64) -> bool {
        self.rng.chance(percent)
    }

    /// When something is due next, if ever. Things of a host that hangs are not due.
    pub fn next_due(&self) -> Option<Millis> {
        [
            self.script.first().map(|s| s.at),
            self.supplies
                .values()
                .filter_map(Supply::empties_in)
                .min()
                .map(|left| self.now.saturating_add(left)),
            self.supplies.values().filter_map(Supply::switches_at).min(),
            self.hosts.values().filter_map(Host::next_due).min(),
            self.next_due_in_api(),
            self.next_due_pod(),
            self.next_due_object(),
            self.next_due_in_flux(),
        ]
        .into_iter()
        .flatten()
        .min()
    }

    /// Lets time flow with nothing due on the way.
    fn flow(&mut self, to: Millis) {
        let span = to.saturating_sub(self.now);
        if span > 0 {
            for supply in self.supplies.values_mut() {
                supply.flow(span);
            }
            self.now = to;
        }
    }

    /// Everything that is due now happens.
    fn happen(&mut self) {
        self.play_script();
        self.drain_batteries();
        self.switch_outputs();
        self.ring_alarms();
        self.move_hosts();
        self.move_services();
        self.end_due_containers();
        self.move_api();
        self.start_due_pods();
        self.move_nodes();
        self.detach_due_volumes();
        self.reconcile_flux();
    }

    /// Everything that follows at once from how things stand. Calling it twice is calling it once.
    fn settle(&mut self) {
        self.quiet_until = 0;
        self.settle_loads();
        self.settle_api();
        self.settle_services();
        self.settle_nodes();
        if self.api_ready() {
            self.settle_workloads();
            self.settle_schedule();
        }
        self.settle_kubelets();
        if self.api_ready() {
            self.settle_ended_pods();
            self.settle_volumes();
        }
        self.settle_flux();
        self.cluster.revision = self.cluster.revision.wrapping_add(1);
    }

    fn tell(&mut self, who: Actor, what: What) {
        self.trace.push(Happening { at: self.now, who, what });
    }
}
