//! What a decision says beside its steps: when to look again, whom a signal covers, how long the
//! batteries last, and what a person is told once.

#![allow(
    dead_code,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test that cannot go on fails"
)]

#[path = "../support/mod.rs"]
mod support;

mod bounds;
mod evidence;
mod late;
mod via;

use std::sync::Arc;

use ananke_core::{
    conditions::Reason,
    decide::decide,
    decision::Decision,
    episode::EpisodePhase,
    journal::{Tries, Turn},
    marks::Mark,
    observe::{ActiveState, ObservedState, Requests, SupplyReading},
    plant::Plant,
    seen::{Seen, Unseen},
    signals::{Cause, Phase, Trigger},
    step::Rung,
    table::Wanted,
    time::Tick,
};
use ananke_crds::policy::{PowerPolicy, Target, WayBack};
use support::{
    at, secs,
    worlds::{NOW, Still, named},
};

/// A world of a policy, changed, and what is decided in it.
fn decided(policy: &PowerPolicy, world: &str, change: impl Fn(&Plant, &mut Still)) -> Decision {
    let plant = support::plant(policy);
    let mut still = named(world, &plant);
    change(&plant, &mut still);
    decide(&plant, &still.journal, &still.snapshot)
}

/// A supply on battery, with this many seconds left.
fn on_battery(still: &mut Still, supply: &str, seconds: u64) {
    let reading = SupplyReading {
        status: vec!["OB".into(), "DISCHRG".into()],
        charge_percent: Some(90),
        runtime_seconds: Some(seconds),
        load_percent: Some(40),
        ..SupplyReading::default()
    };
    still.snapshot.supplies.insert(supply.into(), Seen::known(reading, NOW));
}

/// A supply whose signal is in a phase.
fn signal(still: &mut Still, supply: &str, phase: Phase) {
    let memory = Arc::make_mut(still.journal.supplies.get_mut(supply).unwrap());
    memory.phase = phase;
    memory.cause = Some(Cause { trigger: Trigger::LowBattery, figures: "LB".into() });
    memory.unsettled = true;
    match phase {
        Phase::Falling => memory.on_battery_since = Some(at(9_900)),
        _ => memory.mains_since = Some(at(9_999)),
    }
}

/// At rest nothing is in a hurry; what moves, waits, or hangs on a battery is looked at each second.
#[test]
fn it_is_looked_at_again_soon_while_anything_is_under_way() {
    let small = support::policy("small");
    let again = |world, change: &dyn Fn(&mut Still)| {
        let decision = decided(&small, world, |_, still| change(still));
        (decision.steps.len(), decision.waiting.len(), decision.look_again)
    };
    assert_eq!(again("running", &|_| ()), (0, 0, secs(5)));
    // On battery, and nothing has triggered.
    assert_eq!(again("running", &|still| on_battery(still, "ups", 3_000)), (0, 0, secs(1)));
    // Only waits.
    let (steps, waits, soon) = again("cluster-down", &|still| on_battery(still, "ups", 3_000));
    assert!(steps == 0 && waits > 0);
    assert_eq!(soon, secs(1));
    // A wait without any battery: a host in steady state that a person is told of.
    let lost = |still: &mut Still| {
        still.snapshot.hosts.insert("n1".into(), Seen::unknown(Unseen::HostKey, at(9_000)));
    };
    let (steps, waits, soon) = again("running", &lost);
    assert!(steps == 0 && waits > 0, "{steps} {waits}");
    assert_eq!(soon, secs(1));
    // A signal that is held, all being where it is wanted.
    let held = |still: &mut Still| {
        still.journal.episode.phase = EpisodePhase::Recovering;
        signal(still, "ups", Phase::Held);
    };
    let decision = decided(&small, "off", |_, still| held(still));
    assert_eq!(decision.look_again, secs(1), "{:?}", decision.steps);
}

