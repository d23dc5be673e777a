//! The world of the sweeps: three servers and six agents on two UPSes.

use std::collections::BTreeMap;

use ananke_audit::{Actor, Picture, Power, Service, What};
use ananke_sim::{
    record::record,
    world::{Fate, Host, OnAcReturn, Role, Workload, WorkloadKind, World},
};

use crate::{scenes::Scene, stage::play::Record};

/// Three servers and three agents on `left`, three agents on `right`; some thirty pods. A person has
/// cordoned `agent-2` and suspended `playground`.
pub const NINE: Scene = Scene { world: nine, document: || policy("") };

/// What the world is wired for; `own` is a line of `spec.hosts`, or nothing.
pub fn policy(own: &str) -> String {
    let host = |(place, (name, role)): (usize, (String, Role))| {
        let role = if role == Role::Server { "server" } else { "agent" };
        let mac = format!("02:00:5e:00:00:{place:02x}");
        format!("    - {{name: {name}, role: {role}, wake: {{method: wol, mac: \"{mac}\"}}}}\n")
    };
    let hosts: Vec<String> = names().into_iter().enumerate().map(host).collect();
    POLICY.replace("    HOSTS\n", &format!("{own}{}", hosts.concat()))
}

fn names() -> Vec<(String, Role)> {
    let servers = (0..3).map(|n| (format!("server-{n}"), Role::Server));
    servers.chain((0..6).map(|n| (format!("agent-{n}"), Role::Agent))).collect()
}

/// The UPS that feeds a host.
fn feed(name: &str) -> &'static str {
    if matches!(name, "agent-3" | "agent-4" | "agent-5") { "right" } else { "left" }
}

fn nine(seed: u64) -> World {
    hosts(seed, |_| {})
}

/// The world, with something changed before it is switched on.
pub fn hosts(seed: u64, change: impl FnOnce(&mut World)) -> World {
    let mut world = World::empty(seed);
    // Shorter than `longestHalt` of the document.
    world.laws.stop_timeout = 12_000;
    for (name, role) in names() {
        let host = Host {
            boot_millis: 12_000,
            halt_millis: 4_000,
            on_ac_return: OnAcReturn::LastState,
            ..Host::new(role, &[feed(&name)])
        };
        world.add_host(&name, host);
    }
    change(&mut world);
    world.add_supply("left", 20);
    world.add_supply("right", 20);
    world.add_system_workloads();
    world.add_flux("ssh://git@git.example.org/fleet.git", "main");
    world.add_kustomization("fleet", None);
    for name in ["infrastructure", "databases", "apps"] {
        world.add_kustomization(name, Some("fleet"));
    }
    world.add_helm_release("shop", "shop", "apps");
    world.add_kustomization("playground", None);
    let deployment = |replicas| Workload::new(WorkloadKind::Deployment, replicas);
    world.add_workload("web", "site", Workload { min_available: Some(3), ..deployment(6) });
    world.add_workload("shop", "shop", deployment(6));
    let volume = Workload { volume: true, ..Workload::new(WorkloadKind::StatefulSet, 3) };
    world.add_workload("data", "postgres", volume);
    let mut world = world.raised();
    for theirs in
        [Fate::Cordon { node: "agent-2".into(), on: true }, Fate::kustomization("playground", true)]
    {
        world.suffer(&theirs).unwrap();
    }
    world
}

/// What a run came to: how everything stands, and what the daemon did to it, each as often as it
/// was done. Times, pods' names and repeated orders that changed nothing are no part of it.
#[derive(Debug, PartialEq, Eq)]
pub struct Came {
    stands: BTreeMap<String, String>,
    done: BTreeMap<String, usize>,
}

impl Came {
    /// Looks at a run.
    pub fn to(run: &Record) -> Self {
        let record = record(&run.before, &run.after);
        let mut done = BTreeMap::new();
        let ours = record.happenings.iter().filter(|happening| happening.who == Actor::Ananke);
        for effect in ours.filter_map(|happening| effect(&happening.what)) {
            *done.entry(effect).or_default() += 1;
        }
        Self { stands: stands(&record.after), done }
    }

