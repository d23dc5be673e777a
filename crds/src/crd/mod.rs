//! The custom resource definition and the JSON schemas, derived from the types.

mod rules;
mod structural;
mod yaml;

use schemars::Schema;
use serde_json::{Value, json};

use crate::host_config::HostConfiguration;
use crate::policy::{GROUP, KIND, PowerPolicy, VERSION};

/// The custom resource definition of PowerPolicy.
pub fn crd() -> Value {
    json!({
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": format!("powerpolicies.{GROUP}")},
        "spec": {
            "group": GROUP,
            "scope": "Cluster",
            "names": {
                "kind": KIND,
                "listKind": format!("{KIND}List"),
                "plural": "powerpolicies",
                "singular": "powerpolicy",
                "shortNames": ["pp"],
            },
            "versions": [{
                "name": VERSION,
                "served": true,
                "storage": true,
                "subresources": {"status": {}},
                "additionalPrinterColumns": printer_columns(),
                "schema": {"openAPIV3Schema": structural::root()},
            }],
        },
    })
}

/// [`crd`] as YAML, the same bytes every time.
pub fn crd_yaml() -> String {
    let head = "# Generated from the types of the crate ananke-crds; do not edit.\n";
    format!("{head}{}", yaml::emit(&crd()))
}

/// The columns of `kubectl get powerpolicies`.
fn printer_columns() -> Value {
    let ready = |field: &str| format!(".status.conditions[?(@.type==\"Ready\")].{field}");
    json!([
        {"name": "Target", "type": "string", "jsonPath": ".spec.target"},
        {"name": "Effective", "type": "string", "jsonPath": ".status.effectiveTarget"},
        {"name": "By", "type": "string", "jsonPath": ".status.by"},
        {"name": "Ready", "type": "string", "jsonPath": ready("status")},
        {"name": "Reason", "type": "string", "jsonPath": ready("reason")},
        {"name": "Age", "type": "date", "jsonPath": ".metadata.creationTimestamp"},
    ])
}

/// The JSON schema (draft 2020-12) of a policy, for editors.
pub fn json_schema_policy() -> Value {
    for_editors(schemars::schema_for!(PowerPolicy))
}

/// The JSON schema (draft 2020-12) of a host configuration, for editors.
pub fn json_schema_host_configuration() -> Value {
    for_editors(schemars::schema_for!(HostConfiguration))
}

/// Takes out what only this crate understands, and the line breaks of the source.
fn for_editors(schema: Schema) -> Value {
    let mut value = schema.to_value();
    clean(&mut value);
    value
}

fn clean(value: &mut Value) {
    match value {
        Value::Object(map) => {
            if let Some(Value::String(text)) = map.get_mut("description") {
                *text = text.split_whitespace().collect::<Vec<_>>().join(" ");
            }
            // A property may be called `format` too; its schema is no text.
            map.retain(|key, value| {
                let is_format = key == "format" && value.is_string();
                !is_format && !key.starts_with("x-")
            });
            map.values_mut().for_each(clean);
        }
        Value::Array(items) => items.iter_mut().for_each(clean),
        _ => {}
    }
}