/// A signal that does not cover every host says whom it covers.
#[test]
fn a_signal_names_the_hosts_that_it_covers_if_not_all() {
    let two = support::policy("two-ups");
    let east = decided(&two, "running", |_, still| {
        on_battery(still, "east", 3_000);
        signal(still, "east", Phase::Falling);
    });
    assert_eq!(east.effective.by, "ups/east");
    assert_eq!(east.effective.target, Target::Poweroff);
    assert_eq!(east.effective.hosts, ["s3", "n4", "n5"]);
    assert_eq!(east.effective.cause.as_deref(), Some("east: LB"));
    assert!(!east.effective.held);
    let both = decided(&two, "running", |_, still| {
        for supply in ["east", "west"] {
            on_battery(still, supply, 3_000);
            signal(still, supply, Phase::Falling);
        }
    });
    assert_eq!(both.effective.hosts, Vec::<String>::new());
    let held = decided(&two, "running", |_, still| signal(still, "east", Phase::Held));
    assert!(held.effective.held);
    // Falling is graver than held, whichever of the two supplies it is.
    for (falls, is_held) in [("east", "west"), ("west", "east")] {
        let one = decided(&two, "running", |_, still| {
            on_battery(still, falls, 3_000);
            signal(still, falls, Phase::Falling);
            signal(still, is_held, Phase::Held);
        });
        assert_eq!(one.effective.by, format!("ups/{falls}"));
    }
}

/// The least of the batteries that run down, whatever the others store.
#[test]
fn the_seconds_left_are_those_of_the_battery_that_ends_first() {
    let two = support::policy("two-ups");
    let left = |batteries: &[(&str, u64)]| {
        let decision = decided(&two, "running", |_, still| {
            for (supply, seconds) in batteries {
                on_battery(still, supply, *seconds);
            }
        });
        (decision.seconds_left, decision.slack_seconds().map(|slack| format!("{slack:.0}")))
    };
    assert_eq!(left(&[]), (None, None));
    let (seconds, slack) = left(&[("west", 900)]);
    assert_eq!(seconds, Some(900));
    assert_eq!(slack.as_deref(), Some("600"));
    assert_eq!(left(&[("west", 900), ("east", 700)]).0, Some(700));
    assert_eq!(left(&[("west", 200), ("east", 700)]).1.as_deref(), Some("-100"));
}

/// This host was powered off and is on again: the wish to have it off is over once its target is
/// another.
#[test]
fn this_host_is_no_longer_to_go_off_once_its_target_is_another() {
    let mut small = support::policy("small");
    let wanted_up = |policy: &PowerPolicy, own_off| {
        decided(policy, "running", |_, still| still.journal.own_off = own_off).own_wanted_up
    };
    assert!(wanted_up(&small, true));
    assert!(!wanted_up(&small, false));
    let by_signal = decided(&small, "running", |_, still| {
        still.journal.own_off = true;
        on_battery(still, "ups", 3_000);
        signal(still, "ups", Phase::Falling);
    });
    assert!(!by_signal.own_wanted_up);
    small.spec.target = Target::Poweroff;
    assert!(!wanted_up(&small, true));
}

/// A start that a person asks for begins a recovery once, and not again while its number stands.
#[test]
fn a_start_that_was_asked_for_begins_one_recovery() {
    let bare = support::policy("bare");
    let phase = |before: u64, asked: u64| {
        let decision = decided(&bare, "running", |_, still| {
            still.journal.episode.startups = before;
            still.snapshot.requests = Requests { startups: asked, ..Requests::default() };
        });
        (decision.episode.phase, decision.episode.since)
    };
    assert_eq!(phase(0, 0), (EpisodePhase::Holding, at(1)));
    assert_eq!(phase(1, 1), (EpisodePhase::Holding, at(1)));
    assert_eq!(phase(1, 2), (EpisodePhase::Recovering, NOW));
}

/// Everything that one shut gate holds back is one thing to tell a person.
#[test]
fn a_shut_gate_is_told_once_and_each_of_two() {
    let told = |batteries: &[&str]| {
        let decision = decided(&support::policy("two-ups"), "cluster-down", |_, still| {
            for supply in batteries {
                on_battery(still, supply, 3_000);
            }
        });
        decision.blocked.into_iter().map(|blocked| blocked.message).collect::<Vec<_>>()
    };
    assert_eq!(told(&["west"]), ["west is on battery"]);
    assert_eq!(told(&["west", "east"]), ["west is on battery", "east is on battery"]);
}