    /// How many different effects there were.
    pub fn effects(&self) -> usize {
        self.done.len()
    }

    /// Where another run came to something else.
    #[track_caller]
    pub fn assert_same(&self, other: &Self, again: &str) {
        let differs = |a: &BTreeMap<String, String>, b: &BTreeMap<String, String>| {
            let keys = a.keys().chain(b.keys());
            keys.filter(|key| a.get(*key) != b.get(*key)).cloned().collect::<Vec<_>>()
        };
        let stands = differs(&self.stands, &other.stands);
        let text = |done: &BTreeMap<String, usize>| -> BTreeMap<String, String> {
            done.iter().map(|(what, times)| (what.clone(), times.to_string())).collect()
        };
        let done = differs(&text(&self.done), &text(&other.done));
        let times: Vec<String> = done
            .iter()
            .map(|what| {
                format!("{what}: {:?}, now {:?}", self.done.get(what), other.done.get(what))
            })
            .collect();
        assert!(stands.is_empty(), "the end differs in {stands:?}: {again}");
        assert!(times.is_empty(), "the effects differ: {times:?}: {again}");
    }
}

fn stands(after: &Picture) -> BTreeMap<String, String> {
    let hosts = after.hosts.iter().map(|(name, host)| {
        let power = matches!(host.power, Power::On);
        let service = host.service == Service::Active;
        (name.clone(), format!("on: {power}, service: {service}"))
    });
    let held = |what: &ananke_audit::Ownable| format!("held: {}, ours: {}", what.held, what.marked);
    let nodes = after.nodes.iter().map(|(name, node)| (format!("node/{name}"), held(node)));
    let gitops = after.gitops.iter().map(|(name, found)| (name.clone(), held(&found.suspend)));
    let api = ("api".to_owned(), after.api_ready.to_string());
    let pods =
        ("pods".to_owned(), after.pods.values().filter(|pod| pod.settled).count().to_string());
    hosts.chain(nodes).chain(gitops).chain([api, pods]).collect()
}

/// What counts as one effect on one thing.
fn effect(what: &What) -> Option<String> {
    Some(match what {
        What::HostBooting { host } => format!("boots {host}"),
        What::HostHalting { host, reboots, .. } => format!("halts {host}, reboots: {reboots}"),
        What::ServiceStarting { host } => format!("starts the service of {host}"),
        What::ServiceStopping { host, .. } => format!("stops the service of {host}"),
        What::Cordoned { node } => format!("cordons {node}"),
        What::Uncordoned { node } => format!("uncordons {node}"),
        What::Suspended { object } => format!("suspends {object}"),
        What::Resumed { object } => format!("resumes {object}"),
        _ => return None,
    })
}

const POLICY: &str = r#"
apiVersion: ananke.dev/v1alpha1
kind: PowerPolicy
metadata:
  name: nine
spec:
  target: running
  suspend: false
  distribution: k3s
  supplies:
    - name: left
      powers: [server-0, server-1, server-2, agent-0, agent-1, agent-2]
      trigger: {maxOnBattery: 60s, minCharge: 20}
      recover: {minCharge: 35, stableFor: 15s}
    - name: right
      powers: [agent-3, agent-4, agent-5]
      trigger: {maxOnBattery: 60s, minCharge: 20}
      recover: {minCharge: 35, stableFor: 15s}
  hosts:
    HOSTS
  shutdown:
    drain: {timeout: 90s, emergencyTimeout: 45s, podGrace: 30s}
    snapshot: {kind: etcd, required: false, keep: 5}
    emergency: {budget: 120s, skip: []}
    verifyOff: {timeout: 60s, longestHalt: 20s}
    serviceTimeout: 30s
  startup:
    longestBoot: 60s
    serviceTimeout: 60s
    gitops:
      source:
        url: "ssh://git@git.example.org/fleet.git"
        branch: main
"#;
