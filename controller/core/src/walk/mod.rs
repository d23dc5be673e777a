//! The walk: one topological order, forwards and backwards; no recursion, no search.

mod down;
mod scope;
mod tail;
mod up;
mod widening;

use std::time::Duration;

use ananke_crds::policy::Target;

use crate::{
    assess::{Drain, State, View},
    blockers::Blockers,
    signals::{Gate, Phase},
    step::Rung,
    table::Wanted,
    time::Tick,
    unit::{Kind, Unit, UnitId},
};

pub(crate) use down::{energy_left, spare};
use scope::Reach;
pub(crate) use scope::Scope;
pub use tail::critical_path;
pub(crate) use tail::{bound, budgets, next_step_and_back, span_scale, wanted_off};
pub(crate) use widening::{remember_last_replicas, sentences};

/// What the walk learned of one unit.
#[expect(clippy::struct_excessive_bools, reason = "facts that do not exclude one another")]
#[derive(Debug, Clone)]
pub(crate) struct Row {
    pub(crate) target: Target,
    pub(crate) wanted: Wanted,
    pub(crate) state: State,
    /// Settled down without being seen: what it is about cannot happen any more.
    pub(crate) moot: bool,
    /// Settled down without being seen: the energy does not allow to wait for it.
    pub(crate) left: bool,
    /// The supply whose gate keeps it from going up.
    pub(crate) shut: Option<usize>,
    /// The supply whose gate keeps what rests on it from going up.
    carries: Option<usize>,
    /// Its bound is over, or that of something it requires.
    pub(crate) stuck: bool,
    /// What keeps it from the state it is wanted in.
    pub(crate) blockers: Blockers,
    /// What those who look at it see: itself, nothing, or what lies behind.
    seen_through: Blockers,
    /// Since when it is its turn.
    pub(crate) turn: Option<Tick>,
    /// A step of ours is in flight on it.
    pub(crate) in_flight: bool,
    /// The longest chain of spans below it on the way down.
    pub(crate) tail: Duration,
    /// By when it must be settled for what is below it to be off before its battery ends; `None`
    /// while no battery is raced.
    due: Option<Duration>,
}

impl Row {
    /// Whether it is settled down.
    pub(crate) fn is_settled_down(&self) -> bool {
        (self.state == State::Down && !self.in_flight) || self.moot || self.left
    }

    /// Whether it is where it is wanted.
    pub(crate) fn has_arrived(&self) -> bool {
        match self.wanted {
            Wanted::Any => true,
            Wanted::Up => self.state == State::Up && !self.in_flight,
            Wanted::Down => self.is_settled_down(),
        }
    }
}

/// After so many failures a snapshot that is not required is done without.
const SNAPSHOT_TRIES: u32 = 3;

/// The walk over one view.
pub(crate) struct Walk<'a> {
    pub(crate) view: &'a View<'a>,
    pub(crate) gates: &'a [Gate],
    pub(crate) scope: &'a Scope,
    pub(crate) rows: Vec<Row>,
    /// How far the signals and the document reach together.
    reach: Reach,
    /// What is asked of every drain.
    pub(crate) drain: Drain,
}

impl<'a> Walk<'a> {
    /// Walks.
    pub(crate) fn new(view: &'a View<'a>, gates: &'a [Gate], scope: &'a Scope) -> Self {
        let reach = scope.reach(view.plant);
        let units = view.plant.graph.units().iter();
        let spares_carriers = units.zip(&reach.targets).any(|(unit, target)| {
            unit.kind == Kind::Storage && crate::table::wanted(unit.kind, *target) == Wanted::Down
        });
        let drain = Drain { emergency: scope.is_emergency(), spares_carriers };
        let mut walk = Self { view, gates, scope, rows: Vec::new(), reach, drain };
        walk.rows = view
            .plant
            .graph
            .units()
            .iter()
            .zip(&walk.reach.targets)
            .map(|(unit, target)| walk.begin(unit, *target))
            .collect();
        up::forwards(&mut walk);
        tail::forwards(&mut walk);
        down::backwards(&mut walk);
        walk
    }

