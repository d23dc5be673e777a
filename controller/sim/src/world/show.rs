use ananke_core::observe::ActiveState;
use serde::Serialize;

use super::{Millis, Power, World};

/// The world at a glance, ready for a table.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Show {
    /// Milliseconds of the world.
    pub now: Millis,
    /// `Ready`, `NotReady` or `Down`.
    pub api: &'static str,
    /// Supplies in name order.
    pub supplies: Vec<SupplyRow>,
    /// Hosts in name order.
    pub hosts: Vec<HostRow>,
    /// Flux objects and whether they are suspended.
    pub gitops: Vec<GitopsRow>,
    /// What fate still has in store.
    pub script: Vec<String>,
}

/// A row of the table of supplies.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct SupplyRow {
    /// Its name.
    pub name: String,
    /// The words of `ups.status`, as they truly are.
    pub status: String,
    /// Charge in percent.
    pub charge_percent: u64,
    /// How long its battery lasts at the present load; `None` without a load.
    pub runtime_seconds: Option<u64>,
    /// What it delivers, in watts.
    pub load_watts: u64,
    /// What is wrong with what it tells, if anything.
    pub telemetry: Option<String>,
}

/// A row of the table of hosts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct HostRow {
    /// Its name.
    pub name: String,
    /// `Off`, `Booting`, `On` or `Halting`.
    pub power: &'static str,
    /// `ActiveState` of its Kubernetes service; `-` without one.
    pub service: &'static str,
    /// Containers alive on it.
    pub containers: u32,
    /// Volumes mounted on it.
    pub volumes: u32,
    /// `Ready`, `NotReady`, `Unknown`, with `SchedulingDisabled` and `ours` behind it.
    pub node: String,
    /// What is wrong with it.
    pub faults: Vec<&'static str>,
}

/// A row of the table of Flux objects.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct GitopsRow {
    /// `KIND/NAMESPACE/NAME`.
    pub object: String,
    /// Whether it is suspended.
    pub suspended: bool,
    /// Whether ananke's mark is on it.
    pub ours: bool,
}

impl World {
    /// The world at a glance.
    pub fn show(&self) -> Show {
        let supplies = self.supplies.iter().map(|(name, supply)| SupplyRow {
            name: name.clone(),
            status: supply.truth().status.join(" "),
            charge_percent: supply.charge_percent(),
            runtime_seconds: (supply.load_watts > 0).then(|| supply.runtime() / 1000),
            load_watts: supply.load_watts,
            telemetry: supply.telemetry.as_ref().map(|fault| format!("{fault:?}")),
        });
        let gitops = self.cluster.gitops.iter().map(|g| GitopsRow {
            object: g.object.to_string(),
            suspended: g.suspended,
            ours: g.mark.is_some(),
        });
        let script = self.script.iter().map(|s| format!("at {} s: {}", s.at / 1000, s.fate));
        Show {
            now: self.now,
            api: match (self.api_answers(), self.api_ready()) {
                (true, true) => "Ready",
                (true, false) => "NotReady",
                (false, _) => "Down",
            },
            supplies: supplies.collect(),
            hosts: self.hosts.keys().map(|name| self.host_row(name)).collect(),
            gitops: gitops.collect(),
            script: script.collect(),
        }
    }

    fn host_row(&self, name: &str) -> HostRow {
        let host = self.hosts.get(name);
        HostRow {
            name: name.to_owned(),
            power: match host.map(|h| &h.power) {
                Some(Power::Booting { .. }) => "Booting",
                Some(Power::On { .. }) => "On",
                Some(Power::Halting { .. }) => "Halting",
                Some(Power::Off { .. }) | None => "Off",
            },
            service: host.and_then(|h| h.service.as_ref()).map_or("-", |s| match s.state {
                ActiveState::Active => "active",
                ActiveState::Activating => "activating",
                ActiveState::Deactivating => "deactivating",
                ActiveState::Inactive => "inactive",
                ActiveState::Failed => "failed",
            }),
            containers: host.map_or(0, super::Host::container_count),
            volumes: host.map_or(0, super::Host::volumes),
            node: self.node_word(name),
            faults: host.map(|h| h.faults.iter().map(|f| f.name()).collect()).unwrap_or_default(),
        }
    }

    fn node_word(&self, name: &str) -> String {
        let Some(node) = self.cluster.nodes.get(name) else { return "-".into() };
        let mut words = vec![match (self.api_ready(), node.ready) {
            (false, _) => "Unknown",
            (true, true) => "Ready",
            (true, false) => "NotReady",
        }];
        if node.unschedulable {
            words.push("SchedulingDisabled");
        }
        if node.mark.is_some() {
            words.push("ours");
        }
        words.join(",")
    }
}
