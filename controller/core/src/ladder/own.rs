//! The last step: this host leaves after all others, or stays when nothing would switch it on again.
//!
//! Mains that return after its halt and before its battery is empty reach nobody: for the host they
//! were never away. So it goes off only with a way back: its supplies cut their output at the end
//! of the halt, or its clock wakes it. None of these rungs can be seen to have worked, for whoever
//! could look is gone by then; each is tried until it says yes, twice at most, because the battery
//! waits for none of them, and doing one twice is doing it once.

use std::time::Duration;

use ananke_crds::policy::{Target, WayBack};

use super::{
    Found, Try,
    machines::{POWER_OFF_GAP, QUICK_CALL},
};
use crate::{
    conditions::Reason,
    plant::Plant,
    step::{Action, Rung},
    unit::Unit,
    walk::Walk,
};

/// How long after the order to halt the clock switches this host on again. A host that lost its
/// power boots when power returns; this is for one that never lost it. Long enough that a battery
/// at its last moment is empty by then, and that one which is not may be met by returned mains.
const WAKE_AFTER: Duration = Duration::from_secs(15 * 60);
/// `upsmon` waits as long for secondaries to leave (`HOSTSYNC` 15 s); the rest is for the calls.
const FORCE_SHUTDOWN_CALL: Duration = Duration::from_secs(20);
const RETRY_GAP: Duration = Duration::from_secs(2);
/// How often a rung is tried before the next one is taken.
const TRIES: u32 = 2;
/// Disks that are written are written again: other programs live on.
const SYNC_GAP: Duration = Duration::from_secs(60);
const SYNC_CALL: Duration = Duration::from_secs(30);

/// What the last moment has to leave room for, beyond the halt.
pub(super) fn spent_before_halt(plant: &Plant) -> Duration {
    match plant.shutdown.own_way_back {
        WayBack::UpsCut => FORCE_SHUTDOWN_CALL,
        WayBack::Rtc | WayBack::Peer | WayBack::None => Duration::ZERO,
    }
}

/// The next rung of this host on its way off.
pub(super) fn leave(walk: &Walk<'_>, unit: &Unit) -> Found {
    let down = &walk.view.plant.shutdown;
    // Who declared it off wants it off: nothing may switch it on again.
    if walk.view.plant.declared == Target::Poweroff {
        return Ok(power_off(false, Vec::new()));
    }
    match down.own_way_back {
        WayBack::Rtc | WayBack::UpsCut if !is_over(walk, unit, Rung::WakeAlarm) => Ok(wake_alarm()),
        WayBack::UpsCut if !is_over(walk, unit, Rung::ForceShutdown) => {
            Ok(force_shutdown(walk, unit))
        }
        WayBack::UpsCut => Ok(power_off(true, own_supplies(walk, unit))),
        WayBack::Rtc if !has_worked(walk, unit, Rung::WakeAlarm) => stay(
            walk,
            unit,
            Reason::ManualActionRequired,
            "its wake alarm cannot be set, so it stays on for what is left of its battery",
        ),
        // A policy that turns it off with the others all the same has a person turn it on.
        WayBack::None | WayBack::Peer if down.powers_self_off_last_moment => stay(
            walk,
            unit,
            Reason::Progressing,
            "nothing would turn it on again, so it stays on for what is left of its battery",
        ),
        WayBack::Rtc | WayBack::None | WayBack::Peer => Ok(power_off(true, Vec::new())),
    }
}

/// With nothing that would switch it on again it is better on when mains return, and ready to lose
/// its power.
fn stay(walk: &Walk<'_>, unit: &Unit, reason: Reason, why: &str) -> Found {
    let tries = walk.view.journal.tries(&unit.name, Rung::Sync);
    let written = tries.is_some_and(|tries| {
        tries.failure.is_none() && walk.view.snapshot.now < tries.last.plus(SYNC_GAP)
    });
    if written { Err((reason, format!("{why}; its disks are written"))) } else { Ok(sync()) }
}

fn has_worked(walk: &Walk<'_>, unit: &Unit, rung: Rung) -> bool {
    let tries = walk.view.journal.tries(&unit.name, rung);
    tries.is_some_and(|tries| tries.ended.is_some() && tries.failure.is_none())
}

fn is_over(walk: &Walk<'_>, unit: &Unit, rung: Rung) -> bool {
    let tries = walk.view.journal.tries(&unit.name, rung);
    has_worked(walk, unit, rung) || tries.is_some_and(|tries| tries.count >= TRIES)
}

const fn wake_alarm() -> Try {
    Try {
        rung: Rung::WakeAlarm,
        action: Action::SetWakeAlarm { after_seconds: WAKE_AFTER.as_secs() },
        deadline: QUICK_CALL,
        gap: RETRY_GAP,
    }
}

fn own_supplies(walk: &Walk<'_>, unit: &Unit) -> Vec<String> {
    let plant = walk.view.plant;
    let feeds = unit.host.and_then(|host| plant.hosts.get(host)).map(|host| &host.supplies);
    let supplies = feeds.into_iter().flatten().filter_map(|at| plant.supplies.get(*at));
    supplies.map(|supply| supply.name.clone()).collect()
}

fn force_shutdown(walk: &Walk<'_>, unit: &Unit) -> Try {
    Try {
        rung: Rung::ForceShutdown,
        action: Action::ForceShutdown { supplies: own_supplies(walk, unit) },
        deadline: FORCE_SHUTDOWN_CALL,
        gap: RETRY_GAP,
    }
}

const fn sync() -> Try {
    Try { rung: Rung::Sync, action: Action::SyncDisks, deadline: SYNC_CALL, gap: SYNC_GAP }
}

const fn power_off(reboot_if_mains: bool, cut_supplies: Vec<String>) -> Try {
    Try {
        rung: Rung::PowerOff,
        action: Action::PowerOffSelf { reboot_if_mains, cut_supplies },
        deadline: QUICK_CALL,
        gap: POWER_OFF_GAP,
    }
}
