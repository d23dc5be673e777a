//! What the loop asks of the world: small traits, one job each, an error enum each.
//!
//! The real adapters (in the program) and the virtual world (`ananke-sim`) implement them, so the
//! loop, journal, act and publish are the same code over both. Every call is given its deadline by
//! the caller and returns by then.

mod clock;
mod cluster;
mod hosts;
mod machine;
mod store;
mod supplies;
mod wake;

use std::sync::Arc;

pub use clock::Clock;
pub use cluster::{Cluster, ClusterError, EventNote, EventSeverity, Publication};
pub use hosts::{HostCommand, HostError, Hosts};
pub use machine::{Machine, MachineError};
pub use store::{Store, StoreError};
pub use supplies::{Supplies, SupplyError};
pub use wake::{Wake, WakeError};

/// All ports of one world.
#[derive(Clone)]
pub struct Ports {
    /// Time.
    pub clock: Arc<dyn Clock>,
    /// The UPSes.
    pub supplies: Arc<dyn Supplies>,
    /// The hosts over SSH.
    pub hosts: Arc<dyn Hosts>,
    /// Waking hosts.
    pub wake: Arc<dyn Wake>,
    /// The Kubernetes API.
    pub cluster: Arc<dyn Cluster>,
    /// This machine.
    pub machine: Arc<dyn Machine>,
    /// The state directory.
    pub store: Arc<dyn Store>,
}
