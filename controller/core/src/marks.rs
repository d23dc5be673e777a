//! Ownership: the mark lies on the object itself, written in the same patch as the change.
//!
//! No mark, not ours. Up is therefore "no mark of ours left", never "schedulable" or "not
//! suspended": what a person cordoned or suspended is theirs.

use serde::{Deserialize, Serialize};

/// The annotation that carries a [`Mark`] on objects of the Kubernetes API.
pub const ANNOTATION: &str = "ananke.dev/mark";

/// What we changed on an object, and what stood there before.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Mark {
    /// The run of ananke that made the change.
    pub run: String,
    /// The field that was changed: `spec.unschedulable`, `spec.suspend`.
    pub field: String,
    /// The value before; `None` when the field was absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub previous: Option<bool>,
    /// When, seconds since 1970 by the clock of this host.
    pub at_unix_seconds: i64,
}

impl Mark {
    /// The mark as the annotation's value.
    pub fn to_annotation(&self) -> String {
        // A struct of strings and numbers has no way to fail; an empty mark would still be ours.
        serde_json::to_string(self).unwrap_or_default()
    }

    /// Reads an annotation. A damaged one is still ours, only its memory of before is lost: the
    /// field is then taken to have been absent, which is how it stands on an untouched object.
    pub fn from_annotation(text: &str) -> Self {
        serde_json::from_str(text).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mark_survives_its_annotation() {
        let mark = Mark {
            run: "r1".into(),
            field: "spec.suspend".into(),
            previous: Some(false),
            at_unix_seconds: 12,
        };
        assert_eq!(Mark::from_annotation(&mark.to_annotation()), mark);
    }

    #[test]
    fn a_damaged_mark_is_still_a_mark() {
        assert_eq!(Mark::from_annotation("{"), Mark::default());
    }
}
