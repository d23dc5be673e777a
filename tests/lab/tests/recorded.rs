//! Evidence that a story of the lab left behind, judged again: as it was found it keeps every
//! promise, and with two of its facts swapped it does not.

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "evidence that is not as it was found ends the test"
)]

use std::mem::swap;

use ananke_audit::{Expect, Violation, audit};
use ananke_lab::{ApiFact, Evidence, Facts, HostFact, HostNote, UnitChange};

/// From the story in which the UPS runs low and the mains return; a person has cordoned n3 and
/// suspended Kustomization database before.
const OUTAGE: &str = include_str!("recorded/outage.json");

fn violations(change: impl FnOnce(&mut Facts)) -> Vec<Violation> {
    let mut evidence: Evidence = serde_json::from_str(OUTAGE).unwrap();
    change(&mut evidence.facts);
    audit(
        &evidence.record(),
        &Expect { snapshots: true, spent_below: 15_000, held_for: 30_000, ..Expect::running() },
    )
}

fn complains(promise: u8, part: &str, change: impl FnOnce(&mut Facts)) {
    let violations = violations(change);
    assert!(
        violations.iter().any(|v| v.promise == promise && v.sentence.contains(part)),
        "no violation of {promise} with `{part}` in {violations:#?}"
    );
}

fn first_stop(facts: &Facts, host: &str) -> usize {
    let is_stop = |fact: &HostFact| fact.note == HostNote::Unit(UnitChange::Stopping);
    facts.hosts[host].iter().position(is_stop).unwrap()
}

#[test]
fn as_it_was_found_it_keeps_every_promise() {
    assert_eq!(violations(|_| ()), []);
}

#[test]
fn a_server_that_stops_when_its_agent_did_is_seen() {
    complains(2, "n1 took the API away while the agent of n2 still ran", |facts| {
        let mut server = facts.hosts.remove("n1").unwrap();
        swap(&mut server, facts.hosts.get_mut("n2").unwrap());
        facts.hosts.insert("n1".into(), server);
    });
}

#[test]
fn a_pod_that_ends_when_the_service_under_it_stopped_is_seen() {
    complains(2, "the service of n2 was stopped before", |facts| {
        let stop = first_stop(facts, "n2");
        let stop = &mut facts.hosts.get_mut("n2").unwrap()[stop].at;
        let lives = facts.containers.get_mut("n2").unwrap();
        let last = lives.iter_mut().filter(|life| life.until < *stop);
        swap(stop, &mut last.max_by_key(|life| life.until).unwrap().until);
    });
}

#[test]
fn a_child_that_is_suspended_when_its_parent_was_is_seen() {
    complains(2, "was suspended before Kustomization/flux-system/apps", |facts| {
        let place = |name: &str| facts.api.iter().position(|f| f.held && f.name == name).unwrap();
        let (parent, child) = (place("apps"), place("base"));
        facts.api[parent].name = "base".into();
        facts.api[child].name = "apps".into();
    });
}

#[test]
fn a_wake_when_the_mains_were_still_away_is_seen() {
    complains(1, "was woken on battery", |facts| {
        let readings = facts.supplies.get_mut("ups").unwrap();
        let lost = readings.iter().position(|reading| !reading.mains()).unwrap();
        let back = readings[lost..].iter_mut().find(|reading| reading.mains()).unwrap();
        swap(&mut back.at, &mut facts.wakes[0].at);
        readings.sort_by_key(|reading| reading.at);
    });
}

#[test]
fn somebody_elses_uncordon_under_our_name_is_seen() {
    complains(7, "n3 was uncordoned, and a person cordoned it", |facts| {
        let ours = |f: &&mut ApiFact| !f.held && f.manager.as_deref() == Some("ananke");
        facts.api.iter_mut().find(ours).unwrap().name = "n3".into();
    });
}

#[test]
fn a_poweroff_when_a_container_still_lived_is_seen() {
    complains(3, "n3 was powered off with 1 containers and 1 volumes on it", |facts| {
        let off = HostNote::Sudo("/usr/bin/systemctl poweroff".into());
        let facts_of_n3 = facts.hosts.get_mut("n3").unwrap();
        let order = &mut facts_of_n3.iter_mut().find(|fact| fact.note == off).unwrap().at;
        let database = &mut facts.containers.get_mut("n3").unwrap()[0].until;
        facts.volumes.get_mut("n3").unwrap()[0].until = *order;
        swap(order, database);
    });
}

#[test]
fn a_host_that_the_battery_left_before_its_poweroff_is_seen() {
    complains(5, "n1 was still on when its battery was empty", |facts| {
        let log = facts.power.get_mut("n1").unwrap();
        log.iter_mut().find(|fact| fact.change == "exit 0").unwrap().change = "cut".into();
    });
}
