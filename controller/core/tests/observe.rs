//! What of a look is news.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use ananke_core::observe::{
    ActiveState, GitopsKind, GitopsRef, HostFacts, Requests, ServiceState, SnapshotFacts,
    SystemState,
};

/// A server that has been up for 100 s, at second 5,000 of its clock.
fn seen() -> HostFacts {
    let service = ServiceState { active: ActiveState::Active, ..ServiceState::default() };
    HostFacts {
        boot_id: "one".into(),
        uptime_seconds: 100,
        wall_unix_seconds: 5_000,
        system: SystemState::Running,
        server: Some(service.clone()),
        agent: Some(service),
        containers: 2,
        volumes: 1,
        snapshot: None,
        clock_synchronised: Some(true),
    }
}

#[test]
fn clocks_that_go_on_are_no_news() {
    for (uptime_seconds, wall_unix_seconds) in
        [(100, 5_000), (160, 5_060), (160, 5_061), (160, 5_059)]
    {
        let later = HostFacts { uptime_seconds, wall_unix_seconds, ..seen() };
        assert!(seen().tell_the_same_as(&later), "{uptime_seconds} {wall_unix_seconds}");
    }
}

#[test]
fn a_clock_that_was_stepped_is_news() {
    for wall_unix_seconds in [5_062, 5_058, 0] {
        let later = HostFacts { uptime_seconds: 160, wall_unix_seconds, ..seen() };
        assert!(!seen().tell_the_same_as(&later), "{wall_unix_seconds}");
    }
}

#[test]
fn all_else_that_differs_is_news() {
    let stopped = || Some(ServiceState::default());
    let taken = SnapshotFacts { name: "ananke-1".into(), taken_unix_seconds: 1, size_bytes: 4_096 };
    let others = [
        HostFacts { boot_id: "two".into(), ..seen() },
        HostFacts { system: SystemState::Stopping, ..seen() },
        HostFacts { server: stopped(), ..seen() },
        HostFacts { agent: stopped(), ..seen() },
        HostFacts { containers: 0, ..seen() },
        HostFacts { volumes: 0, ..seen() },
        HostFacts { snapshot: Some(taken), ..seen() },
        HostFacts { clock_synchronised: None, ..seen() },
    ];
    for other in others {
        assert!(!seen().tell_the_same_as(&other), "{other:?}");
        assert!(!other.tell_the_same_as(&seen()), "{other:?}");
    }
}

#[test]
fn a_flux_object_is_named_as_kubernetes_spells_it() {
    let name =
        |kind| GitopsRef { kind, namespace: "flux-system".into(), name: "apps".into() }.to_string();
    assert_eq!(name(GitopsKind::Kustomization), "Kustomization/flux-system/apps");
    assert_eq!(name(GitopsKind::HelmRelease), "HelmRelease/flux-system/apps");
}

#[test]
fn what_nobody_asked_for_is_not_written_down() {
    assert_eq!(serde_json::to_string(&Requests::default()).unwrap(), "{}");
    let asked = Requests { startups: 1, ..Requests::default() };
    assert_eq!(serde_json::to_string(&asked).unwrap(), r#"{"startups":1}"#);
}
