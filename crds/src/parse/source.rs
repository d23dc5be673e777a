//! The text of a document, and the lines of it that a message shows.

use std::fmt::Write as _;
use std::ops::Range;

/// Columns of a line that are shown at most; longer lines are cut around the place.
const SHOWN_COLUMNS: usize = 96;

/// A text and the file that it is from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Source {
    /// Name of the file, for messages.
    pub file: String,
    /// The text, without a byte order mark.
    pub text: String,
    /// Bytes of the mark that was taken off the beginning.
    pub mark: usize,
}

/// The byte order mark that some editors put before a text.
const MARK: char = '\u{feff}';

impl Source {
    /// The text of `file`.
    pub(crate) fn new(file: &str, text: &str) -> Self {
        let bare = text.strip_prefix(MARK).unwrap_or(text);
        Self { file: file.to_owned(), text: bare.to_owned(), mark: text.len() - bare.len() }
    }

    /// The bytes of the line that `offset` is in, without its end.
    pub(crate) fn line_range(&self, offset: usize) -> Range<usize> {
        let offset = self.boundary(offset);
        let before = self.text.get(..offset).unwrap_or_default();
        let behind = self.text.get(offset..).unwrap_or_default();
        let start = before.rfind('\n').map_or(0, |at| at + 1);
        let end = behind.find('\n').map_or(self.text.len(), |at| offset + at);
        let line = self.text.get(start..end).unwrap_or_default();
        start..start + line.strip_suffix('\r').unwrap_or(line).len()
    }

    /// Line and column of a byte, both from 1; the column counts characters.
    pub(crate) fn line_column(&self, offset: usize) -> (usize, usize) {
        let offset = self.boundary(offset);
        let before = self.text.get(..offset).unwrap_or_default();
        let line = before.matches('\n').count() + 1;
        let start = before.rfind('\n').map_or(0, |at| at + 1);
        let column = before.get(start..).unwrap_or_default().chars().count() + 1;
        (line, column)
    }

    /// The byte at a line and column, both from 1.
    pub(crate) fn offset(&self, line: usize, column: usize) -> usize {
        let mut start = 0;
        for (number, text) in self.text.split_inclusive('\n').enumerate() {
            if number + 1 == line {
                let within = text.char_indices().nth(column.saturating_sub(1));
                return start
                    + within.map_or(text.trim_end_matches(['\n', '\r']).len(), |(at, _)| at);
            }
            start += text.len();
        }
        self.text.len()
    }

    fn boundary(&self, offset: usize) -> usize {
        let offset = offset.min(self.text.len());
        (0..=offset).rev().find(|at| self.text.is_char_boundary(*at)).unwrap_or(0)
    }

    /// The line of `range` with a caret under every character of it.
    pub(crate) fn snippet(&self, range: &Range<usize>) -> String {
        let (line_number, column) = self.line_column(range.start);
        let line = self.line_range(range.start);
        let end = range.end.min(line.end).max(range.start);
        let width = self.text.get(range.start..end).unwrap_or_default().chars().count().max(1);
        let text: Vec<char> = sanitized(self.text.get(line).unwrap_or_default()).chars().collect();
        let first = if column + width <= SHOWN_COLUMNS {
            0
        } else {
            column.saturating_sub(SHOWN_COLUMNS / 2)
        };
        let shown: String = text.iter().skip(first).take(SHOWN_COLUMNS).collect();
        let cut = |is_cut: bool| if is_cut { "…" } else { "" };
        let (before, behind) = (cut(first > 0), cut(text.len() > first + SHOWN_COLUMNS));
        let gutter = line_number.to_string().len();
        let indent = column - 1 - first.min(column - 1) + before.chars().count();
        let mut snippet = String::new();
        let _ = writeln!(snippet, "{:gutter$} |", "");
        let shown = format!("{line_number} | {before}{shown}{behind}");
        let _ = writeln!(snippet, "{}", shown.trim_end());
        let _ = write!(
            snippet,
            "{:gutter$} | {:indent$}{}",
            "",
            "",
            "^".repeat(width.min(SHOWN_COLUMNS))
        );
        snippet
    }
}

/// A text that comes from a document, so that it cannot write to the terminal and shows no password
/// of a URL (`scheme://user:password@…`). It keeps its number of characters.
pub(crate) fn sanitized(text: &str) -> String {
    let mut shown = String::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once("://") {
        shown.extend(before.chars().map(printable));
        shown.push_str("://");
        let end = after.find(|c: char| c == '/' || c.is_whitespace()).unwrap_or(after.len());
        let (authority, tail) = after.split_at_checked(end).unwrap_or((after, ""));
        match authority.rsplit_once('@').map(|(user, host)| (user.split_once(':'), host)) {
            Some((Some((user, password)), host)) => {
                let stars = "*".repeat(password.chars().count());
                shown.extend(format!("{user}:{stars}@{host}").chars().map(printable));
            }
            _ => shown.extend(authority.chars().map(printable)),
        }
        rest = tail;
    }
    shown.extend(rest.chars().map(printable));
    shown
}

/// Longest message about a document, in characters.
const LONGEST_MESSAGE: usize = 600;

/// A message that quotes a document: [`sanitized`], and no longer than somebody reads.
pub(crate) fn message(text: &str) -> String {
    let shown = sanitized(text);
    match shown.char_indices().nth(LONGEST_MESSAGE) {
        Some((end, _)) => format!("{}…", shown.get(..end).unwrap_or_default()),
        None => shown,
    }
}

/// Keeps a document from writing to the terminal.
fn printable(c: char) -> char {
    match c {
        '\t' => ' ',
        c if c.is_control() => '\u{fffd}',
        c => c,
    }
}

#[cfg(test)]
mod tests {
    use super::{Source, sanitized};

    #[test]
    fn passwords_and_control_characters_are_not_shown() {
        let shown =
            sanitized("a \"https://me:s3cret@x/y\" ssh://git@z:22/ \u{1b}[0m http://a@b:*@d");
        assert_eq!(shown, "a \"https://me:******@x/y\" ssh://git@z:22/ \u{fffd}[0m http://a@b:*@d");
    }

    #[test]
    fn places_and_offsets_agree() {
        let source = Source::new("f", "\u{feff}a: é\r\nb: x\n");
        for (offset, place) in [(0, (1, 1)), (3, (1, 4)), (5, (1, 5)), (7, (2, 1)), (10, (2, 4))] {
            assert_eq!(source.line_column(offset), place, "{offset}");
            assert_eq!(source.offset(place.0, place.1), offset, "{place:?}");
        }
        assert_eq!(source.line_column(999), (3, 1));
        assert_eq!((source.offset(1, 99), source.offset(99, 1)), (5, 12));
    }

    #[test]
    fn a_snippet_points_to_all_of_a_value_and_never_past_its_line() {
        let source = Source::new("f", "a: é\nbcd: [1,\n 2]\n");
        assert_eq!(source.snippet(&(3..5)), "  |\n1 | a: é\n  |    ^");
        assert_eq!(source.snippet(&(11..17)), "  |\n2 | bcd: [1,\n  |      ^^^");
        assert_eq!(source.snippet(&(20..20)), "  |\n4 |\n  | ^");
    }
}
