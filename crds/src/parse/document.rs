//! Documents that have passed every check.

use serde::de::DeserializeOwned;

use super::form;
use super::node::Node;
use super::path::Path;
use super::problem::{Problem, Problems, Rule};
use super::source::{self, Source, sanitized};
use super::suggest::one_of;
use super::yaml;
use crate::host_config::HostConfiguration;
use crate::policy::PowerPolicy;
use crate::shape::{self, Shape};
use crate::validate;

/// A text that is one YAML document, and its tree.
#[derive(Clone, Debug)]
pub(crate) struct Located {
    /// The text.
    pub source: Source,
    /// The tree.
    pub root: Node,
}

impl Located {
    /// A problem with the value at `path`.
    pub(crate) fn problem(
        &self,
        rule: Rule,
        path: &Path,
        message: impl Into<String>,
        help: impl Into<String>,
    ) -> Problem {
        let range = self.root.pointer(path);
        self.problem_at(rule, path, &range, message, help)
    }

    /// A problem with the value at `path`, shown at `range` of the text.
    pub(crate) fn problem_at(
        &self,
        rule: Rule,
        path: &Path,
        range: &std::ops::Range<usize>,
        message: impl Into<String>,
        help: impl Into<String>,
    ) -> Problem {
        let (line, column) = self.source.line_column(range.start);
        Problem {
            file: self.source.file.clone(),
            line,
            column,
            rule,
            path: sanitized(&path.to_string()),
            message: source::message(&message.into()),
            help: source::message(&help.into()),
            snippet: self.source.snippet(range),
        }
    }
}

/// A document that has passed every check, and its text.
#[derive(Clone, Debug)]
pub struct Document<T> {
    /// What it says.
    pub value: T,
    located: Located,
}

impl<T> Document<T> {
    /// The file that it is from, as it was given.
    pub fn file(&self) -> &str {
        &self.source().file
    }

    /// The text, without a byte order mark.
    pub fn text(&self) -> &str {
        &self.source().text
    }

    fn source(&self) -> &Source {
        &self.located.source
    }

    pub(crate) fn located(&self) -> &Located {
        &self.located
    }
}

/// A document of either kind.
#[derive(Clone, Debug)]
pub enum AnyDocument {
    /// A policy.
    Policy(Box<Document<PowerPolicy>>),
    /// A host configuration.
    HostConfiguration(Box<Document<HostConfiguration>>),
}

/// Where a value stands in a text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// Bytes of the text that the value takes; for a list or a mapping those of its key.
    pub range: std::ops::Range<usize>,
    /// Line, from 1.
    pub line: usize,
    /// Column in characters, from 1.
    pub column: usize,
}

/// Reads and checks a policy; `file` is only named in messages.
///
/// # Errors
/// Everything that is wrong with it, of the first stage that finds anything.
pub fn parse_policy(text: &str, file: &str) -> Result<Document<PowerPolicy>, Problems> {
    typed(yaml::read(file, text)?, shape::policy(), validate::policy)
}

/// Reads and checks a host configuration; `file` is only named in messages.
///
/// # Errors
/// Everything that is wrong with it, of the first stage that finds anything.
pub fn parse_host_configuration(
    text: &str,
    file: &str,
) -> Result<Document<HostConfiguration>, Problems> {
    typed(yaml::read(file, text)?, shape::host_configuration(), validate::host_configuration)
}

/// Reads and checks a document of the kind that it says it is.
///
/// # Errors
/// Everything that is wrong with it, of the first stage that finds anything.
pub fn parse_document(text: &str, file: &str) -> Result<AnyDocument, Problems> {
    let located = yaml::read(file, text)?;
    let kind = located.root.entry("kind").and_then(|entry| entry.value.as_text());
    match kind {
        Some("PowerPolicy") => typed(located, shape::policy(), validate::policy)
            .map(|document| AnyDocument::Policy(Box::new(document))),
        Some("HostConfiguration") => {
            typed(located, shape::host_configuration(), validate::host_configuration)
                .map(|document| AnyDocument::HostConfiguration(Box::new(document)))
        }
        Some(other) => {
            let help = one_of(other, "kinds", ["PowerPolicy", "HostConfiguration"]);
            let message = format!("`{other}` is not a kind of document of ananke");
            Err(located
                .problem(Rule::UnknownWord, &Path::default().key("kind"), message, help)
                .into())
        }
        None => {
            let help = "begin it with `apiVersion: ananke.dev/v1alpha1` and `kind: PowerPolicy` \
                        (or `HostConfiguration`)";
            let message = "the document does not say what it is: `kind` is missing";
            Err(located.problem(Rule::MissingField, &Path::default(), message, help).into())
        }
    }
}

/// Where the value at `path` (`spec.target`, `spec.hosts[0].name`) stands in a text; `None` if the
/// text is not YAML or has nothing there.
pub fn locate(text: &str, path: &str) -> Option<Place> {
    let located = yaml::read("", text).ok()?;
    let path = Path::parse(path)?;
    located.root.at(&path)?;
    let range = located.root.pointer(&path);
    let (line, column) = located.source.line_column(range.start);
    let mark = located.source.mark;
    Some(Place { range: range.start + mark..range.end + mark, line, column })
}

fn typed<T: DeserializeOwned>(
    located: Located,
    shape: &Shape,
    meaning: impl Fn(&T, &Located) -> Vec<Problem>,
) -> Result<Document<T>, Problems> {
    Problems::none_of(form::check(&located, shape))?;
    let value: T = serde_json::from_value(located.root.to_json()).map_err(|error| {
        let help = "this value passed the check of its form; please report it";
        located.problem(Rule::WrongType, &Path::default(), error.to_string(), help)
    })?;
    Problems::none_of(meaning(&value, &located))?;
    Ok(Document { value, located })
}
