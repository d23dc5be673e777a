use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::value::GoDuration;

/// A command that tells people. It gets the event as JSON on its standard input.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Notification {
    /// What it is told of.
    #[schemars(length(min = 1))]
    pub on: Vec<NotifyEvent>,
    /// The program and its arguments; no shell reads them.
    #[schemars(length(min = 1))]
    pub command: Vec<String>,
    /// How long it may take. By default `10s`.
    #[serde(default = "notify_timeout")]
    pub timeout: GoDuration,
}

/// It must never hold up what it tells of.
const fn notify_timeout() -> GoDuration {
    GoDuration::from_secs(10)
}

/// What people are told of.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "kebab-case")]
pub enum NotifyEvent {
    /// A supply takes its hosts down.
    Falling,
    /// Mains are back, but not yet reliable.
    Held,
    /// The declared target is in force again.
    Lifted,
    /// Something needs a person.
    Manual,
    /// The target is reached.
    Done,
}
