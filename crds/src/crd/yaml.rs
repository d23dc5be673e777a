//! JSON values as YAML for people: sorted keys, folded texts, the same bytes every time.

use std::fmt::Write as _;

use serde_json::{Map, Value};

use crate::edit::plain_or_quoted;

/// Longer texts are folded into lines of at most this many columns, if words allow it.
const WIDTH: usize = 100;

/// A value as a YAML document.
pub(super) fn emit(value: &Value) -> String {
    let mut out = String::new();
    match value {
        Value::Object(map) if !map.is_empty() => mapping(&mut out, map, 0),
        other => {
            node(&mut out, other, 0);
        }
    }
    out
}

fn mapping(out: &mut String, map: &Map<String, Value>, indent: usize) {
    // Sorted here, whichever map serde_json was built with.
    let mut pairs: Vec<_> = map.iter().collect();
    pairs.sort_by_key(|(key, _)| key.as_str());
    for (position, (key, value)) in pairs.into_iter().enumerate() {
        if position > 0 || !out.ends_with("- ") {
            let _ = write!(out, "{:indent$}", "");
        }
        let _ = write!(out, "{}:", plain_or_quoted(key));
        node(out, value, indent);
    }
}

/// What stands behind a key.
fn node(out: &mut String, value: &Value, indent: usize) {
    match value {
        Value::Object(map) if !map.is_empty() => {
            out.push('\n');
            mapping(out, map, indent + 2);
        }
        Value::Array(items) if !items.is_empty() => {
            out.push('\n');
            sequence(out, items, indent);
        }
        other => {
            let _ = writeln!(out, " {}", scalar(other, indent + 2));
        }
    }
}

fn sequence(out: &mut String, items: &[Value], indent: usize) {
    for item in items {
        let _ = write!(out, "{:indent$}- ", "");
        match item {
            Value::Object(map) if !map.is_empty() => mapping(out, map, indent + 2),
            other => {
                let _ = writeln!(out, "{}", scalar(other, indent + 2));
            }
        }
    }
}

fn scalar(value: &Value, indent: usize) -> String {
    match value {
        Value::String(text) if text.contains('\n') => block(text, indent),
        Value::String(text) if text.chars().count() + indent > WIDTH && foldable(text) => {
            folded(text, indent)
        }
        Value::String(text) => plain_or_quoted(text),
        other => other.to_string(),
    }
}

/// Whether a text comes back the same from a folded scalar.
fn foldable(text: &str) -> bool {
    text.contains(' ') && !text.starts_with(' ') && !text.ends_with(' ') && !text.contains("  ")
}

fn folded(text: &str, indent: usize) -> String {
    let mut out = String::from(">-");
    let mut column = usize::MAX;
    for word in text.split(' ') {
        let length = word.chars().count();
        if column == usize::MAX || column + 1 + length > WIDTH {
            let _ = write!(out, "\n{:indent$}{word}", "");
            column = indent + length;
        } else {
            let _ = write!(out, " {word}");
            column += 1 + length;
        }
    }
    out
}

/// A text of several lines, as it is.
fn block(text: &str, indent: usize) -> String {
    let is_literal = text.lines().all(|line| !line.is_empty() && !line.starts_with(' '))
        && !text.ends_with('\n')
        && !text.contains(|c: char| c.is_control() && c != '\n');
    if !is_literal {
        return Value::from(text).to_string();
    }
    text.lines().fold(String::from("|-"), |mut out, line| {
        let _ = write!(out, "\n{:indent$}{line}", "");
        out
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::{Value, json};

    use super::emit;

    fn values() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            any::<bool>().prop_map(Value::from),
            any::<i32>().prop_map(Value::from),
            "[ -~\n]{0,40}".prop_map(Value::from),
            "([a-z`:#]{1,12} ){1,30}[a-z]".prop_map(Value::from),
            Just(json!("yes")),
            Just(json!({})),
            Just(json!([])),
        ];
        leaf.prop_recursive(4, 40, 5, |inner| {
            prop_oneof![
                prop::collection::btree_map("[a-z$.:]{1,8}", inner.clone(), 1..5)
                    .prop_map(|map| Value::Object(map.into_iter().collect())),
                // A list of lists does not occur in a definition.
                prop::collection::vec(inner.prop_filter("no list", |v| !v.is_array()), 1..5)
                    .prop_map(Value::Array),
            ]
        })
    }

    proptest! {
        #[test]
        fn what_is_written_is_read_the_same(value in values().prop_map(|value| json!({"root": value}))) {
            let text = emit(&value);
            let read = crate::parse::read("", &text).map_err(|problems| {
                TestCaseError::fail(format!("{problems}\n{text}"))
            })?;
            prop_assert_eq!(read.root.to_json(), value, "{}", text);
        }
    }
}
