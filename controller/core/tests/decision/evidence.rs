//! Evidence that a host is off: from which poweroff its silence may come, and for how long.

use ananke_core::journal::HostMemory;

use super::*;

/// Milliseconds before now.
fn millis_ago(millis: u64) -> Tick {
    Tick::from_millis(NOW.as_millis() - millis)
}

/// Decided of `small`, all up, with a halt of 50 s; `n1` was told to go off so many milliseconds
/// ago.
fn told_off(millis: u64, change: impl Fn(&mut Still)) -> Decision {
    let mut plant = support::plant(&support::policy("small"));
    plant.shutdown.longest_halt = secs(50);
    let mut still = named("running", &plant);
    let memory = HostMemory { powered_off: Some(millis_ago(millis)), ..HostMemory::default() };
    still.journal.hosts.insert("n1".into(), memory);
    change(&mut still);
    decide(&plant, &still.journal, &still.snapshot)
}

fn silent(still: &mut Still, millis: u64) {
    still.snapshot.hosts.insert("n1".into(), Seen::unknown(Unseen::Silent, millis_ago(millis)));
}

/// Its own Node counts as renewed, unless this says otherwise.
fn lease(still: &mut Still, fresh: bool) {
    still.snapshot.cluster.value_mut().unwrap().nodes.get_mut("n1").unwrap().lease_fresh = fresh;
}

/// Mains that came back may have booted it; a poweroff of after that may explain its silence.
#[test]
fn a_poweroff_explains_silence_if_it_was_sent_after_the_mains_came_back() {
    let is_off = |returned: u64| {
        let decision = told_off(90_000, |still| {
            silent(still, 80_000);
            lease(still, false);
            let memory = Arc::make_mut(still.journal.supplies.get_mut("ups").unwrap());
            (memory.went, memory.returned) = (Some(at(9_000)), Some(millis_ago(returned)));
        });
        decision.off.get("n1") == Some(&true)
    };
    assert!(is_off(90_001));
    assert!(!is_off(90_000), "both in one instant: nobody knows which was first");
    assert!(!is_off(85_000));
}

/// What a Node renewed last outlives its host by 40 s, after a halt of 50.
#[test]
fn a_lease_speaks_against_our_poweroff_once_it_outlived_it() {
    let is_off = |sent: u64| {
        let decision = told_off(sent, |still| silent(still, 80_000));
        decision.off.get("n1") == Some(&true)
    };
    assert!(is_off(90_000));
    assert!(!is_off(90_001));
}

/// Until a halt is over, a host that answers may still be on its way off.
#[test]
fn a_host_that_answers_after_the_longest_halt_is_back() {
    assert!(told_off(50_000, |_| ()).back.is_empty());
    assert_eq!(told_off(50_001, |_| ()).back, ["n1"]);
}

/// The host may have been on until the first look that it did not answer: looks are up to a minute
/// apart.
#[test]
fn silence_counts_from_the_first_look_that_failed() {
    let is_off = |missed: u64| {
        let mut plant = support::plant(&support::policy("small"));
        (plant.startup.longest_boot, plant.shutdown.longest_halt) = (secs(100), secs(50));
        let mut still = named("running", &plant);
        let since = millis_ago(missed + 60_000);
        let missed = Some(millis_ago(missed));
        let seen = Seen::Unknown { why: Unseen::Silent, since, missed };
        still.snapshot.hosts.insert("n1".into(), seen);
        lease(&mut still, false);
        let decision = decide(&plant, &still.journal, &still.snapshot);
        decision.off.get("n1") == Some(&true)
    };
    assert!(!is_off(150_000));
    assert!(is_off(150_001));
}

/// A supply on battery says nothing more, and tells no runtime: a host on it that fell silent after
/// the outage began speaks for it, also if it was last looked at before.
#[test]
fn a_host_speaks_for_the_outage_if_it_was_missed_since() {
    let is_asked = |missed: u64| {
        let mut plant = support::plant(&support::policy("small"));
        plant.supplies[0].extrapolate_silence = true;
        let mut still = named("running", &plant);
        let outage = millis_ago(100_000);
        still.snapshot.supplies.insert("ups".into(), Seen::unknown(Unseen::Silent, outage));
        let memory = Arc::make_mut(still.journal.supplies.get_mut("ups").unwrap());
        (memory.mains_since, memory.on_battery_since) = (None, Some(outage));
        (memory.last_heard, memory.last_runtime_seconds) = (Some(outage), None);
        let missed = Some(millis_ago(missed));
        let since = millis_ago(120_000);
        let seen = Seen::Unknown { why: Unseen::Silent, since, missed };
        still.snapshot.hosts.insert("n1".into(), seen);
        let decision = decide(&plant, &still.journal, &still.snapshot);
        decision.supplies["ups"].phase == Phase::Falling
    };
    assert!(is_asked(100_000));
    assert!(!is_asked(100_001));
}
