//! What the fields of the documents mean, for `ananke explain`.

use serde_json::Value;

use crate::edit::plain_or_quoted;
use crate::parse::one_of;
use crate::shape::{self, Kind, Object, Shape, Text};

/// What a field means.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FieldDoc {
    /// Kind of the document that it is in: `PowerPolicy` or `HostConfiguration`.
    pub document: &'static str,
    /// Its path; list items and free keys are left out, as in `spec.hosts.role`.
    pub path: String,
    /// Its type, in words.
    pub type_name: String,
    /// Whether it must be there.
    pub required: bool,
    /// What it means.
    pub doc: String,
    /// What counts when it is left out, as YAML in one line.
    pub default: Option<String>,
    /// An example of its value.
    pub example: Option<String>,
    /// The words that it may be, and what each means.
    pub values: Vec<ValueDoc>,
    /// The fields in it.
    pub children: Vec<ChildDoc>,
}

/// A word that a field may be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ValueDoc {
    /// The word.
    pub name: String,
    /// What it means.
    pub doc: String,
}

/// A field in a field.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ChildDoc {
    /// Its name.
    pub name: String,
    /// Its type, in words.
    pub type_name: String,
    /// Whether it must be there.
    pub required: bool,
    /// What it means.
    pub doc: String,
    /// What counts when it is left out, as YAML in one line.
    pub default: Option<String>,
}

/// There is no such field.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("there is no field `{path}`; {help}")]
pub struct UnknownField {
    /// What was asked for, as far as it is wrong.
    pub path: String,
    /// What there is.
    pub help: String,
}

/// What the field at `path` means.
///
/// A path may begin with the document (`policy.spec.target`, `config.ssh.port`); without that the
/// policy comes first. Indices may be in it or not (`spec.hosts[0].role`, `spec.hosts.role`).
///
/// # Errors
/// If there is no such field.
pub fn explain_field(path: &str) -> Result<FieldDoc, UnknownField> {
    let segments = segments(path);
    let segments: Vec<&str> = segments.iter().map(String::as_str).collect();
    let (first, rest) = match segments.split_first() {
        Some((first, rest)) => (first.to_ascii_lowercase(), rest),
        None => (String::new(), segments.as_slice()),
    };
    match first.as_str() {
        "policy" if !rest.is_empty() || path == "policy" => in_policy(rest),
        "powerpolicy" | "pp" => in_policy(rest),
        "config" | "hostconfiguration" => in_host_configuration(rest),
        _ => in_policy(&segments)
            .or_else(|error| in_host_configuration(&segments).map_err(|_| error)),
    }
}

fn in_policy(segments: &[&str]) -> Result<FieldDoc, UnknownField> {
    match segments.split_first() {
        Some((&"status", rest)) => walk("PowerPolicy", shape::status(), "status", rest),
        _ => walk("PowerPolicy", shape::policy(), "", segments),
    }
}

fn in_host_configuration(segments: &[&str]) -> Result<FieldDoc, UnknownField> {
    walk("HostConfiguration", shape::host_configuration(), "", segments)
}

/// The names in a path, without indices.
fn segments(path: &str) -> Vec<String> {
    let mut bare = String::new();
    let mut depth = 0usize;
    for c in path.chars() {
        match c {
            '[' => depth += 1,
            ']' => depth = depth.saturating_sub(1),
            _ if depth == 0 => bare.push(c),
            _ => {}
        }
    }
    bare.split('.').filter(|segment| !segment.is_empty()).map(str::to_owned).collect()
}

