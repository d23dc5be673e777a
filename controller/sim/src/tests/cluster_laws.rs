use super::*;
use crate::world::{Fate, Refusal, Workload, WorkloadKind};

#[test]
fn the_api_lives_while_a_quorum_of_servers_does() {
    let mut world = World::embedded(1);
    world.stop(ME, "titan-0a", Service::Server).unwrap();
    pass(&mut world, 10);
    assert!(world.api_ready());
    world.stop(ME, "titan-0b", Service::Server).unwrap();
    assert!(!world.api_ready());
    assert_eq!(world.api_health(), None);
    // Agents live on without it.
    assert_eq!(state(&world, "titan-04"), ActiveState::Active);
    world.start(ME, "titan-0b", Service::Server).unwrap();
    pass(&mut world, 20);
    assert!(world.api_ready());
}

/// One server of three waits in `activating` for a second one.
#[test]
fn servers_wait_for_each_other() {
    let mut world = World::embedded(1);
    for host in ["titan-0a", "titan-0b", "titan-0c"] {
        world.stop(ME, host, Service::Server).unwrap();
    }
    pass(&mut world, 10);
    world.start(ME, "titan-0a", Service::Server).unwrap();
    pass(&mut world, 600);
    assert_eq!(state(&world, "titan-0a"), ActiveState::Activating);
    world.start(ME, "titan-0b", Service::Server).unwrap();
    pass(&mut world, 20);
    assert_eq!(state(&world, "titan-0a"), ActiveState::Active);
    assert!(world.api_ready());
}

#[test]
fn an_evicted_pod_ends_within_its_grace_and_goes_elsewhere() {
    let mut world = World::small(1);
    let node = ["agent-0", "agent-1", "server-0"]
        .into_iter()
        .find(|n| pods_of(&world, n).iter().any(|p| p.namespace == "web"))
        .unwrap();
    world.cordon(ME, node, None).unwrap();
    let pod = pods_of(&world, node).into_iter().find(|p| p.namespace == "web").unwrap();
    world.evict(ME, &pod).unwrap();
    assert!(world.cluster_facts().nodes[node].pods.iter().any(|p| p.terminating));
    pass(&mut world, 10);
    assert!(!pods_of(&world, node).contains(&pod));
    assert!(!world.hosts[node].containers.contains_key(&pod.uid));
    let ended = told(&world, |w| matches!(w, What::PodEnded { .. }));
    assert!(matches!(&ended[0].what, What::PodEnded { graceful: true, .. }));
    assert_eq!(ended[0].who, ME);
    let web = world.cluster.pods.values().filter(|p| p.namespace == "web");
    assert!(web.clone().count() == 2 && web.into_iter().all(|p| p.node.as_deref() != Some(node)));
}

#[test]
fn with_every_node_cordoned_pods_wait() {
    let mut world = World::small(1);
    for node in ["agent-0", "agent-1", "server-0"] {
        world.cordon(ME, node, None).unwrap();
        for pod in pods_of(&world, node) {
            world.evict(ME, &pod).unwrap();
        }
    }
    pass(&mut world, 60);
    let facts = world.cluster_facts();
    assert!(facts.nodes.values().all(|n| n.pods.is_empty()));
    assert!(world.cluster.pods.values().any(|p| p.node.is_none()));
    world.uncordon(Actor::Person, "agent-0").unwrap();
    pass(&mut world, 30);
    assert!(world.cluster.pods.values().all(|p| p.node.is_some()));
}

#[test]
fn a_disruption_budget_refuses_and_a_deletion_does_not_ask() {
    let mut world = World::small(1);
    world.cluster.workloads.get_mut("data/postgres").unwrap().min_available = Some(1);
    let pod = world.cluster.pods.iter().find(|(_, p)| p.namespace == "data").unwrap();
    let pod = PodRef { namespace: "data".into(), name: pod.1.name.clone(), uid: pod.0.clone() };
    assert_eq!(world.evict(ME, &pod), Err(Refusal::DisruptionBudget));
    world.delete_pod(ME, &pod, None).unwrap();
    pass(&mut world, 10);
    assert!(!world.cluster.pods.contains_key(&pod.uid));
    // Deleting the old one again says that the name is another's now.
    assert!(matches!(world.delete_pod(ME, &pod, None), Err(Refusal::Conflict(_))));
}

