//! The laws of the world, its ports, and the audit.

mod audit;
mod builders;
mod cluster_laws;
mod determinism;
mod file_world;
mod heard_via;
mod host_laws;
mod last_step_laws;
mod ports;
mod power_laws;
mod store;

use ananke_audit::{Expect, Violation};
use ananke_core::{
    marks::Mark,
    observe::{ActiveState, GitopsKind, GitopsRef, HostFacts},
    step::{PodRef, Service},
};

use crate::{
    record::{record, work},
    world::{Actor, Happening, What, World},
};

const ME: Actor = Actor::Ananke;

fn mark(field: &str) -> Mark {
    Mark { run: "r1".into(), field: field.into(), previous: None, at_unix_seconds: 0 }
}

fn kustomization(name: &str) -> GitopsRef {
    GitopsRef {
        kind: GitopsKind::Kustomization,
        namespace: "flux-system".into(),
        name: name.into(),
    }
}

fn facts(world: &World, host: &str) -> HostFacts {
    world.host_facts(host).unwrap()
}

fn pass(world: &mut World, seconds: u64) {
    world.advance(world.now() + seconds * 1000);
}

fn audit(before: &World, after: &World, expect: &Expect) -> Vec<Violation> {
    ananke_audit::audit(&record(before, after), expect)
}

fn audit_rest(before: &World, after: &World) -> Vec<Violation> {
    ananke_audit::audit_rest(after.now(), work(before), work(after))
}

/// Pods that a drain of the node has to end, by what the API tells.
fn pods_of(world: &World, node: &str) -> Vec<PodRef> {
    let facts = world.cluster_facts();
    let pods = facts.nodes[node].pods.iter();
    pods.map(|p| PodRef {
        namespace: p.namespace.clone(),
        name: p.name.clone(),
        uid: p.uid.clone(),
    })
    .collect()
}

fn told(world: &World, what: impl Fn(&What) -> bool) -> Vec<Happening> {
    world.trace.iter().filter(|h| what(&h.what)).cloned().collect()
}

/// Takes the small world down in the right order, up to the last service.
fn take_cluster_down(world: &mut World) {
    for name in ["flux-system", "infrastructure", "apps"] {
        world.suspend(ME, &kustomization(name), Some(&mark("spec.suspend"))).unwrap();
    }
    for node in ["agent-0", "agent-1", "server-0"] {
        world.cordon(ME, node, Some(&mark("spec.unschedulable"))).unwrap();
    }
    for node in ["agent-0", "agent-1", "server-0"] {
        for pod in pods_of(world, node) {
            world.evict(ME, &pod).unwrap();
        }
    }
    pass(world, 40);
    world.stop(ME, "agent-0", Service::Agent).unwrap();
    world.stop(ME, "agent-1", Service::Agent).unwrap();
    pass(world, 5);
    world.stop(ME, "server-0", Service::Server).unwrap();
    pass(world, 5);
    for host in ["agent-0", "agent-1", "server-0"] {
        world.end_containers(ME, host);
    }
    pass(world, 3);
}

/// Brings it up again.
fn bring_cluster_up(world: &mut World) {
    world.start(ME, "server-0", Service::Server).unwrap();
    world.start(ME, "agent-0", Service::Agent).unwrap();
    world.start(ME, "agent-1", Service::Agent).unwrap();
    pass(world, 30);
    for node in ["agent-0", "agent-1", "server-0"] {
        world.unmark_node(ME, node).unwrap();
    }
    for name in ["infrastructure", "apps", "flux-system"] {
        world.unmark_gitops(ME, &kustomization(name)).unwrap();
    }
    pass(world, 60);
}

fn state(world: &World, host: &str) -> ActiveState {
    world.hosts[host].service.as_ref().unwrap().state
}
