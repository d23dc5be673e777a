use serde::{Deserialize, Serialize};

use super::Millis;

/// How long things take in this world, in milliseconds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct Laws {
    /// From the start of a control-plane service to its etcd member taking part.
    pub server_start: Millis,
    /// From the start of an agent service to its asking for an API.
    pub agent_start: Millis,
    /// A service that stops as it should.
    pub service_stop: Millis,
    /// systemd's `TimeoutStopSec` (default 90 s): a service that hangs in stop is killed then.
    pub stop_timeout: Millis,
    /// `Restart=always` starts a service that was killed again (k3s: `RestartSec=5s`).
    pub restart_after: Millis,
    /// From quorum to `/readyz` saying `ok`.
    pub api_settle: Millis,
    /// From an active kubelet with an API to its Node being Ready.
    pub node_ready: Millis,
    /// The controller-manager's grace for a lease that is no longer renewed (40 s).
    pub lease_grace: Millis,
    /// `tolerationSeconds` of a pod on a Node that is gone (300 s).
    pub eviction: Millis,
    /// From a pending pod to its binding.
    pub bind: Millis,
    /// From a bound pod to its running container.
    pub pod_start: Millis,
    /// From the end of the last pod that uses a volume to its detachment.
    pub detach: Millis,
    /// `k3s-killall.sh`.
    pub end_containers: Millis,
    /// An etcd snapshot.
    pub snapshot: Millis,
    /// How long a halting host still answers over SSH (measured 0.4 to 0.8 s).
    pub ssh_lingers: Millis,
    /// How long a host that just booted says `starting`.
    pub system_starting: Millis,
    /// From the order to cut to the cut (`ups.delay.shutdown`, 20 s where drivers have a default).
    pub cut_delay: Millis,
    /// From a cut with mains present to the return of the output (`ups.delay.start`, 30 s).
    pub cut_return: Millis,
    /// How long the hook that ordered the cut waits for it.
    pub cut_wait: Millis,
    /// From the start of Flux's controllers to their first reconciliation.
    pub flux_first: Millis,
}

impl Default for Laws {
    fn default() -> Self {
        Self {
            server_start: 6_000,
            agent_start: 3_000,
            service_stop: 2_000,
            stop_timeout: 90_000,
            restart_after: 5_000,
            api_settle: 3_000,
            node_ready: 2_000,
            lease_grace: 40_000,
            eviction: 300_000,
            bind: 300,
            pod_start: 2_000,
            detach: 1_500,
            end_containers: 2_000,
            snapshot: 1_500,
            ssh_lingers: 600,
            system_starting: 2_000,
            cut_delay: 20_000,
            cut_return: 30_000,
            cut_wait: 60_000,
            flux_first: 3_000,
        }
    }
}
