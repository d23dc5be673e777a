//! A thing seen, and when. Unknown is a value: never a default, never the last one seen.

use std::{sync::Arc, time::Duration};

use serde::{Deserialize, Serialize};

use crate::time::Tick;

/// What an observation port last learned of a thing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Seen<T> {
    /// The thing answered at `at`.
    Known {
        /// What it said; shared, for every turn of the loop keeps a snapshot of everything.
        value: Arc<T>,
        /// When it said so.
        at: Tick,
    },
    /// Nothing is known of it now.
    Unknown {
        /// Why nothing is known.
        why: Unseen,
        /// Since when: the last answer, or the first look if it never answered.
        since: Tick,
        /// The first look since then that failed. Looks may be far apart: only from here on is it
        /// known to have been silent. `None`: from `since` on.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        missed: Option<Tick>,
    },
}

/// Why a thing is not seen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Unseen {
    /// This daemon has not looked yet.
    NotYet,
    /// No answer within the deadline.
    Silent,
    /// It answers, and refuses us (SSH key, API permission, NUT login).
    Refused,
    /// It is on, and nothing there takes a connection: its sshd does not run (yet, or any more).
    Closed,
    /// Its host key is not the pinned one.
    HostKey,
    /// It answered something that cannot be understood.
    Garbage,
    /// The answer is older than it may be (driver data stale, watch cut).
    Stale,
    /// The answer is a memory of before the boot.
    BeforeBoot,
    /// The way to it is down, so its silence proves nothing.
    PathDown,
    /// The server knows no such device.
    NoSuchDevice,
    /// It is another device than it was, or than the host configuration names.
    WrongDevice,
}

impl Unseen {
    /// The reason as half a sentence, for a person.
    pub const fn text(self) -> &'static str {
        match self {
            Self::NotYet => "not looked at yet",
            Self::Silent => "does not answer",
            Self::Refused => "refuses us",
            Self::Closed => "is on, and takes no connection",
            Self::HostKey => "shows another host key than the pinned one",
            Self::Garbage => "answers something that cannot be understood",
            Self::Stale => "says nothing new",
            Self::BeforeBoot => "has not shown life since its boot",
            Self::PathDown => "cannot be reached: the way to it is down",
            Self::NoSuchDevice => "is not known to its server",
            Self::WrongDevice => "is another device than it should be",
        }
    }
}

impl Unseen {
    /// Whether only something that is there and on says so.
    const fn is_an_answer(self) -> bool {
        matches!(self, Self::Refused | Self::Closed | Self::HostKey | Self::Garbage)
    }
}

impl<T> Seen<T> {
    /// Seen now.
    pub fn known(value: T, at: Tick) -> Self {
        Self::Known { value: Arc::new(value), at }
    }

    /// Not seen since.
    pub const fn unknown(why: Unseen, since: Tick) -> Self {
        Self::Unknown { why, since, missed: None }
    }

    /// The value, if it is known.
    pub fn value(&self) -> Option<&T> {
        match self {
            Self::Known { value, .. } => Some(value),
            Self::Unknown { .. } => None,
        }
    }

    /// The value, or why it is not known.
    pub fn look(&self) -> Result<&T, Unseen> {
        match self {
            Self::Known { value, .. } => Ok(value),
            Self::Unknown { why, .. } => Err(*why),
        }
    }

    /// The value, to change it: other snapshots keep theirs.
    pub fn value_mut(&mut self) -> Option<&mut T>
    where
        T: Clone,
    {
        match self {
            Self::Known { value, .. } => Some(Arc::make_mut(value)),
            Self::Unknown { .. } => None,
        }
    }

    /// When the value was seen.
    pub const fn at(&self) -> Option<Tick> {
        match self {
            Self::Known { at, .. } => Some(*at),
            Self::Unknown { .. } => None,
        }
    }

    /// Whether the value is known and not older than `max_age`.
    pub fn is_fresh(&self, now: Tick, max_age: Duration) -> bool {
        self.at().is_some_and(|at| now.since(at) <= max_age)
    }

    /// Since when it is known to have been silent, if nothing is known of it.
    pub fn silent_since(&self) -> Option<Tick> {
        match self {
            Self::Known { .. } => None,
            Self::Unknown { since, missed, .. } => Some(missed.unwrap_or(*since)),
        }
    }

    /// What a look that began at `now` and failed makes of this. A refusal is an answer of its own:
    /// only what is there refuses.
    #[must_use]
    pub fn lost(&self, why: Unseen, now: Tick) -> Self {
        match self {
            Self::Known { at: since, .. } | Self::Unknown { why: Unseen::NotYet, since, .. } => {
                Self::Unknown { why, since: *since, missed: Some(now) }
            }
            Self::Unknown { why: before, .. } if before.is_an_answer() && !why.is_an_answer() => {
                Self::unknown(why, now)
            }
            Self::Unknown { since, missed, .. } => {
                Self::Unknown { why, since: (*since).min(now), missed: *missed }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn at(seconds: u64) -> Tick {
        Tick::from_millis(seconds * 1000)
    }

    fn silent(since: u64, missed: u64) -> Seen<()> {
        Seen::Unknown { why: Unseen::Silent, since: at(since), missed: Some(at(missed)) }
    }

    #[test]
    fn silence_is_known_from_the_first_look_that_failed() {
        let lost = Seen::known((), at(10)).lost(Unseen::Silent, at(12));
        assert_eq!(lost, silent(10, 12));
        assert_eq!(lost.silent_since(), Some(at(12)));
        assert_eq!(lost.lost(Unseen::Silent, at(14)), lost, "it goes on");
        let never = Seen::unknown(Unseen::NotYet, at(10)).lost(Unseen::Silent, at(12));
        assert_eq!(never, silent(10, 12));
        assert_eq!(Seen::known((), at(10)).silent_since(), None);
    }

    #[test]
    fn what_refuses_is_on_until_then() {
        let closed = silent(10, 12).lost(Unseen::Closed, at(16));
        assert_eq!(closed.silent_since(), Some(at(12)), "still nothing is known");
        let silent = closed.lost(Unseen::Silent, at(18));
        assert_eq!(silent, Seen::unknown(Unseen::Silent, at(18)));
    }

    #[test]
    fn what_is_known_is_fresh_for_so_long() {
        let is_fresh =
            |seen: &Seen<()>, seconds| seen.is_fresh(at(seconds), Duration::from_secs(5));
        assert!(is_fresh(&Seen::known((), at(10)), 15));
        assert!(!is_fresh(&Seen::known((), at(10)), 16));
        assert!(!is_fresh(&Seen::unknown(Unseen::Silent, at(10)), 10));
    }
}
