//! What is written, what is left alone, and what an error says of the effect.

use std::time::Duration;

use ananke_core::{
    marks::{ANNOTATION, Mark},
    observe::{GitopsKind, GitopsRef},
    step::PodRef,
};
use ananke_crds::policy::{Condition, ConditionStatus, PowerPolicyStatus};
use ananke_kube::KubeCluster;
use ananke_ports::{Cluster, ClusterError, EventNote, EventSeverity, Publication};
use serde_json::{Value, json};
use tokio::time::timeout;

use crate::fake::{FakeApi, MIRRORS, NODES, PATIENCE, PODS, Reply, facts_until, status};

/// For calls that are answered.
const ENOUGH: Duration = Duration::from_secs(10);
/// For calls that are not: long enough for the look before the write, on a busy machine too.
const SHORT: Duration = Duration::from_secs(2);

const NODE: &str = "/api/v1/nodes/titan-04";
const EVICTION: &str = "/api/v1/namespaces/apps/pods/a/eviction";

fn mark() -> Mark {
    Mark { run: "r7".into(), at_unix_seconds: 5, ..Mark::default() }
}

/// An API with the pod of [`pod`], seen.
async fn with_pod() -> (FakeApi, KubeCluster) {
    let api = FakeApi::start().await;
    api.put(NODES, json!({"metadata": {"name": "titan-04"}}));
    let metadata = json!({"name": "a", "namespace": "apps", "uid": "u-a"});
    api.put(PODS, json!({"metadata": metadata, "spec": {"nodeName": "titan-04"}}));
    let cluster = api.cluster();
    facts_until(&cluster, Result::is_ok).await.unwrap();
    (api, cluster)
}

fn pod() -> PodRef {
    PodRef { namespace: "apps".into(), name: "a".into(), uid: "u-a".into() }
}

async fn with_node(spec: Value, annotations: Value) -> FakeApi {
    let api = FakeApi::start().await;
    let metadata = json!({"name": "titan-04", "annotations": annotations});
    api.put(NODES, json!({"metadata": metadata, "spec": spec}));
    api
}

#[tokio::test]
async fn a_cordon_and_its_undoing_are_one_patch_each() {
    let api = with_node(json!({}), json!({})).await;
    let cluster = api.cluster();
    cluster.cordon("titan-04", &mark(), ENOUGH).await.unwrap();
    let patches = api.asked("PATCH", NODE);
    let [patch] = patches.as_slice() else { panic!("{patches:?}") };
    assert_eq!(patch.body["spec"], json!({"unschedulable": true}));
    assert_eq!(patch.body["metadata"]["resourceVersion"], json!("11"));
    let written = patch.body["metadata"]["annotations"][ANNOTATION].as_str().unwrap();
    assert_eq!(Mark::from_annotation(written).previous, None);

    api.put(
        NODES,
        json!({
            "metadata": {"name": "titan-04", "annotations": {ANNOTATION: written}},
            "spec": {"unschedulable": true}
        }),
    );
    cluster.cordon("titan-04", &Mark { run: "r8".into(), ..mark() }, ENOUGH).await.unwrap();
    assert_eq!(api.asked("PATCH", NODE).len(), 1, "done twice is done once");
    cluster.uncordon("titan-04", ENOUGH).await.unwrap();
    let undone = api.asked("PATCH", NODE).pop().unwrap().body;
    assert_eq!(undone["spec"], json!({"unschedulable": null}));
    assert_eq!(undone["metadata"]["annotations"], json!({ANNOTATION: null}));
}

#[tokio::test]
async fn what_a_person_cordoned_is_left_alone() {
    let api = with_node(json!({"unschedulable": true}), json!({})).await;
    let cluster = api.cluster();
    cluster.cordon("titan-04", &mark(), ENOUGH).await.unwrap();
    cluster.uncordon("titan-04", ENOUGH).await.unwrap();
    assert!(api.asked("PATCH", "/").is_empty());
}