/// What is proven of hosts is told once, when it changes.
#[test]
fn hosts_that_are_off_from_now_on_and_no_longer() {
    let off = |change: &dyn Fn(&mut Still)| {
        let small = support::policy("small");
        let decision = decided(&small, "off", |_, still| change(still));
        decision.off.into_iter().collect::<Vec<_>>()
    };
    let named = |name: &str, is_off| (name.to_owned(), is_off);
    assert_eq!(off(&|_| ()), [named("n1", true), named("n2", true), named("s1", true)]);
    let known = |still: &mut Still| {
        for memory in still.journal.hosts.values_mut() {
            memory.proven_off = Some(at(9_500));
        }
    };
    assert_eq!(off(&known), []);
    let heard = |still: &mut Still| {
        known(still);
        still.snapshot.hosts.insert("n1".into(), answers());
    };
    assert_eq!(off(&heard), [named("n1", false)]);
    // This daemon has not looked yet: what another saw still holds.
    let unlooked = |still: &mut Still| {
        known(still);
        still.snapshot.hosts.insert("n1".into(), Seen::unknown(Unseen::NotYet, NOW));
        still.snapshot.hosts.remove("n2");
    };
    assert_eq!(off(&unlooked), []);
}

/// `n1` as it answers.
fn answers() -> Seen<ananke_core::observe::HostFacts> {
    let plant = support::plant(&support::policy("small"));
    named("cluster-down", &plant).snapshot.hosts["n1"].clone()
}

/// How much a battery that stores this much must store before the next step.
fn needed(world: &str, stores: u64, change: impl Fn(&mut Plant)) -> u64 {
    let mut plant = support::plant(&support::policy("small"));
    change(&mut plant);
    let mut still = named(world, &plant);
    still.journal.episode.phase = EpisodePhase::Recovering;
    let reading = still.snapshot.supplies.get_mut("ups").unwrap().value_mut().unwrap();
    (reading.charge_percent, reading.runtime_seconds) = (Some(40), Some(stores));
    let decision = decide(&plant, &still.journal, &still.snapshot);
    let text = &decision.blocked.first().expect("a gate is shut").message;
    let (_, rest) = text.split_once("stores less than the ").expect("too little is stored");
    rest.split_once(" s ").unwrap().0.parse().unwrap()
}

/// The next step is a boot, or a service that starts; each takes no longer than such things do,
/// however patient the policy is. The battery's factor is 1.25.
#[test]
fn the_next_step_takes_a_boot_or_a_start_of_a_service() {
    let boot = |seconds| needed("off", 140, |plant| plant.startup.longest_boot = secs(seconds));
    assert_eq!(boot(120) - boot(60), 75);
    assert_eq!(boot(600), boot(120));
    let start = |seconds| {
        needed("cluster-down", 200, |plant| plant.startup.service_timeout = secs(seconds))
    };
    assert_eq!(start(15) - start(3), 15);
    assert_eq!(start(300), start(15));
}

/// Once the services are down and the API is gone, the halts are left: of the hosts, then of this.
#[test]
fn what_nobody_could_do_any_more_takes_no_time() {
    let small = support::policy("small");
    let plant = support::plant(&small);
    let down = &plant.shutdown;
    let halts = down.longest_halt.as_secs_f64() + 10.0;
    let drain = down.drain_emergency_timeout.as_secs_f64();
    // GitOps, the drains of agents and then of servers, storage, an agent, a server.
    let whole = 5.0 + 2.0 * drain + 10.0 + 15.0 + 15.0 + halts;
    let budget = |world| {
        let budget = decided(&small, world, |_, _| ()).budget;
        format!("{:.0} s", budget.as_secs_f64())
    };
    assert_eq!(budget("running"), "300 s");
    assert_eq!(budget("cluster-down"), format!("{:.0} s", 300.0 * halts / whole));
}

/// Below the drain of a server the way takes storage 10 s, an agent 15 s, a server 15 s, a host and this one 10 s:
/// it is left when less than 5 s more than that remain.
#[test]
fn a_unit_is_left_when_less_than_its_margin_remains() {
    let mut plant = support::plant(&support::policy("small"));
    plant.shutdown.longest_halt = secs(100);
    // Spans as they are declared, in whole seconds.
    plant.span_scale = 1.0;
    let is_left = |seconds| {
        let mut still = named("half-way", &plant);
        on_battery(&mut still, "ups", seconds);
        signal(&mut still, "ups", Phase::Falling);
        let decision = decide(&plant, &still.journal, &still.snapshot);
        let node = decision.units.into_iter().find(|unit| unit.name == "node/s1").unwrap();
        node.message.starts_with("left")
    };
    assert_eq!((1..300).find(|seconds| !is_left(*seconds)), Some(155));
}

