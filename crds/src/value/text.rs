use std::str::FromStr;

use super::{ValueError, string_value, text_value};

/// A path below some folder that the host configuration names: never absolute, never `..`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RelativePath(String);

impl FromStr for RelativePath {
    type Err = ValueError;

    fn from_str(text: &str) -> Result<Self, ValueError> {
        let fault = if text.is_empty() {
            Some("it is empty")
        } else if text.starts_with('/') {
            Some("it is absolute")
        } else if text.split('/').any(|part| part == "..") {
            Some("it leaves its folder")
        } else if text.chars().any(char::is_control) {
            Some("it holds a control character")
        } else {
            None
        };
        match fault {
            None => Ok(Self(text.to_owned())),
            Some(fault) => Err(ValueError::new(
                format!("`{text}` is not a path inside a folder: {fault}"),
                "write it without a leading `/` and without `..`, as in `infrastructure/core`",
            )),
        }
    }
}

text_value!(RelativePath);
string_value!(
    RelativePath,
    format: "relative-path",
    pattern: "^[^/].*$",
    example: "infrastructure/core"
);
