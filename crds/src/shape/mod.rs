//! The form of a document as data: one tree per document, from the schemars schema of its types.
//!
//! The document checker, `explain` and the custom resource definition all walk this tree, so that
//! what is checked, what is explained and what the API server checks cannot differ.

mod convert;

use std::collections::BTreeMap;
use std::sync::LazyLock;

use serde_json::Value;

use crate::host_config::HostConfiguration;
use crate::policy::{PowerPolicy, PowerPolicyStatus};

/// The form of one value.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Shape {
    /// What it means; the first sentence stands by itself.
    pub doc: String,
    /// What it consists of.
    pub kind: Kind,
    /// What counts when it is left out.
    pub default: Option<Value>,
    /// The annotations of its schema that begin with `x-`.
    pub extensions: BTreeMap<String, Value>,
}

/// What a value consists of.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Kind {
    /// Named fields.
    Object(Object),
    /// Named fields, which ones depends on the value of the field `tag`.
    Union {
        /// The field that tells which variant it is.
        tag: String,
        /// What it may be.
        variants: Vec<Variant>,
    },
    /// Any keys of one form.
    Map {
        /// Whether keys are names (DNS-1123).
        named: bool,
        /// The form of every value.
        values: Box<Shape>,
    },
    /// Values of one form, in order.
    List {
        /// The form of every one.
        items: Box<Shape>,
        /// How many there are at least.
        min: u64,
    },
    /// One of a few words.
    Choice(Vec<Choice>),
    /// Text.
    Text(Text),
    /// A whole number.
    Integer(Bounds),
    /// A number.
    Number(Bounds),
    /// `true` or `false`.
    Boolean,
    /// Not described; a test says that there is none.
    Any,
}

/// Named fields.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Object {
    /// The fields by name.
    pub fields: BTreeMap<String, Field>,
    /// Whether fields that are not described are let through.
    pub open: bool,
}

/// A field of an object.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Field {
    /// Whether it must be there.
    pub required: bool,
    /// Its form.
    pub shape: Shape,
}

/// A variant of a union.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Variant {
    /// The value of the tag.
    pub name: String,
    /// What it means.
    pub doc: String,
    /// Its fields, the tag excepted.
    pub object: Object,
}

/// A word of a choice.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Choice {
    /// The word.
    pub name: String,
    /// What it means.
    pub doc: String,
}

/// The form of a text.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Text {
    /// Names the parser that knows what is right (see [`crate::parse`]).
    pub format: Option<String>,
    /// A regular expression for those who do not have that parser.
    pub pattern: Option<String>,
    /// An example.
    pub example: Option<String>,
    /// Least number of characters.
    pub min: u64,
    /// Greatest number of characters.
    pub max: Option<u64>,
}

/// Bounds of a number, both included.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct Bounds {
    /// The least.
    pub min: Option<f64>,
    /// The greatest.
    pub max: Option<f64>,
}

static POLICY: LazyLock<Shape> =
    LazyLock::new(|| convert::shape_of(&schemars::schema_for!(PowerPolicy)));
static STATUS: LazyLock<Shape> =
    LazyLock::new(|| convert::shape_of(&schemars::schema_for!(PowerPolicyStatus)));
static HOST_CONFIGURATION: LazyLock<Shape> =
    LazyLock::new(|| convert::shape_of(&schemars::schema_for!(HostConfiguration)));

/// The form of a policy, without its status.
pub(crate) fn policy() -> &'static Shape {
    &POLICY
}

/// The form of the status of a PowerPolicy.
pub(crate) fn status() -> &'static Shape {
    &STATUS
}

/// The form of a host configuration.
pub(crate) fn host_configuration() -> &'static Shape {
    &HOST_CONFIGURATION
}

impl Shape {
    /// The marker `name` of the schema, if it is `true`.
    pub(crate) fn is_marked(&self, name: &str) -> bool {
        self.extensions.get(name) == Some(&Value::Bool(true))
    }

    /// What a value of this form is called in a sentence.
    pub(crate) fn noun(&self) -> &'static str {
        match &self.kind {
            Kind::Object(_) | Kind::Union { .. } | Kind::Map { .. } => "a mapping (`key: value`)",
            Kind::List { .. } => "a list",
            Kind::Choice(_) => "a word",
            Kind::Text(text) => noun_of_format(text.format.as_deref()),
            Kind::Integer(_) => "a whole number",
            Kind::Number(_) => "a number",
            Kind::Boolean => "`true` or `false`",
            Kind::Any => "a value",
        }
    }
}

/// What a text of this format is called in a sentence.
fn noun_of_format(format: Option<&str>) -> &'static str {
    match format {
        Some("go-duration") => "a duration with its unit, as in `90s` or `15m`",
        Some("unit-ref") => "a unit, as in `host/titan-04`",
        Some("mac-address") => "a MAC address in quotes",
        _ => "a text",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn each(shape: &Shape, path: &str, see: &mut impl FnMut(&str, &Shape)) {
        see(path, shape);
        let fields = |object: &Object, see: &mut _| {
            for (name, field) in &object.fields {
                each(&field.shape, &format!("{path}.{name}"), see);
            }
        };
        match &shape.kind {
            Kind::Object(object) => fields(object, see),
            Kind::Union { variants, .. } => {
                for variant in variants {
                    fields(&variant.object, see);
                }
            }
            Kind::Map { values, .. } => each(values, &format!("{path}.*"), see),
            Kind::List { items, .. } => each(items, &format!("{path}[]"), see),
            _ => {}
        }
    }

    #[test]
    fn every_schema_is_understood_whole() {
        for shape in [policy(), status(), host_configuration()] {
            each(shape, "", &mut |path, shape| assert_ne!(shape.kind, Kind::Any, "{path}"));
        }
    }

    #[test]
    fn every_field_has_a_doc_line_that_is_a_sentence() {
        for shape in [policy(), status(), host_configuration()] {
            each(shape, "", &mut |path, shape| {
                if path.ends_with("[]") || path.ends_with(".*") {
                    return;
                }
                let doc = &shape.doc;
                assert!(doc.len() > 3 && doc.ends_with(['.', '…']), "{path}: {doc:?}");
                assert!(doc.starts_with(|c: char| c.is_uppercase() || c == '`'), "{path}: {doc:?}");
                assert!(!doc.contains("  "), "{path}: {doc:?}");
            });
        }
    }

    #[test]
    fn every_format_has_a_parser_and_every_example_passes_it_and_its_pattern() {
        for shape in [policy(), host_configuration()] {
            each(shape, "", &mut |path, shape| {
                let Kind::Text(Text { format: Some(format), example: Some(example), .. }) =
                    &shape.kind
                else {
                    return;
                };
                let verdict = crate::parse::check_text(format, example);
                assert_eq!(verdict, Some(Ok(())), "{path}: {format} {example}");
                let verdict = crate::parse::check_text(format, "\0");
                assert!(matches!(verdict, Some(Err(_))), "{path}: {format}");
            });
        }
    }
}
