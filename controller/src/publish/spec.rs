//! The spec of a document, as it is told.

use std::{ops::Deref, sync::Arc};

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::{Value, value::RawValue};

/// A spec is told with every status and changes with its document alone: its text is kept beside
/// it.
#[derive(Debug, Clone)]
pub struct Spec {
    value: Arc<Value>,
    /// In JSON; none where it was read back.
    text: Option<Box<RawValue>>,
}

impl Spec {
    /// A spec that will be told often.
    pub fn new(value: Value) -> Self {
        Self { text: serde_json::value::to_raw_value(&value).ok(), value: Arc::new(value) }
    }

    /// The value alone.
    pub fn value(&self) -> Arc<Value> {
        Arc::clone(&self.value)
    }
}

impl Deref for Spec {
    type Target = Value;

    fn deref(&self) -> &Value {
        &self.value
    }
}

impl PartialEq for Spec {
    fn eq(&self, other: &Self) -> bool {
        self.value == other.value
    }
}

impl Serialize for Spec {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match &self.text {
            Some(text) => text.serialize(serializer),
            None => self.value.serialize(serializer),
        }
    }
}

impl<'de> Deserialize<'de> for Spec {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let value = Arc::new(Value::deserialize(deserializer)?);
        Ok(Self { value, text: None })
    }
}
