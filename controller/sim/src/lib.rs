//! A whole virtual world behind the ports of ananke: hosts, UPSes with batteries that drain, a
//! Kubernetes cluster with pods, volumes and Flux.
//!
//! The [`world::World`] is a value: no clock, no I/O, no hash order, and no randomness but a seeded
//! generator that is a part of it. It moves on when it is told the time, and never looks at what
//! ananke thinks. [`ports`] puts the port traits over it, in memory (virtual time) or in a file
//! that lives on when the daemon dies. [`record`] writes down what happened, for the audit that
//! judges it by the world alone.

pub mod build;
pub mod ports;
pub mod record;
pub mod rng;
pub mod world;

#[cfg(test)]
mod tests;
