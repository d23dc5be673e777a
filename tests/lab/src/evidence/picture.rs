//! How a lab stands now, looked at from outside.

use std::collections::BTreeMap;
use std::time::{SystemTime, UNIX_EPOCH};

use ananke_audit::{
    Container, Gitops, Host, Millis, Ownable, Picture, Pod, Power, Role, Service, Supply,
};
use anyhow::{Result, ensure};
use serde_json::Value;

use super::watch::{pods, reading};
use crate::lab::Lab;
use crate::spec::{self, HostSpec};

/// Ananke's mark, fixed by its contract.
const MARK: &str = "/metadata/annotations/ananke.dev~1mark";
/// Flux's labels on what a Kustomization applies.
const PARENT: [&str; 2] = [
    "/metadata/labels/kustomize.toolkit.fluxcd.io~1namespace",
    "/metadata/labels/kustomize.toolkit.fluxcd.io~1name",
];

/// Takes a picture; times count from `zero`, in milliseconds since 1970.
pub(super) fn take(lab: &Lab, zero: Millis) -> Result<Picture> {
    let mut picture = Picture::default();
    for ups in &lab.spec().supplies {
        let file = lab.paths().nut().join(format!("etc/{}.dev", ups.name));
        let mains = reading(&file, zero).is_none_or(|reading| reading.mains());
        picture.supplies.insert(ups.name.clone(), Supply { mains, hidden: false, via: None });
    }
    for spec in &lab.spec().hosts {
        picture.hosts.insert(spec.name.clone(), host(lab, spec)?);
    }
    picture.api_ready = lab.kubectl(&["get", "--raw=/readyz"]).is_ok_and(|o| o.stdout == "ok");
    if picture.api_ready {
        objects(lab, &mut picture)?;
    }
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_millis();
    picture.at = u64::try_from(now)?.saturating_sub(zero);
    Ok(picture)
}

fn host(lab: &Lab, spec: &HostSpec) -> Result<Host> {
    let supplies = lab.spec().supplies.iter();
    let feeds = supplies.filter(|ups| lab.spec().powered_by(ups).contains(&spec.name.as_str()));
    let power = match (lab.is_on(&spec.name)?, lab.is_gone(&spec.name)?) {
        (true, _) => Power::On,
        (false, true) => Power::Off,
        (false, false) => Power::Between,
    };
    let service = match spec.role.unit().filter(|_| power == Power::On) {
        Some(unit) => match lab.unit(&spec.name, unit)?.active.as_str() {
            "active" => Service::Active,
            "activating" => Service::Starting,
            "deactivating" => Service::Stopping,
            _ => Service::Down,
        },
        None => Service::Down,
    };
    Ok(Host {
        supplies: feeds.map(|ups| ups.name.clone()).collect(),
        power,
        role: match spec.role {
            spec::Role::Server => Some(Role::Server),
            spec::Role::Agent => Some(Role::Agent),
            spec::Role::None => None,
        },
        service,
        containers: containers(lab, &spec.name)?,
    })
}

fn containers(lab: &Lab, host: &str) -> Result<BTreeMap<String, Container>> {
    let shims = pods(&lab.shims(host)?, &mut BTreeMap::new());
    let container = |(uid, pod)| (uid, Container { pod, daemon: false });
    Ok(shims.into_iter().map(container).collect())
}

fn objects(lab: &Lab, picture: &mut Picture) -> Result<()> {
    for node in items(lab, "nodes")? {
        picture.nodes.insert(text(&node, "/metadata/name"), ownable(&node, "/spec/unschedulable"));
    }
    for found in items(lab, "kustomizations")? {
        let [namespace, name] = PARENT.map(|label| text(&found, label));
        let object = |namespace: &str, name: &str| format!("Kustomization/{namespace}/{name}");
        let parent = (!name.is_empty()).then(|| object(&namespace, &name));
        let (namespace, name) =
            (text(&found, "/metadata/namespace"), text(&found, "/metadata/name"));
        let gitops = Gitops { parent, suspend: ownable(&found, "/spec/suspend") };
        picture.gitops.insert(object(&namespace, &name), gitops);
    }
    let running = items(lab, "pods")?;
    for (name, host) in &mut picture.hosts {
        // What began or ended while the API was asked is not judged.
        let again = containers(lab, name)?;
        for pod in running.iter().filter(|pod| text(pod, "/spec/nodeName") == *name) {
            let uid = text(pod, "/metadata/uid");
            let settled = text(pod, "/status/phase") == "Running"
                && pod.pointer("/metadata/deletionTimestamp").is_none()
                && host.containers.contains_key(&uid) == again.contains_key(&uid);
            let pod_name =
                format!("{}/{}", text(pod, "/metadata/namespace"), text(pod, "/metadata/name"));
            picture.pods.insert(uid, Pod { name: pod_name, node: name.clone(), settled });
        }
        host.containers.retain(|uid, _| again.contains_key(uid));
    }
    Ok(())
}

fn items(lab: &Lab, kind: &str) -> Result<Vec<Value>> {
    let output = lab.kubectl(&["get", kind, "-A", "-o", "json", "--request-timeout=5s"])?;
    ensure!(output.ok(), "{kind}: {}", output.stderr);
    let mut list: Value = serde_json::from_str(&output.stdout)?;
    let items = list.get_mut("items").map(Value::take);
    Ok(items.as_ref().and_then(Value::as_array).cloned().unwrap_or_default())
}

fn ownable(object: &Value, field: &str) -> Ownable {
    let held = object.pointer(field).and_then(Value::as_bool).unwrap_or_default();
    Ownable { held, marked: object.pointer(MARK).is_some() }
}

fn text(object: &Value, path: &str) -> String {
    object.pointer(path).and_then(Value::as_str).unwrap_or_default().to_owned()
}
