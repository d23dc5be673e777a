//! The last step of the host that ananke runs on: it goes last, and it comes back.

use std::time::Duration;

use ananke_crds::policy::Target;
use ananke_sim::world::{Fate, Host, HostFault, What, World};

use crate::{
    scenes::{OWN_CUT, OWN_NONE, OWN_RTC},
    stage::{Stage, all_off, play, survives},
};

fn mains(present: bool) -> Fate {
    Fate::Mains { supply: None, present }
}

fn charged(percent: u64) -> Fate {
    Fate::Battery { supply: "ups".into(), percent }
}

fn others_are_off(world: &World) -> bool {
    world.hosts.iter().all(|(name, host)| name == "own" || host.is_off())
}

fn own(world: &World) -> &Host {
    &world.hosts["own"]
}

fn output(world: &World) -> bool {
    world.supplies["ups"].output
}

fn is_forced(world: &World) -> bool {
    world.supplies["ups"].forced_shutdown
}

fn count(world: &World, is_it: impl Fn(&What) -> bool) -> usize {
    world.trace.iter().filter(|happening| is_it(&happening.what)).count()
}

fn halts(world: &World, reboot: bool) -> usize {
    let is_it = |what: &What| matches!(what, What::HostHalting { host, reboots, .. } if host == "own" && *reboots == reboot);
    count(world, is_it)
}

/// On battery; every other host is off, and this one watches on until its battery is low.
async fn alone_on_battery(stage: &mut Stage) {
    stage.arrives(Target::Running, 30).await;
    stage.fate(&mains(false));
    stage.fate(&charged(40));
    stage.until("every other host is off", 900, others_are_off).await;
    let stays = stage.look(|w| own(w).is_on() && !is_forced(w));
    stage.check(stays, "it left although its battery lasts");
    stage.fate(&charged(21));
}

async fn up_again(stage: &mut Stage) {
    stage.fate(&charged(60));
    stage.arrives(Target::Running, 900).await;
    let clean = stage.look(|w| !is_forced(w) && w.supplies["ups"].cut_at.is_none());
    stage.check(clean, "a forced shutdown or a cut outlived the outage");
}

/// Told to cut, the UPS gives its output back with mains, and that is what turns this host on.
async fn cut(stage: &mut Stage) {
    alone_on_battery(stage).await;
    stage.until("the others of the UPS are told to leave", 900, is_forced).await;
    stage.until("everything is off, the UPS too", 300, |w| all_off(w) && !output(w)).await;
    stage.pass(Duration::from_secs(300)).await;
    let dark = stage.look(all_off);
    stage.check(dark, "something came back without mains");
    stage.fate(&mains(true));
    stage.until("this host boots", 60, |w| own(w).is_on()).await;
    up_again(stage).await;
}

#[test]
fn own_ups_cut() {
    survives("own_ups_cut", OWN_CUT, cut);
}

/// The window in which mains that return would wake nobody: the last look is over, the cut is not.
async fn back_before_the_cut(stage: &mut Stage) {
    alone_on_battery(stage).await;
    stage.until("it halts", 900, |w| halts(w, false) > 0).await;
    stage.fate(&mains(true));
    stage.until("the UPS cuts all the same", 120, |w| !output(w)).await;
    stage.until("and gives its output back", 60, |w| own(w).is_on()).await;
    up_again(stage).await;
}

#[test]
fn own_mains_back_before_the_cut() {
    survives("own_mains_back_before_the_cut", OWN_CUT, back_before_the_cut);
}

/// A UPS that does not cut while mains are present, and a clock that wakes nobody: whoever still
/// runs at the end of the halt reboots.
#[test]
fn own_ups_that_does_not_cut_on_mains() {
    play("own_ups_that_does_not_cut_on_mains", OWN_CUT, async |stage: &mut Stage| {
        stage.change(|w| w.supplies.get_mut("ups").unwrap().never_cuts_on_mains = true);
        stage.fate(&Fate::Break { host: "own".into(), fault: HostFault::NoWakeAlarm });
        alone_on_battery(stage).await;
        stage.until("it halts", 900, |w| halts(w, false) > 0).await;
        stage.fate(&mains(true));
        stage.until("this host boots", 180, |w| own(w).is_on()).await;
        let never = stage.look(|w| count(w, |what| matches!(what, What::OutputLost { .. })) == 0);
        stage.check(never, "the UPS did cut");
        up_again(stage).await;
    });
}

/// Mains are back after the others were told to leave: that stands until upsd is restarted, so this
/// host reboots, and nobody who comes back is told to leave again.
async fn back_at_that_point(stage: &mut Stage) {
    alone_on_battery(stage).await;
    stage.until("the others of the UPS are told to leave", 900, is_forced).await;
    stage.fate(&mains(true));
    stage.until("this host reboots", 60, |w| halts(w, true) > 0).await;
    stage.until("this host is on", 120, |w| own(w).is_on()).await;
    let cut = stage.look(|w| count(w, |what| matches!(what, What::CutOrdered { .. })));
    stage
        .check(cut == 0 && stage.look(|w| halts(w, false)) == 0, "it powered off with mains there");
    up_again(stage).await;
    let once = stage.look(|w| halts(w, true));
    stage.check(once == 1, "it rebooted more than once");
}

