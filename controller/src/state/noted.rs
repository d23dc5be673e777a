//! What was remembered in memory alone since the last line of the journal.

use ananke_core::journal::Event;

/// Events that wait for a line to be written before. Each is one of readings only, as a rule, and
/// those become one event: a day at rest is one line.
#[derive(Debug, Default)]
pub(super) struct Noted(Vec<Event>);

impl Noted {
    /// Takes one more in.
    pub(super) fn add(&mut self, event: &Event) {
        if self.0.last_mut().is_none_or(|last| !joined(last, event)) {
            self.0.push(event.clone());
        }
    }

    /// Gives them out, in their order.
    pub(super) fn take(&mut self) -> Vec<Event> {
        std::mem::take(&mut self.0)
    }
}

/// Makes one event of two that follow readings and nothing else: what both leave in a journal is
/// what they leave one after the other.
fn joined(last: &mut Event, event: &Event) -> bool {
    if !follows_readings(last) || !follows_readings(event) {
        return false;
    }
    let (
        Event::Decided { at, supplies, batteries, way, .. },
        Event::Decided { at: now, supplies: read, batteries: taught, way: goes, .. },
    ) = (last, event)
    else {
        return false;
    };
    if way.map(|way| way.path) != goes.map(|way| way.path) {
        return false;
    }
    *at = *now;
    supplies.extend(read.iter().map(|(name, memory)| (name.clone(), memory.clone())));
    batteries.extend(taught.iter().map(|(name, memory)| (name.clone(), memory.clone())));
    if let (Some(way), Some(goes)) = (way, goes) {
        // A run in which a person was called once teaches nothing.
        way.fails |= goes.fails;
    }
    true
}

fn follows_readings(event: &Event) -> bool {
    matches!(
        event,
        Event::Decided {
            episode: None, began, ended, paused, off, back, own_wanted_up: false, lasted, ..
        } if [ended, paused].into_iter().all(Vec::is_empty)
            && (began.is_empty() && off.is_empty() && back.is_empty() && lasted.is_empty())
    )
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use ananke_core::{
        budget::{Path, Way},
        journal::Journal,
        signals::SupplyMemory,
        time::Tick,
    };

    use super::*;

    fn read(at: u64, supply: &str, runtime: u64, way: Option<Way>) -> Event {
        let memory =
            SupplyMemory { last_runtime_seconds: Some(runtime), ..SupplyMemory::default() };
        Event::Decided {
            at: Tick::from_millis(at),
            supplies: BTreeMap::from([(supply.to_owned(), memory.into())]),
            episode: None,
            began: BTreeMap::new(),
            ended: Vec::new(),
            paused: Vec::new(),
            off: BTreeMap::new(),
            back: Vec::new(),
            own_wanted_up: false,
            batteries: BTreeMap::new(),
            lasted: Vec::new(),
            way,
        }
    }

    fn arrived(at: u64, unit: &str) -> Event {
        let mut event = read(at, "ups", at, None);
        if let Event::Decided { ended, .. } = &mut event {
            ended.push(unit.into());
        }
        event
    }

    #[test]
    fn what_is_written_leaves_what_was_remembered() {
        let down = |fails| Some(Way { path: Path::Emergency, fails });
        for (way, events, written) in [
            (None, vec![read(1, "a", 9, None), read(2, "b", 8, None), read(3, "a", 7, None)], 1),
            (down(false), vec![read(1, "a", 9, down(true)), read(2, "a", 8, down(false))], 1),
            (down(false), vec![read(1, "a", 9, down(false)), read(2, "a", 8, None)], 2),
            (None, vec![read(1, "a", 9, None), arrived(2, "api"), read(3, "a", 7, None)], 3),
        ] {
            let mut noted = Noted::default();
            for event in &events {
                noted.add(event);
            }
            let taken = noted.take();
            assert_eq!(taken.len(), written, "{events:?}");
            // A run begins with an event that is written: it is under way when this is noted.
            let begun = [read(0, "a", 9, way)];
            let after = |events: &[Event]| Journal::fold(begun.iter().chain(events));
            assert_eq!(after(&taken), after(&events), "{events:?}");
            assert!(noted.take().is_empty());
        }
    }
}
