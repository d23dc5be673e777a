//! Wiring: which world the ports speak to, and which policy is in force.

pub mod embedded;
mod nut;
pub mod policy;
mod real;

pub use nut::{NutSetupError, NutSupplies};
pub use real::{kube_cluster, nut_supplies, ports as real_ports, ssh_hosts};
