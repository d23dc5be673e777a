//! The form of a document: which fields there are, of which types, and which values they may have.

use std::collections::BTreeSet;
use std::ops::Range;

use super::document::Located;
use super::formats::check_text;
use super::node::{Entry, Kind as NodeKind, Node};
use super::path::Path;
use super::problem::{Problem, Rule};
use super::suggest::{nearest, one_of};
use crate::shape::{Bounds, Choice, Kind, Object, Shape, Text, Variant};
use crate::value::{GoDuration, Name};

/// More problems of one document are not told: nobody reads them, and finding the place of each
/// takes time.
const TOLD: usize = 100;

/// Everything in `located` that does not fit `shape`.
pub(super) fn check(located: &Located, shape: &Shape) -> Vec<Problem> {
    let mut checker = Checker { located, problems: Vec::new() };
    checker.value(&located.root, shape, &Path::default());
    checker.problems
}

struct Checker<'a> {
    located: &'a Located,
    problems: Vec<Problem>,
}

impl Checker<'_> {
    fn add(
        &mut self,
        rule: Rule,
        path: &Path,
        message: impl Into<String>,
        help: impl Into<String>,
    ) {
        let range = self.located.root.pointer(path);
        self.add_here(rule, path, &range, message, help);
    }

    fn add_here(
        &mut self,
        rule: Rule,
        path: &Path,
        range: &Range<usize>,
        message: impl Into<String>,
        help: impl Into<String>,
    ) {
        if self.problems.len() < TOLD {
            self.problems.push(self.located.problem_at(rule, path, range, message, help));
        }
    }

    fn value(&mut self, node: &Node, shape: &Shape, path: &Path) {
        match (&shape.kind, &node.kind) {
            (Kind::Any, _) | (Kind::Boolean, NodeKind::Bool(_)) => {}
            (Kind::Object(object), NodeKind::Map(entries)) => {
                self.object(entries, object, None, path);
            }
            (Kind::Union { tag, variants }, NodeKind::Map(entries)) => {
                self.union(entries, tag, variants, path);
            }
            (Kind::Map { named, values }, NodeKind::Map(entries)) => {
                self.map(entries, *named, values, path);
            }
            (Kind::List { items, min }, NodeKind::List(nodes)) => {
                self.list(nodes, items, *min, shape, path);
            }
            (Kind::Choice(choices), NodeKind::Text(word)) => self.choice(word, choices, path),
            (Kind::Text(text), NodeKind::Text(value)) => self.text(value, text, shape, path),
            (Kind::Integer(bounds) | Kind::Number(bounds), NodeKind::Integer(number)) => {
                self.number(number.as_f64().unwrap_or(f64::NAN), *bounds, path);
            }
            (Kind::Number(bounds), NodeKind::Float(number)) => self.number(*number, *bounds, path),
            _ => self.wrong_type(node, shape, path),
        }
    }

    fn wrong_type(&mut self, node: &Node, shape: &Shape, path: &Path) {
        if node.kind == NodeKind::Null {
            let message = format!("{} has no value", path.quoted());
            let help = format!("write {} behind it, or leave the line out", shape.noun());
            return self.add(Rule::WrongType, path, message, help);
        }
        let message =
            format!("{} must be {}, not {}", path.quoted(), shape.noun(), node.describe());
        let help = match (&shape.kind, &node.kind) {
            (Kind::Boolean, NodeKind::Text(text)) => match text.to_lowercase().as_str() {
                "yes" | "on" | "y" | "true" => "write `true`".to_owned(),
                "no" | "off" | "n" | "false" => "write `false`".to_owned(),
                _ => "write `true` or `false`".to_owned(),
            },
            (Kind::Text(text), _) if text.format.as_deref() == Some("go-duration") => {
                "a number needs its unit, as in `90s` or `15m`".to_owned()
            }
            (Kind::Text(text), NodeKind::Integer(_) | NodeKind::Float(_) | NodeKind::Bool(_)) => {
                let written = self.located.source.text.get(node.range.clone()).unwrap_or_default();
                let verdict = text.format.as_deref().and_then(|format| check_text(format, written));
                match (&text.example, verdict) {
                    (Some(example), Some(Err(_))) => format!("write it as in `{example}`"),
                    _ => format!("put it into quotes: \"{written}\""),
                }
            }
            (Kind::Object(object), _) => {
                one_of("", "fields", object.fields.keys().map(String::as_str).collect::<Vec<_>>())
            }
            (Kind::Choice(choices), _) => {
                one_of("", "words", choices.iter().map(|choice| choice.name.as_str()))
            }
            (Kind::List { .. }, _) => "put it into brackets: `[…]`".to_owned(),
            (Kind::Integer(_) | Kind::Number(_), NodeKind::Text(text)) => number_help(text, shape),
            // An item of a list has no words of its own.
            (Kind::Text(_), _) if shape.doc.is_empty() => {
                "write one text, in quotes if there is a `:`, a `,` or a bracket in it".to_owned()
            }
            _ if shape.doc.is_empty() => format!("write {}", shape.noun()),
            _ => first_sentence(&shape.doc),
        };
        self.add(Rule::WrongType, path, message, help);
    }

    fn object(&mut self, entries: &[Entry], object: &Object, tag: Option<&str>, path: &Path) {
        for entry in entries.iter().filter(|entry| Some(entry.key.as_str()) != tag) {
            match object.fields.get(&entry.key) {
                Some(field) => self.value(&entry.value, &field.shape, &path.key(&entry.key)),
                None if object.open => {}
                None => self.unknown_field(entry, object, tag, path),
            }
        }
        let missing = |name: &str| !entries.iter().any(|entry| entry.key == name);
        for (name, field) in &object.fields {
            if field.required && missing(name) {
                self.missing_field(name, &field.shape, path);
            }
        }
    }

    fn missing_field(&mut self, name: &str, shape: &Shape, path: &Path) {
        let message = format!("`{name}` is missing in {}", path.quoted());
        let help = match &shape.kind {
            Kind::Choice(choices) => {
                let words: Vec<_> = choices.iter().map(|choice| choice.name.as_str()).collect();
                format!("{} Write `{name}: {}`", first_sentence(&shape.doc), words.join("` or `"))
            }
            _ => first_sentence(&shape.doc),
        };
        self.add(Rule::MissingField, path, message, help);
    }

    fn unknown_field(&mut self, entry: &Entry, object: &Object, tag: Option<&str>, path: &Path) {
        let key = &entry.key;
        let (rule, message, help) = if path.0.is_empty() && key == "status" {
            (
                Rule::StatusInDocument,
                "a status does not belong into a document".to_owned(),
                "ananke writes it; leave it out here".to_owned(),
            )
        } else {
            let names = object.fields.keys().map(String::as_str).chain(tag);
            (
                Rule::UnknownField,
                format!("`{key}` is not a field of {}", path.quoted()),
                one_of(key, "fields", names.collect::<Vec<_>>()),
            )
        };
        let path = path.key(key);
        self.add_here(rule, &path, &entry.key_range, message, help);
    }

    fn union(&mut self, entries: &[Entry], tag: &str, variants: &[Variant], path: &Path) {
        let names = || variants.iter().map(|variant| variant.name.as_str());
        let Some(entry) = entries.iter().find(|entry| entry.key == tag) else {
            let words = names().collect::<Vec<_>>().join("` or `");
            let message = format!("`{tag}` is missing in {}", path.quoted());
            return self.add(Rule::MissingField, path, message, format!("write `{tag}: {words}`"));
        };
        let tag_path = path.key(tag);
        let Some(name) = entry.value.as_text() else {
            let message =
                format!("{} must be a word, not {}", tag_path.quoted(), entry.value.describe());
            return self.add(
                Rule::WrongType,
                &tag_path,
                message,
                one_of("", "words", names().collect::<Vec<_>>()),
            );
        };
        if let Some(variant) = variants.iter().find(|variant| variant.name == name) {
            return self.object(entries, &variant.object, Some(tag), path);
        }
        let message = format!("`{name}` is not a value of {}", tag_path.quoted());
        let help = one_of(name, "values", names().collect::<Vec<_>>());
        self.add(Rule::UnknownWord, &tag_path, message, help);
    }

    fn map(&mut self, entries: &[Entry], named: bool, values: &Shape, path: &Path) {
        for entry in entries {
            let path = path.key(&entry.key);
            if let (true, Err(error)) = (named, entry.key.parse::<Name>()) {
                let range = &entry.key_range;
                self.add_here(Rule::BadValue, &path, range, error.message, error.help);
            }
            self.value(&entry.value, values, &path);
        }
    }

    fn list(&mut self, nodes: &[Node], items: &Shape, min: u64, shape: &Shape, path: &Path) {
        if u64::try_from(nodes.len()).is_ok_and(|length| length < min) {
            let message = format!("{} is empty", path.quoted());
            self.add(Rule::Empty, path, message, first_sentence(&shape.doc));
        }
        let is_set =
            shape.extensions.get("x-kubernetes-list-type").is_some_and(|kind| kind == "set");
        let mut seen = BTreeSet::new();
        for (index, node) in nodes.iter().enumerate() {
            let path_of_item = path.index(index);
            let item = node.to_json();
            let item = item.as_str().map_or_else(|| item.to_string(), str::to_owned);
            if is_set && !seen.insert(item.clone()) {
                let message = format!("`{item}` stands twice in {}", path.quoted());
                self.add(Rule::DuplicateEntry, &path_of_item, message, "keep one of the two");
            }
            self.value(node, items, &path_of_item);
        }
    }

    fn choice(&mut self, word: &str, choices: &[Choice], path: &Path) {
        if choices.iter().any(|choice| choice.name == word) {
            return;
        }
        let names = choices.iter().map(|choice| choice.name.as_str());
        let message = format!("`{word}` is not a value of {}", path.quoted());
        let help = match (choices, nearest(word, names.clone())) {
            ([only], _) => format!("write `{}`", only.name),
            (_, Some(name)) => format!("did you mean `{name}`?"),
            (_, None) => one_of(word, "values", names),
        };
        self.add(Rule::UnknownWord, path, message, help);
    }

    fn text(&mut self, value: &str, text: &Text, shape: &Shape, path: &Path) {
        let length = u64::try_from(value.chars().count()).unwrap_or(u64::MAX);
        if length < text.min {
            let message = format!("{} is empty", path.quoted());
            return self.add(Rule::Empty, path, message, first_sentence(&shape.doc));
        }
        let verdict = text.format.as_deref().and_then(|format| check_text(format, value));
        if let Some(Err(error)) = verdict {
            if value.is_empty() {
                let message = format!("{} is empty", path.quoted());
                return self.add(Rule::Empty, path, message, error.help);
            }
            return self.add(Rule::BadValue, path, error.message, error.help);
        }
        let is_duration = text.format.as_deref() == Some("go-duration");
        let is_zero = || value.parse::<GoDuration>().is_ok_and(GoDuration::is_zero);
        if is_duration && !shape.is_marked("x-ananke-zero") && is_zero() {
            let message = format!("{} cannot be no time at all", path.quoted());
            self.add(Rule::OutOfRange, path, message, first_sentence(&shape.doc));
        }
    }

    fn number(&mut self, number: f64, bounds: Bounds, path: &Path) {
        let too_small = bounds.min.is_some_and(|min| number < min);
        let too_large = bounds.max.is_some_and(|max| number > max);
        if !too_small && !too_large {
            return;
        }
        let message = format!("{} cannot be {number}", path.quoted());
        let help = match (bounds.min, bounds.max) {
            // A limit of the machine, not of the field.
            (Some(min), Some(max)) if max >= f64::from(u32::MAX) => {
                if too_small {
                    format!("write a number from {min} up")
                } else {
                    "write a smaller number".to_owned()
                }
            }
            (Some(min), Some(max)) => format!("write a number from {min} to {max}"),
            (Some(min), None) => format!("write a number from {min} up"),
            (None, Some(max)) => format!("write a number up to {max}"),
            (None, None) => "write another number".to_owned(),
        };
        self.add(Rule::OutOfRange, path, message, help);
    }
}

/// How to write a text as the number that it was meant to be.
fn number_help(text: &str, shape: &Shape) -> String {
    let is_number = |text: &str| text.parse::<f64>().is_ok();
    match text.strip_suffix('%').map(str::trim_end) {
        Some(bare) if is_number(bare) => format!("write {bare}, without the percent sign"),
        _ if is_number(text) => format!("write {text}, without quotes"),
        _ => first_sentence(&shape.doc),
    }
}

/// The first sentence of a doc text.
fn first_sentence(doc: &str) -> String {
    let end = doc.find(". ").map_or(doc.len(), |at| at + 1);
    doc.get(..end).unwrap_or(doc).to_owned()
}
