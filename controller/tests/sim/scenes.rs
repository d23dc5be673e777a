//! The worlds that stories are played in, each with the document that fits it.

use ananke_sim::{
    build::EMBEDDED_POLICY,
    world::{Fate, World},
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