#[tokio::test]
async fn a_flux_object_is_suspended_in_its_namespace() {
    let api = FakeApi::start().await;
    let path = "/apis/kustomize.toolkit.fluxcd.io/v1/namespaces/flux-system/kustomizations";
    api.put(path, json!({"metadata": {"name": "apps"}, "spec": {"suspend": false}}));
    let object = GitopsRef {
        kind: GitopsKind::Kustomization,
        namespace: "flux-system".into(),
        name: "apps".into(),
    };
    let cluster = api.cluster();
    cluster.suspend(&object, &mark(), ENOUGH).await.unwrap();
    let body = api.asked("PATCH", path).pop().unwrap().body;
    assert_eq!(body["spec"], json!({"suspend": true}));
    let written = body["metadata"]["annotations"][ANNOTATION].as_str().unwrap();
    assert_eq!(Mark::from_annotation(written).previous, Some(false));

    let gone = GitopsRef { name: "gone".into(), ..object };
    cluster.resume(&gone, ENOUGH).await.unwrap();
    assert!(cluster.suspend(&gone, &mark(), ENOUGH).await.is_err());
}

#[tokio::test]
async fn an_error_says_whether_it_may_have_happened() {
    let api = with_node(json!({}), json!({})).await;
    let cluster = api.cluster();
    cluster.health(ENOUGH).await.unwrap();
    for (reply, deadline, unknown) in [
        (Reply::Silent, SHORT, true),
        (Reply::Cut, ENOUGH, true),
        (Reply::Text(200, "garbage"), ENOUGH, true),
        (Reply::Json(500, status(500, "InternalError", "words")), ENOUGH, false),
        (Reply::Json(403, status(403, "Forbidden", "words")), ENOUGH, false),
        (Reply::Json(409, status(409, "Conflict", "modified")), ENOUGH, false),
    ] {
        api.answer("PATCH", NODE, reply.clone());
        let error = cluster.cordon("titan-04", &mark(), deadline).await.unwrap_err();
        assert_eq!(error.is_unknown(), unknown, "{reply:?}: {error}");
    }
    // Nothing was written when already the look failed.
    api.answer("GET", NODE, Reply::Silent);
    let error = cluster.cordon("titan-04", &mark(), SHORT).await.unwrap_err();
    assert!(matches!(error, ClusterError::Silent { .. }), "{error}");
}

#[tokio::test]
async fn nothing_is_sent_to_an_api_that_is_away() {
    let api = FakeApi::start().await;
    let cluster = api.cluster();
    api.silence(true);
    let error = cluster.renew_lease(SHORT).await.unwrap_err();
    assert!(matches!(error, ClusterError::Silent { .. }), "{error}");
    assert!(api.asked("PATCH", "/").is_empty());
}

#[tokio::test]
async fn a_disruption_budget_is_told_from_back_pressure() {
    let (api, cluster) = with_pod().await;
    let mut budget = status(429, "TooManyRequests", "would violate the pod's disruption budget");
    budget["details"] = json!({"causes": [{"reason": "DisruptionBudget", "message": "needs 1"}]});
    let mut pressure = status(429, "TooManyRequests", "too many requests");
    pressure["details"] = json!({"retryAfterSeconds": 1});
    for (answer, wanted) in [(budget, true), (pressure, false)] {
        api.answer("POST", EVICTION, Reply::Json(429, answer));
        match cluster.evict(&pod(), ENOUGH).await {
            Err(ClusterError::Busy { disruption_budget, .. }) => {
                assert_eq!(disruption_budget, wanted);
            }
            other => panic!("{other:?}"),
        }
    }
    assert_eq!(api.asked("POST", EVICTION).len(), 2, "nothing is tried again in here");
}

