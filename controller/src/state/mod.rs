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
