//! Cordon, suspend, and their undoing: one patch that changes the field and its mark together, and
//! only if nobody else changed the object since it was read.

use ananke_core::{
    marks::{ANNOTATION, Mark},
    observe::GitopsRef,
};
use ananke_ports::ClusterError;
use kube::core::{
    Request,
    params::{GetParams, Patch, PatchParams},
};
use serde::{Deserialize, de::IgnoredAny};
use serde_json::{Map, Value, json};
use tokio::time::Instant;

use crate::{
    call::{self, Call},
    fleet::Fleet,
    flux,
    wire::Meta,
};

/// Who we are in `metadata.managedFields`.
pub(crate) const MANAGER: &str = "ananke";

/// A yes-or-no field of an object's spec that we change.
pub(crate) struct Field {
    /// The collection's path.
    path: String,
    /// Plural and name, for messages.
    what: String,
    name: String,
    /// The field of the spec.
    key: &'static str,
}

impl Field {
    /// `spec.unschedulable` of a node.
    pub(crate) fn of_node(node: &str) -> Self {
        Self {
            path: "/api/v1/nodes".to_owned(),
            what: format!("nodes/{node}"),
            name: node.to_owned(),
            key: "unschedulable",
        }
    }

    /// `spec.suspend` of a Flux object.
    pub(crate) fn of_gitops(object: &GitopsRef) -> Self {
        let (group, plural) = flux::collection(object.kind);
        let GitopsRef { namespace, name, .. } = object;
        Self {
            path: format!("{group}/namespaces/{namespace}/{plural}"),
            what: format!("{plural} {namespace}/{name}"),
            name: name.clone(),
            key: "suspend",
        }
    }
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Object {
    metadata: Meta,
    spec: Map<String, Value>,
}

impl Object {
    fn value(&self, field: &str) -> Option<bool> {
        self.spec.get(field).and_then(Value::as_bool)
    }

