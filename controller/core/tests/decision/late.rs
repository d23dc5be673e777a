//! What was seen too long ago, or dated by a clock that was set, is not taken for the present.

use ananke_core::observe::{PodFacts, SnapshotFacts};

use super::*;

/// At rest a host is looked at once a minute: somebody may have booted it since.
#[test]
fn a_host_is_looked_at_before_it_is_powered_off() {
    let goes = |millis: u64| {
        let mut policy = support::policy("small");
        policy.spec.target = Target::Poweroff;
        let decision = decided(&policy, "cluster-down", |_, still| {
            let seen = still.snapshot.hosts.get_mut("n1").unwrap();
            let at = Tick::from_millis(NOW.as_millis() - millis);
            *seen = Seen::known(seen.value().unwrap().clone(), at);
        });
        decision.steps.iter().any(|step| step.unit == "host/n1")
    };
    assert!(goes(15_000));
    assert!(!goes(15_001));
}

/// Our clock was set back after the marks were made: what was taken since the first order for it is
/// of this way down all the same, by the clock of its own host.
#[test]
fn a_snapshot_counts_although_our_clock_was_set_back() {
    let arrived = |age: i64, ordered: u64| {
        let mut policy = support::policy("small");
        policy.spec.target = Target::ClusterOnlyDown;
        let decision = decided(&policy, "half-way", |_, still| {
            let facts = still.snapshot.hosts.get_mut("s1").unwrap().value_mut().unwrap();
            let taken_unix_seconds = facts.wall_unix_seconds - age;
            // A year before the marks.
            let name = format!("ananke-{}", facts.wall_unix_seconds - 31_536_000);
            facts.snapshot = Some(SnapshotFacts { name, taken_unix_seconds, size_bytes: 1 });
            let first = Tick::from_millis(NOW.as_millis() - ordered * 1_000);
            let tries = Tries { count: 1, first, last: first, ended: Some(first), failure: None };
            let rungs = still.journal.tries.entry("snapshot".into()).or_default();
            rungs.insert(Rung::Snapshot, tries);
        });
        decision.units.iter().find(|unit| unit.name == "snapshot").unwrap().arrived
    };
    assert!(arrived(30, 30));
    assert!(!arrived(31, 30), "one of before");
    assert!(!arrived(-1, 30), "one of the future says nothing of its age");
}

/// Every node is cordoned and empty, and nothing is mounted on any host: nobody detaches what is
/// still attached.
#[test]
fn volumes_that_are_mounted_nowhere_wait_for_what_detaches_them() {
    type Change = fn(&mut Still);
    let arrived = |change: Change| {
        let mut policy = support::policy("small");
        policy.spec.target = Target::ClusterOnlyDown;
        let decision = decided(&policy, "half-way", |_, still| {
            for (name, node) in &mut still.snapshot.cluster.value_mut().unwrap().nodes {
                node.pods.clear();
                node.attachments = u32::from(name == "n1");
            }
            for seen in still.snapshot.hosts.values_mut() {
                seen.value_mut().unwrap().volumes = 0;
            }
            change(still);
        });
        decision.units.iter().find(|unit| unit.name == "node/n1").unwrap().arrived
    };
    assert!(arrived(|_| ()));
    let mounted: Change = |still| {
        still.snapshot.hosts.get_mut("n1").unwrap().value_mut().unwrap().volumes = 1;
    };
    assert!(!arrived(mounted), "its kubelet is about to unmount it");
    let long_ago: Change = |still| {
        let seen = still.snapshot.hosts.get_mut("n1").unwrap();
        *seen = Seen::known(seen.value().unwrap().clone(), at(9_984));
    };
    assert!(!arrived(long_ago), "it may have been mounted since");
    let open: Change = |still| {
        let node = still.snapshot.cluster.value_mut().unwrap().nodes.get_mut("n2").unwrap();
        node.unschedulable = false;
    };
    assert!(!arrived(open), "what detaches may come back there");
    let carrier: Change = |still| {
        let node = still.snapshot.cluster.value_mut().unwrap().nodes.get_mut("n2").unwrap();
        node.pods.push(PodFacts { carrier: true, ..support::worlds::pod("csi") });
    };
    assert!(!arrived(carrier), "it is about to detach it");
}
