//! The end of one pod: asked for kindly, or ordered. Both name its UID, so that a successor of the
//! same name is never hit.

use ananke_core::step::PodRef;
use ananke_ports::ClusterError;
use kube::core::{
    Request,
    params::{DeleteParams, PostParams, Preconditions},
};
use serde::de::IgnoredAny;
use serde_json::json;
use tokio::time::Instant;

use crate::{
    call::{self, Built, Call},
    fleet::Fleet,
};

/// What the API says of a pod whose UID is another: the first when it evicts, the second when it
/// deletes.
const OTHER_UID: [&str; 2] = ["UID in precondition", "UID in the precondition"];

/// Evicts a pod; a `PodDisruptionBudget` may say no.
pub(crate) async fn evict(fleet: &Fleet, pod: &PodRef, until: Instant) -> Result<(), ClusterError> {
    // Not kube's `evict`: it calls the options `delete_options`, which the API skips, and the UID
    // with them.
    let body = json!({
        "apiVersion": "policy/v1",
        "kind": "Eviction",
        "metadata": {"name": pod.name, "namespace": pod.namespace},
        "deleteOptions": options(pod),
    });
    let body = body.to_string().into_bytes();
    let params = PostParams::default();
    let request = Request::new(path(pod)).create_subresource("eviction", &pod.name, &params, body);
    let call = Call::writes(format!("create pods/eviction {}/{}", pod.namespace, pod.name));
    end(fleet, &call, request, until).await
}

/// Deletes a pod.
pub(crate) async fn delete(
    fleet: &Fleet,
    pod: &PodRef,
    grace_seconds: Option<u32>,
    until: Instant,
) -> Result<(), ClusterError> {
    let params = DeleteParams { grace_period_seconds: grace_seconds, ..options(pod) };
    let request = Request::new(path(pod)).delete(&pod.name, &params);
    let call = Call::writes(format!("delete pods {}/{}", pod.namespace, pod.name));
    end(fleet, &call, request, until).await
}

fn path(pod: &PodRef) -> String {
    format!("/api/v1/namespaces/{}/pods", pod.namespace)
}

fn options(pod: &PodRef) -> DeleteParams {
    let uid = Some(pod.uid.to_string());
    let preconditions = Some(Preconditions { uid, resource_version: None });
    DeleteParams { preconditions, ..DeleteParams::default() }
}

/// A pod that is gone, or whose name another one has by now, has ended.
async fn end(
    fleet: &Fleet,
    call: &Call,
    request: Built,
    until: Instant,
) -> Result<(), ClusterError> {
    match call::send_if_there::<IgnoredAny>(fleet, call, request, until).await {
        Ok(_) => Ok(()),
        Err(ClusterError::Conflict { message })
            if OTHER_UID.iter().any(|words| message.contains(words)) =>
        {
            Ok(())
        }
        Err(error) => Err(error),
    }
}
