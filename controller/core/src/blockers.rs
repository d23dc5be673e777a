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

#[cfg(test)]
mod tests {
    use super::*;

    fn of(units: impl IntoIterator<Item = u32>) -> Blockers {
        let mut all = Blockers::NONE;
        units.into_iter().for_each(|unit| all.push(UnitId(unit)));
        all
    }

    fn kept(blockers: &Blockers) -> (Vec<u32>, bool) {
        (blockers.iter().map(|unit| unit.0).collect(), blockers.has_more())
    }

    #[test]
    fn four_are_kept_each_once_and_whether_there_are_more() {
        assert_eq!(kept(&of([3, 1, 3, 1])), (vec![3, 1], false));
        assert_eq!(kept(&of([1, 2, 3, 4, 4])), (vec![1, 2, 3, 4], false));
        assert_eq!(kept(&of([1, 2, 3, 4, 5])), (vec![1, 2, 3, 4], true));
    }

    #[test]
    fn whoever_joins_others_waits_on_what_they_wait_on() {
        let mut all = of([1, 2]);
        all.join(&of([2, 3]));
        assert_eq!(kept(&all), (vec![1, 2, 3], false));
        let mut few = of([1]);
        few.join(&of(1..6));
        assert_eq!(kept(&few), (vec![1, 2, 3, 4], true), "more than are kept stay more");
        let mut many = of(1..6);
        many.join(&of([1]));
        assert_eq!(kept(&many), (vec![1, 2, 3, 4], true));
    }

    #[test]
    fn what_is_left_of_a_choice_may_be_more() {
        let even = |unit: UnitId| unit.0.is_multiple_of(2);
        assert_eq!(kept(&of(1..4).filtered(even)), (vec![2], false));
        assert_eq!(kept(&of(1..6).filtered(even)), (vec![2, 4], true));
        let none = of(1..6).filtered(|_| false);
        assert_eq!(kept(&none), (vec![], false), "of nothing there is no more");
    }
}
