//! What lies in the state directory.

mod history;
mod noted;
mod recorder;
mod replay;
mod requests;

pub use history::History;
pub use recorder::{Line, Recorder};
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

/// Longest message that is told, in characters.
const TOLD: usize = 400;

/// A message that quotes what a file or a request holds: on one line, without anything that writes
/// to a terminal, and no longer than somebody reads.
fn plain(message: &str) -> String {
    let mut plain: String = message
        .chars()
        .take(TOLD)
        .map(|c| if c.is_control() { char::REPLACEMENT_CHARACTER } else { c })
        .collect();
    if message.chars().nth(TOLD).is_some() {
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
