//! YAML syntax.

use serde_saphyr::{DuplicateKeyPolicy, Error, MergeKeyPolicy, Options, UserMessageFormatter};

use super::document::Located;
use super::node::Node;
use super::problem::{Problem, Problems, Rule};
use super::source::{self, Source};

/// Longest text that is read, in bytes: a policy of 5,000 hosts takes about a third of it.
const LONGEST_TEXT: usize = 1 << 20;

/// Deepest nesting of lists and mappings; the documents need 8.
const DEEPEST: usize = 24;

/// Most values in one document, counting those behind an alias each time: a policy of 5,000 hosts
/// has about half as many.
const MOST_NODES: usize = 100_000;

/// Most values that all aliases of one document stand for together, each counted each time. What is
/// behind an alias is copied, and copied again for each alias around it.
const MOST_ALIASED: usize = 10_000;

/// What is said of a text that is too long or too deep.
const SMALLER: &str = "is this the right file?";

/// Reads a text as one YAML document.
pub(crate) fn read(file: &str, text: &str) -> Result<Located, Problems> {
    let source = Source::new(file, text);
    if source.text.len() > LONGEST_TEXT {
        let message = format!("the text is longer than {} KiB", LONGEST_TEXT / 1024);
        let range = 0..0;
        return Err(problem(&source, Rule::TooLarge, &range, &message, SMALLER).into());
    }
    match serde_saphyr::from_str_with_options::<Node>(&source.text, options()) {
        Ok(root) => Ok(Located { source, root }),
        Err(error) => Err(explain(&source, error.without_snippet()).into()),
    }
}

/// YAML 1.2 and nothing that makes a text mean something else than it says.
fn options() -> Options {
    serde_saphyr::options! {
        budget: serde_saphyr::budget! {
            max_depth: DEEPEST,
            max_nodes: MOST_NODES,
            // What aliases stand for is bounded; how many there are of one anchor says nothing.
            enforce_alias_anchor_ratio: false,
        },
        alias_limits: serde_saphyr::alias_limits! { max_total_replayed_events: MOST_ALIASED },
        strict_booleans: true,
        duplicate_keys: DuplicateKeyPolicy::Error,
        merge_keys: MergeKeyPolicy::Error,
        reject_unsupported_tags: true,
        with_snippet: false,
        emit_comments: false,
    }
}

fn problem(
    source: &Source,
    rule: Rule,
    range: &std::ops::Range<usize>,
    message: &str,
    help: &str,
) -> Problem {
    let (line, column) = source.line_column(range.start);
    let (file, snippet) = (source.file.clone(), source.snippet(range));
    let (message, help) = (source::message(message), source::message(help));
    Problem { file, line, column, rule, path: String::new(), message, help, snippet }
}

/// The parser's error as a problem, in words that help.
fn explain(source: &Source, error: &Error) -> Problem {
    let (line, column) = error.location().map_or((1, 1), |location| {
        let number = |number: u64| usize::try_from(number).unwrap_or(1).max(1);
        (number(location.line()), number(location.column()))
    });
    let start = source.offset(line, column);
    let length = match error {
        Error::DuplicateMappingKey { key, .. } => key.as_ref().map_or(1, String::len),
        Error::MultipleDocuments { .. } => 0,
        _ => 1,
    };
    let (rule, message, help) = words(error);
    problem(source, rule, &(start..start + length), &message, &help)
}

fn words(error: &Error) -> (Rule, String, String) {
    match error {
        Error::AliasError { error, .. } => words(error),
        Error::DuplicateMappingKey { key, .. } => {
            let key = key.as_deref().unwrap_or("a key");
            let message = format!("`{key}` stands here a second time");
            (Rule::DuplicateKey, message, "keep one of the two".to_owned())
        }
        Error::MultipleDocuments { .. } => {
            let message = "a second document begins here".to_owned();
            (Rule::SeveralDocuments, message, "put each document into a file of its own".to_owned())
        }
        Error::MergeKeyNotAllowed { .. } => {
            let message = "merge keys (`<<`) are not read".to_owned();
            (Rule::MergeKey, message, "write the fields out".to_owned())
        }
        Error::Unexpected { expected: "string scalar", .. } => {
            let message = "a list or a mapping cannot be a key".to_owned();
            (Rule::Syntax, message, "write one word before the colon".to_owned())
        }
        Error::AliasReplayLimitExceeded { .. } => {
            let message =
                format!("the aliases up to here stand for more than {MOST_ALIASED} values");
            (Rule::TooLarge, message, "write the values out instead of `*…`".to_owned())
        }
        Error::Budget { .. } => {
            let message = "the document is nested too deeply or has too many parts".to_owned();
            (Rule::TooLarge, message, SMALLER.to_owned())
        }
        _ => {
            let message = plain_message(error);
            let help = help_with(&message).to_owned();
            (Rule::Syntax, message, help)
        }
    }
}

/// The parser's message without the place, which stands elsewhere.
fn plain_message(error: &Error) -> String {
    let text = error.render_with_formatter(&UserMessageFormatter);
    let text = text.lines().next().unwrap_or_default();
    text.split(" at line ").next().unwrap_or(text).to_owned()
}

/// What is probably behind a message of the parser.
fn help_with(message: &str) -> &'static str {
    let table = [
        ("tabs", "indent with spaces"),
        ("multiline quoted", "a quote that is opened before this line is not closed"),
        ("quote", "a quote is not closed, or stands inside a quoted text; close it or double it"),
        ("bracket", "look for a `[`, `]`, `{` or `}` too many or too few"),
        ("flow", "look for a `[`, `]`, `{` or `}` too many or too few, or a comma missing"),
        ("mapping values", "check the indentation, and put a text that holds `: ` into quotes"),
        ("':' indicator", "is a `]` or `}` missing before this line?"),
        ("unexpected character", "put a text with special characters into quotes"),
        ("not a finite number", "write a number, or put a text into quotes"),
        ("tag", "leave the tag (`!…`) out"),
        ("unknown value", "write the value out instead of `*…`"),
    ];
    let known = table.iter().find(|(part, _)| message.contains(part));
    known.map_or(
        "check the indentation, quotes and brackets of this line and the one before",
        |(_, help)| help,
    )
}
