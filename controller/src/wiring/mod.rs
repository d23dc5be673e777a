//! Wiring: which world the ports speak to, and which policy is in force.

pub mod embedded;
pub mod policy;
mod nut;
mod real;

pub use real::ports as real_ports;
