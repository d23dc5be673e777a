use std::borrow::Borrow;
use std::fmt;
use std::str::FromStr;

use super::{ValueError, string_value, text_value};

/// Longest DNS-1123 label, in characters.
const LONGEST_LABEL: usize = 63;

/// Longest DNS-1123 subdomain, in characters.
const LONGEST_NAME: usize = 253;

/// What a name looks like, for messages.
const EXPECTED: &str = "use lower case letters, digits and `-` (dots between labels), \
     beginning and ending with a letter or digit, as in `titan-04`";

/// The pattern of a DNS-1123 subdomain.
pub(super) const NAME_PATTERN: &str =
    r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$";

/// A name as Kubernetes has it (DNS-1123): labels of lower case letters, digits and `-`, joined by
/// dots, since a node may be called by its full domain name.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Name(String);

impl Name {
    /// A name that stands in this crate's own source and is known to be one.
    pub(crate) fn literal(text: &'static str) -> Self {
        debug_assert!(name_fault(text).is_none(), "{text} is not a name");
        Self(text.to_owned())
    }
}

impl Borrow<str> for Name {
    fn borrow(&self) -> &str {
        &self.0
    }
}

/// Why `label` is not a DNS-1123 label, if it is not.
fn label_fault(label: &str) -> Option<String> {
    let is_alphanumeric = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit();
    if label.is_empty() {
        return Some("a label is empty".into());
    }
    if label.len() > LONGEST_LABEL {
        return Some(format!("a label is longer than {LONGEST_LABEL} characters"));
    }
    if let Some(c) = label.chars().find(|c| !is_alphanumeric(*c) && *c != '-') {
        return Some(format!("`{c}` may not be in it"));
    }
    if !label.starts_with(is_alphanumeric) || !label.ends_with(is_alphanumeric) {
        return Some("it begins or ends with `-`".into());
    }
    None
}

/// Why `name` is not a DNS-1123 subdomain, if it is not.
pub(super) fn name_fault(name: &str) -> Option<String> {
    if name.is_empty() {
        return Some("it is empty".into());
    }
    if name.len() > LONGEST_NAME {
        return Some(format!("it is longer than {LONGEST_NAME} characters"));
    }
    name.split('.').find_map(label_fault)
}

impl FromStr for Name {
    type Err = ValueError;

    fn from_str(text: &str) -> Result<Self, ValueError> {
        match name_fault(text) {
            None => Ok(Self(text.to_owned())),
            Some(fault) => {
                Err(ValueError::new(format!("`{text}` is not a name: {fault}"), EXPECTED))
            }
        }
    }
}

text_value!(Name);
string_value!(Name, format: "dns-1123-name", pattern: NAME_PATTERN, example: "titan-04");

/// Which hosts: one by its name, or `"*"` for every host.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum HostSelector {
    /// `"*"`: every host; in `supplies[].powers` every host that no other supply names.
    All,
    /// The host of this name.
    Host(Name),
}

impl FromStr for HostSelector {
    type Err = ValueError;

    fn from_str(text: &str) -> Result<Self, ValueError> {
        if text == "*" {
            return Ok(Self::All);
        }
        text.parse().map(Self::Host).map_err(|error: ValueError| {
            ValueError::new(error.message, "write the name of a host, or \"*\" for every host")
        })
    }
}

impl fmt::Display for HostSelector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::All => f.write_str("*"),
            Self::Host(name) => name.fmt(f),
        }
    }
}

string_value!(
    HostSelector,
    format: "host-selector",
    pattern: r"^(\*|[a-z0-9]([-a-z0-9.]*[a-z0-9])?)$",
    example: "titan-04"
);

/// An object in a namespace, written `namespace/name`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct NamespacedName {
    /// The namespace.
    pub namespace: Name,
    /// The name of the object.
    pub name: Name,
}

impl FromStr for NamespacedName {
    type Err = ValueError;

    fn from_str(text: &str) -> Result<Self, ValueError> {
        const EXPECTED: &str = "write `namespace/name`, as in `gitea/gitea`";
        let wrong = || ValueError::new(format!("`{text}` is not `namespace/name`"), EXPECTED);
        let (namespace, name) = text.split_once('/').ok_or_else(wrong)?;
        match (namespace.parse(), name.parse()) {
            (Ok(namespace), Ok(name)) => Ok(Self { namespace, name }),
            _ => Err(wrong()),
        }
    }
}

impl fmt::Display for NamespacedName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.namespace, self.name)
    }
}

string_value!(
    NamespacedName,
    format: "namespaced-name",
    pattern: r"^[a-z0-9]([-a-z0-9.]*[a-z0-9])?/[a-z0-9]([-a-z0-9.]*[a-z0-9])?$",
    example: "gitea/gitea"
);
