//! What is wrong with a document.

use std::fmt;

use serde::Serialize;

/// Declares [`Rule`] with the name and the meaning of every rule.
macro_rules! rules {
    ($($(#[$doc:meta])+ $rule:ident = $name:literal,)+) => {
        /// The rules that a document can break. Each has an example in the corpus of invalid
        /// documents.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Rule {
            $($(#[$doc])+ $rule,)+
        }

        impl Rule {
            /// Every rule.
            pub const ALL: &'static [Self] = &[$(Self::$rule,)+];

            /// Its name, as it stands in messages.
            pub const fn as_str(self) -> &'static str {
                match self {
                    $(Self::$rule => $name,)+
                }
            }
        }
    };
}

rules! {
    /// The text is not YAML.
    Syntax = "syntax",
    /// A key stands twice in one mapping.
    DuplicateKey = "duplicate-key",
    /// A file holds more than one document.
    SeveralDocuments = "several-documents",
    /// A merge key (`<<`).
    MergeKey = "merge-key",
    /// The document is larger or deeper than any sensible one.
    TooLarge = "too-large",
    /// A field that does not exist.
    UnknownField = "unknown-field",
    /// A field that must be there and is not.
    MissingField = "missing-field",
    /// A `status`, which only ananke writes.
    StatusInDocument = "status-in-document",
    /// A value of another type.
    WrongType = "wrong-type",
    /// A word that is not one of those that are possible.
    UnknownWord = "unknown-word",
    /// A text that is not in the form it should be in.
    BadValue = "bad-value",
    /// A number that is too small or too large.
    OutOfRange = "out-of-range",
    /// A list or text that must not be empty.
    Empty = "empty",
    /// An entry that stands twice in a list.
    DuplicateEntry = "duplicate-entry",
    /// Two things of one kind with one name.
    DuplicateName = "duplicate-name",
    /// A host that does not exist.
    UnknownHost = "unknown-host",
    /// A supply that does not exist.
    UnknownSupply = "unknown-supply",
    /// A layer that does not exist.
    UnknownLayer = "unknown-layer",
    /// A unit that does not exist.
    UnknownUnit = "unknown-unit",
    /// A unit of a kind that is of no use there.
    WrongUnitKind = "wrong-unit-kind",
    /// A host whose role does not fit.
    WrongRole = "wrong-role",
    /// Two supplies that feed all the rest.
    SeveralCatchAlls = "several-catch-alls",
    /// Two hosts that ananke runs on.
    SeveralSelf = "several-self",
    /// `off` at a host that ananke does not run on.
    OffWithoutSelf = "off-without-self",
    /// A way back over a supply that does not feed the host.
    WayBackWithoutSupply = "way-back-without-supply",
    /// A way back over a supply that this host cannot have cut its output.
    WayBackNotOurs = "way-back-not-ours",
    /// No host that runs the control plane.
    NoServer = "no-server",
    /// A path that nothing carries, or that two things carry.
    PathCarrier = "path-carrier",
    /// A path to the host that it runs on.
    PathToItself = "path-to-itself",
    /// More clocks wanted than there are hosts.
    ClockQuorum = "clock-quorum",
    /// A datastore that does not fit the number of servers.
    Datastore = "datastore",
    /// A scale to zero of everything.
    QuiesceSelector = "quiesce-selector",
    /// Two values of which one makes the other void.
    Contradiction = "contradiction",
    /// Units that wait for each other in a ring.
    Cycle = "cycle",
    /// A host configuration for another policy.
    OtherPolicy = "other-policy",
    /// A supply whose NUT server nobody knows.
    SupplyWithoutEndpoint = "supply-without-endpoint",
    /// An instance that needs others and names none.
    NoPeers = "no-peers",
    /// Layers without the repository that they are in.
    NoBootstrapSource = "no-bootstrap-source",
    /// A Vault whose unseal key is nowhere.
    NoUnsealKey = "no-unseal-key",
}

impl Serialize for Rule {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

impl fmt::Display for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// One thing that is wrong with a document, and where.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Problem {
    /// File of the document, as it was given.
    pub file: String,
    /// Line, from 1.
    pub line: usize,
    /// Column in characters, from 1.
    pub column: usize,
    /// The rule that it breaks.
    pub rule: Rule,
    /// Path of the value, as in `spec.hosts[3].role`; empty for the document as a whole.
    pub path: String,
    /// What is wrong.
    pub message: String,
    /// What is expected.
    pub help: String,
    /// The line with a caret under the place.
    pub snippet: String,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let gutter = self.line.to_string().len();
        writeln!(f, "error[{}]: {}", self.rule, self.message)?;
        writeln!(f, "{:gutter$}--> {}:{}:{}", "", self.file, self.line, self.column)?;
        writeln!(f, "{}", self.snippet)?;
        write!(f, "{:gutter$} = help: {}", "", self.help)
    }
}

/// Everything that is wrong with a document, in the order of the text; never empty.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub struct Problems(Vec<Problem>);

impl Problems {
    /// `Ok` if there are none.
    pub(crate) fn none_of(mut problems: Vec<Problem>) -> Result<(), Self> {
        if problems.is_empty() {
            return Ok(());
        }
        problems.sort();
        problems.dedup();
        Err(Self(problems))
    }

    /// The problems.
    pub fn as_slice(&self) -> &[Problem] {
        &self.0
    }

    /// The first problem in one line, `FILE:LINE:COLUMN: …`, and how many more there are.
    pub fn line(&self) -> String {
        let Some(first) = self.0.first() else { return String::new() };
        let message = first.message.split_whitespace().collect::<Vec<_>>().join(" ");
        let place = format!("{}:{}:{}", first.file, first.line, first.column);
        match self.0.len() {
            1 => format!("{place}: {message}"),
            all => format!("{place}: {message} (and {} more)", all - 1),
        }
    }

    /// The problems.
    pub fn into_vec(self) -> Vec<Problem> {
        self.0
    }
}

impl From<Problem> for Problems {
    fn from(problem: Problem) -> Self {
        Self(vec![problem])
    }
}

impl fmt::Display for Problems {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (position, problem) in self.0.iter().enumerate() {
            if position > 0 {
                f.write_str("\n\n")?;
            }
            problem.fmt(f)?;
        }
        Ok(())
    }
}
