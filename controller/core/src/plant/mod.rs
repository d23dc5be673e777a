//! The plant: one valid policy, compiled for deciding.

mod compile;

use std::time::Duration;

use ananke_crds::policy::{Target, WayBack};

use crate::{graph::Graph, table::Wanted};

/// A supply's part of the policy.
#[derive(Debug, Clone, PartialEq)]
pub struct SupplyPlan {
    /// Its name.
    pub name: String,
    /// Hosts that it feeds, as indices into [`Plant::hosts`].
    pub hosts: Vec<usize>,
    /// The host that its `upsd` runs on, if the policy says so: silence of a supply whose host we
    /// powered off proves nothing.
    pub via: Option<usize>,
    /// Act when runtime < factor × budget.
    pub runtime_factor: f64,
    /// Act when the charge is below this, in percent.
    pub trigger_min_charge: u8,
    /// Act after this long on battery, if time alone is a reason.
    pub max_on_battery: Option<Duration>,
    /// Act when the charge falls by more than this many percent a minute.
    pub max_fall_percent_per_minute: u8,
    /// Readings in a row that a trigger must hold.
    pub debounce: u32,
    /// Whether silence on battery runs the last runtime down.
    pub extrapolate_silence: bool,
    /// Start nothing below this charge, in percent.
    pub recover_min_charge: u8,
    /// Start nothing before the mains have held for this long.
    pub stable_for: Duration,
    /// Whether recovery begins by itself once the mains are back.
    pub resume_by_itself: bool,
}

/// What a host does in the cluster.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// Control plane.
    Server,
    /// Worker.
    Agent,
    /// Only powered on and off.
    None,
}

/// A host's part of the policy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HostPlan {
    /// Its name; its Node has the same.
    pub name: String,
    /// Its role.
    pub role: Role,
    /// Whether ananke runs on it.
    pub is_self: bool,
    /// Whether the policy gives a way to wake it.
    pub wakes: bool,
    /// Supplies that feed it, as indices into [`Plant::supplies`].
    pub supplies: Vec<usize>,
}

/// Spans and choices of the way down.
#[expect(clippy::struct_excessive_bools, reason = "each is a key of the policy")]
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ShutdownPlan {
    /// The drain may take this long on mains.
    pub drain_timeout: Duration,
    /// And this long when a supply asked for it.
    pub drain_emergency_timeout: Duration,
    /// What is left of the drain once eviction has not ended a pod: deletion with the pod's own
    /// grace, no longer than this.
    pub pod_grace: Duration,
    /// Whether pods without a controller are deleted in a drain.
    pub deletes_unmanaged: bool,
    /// Whether the way down waits for the snapshot even if it cannot be had.
    pub snapshot_required: bool,
    /// Whether an emergency does without the snapshot.
    pub emergency_skips_snapshot: bool,
    /// Whether an emergency does without the drain.
    pub emergency_skips_drain: bool,
    /// How long the emergency way down is declared to take.
    pub emergency_budget: Duration,
    /// How long stopping a service may take.
    pub service_timeout: Duration,
    /// Silence longer than this after our poweroff proves a host off.
    pub longest_halt: Duration,
    /// How long a host may take to be proven off before a person is called.
    pub verify_off_timeout: Duration,
    /// Whether this host goes off with the rest: at the end, or never.
    pub powers_self_off: bool,
    /// Whether a supply takes it off only when its battery is nearly empty.
    pub powers_self_off_last_moment: bool,
    /// What switches this host on again after it went off with its supplies.
    pub own_way_back: WayBack,
}

/// Spans and choices of the way up.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StartupPlan {
    /// How long a host may take from its wake to its first answer.
    pub longest_boot: Duration,
    /// How long starting a service may take.
    pub service_timeout: Duration,
    /// Whether losses in steady state are repaired too.
    pub heals_always: bool,
    /// Hosts that are planned to be absent.
    pub ignore_unavailable: Vec<String>,
}

/// A path's part of the policy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PathPlan {
    /// Its name.
    pub name: String,
    /// The supply that feeds it, as an index into [`Plant::supplies`].
    pub supply: Option<usize>,
    /// The host that carries it, as an index into [`Plant::hosts`].
    pub host: Option<usize>,
    /// Hosts behind it, as indices into [`Plant::hosts`].
    pub reaches: Vec<usize>,
    /// Whether those hosts can be spoken to without it.
    pub has_alternative: bool,
}

/// What else the policy has a section for: a section that it lacks makes no unit.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Sections {
    /// How many hosts must have the right time.
    pub clock_quorum: Option<u32>,
    /// Whether an etcd snapshot is taken.
    pub snapshot: bool,
    /// Operators to quiesce.
    pub quiesce: Vec<String>,
    /// Whether there is a Git source.
    pub source: bool,
    /// Layers, in order.
    pub layers: Vec<LayerPlan>,
    /// Vaults, and the layer each lives in.
    pub vaults: Vec<(String, Option<String>)>,
    /// Image bundles, and the host of each as an index into [`Plant::hosts`].
    pub images: Vec<(String, usize)>,
    /// Checks of services.
    pub gates: Vec<String>,
    /// Whether there is a soak.
    pub soak: bool,
    /// `after:` of the policy, by unit names.
    pub after: Vec<(String, String)>,
}

/// A layer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LayerPlan {
    /// Its name.
    pub name: String,
    /// Whether it waits for the layer listed before it; not if it has an `after:` of its own.
    pub follows_previous: bool,
}

/// One valid policy, compiled.
#[derive(Debug, Clone, PartialEq)]
pub struct Plant {
    /// The policy's name.
    pub name: String,
    /// The declared target.
    pub declared: Target,
    /// Whether the policy is suspended.
    pub suspended: bool,
    /// Supplies.
    pub supplies: Vec<SupplyPlan>,
    /// Paths.
    pub paths: Vec<PathPlan>,
    /// Hosts.
    pub hosts: Vec<HostPlan>,
    /// The way down.
    pub shutdown: ShutdownPlan,
    /// The way up.
    pub startup: StartupPlan,
    /// What else there is.
    pub sections: Sections,
    /// The graph.
    pub graph: Graph,
    /// What the units' spans on the way down are multiplied by, so that the longest chain of them
    /// is the budget that the policy declares for the whole.
    pub span_scale: f64,
    /// What is wanted of each unit if everything is to be off, in the graph's order.
    pub wanted_off: Vec<Wanted>,
}