#[test]
fn a_pod_that_ignores_sigterm_is_killed_at_the_end_of_its_grace() {
    let mut world = World::small(1);
    world.cluster.workloads.get_mut("data/postgres").unwrap().ends_in = 3_600_000;
    let (uid, node) = world
        .cluster
        .pods
        .iter()
        .find(|(_, p)| p.namespace == "data")
        .map(|(uid, p)| (uid.clone(), p.node.clone().unwrap()))
        .unwrap();
    let pod = PodRef { namespace: "data".into(), name: "postgres-0".into(), uid: uid.clone() };
    world.evict(ME, &pod).unwrap();
    pass(&mut world, 29);
    assert!(world.hosts[&node].containers.contains_key(&uid));
    pass(&mut world, 2);
    assert!(!world.hosts[&node].containers.contains_key(&uid));
    assert_eq!(told(&world, |w| matches!(w, What::PodEnded { graceful: false, .. })).len(), 1);
}

#[test]
fn a_shorter_grace_shortens_what_is_left() {
    let mut world = World::small(1);
    world.cluster.workloads.get_mut("data/postgres").unwrap().ends_in = 3_600_000;
    let uid = world.cluster.pods.iter().find(|(_, p)| p.namespace == "data").unwrap().0.clone();
    let pod = PodRef { namespace: "data".into(), name: "postgres-0".into(), uid };
    world.evict(ME, &pod).unwrap();
    pass(&mut world, 5);
    world.delete_pod(ME, &pod, Some(2)).unwrap();
    pass(&mut world, 3);
    assert!(!world.cluster.pods.contains_key(&pod.uid));
}

#[test]
fn a_finalizer_keeps_the_object_and_not_the_container() {
    let mut world = World::small(1);
    world.cluster.workloads.get_mut("data/postgres").unwrap().finalizer = true;
    let uid = world.cluster.pods.iter().find(|(_, p)| p.namespace == "data").unwrap().0.clone();
    let pod = PodRef { namespace: "data".into(), name: "postgres-0".into(), uid };
    world.delete_pod(ME, &pod, Some(0)).unwrap();
    pass(&mut world, 3600);
    assert!(world.cluster.pods[&pod.uid].ending.is_some());
    assert!(world.hosts.values().all(|h| !h.containers.contains_key(&pod.uid)));
}

#[test]
fn a_volume_is_detached_after_its_pod_and_only_by_a_carrier() {
    let mut world = World::small(1);
    for node in ["agent-0", "agent-1", "server-0"] {
        world.cordon(ME, node, None).unwrap();
    }
    let attached = |w: &World| w.cluster_facts().nodes.values().map(|n| n.attachments).sum::<u32>();
    assert_eq!(attached(&world), 1);
    // The carriers leave first: nothing detaches any more.
    let carriers = |w: &World| -> Vec<PodRef> {
        let facts = w.cluster_facts();
        let pods = facts.nodes.values().flat_map(|n| &n.pods).filter(|p| p.carrier);
        pods.map(|p| PodRef {
            namespace: p.namespace.clone(),
            name: p.name.clone(),
            uid: p.uid.clone(),
        })
        .collect()
    };
    for pod in carriers(&world) {
        world.delete_pod(ME, &pod, Some(0)).unwrap();
    }
    let data =
        |w: &World| w.cluster.pods.iter().find(|(_, p)| p.namespace == "data").unwrap().0.clone();
    let pod = PodRef { namespace: "data".into(), name: "postgres-0".into(), uid: data(&world) };
    world.delete_pod(ME, &pod, None).unwrap();
    pass(&mut world, 600);
    assert_eq!(attached(&world), 1);
    // They come back, and it is.
    let away = ["agent-0", "agent-1", "server-0"]
        .into_iter()
        .find(|n| world.cluster_facts().nodes[*n].attachments == 0)
        .unwrap();
    world.cluster.workloads.get_mut("data/postgres").unwrap().replicas = 0;
    let waiting = data(&world);
    world.delete_pod(ME, &PodRef { uid: waiting, ..pod }, Some(0)).unwrap();
    world.uncordon(Actor::Person, away).unwrap();
    pass(&mut world, 30);
    assert_eq!(attached(&world), 0);
}

/// As real Flux does: a parent that is not suspended undoes a suspend of its child.
#[test]
fn a_parent_undoes_the_suspend_of_its_child() {
    let mut world = World::small(1);
    let suspended = |w: &World, name: &str| {
        w.cluster.gitops.iter().find(|g| g.object.name == name).unwrap().suspended
    };
    world.suspend(ME, &kustomization("apps"), Some(&mark("spec.suspend"))).unwrap();
    assert!(suspended(&world, "apps"));
    pass(&mut world, 61);
    assert!(!suspended(&world, "apps"));
    // Our mark stays, so that it can be told apart from an object that was never touched.
    assert!(world.cluster.gitops.iter().any(|g| g.object.name == "apps" && g.mark.is_some()));

    world.suspend(ME, &kustomization("flux-system"), Some(&mark("spec.suspend"))).unwrap();
    world.suspend(ME, &kustomization("apps"), None).unwrap();
    pass(&mut world, 3600);
    assert!(suspended(&world, "apps"));
    world.unmark_gitops(ME, &kustomization("flux-system")).unwrap();
    pass(&mut world, 10);
    assert!(!suspended(&world, "apps"));
}