fn walk(
    document: &'static str,
    root: &Shape,
    prefix: &str,
    segments: &[&str],
) -> Result<FieldDoc, UnknownField> {
    let mut path = prefix.to_owned();
    let mut shape = root;
    let mut required = true;
    for segment in segments {
        let inner = through_lists(shape);
        let place =
            if path.is_empty() { (*segment).to_owned() } else { format!("{path}.{segment}") };
        if let Kind::Map { values, .. } = &inner.kind {
            (shape, required, path) = (values, false, place);
            continue;
        }
        let Some((field, is_required)) = field(inner, segment) else {
            let names: Vec<_> = children(inner).into_iter().map(|child| child.name).collect();
            let help =
                one_of(segment, "fields", names.iter().map(String::as_str).collect::<Vec<_>>());
            return Err(UnknownField { path: place, help });
        };
        (shape, required, path) = (field, is_required, place);
    }
    Ok(describe(document, path, shape, required))
}

/// A list explains itself by its items.
fn through_lists(shape: &Shape) -> &Shape {
    match &shape.kind {
        Kind::List { items, .. } => through_lists(items),
        _ => shape,
    }
}

/// The field `name` of an object or of any variant of a union.
fn field<'a>(shape: &'a Shape, name: &str) -> Option<(&'a Shape, bool)> {
    let in_object =
        |object: &'a Object| object.fields.get(name).map(|field| (&field.shape, field.required));
    match &shape.kind {
        Kind::Object(object) => in_object(object),
        Kind::Union { variants, .. } => variants.iter().find_map(|v| in_object(&v.object)),
        _ => None,
    }
}

fn describe(document: &'static str, path: String, shape: &Shape, required: bool) -> FieldDoc {
    let inner = through_lists(shape);
    let (values, example) = match &inner.kind {
        Kind::Choice(choices) => {
            let doc = |choice: &shape::Choice| ValueDoc {
                name: choice.name.clone(),
                doc: choice.doc.clone(),
            };
            (choices.iter().map(doc).collect(), None)
        }
        Kind::Union { tag, variants } => {
            let doc = |variant: &shape::Variant| ValueDoc {
                name: format!("{tag}: {}", variant.name),
                doc: variant.doc.clone(),
            };
            (variants.iter().map(doc).collect(), None)
        }
        Kind::Text(text) => (Vec::new(), text.example.clone()),
        _ => (Vec::new(), None),
    };
    FieldDoc {
        document,
        path,
        type_name: type_name(shape),
        required,
        doc: shape.doc.clone(),
        default: shape.default.as_ref().map(in_one_line),
        example,
        values,
        children: children(inner),
    }
}

fn children(shape: &Shape) -> Vec<ChildDoc> {
    let child = |(name, field): (&String, &shape::Field)| ChildDoc {
        name: name.clone(),
        type_name: type_name(&field.shape),
        required: field.required,
        doc: field.shape.doc.clone(),
        default: field.shape.default.as_ref().map(in_one_line),
    };
    match &shape.kind {
        Kind::Object(object) => object.fields.iter().map(child).collect(),
        Kind::Union { tag, variants } => {
            let words: Vec<_> = variants.iter().map(|variant| variant.name.as_str()).collect();
            let tag = ChildDoc {
                name: tag.clone(),
                type_name: words.join(" | "),
                required: true,
                doc: shape.doc.clone(),
                default: None,
            };
            let fields =
                variants.iter().flat_map(|variant| variant.object.fields.iter().map(child));
            std::iter::once(tag).chain(fields).collect()
        }
        Kind::Map { values, .. } => children(values),
        _ => Vec::new(),
    }
}

/// The type of a value, in words.
fn type_name(shape: &Shape) -> String {
    match &shape.kind {
        Kind::Object(_) | Kind::Union { .. } => "mapping".to_owned(),
        Kind::Map { values, .. } => format!("mapping of names to {}", plural(values)),
        Kind::List { items, .. } => format!("list of {}", plural(items)),
        Kind::Choice(choices) => {
            let names: Vec<_> = choices.iter().map(|choice| choice.name.as_str()).collect();
            names.join(" | ")
        }
        Kind::Text(text) => name_of_text(text).to_owned(),
        Kind::Integer(bounds) => with_bounds("whole number", bounds),
        Kind::Number(bounds) => with_bounds("number", bounds),
        Kind::Boolean => "true | false".to_owned(),
        Kind::Any => "anything".to_owned(),
    }
}

