//! Values that appear inside documents: strings and numbers that are right once they are parsed.
//!
//! Each of them has one [`std::str::FromStr`] (or `TryFrom`) that says what was expected, and
//! names its schema `format`, by which the document checker finds that parser again.

mod address;
mod duration;
mod mac;
mod names;
mod nut_endpoint;
mod percent;
mod selector;
mod text;
mod unit_ref;
mod url;

pub use address::HostAddress;
pub use duration::GoDuration;
pub use mac::MacAddress;
pub use names::{HostSelector, Name, NamespacedName};
pub use nut_endpoint::NutEndpoint;
pub use percent::Percent;
pub use selector::LabelSelector;
pub use text::RelativePath;
pub use unit_ref::{UnitKind, UnitRef};
pub use url::{GitUrl, HttpUrl};

/// Why a text is not a value of some type, and what would be one.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct ValueError {
    /// What is wrong, naming the text.
    pub message: String,
    /// What is expected, with an example.
    pub help: String,
}

impl ValueError {
    pub(crate) fn new(message: impl Into<String>, help: impl Into<String>) -> Self {
        Self { message: message.into(), help: help.into() }
    }
}

/// Serde and JSON schema for a type that is a checked string in a document.
macro_rules! string_value {
    ($type:ty, format: $format:literal, pattern: $pattern:expr, example: $example:literal) => {
        impl TryFrom<String> for $type {
            type Error = $crate::value::ValueError;
            fn try_from(text: String) -> Result<Self, Self::Error> {
                text.parse()
            }
        }

        impl serde::Serialize for $type {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }

        impl<'de> serde::Deserialize<'de> for $type {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let text = String::deserialize(deserializer)?;
                text.parse().map_err(|error: $crate::value::ValueError| {
                    serde::de::Error::custom(format!("{}; {}", error.message, error.help))
                })
            }
        }

        impl schemars::JsonSchema for $type {
            fn inline_schema() -> bool {
                true
            }
            fn schema_name() -> std::borrow::Cow<'static, str> {
                stringify!($type).into()
            }
            fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
                schemars::json_schema!({
                    "type": "string",
                    "format": $format,
                    "pattern": $pattern,
                    "examples": [$example],
                })
            }
        }
    };
}
pub(crate) use string_value;

/// A [`string_value!`] that keeps its text as it was written.
macro_rules! text_value {
    ($type:ident) => {
        impl $type {
            /// The text as it was written.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl std::fmt::Display for $type {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl AsRef<str> for $type {
            fn as_ref(&self) -> &str {
                &self.0
            }
        }

        impl PartialEq<str> for $type {
            fn eq(&self, other: &str) -> bool {
                self.0 == other
            }
        }

        impl PartialEq<&str> for $type {
            fn eq(&self, other: &&str) -> bool {
                self.0 == *other
            }
        }
    };
}
pub(crate) use text_value;
