//! The second sign: what else speaks for an outage when a supply on battery says nothing more.

use super::{Power, SupplyMemory, power_of};
use crate::{
    journal::Journal,
    observe::Snapshot,
    plant::{Plant, SupplyPlan},
    seen::{Seen, Unseen},
};

/// What else in the world says that the battery of a silent supply matters, as half a sentence.
///
/// A snapshot can show two things: a host that it alone feeds fell silent since the supply went
/// on battery, and not because we powered it off; or another supply is on battery now. One of them
/// is enough.
pub fn second_sign(
    plan: &SupplyPlan,
    memory: &SupplyMemory,
    plant: &Plant,
    journal: &Journal,
    snapshot: &Snapshot,
) -> Option<String> {
    let outage = memory.on_battery_since?;
    let is_lost = |name: &String| {
        let seen = snapshot.hosts.get(name);
        let is_silent = matches!(seen, Some(Seen::Unknown { why: Unseen::Silent, .. }))
            && seen.and_then(Seen::silent_since).is_some_and(|since| since >= outage);
        let by_us = journal.hosts.get(name).is_some_and(|host| host.sent_off().is_some());
        is_silent && !by_us
    };
    // One that another supply feeds too did not fall silent for want of this one.
    let fed = plan.hosts.iter().filter_map(|host| plant.hosts.get(*host));
    let fed = fed.filter(|host| host.supplies.len() == 1);
    if let Some(host) = fed.map(|host| &host.name).find(|name| is_lost(name)) {
        return Some(format!("{host} on it fell silent too"));
    }
    let others = plant.supplies.iter().filter(|other| other.name != plan.name);
    let on_battery = |name: &str| {
        let reading = snapshot.supplies.get(name).and_then(Seen::value);
        reading.is_some_and(|reading| power_of(&reading.status) == Power::Battery)
    };
    let other = others.map(|other| other.name.as_str()).find(|name| on_battery(name))?;
    Some(format!("{other} is on battery too"))
}
