//! What is seen of a cluster, and what is not, over an API that misbehaves.

use std::time::Duration;

use ananke_core::observe::ApiHealth;
use ananke_kube::KubeCluster;
use ananke_ports::{Cluster, ClusterError};
use serde_json::{Value, json};
use tokio::net::TcpListener;

use crate::fake::{
    FakeApi, HELM_RELEASES, KUSTOMIZATIONS, NODE_LEASES, NODES, PODS, Reply, facts_until,
    kubeconfig, status,
};

/// For calls that are answered.
const ENOUGH: Duration = Duration::from_secs(10);
/// For calls that are not.
const SHORT: Duration = Duration::from_millis(200);

fn node(name: &str) -> Value {
    json!({
        "metadata": {"name": name},
        "status": {
            "conditions": [{"type": "Ready", "status": "True"}],
            "nodeInfo": {"bootID": "b-1"}
        }
    })
}

fn lease(node: &str, renewed: &str) -> Value {
    json!({
        "metadata": {"name": node, "namespace": "kube-node-lease"},
        "spec": {"renewTime": renewed}
    })
}

fn pod(name: &str, node: &str) -> Value {
    json!({
        "metadata": {"name": name, "namespace": "apps", "uid": format!("u-{name}")},
        "spec": {"nodeName": node},
        "status": {"phase": "Running"}
    })
}

#[tokio::test]
async fn the_objects_are_seen_together_and_followed() {
    let api = FakeApi::start().await;
    api.put(NODES, node("titan-04"));
    api.put(PODS, pod("b", "titan-04"));
    api.put(PODS, pod("a", "titan-04"));
    api.put(PODS, pod("lost", "nobody-knows"));
    api.put(
        crate::fake::ATTACHMENTS,
        json!({"metadata": {"name": "v"}, "spec": {"nodeName": "titan-04"}}),
    );
    api.put(
        crate::fake::ATTACHMENTS,
        json!({"metadata": {"name": "w"}, "spec": {"nodeName": "gone"}}),
    );
    let cluster = api.cluster();
    let facts = facts_until(&cluster, Result::is_ok).await.unwrap();
    let seen = &facts.nodes["titan-04"];
    assert!(seen.ready && !seen.unschedulable && seen.mark.is_none());
    assert_eq!(seen.boot_id, "b-1");
    assert_eq!(seen.attachments, 1);
    assert_eq!(facts.stray_attachments, 1);
    let names: Vec<_> = seen.pods.iter().map(|pod| pod.name.as_str()).collect();
    assert_eq!(names, ["a", "b"]);
    assert_eq!(facts.nodes.len(), 1);
    assert!(facts.gitops.is_empty(), "Flux is not installed, and that is no error");

    let mut gone = pod("a", "titan-04");
    gone["metadata"]["resourceVersion"] = json!("99");
    api.tell(PODS, json!({"type": "DELETED", "object": gone}));
    let one_pod = |facts: &Result<_, _>| {
        facts
            .as_ref()
            .is_ok_and(|f: &ananke_core::observe::ClusterFacts| f.nodes["titan-04"].pods.len() == 1)
    };
    facts_until(&cluster, one_pod).await.unwrap();
    assert_eq!(api.asked("GET", PODS).len(), 1, "followed, not listed again");
}

#[tokio::test]
async fn a_lease_counts_only_when_it_is_seen_to_move() {
    let api = FakeApi::start().await;
    api.put(NODES, node("titan-04"));
    // Whatever the clocks say: this may be a memory of before the boot.
    api.put(NODE_LEASES, lease("titan-04", "2999-01-01T00:00:00.000000Z"));
    let cluster = api.cluster();
    let facts = facts_until(&cluster, Result::is_ok).await.unwrap();
    assert!(!facts.nodes["titan-04"].lease_fresh);
    api.put(NODE_LEASES, lease("titan-04", "1999-01-01T00:00:00.000000Z"));
    facts_until(&cluster, |facts| {
        facts.as_ref().is_ok_and(|facts| facts.nodes["titan-04"].lease_fresh)
    })
    .await
    .unwrap();
}

#[tokio::test]
async fn after_a_silence_facts_come_only_from_a_new_list() {
    let api = FakeApi::start().await;
    api.put(NODES, node("titan-04"));
    let cluster = api.cluster();
    facts_until(&cluster, Result::is_ok).await.unwrap();

    api.silence(true);
    let health = cluster.health(SHORT).await;
    assert!(matches!(health, Err(ClusterError::Silent { .. })), "{health:?}");
    let facts = cluster.facts(SHORT).await;
    assert!(matches!(facts, Err(ClusterError::Silent { .. })), "{facts:?}");

    api.answer("GET", PODS, Reply::Silent);
    api.silence(false);
    assert_eq!(cluster.health(ENOUGH).await.unwrap(), ApiHealth::Ready);
    let facts = cluster.facts(ENOUGH).await;
    assert!(matches!(facts, Err(ClusterError::Stale { .. })), "a memory: {facts:?}");

    api.relent("GET", PODS);
    api.put(PODS, pod("a", "titan-04"));
    let facts = facts_until(&cluster, Result::is_ok).await.unwrap();
    assert_eq!(facts.nodes["titan-04"].pods.len(), 1);
}