fn plural(shape: &Shape) -> String {
    match &shape.kind {
        Kind::Choice(_) => format!("({})", type_name(shape)),
        _ => format!("{}s", type_name(shape)),
    }
}

fn with_bounds(name: &str, bounds: &shape::Bounds) -> String {
    match (bounds.min, bounds.max) {
        (Some(min), Some(max)) if max < f64::from(u32::MAX) => format!("{name} {min}–{max}"),
        (Some(min), _) if min > 0.0 => format!("{name} ≥ {min}"),
        _ => name.to_owned(),
    }
}

fn name_of_text(text: &Text) -> &'static str {
    match text.format.as_deref() {
        Some("dns-1123-name") => "name",
        Some("go-duration") => "duration",
        Some("unit-ref") => "unit (kind/name)",
        Some("host-selector") => "host name or \"*\"",
        Some("host-address") => "address",
        Some("namespaced-name") => "namespace/name",
        Some("label-selector") => "label selector",
        Some("mac-address") => "MAC address",
        Some("nut-endpoint") => "ups@host[:port]",
        Some("relative-path") => "relative path",
        Some("absolute-path") => "absolute path",
        Some("http-url") => "web address",
        Some("git-url") => "Git URL",
        Some("socket-address") => "IP address and port",
        Some("date-time") => "time",
        _ => "text",
    }
}

/// A value as YAML in one line.
fn in_one_line(value: &Value) -> String {
    match value {
        Value::String(text) => plain_or_quoted(text),
        Value::Array(items) => {
            let items: Vec<_> = items.iter().map(in_one_line).collect();
            format!("[{}]", items.join(", "))
        }
        Value::Object(map) => {
            let mut pairs: Vec<_> =
                map.iter().map(|(key, value)| format!("{key}: {}", in_one_line(value))).collect();
            pairs.sort();
            format!("{{{}}}", pairs.join(", "))
        }
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_section_tells_its_fields() {
        let drain = explain_field("policy.spec.shutdown.drain").unwrap();
        assert_eq!(drain.doc, "How nodes are emptied.");
        let timeout = drain.children.iter().find(|child| child.name == "timeout").unwrap();
        assert_eq!(
            (timeout.type_name.as_str(), timeout.default.as_deref()),
            ("duration", Some("3m"))
        );
    }

    #[test]
    fn every_way_to_write_a_path_leads_to_the_same_field() {
        let role = explain_field("spec.hosts.role").unwrap();
        for path in
            ["spec.hosts[3].role", "policy.spec.hosts.role", "PowerPolicy.spec.hosts[].role"]
        {
            assert_eq!(explain_field(path).unwrap(), role, "{path}");
        }
        assert_eq!(role.type_name, "server | agent | none");
        assert!(role.required);
        assert_eq!(role.values.len(), 3);
    }

    #[test]
    fn unions_maps_status_and_the_other_document_are_explained() {
        assert_eq!(explain_field("spec.hosts.wake.mac").unwrap().type_name, "MAC address");
        assert_eq!(
            explain_field("config.ssh.hosts.titan-04.port").unwrap().type_name,
            "whole number 1–65535"
        );
        assert_eq!(explain_field("ssh.port").unwrap().document, "HostConfiguration");
        assert_eq!(explain_field("status.effectiveTarget").unwrap().values.len(), 3);
        assert_eq!(explain_field("policy").unwrap().children.len(), 4);
        assert_eq!(explain_field("config.policy").unwrap().type_name, "name");
    }

    #[test]
    fn an_unknown_field_names_the_nearest() {
        let error = explain_field("spec.shutdwon.drain").unwrap_err();
        assert_eq!(
            error.to_string(),
            "there is no field `spec.shutdwon`; did you mean `shutdown`?"
        );
    }
}
