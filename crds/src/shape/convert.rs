//! From a JSON schema as schemars writes it to a [`Shape`].

use std::collections::BTreeMap;

use schemars::Schema;
use serde_json::{Map, Value};

use super::{Bounds, Choice, Field, Kind, Object, Shape, Text, Variant};

/// The shape that `schema` describes.
pub(super) fn shape_of(schema: &Schema) -> Shape {
    let root = schema.as_value();
    let definitions = root.get("$defs").and_then(Value::as_object);
    Converter { definitions }.shape(root)
}

struct Converter<'a> {
    definitions: Option<&'a Map<String, Value>>,
}

impl Converter<'_> {
    fn shape(&self, schema: &Value) -> Shape {
        let schema = self.flatten(schema);
        let extensions: BTreeMap<_, _> = schema
            .iter()
            .filter(|(key, _)| key.starts_with("x-"))
            .map(|(key, value)| (key.clone(), value.clone()))
            .collect();
        Shape {
            doc: doc_of(&schema),
            kind: self.kind(&schema),
            default: schema.get("default").cloned(),
            extensions,
        }
    }

    /// Follows `$ref` and drops the `null` of an optional value; what stands beside a reference
    /// (the field's own description) goes before what it refers to.
    fn flatten(&self, schema: &Value) -> Map<String, Value> {
        let mut own = schema.as_object().cloned().unwrap_or_default();
        let referred = match own.remove("$ref") {
            Some(reference) => self.definition(&reference),
            None => None,
        };
        let branches = own.get("anyOf").and_then(Value::as_array);
        let optional = branches
            .filter(|branches| branches.iter().any(is_null))
            .and_then(|branches| branches.iter().find(|branch| !is_null(branch)));
        let inner = referred.or(optional).map(|inner| self.flatten(inner));
        if inner.is_some() {
            own.remove("anyOf");
        }
        let mut whole = inner.unwrap_or_default();
        whole.extend(own);
        if let Some(types) = whole.get("type").and_then(Value::as_array) {
            let only = types.iter().find(|name| *name != "null").cloned();
            whole.extend(only.map(|only| ("type".to_owned(), only)));
        }
        whole
    }

    fn definition(&self, reference: &Value) -> Option<&Value> {
        let name = reference.as_str()?.strip_prefix("#/$defs/")?;
        self.definitions?.get(name)
    }

    fn kind(&self, schema: &Map<String, Value>) -> Kind {
        if let Some(branches) = schema.get("oneOf").and_then(Value::as_array) {
            return choice(branches).or_else(|| self.union(branches)).unwrap_or(Kind::Any);
        }
        match schema.get("type").and_then(Value::as_str) {
            Some("object") => self.object_or_map(schema),
            Some("array") => match schema.get("items") {
                Some(items) => Kind::List {
                    items: Box::new(self.shape(items)),
                    min: schema.get("minItems").and_then(Value::as_u64).unwrap_or(0),
                },
                None => Kind::Any,
            },
            Some("string") => match schema.get("enum").and_then(Value::as_array) {
                Some(names) => Kind::Choice(names.iter().filter_map(bare_choice).collect()),
                None => Kind::Text(text(schema)),
            },
            Some("integer") => Kind::Integer(bounds(schema)),
            Some("number") => Kind::Number(bounds(schema)),
            Some("boolean") => Kind::Boolean,
            _ => Kind::Any,
        }
    }

    fn object_or_map(&self, schema: &Map<String, Value>) -> Kind {
        if schema.contains_key("properties") {
            return Kind::Object(self.object(schema, None));
        }
        let by_pattern = schema
            .get("patternProperties")
            .and_then(Value::as_object)
            .and_then(|patterns| patterns.values().next());
        match (by_pattern, schema.get("additionalProperties")) {
            (Some(values), _) => Kind::Map { named: true, values: Box::new(self.shape(values)) },
            (None, Some(values @ Value::Object(_))) => {
                Kind::Map { named: false, values: Box::new(self.shape(values)) }
            }
            _ => Kind::Any,
        }
    }

    fn object(&self, schema: &Map<String, Value>, without: Option<&str>) -> Object {
        let required = |name: &str| {
            let names = schema.get("required").and_then(Value::as_array);
            names.is_some_and(|names| names.iter().any(|required| required == name))
        };
        let properties = schema.get("properties").and_then(Value::as_object);
        let fields = properties
            .into_iter()
            .flatten()
            .filter(|(name, _)| Some(name.as_str()) != without)
            .map(|(name, property)| {
                let field = Field { required: required(name), shape: self.shape(property) };
                (name.clone(), field)
            })
            .collect();
        Object { fields, open: schema.get("additionalProperties") != Some(&Value::Bool(false)) }
    }

    /// An internally tagged enum: objects that differ in one constant property.
    fn union(&self, branches: &[Value]) -> Option<Kind> {
        let tag = tag_of(branches.first()?)?.0;
        let variants = branches
            .iter()
            .map(|branch| {
                let (own_tag, name) = tag_of(branch)?;
                let schema = branch.as_object().filter(|_| own_tag == tag)?;
                Some(Variant { name, doc: doc_of(schema), object: self.object(schema, Some(&tag)) })
            })
            .collect::<Option<Vec<_>>>()?;
        Some(Kind::Union { tag, variants })
    }
}

fn is_null(schema: &Value) -> bool {
    schema.get("type") == Some(&Value::String("null".to_owned()))
}

/// The property of an object schema that can only have one value, and that value.
fn tag_of(schema: &Value) -> Option<(String, String)> {
    schema.get("properties")?.as_object()?.iter().find_map(|(name, property)| {
        let constant = property.get("const")?.as_str()?;
        Some((name.clone(), constant.to_owned()))
    })
}

/// Words with a description each.
fn choice(branches: &[Value]) -> Option<Kind> {
    branches
        .iter()
        .map(|branch| {
            let name = branch.get("const")?.as_str()?.to_owned();
            Some(Choice { name, doc: doc_of(branch.as_object()?) })
        })
        .collect::<Option<Vec<_>>>()
        .map(Kind::Choice)
}

fn bare_choice(name: &Value) -> Option<Choice> {
    Some(Choice { name: name.as_str()?.to_owned(), doc: String::new() })
}

/// The description with the line breaks of the source taken out; paragraphs stay apart.
fn doc_of(schema: &Map<String, Value>) -> String {
    let text = schema.get("description").and_then(Value::as_str).unwrap_or_default();
    let paragraphs: Vec<_> = text
        .split("\n\n")
        .map(|paragraph| paragraph.split_whitespace().collect::<Vec<_>>().join(" "))
        .collect();
    paragraphs.join("\n\n")
}

fn text(schema: &Map<String, Value>) -> Text {
    let own = |key: &str| schema.get(key).and_then(Value::as_str).map(str::to_owned);
    let example = schema.get("examples").and_then(|examples| examples.get(0));
    Text {
        format: own("format"),
        pattern: own("pattern"),
        example: example.and_then(Value::as_str).map(str::to_owned),
        min: schema.get("minLength").and_then(Value::as_u64).unwrap_or(0),
        max: schema.get("maxLength").and_then(Value::as_u64),
    }
}

fn bounds(schema: &Map<String, Value>) -> Bounds {
    let own = |key: &str| schema.get(key).and_then(Value::as_f64);
    // schemars writes down the limits of small integers only.
    let widest = match schema.get("format").and_then(Value::as_str) {
        Some("uint32") => Some(f64::from(u32::MAX)),
        _ => None,
    };
    Bounds { min: own("minimum"), max: own("maximum").or(widest) }
}
