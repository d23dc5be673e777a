//! What lies in the state directory.

use ananke_ports::Store;
use serde::de::DeserializeOwned;

mod history;
mod noted;
mod recorder;
mod remembered;
mod replay;
mod requests;

pub use history::History;
pub use recorder::{Line, Recorder};
pub use remembered::{Asked, Remembered};
pub use replay::{Change, Difference, Replayed, replay};
pub use requests::{Answer, FOLDER as REQUESTS, Request, Scene, Standing};

/// `status.json`: the same as `/status`.
pub const STATUS: &str = "status.json";
/// `intent.json`: for peers and people.
pub const INTENT: &str = "intent.json";
/// `override.json`: what people asked for, apart from the document.
pub const OVERRIDE: &str = "override.json";
/// `runs.json`: what the steps of past runs took.
pub const RUNS: &str = "runs.json";
/// The last valid document.
pub const LAST_GOOD: &str = "policy/last-good.yaml";

/// Reads a file of ours; one that is damaged, or cannot be read, is set aside.
///
/// # Errors
/// What is wrong with it, and where it is now.
fn parsed<T: DeserializeOwned>(store: &dyn Store, path: &str) -> Result<Option<T>, String> {
    let wrong = match store.read(path) {
        Ok(None) => return Ok(None),
        Ok(Some(bytes)) => match serde_json::from_slice(&bytes) {
            Ok(value) => return Ok(Some(value)),
            Err(error) => format!("is damaged ({})", short(&error.to_string(), QUOTED)),
        },
        Err(error) => format!("cannot be read ({})", short(&error.to_string(), QUOTED)),
    };
    Err(format!("{path} {wrong}, {}", put_aside(store, path)))
}

/// Sets a file aside, and says where it is now.
pub(crate) fn put_aside(store: &dyn Store, path: &str) -> String {
    match store.set_aside(path) {
        Ok(aside) => format!("kept as {aside}"),
        Err(error) => format!("left as it is ({})", short(&error.to_string(), QUOTED)),
    }
}

/// Longest message that is told, in characters.
const TOLD: usize = 400;
/// Longest part of one that quotes a file: what to do about it stands behind that.
const QUOTED: usize = 160;

/// A message that quotes what a file or a request holds: on one line, without anything that writes
/// to a terminal, and no longer than somebody reads.
fn plain(message: &str) -> String {
    short(message, TOLD)
}

/// The same, of so many characters at most.
fn short(message: &str, most: usize) -> String {
    let mut plain: String = message
        .chars()
        .take(most)
        .map(|c| if c.is_control() { char::REPLACEMENT_CHARACTER } else { c })
        .collect();
    if message.chars().nth(most).is_some() {
        plain.push('…');
    }
    plain
}

#[cfg(test)]
mod tests {
    use super::{TOLD, plain};

    #[test]
    fn a_message_is_one_short_line_whatever_it_quotes() {
        assert_eq!(plain("größer"), "größer");
        assert_eq!(plain("a\u{1b}[31m\nb"), "a\u{fffd}[31m\u{fffd}b");
        assert_eq!(plain(&"x".repeat(TOLD)), "x".repeat(TOLD));
        assert_eq!(plain(&"ä".repeat(TOLD + 1)), "ä".repeat(TOLD) + "…");
    }
}
