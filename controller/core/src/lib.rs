//! The pure core of ananke.
//!
//! A cluster is a set of [units](mod@unit) tied by [edges](graph). Start walks up the graph, shutdown
//! walks down the same graph. [`decide::decide`] is synchronous and total: no clock, no I/O, no
//! async, no randomness, no hash order; the same input gives the same output on every machine.

pub mod assess;
pub mod battery;
mod blockers;
pub mod budget;
pub mod conditions;
pub mod decide;
pub mod decision;
pub mod episode;
pub mod forecast;
pub mod graph;
pub mod journal;
mod keys;
mod ladder;
pub mod marks;
pub mod observe;
pub mod plant;
pub mod seen;
pub mod signals;
pub mod step;
mod supplies;
pub mod table;
pub mod text;
pub mod time;
mod turns;
pub mod unit;
mod walk;
