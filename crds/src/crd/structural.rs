//! A [`Shape`] as a structural schema of Kubernetes: no references, no alternatives, every field
//! with exactly one type.

use serde_json::{Map, Value, json};

use super::rules::{max_items, max_length, rules_at};
use crate::shape::{self, Bounds, Choice, Field, Kind, Object, Shape, Text, Variant};

/// The schema of the whole custom resource.
pub(super) fn root() -> Value {
    let policy = shape::policy();
    let fields = match &policy.kind {
        Kind::Object(object) => Some(&object.fields),
        _ => None,
    };
    let spec = fields.and_then(|fields| fields.get("spec"));
    let spec = spec.map_or(Value::Null, |field| schema(&field.shape, "spec", true));
    json!({
        "description": policy.doc,
        "type": "object",
        "required": ["spec"],
        "properties": {
            "apiVersion": {"type": "string", "description": "Version of the form of this object."},
            "kind": {"type": "string", "description": "Kind of this object."},
            "metadata": {"type": "object"},
            "spec": spec,
            "status": schema(shape::status(), "status", true),
        },
    })
}

/// The schema of the value at `path`; `defaults` are left out where only some variants have them.
fn schema(shape: &Shape, path: &str, defaults: bool) -> Value {
    let mut schema = match &shape.kind {
        Kind::Object(object) => object_schema(object, path, defaults),
        Kind::Union { tag, variants } => union_schema(tag, variants, path),
        Kind::Map { values, .. } => Map::from_iter([
            pair("type", "object"),
            pair("additionalProperties", self::schema(values, &format!("{path}[]"), defaults)),
        ]),
        Kind::List { items, min } => list_schema(items, *min, path, defaults),
        Kind::Choice(choices) => choice_schema(choices),
        Kind::Text(text) => text_schema(text),
        Kind::Integer(bounds) => number_schema("integer", *bounds),
        Kind::Number(bounds) => number_schema("number", *bounds),
        Kind::Boolean => Map::from_iter([pair("type", "boolean")]),
        Kind::Any => Map::from_iter([pair("x-kubernetes-preserve-unknown-fields", true)]),
    };
    let doc = description(shape);
    if !doc.is_empty() {
        schema.extend([pair("description", doc)]);
    }
    if let Some(default) = shape.default.as_ref().filter(|_| defaults) {
        schema.extend([pair("default", default.clone())]);
    }
    let kubernetes = shape.extensions.iter().filter(|(key, _)| key.starts_with("x-kubernetes-"));
    schema.extend(kubernetes.map(|(key, value)| (key.clone(), value.clone())));
    add_rules(
        &mut schema,
        rules_at(path).iter().map(|rule| (rule.rule.to_owned(), rule.message.to_owned())),
    );
    Value::Object(schema)
}

fn pair(key: &str, value: impl Into<Value>) -> (String, Value) {
    (key.to_owned(), value.into())
}

fn add_rules(schema: &mut Map<String, Value>, rules: impl Iterator<Item = (String, String)>) {
    let rules: Vec<Value> =
        rules.map(|(rule, message)| json!({"rule": rule, "message": message})).collect();
    if !rules.is_empty() {
        schema.extend([pair("x-kubernetes-validations", rules)]);
    }
}

/// The doc text, and what every word of a choice means.
fn description(shape: &Shape) -> String {
    let words = match &shape.kind {
        Kind::Choice(choices) => choices.as_slice(),
        _ => &[],
    };
    let words = words.iter().filter(|choice| !choice.doc.is_empty());
    let lines = words.map(|choice| format!("`{}`: {}", choice.name, choice.doc));
    std::iter::once(shape.doc.clone()).chain(lines).collect::<Vec<_>>().join("\n")
}

fn object_schema(object: &Object, path: &str, defaults: bool) -> Map<String, Value> {
    let property = |(name, field): (&String, &Field)| {
        (name.clone(), schema(&field.shape, &format!("{path}.{name}"), defaults))
    };
    let properties: Map<_, _> = object.fields.iter().map(property).collect();
    let required = object.fields.iter().filter(|(_, field)| field.required);
    let required: Vec<_> = required.map(|(name, _)| Value::from(name.as_str())).collect();
    let mut schema = Map::from_iter([pair("type", "object"), pair("properties", properties)]);
    if !required.is_empty() {
        schema.extend([pair("required", required)]);
    }
    schema
}

/// All fields of all variants, and rules that say which belong to which.
fn union_schema(tag: &str, variants: &[Variant], path: &str) -> Map<String, Value> {
    let mut properties = Map::new();
    for (name, field) in variants.iter().flat_map(|variant| &variant.object.fields) {
        let schema = schema(&field.shape, &format!("{path}.{name}"), false);
        properties.insert(name.clone(), schema);
    }
    let words = variants
        .iter()
        .map(|variant| Choice { name: variant.name.clone(), doc: variant.doc.clone() })
        .collect();
    let tag_shape = Shape {
        doc: "Which of these it is.".to_owned(),
        kind: Kind::Choice(words),
        default: None,
        extensions: std::collections::BTreeMap::default(),
    };
    properties.insert(tag.to_owned(), schema(&tag_shape, &format!("{path}.{tag}"), false));
    let mut whole = Map::from_iter([
        pair("type", "object"),
        pair("properties", properties),
        pair("required", vec![tag]),
    ]);
    add_rules(&mut whole, variant_rules(tag, variants).into_iter());
    whole
}