#[test]
fn own_mains_back_at_that_point() {
    play("own_mains_back_at_that_point", OWN_CUT, back_at_that_point);
}

/// The same with a daemon that dies in between: the next one sees mains that are back, and remembers
/// whose forced shutdown it is.
#[test]
fn own_mains_back_while_it_was_dead() {
    play("own_mains_back_while_it_was_dead", OWN_CUT, async |stage: &mut Stage| {
        alone_on_battery(stage).await;
        stage.until("the others of the UPS are told to leave", 900, is_forced).await;
        stage.kill_minus_9().await;
        let still = stage.look(|w| halts(w, false) + halts(w, true));
        stage.check(still == 0, "it has left already");
        stage.fate(&mains(true));
        stage.until("this host reboots", 60, |w| halts(w, true) > 0).await;
        up_again(stage).await;
    });
}

/// Mains return after the halt and before the battery is empty: only the clock sees to it.
async fn alarm(stage: &mut Stage) {
    alone_on_battery(stage).await;
    stage.until("it is off", 900, |w| own(w).is_off()).await;
    let lives = stage.look(output);
    stage.check(lives, "the UPS was cut");
    stage.fate(&mains(true));
    stage.until("its clock wakes it", 1000, |w| own(w).is_on()).await;
    up_again(stage).await;
}

#[test]
fn own_rtc() {
    survives("own_rtc", OWN_RTC, alarm);
}

/// The clock rings while mains are still away: nothing is started, and the next alarm is set.
#[test]
fn own_rtc_rings_on_battery() {
    play("own_rtc_rings_on_battery", OWN_RTC, async |stage: &mut Stage| {
        alone_on_battery(stage).await;
        stage.until("it is off", 900, |w| own(w).is_off()).await;
        stage.until("its clock wakes it on battery", 1000, |w| own(w).is_on()).await;
        stage.until("it is off again", 120, |w| own(w).is_off()).await;
        let dark = stage.look(|w| others_are_off(w) && own(w).wake_alarm.is_some());
        stage.check(dark, "it started something on battery, or left without an alarm");
        stage.fate(&mains(true));
        stage.until("its clock wakes it", 1000, |w| own(w).is_on()).await;
        up_again(stage).await;
    });
}

/// Without an alarm it does not go off: off, it would stay off for good.
#[test]
fn own_rtc_without_an_alarm() {
    play("own_rtc_without_an_alarm", OWN_RTC, async |stage: &mut Stage| {
        stage.fate(&Fate::Break { host: "own".into(), fault: HostFault::NoWakeAlarm });
        alone_on_battery(stage).await;
        let told = |told: &ananke::publish::Published| {
            told.live.blocked.iter().any(|line| line.contains("wake alarm cannot be set"))
        };
        stage.until_told("a person is called", 900, told).await;
        stage.fate(&mains(true));
        up_again(stage).await;
        let stayed = stage.look(|w| halts(w, false) + halts(w, true));
        stage.check(stayed == 0, "it went off");
    });
}

fn synced(world: &World) -> usize {
    count(world, |what| matches!(what, What::DisksSynced { .. }))
}

/// With no way back it stays on: mains that return in time find it there.
#[test]
fn own_no_way_back_and_mains_in_time() {
    play("own_no_way_back_and_mains_in_time", OWN_NONE, async |stage: &mut Stage| {
        alone_on_battery(stage).await;
        stage.until("its disks are written", 900, |w| synced(w) > 0).await;
        stage.pass(Duration::from_secs(150)).await;
        let again = stage.look(synced);
        stage.check(again >= 2, "its disks were written only once");
        stage.fate(&mains(true));
        up_again(stage).await;
        let stayed = stage.look(|w| halts(w, false) + halts(w, true));
        stage.check(stayed == 0, "it went off");
    });
}

/// And mains that do not find it dead, with its disks written and nothing on it.
async fn to_the_end(stage: &mut Stage) {
    alone_on_battery(stage).await;
    stage.until("its disks are written", 900, |w| synced(w) > 0).await;
    stage.fate(&charged(5));
    stage.until("the battery is empty", 900, |w| all_off(w) && !output(w)).await;
    stage.fate(&mains(true));
    stage.until("this host boots", 60, |w| own(w).is_on()).await;
    up_again(stage).await;
}

#[test]
fn own_no_way_back_to_the_end() {
    survives("own_no_way_back_to_the_end", OWN_NONE, to_the_end);
}
