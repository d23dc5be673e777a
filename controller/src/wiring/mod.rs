//! Wiring: which world the ports speak to, and which policy is in force.

pub mod embedded;
mod nut;
pub mod policy;
mod real;

pub use real::ports as real_ports;