    /// The row of a unit before the walk.
    fn begin(&self, unit: &Unit, target: Target) -> Row {
        let view = self.view;
        let absent = unit.host.is_some_and(|host| view.is_absent(host));
        let mut wanted = if absent { Wanted::Any } else { crate::table::wanted(unit.kind, target) };
        if unit.kind == Kind::Own && !view.journal.own_fsd_since.is_empty() {
            // It told others to leave its supplies for good: only its own reboot takes that back.
            wanted = Wanted::Down;
        } else if unit.kind == Kind::Own && !view.plant.shutdown.powers_self_off {
            wanted = Wanted::Up;
        } else if unit.kind == Kind::Own && self.is_kept_on(unit) {
            wanted = Wanted::Any;
        }
        let state = view.state(unit, wanted, self.drain);
        if unit.kind == Kind::Layer && wanted == Wanted::Up && self.is_excused() {
            wanted = Wanted::Any;
        }
        let in_flight = view.is_in_flight(&unit.name);
        let turn = view.journal.turns.get(&unit.name).filter(|turn| turn.wanted == wanted);
        let turn = turn.map(|turn| turn.since);
        let overdue = turn.is_some_and(|turn| {
            view.snapshot.now.since(turn) > tail::bound(view.plant, unit.kind, wanted)
        });
        Row {
            target,
            wanted,
            moot: wanted == Wanted::Down && (view.is_moot(unit) || self.is_waived(unit)),
            left: false,
            shut: None,
            carries: None,
            stuck: overdue,
            blockers: Blockers::NONE,
            seen_through: Blockers::NONE,
            turn,
            in_flight,
            tail: Duration::ZERO,
            due: None,
            state,
        }
    }

    /// This host was powered off for the declared target and is on again: somebody wants it on.
    fn is_kept_on(&self, unit: &Unit) -> bool {
        let (plant, journal) = (self.view.plant, self.view.journal);
        let feeds = unit.host.and_then(|host| plant.hosts.get(host)).map(|host| &host.supplies);
        let signal = feeds.and_then(|feeds| self.scope.signal_on(feeds));
        // Only a later boot leaves the memory without its tries.
        let tried = journal.tries.contains_key(&unit.name);
        plant.declared == Target::Poweroff
            && journal.own_off
            && !tried
            && !signal.is_some_and(|(_, phase)| phase == Phase::Falling)
    }

    /// The policy does without a snapshot that cannot be had, and in an emergency if it says so.
    fn is_waived(&self, unit: &Unit) -> bool {
        let down = &self.view.plant.shutdown;
        let tries = self.view.journal.tries(&unit.name, Rung::Snapshot);
        let failed = tries.is_some_and(|t| t.count >= SNAPSHOT_TRIES && t.failure.is_some());
        unit.kind == Kind::Snapshot
            && ((failed && !down.snapshot_required)
                || (self.scope.is_emergency() && down.emergency_skips_snapshot))
    }

    /// Layers are applied from here only while Flux cannot do it.
    fn is_excused(&self) -> bool {
        let units = self.view.plant.graph.units();
        units
            .iter()
            .find(|unit| unit.kind == Kind::Source)
            .is_some_and(|source| self.view.state(source, Wanted::Up, self.drain) == State::Up)
    }

    /// The target of the own host, if the policy has one.
    pub(crate) fn own_target(&self) -> Option<Target> {
        self.iter().find(|(_, unit, _)| unit.kind == Kind::Own).map(|(_, _, row)| row.target)
    }

    /// The unit of an id; the graph gives no others.
    pub(crate) fn unit(&self, id: UnitId) -> Option<&'a Unit> {
        self.view.plant.graph.unit(id)
    }

    /// The row of a unit.
    pub(crate) fn row(&self, id: UnitId) -> Option<&Row> {
        self.rows.get(id.index())
    }

    fn row_mut(&mut self, id: UnitId) -> Option<&mut Row> {
        self.rows.get_mut(id.index())
    }

    /// All ids with their units and rows.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (UnitId, &'a Unit, &Row)> {
        let ids = (0_u32..).map(UnitId);
        ids.zip(self.view.plant.graph.units()).zip(&self.rows).map(|((id, u), r)| (id, u, r))
    }
}

/// The least time left on a battery that a shutdown is racing, in seconds.
pub(crate) fn seconds_left(walk: &Walk<'_>) -> Option<u64> {
    let on_battery = walk.gates.iter().enumerate().filter(|(_, gate)| **gate == Gate::OnBattery);
    on_battery.filter_map(|(supply, _)| energy_left(walk, supply)).min().map(|left| left.as_secs())
}
