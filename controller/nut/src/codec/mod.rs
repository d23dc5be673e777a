//! The protocol without I/O: bytes in, lines, words, answers out.
//!
//! Every input is bounded ([`MAX_LINE_BYTES`], [`MAX_LIST_ENTRIES`]) and decoded as lossy UTF-8,
//! because some drivers hand on Latin-1 from the device and one strange serial number must not
//! hide the status.

mod answer;
mod err_code;
mod line;
mod quote;
mod request;
mod response;

pub use answer::{Answer, Expected, MAX_LIST_ENTRIES, UpsEntry};
pub use err_code::ErrCode;
pub use line::{LineBuffer, MAX_BUFFERED_BYTES, MAX_LINE_BYTES};
pub use quote::{MAX_WORD_BYTES, QuoteError, quote, tokenize};
pub use request::Request;
pub use response::Response;

/// Why what the server sent, or what it would be sent, is not the protocol.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CodecError {
    /// A line without an end within [`MAX_LINE_BYTES`].
    #[error("a line is longer than {MAX_LINE_BYTES} bytes: is this port really upsd?")]
    LineTooLong,
    /// A list with more than [`MAX_LIST_ENTRIES`] entries.
    #[error("a list has more than {MAX_LIST_ENTRIES} entries: is this port really upsd?")]
    ListTooLong,
    /// A line whose quotes or escapes do not close, or a word that cannot be sent.
    #[error("bad quoting")]
    Quoting(#[from] QuoteError),
    /// A well-formed line that does not answer the request. Cut and escaped for a log.
    #[error("`{line}` is not an answer to the request")]
    Unexpected {
        /// The start of the line, escaped.
        line: String,
    },
    /// Bytes after the last answer: the next request would be given an answer to another one.
    #[error("the server sent more than was asked for")]
    Unsolicited,
    /// The answer is about another device than the one asked for.
    #[error("asked for the device `{asked}`, the answer is about `{got}`")]
    WrongDevice {
        /// The device in the request.
        asked: String,
        /// The device in the answer.
        got: String,
    },
    /// The answer is about another variable than the one asked for.
    #[error("asked for the variable `{asked}`, the answer is about `{got}`")]
    WrongVariable {
        /// The variable in the request.
        asked: String,
        /// The variable in the answer.
        got: String,
    },
}

/// Characters of a foreign text that an error message shows.
const EXCERPT_CHARS: usize = 120;

/// The start of a foreign text, escaped so that it cannot forge lines or colours in a log.
pub(crate) fn excerpt(text: &str) -> String {
    let mut shown: String =
        text.chars().take(EXCERPT_CHARS).flat_map(char::escape_default).collect();
    if text.chars().nth(EXCERPT_CHARS).is_some() {
        shown.push_str("...");
    }
    shown
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn excerpts_are_cut_and_cannot_forge_log_lines() {
        assert_eq!(excerpt("a\u{1b}[31m\nb"), "a\\u{1b}[31m\\nb");
        let long = excerpt(&"x".repeat(MAX_LINE_BYTES));
        assert_eq!(long.len(), EXCERPT_CHARS + 3);
        assert!(long.ends_with("..."));
    }
}
