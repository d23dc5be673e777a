//! The API server's own audit log: who changed what.

use std::collections::BTreeMap;

use ananke_audit::Millis;
use anyhow::{Context, Result};
use serde::Deserialize;
use serde_json::Value;

use super::facts::ApiFact;

/// Where it is, on a server.
pub(crate) const LOG: &str = "var/log/k3s/audit.log";

/// What is noted: whoever changes Nodes and Kustomizations, with what became of them.
pub(crate) const POLICY: &str = "\
apiVersion: audit.k8s.io/v1
kind: Policy
omitStages: [RequestReceived]
omitManagedFields: true
rules:
  - level: RequestResponse
    verbs: [create, update, patch]
    resources:
      - {group: \"\", resources: [nodes]}
      - {group: kustomize.toolkit.fluxcd.io, resources: [kustomizations]}
  - level: None
";

/// An entry of the log, as far as it is needed here.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Entry {
    #[serde(rename = "requestURI")]
    request_uri: String,
    #[serde(default)]
    user_agent: String,
    object_ref: ObjectRef,
    response_status: Status,
    #[serde(default)]
    response_object: Value,
    stage_timestamp: String,
}

#[derive(Debug, Deserialize)]
struct ObjectRef {
    resource: String,
    namespace: Option<String>,
    #[serde(default)]
    name: String,
}

#[derive(Debug, Deserialize)]
struct Status {
    #[serde(default)]
    code: u16,
}

/// The changes that a log tells of, in milliseconds since `zero`; what changes nothing is left out.
pub(super) fn changes(log: &str, zero: Millis) -> Result<Vec<ApiFact>> {
    let mut held = BTreeMap::new();
    let mut facts = Vec::new();
    for line in log.lines() {
        let entry: Entry =
            serde_json::from_str(line).with_context(|| format!("no audit entry: `{line}`"))?;
        if let Some(fact) = fact(entry, zero)?
            && held.insert((fact.resource.clone(), fact.object()), fact.held) != Some(fact.held)
        {
            facts.push(fact);
        }
    }
    Ok(facts)
}

/// Nothing for a request that was refused, and for what lies before `zero`.
fn fact(entry: Entry, zero: Millis) -> Result<Option<ApiFact>> {
    let at: jiff::Timestamp = entry.stage_timestamp.parse()?;
    let at = u64::try_from(at.as_millisecond())?;
    let Some(at) = at.checked_sub(zero).filter(|_| entry.response_status.code < 300) else {
        return Ok(None);
    };
    let field = if entry.object_ref.resource == "nodes" { "unschedulable" } else { "suspend" };
    let held = entry.response_object.pointer(&format!("/spec/{field}"));
    Ok(Some(ApiFact {
        at,
        manager: manager(&entry.request_uri),
        agent: entry.user_agent,
        resource: entry.object_ref.resource,
        namespace: entry.object_ref.namespace,
        name: entry.object_ref.name,
        held: held.and_then(Value::as_bool).unwrap_or_default(),
    }))
}

fn manager(uri: &str) -> Option<String> {
    let (_, query) = uri.split_once('?')?;
    query.split('&').find_map(|pair| pair.strip_prefix("fieldManager=")).map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(second: u8, code: u16, manager: &str, unschedulable: bool) -> String {
        format!(
            r#"{{"requestURI":"/api/v1/nodes/n2?fieldManager={manager}","verb":"patch",
            "userAgent":"kubectl/v1.36.3","objectRef":{{"resource":"nodes","name":"n2"}},
            "responseStatus":{{"metadata":{{}},"code":{code}}},
            "responseObject":{{"spec":{{"unschedulable":{unschedulable}}}}},
            "stageTimestamp":"1970-01-01T00:00:{second:02}.250000Z"}}"#
        )
        .replace('\n', "")
    }

    #[test]
    fn changes_are_told_and_repetitions_and_refusals_are_not() {
        let log = [
            line(1, 200, "ananke", true),
            line(2, 200, "ananke", false),
            line(3, 409, "ananke", true),
            line(4, 200, "kubectl-label", false),
            line(5, 200, "kubectl-cordon", true),
        ];
        let facts = changes(&log.join("\n"), 1_500).unwrap();
        let told: Vec<(Millis, &str, bool)> =
            facts.iter().map(|f| (f.at, f.manager.as_deref().unwrap_or(""), f.held)).collect();
        assert_eq!(told, [(750, "ananke", false), (3_750, "kubectl-cordon", true)]);
        assert_eq!(facts[0].object(), "n2");
    }
}
