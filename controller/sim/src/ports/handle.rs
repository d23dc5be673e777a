use std::time::Duration;

use crate::world::{Millis, World};

/// A world that others share, and whose time flows by itself.
pub trait WorldHandle: Send + Sync + 'static {
    /// Now, in milliseconds of the world. Never runs backwards.
    fn now_millis(&self) -> Millis;

    /// Looks at the world as it is now.
    fn look<R>(&self, look: impl FnOnce(&World) -> R) -> Result<R, WorldError>;

    /// Changes the world as it is now.
    fn act<R>(&self, act: impl FnOnce(&mut World) -> R) -> Result<R, WorldError>;

    /// How long a span of the world takes on tokio's clock.
    fn real(&self, span: Duration) -> Duration;

    /// A call met a fault of a part of the world: for whoever counts what faults came to.
    fn met(&self, _part: &'static str, _fault: &'static str) {}
}

/// Why there is no world.
#[derive(Debug, thiserror::Error)]
pub enum WorldError {
    /// Somebody else holds it.
    #[error("{path}: another process has held it for {waited_millis} ms; is it stopped?")]
    Locked {
        /// The lock file.
        path: String,
        /// How long was waited, in milliseconds.
        waited_millis: u128,
    },
    /// The file system says no.
    #[error("{path}: {message}")]
    Io {
        /// The file.
        path: String,
        /// What the system said.
        message: String,
    },
    /// There is no world in the folder.
    #[error("{path}: there is no world here; start one with `ananke run --world embedded`")]
    Missing {
        /// The file.
        path: String,
    },
    /// The file is not a world.
    #[error("{path}: this is not a world of this version ({message}); delete it to begin anew")]
    Damaged {
        /// The file.
        path: String,
        /// What is wrong with it.
        message: String,
    },
}