    fn mark(&self) -> Option<Mark> {
        self.metadata.annotations.get(ANNOTATION).map(|text| Mark::from_annotation(text))
    }
}

/// Sets the field and marks it ours.
pub(crate) async fn set(
    fleet: &Fleet,
    field: &Field,
    mark: &Mark,
    until: Instant,
) -> Result<(), ClusterError> {
    let Some(object) = get(fleet, field, until).await? else {
        return Err(ClusterError::Failed { message: format!("there is no {}", field.what) });
    };
    match plan_set(&object, field.key, mark) {
        Some(patch) => write(fleet, field, &patch, until).await,
        None => Ok(()),
    }
}

/// Puts back what the mark remembers, and takes the mark off.
pub(crate) async fn undo(fleet: &Fleet, field: &Field, until: Instant) -> Result<(), ClusterError> {
    // Nothing of ours is left on an object that is gone.
    let object = get(fleet, field, until).await?.unwrap_or_default();
    match plan_undo(&object, field.key) {
        Some(patch) => write(fleet, field, &patch, until).await,
        None => Ok(()),
    }
}

/// The patch that sets the field; `None` where nothing is to be done.
///
/// What somebody else set is theirs and gets no mark. An object with a mark keeps it: only the
/// first one knows what stood there before us.
fn plan_set(object: &Object, field: &str, mark: &Mark) -> Option<Value> {
    let before = object.value(field);
    if before == Some(true) {
        return None;
    }
    let mut metadata = precondition(object);
    if object.mark().is_none() {
        let mark = Mark { field: format!("spec.{field}"), previous: before, ..mark.clone() };
        metadata.insert("annotations".to_owned(), json!({ANNOTATION: mark.to_annotation()}));
    }
    Some(json!({"metadata": metadata, "spec": {field: true}}))
}

/// The patch that undoes ours; `None` for an object without a mark of ours.
fn plan_undo(object: &Object, field: &str) -> Option<Value> {
    let mark = object.mark()?;
    let mut metadata = precondition(object);
    metadata.insert("annotations".to_owned(), json!({ANNOTATION: null}));
    // A merge patch takes null for: remove the field.
    Some(json!({"metadata": metadata, "spec": {field: mark.previous}}))
}

/// The API refuses the patch with 409 if the object is another by then.
fn precondition(object: &Object) -> Map<String, Value> {
    let version = json!(object.metadata.resource_version);
    Map::from_iter([("resourceVersion".to_owned(), version)])
}

async fn get(fleet: &Fleet, field: &Field, until: Instant) -> Result<Option<Object>, ClusterError> {
    let call = Call::reads(format!("get {}", field.what));
    let request = Request::new(&field.path).get(&field.name, &GetParams::default());
    call::send_if_there(fleet, &call, request, until).await
}

async fn write(
    fleet: &Fleet,
    field: &Field,
    patch: &Value,
    until: Instant,
) -> Result<(), ClusterError> {
    let call = Call::writes(format!("patch {}", field.what));
    let params = PatchParams { field_manager: Some(MANAGER.to_owned()), ..PatchParams::default() };
    let request = Request::new(&field.path).patch(&field.name, &params, &Patch::Merge(patch));
    let IgnoredAny = call::send(fleet, &call, request, until).await?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn object(spec: &Value, mark: Option<&str>) -> Object {
        let annotations = mark.map_or(json!({}), |mark| json!({ANNOTATION: mark}));
        serde_json::from_value(json!({
            "metadata": {"name": "n", "resourceVersion": "7", "annotations": annotations},
            "spec": spec
        }))
        .unwrap()
    }

    fn mark() -> Mark {
        Mark { run: "r2".into(), at_unix_seconds: 9, ..Mark::default() }
    }

    fn mark_in(patch: &Value) -> Mark {
        Mark::from_annotation(patch["metadata"]["annotations"][ANNOTATION].as_str().unwrap())
    }

    #[test]
    fn a_cordon_carries_its_mark_with_what_stood_there_before() {
        for (spec, previous) in [(json!({}), None), (json!({"unschedulable": false}), Some(false))]
        {
            let patch = plan_set(&object(&spec, None), "unschedulable", &mark()).unwrap();
            assert_eq!(patch["spec"]["unschedulable"], json!(true));
            assert_eq!(patch["metadata"]["resourceVersion"], json!("7"));
            let written = mark_in(&patch);
            assert_eq!(written.previous, previous);
            assert_eq!(written.run, "r2");
            assert_eq!(written.field, "spec.unschedulable");
        }
    }

    #[test]
    fn what_somebody_else_set_is_theirs() {
        let theirs = object(&json!({"unschedulable": true}), None);
        assert_eq!(plan_set(&theirs, "unschedulable", &mark()), None);
        assert_eq!(plan_undo(&theirs, "unschedulable"), None);
    }

    #[test]
    fn the_first_mark_survives_a_second_cordon() {
        let first = Mark { run: "r1".into(), previous: Some(false), ..Mark::default() };
        let first = first.to_annotation();
        let done = object(&json!({"suspend": true}), Some(&first));
        assert_eq!(plan_set(&done, "suspend", &mark()), None);
        // A person undid the field and left the mark.
        let half = object(&json!({"suspend": false}), Some(&first));
        let patch = plan_set(&half, "suspend", &mark()).unwrap();
        assert_eq!(patch["spec"]["suspend"], json!(true));
        assert_eq!(patch["metadata"].get("annotations"), None);
    }

    #[test]
    fn undoing_puts_back_what_the_mark_remembers() {
        for (previous, wanted) in [(None, Value::Null), (Some(false), json!(false))] {
            let mark = Mark { previous, ..mark() }.to_annotation();
            let ours = object(&json!({"suspend": true}), Some(&mark));
            let patch = plan_undo(&ours, "suspend").unwrap();
            assert_eq!(patch["spec"], json!({"suspend": wanted}));
            assert_eq!(patch["metadata"]["annotations"], json!({ANNOTATION: null}));
            assert_eq!(patch["metadata"]["resourceVersion"], json!("7"));
        }
    }

    #[test]
    fn a_damaged_mark_is_ours_and_the_field_is_taken_away() {
        let patch = plan_undo(&object(&json!({"suspend": true}), Some("{")), "suspend").unwrap();
        assert_eq!(patch["spec"], json!({"suspend": null}));
    }
}