#[test]
fn an_unmark_touches_only_what_is_marked() {
    let mut world = World::embedded(1);
    world.unmark_node(ME, "titan-05").unwrap();
    world.unmark_gitops(ME, &kustomization("playground")).unwrap();
    assert!(world.cluster.nodes["titan-05"].unschedulable);
    assert!(world.cluster.gitops.iter().any(|g| g.object.name == "playground" && g.suspended));
    // A caller that believes the node to be schedulable is told that it is not.
    let wrong = mark("spec.unschedulable");
    assert!(matches!(world.cordon(ME, "titan-05", Some(&wrong)), Err(Refusal::Conflict(_))));
}

/// After a cold boot etcd still says Ready, and who looks at the lease knows better.
#[test]
fn after_a_cold_boot_statuses_are_memories() {
    let mut world = World::small(1);
    world.suffer(&Fate::Mains { supply: None, present: false }).unwrap();
    pass(&mut world, 16 * 60);
    let boot = world.cluster.nodes["agent-0"].boot_id.clone();
    world
        .suffer(&Fate::Break { host: "agent-0".into(), fault: crate::world::HostFault::Broken })
        .unwrap();
    world.suffer(&Fate::Mains { supply: None, present: true }).unwrap();
    while !world.api_ready() {
        pass(&mut world, 1);
    }
    let facts = world.cluster_facts();
    let node = &facts.nodes["agent-0"];
    assert!(node.ready && !node.lease_fresh);
    assert_eq!(node.boot_id, boot);
    assert!(!facts.source.unwrap().ready, "the source has not been looked at since");
    pass(&mut world, 60);
    let facts = world.cluster_facts();
    assert!(!facts.nodes["agent-0"].ready);
    assert!(facts.nodes["agent-1"].ready && facts.nodes["agent-1"].lease_fresh);
    assert_ne!(facts.nodes["agent-1"].boot_id, boot);
    assert!(facts.source.unwrap().ready);
}

/// Pods of a Node that is gone are told to end after 300 s, and stay until its kubelet is back.
#[test]
fn pods_of_a_lost_node_are_ghosts() {
    let mut world = World::small(1);
    world.suffer(&Fate::PullPlug { host: "agent-0".into() }).unwrap();
    // (pods told to end, pods in all)
    let ghosts = |w: &World| {
        let pods = &w.cluster_facts().nodes["agent-0"].pods;
        (pods.iter().filter(|p| p.terminating).count(), pods.len())
    };
    let pods = ghosts(&world).1;
    assert!(pods > 0);
    pass(&mut world, 335);
    assert_eq!(ghosts(&world), (0, pods));
    pass(&mut world, 30);
    assert_eq!(ghosts(&world), (pods, pods));
    world.wake(ME, "agent-0");
    pass(&mut world, 60);
    assert_eq!(ghosts(&world).0, 0);
}

#[test]
fn a_whole_way_down_and_up_leaves_everything_as_it_was() {
    let mut world = World::small(1);
    let before = world.show();
    take_cluster_down(&mut world);
    assert_eq!(world.show().api, "Down");
    assert!(world.hosts.values().all(|h| h.containers.is_empty()));
    bring_cluster_up(&mut world);
    let after = world.show();
    assert_eq!(after.gitops, before.gitops);
    assert_eq!(
        after.hosts.iter().map(|h| &h.node).collect::<Vec<_>>(),
        before.hosts.iter().map(|h| &h.node).collect::<Vec<_>>()
    );
    assert_eq!(
        after.hosts.iter().map(|h| h.containers).sum::<u32>(),
        before.hosts.iter().map(|h| h.containers).sum::<u32>()
    );
}

#[test]
fn an_unmanaged_pod_is_gone_for_good() {
    let mut world = World::small(1);
    world.add_unmanaged_pod("default", "shell");
    world.add_workload("x", "idle", Workload::new(WorkloadKind::Deployment, 0));
    pass(&mut world, 10);
    let uid = world.cluster.pods.iter().find(|(_, p)| p.name == "shell").unwrap().0.clone();
    let pod = PodRef { namespace: "default".into(), name: "shell".into(), uid };
    world.evict(ME, &pod).unwrap();
    pass(&mut world, 60);
    assert!(!world.cluster.pods.values().any(|p| p.name == "shell"));
}