#[tokio::test]
async fn a_version_that_is_too_old_is_listed_again() {
    let api = FakeApi::start().await;
    let cluster = api.cluster();
    facts_until(&cluster, Result::is_ok).await.unwrap();
    let gone = status(410, "Expired", "too old resource version");
    api.tell(NODES, json!({"type": "ERROR", "object": gone}));
    facts_until(&cluster, |_| api.asked("GET", NODES).len() == 2).await.ok();
    facts_until(&cluster, Result::is_ok).await.unwrap();
}

#[tokio::test]
async fn a_refused_list_names_what_is_refused() {
    let api = FakeApi::start().await;
    let words = "pods is forbidden: User \"x\" cannot list resource \"pods\"";
    api.answer("GET", PODS, Reply::Json(403, status(403, "Forbidden", words)));
    let cluster = api.cluster();
    let refused = |facts: &Result<_, _>| matches!(facts, Err(ClusterError::Refused { .. }));
    let error = facts_until(&cluster, refused).await.unwrap_err().to_string();
    assert!(error.contains("`list pods`") && error.contains("configs/rbac.yaml"), "{error}");
}

#[tokio::test]
async fn garbage_is_not_taken_for_an_empty_cluster() {
    for garbage in [
        Reply::Text(200, "<html>hello</html>"),
        Reply::Json(200, json!({"items": []})),
        Reply::Json(200, json!({"metadata": {}, "items": [{"metadata": 7}]})),
        Reply::Cut,
        Reply::Json(500, status(500, "InternalError", "etcd is away")),
    ] {
        let api = FakeApi::start().await;
        api.answer("GET", NODES, garbage.clone());
        let cluster = api.cluster();
        let said = |facts: &Result<_, _>| {
            facts.as_ref().is_err_and(|error: &ClusterError| error.to_string().contains("is cut"))
        };
        let error = facts_until(&cluster, said).await.unwrap_err();
        assert!(error.to_string().contains("watch of nodes"), "{garbage:?}: {error}");
    }
}

#[tokio::test]
async fn flux_is_seen_with_its_parents() {
    let api = FakeApi::start().await;
    api.put(KUSTOMIZATIONS, json!({"metadata": {"name": "root", "namespace": "flux-system"}}));
    let labels = json!({
        "kustomize.toolkit.fluxcd.io/name": "root",
        "kustomize.toolkit.fluxcd.io/namespace": "flux-system"
    });
    api.put(
        HELM_RELEASES,
        json!({
            "metadata": {"name": "db", "namespace": "data", "labels": labels},
            "spec": {"suspend": true}
        }),
    );
    let facts = facts_until(&api.cluster(), Result::is_ok).await.unwrap();
    let [root, release] = facts.gitops.as_slice() else { panic!("{:?}", facts.gitops) };
    assert_eq!(root.object.to_string(), "Kustomization/flux-system/root");
    assert_eq!(release.parent.as_ref(), Some(&root.object));
    assert!(release.suspended && release.mark.is_none());
}

#[tokio::test]
async fn the_source_is_ready_only_when_its_writer_shows_life() {
    let api = FakeApi::start().await;
    let source = json!({
        "metadata": {"name": "flux-system", "namespace": "flux-system", "generation": 1},
        "spec": {"url": "ssh://git@scm/titan.git", "ref": {"branch": "main"}},
        "status": {"observedGeneration": 1, "conditions": [{"type": "Ready", "status": "True"}]}
    });
    let leases = "/apis/coordination.k8s.io/v1/namespaces/flux-system/leases";
    let lease = |time: &str| {
        json!({
            "metadata": {"name": "source-controller-leader-election", "namespace": "flux-system"},
            "spec": {"renewTime": time}
        })
    };
    api.put("/apis/source.toolkit.fluxcd.io/v1/namespaces/flux-system/gitrepositories", source);
    api.put(leases, lease("1"));
    let mut config = api.config();
    config.source = Some(ananke_kube::SourceRef {
        namespace: "flux-system".into(),
        name: "flux-system".into(),
    });
    let cluster = KubeCluster::new(config).unwrap();
    let seen = facts_until(&cluster, Result::is_ok).await.unwrap().source.unwrap();
    assert!(!seen.ready && seen.message.contains("not shown life"), "{seen:?}");
    assert_eq!(seen.branch, "main");
    api.put(leases, lease("2"));
    facts_until(&cluster, |facts| {
        facts.as_ref().is_ok_and(|facts| facts.source.as_ref().is_some_and(|s| s.ready))
    })
    .await
    .unwrap();
}

#[tokio::test]
async fn another_server_is_asked_when_the_first_one_is_dead() {
    let api = FakeApi::start().await;
    let dead = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let mute = format!("http://{}", dead.local_addr().unwrap());
    let mut config = api.config();
    config.servers = vec![mute, api.url.clone()];
    let cluster = KubeCluster::new(config).unwrap();
    assert_eq!(cluster.health(ENOUGH).await.unwrap(), ApiHealth::Ready);
    facts_until(&cluster, Result::is_ok).await.unwrap();
}

