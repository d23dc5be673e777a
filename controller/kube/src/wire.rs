//! The parts of the API's objects that are read. Everything else is skipped while parsing, so that
//! a list of pods costs no more memory than its text.

use std::collections::BTreeMap;

use serde::Deserialize;

/// `metadata` of an object.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct Meta {
    pub name: String,
    pub namespace: String,
    pub uid: String,
    pub resource_version: String,
    pub generation: i64,
    pub labels: BTreeMap<String, String>,
    pub annotations: BTreeMap<String, String>,
    pub owner_references: Vec<Owner>,
    pub deletion_timestamp: Option<String>,
}

/// One of `metadata.ownerReferences`.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Owner {
    pub kind: String,
    pub controller: bool,
}

/// One of `status.conditions`.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Condition {
    #[serde(rename = "type")]
    pub kind: String,
    pub status: String,
    pub message: String,
}

/// An object that a feed reads.
pub(crate) trait Wire: serde::de::DeserializeOwned + Clone + Send + 'static {
    /// What is kept of it.
    type Kept: Clone + PartialEq + Send + 'static;

    /// Its metadata.
    fn meta(&self) -> &Meta;
}

/// One page of a list.
#[derive(Debug, Deserialize)]
#[serde(bound = "W: Wire")]
pub(crate) struct Page<W> {
    pub metadata: PageMeta,
    /// Null where Go had no slice.
    #[serde(default)]
    pub items: Option<Vec<W>>,
}

/// `metadata` of a list.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct PageMeta {
    pub resource_version: String,
    #[serde(rename = "continue")]
    pub more: String,
}

/// Whether the condition `Ready` is there, and what it says.
pub(crate) fn ready(conditions: &[Condition]) -> Option<&Condition> {
    conditions.iter().find(|condition| condition.kind == "Ready")
}
