//! How one run ended, by the world alone.

use std::collections::BTreeMap;

use ananke_audit::{Expect, Violation, Wanted, audit};
use ananke_sim::{
    record::record,
    world::{Actor, Happening, Millis, What},
};

use super::{
    Scenario, Stage,
    outage::{LONGEST, Played, is_synced},
    sacrifice::{self, Given},
    timeline::{Moment, moments},
};
use crate::publish::span;

/// One run, judged.
pub(super) struct Run {
    /// What was not as it should be; a run without any ended cleanly.
    pub(super) faults: Vec<Violation>,
    /// The stages that came to their end, of a run in which all hosts went off before the battery
    /// was empty.
    pub(super) stages: BTreeMap<Stage, Reached>,
    /// Whether a host lost its power instead.
    pub(super) is_cut: bool,
    /// What was given up first.
    pub(super) sacrificed: Option<Given>,
    /// What happened.
    pub(super) moments: Vec<Moment>,
}

/// The end of a stage.
#[derive(Debug, Clone, Copy)]
pub(super) struct Reached {
    /// How long after the mains went.
    pub(super) after: Millis,
    /// What the battery had left then, less what the rest took.
    pub(super) slack: i64,
}

impl Run {
    pub(super) fn is_clean(&self) -> bool {
        self.faults.is_empty()
    }

    /// What the battery had left when all was over.
    pub(super) fn last_slack(&self) -> Option<i64> {
        self.stages.values().last().map(|reached| reached.slack)
    }
}

/// The promise that every host is off before its battery is empty.
const OFF_IN_TIME: u8 = 5;

pub(super) fn judge(scenario: &Scenario, played: &Played) -> Run {
    let is_cut = !played.is_over
        || played
            .happenings()
            .any(|h| h.who == Actor::World && matches!(h.what, What::HostCut { .. }));
    Run {
        faults: faults(scenario, played),
        stages: if is_cut { BTreeMap::new() } else { stages(scenario, played) },
        is_cut,
        sacrificed: sacrifice::first(scenario, played),
        moments: moments(played),
    }
}

/// A clean end is every host at stake off, in order, before the battery is empty; the own host may
/// stay with its disks written.
fn faults(scenario: &Scenario, played: &Played) -> Vec<Violation> {
    let at_stake = scenario.hosts_at_stake();
    let stay = played.before.hosts.keys().filter(|name| !at_stake.contains(*name));
    let expect = Expect {
        end: Wanted::Poweroff,
        drains: !scenario.in_force.plant.shutdown.emergency_skips_drain,
        // However little is left, what it costs is told.
        spent_below: 0,
        lost: stay.cloned().collect(),
        ..Expect::running()
    };
    let record = record(&played.before, &played.after);
    let mut faults = audit(&record, &expect);
    let mut add = |sentence: String| {
        faults.push(Violation { at: played.after.now(), promise: OFF_IN_TIME, sentence });
    };
    let own = played.before.own_host.as_ref().filter(|own| at_stake.contains(*own));
    if let Some(own) = own {
        let is_cut = |h: &Happening| {
            h.who == Actor::World && matches!(&h.what, What::HostCut { host, .. } if host == own)
        };
        if played.happenings().any(is_cut) && !is_synced(&played.after, own) {
            add(format!("{own} lost its power before its disks were written"));
        }
    }
    if !played.is_over {
        add(format!("not over after {}", span(LONGEST.as_secs())));
    }
    faults
}

/// When each stage came to its end. The own host may wait for its last moment on purpose, so that
/// is nothing that the others still needed.
fn stages(scenario: &Scenario, played: &Played) -> BTreeMap<Stage, Reached> {
    let began = played.before.now();
    let at_stake = scenario.hosts_at_stake();
    let own = played.before.own_host.as_ref();
    let mut ends: BTreeMap<Stage, Millis> = BTreeMap::new();
    for happening in played.happenings() {
        let stage = match &happening.what {
            What::Suspended { .. } => Stage::Gitops,
            What::SnapshotTaken { .. } => Stage::Snapshot,
            What::PodEnding { .. } | What::PodEnded { .. } if !is_past_drain(&ends) => Stage::Drain,
            What::ServiceDown { .. } => Stage::Services,
            What::HostOff { host } | What::HostCut { host, .. } | What::DisksSynced { host }
                if Some(host) == own =>
            {
                Stage::Own
            }
            What::HostOff { host } if at_stake.contains(host) => Stage::Hosts,
            _ => continue,
        };
        ends.insert(stage, happening.at);
    }
    let acts = played.happenings().find(|h| h.who == Actor::Ananke && is_step(&h.what));
    if let Some(acts) = acts {
        ends.insert(Stage::Signal, acts.at);
    }
    let others = ends.get(&Stage::Hosts).or_else(|| ends.get(&Stage::Own)).copied();
    let reached = |(stage, at): (Stage, Millis)| {
        let over = if stage == Stage::Own { at } else { others.unwrap_or(at) };
        let needed = over.saturating_sub(at);
        let slack = signed(played.left_at(at)?).saturating_sub(signed(needed));
        Some((stage, Reached { after: at.saturating_sub(began), slack }))
    };
    ends.into_iter().filter_map(reached).collect()
}

