//! The Lease that tells a living daemon from a dead one.

use ananke_ports::ClusterError;
use jiff::Timestamp;
use kube::core::{
    Request,
    params::{Patch, PatchParams},
};
use serde::de::IgnoredAny;
use serde_json::json;
use tokio::time::Instant;

use crate::{
    call::{self, Call},
    fleet::Fleet,
    marks::MANAGER,
};

/// Where the Lease lies: a namespace that every cluster has, and no GitOps prunes.
const NAMESPACE: &str = "kube-system";

/// How long it holds without renewal, in seconds: as long as that of a node.
const DURATION_SECONDS: u32 = 40;

/// Renews the Lease, or makes it, in one request.
pub(crate) async fn renew(
    fleet: &Fleet,
    policy: &str,
    identity: &str,
    until: Instant,
) -> Result<(), ClusterError> {
    let name = format!("ananke-{policy}");
    let lease = json!({
        "apiVersion": "coordination.k8s.io/v1",
        "kind": "Lease",
        "metadata": {"name": name, "namespace": NAMESPACE},
        "spec": {
            "holderIdentity": identity,
            "leaseDurationSeconds": DURATION_SECONDS,
            "renewTime": micro_time(Timestamp::now()),
        },
    });
    let call = Call::writes(format!("patch leases {NAMESPACE}/{name}"));
    let path = format!("/apis/coordination.k8s.io/v1/namespaces/{NAMESPACE}/leases");
    // Forced: the daemon that renewed last is the one that lives.
    let params = PatchParams::apply(MANAGER).force();
    let request = Request::new(path).patch(&name, &params, &Patch::Apply(&lease));
    let IgnoredAny = call::send(fleet, &call, request, until).await?;
    Ok(())
}

/// `metav1.MicroTime`.
pub(crate) fn micro_time(time: Timestamp) -> String {
    format!("{time:.6}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_micro_time_has_six_digits() {
        let time = Timestamp::from_second(1_700_000_000).unwrap();
        assert_eq!(micro_time(time), "2023-11-14T22:13:20.000000Z");
    }
}
