//! One graph, used in both directions: start walks up it, shutdown walks down it.

mod build;
mod order;

use crate::unit::{Unit, UnitId};

pub use build::{Parts, build};
pub use order::Cycle;

/// How `from` rests on `to`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EdgeKind {
    /// Up only once `to` is up; `to` down only once `from` is settled.
    Requires,
    /// As `Requires`, of a group of which `needed` members are enough.
    KOfN {
        /// How many of the group must be up.
        needed: u32,
    },
    /// An order, not a need: passes a `to` that is not wanted up or is stuck.
    After,
    /// Up once `to` has come half-way.
    Started,
    /// How `from` is spoken to: holds nothing back going up.
    Reach,
}

/// An edge, seen from one of its ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Edge {
    /// The other end.
    pub to: UnitId,
    /// The kind.
    pub kind: EdgeKind,
}

/// The units of a plant and their edges.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Graph {
    units: Vec<Unit>,
    below: Adjacency,
    above: Adjacency,
    order: Vec<UnitId>,
}

/// Edges grouped by the unit at one end (compressed sparse rows).
#[derive(Debug, Clone, PartialEq, Eq)]
struct Adjacency {
    offsets: Vec<usize>,
    edges: Vec<Edge>,
}

impl Adjacency {
    fn of(&self, unit: UnitId) -> &[Edge] {
        let range = self.offsets.get(unit.index()).zip(self.offsets.get(unit.index() + 1));
        range.and_then(|(from, to)| self.edges.get(*from..*to)).unwrap_or_default()
    }
}

impl Graph {
    /// All units, in the order of reports.
    pub fn units(&self) -> &[Unit] {
        &self.units
    }

    /// The unit of an id.
    pub fn unit(&self, id: UnitId) -> Option<&Unit> {
        self.units.get(id.index())
    }

    /// The id of a unit by its name.
    pub fn find(&self, name: &str) -> Option<UnitId> {
        let at = self.units.iter().position(|unit| *unit.name == *name)?;
        u32::try_from(at).ok().map(UnitId)
    }

    /// What `unit` rests on.
    pub fn below(&self, unit: UnitId) -> &[Edge] {
        self.below.of(unit)
    }

    /// What rests on `unit`.
    pub fn above(&self, unit: UnitId) -> &[Edge] {
        self.above.of(unit)
    }

    /// Every unit after all that it rests on.
    pub fn upwards(&self) -> impl DoubleEndedIterator<Item = UnitId> + '_ {
        self.order.iter().copied()
    }
}
