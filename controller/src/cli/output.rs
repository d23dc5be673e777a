//! Tables as `kubectl` prints them, and JSON or YAML of the same.

use serde::Serialize;

use super::{
    args::Output,
    exit::{Exit, Failure},
};

/// Prints one line of results.
macro_rules! say {
    ($($part:tt)*) => { anstream::println!($($part)*) };
}
pub(crate) use say;

/// Prints something a person should know that is not the result.
macro_rules! tell {
    ($($part:tt)*) => { anstream::eprintln!($($part)*) };
}
pub(crate) use tell;

/// Prints a value as JSON or YAML; `false` when a table is wanted.
pub(crate) fn structured(output: Output, value: &impl Serialize) -> Result<bool, Failure> {
    match output {
        Output::Table => return Ok(false),
        Output::Json => say!("{}", serde_json::to_string_pretty(value)?),
        Output::Yaml => say!("{}", yaml(value)?.trim_end()),
    }
    Ok(true)
}

fn yaml(value: &impl Serialize) -> Result<String, Failure> {
    serde_saphyr::to_string(value).map_err(|error| Failure::new(Exit::Failed, error.to_string()))
}

/// How wide a line may be: `COLUMNS`, else the terminal, else 80.
pub(crate) fn width() -> usize {
    let told = std::env::var("COLUMNS").ok().and_then(|columns| columns.parse().ok());
    let terminal = || terminal_size::terminal_size().map(|(columns, _)| usize::from(columns.0));
    told.or_else(terminal).filter(|columns| *columns >= NARROWEST).unwrap_or(80)
}

/// Narrower than this nothing can be shown in columns.
const NARROWEST: usize = 40;

/// A table: columns as wide as they must be, three spaces apart, no rules. What would be wider than
/// the line is set closer, then its last column is wrapped.
pub(crate) struct Table {
    rows: Vec<Vec<String>>,
}

impl Table {
    pub(crate) fn new(head: &[&str]) -> Self {
        Self { rows: vec![head.iter().map(ToString::to_string).collect()] }
    }

    pub(crate) fn row(&mut self, cells: impl IntoIterator<Item = String>) {
        self.rows.push(cells.into_iter().collect());
    }

    pub(crate) fn lines(&self) -> Vec<String> {
        self.within(width())
    }

    /// The lines, with a last column of no more than the rest of so many characters.
    fn within(&self, most: usize) -> Vec<String> {
        let columns = self.rows.iter().map(Vec::len).max().unwrap_or(0);
        let width = |column: usize| {
            let cells = self.rows.iter().filter_map(|row| row.get(column));
            cells.map(|cell| plain_width(cell)).max().unwrap_or(0)
        };
        let mut widths: Vec<usize> = (0..columns).map(width).collect();
        let Some(last) = widths.pop() else { return Vec::new() };
        let before = |gap: usize| widths.iter().map(|width| width + gap).sum::<usize>();
        let gap = if before(3) + last <= most { 3 } else { 2 };
        let room = most.saturating_sub(before(gap)).max(NARROWEST / 4);
        let lines = |row: &Vec<String>| laid_out(row, &widths, gap, room);
        self.rows.iter().flat_map(lines).collect()
    }

    pub(crate) fn print(&self) {
        for line in self.lines() {
            say!("{line}");
        }
    }
}

/// One row; what does not fit into the last column goes on below it.
fn laid_out(row: &[String], widths: &[usize], gap: usize, room: usize) -> Vec<String> {
    let mut text = String::new();
    for (cell, width) in row.iter().zip(widths) {
        text.push_str(cell);
        let pad = (width + gap).saturating_sub(plain_width(cell));
        text.extend(std::iter::repeat_n(' ', pad));
    }
    let indent = " ".repeat(plain_width(&text));
    let last = row.get(widths.len()).map(|cell| wrapped(cell, room)).unwrap_or_default();
    let mut lines = last.into_iter();
    text.push_str(&lines.next().unwrap_or_default());
    text.truncate(text.trim_end().len());
    std::iter::once(text).chain(lines.map(|line| format!("{indent}{line}"))).collect()
}

/// Words on lines of no more than so many characters; a longer word has a line of its own.
pub(crate) fn wrapped(text: &str, most: usize) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for paragraph in text.lines() {
        let mut line = String::new();
        for word in paragraph.split(' ') {
            let joined = plain_width(&line) + 1 + plain_width(word);
            if !line.is_empty() && joined > most {
                lines.push(std::mem::take(&mut line));
            } else if !line.is_empty() {
                line.push(' ');
            }
            line.push_str(word);
        }
        lines.push(line);
    }
    lines
}

/// The width on the terminal: colour takes none.
fn plain_width(cell: &str) -> usize {
    let mut width = 0;
    let mut escape = false;
    for c in cell.chars() {
        match c {
            '\u{1b}' => escape = true,
            'm' if escape => escape = false,
            _ if escape => {}
            _ => width += 1,
        }
    }
    width
}

/// A colour by meaning.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Tone {
    /// As it should be.
    Good,
    /// Under way.
    Busy,
    /// Needs attention.
    Bad,
    /// Less important.
    Dim,
    /// The sentence.
    Strong,
}

/// Text in a tone; what is not a terminal gets it plain.
pub(crate) fn toned(tone: Tone, text: &str) -> String {
    let code = match tone {
        Tone::Good => "32",
        Tone::Busy => "33",
        Tone::Bad => "31",
        Tone::Dim => "2",
        Tone::Strong => "1",
    };
    format!("\u{1b}[{code}m{text}\u{1b}[0m")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_line_up_whatever_their_colour() {
        let mut table = Table::new(&["NAME", "STATE"]);
        table.row([toned(Tone::Good, "a"), "up".into()]);
        let lines = table.within(80);
        assert_eq!(lines, ["NAME   STATE", "\u{1b}[32ma\u{1b}[0m      up"]);
    }

    #[test]
    fn a_wide_table_is_set_closer_and_then_wrapped() {
        let mut table = Table::new(&["NAME", "WHY"]);
        table.row(["a".into(), "one two three four".into()]);
        assert_eq!(table.within(24), ["NAME  WHY", "a     one two three four"]);
        assert_eq!(table.within(20), ["NAME  WHY", "a     one two three", "      four"]);
    }

    #[test]
    fn words_are_never_broken_and_colour_takes_no_room() {
        assert_eq!(wrapped("aa bb\ncccccc d", 5), ["aa bb", "cccccc", "d"]);
        assert_eq!(wrapped(&toned(Tone::Bad, "aa bb"), 5).len(), 1);
        assert_eq!(wrapped("", 5), Vec::<String>::new());
    }
}
