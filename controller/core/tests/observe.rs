//! What of a look is news.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use ananke_core::{
    observe::{
        ActiveState, ClusterFacts, Device, GitopsKind, GitopsRef, HostFacts, Requests,
        ServiceState, Snapshot, SnapshotFacts, SupplyReading, SystemState,
    },
    seen::{Seen, Unseen},
    time::Tick,
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

#[test]
fn what_is_not_told_is_not_written_down() {
    let written = |reading: &SupplyReading| serde_json::to_string(reading).unwrap();
    let told = SupplyReading { device: acme(), ..SupplyReading::default() };
    assert_eq!(written(&SupplyReading::default()), r#"{"status":[]}"#);
    assert!(written(&told).contains(r#""serial":"42""#));
    let facts = |stray_attachments| {
        serde_json::to_string(&ClusterFacts { stray_attachments, ..ClusterFacts::default() })
    };
    assert_eq!(facts(0).unwrap(), r#"{"nodes":{},"gitops":[]}"#);
    assert!(facts(1).unwrap().contains(r#""strayAttachments":1"#));
    let snapshot = |requests| {
        let since = Tick::default();
        let snapshot = Snapshot {
            now: since,
            supplies: [].into(),
            hosts: [].into(),
            api: Seen::unknown(Unseen::NotYet, since),
            cluster: Seen::unknown(Unseen::NotYet, since),
            observed: [].into(),
            requests,
        };
        serde_json::to_string(&snapshot).unwrap()
    };
    assert!(!snapshot(Requests::default()).contains("requests"));
    let asked = Requests { startups: 1, ..Requests::default() };
    assert!(snapshot(asked).contains(r#""requests":{"startups":1}"#));
}

fn acme() -> Device {
    let text = |text: &str| Some(text.to_owned());
    let (manufacturer, model) = (text("Acme"), text("X1"));
    Device { manufacturer, model, serial: text("42"), is_named: None }
}

#[test]
fn a_device_in_words() {
    assert_eq!(acme().to_string(), "Acme X1, serial 42");
    assert_eq!(Device { model: None, serial: None, ..acme() }.to_string(), "Acme");
    assert_eq!(Device::default().to_string(), "a device");
    let serial = Device { manufacturer: None, model: None, ..acme() };
    assert_eq!(serial.to_string(), "a device, serial 42");
}

/// A driver that starts tells its parts one by one; what was known stays, unless the host
/// configuration says that this one is the right one.
#[test]
fn a_device_is_learned_in_parts() {
    let mut known = Device { serial: None, ..acme() };
    known.learn(&Device { model: Some("X2".into()), ..acme() });
    assert_eq!(known, acme(), "what was not known is learned, and nothing else");
    let other = Device { model: Some("X2".into()), serial: None, ..acme() };
    known.learn(&Device { is_named: Some(false), ..other.clone() });
    assert_eq!(known, acme());
    known.learn(&Device { is_named: Some(true), ..other.clone() });
    assert_eq!(known, other);
}
