//! A supply whose `upsd` runs on a host that goes off and on like others (`via`). While that host
//! is off nobody hears the supply, and nobody will before the host is on again.

use std::time::Duration;

use super::{Gate, Phase, SupplyMemory};
use crate::{
    assess::{State, View, evidence::has_booted_since},
    journal::HostMemory,
    plant::{HostPlan, SupplyPlan},
    seen::Seen,
};

/// Why a supply is not heard.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unheard {
    /// The host of its `upsd` is this one, is up, or is not told: nothing explains it.
    Silent,
    /// The host of its `upsd` does not answer.
    HostAway {
        /// Whether that is because we powered it off, and it was heard until then.
        by_us: bool,
    },
    /// The host of its `upsd` has booted since we powered it off, or since the supply was heard.
    HostBooted,
}

/// Mains that come back to all supplies at once are not told by all in the same moment.
const TOLD_LATE: Duration = Duration::from_secs(5);

/// How long a battery that never told its runtime may last once its load is off.
const LAST_UNTOLD: Duration = Duration::from_secs(3600);

/// What explains that a supply is not heard; `None` if it is.
pub(crate) fn unheard(
    view: &View<'_>,
    plan: &SupplyPlan,
    memory: &SupplyMemory,
) -> Option<Unheard> {
    if matches!(view.snapshot.supplies.get(&plan.name), Some(Seen::Known { .. })) {
        return None;
    }
    let Some((at, host)) = host_of(view, plan).filter(|(_, host)| !host.is_self) else {
        return Some(Unheard::Silent);
    };
    let off = view.journal.hosts.get(&host.name).and_then(|memory: &HostMemory| memory.powered_off);
    // Its upsd may have answered while it halted.
    let ends_with = |off: crate::time::Tick| {
        let halted = off.plus(view.plant.shutdown.longest_halt);
        memory.last_heard.is_none_or(|heard| heard <= halted)
    };
    let off = off.filter(|off| ends_with(*off));
    let has_booted = |then| has_booted_since(view, at, then) == Some(true);
    Some(match view.host(at) {
        // Whatever hand it went by: its upsd has not had the time to speak.
        State::Up if off.or(memory.last_heard).is_some_and(has_booted) => Unheard::HostBooted,
        State::Up => Unheard::Silent,
        _ => Unheard::HostAway { by_us: off.is_some() },
    })
}

/// The host that a supply's `upsd` runs on.
pub(crate) fn host_of<'p>(view: &View<'p>, plan: &SupplyPlan) -> Option<(usize, &'p HostPlan)> {
    let at = plan.via?;
    Some((at, view.plant.hosts.get(at)?))
}

/// Whether the host of an unheard supply's `upsd` is started, or left on, although nobody knows its
/// power: without it nobody ever would.
///
/// That is so if the supply was on mains when it was last heard, or is not remembered, and no
/// other supply tells of an outage now; if another supply came back for good after it was last
/// heard on battery; or if the battery has run down since, for then a wake reaches the host only
/// with mains. One that was booted by whatever hand is not switched off again before its `upsd` has
/// spoken.
pub(crate) fn is_tried(
    view: &View<'_>,
    plan: &SupplyPlan,
    memory: &SupplyMemory,
    why: Unheard,
    others: &[(&SupplyMemory, &Gate)],
) -> bool {
    match why {
        Unheard::Silent => return false,
        Unheard::HostBooted => return true,
        Unheard::HostAway { .. } => {}
    }
    if memory.phase == Phase::Clear && memory.on_battery_since.is_none() {
        return !others.iter().any(|(_, gate)| **gate == Gate::OnBattery);
    }
    if memory.phase != Phase::Clear && !plan.resume_by_itself {
        return false;
    }
    let told = memory.last_heard.unwrap_or(memory.since);
    // A daemon of after the outage knows of it by the signals alone.
    let came_back = |other: &SupplyMemory| {
        let back = other.returned.or_else(|| other.mains_since.filter(|_| other.lifted));
        back.is_some_and(|back| back.plus(TOLD_LATE) >= told)
    };
    let is_back = others.iter().any(|(other, gate)| gate.is_open() && came_back(other));
    let lasts = memory.last_runtime_seconds.map_or(LAST_UNTOLD, Duration::from_secs);
    is_back || view.snapshot.now.since(told) > lasts + view.plant.shutdown.longest_halt
}