#[tokio::test]
async fn an_api_that_is_not_ready_is_no_silent_one() {
    let api = FakeApi::start().await;
    api.answer("GET", "/readyz", Reply::Text(500, "[-]etcd failed"));
    let cluster = api.cluster();
    assert_eq!(cluster.health(ENOUGH).await.unwrap(), ApiHealth::NotReady);
    api.answer("GET", "/readyz", Reply::Text(200, "<html>log in</html>"));
    let error = cluster.health(ENOUGH).await.unwrap_err();
    assert!(error.to_string().contains("is this a Kubernetes API?"), "{error}");
}

#[tokio::test]
async fn a_kubeconfig_may_come_late_and_may_change() {
    let api = FakeApi::start().await;
    let file = api.kubeconfig();
    std::fs::remove_file(&file).unwrap();
    let cluster = api.cluster();
    let error = cluster.health(ENOUGH).await.unwrap_err();
    assert!(matches!(&error, ClusterError::Refused { message } if message.contains("kubeconfig")));

    let nobody = TcpListener::bind("127.0.0.1:0").await.unwrap();
    std::fs::write(&file, kubeconfig(&format!("http://{}", nobody.local_addr().unwrap()))).unwrap();
    drop(nobody);
    let error = cluster.health(ENOUGH).await.unwrap_err();
    assert!(matches!(&error, ClusterError::Silent { message } if message.contains("refused")));

    std::fs::write(&file, kubeconfig(&api.url)).unwrap();
    assert_eq!(cluster.health(ENOUGH).await.unwrap(), ApiHealth::Ready);
}

#[tokio::test]
async fn credentials_that_the_api_does_not_know_are_said_to_be_that() {
    let api = FakeApi::start().await;
    let unknown = Reply::Json(401, status(401, "Unauthorized", "Unauthorized"));
    api.answer("GET", "/readyz", unknown);
    let error = api.cluster().health(ENOUGH).await.unwrap_err();
    assert!(matches!(error, ClusterError::Refused { .. }), "{error}");
    assert!(error.to_string().contains("have expired"), "{error}");
}

#[tokio::test]
async fn at_rest_nothing_is_listed_again_and_nothing_written() {
    let api = FakeApi::start().await;
    let cluster = api.cluster();
    facts_until(&cluster, Result::is_ok).await.unwrap();
    for _ in 0..20 {
        cluster.health(ENOUGH).await.unwrap();
        cluster.facts(ENOUGH).await.unwrap();
    }
    for path in [NODES, PODS, NODE_LEASES, crate::fake::ATTACHMENTS] {
        assert_eq!(api.asked("GET", path).len(), 1, "{path}");
    }
    for method in ["PATCH", "POST", "PUT", "DELETE"] {
        assert!(api.asked(method, "/").is_empty(), "{method}");
    }
}

#[tokio::test]
async fn replicas_of_volumes_are_seen_beside_who_uses_them() {
    const REPLICAS: &str = "/apis/longhorn.io/v1beta2/replicas";
    let api = FakeApi::start().await;
    api.put(NODES, node("titan-04"));
    let attached = json!({
        "metadata": {"name": "v"},
        "spec": {"nodeName": "titan-04", "source": {"persistentVolumeName": "pvc-1"}}
    });
    api.put(crate::fake::ATTACHMENTS, attached);
    for (name, node, failed) in [("a", "titan-23", ""), ("b", "titan-24", "2026-01-01T00:00:00Z")] {
        let replica = json!({
            "metadata": {"name": name, "namespace": "longhorn-system"},
            "spec": {
                "volumeName": "pvc-1", "nodeID": node,
                "healthyAt": "2026-01-01T00:00:00Z", "failedAt": failed
            }
        });
        api.put(REPLICAS, replica);
    }
    let cluster = api.cluster();
    let has_volumes = |facts: &Result<ananke_core::observe::ClusterFacts, _>| {
        facts.as_ref().is_ok_and(|facts| !facts.volumes.is_empty())
    };
    let facts = facts_until(&cluster, has_volumes).await.unwrap();
    let volume = &facts.volumes[0];
    assert_eq!(volume.name, "pvc-1");
    assert_eq!(volume.used_on, ["titan-04".to_owned()].into());
    assert_eq!(volume.healthy_on, ["titan-23".to_owned()].into(), "one has failed");
}

#[test]
fn what_is_no_url_and_no_selector_is_refused_at_once() {
    let config = |servers: &str, carriers: &str| ananke_kube::KubeConfig {
        kubeconfig: "/nowhere".into(),
        servers: vec![servers.into()],
        identity: "i".into(),
        policy: "p".into(),
        carriers: vec![carriers.into()],
        source: None,
    };
    let said = |config| KubeCluster::new(config).err().map(|error| error.to_string());
    assert!(said(config("https://a b", "app=x")).unwrap().contains("kubernetes.servers"));
    assert!(said(config("https://a", "app of x")).unwrap().contains("drain.carriers"));
}