fn variant_rules(tag: &str, variants: &[Variant]) -> Vec<(String, String)> {
    let mut rules = Vec::new();
    for variant in variants {
        for (name, field) in &variant.object.fields {
            let word = &variant.name;
            if field.required {
                rules.push((
                    format!("self.{tag} != '{word}' || has(self.{name})"),
                    format!("`{tag}: {word}` needs `{name}`"),
                ));
            }
            let owners: Vec<_> = variants
                .iter()
                .filter(|other| other.object.fields.contains_key(name))
                .map(|other| format!("self.{tag} == '{}'", other.name))
                .collect();
            if owners.len() < variants.len() {
                rules.push((
                    format!("!has(self.{name}) || {}", owners.join(" || ")),
                    format!("`{name}` belongs to `{tag}: {word}`"),
                ));
            }
        }
    }
    rules
}

fn list_schema(items: &Shape, min: u64, path: &str, defaults: bool) -> Map<String, Value> {
    let items = schema(items, &format!("{path}[]"), defaults);
    let mut schema = Map::from_iter([pair("type", "array"), pair("items", items)]);
    if min > 0 {
        schema.extend([pair("minItems", min)]);
    }
    if !path.starts_with("status") {
        schema.extend([pair("maxItems", max_items(path))]);
    }
    schema
}

fn choice_schema(choices: &[Choice]) -> Map<String, Value> {
    let names: Vec<_> = choices.iter().map(|choice| Value::from(choice.name.as_str())).collect();
    Map::from_iter([pair("type", "string"), pair("enum", names)])
}

fn text_schema(text: &Text) -> Map<String, Value> {
    let mut schema = Map::from_iter([pair("type", "string")]);
    if let Some(pattern) = &text.pattern {
        schema.extend([pair("pattern", pattern.as_str())]);
    }
    if text.min > 0 {
        schema.extend([pair("minLength", text.min)]);
    }
    let format = text.format.as_deref();
    if let Some(max) = text.max.or_else(|| format.and_then(max_length)) {
        schema.extend([pair("maxLength", max)]);
    }
    // The API server knows this format; ours it would complain about.
    if format == Some("date-time") {
        schema.extend([pair("format", "date-time")]);
    }
    schema
}

fn number_schema(type_name: &str, bounds: Bounds) -> Map<String, Value> {
    let mut schema = Map::from_iter([pair("type", type_name)]);
    for (key, bound) in [("minimum", bounds.min), ("maximum", bounds.max)] {
        if let Some(number) = bound.and_then(number) {
            schema.extend([pair(key, number)]);
        }
    }
    schema
}

/// A bound as it would be written: whole if it is whole.
fn number(bound: f64) -> Option<Value> {
    serde_json::from_str(&bound.to_string()).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn each(value: &Value, path: &str, see: &mut impl FnMut(&str, &Map<String, Value>)) {
        let Value::Object(map) = value else { return };
        see(path, map);
        for (name, property) in
            map.get("properties").and_then(Value::as_object).into_iter().flatten()
        {
            let path = if path.is_empty() { name.clone() } else { format!("{path}.{name}") };
            each(property, &path, see);
        }
        for key in ["items", "additionalProperties"] {
            map.get(key).into_iter().for_each(|inner| each(inner, &format!("{path}[]"), see));
        }
    }

    #[test]
    fn it_is_structural() {
        const ALLOWED: [&str; 19] = [
            "additionalProperties",
            "default",
            "description",
            "enum",
            "format",
            "items",
            "maxItems",
            "maxLength",
            "maximum",
            "minItems",
            "minLength",
            "minimum",
            "pattern",
            "properties",
            "required",
            "type",
            "x-kubernetes-list-map-keys",
            "x-kubernetes-list-type",
            "x-kubernetes-validations",
        ];
        each(&root(), "", &mut |path, schema| {
            assert!(schema.get("type").is_some_and(Value::is_string), "{path} has no single type");
            for key in schema.keys() {
                assert!(ALLOWED.contains(&key.as_str()), "{path}: {key}");
            }
            assert!(
                !schema.contains_key("properties") || !schema.contains_key("additionalProperties")
            );
        });
    }

    #[test]
    fn every_rule_is_on_something_and_every_map_list_has_its_key() {
        let mut rules = super::super::rules::paths();
        each(&root(), "", &mut |path, schema| {
            rules.retain(|at| *at != path);
            if schema.get("x-kubernetes-list-type") == Some(&json!("map")) {
                let key = &schema["x-kubernetes-list-map-keys"][0];
                let required = schema["items"]["required"].as_array().unwrap();
                assert!(required.contains(key), "{path}");
            }
        });
        assert_eq!(rules, Vec::<&str>::new());
    }
}
