//! Changing one value in the text of a document, and nothing else of it.
//!
//! `ananke set-target` edits a document that people keep in Git: comments, order, quotes, line ends
//! and a byte order mark stay as they are. What cannot be edited without a doubt is refused, and
//! the result is read again before it is handed out.

use std::ops::Range;

use crate::parse::{Located, Node, NodeKind, Path, Problems, Segment, read};
use crate::value::GoDuration;

/// Why a value was not changed.
#[derive(Debug, thiserror::Error)]
pub enum EditError {
    /// The text is not YAML.
    #[error("the document cannot be read")]
    Unreadable(#[source] Problems),
    /// The path is not one.
    #[error("`{path}` is not the path of a field")]
    NoPath {
        /// What was given.
        path: String,
    },
    /// There is no mapping that the field could be in.
    #[error("the document has no `{parent}` that `{key}` could be written into")]
    NoParent {
        /// Path of what is missing or is not a mapping.
        parent: String,
        /// The field.
        key: String,
    },
    /// Something stands there that cannot be replaced safely.
    #[error("line {line}: `{path}` {why}; edit this line by hand")]
    NotPlain {
        /// Path of the field.
        path: String,
        /// Line, from 1.
        line: usize,
        /// What stands there.
        why: &'static str,
    },
}

/// The text with the value at `path` replaced by `value`, or with the field put in as the first of
/// its mapping if it is not there.
///
/// # Errors
/// If the text cannot be read, or the place cannot be edited without touching anything else: an
/// alias, an anchor or a tag, a value of several lines, a list or a mapping, or a field that would
/// have to be added to a mapping in braces.
pub fn set_scalar(text: &str, path: &str, value: &str) -> Result<String, EditError> {
    let located = read("", text).map_err(EditError::Unreadable)?;
    let parsed = Path::parse(path).filter(|parsed| !parsed.0.is_empty());
    let parsed = parsed.ok_or_else(|| EditError::NoPath { path: path.to_owned() })?;
    let edit = Edit { located: &located, path: &parsed };
    let (range, replacement) = match located.root.at(&parsed) {
        Some(node) => edit.replace(node, value)?,
        None => edit.insert(value)?,
    };
    let mut edited = located.source.text.clone();
    edited.replace_range(range.clone(), &replacement);
    if !edit.is_only_change(&edited, value) {
        return Err(edit.not_plain(range.start, "stands in a place that is hard to edit"));
    }
    let mark = text.get(..located.source.mark).unwrap_or_default();
    Ok(format!("{mark}{edited}"))
}

struct Edit<'a> {
    located: &'a Located,
    path: &'a Path,
}

