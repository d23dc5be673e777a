//! Editing a document: the first line is the path, the second the value, the rest the text. What is
//! changed is the value at that path and nothing else; what is refused says why.

use std::error::Error as _;

use ananke_crds::{
    edit::{EditError, set_scalar},
    locate,
};
use serde_json::Value;

use crate::bytes::{is_one_plain_line, line, text};

pub(crate) fn run(bytes: &[u8]) {
    let input = text(bytes);
    let (path, rest) = line(&input);
    let (value, text) = line(rest);
    // A value of several lines cannot stand on one. A path is one of ours.
    let value = value.replace("\\n", "\n");
    if path.contains(char::is_control) || path.len() > 200 {
        return;
    }
    match (set_scalar(text, path, &value), meaning(text)) {
        (Ok(edited), Some(before)) => set(before, text, path, &value, &edited),
        (Ok(_), None) => {}
        (Err(error), _) => refused(text, &error),
    }
}

fn set(mut before: Value, text: &str, path: &str, value: &str, edited: &str) {
    let mut after = meaning(edited).expect("an edited text is YAML");
    let old = at(&mut before, path).map(Value::take);
    let new = at(&mut after, path).map(Value::take);
    assert_eq!(new, Some(Value::from(value)), "another value is set\n{edited}");
    if let (None, Some(parent)) = (&old, parent(&mut after, path)) {
        parent.as_object_mut().unwrap().remove(key(path));
    }
    assert_eq!(before, after, "something else is changed\n{edited}");
    match old {
        Some(old) => replaced(text, path, &old, edited),
        None => added(text, edited),
    }
    let again = set_scalar(edited, path, value).expect("what was set is set again");
    assert_eq!(again, edited, "set twice is not set once");
}

/// All around the value stays byte for byte, and what goes is the value alone, with no comment.
fn replaced(text: &str, path: &str, old: &Value, edited: &str) {
    let (before, after): (Vec<&str>, Vec<&str>) =
        (text.split('\n').collect(), edited.split('\n').collect());
    assert_eq!(before.len(), after.len(), "a line comes or goes");
    let changed = before.iter().zip(&after).filter(|(before, after)| before != after).count();
    assert!(changed <= 1, "{changed} lines are changed");
    // Of nothing there is only the key to point to.
    if old.is_null() {
        return;
    }
    let place = locate(text, path).unwrap().range;
    let gone = &text[place.clone()];
    let is_quoted = gone.starts_with(['"', '\'']);
    assert!(is_quoted || !gone.contains(" #"), "a comment goes: {gone:?}");
    assert!(edited.starts_with(&text[..place.start]), "what stands before is changed");
    assert!(edited.ends_with(&text[place.end..]), "what stands behind is changed");
}

/// One line comes, and every other stays.
fn added(text: &str, edited: &str) {
    let (before, after): (Vec<&str>, Vec<&str>) =
        (text.split('\n').collect(), edited.split('\n').collect());
    assert_eq!(before.len() + 1, after.len(), "other than one line comes");
    let same = before.iter().zip(&after).take_while(|(before, after)| before == after).count();
    // Below a byte order mark the first line is another one.
    let is_first = same == 0 && text.starts_with('\u{feff}');
    assert!(is_first || before[same..] == after[same + 1..], "a line is changed\n{edited}");
}

fn refused(text: &str, error: &EditError) {
    is_one_plain_line(&error.to_string());
    match error {
        EditError::Unreadable(problems) => {
            assert!(error.source().is_some());
            is_one_plain_line(&problems.line());
        }
        EditError::NotPlain { line, .. } => {
            assert!((1..=text.split('\n').count()).contains(line), "line {line}");
        }
        EditError::NoPath { .. } | EditError::NoParent { .. } => {}
    }
}

/// What a text says, read by the parser alone; some numbers are none of JSON.
fn meaning(text: &str) -> Option<Value> {
    let bare = text.strip_prefix('\u{feff}').unwrap_or(text);
    let options = serde_saphyr::options! {
        strict_booleans: true,
        with_snippet: false,
        emit_comments: false,
    };
    serde_saphyr::from_str_with_options(bare, options).ok()
}

/// The value at a path of plain words and numbers.
fn at<'a>(value: &'a mut Value, path: &str) -> Option<&'a mut Value> {
    segments(path).try_fold(value, |value, segment| match value {
        Value::Object(map) => map.get_mut(segment),
        Value::Array(items) => items.get_mut(segment.parse::<usize>().ok()?),
        _ => None,
    })
}

fn parent<'a>(value: &'a mut Value, path: &str) -> Option<&'a mut Value> {
    let count = segments(path).count();
    segments(path).take(count - 1).try_fold(value, |value, segment| match value {
        Value::Object(map) => map.get_mut(segment),
        Value::Array(items) => items.get_mut(segment.parse::<usize>().ok()?),
        _ => None,
    })
}

fn key(path: &str) -> &str {
    segments(path).last().unwrap_or_default()
}

/// `spec.hosts[3]["a.b"]` as its parts.
fn segments(path: &str) -> impl Iterator<Item = &str> {
    let mut rest = path;
    std::iter::from_fn(move || {
        rest = rest.strip_prefix('.').unwrap_or(rest);
        if rest.is_empty() {
            return None;
        }
        let (segment, tail) = if let Some(quoted) = rest.strip_prefix("[\"") {
            quoted.split_once("\"]")?
        } else if let Some(index) = rest.strip_prefix('[') {
            index.split_once(']')?
        } else {
            rest.split_at(rest.find(['.', '[']).unwrap_or(rest.len()))
        };
        rest = tail;
        Some(segment)
    })
}
