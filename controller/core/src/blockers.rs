//! A short list of the units that something waits on: at most four and whether there are more.

use crate::unit::UnitId;

/// How many are kept.
const KEPT: usize = 4;

/// Units that something waits on.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Blockers {
    kept: [Option<UnitId>; KEPT],
    more: bool,
}

impl Blockers {
    pub(crate) const NONE: Self = Self { kept: [None; KEPT], more: false };

    pub(crate) fn one(unit: UnitId) -> Self {
        Self { kept: [Some(unit), None, None, None], more: false }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.kept.first() == Some(&None)
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = UnitId> + '_ {
        self.kept.iter().flatten().copied()
    }

    pub(crate) const fn has_more(&self) -> bool {
        self.more
    }

    pub(crate) fn push(&mut self, unit: UnitId) {
        for slot in &mut self.kept {
            match slot {
                Some(kept) if *kept == unit => return,
                Some(_) => {}
                None => {
                    *slot = Some(unit);
                    return;
                }
            }
        }
        self.more = true;
    }

    pub(crate) fn join(&mut self, other: &Self) {
        for unit in other.iter() {
            self.push(unit);
        }
        self.more |= other.more;
    }

    /// Those that `keep` keeps. What was cut off is kept as "more" only if something is left.
    pub(crate) fn filtered(&self, keep: impl Fn(UnitId) -> bool) -> Self {
        let mut left = Self::NONE;
        for unit in self.iter().filter(|unit| keep(*unit)) {
            left.push(unit);
        }
        left.more = self.more && !left.is_empty();
        left
    }
}
