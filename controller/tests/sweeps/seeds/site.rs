//! Where a schedule of faults is played: one in four seeds in a larger world than the others, and
//! one in ten where a supply is heard through a host that it feeds.

use ananke_sim::{
    rng::SplitMix64,
    world::{Fate, Host, OnAcReturn, Role, Workload, WorkloadKind, World},
};

use super::{fault::pick, via::VIA};
use crate::scenes::{SMALL, Scene};

/// A world, and what can go wrong in it.
#[derive(Clone, Copy)]
pub struct Site {
    /// As it is told.
    pub name: &'static str,
    /// The world and its document.
    pub scene: Scene,
    /// The hosts of its cluster, the first a server.
    pub hosts: &'static [&'static str],
    /// Hosts without one of which all else works.
    pub spare: &'static [&'static str],
    /// Its UPSes.
    pub supplies: &'static [&'static str],
    /// Those of its hosts without which a supply is not heard.
    pub heard_via: &'static [&'static str],
    /// In so many seconds it reaches its target once nothing fails.
    pub within: u64,
}

/// One server and two agents on one UPS.
pub static HUT: Site = Site {
    name: "one server",
    scene: SMALL,
    hosts: &["server-0", "agent-0", "agent-1"],
    spare: &["agent-0", "agent-1"],
    supplies: &["ups"],
    heard_via: &[],
    within: 1_800,
};

/// Three servers and three agents on two UPSes: without `left` no quorum is left, without `right`
/// one is. `agent-2` is fed by both. A person has cordoned `agent-1` and suspended `playground`.
pub static HOUSE: Site = Site {
    name: "three servers on two supplies",
    scene: Scene { world: house, document: || HOUSE_POLICY.to_owned() },
    hosts: &["server-0", "server-1", "server-2", "agent-0", "agent-1", "agent-2"],
    spare: &["server-1", "server-2", "agent-0", "agent-1", "agent-2"],
    supplies: &["left", "right"],
    heard_via: &[],
    within: 1_800,
};

/// What pods of chance belong to.
pub const WORKLOADS: [&str; 2] = ["web/site", "data/postgres"];
/// What a person suspends: a root, something that is applied, and something that nobody applies.
pub const OBJECTS: [&str; 3] = ["flux-system", "apps", "playground"];

/// The site of a seed.
pub fn of(seed: u64) -> &'static Site {
    // Another stream than that of the schedule.
    let mut rng = SplitMix64::new(!seed);
    match rng.between(0, 99) {
        0..25 => &HOUSE,
        25..35 => pick(&mut rng, &VIA),
        _ => &HUT,
    }
}

fn house(seed: u64) -> World {
    let mut world = World::empty(seed);
    // Shorter than `longestHalt` of the document.
    world.laws.stop_timeout = 12_000;
    for (name, supplies) in [
        ("server-0", &["left"][..]),
        ("server-1", &["left"]),
        ("server-2", &["right"]),
        ("agent-0", &["left"]),
        ("agent-1", &["right"]),
        ("agent-2", &["left", "right"]),
    ] {
        let role = if name.starts_with("server") { Role::Server } else { Role::Agent };
        let host = Host {
            boot_millis: 12_000,
            halt_millis: 4_000,
            on_ac_return: OnAcReturn::LastState,
            ..Host::new(role, supplies)
        };
        world.add_host(name, host);
    }
    world.add_supply("left", 20);
    world.add_supply("right", 20);
    world.add_system_workloads();
    world.add_flux("ssh://git@git.example.org/homelab.git", "main");
    world.add_kustomization("flux-system", None);
    world.add_kustomization("apps", Some("flux-system"));
    world.add_kustomization("playground", None);
    let site = Workload::new(WorkloadKind::Deployment, 3);
    world.add_workload("web", "site", Workload { min_available: Some(1), ..site });
    let volume = Workload { volume: true, ..Workload::new(WorkloadKind::StatefulSet, 2) };
    world.add_workload("data", "postgres", volume);
    let mut world = world.raised();
    for theirs in
        [Fate::Cordon { node: "agent-1".into(), on: true }, Fate::kustomization("playground", true)]
    {
        world.suffer(&theirs).unwrap();
    }
    world
}

const HOUSE_POLICY: &str = r#"
apiVersion: ananke.dev/v1alpha1
kind: PowerPolicy
metadata:
  name: house
spec:
  target: running
  suspend: false
  distribution: k3s
  supplies:
    - name: left
      powers: [server-0, server-1, agent-0, agent-2]
      trigger: {maxOnBattery: 10m, minCharge: 20}
      recover: {minCharge: 35, stableFor: 30s}
    - name: right
      powers: [server-2, agent-1, agent-2]
      trigger: {maxOnBattery: 10m, minCharge: 20}
      recover: {minCharge: 35, stableFor: 30s}
  hosts:
    - {name: server-0, role: server, wake: {method: wol, mac: "02:00:5e:00:02:00"}}
    - {name: server-1, role: server, wake: {method: wol, mac: "02:00:5e:00:02:01"}}
    - {name: server-2, role: server, wake: {method: wol, mac: "02:00:5e:00:02:02"}}
    - {name: agent-0, role: agent, wake: {method: wol, mac: "02:00:5e:00:02:03"}}
    - {name: agent-1, role: agent, wake: {method: wol, mac: "02:00:5e:00:02:04"}}
    - {name: agent-2, role: agent, wake: {method: wol, mac: "02:00:5e:00:02:05"}}
  shutdown:
    drain: {timeout: 90s, emergencyTimeout: 45s, podGrace: 30s}
    snapshot: {kind: etcd, required: false, keep: 5}
    emergency: {budget: 120s, skip: []}
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
