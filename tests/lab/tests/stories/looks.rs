//! What a story waits for, looked at from outside.

use ananke_lab::{PowerChange, PoweredBy};
use anyhow::{Result, bail, ensure};
use serde_json::Value;

use crate::stage::{SERVER, Stage, WORKERS};

/// What `policy.yaml` wants stored before anything is started, in percent.
const MIN_CHARGE: u32 = 25;

fn all() -> impl Iterator<Item = &'static str> {
    std::iter::once(SERVER).chain(WORKERS)
}

const fn unit_of(host: &str) -> &'static str {
    // Names are told apart by their last letter: a const fn compares no strings.
    match host.as_bytes() {
        [.., b'1'] => "k3s.service",
        _ => "k3s-agent.service",
    }
}

impl Stage {
    fn json(&self, arguments: &[&str]) -> Result<Value> {
        let text =
            self.kubectl_ok(&[arguments, &["-o", "json", "--request-timeout=5s"]].concat())?;
        Ok(serde_json::from_str(&text)?)
    }

    fn items(&self, arguments: &[&str]) -> Result<Vec<Value>> {
        let list = self.json(arguments)?;
        Ok(list["items"].as_array().cloned().unwrap_or_default())
    }

    pub(crate) fn ready_nodes(&self) -> Result<usize> {
        let nodes = self.items(&["get", "nodes"])?;
        Ok(nodes.iter().filter(|node| condition(node, "Ready")).count())
    }

    /// Every Kustomization but these is Ready.
    pub(crate) fn flux_is_ready(&self, but: &[&str]) -> Result<Option<()>> {
        let list = self.items(&["get", "kustomizations", "-A"])?;
        let ready = list
            .iter()
            .filter(|object| !but.contains(&name(object)))
            .all(|object| condition(object, "Ready"));
        Ok((ready && list.len() >= 4).then_some(()))
    }

    /// Services stopped, no container and no volume left, hosts on.
    pub(crate) fn cluster_is_down(&self) -> Result<Option<()>> {
        for host in all() {
            if !self.lab.is_on(host)? {
                bail!("{host} is off");
            }
            let down = self.lab.unit(host, unit_of(host))?.active == "inactive"
                && self.lab.shims(host)?.is_empty()
                && self.lab.pod_mounts(host)?.is_empty();
            if !down {
                return Ok(None);
            }
        }
        Ok(Some(()))
    }

    pub(crate) fn an_agent_is_stopped(&self) -> Result<Option<()>> {
        let stopped = |host: &str| -> Result<bool> {
            Ok(self.lab.is_on(host)? && self.lab.unit(host, unit_of(host))?.active == "inactive")
        };
        Ok((stopped("n2")? || stopped("n3")?).then_some(()))
    }

    /// No process of any host is left.
    pub(crate) fn everything_is_off(&self) -> Result<Option<()>> {
        for host in all() {
            if self.lab.is_on(host)? || !self.lab.is_gone(host)? {
                return Ok(None);
            }
        }
        Ok(Some(()))
    }

    /// Nodes Ready, schedulable but for the person's, Flux Ready but for what the person suspended,
    /// and no container without its pod.
    pub(crate) fn cluster_runs(&self) -> Result<Option<()>> {
        for host in all() {
            if !self.lab.is_on(host)? || self.lab.unit(host, unit_of(host))?.active != "active" {
                return Ok(None);
            }
        }
        if self.ready_nodes()? != 3 || self.is_marked()? {
            return Ok(None);
        }
        if self.flux_is_ready(&["database", "web"])?.is_none() {
            return Ok(None);
        }
        self.pods_are_containers()
    }

    /// A pod that runs in the API has its process on its host, and no process is without its pod.
    fn pods_are_containers(&self) -> Result<Option<()>> {
        let pods = self.items(&["get", "pods", "-A"])?;
        for host in all() {
            let running: Vec<&str> = pods
                .iter()
                .filter(|pod| {
                    pod["spec"]["nodeName"] == host && pod["status"]["phase"] == "Running"
                })
                .filter_map(|pod| pod["metadata"]["uid"].as_str())
                .collect();
            let shims = self.lab.shims(host)?;
            let whole = shims.len() == running.len()
                && running.iter().all(|uid| shims.iter().any(|shim| shim.command.contains(uid)));
            if !whole {
                return Ok(None);
            }
        }
        Ok(Some(()))
    }

    /// Whether a mark of ananke is on any object.
    fn is_marked(&self) -> Result<bool> {
        for kind in ["nodes", "kustomizations"] {
            let marked =
                |object: &Value| object["metadata"]["annotations"].get("ananke.dev/mark").is_some();
            if self.items(&["get", kind, "-A"])?.iter().any(marked) {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// The mains have switched these on.
    pub(crate) fn have_booted(&self, hosts: &[&str]) -> Result<Option<()>> {
        for host in hosts {
            if !self.lab.is_on(host)? {
                return Ok(None);
            }
        }
        Ok(Some(()))
    }

    fn stored(&self) -> Result<u32> {
        Ok(self.lab.ups_get("ups", "battery.charge")?.parse()?)
    }

    /// Less is stored than the policy wants.
    pub(crate) fn is_low(&self) -> Result<Option<()>> {
        Ok((self.stored()? < MIN_CHARGE).then_some(()))
    }

    /// A host stays off until enough is stored.
    pub(crate) fn sleeps_until_charged(&self, host: &str) -> Result<()> {
        loop {
            let is_on = self.lab.is_on(host)?;
            // Asked after that: it only rises.
            let charge = self.stored()?;
            if charge >= MIN_CHARGE {
                self.story.tell(format!("{charge} % are stored, {host} slept until now"));
                return Ok(());
            }
            ensure!(!is_on, "{host} was woken at {charge} % charge");
            std::thread::sleep(std::time::Duration::from_millis(200));
        }
    }

    /// The mains switched these on, and nobody switched them off again.
    pub(crate) fn on_since_the_mains(&self, hosts: &[&str]) -> Result<()> {
        for host in hosts {
            let last = self.lab.power_log(host)?.last().map(|event| event.change);
            let by_mains = last == Some(PowerChange::On(PoweredBy::AcReturn));
            ensure!(by_mains, "{host} did not stay on: {last:?}");
        }
        self.story.tell(format!("{} stayed on since the mains are back", hosts.join(" and ")));
        Ok(())
    }

    pub(crate) fn woken_by_magic_packets(&self) -> Result<()> {
        for host in all() {
            let log = self.lab.power_log(host)?;
            let woken = log.iter().any(|e| e.change == PowerChange::On(PoweredBy::WakeOnLan));
            ensure!(woken, "{host} was not woken by a magic packet");
        }
        Ok(())
    }

    /// What `kubectl wait` says.
    pub(crate) fn is_ready(&self) -> Result<()> {
        self.kubectl_ok(&["wait", "--for=condition=Ready", "powerpolicy/lab", "--timeout=60s"])?;
        self.story.tell("kubectl wait --for=condition=Ready powerpolicy/lab");
        Ok(())
    }
}

fn name(object: &Value) -> &str {
    object["metadata"]["name"].as_str().unwrap_or_default()
}

fn condition(object: &Value, kind: &str) -> bool {
    let conditions = object["status"]["conditions"].as_array();
    conditions.is_some_and(|list| list.iter().any(|c| c["type"] == kind && c["status"] == "True"))
}