#[tokio::test]
async fn a_pod_that_is_gone_has_ended() {
    let (api, cluster) = with_pod().await;
    cluster.evict(&pod(), ENOUGH).await.unwrap();
    let body = api.asked("POST", EVICTION).pop().unwrap().body;
    assert_eq!(body["deleteOptions"]["preconditions"]["uid"], json!("u-a"));
    assert_eq!(body["apiVersion"], json!("policy/v1"));

    let path = "/api/v1/namespaces/apps/pods/a";
    cluster.delete_pod(&pod(), Some(5), ENOUGH).await.unwrap();
    let body = api.asked("DELETE", path).pop().unwrap().body;
    assert_eq!(body["preconditions"]["uid"], json!("u-a"));
    assert_eq!(body["gracePeriodSeconds"], json!(5));
    cluster.delete_pod(&pod(), None, ENOUGH).await.unwrap();
    assert_eq!(api.asked("DELETE", path).pop().unwrap().body.get("gracePeriodSeconds"), None);

    let evicting = "Operation cannot be fulfilled on pods \"a\": Precondition failed: \
                    UID in precondition: u-a, UID in object meta: u-b";
    let deleting = "Operation cannot be fulfilled on Pod \"a\": the UID in the precondition (u-a) \
                    does not match the UID in record (u-b)";
    for answer in [
        status(404, "NotFound", "gone"),
        status(409, "Conflict", evicting),
        status(409, "Conflict", deleting),
    ] {
        let code = u16::try_from(answer["code"].as_u64().unwrap()).unwrap();
        api.answer("DELETE", path, Reply::Json(code, answer.clone()));
        api.answer("POST", EVICTION, Reply::Json(code, answer));
        cluster.delete_pod(&pod(), None, ENOUGH).await.unwrap();
        cluster.evict(&pod(), ENOUGH).await.unwrap();
    }
    api.answer("DELETE", path, Reply::Json(409, status(409, "Conflict", "another reason")));
    let other = cluster.delete_pod(&pod(), None, ENOUGH).await;
    assert!(matches!(other, Err(ClusterError::Conflict { .. })), "{other:?}");

    let asked = api.asked("POST", EVICTION).len();
    cluster.evict(&PodRef { uid: "u-before".into(), ..pod() }, ENOUGH).await.unwrap();
    assert_eq!(api.asked("POST", EVICTION).len(), asked, "the watch knows that it is gone");
}

fn publication(state: &str) -> Publication {
    Publication {
        name: "atlas".into(),
        spec: json!({"target": "running"}).into(),
        status: PowerPolicyStatus {
            state: Some(state.into()),
            conditions: vec![Condition {
                condition_type: "Ready".into(),
                status: ConditionStatus::True,
                observed_generation: None,
                last_transition_time: "2026-01-01T00:00:00Z".into(),
                reason: "ReconciliationSucceeded".into(),
                message: String::new(),
            }],
            ..PowerPolicyStatus::default()
        }
        .into(),
    }
}

const MIRROR: &str = "/apis/ananke.dev/v1alpha1/powerpolicies/atlas";
const MIRROR_STATUS: &str = "/apis/ananke.dev/v1alpha1/powerpolicies/atlas/status";

fn applied(version: &str) -> Reply {
    let metadata = json!({"resourceVersion": version, "generation": 4, "uid": "u-atlas"});
    Reply::Json(200, json!({"metadata": metadata}))
}

#[tokio::test]
async fn the_mirror_is_written_only_when_something_changed() {
    let api = FakeApi::start().await;
    api.answer("PATCH", MIRROR, applied("20"));
    api.answer("PATCH", MIRROR_STATUS, applied("21"));
    let cluster = api.cluster();
    for _ in 0..3 {
        cluster.publish(&publication("Running"), ENOUGH).await.unwrap();
    }
    let patches = api.asked("PATCH", MIRROR);
    let [spec, state] = patches.as_slice() else { panic!("{patches:?}") };
    assert!(!spec.query.contains("force"), "a person's edit is not overridden: {}", spec.query);
    assert!(spec.query.contains("fieldManager=ananke"));
    assert_eq!(spec.body["spec"], json!({"target": "running"}));
    assert!(state.query.contains("force=true"));
    assert_eq!(state.body["status"]["observedGeneration"], json!(4));
    assert_eq!(state.body["status"]["conditions"][0]["observedGeneration"], json!(4));

    cluster.publish(&publication("ClusterDown"), ENOUGH).await.unwrap();
    assert_eq!(api.asked("PATCH", MIRROR).len(), 3, "the status alone");
}

#[tokio::test]
async fn an_edit_by_a_person_is_reported_and_the_status_still_told() {
    let api = FakeApi::start().await;
    let words = "Apply failed with 1 conflict: conflict with \"kubectl-edit\": .spec.target";
    api.answer("PATCH", MIRROR, Reply::Json(409, status(409, "Conflict", words)));
    api.answer("PATCH", MIRROR_STATUS, applied("21"));
    let cluster = api.cluster();
    for _ in 0..2 {
        let error = cluster.publish(&publication("Running"), ENOUGH).await.unwrap_err();
        assert!(matches!(&error, ClusterError::Conflict { .. }), "{error}");
        assert!(error.to_string().contains("kubectl-edit"), "{error}");
    }
    assert_eq!(api.asked("PATCH", MIRROR).len(), 2, "one for the spec, one for the status");
    assert_eq!(api.asked("PATCH", MIRROR_STATUS).len(), 1);
}

