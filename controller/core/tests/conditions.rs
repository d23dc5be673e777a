//! What a person is told when several things need one.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test that cannot go on fails")]

mod support;

use ananke_core::{
    conditions::conditions,
    decide::decide,
    decision::Decision,
    seen::{Seen, Unseen},
};
use ananke_crds::policy::Target;
use support::worlds::{NOW, named};

/// What `Stalled` says while the host keys of these hosts are not the pinned ones.
fn stalled(hosts: &[&str]) -> String {
    let plant = support::plant(&support::policy("small"));
    let mut still = named("off", &plant);
    for host in hosts {
        still.snapshot.hosts.insert((*host).into(), Seen::unknown(Unseen::HostKey, NOW));
    }
    let told = conditions(&decide(&plant, &still.journal, &still.snapshot));
    told.into_iter().find(|condition| condition.kind == "Stalled").unwrap().message
}

#[test]
fn others_that_need_a_person_are_counted() {
    let one = stalled(&["n1"]);
    assert!(one.starts_with("host/n1: ") && !one.contains("more"), "{one}");
    let two = stalled(&["n1", "n2"]);
    assert_eq!(two, format!("{one} (and 1 more: `ananke status`)"));
}

/// At rest `Ready` begins with the word for its target.
#[test]
fn at_rest_the_target_is_told_by_its_word() {
    let plant = support::plant(&support::policy("small"));
    let still = named("running", &plant);
    let rest = decide(&plant, &still.journal, &still.snapshot);
    for (target, sentence) in [
        (Target::Running, "Running: every unit is where target running wants it"),
        (
            Target::ClusterOnlyDown,
            "ClusterDown: every unit is where target cluster-only-down wants it",
        ),
        (Target::Poweroff, "PoweredOff: every unit is where target poweroff wants it"),
    ] {
        let mut told: Decision = rest.clone();
        told.effective.target = target;
        assert_eq!(conditions(&told)[0].message, sentence);
    }
}
