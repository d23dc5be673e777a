//! Exit codes and failures.

use std::process::ExitCode;

/// How a command ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Exit {
    /// Done.
    Done = 0,
    /// Failed.
    Failed = 1,
    /// Usage, or an invalid document.
    Usage = 2,
    /// Blocked by a guard; the reason is printed.
    Blocked = 3,
    /// Timed out, still under way.
    TimedOut = 4,
    /// Not reachable.
    Unreachable = 5,
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit as u8)
    }
}

/// What went wrong, for a person.
#[derive(Debug)]
pub(crate) struct Failure {
    exit: Exit,
    message: String,
    remedy: Option<String>,
}

impl Failure {
    pub(crate) fn new(exit: Exit, message: impl Into<String>) -> Self {
        Self { exit, message: message.into(), remedy: None }
    }

    /// With what to do about it.
    pub(crate) fn remedy(mut self, remedy: impl Into<String>) -> Self {
        self.remedy = Some(remedy.into());
        self
    }

    /// With another exit code.
    pub(crate) fn exit(mut self, exit: Exit) -> Self {
        self.exit = exit;
        self
    }

    /// The failure in one line.
    pub(crate) fn line(&self) -> String {
        self.message.lines().next().unwrap_or_default().to_owned()
    }

    /// Prints it, and says how the command ends.
    pub(crate) fn print(&self) -> Exit {
        anstream::eprintln!("error: {}", self.message.trim_end());
        if let Some(remedy) = &self.remedy {
            anstream::eprintln!("  try: {remedy}");
        }
        self.exit
    }
}

impl<E: std::error::Error> From<E> for Failure {
    /// The chain of causes, each said once.
    fn from(error: E) -> Self {
        let mut message = error.to_string();
        let mut source = error.source();
        while let Some(cause) = source {
            let text = cause.to_string();
            if !message.contains(&text) {
                message = format!("{message}: {text}");
            }
            source = cause.source();
        }
        Self::new(Exit::Failed, message)
    }
}