impl Edit<'_> {
    fn text(&self) -> &str {
        &self.located.source.text
    }

    fn slice(&self, range: Range<usize>) -> &str {
        self.text().get(range).unwrap_or_default()
    }

    fn not_plain(&self, offset: usize, why: &'static str) -> EditError {
        let (line, _) = self.located.source.line_column(offset);
        EditError::NotPlain { path: self.path.to_string(), line, why }
    }

    /// What to put where, for a value that is there.
    fn replace(&self, node: &Node, value: &str) -> Result<(Range<usize>, String), EditError> {
        let range = node.range.clone();
        let old = self.slice(range.clone());
        let refuse = |why| Err(self.not_plain(range.start, why));
        if node.is_alias {
            return refuse("is an alias (`*…`)");
        }
        if matches!(node.kind, NodeKind::List(_) | NodeKind::Map(_)) {
            return refuse("is not a single value");
        }
        if old.contains('\n') || self.is_block_scalar(range.start) {
            return refuse("is a text of several lines");
        }
        if old.is_empty() {
            let at = self.behind_colon().ok_or_else(|| self.not_plain(range.start, "is empty"))?;
            return Ok((at..at, format!(" {}", plain_or_quoted(value))));
        }
        if self.has_property(range.start) {
            return refuse("has an anchor or a tag (`&…`, `!…`)");
        }
        let replacement = match old.chars().next() {
            Some('"') => double_quoted(value),
            Some('\'') if !value.contains(char::is_control) => {
                format!("'{}'", value.replace('\'', "''"))
            }
            _ => plain_or_quoted(value),
        };
        Ok((range, replacement))
    }

    /// The byte behind the colon of the field at the path.
    fn behind_colon(&self) -> Option<usize> {
        let (Segment::Key(key), above) = self.path.0.split_last()? else { return None };
        let entry = self.located.root.at(&Path(above.to_vec()))?.entry(key)?;
        let end = entry.key_range.end;
        Some(end + self.text().get(end..)?.find(':')? + 1)
    }

    /// Whether the line before the value ends in the sign of a block scalar (`|` or `>`).
    fn is_block_scalar(&self, start: usize) -> bool {
        let before = self.slice(0..start).trim_end();
        before.ends_with(['|', '>']) || before.ends_with("|-") || before.ends_with(">-")
    }

    /// Whether an anchor or a tag stands before the value, behind its key.
    fn has_property(&self, start: usize) -> bool {
        let line = self.located.source.line_range(start);
        let key = self.behind_colon().filter(|end| (line.start..=start).contains(end));
        let before = self.slice(key.unwrap_or(line.start)..start);
        before.split_whitespace().next_back().is_some_and(|word| word.starts_with(['&', '!']))
    }

    /// What to put where, for a field that is not there.
    fn insert(&self, value: &str) -> Result<(Range<usize>, String), EditError> {
        let (last, above) = self.path.0.split_last().unzip();
        let parent = Path(above.map(<[Segment]>::to_vec).unwrap_or_default());
        let no_parent = |key: &str| EditError::NoParent {
            parent: if parent.0.is_empty() { "mapping".into() } else { parent.to_string() },
            key: key.to_owned(),
        };
        let Some(Segment::Key(key)) = last else {
            return Err(no_parent("an item of a list"));
        };
        let Some(Node { kind: NodeKind::Map(entries), range, is_alias: false }) =
            self.located.root.at(&parent)
        else {
            return Err(no_parent(key));
        };
        let first = entries.first().ok_or_else(|| no_parent(key))?;
        let line = self.located.source.line_range(first.key_range.start);
        let indent = self.slice(line.start..first.key_range.start);
        if self.slice(range.start..range.start + 1) == "{" || !indent.trim().is_empty() {
            return Err(
                self.not_plain(range.start, "would have to be added to a mapping in braces")
            );
        }
        // Directly below the key of the mapping, so that comments stay with what they are about.
        let at = match parent.0.last() {
            Some(Segment::Key(_)) => {
                let line = self.located.source.line_range(self.located.root.pointer(&parent).start);
                self.text()
                    .get(line.end..)
                    .and_then(|rest| rest.find('\n'))
                    .map(|to| line.end + to + 1)
            }
            _ => None,
        };
        let at = at.unwrap_or(line.start);
        let end = if self.slice(0..at).ends_with("\r\n") || self.text().contains("\r\n") {
            "\r\n"
        } else {
            "\n"
        };
        Ok((at..at, format!("{indent}{key}: {}{end}", plain_or_quoted(value))))
    }

    /// Whether `edited` says the same as before, but for the value at the path.
    fn is_only_change(&self, edited: &str, value: &str) -> bool {
        let Ok(after) = read("", edited) else { return false };
        let is_set = after.root.at(self.path).and_then(Node::as_text) == Some(value);
        let mut before = self.located.root.to_json();
        let mut after = after.root.to_json();
        take_out(&mut before, &self.path.0);
        take_out(&mut after, &self.path.0);
        is_set && before == after
    }
}

/// Takes the value at `path` out of a document.
fn take_out(value: &mut serde_json::Value, path: &[Segment]) {
    match (path, value) {
        ([Segment::Key(key)], serde_json::Value::Object(map)) => {
            map.remove(key);
        }
        ([Segment::Index(index)], serde_json::Value::Array(items)) => {
            if let Some(item) = items.get_mut(*index) {
                *item = serde_json::Value::Null;
            }
        }
        ([Segment::Key(key), rest @ ..], serde_json::Value::Object(map)) => {
            if let Some(inner) = map.get_mut(key) {
                take_out(inner, rest);
            }
        }
        ([Segment::Index(index), rest @ ..], serde_json::Value::Array(items)) => {
            if let Some(inner) = items.get_mut(*index) {
                take_out(inner, rest);
            }
        }
        _ => {}
    }
}

/// A text as YAML: bare if that is read as the same text everywhere, else in double quotes.
pub(crate) fn plain_or_quoted(value: &str) -> String {
    if is_plain(value) { value.to_owned() } else { double_quoted(value) }
}

/// Whether a text needs no quotes, whatever stands around it and whichever YAML reads it.
fn is_plain(value: &str) -> bool {
    const OTHERS: [&str; 10] = ["true", "false", "yes", "no", "on", "off", "null", "y", "n", "nan"];
    let inner = |c: char| c.is_ascii_alphanumeric() || matches!(c, ' ' | '-' | '_' | '.' | '/');
    if value.parse::<GoDuration>().is_ok() {
        return true;
    }
    value.starts_with(|c: char| c.is_ascii_alphabetic())
        && value.ends_with(|c: char| c.is_ascii_alphanumeric())
        && value.chars().all(inner)
        && !OTHERS.contains(&value.to_ascii_lowercase().as_str())
}

/// A text in double quotes. JSON's escapes are a part of YAML's.
fn double_quoted(value: &str) -> String {
    serde_json::Value::from(value).to_string()
}
