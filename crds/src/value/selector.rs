use std::str::FromStr;

use super::{ValueError, string_value, text_value};

/// A label selector as `kubectl -l` takes it: `app=vault`, `tier in (a,b),!batch`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LabelSelector(String);

/// Splits at the commas that are not inside parentheses.
fn requirements(text: &str) -> Vec<&str> {
    let mut depth = 0usize;
    text.split(move |c| {
        match c {
            '(' => depth += 1,
            ')' => depth = depth.saturating_sub(1),
            _ => {}
        }
        c == ',' && depth == 0
    })
    .map(str::trim)
    .collect()
}

/// Whether `text` is the name part of a label key, or a label value that is not empty.
fn is_label_text(text: &str) -> bool {
    let inner = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    (1..=63).contains(&text.len())
        && text.chars().all(inner)
        && text.starts_with(|c: char| c.is_ascii_alphanumeric())
        && text.ends_with(|c: char| c.is_ascii_alphanumeric())
}

fn is_label_value(text: &str) -> bool {
    text.is_empty() || is_label_text(text)
}

fn is_label_key(key: &str) -> bool {
    match key.split_once('/') {
        Some((prefix, name)) => super::names::name_fault(prefix).is_none() && is_label_text(name),
        None => is_label_text(key),
    }
}

/// `key in (a,b)` and `key notin (a,b)`.
fn is_set_requirement(text: &str) -> bool {
    let Some((head, values)) = text.strip_suffix(')').and_then(|text| text.split_once('(')) else {
        return false;
    };
    let mut words = head.split_whitespace();
    let (key, operator) = (words.next(), words.next());
    key.is_some_and(is_label_key)
        && matches!(operator, Some("in" | "notin"))
        && words.next().is_none()
        && values.split(',').map(str::trim).all(is_label_value)
}

fn is_requirement(text: &str) -> bool {
    if text.contains('(') {
        return is_set_requirement(text);
    }
    for operator in ["!=", "==", "="] {
        if let Some((key, value)) = text.split_once(operator) {
            return is_label_key(key.trim()) && is_label_value(value.trim());
        }
    }
    is_label_key(text.strip_prefix('!').unwrap_or(text))
}

impl FromStr for LabelSelector {
    type Err = ValueError;

    fn from_str(text: &str) -> Result<Self, ValueError> {
        if requirements(text).into_iter().all(is_requirement) {
            return Ok(Self(text.to_owned()));
        }
        let message = format!("`{text}` is not a label selector");
        Err(ValueError::new(message, "write it as for `kubectl -l`, as in `app=node-local-dns`"))
    }
}

text_value!(LabelSelector);
string_value!(
    LabelSelector,
    format: "label-selector",
    pattern: r"^[^\s].*$",
    example: "app.kubernetes.io/name=vault"
);