#[tokio::test]
async fn a_status_beside_an_edited_spec_is_said_of_the_generation_that_was_ours() {
    let api = FakeApi::start().await;
    api.answer("PATCH", MIRROR, applied("20"));
    api.answer("PATCH", MIRROR_STATUS, applied("21"));
    let cluster = api.cluster();
    cluster.publish(&publication("Running"), ENOUGH).await.unwrap();
    api.answer("PATCH", MIRROR, Reply::Json(409, status(409, "Conflict", "kubectl-edit")));
    let changed = Publication { spec: json!({"target": "poweroff"}).into(), ..publication("Down") };
    cluster.publish(&changed, ENOUGH).await.unwrap_err();
    let told = api.asked("PATCH", MIRROR_STATUS).pop().unwrap().body;
    assert_eq!(told["status"]["state"], json!("Down"));
    assert_eq!(told["status"]["observedGeneration"], json!(4));
}

#[tokio::test]
async fn a_mirror_that_somebody_changed_is_applied_again() {
    let api = FakeApi::start().await;
    let mirror = |version: &str| {
        json!({
            "type": "MODIFIED",
            "object": {"metadata": {"name": "atlas", "resourceVersion": version}}
        })
    };
    api.answer("PATCH", MIRROR, applied("20"));
    api.answer("PATCH", MIRROR_STATUS, applied("21"));
    api.put(MIRRORS, json!({"metadata": {"name": "atlas"}}));
    let cluster = api.cluster();
    facts_until(&cluster, |_| !api.asked("WATCH", MIRRORS).is_empty()).await.ok();
    let publish = async || cluster.publish(&publication("Running"), ENOUGH).await.unwrap();
    publish().await;
    // The watch tells of our own write in its time; until then it may be applied again.
    api.tell(MIRRORS, mirror("21"));
    let settled = || async {
        let before = api.asked("PATCH", MIRROR).len();
        publish().await;
        api.asked("PATCH", MIRROR).len() == before
    };
    let told = async {
        while !settled().await {
            tokio::task::yield_now().await;
        }
        let before = api.asked("PATCH", MIRROR).len();
        api.tell(MIRRORS, mirror("50"));
        while api.asked("PATCH", MIRROR).len() == before {
            publish().await;
            tokio::task::yield_now().await;
        }
    };
    timeout(PATIENCE, told).await.unwrap();
}

#[tokio::test]
async fn a_missing_definition_says_what_to_apply() {
    let api = FakeApi::start().await;
    let words = "the server could not find the requested resource";
    api.answer("PATCH", MIRROR, Reply::Json(404, status(404, "NotFound", words)));
    let error = api.cluster().publish(&publication("Running"), ENOUGH).await.unwrap_err();
    assert!(error.to_string().contains("ananke crd | kubectl apply -f -"), "{error}");
}

#[tokio::test]
async fn the_lease_is_one_request_and_events_name_the_policy() {
    let api = FakeApi::start().await;
    let cluster = api.cluster();
    cluster.renew_lease(ENOUGH).await.unwrap();
    let path = "/apis/coordination.k8s.io/v1/namespaces/kube-system/leases/ananke-atlas";
    let lease = api.asked("PATCH", path).pop().unwrap().body;
    assert_eq!(lease["spec"]["holderIdentity"], json!("titan-db"));
    assert_eq!(lease["spec"]["leaseDurationSeconds"], json!(40));
    assert!(lease["spec"]["renewTime"].as_str().unwrap().ends_with('Z'));

    let note = EventNote {
        policy: "atlas".into(),
        severity: EventSeverity::Normal,
        reason: "Progressing".into(),
        action: "StopService".into(),
        message: "k3s on titan-04 stopped".into(),
    };
    cluster.event(&note, ENOUGH).await.unwrap();
    let event = api.asked("POST", "/apis/events.k8s.io/v1/namespaces/default/events");
    assert_eq!(event[0].body["regarding"]["kind"], json!("PowerPolicy"));
}
