//! A YAML document as a tree of values that know where they stand.

use std::fmt;
use std::ops::Range;

use serde::de::{Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Number, Value};
use serde_saphyr::{Location, Spanned};

use super::path::{Path, Segment};

/// A value and its place.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Node {
    /// What it is.
    pub kind: Kind,
    /// Bytes of the text that it takes; for a list or a mapping only where it begins.
    pub range: Range<usize>,
    /// Whether it stands there by an alias (`*name`).
    pub is_alias: bool,
}

/// What a value is.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Kind {
    /// Nothing.
    Null,
    /// `true` or `false`.
    Bool(bool),
    /// A whole number.
    Integer(Number),
    /// Another number.
    Float(f64),
    /// Text.
    Text(String),
    /// A list.
    List(Vec<Node>),
    /// A mapping, in the order of the text.
    Map(Vec<Entry>),
}

/// A key of a mapping and its value.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Entry {
    /// The key.
    pub key: String,
    /// Bytes of the text that the key takes.
    pub key_range: Range<usize>,
    /// Its value.
    pub value: Node,
}

impl Node {
    /// The value behind `key`, if this is a mapping that has it.
    pub(crate) fn entry(&self, key: &str) -> Option<&Entry> {
        match &self.kind {
            Kind::Map(entries) => entries.iter().find(|entry| entry.key == key),
            _ => None,
        }
    }

    /// The text, if it is one.
    pub(crate) fn as_text(&self) -> Option<&str> {
        match &self.kind {
            Kind::Text(text) => Some(text),
            _ => None,
        }
    }

    /// The value at `path`.
    pub(crate) fn at(&self, path: &Path) -> Option<&Node> {
        path.0.iter().try_fold(self, |node, segment| match (segment, &node.kind) {
            (Segment::Key(key), _) => node.entry(key).map(|entry| &entry.value),
            (Segment::Index(index), Kind::List(items)) => items.get(*index),
            (Segment::Index(_), _) => None,
        })
    }

    /// The part of the text to point to for the value at `path`: a scalar itself, the key of a list
    /// or mapping, and what comes nearest above when there is nothing at `path`.
    pub(crate) fn pointer(&self, path: &Path) -> Range<usize> {
        let mut node = self;
        let mut range = first_key(self);
        for segment in &path.0 {
            let (key_range, next) = match (segment, &node.kind) {
                (Segment::Key(key), _) => match node.entry(key) {
                    Some(entry) => (Some(entry.key_range.clone()), &entry.value),
                    None => return range,
                },
                (Segment::Index(index), Kind::List(items)) => match items.get(*index) {
                    Some(item) => (None, item),
                    None => return range,
                },
                (Segment::Index(_), _) => return range,
            };
            range = match (&next.kind, key_range) {
                (Kind::List(_) | Kind::Map(_) | Kind::Null, Some(key_range)) => key_range,
                _ => first_key(next),
            };
            node = next;
        }
        range
    }

    /// The same without places.
    pub(crate) fn to_json(&self) -> Value {
        match &self.kind {
            Kind::Null => Value::Null,
            Kind::Bool(value) => Value::Bool(*value),
            Kind::Integer(number) => Value::Number(number.clone()),
            Kind::Float(number) => Number::from_f64(*number).map_or(Value::Null, Value::Number),
            Kind::Text(text) => Value::String(text.clone()),
            Kind::List(items) => items.iter().map(Self::to_json).collect(),
            Kind::Map(entries) => {
                let pairs = entries.iter().map(|entry| (entry.key.clone(), entry.value.to_json()));
                Value::Object(pairs.collect::<Map<_, _>>())
            }
        }
    }

    /// What it is, for a sentence: a text with the word itself, a list, nothing.
    pub(crate) fn describe(&self) -> String {
        match &self.kind {
            Kind::Null => "nothing".to_owned(),
            Kind::Bool(value) => format!("`{value}`"),
            Kind::Integer(number) => format!("the number {number}"),
            Kind::Float(number) => format!("the number {number}"),
            Kind::Text(text) => format!("the text `{text}`"),
            Kind::List(_) => "a list".to_owned(),
            Kind::Map(_) => "a mapping".to_owned(),
        }
    }

    fn from_spanned(spanned: Spanned<Bare>) -> Self {
        let is_alias = spanned.referenced != spanned.defined;
        let range = range_of(&spanned.referenced);
        let kind = match spanned.value {
            Bare::Scalar(kind) => kind,
            Bare::List(items) => Kind::List(items.into_iter().map(Self::from_spanned).collect()),
            Bare::Map(entries) => Kind::Map(
                entries
                    .into_iter()
                    .map(|(key, value)| Entry {
                        key_range: range_of(&key.referenced),
                        key: key.value,
                        value: Self::from_spanned(value),
                    })
                    .collect(),
            ),
        };
        Self { kind, range, is_alias }
    }
}

/// The first key of a mapping, else where the value stands.
fn first_key(node: &Node) -> Range<usize> {
    match &node.kind {
        Kind::Map(entries) => entries.first().map_or(&node.range, |entry| &entry.key_range).clone(),
        _ => node.range.clone(),
    }
}

fn range_of(location: &Location) -> Range<usize> {
    let span = location.span();
    let offset = span.byte_offset().and_then(|at| usize::try_from(at).ok()).unwrap_or(0);
    let length = span.byte_len().and_then(|length| usize::try_from(length).ok()).unwrap_or(0);
    offset..offset.saturating_add(length)
}

impl<'de> Deserialize<'de> for Node {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Spanned::<Bare>::deserialize(deserializer).map(Self::from_spanned)
    }
}

/// A value whose place is kept by the [`Spanned`] around it.
enum Bare {
    Scalar(Kind),
    List(Vec<Spanned<Bare>>),
    Map(Vec<(Spanned<String>, Spanned<Bare>)>),
}

impl<'de> Deserialize<'de> for Bare {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(BareVisitor)
    }
}

struct BareVisitor;

impl<'de> Visitor<'de> for BareVisitor {
    type Value = Bare;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value")
    }

    fn visit_unit<E>(self) -> Result<Bare, E> {
        Ok(Bare::Scalar(Kind::Null))
    }

    fn visit_none<E>(self) -> Result<Bare, E> {
        Ok(Bare::Scalar(Kind::Null))
    }

    fn visit_bool<E>(self, value: bool) -> Result<Bare, E> {
        Ok(Bare::Scalar(Kind::Bool(value)))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Bare, E> {
        Ok(Bare::Scalar(Kind::Integer(value.into())))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Bare, E> {
        Ok(Bare::Scalar(Kind::Integer(value.into())))
    }

    fn visit_f64<E>(self, value: f64) -> Result<Bare, E> {
        Ok(Bare::Scalar(Kind::Float(value)))
    }

    fn visit_str<E>(self, value: &str) -> Result<Bare, E> {
        Ok(Bare::Scalar(Kind::Text(value.to_owned())))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut access: A) -> Result<Bare, A::Error> {
        let mut items = Vec::new();
        while let Some(item) = access.next_element()? {
            items.push(item);
        }
        Ok(Bare::List(items))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut access: A) -> Result<Bare, A::Error> {
        let mut entries = Vec::new();
        while let Some(entry) = access.next_entry()? {
            entries.push(entry);
        }
        Ok(Bare::Map(entries))
    }
}
