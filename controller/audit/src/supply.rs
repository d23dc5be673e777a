//! What is known of a supply, also while nobody hears it, and whether the host may be started
//! without which nobody ever would.

use crate::{Millis, NOT_HEARD_YET, NOT_KNOWN_YET, NOT_MISSED_YET, Supply, replay::Replay};

/// A supply as the happenings told so far leave it.
pub(super) struct SupplyThen {
    /// Whether mains are behind it.
    pub(super) mains: bool,
    /// Since when it is not heard.
    hidden_since: Option<Millis>,
    /// When it was heard again.
    heard_since: Option<Millis>,
    /// The host that it is heard through.
    via: Option<String>,
    /// From when on it is known to be on battery, or not to be heard, if it is.
    known_bad_from: Option<Millis>,
    /// Since when it is on battery, as far as it is heard; kept while it is not.
    on_battery_since: Option<Millis>,
    /// Since when mains are back, if they were away, and nobody missed any of that time before they
    /// had held for long enough.
    back_since: Option<Millis>,
    /// How long its battery was last seen to last.
    lasts: Option<Millis>,
    /// For how long mains that are back prove nothing.
    held_for: Millis,
}

/// A battery may last for so many times less than it is seen to: drivers err, and the load of one
/// second is not that of the next.
const ERRS_BY: Millis = 2;

impl SupplyThen {
    pub(super) fn new(supply: &Supply, at: Millis, held_for: Millis) -> Self {
        let mut then = Self {
            mains: true,
            hidden_since: None,
            heard_since: None,
            via: supply.via.clone(),
            known_bad_from: None,
            on_battery_since: None,
            back_since: None,
            lasts: None,
            held_for,
        };
        then.mains(supply.mains, at);
        then.hidden(supply.hidden, at);
        then
    }

    /// Mains go or come back.
    pub(super) fn mains(&mut self, present: bool, at: Millis) {
        self.mains = present;
        if self.hidden_since.is_none() {
            self.tells(at);
        }
    }

    /// Nobody hears it any more, or it is heard again.
    pub(super) fn hidden(&mut self, hidden: bool, at: Millis) {
        match (self.hidden_since, hidden) {
            (None, true) => {
                self.hidden_since = Some(at);
                let known = self.known_bad_from.filter(|from| *from <= at);
                self.known_bad_from = known.or(Some(at.saturating_add(NOT_MISSED_YET)));
            }
            (Some(since), false) => {
                let held = self.back_since.is_none_or(|back| since > self.proven_at(back));
                (self.hidden_since, self.heard_since) = (None, Some(at));
                self.tells(at);
                if self.mains && !held {
                    self.back_since = Some(at);
                }
            }
            _ => {}
        }
    }

    fn tells(&mut self, at: Millis) {
        if self.mains {
            (self.known_bad_from, self.lasts) = (None, None);
            if self.on_battery_since.take().is_some() {
                self.back_since = Some(at);
            }
        } else {
            self.on_battery_since.get_or_insert(at);
            let known = at.saturating_add(NOT_KNOWN_YET);
            self.known_bad_from = Some(self.known_bad_from.map_or(known, |from| from.min(known)));
        }
    }

    /// What the batteries behind one of its hosts still held.
    pub(super) fn lasts(&mut self, runtime_left: Millis) {
        if self.hidden_since.is_none() {
            self.lasts = Some(runtime_left);
        }
    }

    const fn proven_at(&self, back: Millis) -> Millis {
        back.saturating_add(self.held_for)
    }

    /// Whether it is known to be on battery, or not to be heard.
    pub(super) fn is_known_bad(&self, at: Millis) -> bool {
        self.known_bad_from.is_some_and(|from| at > from)
    }

    /// Whether mains are behind it, and are known to have been there for long enough.
    pub(super) fn is_on_lasting_mains(&self, at: Millis) -> bool {
        let seen_until = self.hidden_since.unwrap_or(at);
        self.mains
            && self.on_battery_since.is_none()
            && self.back_since.is_none_or(|back| seen_until > self.proven_at(back))
    }

    /// Whether it was on battery when it was last heard, and anybody remembers.
    fn was_on_battery(&self, hidden: Millis, at: Millis, forgot: &[Millis]) -> bool {
        let is_known = |since: Millis| since.saturating_add(NOT_KNOWN_YET) < hidden;
        let is_forgotten = forgot.iter().any(|then| (hidden..=at).contains(then));
        self.on_battery_since.is_some_and(is_known) && !is_forgotten
    }

    /// Whether its battery may be empty by now.
    fn may_be_empty(&self, at: Millis) -> bool {
        let lasts = self.lasts.map_or(0, |lasts| lasts / ERRS_BY);
        self.hidden_since.is_some_and(|hidden| at >= hidden.saturating_add(lasts))
    }

    /// Whether mains came back to it after then, or at about the same time, and are there.
    fn came_back_after(&self, then: Millis, at: Millis) -> bool {
        let is_after = |back: Millis| back.saturating_add(NOT_HEARD_YET) >= then;
        self.back_since.is_some_and(is_after) && !self.is_known_bad(at)
    }
}

impl Replay {
    /// Whether a host may be started although its power is not known, because nobody hears its
    /// supply without it.
    ///
    /// With mains that harms nobody. On battery it is not to be, as far as that can be known: the
    /// supply was on battery when it was last heard, and neither has another one come back since
    /// nor can its battery be empty; or it was not, and another supply tells of an outage now.
    pub(super) fn may_be_tried(&self, host: &str, at: Millis, forgot: &[Millis]) -> bool {
        let feeds = self.hosts.get(host).map(|host| host.supplies.as_slice()).unwrap_or_default();
        feeds.iter().any(|name| self.is_missed(name, host, at, forgot))
    }

    fn is_missed(&self, name: &str, host: &str, at: Millis, forgot: &[Millis]) -> bool {
        let Some(supply) = self.supplies.get(name).filter(|s| s.via.as_deref() == Some(host))
        else {
            return false;
        };
        let Some(hidden) = supply.hidden_since else {
            // A wake is sent again until somebody has looked.
            let heard = supply.heard_since;
            return heard.is_some_and(|heard| at <= heard.saturating_add(NOT_HEARD_YET));
        };
        let mut others = self.supplies.iter().filter(|(other, _)| *other != name).map(|(_, s)| s);
        let can_be_known = if supply.was_on_battery(hidden, at, forgot) {
            let is_back = others.any(|other| other.came_back_after(hidden, at));
            !is_back && !supply.may_be_empty(at)
        } else {
            others.any(|other| other.hidden_since.is_none() && other.is_known_bad(at))
        };
        supply.mains || !can_be_known
    }
}
