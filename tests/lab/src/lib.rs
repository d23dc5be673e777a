//! Real parts for the stories of ananke: hosts with systemd, sshd and sudo under
//! `systemd-nspawn`, power that can be cut, Wake-on-LAN that really wakes, and NUT's own `upsd`
//! in front of a battery that drains. One [`Lab`] is one of these worlds; several live side by
//! side, and each leaves nothing behind.
//!
//! ```no_run
//! # fn main() -> anyhow::Result<()> {
//! use ananke_lab::{Lab, LabName, LabSpec, UpsSpec};
//!
//! let spec = LabSpec::new(LabName::unique()).server("n1").agent("n2").ups(UpsSpec::new("ups"));
//! let lab = Lab::up(spec)?;
//! lab.mains("ups", false)?;
//! lab.ssh("n2", "sudo -n systemctl poweroff")?;
//! lab.wait_off("n2", std::time::Duration::from_secs(30))?;
//! lab.down()
//! # }
//! ```
//!
//! The daemon under test runs in the *hub* ([`Lab::command`], [`Lab::spawn`]): a network namespace
//! with a bridge that all hosts hang on. What a story asserts comes from outside the hosts and
//! outside the daemon: [`Lab::unit`], [`Lab::processes`], [`Lab::power_log`], [`Lab::wake_log`]. A
//! [`Watch`] puts such facts together into the record that the audit of the virtual world reads.

mod cgroup;
mod cluster;
mod command;
mod disk;
mod evidence;
mod facts;
mod hub;
mod image;
mod journals;
mod keeper;
mod lab;
mod leftovers;
mod nut;
mod paths;
mod power_log;
mod process;
mod protocol;
mod spec;
mod story;
mod teardown;

pub use cluster::NO_CLUSTER;
pub use command::{Output, check, require, run};
pub use evidence::{
    ApiFact, Evidence, Facts, HostFact, HostNote, Life, PowerFact, Reading, UnitChange, WakeFact,
    Watch,
};
pub use facts::{HostProcess, UnitState};
pub use image::ensure as ensure_image;
pub use journals::Journals;
pub use keeper::keep;
pub use lab::Lab;
pub use leftovers::Leftovers;
pub use nut::{ADMIN, NutSession, NutUser, PRIMARY, SECONDARY, upsmon};
pub use power_log::{PowerChange, PowerEvent, PoweredBy};
pub use process::{HubProcess, ananke};
pub use protocol::{HostAction, HostState, UpsAction};
pub use spec::{
    BatterySpec, HUB_ADDRESS, HostSpec, LabName, LabSpec, NETWORK, NUT_PORT, OnAcReturn, Role,
    USER, UpsSpec,
};
pub use story::Story;
