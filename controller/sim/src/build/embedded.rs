use crate::world::{Fate, Host, OnAcReturn, Role, Workload, WorkloadKind, World};

/// The policy that fits [`World::embedded`], with comments for people.
pub const EMBEDDED_POLICY: &str = include_str!("embedded-policy.yaml");

/// The host configuration that fits it. There is nothing to reach: the world is in the program.
pub const EMBEDDED_HOST_CONFIGURATION: &str = include_str!("embedded-ananke.yaml");

/// systemd's stop timeout in the embedded world, in milliseconds. Shorter than the default, so that
/// a hanging service is seen to the end, and shorter than the policy's `longestHalt`.
const STOP_TIMEOUT: u64 = 12_000;

impl World {
    /// A homelab: three servers and two agents on `pyrphoros`, two agents on `statera`, Flux, some
    /// thirty pods, a node that a person has cordoned and a Kustomization that a person has
    /// suspended.
    pub fn embedded(seed: u64) -> Self {
        let mut world = Self::empty(seed);
        world.laws.stop_timeout = STOP_TIMEOUT;
        for name in ["titan-0a", "titan-0b", "titan-0c"] {
            world.add_host(name, machine(Role::Server, "pyrphoros", 45));
        }
        for name in ["titan-04", "titan-05"] {
            world.add_host(name, machine(Role::Agent, "pyrphoros", 60));
        }
        for name in ["titan-23", "titan-24"] {
            world.add_host(name, machine(Role::Agent, "statera", 35));
        }
        world.add_supply("pyrphoros", 20);
        world.add_supply("statera", 25);
        world.add_system_workloads();
        world.add_flux("ssh://git@git.example.org/titan-iac.git", "main");
        add_flux_objects(&mut world);
        add_workloads(&mut world);
        let mut world = world.raised();
        // What persons did before ananke came: it is theirs, and must still be so afterwards.
        // Both names are in this very world.
        let _ = world.suffer(&Fate::Cordon { node: "titan-05".into(), on: true });
        let _ = world.suffer(&Fate::kustomization("playground", true));
        world
    }
}

fn machine(role: Role, supply: &str, idle_watts: u64) -> Host {
    Host {
        idle_watts,
        boot_watts: idle_watts + 30,
        boot_millis: 12_000,
        halt_millis: 4_000,
        on_ac_return: OnAcReturn::LastState,
        ..Host::new(role, &[supply])
    }
}

fn add_flux_objects(world: &mut World) {
    world.add_kustomization("flux-system", None);
    for name in ["infrastructure", "databases", "apps"] {
        world.add_kustomization(name, Some("flux-system"));
    }
    world.add_helm_release("gitea", "gitea", "apps");
    world.add_helm_release("monitoring", "prometheus", "infrastructure");
    // Nothing applies it, so a person's suspend of it lasts.
    world.add_kustomization("playground", None);
}

fn add_workloads(world: &mut World) {
    let deployment = |replicas| Workload::new(WorkloadKind::Deployment, replicas);
    let with_volume = |replicas, grace_seconds, ends_in| Workload {
        volume: true,
        grace_seconds,
        ends_in,
        ..Workload::new(WorkloadKind::StatefulSet, replicas)
    };
    world.add_workload("web", "site", Workload { min_available: Some(1), ..deployment(3) });
    world.add_workload("sso", "keycloak", Workload { ends_in: 6_000, ..deployment(2) });
    world.add_workload("media", "transcoder", Workload { ends_in: 9_000, ..deployment(2) });
    world.add_workload("monitoring", "grafana", deployment(1));
    world.add_workload("ingress", "traefik", deployment(2));
    world.add_workload("databases", "postgres", with_volume(3, 60, 8_000));
    world.add_workload("gitea", "gitea", with_volume(1, 30, 4_000));
    world.add_workload("vault", "vault", with_volume(1, 10, 1_000));
    world.add_workload("monitoring", "prometheus", with_volume(1, 30, 5_000));
    // Ignores SIGTERM: the kubelet kills it at the end of its grace.
    let stubborn = Workload { grace_seconds: 15, ends_in: 60_000, ..deployment(1) };
    world.add_workload("legacy", "importer", stubborn);
    world.add_unmanaged_pod("default", "debug-shell");
}
