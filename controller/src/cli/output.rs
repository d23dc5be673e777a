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

/// A table: columns as wide as they must be, three spaces apart, no rules.
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
        let columns = self.rows.iter().map(Vec::len).max().unwrap_or(0);
        let width = |column: usize| {
            let cells = self.rows.iter().filter_map(|row| row.get(column));
            cells.map(|cell| plain_width(cell)).max().unwrap_or(0)
        };
        let widths: Vec<usize> = (0..columns).map(width).collect();
        self.rows.iter().map(|row| line(row, &widths)).collect()
    }

    pub(crate) fn print(&self) {
        for line in self.lines() {
            say!("{line}");
        }
    }
}

fn line(row: &[String], widths: &[usize]) -> String {
    let mut text = String::new();
    for (cell, width) in row.iter().zip(widths) {
        text.push_str(cell);
        let pad = (width + 3).saturating_sub(plain_width(cell));
        text.extend(std::iter::repeat_n(' ', pad));
    }
    text.truncate(text.trim_end().len());
    text
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
        let lines = table.lines();
        assert_eq!(lines[0], "NAME   STATE");
        assert_eq!(lines[1], "\u{1b}[32ma\u{1b}[0m      up");
    }
}
