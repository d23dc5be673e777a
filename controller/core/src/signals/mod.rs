//! Signals of the supplies: what asks for less than running.
//!
//! Two things that must not be mixed come out of a supply: *how far down* (a target, latched in
//! [`SupplyMemory`]) and *may anything go up* ([`Gate`], never latched, computed afresh). Losing the
//! latch can only stop a descent half-way until the trigger fires again; it can never start
//! something on battery.

mod energy;
mod memory;
mod power;
mod sign;
mod triggers;
mod trust;
mod via;
mod words;

pub use energy::{Energy, energy, stored};
pub use memory::{Context, Phase, SupplyMemory, advance};
pub use power::{Gate, gate};
pub use sign::second_sign;
pub use triggers::{Cause, Trigger};
pub use trust::{Trust, trust};
pub use via::Unheard;
pub(crate) use via::{host_of, is_tried, unheard};
pub use words::{Power, Says, Unclear, power_of, says, tells, unclear};