/// Once the first service is down, what ends is no drain's.
fn is_past_drain(ends: &BTreeMap<Stage, Millis>) -> bool {
    ends.contains_key(&Stage::Services)
}

const fn is_step(what: &What) -> bool {
    !matches!(what, What::Published { .. })
}

fn signed(millis: Millis) -> i64 {
    i64::try_from(millis).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use ananke_core::budget::Runs;
    use ananke_sim::world::{Fate, World};

    use super::{super::sacrifice::Sacrifice, super::tests::scenario, *};

    /// The mains go, and this happens.
    fn played(scenario: &Scenario, then: impl FnOnce(&mut World)) -> Played {
        let before = Scenario::world(&scenario.in_force);
        let mut after = before.clone();
        after.suffer(&Fate::Mains { supply: None, present: false }).unwrap();
        then(&mut after);
        Played { before, after, looks: Vec::new(), is_over: true }
    }

    fn pass(world: &mut World, seconds: u64) {
        let to = world.now() + seconds * 1000;
        world.advance(to);
    }

    fn sentences(run: &Run) -> Vec<&str> {
        run.faults.iter().map(|fault| fault.sentence.as_str()).collect()
    }

    /// As ananke does it: stop, end what is left, power off; the agent first.
    fn take_down(world: &mut World) {
        for (host, service) in [
            ("beta", ananke_core::step::Service::Agent),
            ("alpha", ananke_core::step::Service::Server),
        ] {
            world.stop(Actor::Ananke, host, service).unwrap();
            pass(world, 20);
            world.end_containers(Actor::Ananke, host);
            pass(world, 20);
            world.power_off(Actor::Ananke, host);
            pass(world, 20);
        }
    }

    #[test]
    fn an_empty_battery_is_no_clean_end_and_the_power_is_what_was_given_up() {
        let scenario = scenario(Runs::default());
        let run = judge(&scenario, &played(&scenario, |world| pass(world, 3600)));
        assert!(run.is_cut && !run.is_clean() && run.stages.is_empty());
        let told = sentences(&run);
        assert!(told.contains(&"alpha was still on when its battery was empty"), "{told:?}");
        assert!(told.contains(&"own lost its power before its disks were written"), "{told:?}");
        assert_eq!(run.sacrificed.map(|given| given.what), Some(Sacrifice::Power));
    }

    #[test]
    fn a_host_of_our_own_may_stay_with_its_disks_written() {
        let scenario = scenario(Runs::default());
        let unwritten = judge(
            &scenario,
            &played(&scenario, |world| {
                take_down(world);
                pass(world, 36_000);
            }),
        );
        let told = sentences(&unwritten);
        assert!(told.contains(&"own lost its power before its disks were written"), "{told:?}");
        let written = judge(
            &scenario,
            &played(&scenario, |world| {
                take_down(world);
                world.sync_disks(Actor::Ananke, "own");
                pass(world, 36_000);
            }),
        );
        let told = sentences(&written);
        assert!(!told.iter().any(|sentence| sentence.contains("own")), "{told:?}");
    }

    #[test]
    fn a_service_stopped_before_its_drain_is_no_order() {
        let scenario = scenario(Runs::default());
        let run = judge(&scenario, &played(&scenario, take_down));
        assert!(!run.is_cut && !run.is_clean());
        assert!(sentences(&run)[0].starts_with("the service of beta was stopped before "));
        let given = run.sacrificed.unwrap();
        assert_eq!((given.what, given.whose.as_str()), (Sacrifice::Drain, "beta"));
    }

    #[test]
    fn what_is_never_over_is_not_clean() {
        let scenario = scenario(Runs::default());
        let mut played = played(&scenario, |world| pass(world, 10));
        played.is_over = false;
        let run = judge(&scenario, &played);
        assert!(sentences(&run).contains(&"not over after 24 h"), "{:?}", sentences(&run));
    }
}
