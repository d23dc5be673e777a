//! The worlds that stories are played in, each with the document that fits it.

use ananke_sim::{
    build::EMBEDDED_POLICY,
    world::{Fate, Host, OnAcReturn, Role, Supply, Workload, WorkloadKind, World},
};

/// A world, and the document that is in force when the daemon begins.
#[derive(Clone, Copy)]
pub struct Scene {
    /// Makes the world from a seed.
    pub world: fn(u64) -> World,
    /// The document.
    pub document: fn() -> String,
}

/// One server and two agents on one UPS. A person has cordoned `agent-1` and suspended `playground`.
pub const SMALL: Scene = Scene { world: small, document: || SMALL_POLICY.to_owned() };

/// Three servers and four agents on two UPSes, some thirty pods.
pub const EMBEDDED: Scene =
    Scene { world: World::embedded, document: || EMBEDDED_POLICY.to_owned() };

/// What the lab's stories have, under the document of the lab: one server and two workers on a UPS
/// of two and a half minutes. A person has cordoned `n3` and suspended `database`.
pub const LAB: Scene = Scene {
    world: lab,
    document: || include_str!("../../../tests/lab/tests/stories/policy.yaml").to_owned(),
};

fn lab(seed: u64) -> World {
    let mut world = World::empty(seed);
    world.laws.stop_timeout = 5_000;
    for (name, role) in [("n1", Role::Server), ("n2", Role::Agent), ("n3", Role::Agent)] {
        let quick = Host { boot_millis: 2_000, halt_millis: 2_000, ..Host::new(role, &["ups"]) };
        world.add_host(name, quick);
    }
    let full_load = world.hosts.values().map(|host| host.idle_watts).sum::<u64>();
    let battery = full_load * 150_000;
    let supply = Supply {
        capacity_millijoules: battery,
        charge_watts: battery / 120_000,
        low_percent: 10,
        ..Supply::lasting(3, full_load)
    };
    world.supplies.insert("ups".into(), supply);
    world.add_flux("http://10.77.0.1:8080/fleet.git", "main");
    world.add_kustomization("apps", None);
    for child in ["base", "database", "web"] {
        world.add_kustomization(child, Some("apps"));
    }
    let one = Workload::new(WorkloadKind::Deployment, 1);
    world.add_workload(
        "shop",
        "database",
        Workload { volume: true, grace_seconds: 5, ..one.clone() },
    );
    let budget = Workload { replicas: 2, min_available: Some(1), grace_seconds: 3, ..one.clone() };
    world.add_workload("shop", "web", budget);
    // It ends only when it is killed, after all of its grace.
    world.add_workload("shop", "worker", Workload { grace_seconds: 2, ends_in: 600_000, ..one });
    let mut world = world.raised();
    // Its parent does not take back what the person did.
    for object in world.cluster.gitops.iter_mut().filter(|g| g.object.name == "database") {
        object.suspended_in_git = true;
    }
    world.touch();
    for theirs in
        [Fate::Cordon { node: "n3".into(), on: true }, Fate::kustomization("database", true)]
    {
        world.suffer(&theirs).unwrap();
    }
    world
}

/// [`SMALL`], with ananke on a host of its own that drives the UPS: the UPS cuts its output after
/// the halt.
pub const OWN_CUT: Scene = Scene { world: own, document: || with_own("ups-cut") };
/// The same: the alarm of its clock wakes it.
pub const OWN_RTC: Scene = Scene { world: own, document: || with_own("rtc") };
/// The same: nothing wakes it.
pub const OWN_NONE: Scene = Scene { world: own, document: || with_own("none") };

fn own(seed: u64) -> World {
    let mut world = World::small(seed);
    world.laws.stop_timeout = 12_000;
    let machine = Host { on_ac_return: OnAcReturn::Boot, ..Host::new(Role::None, &["ups"]) };
    world.add_host("own", machine);
    world.add_supply("ups", 15);
    if let Some(ups) = world.supplies.get_mut("ups") {
        ups.via = Some("own".into());
    }
    world.own_host = Some("own".into());
    world.press_power("own");
    let on = world.now() + 60_000;
    world.advance(on);
    world
}

fn with_own(way_back: &str) -> String {
    let own = format!(
        "  hosts:\n    - {{name: own, role: none, self: true, off: {{when: last-moment, wayBack: {way_back}}}}}"
    );
    SMALL_POLICY.replacen("  hosts:", &own, 1)
}

fn small(seed: u64) -> World {
    let mut world = World::small(seed);
    // Shorter than systemd's default, and than `longestHalt` of the document.
    world.laws.stop_timeout = 12_000;
    // Nothing applies it, so a person's suspend of it lasts.
    world.add_kustomization("playground", None);
    world.touch();
    for theirs in
        [Fate::Cordon { node: "agent-1".into(), on: true }, Fate::kustomization("playground", true)]
    {
        world.suffer(&theirs).unwrap();
    }
    world
}

const SMALL_POLICY: &str = r#"
apiVersion: ananke.dev/v1alpha1
kind: PowerPolicy
metadata:
  name: small
spec:
  target: running
  suspend: false
  distribution: k3s
  supplies:
    - name: ups
      powers: ["*"]
      trigger: {maxOnBattery: 10m, minCharge: 20}
      recover: {minCharge: 35, stableFor: 30s}
  hosts:
    - {name: server-0, role: server, wake: {method: wol, mac: "02:00:5e:00:01:00"}}
    - {name: agent-0, role: agent, wake: {method: wol, mac: "02:00:5e:00:01:01"}}
    - {name: agent-1, role: agent, wake: {method: wol, mac: "02:00:5e:00:01:02"}}
  shutdown:
    drain: {timeout: 90s, emergencyTimeout: 45s, podGrace: 30s}
    snapshot: {kind: etcd, required: false, keep: 5}
    emergency: {budget: 90s, skip: []}
    verifyOff: {timeout: 60s, longestHalt: 20s}
    serviceTimeout: 30s
  startup:
    longestBoot: 60s
    serviceTimeout: 60s
    gitops:
      source:
        url: "ssh://git@git.example.org/homelab.git"
        branch: main
"#;