/// Two of three servers do not come up, so no API will: what rests on it is not waited for either,
/// and the recovery is over.
#[test]
fn what_rests_on_too_few_servers_is_stuck_with_them() {
    let plant = support::plant(&support::policy("two-ups"));
    let lifted = |stuck: &[&str]| {
        let mut still = named("cluster-down", &plant);
        for memory in still.journal.supplies.values_mut() {
            Arc::make_mut(memory).lifted = true;
        }
        for host in ["s1", "s2"] {
            still.snapshot.hosts.insert(host.into(), Seen::unknown(Unseen::Silent, at(9_000)));
        }
        for host in stuck {
            let turn = Turn { since: at(1_000), wanted: Wanted::Up };
            still.journal.turns.insert(format!("host/{host}").into(), turn);
        }
        let facts = still.snapshot.hosts.get_mut("s3").unwrap().value_mut().unwrap();
        facts.server.as_mut().unwrap().active = ActiveState::Active;
        let decision = decide(&plant, &still.journal, &still.snapshot);
        decision.supplies.values().any(|memory| memory.lifted)
    };
    assert!(lifted(&["s1"]));
    assert!(!lifted(&["s1", "s2"]));
}

/// What is stored in a battery that runs down is nobody's worry about the next recovery.
#[test]
fn a_battery_that_is_too_small_is_told_of_while_it_has_mains() {
    let two = support::policy("two-ups");
    let doubt = |runs: bool| {
        let decision = decided(&two, "running", |_, still| {
            on_battery(still, "west", 100);
            let reading = still.snapshot.supplies.get_mut("west").unwrap().value_mut().unwrap();
            if !runs {
                reading.status = vec!["OL".into()];
            }
            reading.charge_percent = Some(100);
        });
        decision.telemetry["west"].reason
    };
    assert_eq!(doubt(false), Some(Reason::EnergyNeverEnough));
    assert_eq!(doubt(true), None);
}

/// Mains that nobody remembers are good enough where nothing is to be started on them, and a
/// recovery is over once all is up.
#[test]
fn what_only_the_whole_picture_tells_of_a_supply() {
    let mut small = support::policy("small");
    let memory = |policy: &PowerPolicy, world, unproven, mains: Option<Tick>| {
        let decision = decided(policy, world, |_, still| {
            let memory = Arc::make_mut(still.journal.supplies.get_mut("ups").unwrap());
            (memory.unproven, memory.lifted, memory.mains_since) = (unproven, true, mains);
            if mains.is_none() {
                still
                    .snapshot
                    .supplies
                    .insert("ups".into(), Seen::unknown(Unseen::Silent, at(9_999)));
            }
        });
        let memory = &decision.supplies["ups"];
        (memory.unproven, memory.lifted)
    };
    let just_now = Some(at(9_999));
    assert_eq!(memory(&small, "running", true, just_now), (false, false));
    assert_eq!(memory(&small, "running", true, None), (true, false));
    assert_eq!(memory(&small, "cluster-down", true, just_now), (true, true));
    assert_eq!(memory(&small, "cluster-down", false, just_now), (false, true));
    small.spec.target = Target::ClusterOnlyDown;
    assert_eq!(memory(&small, "cluster-down", true, just_now), (true, false));
}

/// Mains are back for a moment only: what an outage took is brought back, and what stands stands.
#[test]
fn an_outage_that_took_nothing_begins_no_recovery() {
    let policy = support::policy("small");
    let episode = |lost: bool| {
        let decision = decided(&policy, "running", |_, still| {
            let memory = Arc::make_mut(still.journal.supplies.get_mut("ups").unwrap());
            (memory.unsettled, memory.mains_since) = (true, Some(at(9_990)));
            if lost {
                still.snapshot.hosts.insert("n1".into(), Seen::unknown(Unseen::Silent, at(9_000)));
            }
        });
        decision.episode.phase
    };
    assert_eq!(episode(false), EpisodePhase::Holding);
    assert_eq!(episode(true), EpisodePhase::Recovering);
}
