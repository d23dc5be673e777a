//! Properties of every decision, over random policies and random snapshots.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test that cannot go on fails"
)]

mod support;

use std::{collections::BTreeSet, sync::Arc};

use ananke_core::{
    decide::decide,
    decision::Decision,
    graph::EdgeKind,
    journal::{HostMemory, Journal},
    observe::{ActiveState, ApiHealth, ObservedState, Snapshot, SystemState},
    plant::Plant,
    seen::{Seen, Unseen},
    signals::Phase,
    step::{Action, PlannedStep, Rung, Service},
    table::Wanted,
    unit::Kind,
};
use ananke_crds::policy::{PowerPolicy, Target};
use proptest::prelude::*;
use serde_json::{Value, json};
use support::{
    at,
    worlds::{self, NOW},
};

/// A policy of 1 to 8 hosts, 0 to 3 supplies, orders between hosts that make no ring, and any
/// sections.
fn policies() -> impl Strategy<Value = PowerPolicy> {
    (
        prop::collection::vec(
            (0_u8..4, prop::collection::vec(0_usize..3, 0..3), any::<Option<u8>>()),
            1..9,
        ),
        0_usize..4,
        prop::bits::u8::ANY,
        0_usize..3,
    )
        .prop_map(|(hosts, supplies, sections, target)| {
            document(&hosts, supplies, sections, target)
        })
}

fn document(
    hosts: &[(u8, Vec<usize>, Option<u8>)],
    supplies: usize,
    sections: u8,
    target: usize,
) -> PowerPolicy {
    let names: Vec<String> = (0..hosts.len()).map(|at| format!("h{at}")).collect();
    let host = |(at, (role, _, after)): (usize, &(u8, Vec<usize>, Option<u8>))| {
        let role = ["server", "agent", "agent", "none"][usize::from(*role)];
        // Only to a host before it: no ring.
        let after =
            after.map(usize::from).filter(|_| at > 0).map(|to| format!("host/h{}", to % at));
        json!({
            "name": names[at], "role": role, "after": after.into_iter().collect::<Vec<_>>(),
            "self": at == 0 && sections & 1 > 0 && role == "none",
            "wake": {"method": "wol", "mac": format!("02:00:5e:00:00:{at:02x}")},
        })
    };
    let feeds = |supply: usize| -> Vec<&String> {
        let fed = hosts.iter().zip(&names).filter(|((_, feeds, _), _)| feeds.contains(&supply));
        fed.map(|(_, name)| name).collect()
    };
    let supplies: Vec<Value> = (0..supplies)
        .filter(|supply| !feeds(*supply).is_empty())
        .map(|supply| json!({"name": format!("ups{supply}"), "powers": feeds(supply)}))
        .collect();
    let mut document = serde_json::to_value(support::policy("layered")).unwrap();
    let spec = &mut document["spec"];
    spec["hosts"] = hosts.iter().enumerate().map(host).collect();
    spec["supplies"] = supplies.into();
    spec["target"] = json!(Target::ALL[target]);
    spec["startup"]["images"] = json!([]);
    if sections & 2 > 0 {
        spec["shutdown"]["quiesce"] = json!([]);
    }
    if sections & 4 > 0 {
        spec["startup"]["layers"] = json!([]);
        spec["startup"]["vault"] = json!([]);
    }
    if sections & 8 > 0 {
        spec["startup"]["clock"] = Value::Null;
    }
    if sections & 16 > 0 {
        spec["paths"] = json!([{"name": "way", "host": names[hosts.len() - 1], "reaches": ["*"]}]);
        spec["hosts"][hosts.len() - 1]["after"] = json!([]);
    }
    serde_json::from_value(document).unwrap()
}

/// A stream of small numbers that decides what a snapshot says.
struct Dice<'a> {
    throws: std::iter::Cycle<std::slice::Iter<'a, u8>>,
}

impl Dice<'_> {
    fn of<T: Clone>(&mut self, sides: &[T]) -> T {
        sides[usize::from(*self.throws.next().unwrap()) % sides.len()].clone()
    }

    fn tick(&mut self) -> ananke_core::time::Tick {
        self.of(&[at(1), at(9_000), at(9_880), at(9_950), at(9_990), NOW])
    }

    fn unseen(&mut self) -> Unseen {
        self.of(&[Unseen::Silent, Unseen::Silent, Unseen::NotYet, Unseen::Refused, Unseen::HostKey])
    }
}

fn world(plant: &Plant, throws: &[u8]) -> (Snapshot, Journal) {
    let mut dice = Dice { throws: throws.iter().cycle() };
    let name = dice.of(&["running", "half-way", "cluster-down", "off"]);
    let mut still = worlds::named(name, plant);
    for (name, seen) in &mut still.snapshot.hosts {
        if dice.of(&[true, false, false]) {
            *seen = Seen::unknown(dice.unseen(), dice.tick());
        } else if let Some(value) = seen.value_mut() {
            value.system =
                dice.of(&[SystemState::Running, SystemState::Running, SystemState::Stopping]);
            for service in [&mut value.server, &mut value.agent].into_iter().flatten() {
                service.active = dice.of(&[
                    ActiveState::Active,
                    ActiveState::Activating,
                    ActiveState::Deactivating,
                    ActiveState::Inactive,
                    ActiveState::Failed,
                ]);
                service.job = dice.of(&[false, false, false, true]);
            }
            value.containers = dice.of(&[0, 0, 3]);
            value.volumes = dice.of(&[0, 0, 1]);
        }
        if dice.of(&[true, false]) {
            let tick = dice.tick();
            let memory = HostMemory {
                powered_off: Some(tick),
                back: dice.of(&[false, false, true]),
                woken: dice.of(&[None, Some(NOW)]),
                proven_off: None,
            };
            still.journal.hosts.insert(name.clone(), memory);
        }
    }
    for (name, seen) in &mut still.snapshot.supplies {
        if let Some(value) = seen.value_mut() {
            let words = dice.of(&["OL", "OL CHRG", "OB", "OB LB", "FSD OB", "OL CAL", "WAIT", ""]);
            value.status = words.split_whitespace().map(str::to_owned).collect();
            value.charge_percent = dice.of(&[None, Some(0), Some(34), Some(35), Some(100)]);
            value.runtime_seconds = dice.of(&[None, Some(0), Some(100), Some(400), Some(9_000)]);
        }
        if dice.of(&[true, false, false, false]) {
            *seen = Seen::unknown(Unseen::Stale, dice.tick());
        }
        let memory = still.journal.supplies.entry(name.clone()).or_default();
        let memory = Arc::make_mut(memory);
        memory.phase = dice.of(&[Phase::Clear, Phase::Clear, Phase::Falling, Phase::Held]);
        memory.on_battery_since = dice.of(&[None, Some(at(9_000)), Some(at(9_990))]);
        memory.unsettled = dice.of(&[true, false]);
    }
    match dice.of(&["away", "not ready", "as it is", "as it is"]) {
        "away" => {
            still.snapshot.api = Seen::unknown(Unseen::Silent, dice.tick());
            still.snapshot.cluster = Seen::unknown(Unseen::Silent, dice.tick());
        }
        "not ready" => still.snapshot.api = Seen::known(ApiHealth::NotReady, NOW),
        _ => {}
    }
    if let Some(value) = still.snapshot.cluster.value_mut() {
        for node in value.nodes.values_mut() {
            node.unschedulable = dice.of(&[true, false]);
            node.mark =
                dice.of(&[None, Some(worlds::mark("spec.unschedulable", worlds::WALL - 60))]);
            node.ready = dice.of(&[true, true, false]);
            node.attachments = dice.of(&[0, 1]);
            if dice.of(&[true, false]) {
                node.pods.clear();
            }
        }
        for object in &mut value.gitops {
            object.suspended = dice.of(&[true, false]);
            object.mark = dice.of(&[None, Some(worlds::mark("spec.suspend", worlds::WALL - 60))]);
        }
    }
    for seen in still.snapshot.observed.values_mut() {
        let message = String::new();
        *seen = Seen::known(
            dice.of(&[
                ObservedState::Up,
                ObservedState::Down { message: message.clone() },
                ObservedState::Started { message },
            ]),
            NOW,
        );
    }
    (still.snapshot, still.journal)
}

const fn is_up(rung: Rung) -> bool {
    matches!(rung, Rung::Wake | Rung::Start | Rung::Uncordon | Rung::Resume)
}

fn index(plant: &Plant, unit: &str) -> usize {
    plant.graph.units().iter().position(|known| known.name == unit).unwrap()
}

/// The supplies that a unit rests on over *requires*, with nothing else to rest on.
fn feeds(plant: &Plant, unit: &str) -> BTreeSet<usize> {
    let mut open = vec![plant.graph.find(unit).unwrap()];
    let mut found = BTreeSet::new();
    while let Some(id) = open.pop() {
        found.extend(plant.graph.unit(id).unwrap().supply);
        let below = plant.graph.below(id).iter().filter(|edge| edge.kind == EdgeKind::Requires);
        open.extend(below.map(|edge| edge.to));
    }
    found
}

fn on_mains(snapshot: &Snapshot, supply: &str) -> bool {
    let words = snapshot.supplies.get(supply).and_then(Seen::value).map(|r| r.status.as_slice());
    words.is_some_and(|words| {
        let has = |word: &str| words.iter().any(|w| w == word);
        has("OL") && !has("OB") && !has("CAL")
    })
}

/// Promise 1.1.
fn nothing_goes_up_without_mains(plant: &Plant, snapshot: &Snapshot, decision: &Decision) {
    for step in decision.steps.iter().filter(|step| is_up(step.rung)) {
        for supply in feeds(plant, &step.unit) {
            let supply = &plant.supplies[supply].name;
            assert!(on_mains(snapshot, supply), "{} {} on {supply}", step.unit, step.rung.name());
        }
    }
}

/// Promise 1.2: what needs a unit is down or settled before the unit goes.
fn nothing_stops_under_what_needs_it(plant: &Plant, decision: &Decision) {
    let steps = decision.steps.iter();
    for step in steps.filter(|step| !is_up(step.rung) && step.rung != Rung::Cordon) {
        let id = plant.graph.find(&step.unit).unwrap();
        for edge in plant.graph.above(id) {
            let above = &decision.units[edge.to.index()];
            let settled = above.wanted != Wanted::Down || above.arrived;
            assert!(settled, "{} {} under {}", step.unit, step.rung.name(), above.name);
        }
    }
}

/// Promise 1.3.
fn no_host_goes_off_with_containers(plant: &Plant, snapshot: &Snapshot, decision: &Decision) {
    for step in decision.steps.iter().filter(|step| step.rung == Rung::PowerOff) {
        let unit = &plant.graph.units()[index(plant, &step.unit)];
        if unit.kind == Kind::Own {
            continue;
        }
        let facts = snapshot.hosts[unit.short_name()].value().expect("it answers");
        let service = ["server", "agent"].map(|kind| format!("{kind}/{}", unit.short_name()));
        let left = decision.units.iter().any(|unit| {
            service.contains(&unit.name.to_string()) && unit.message.starts_with("left")
        });
        assert!(left || facts.containers + facts.volumes == 0, "{}", step.unit);
    }
}

/// Promise 1.7: nothing that another hand did is undone, and what it did is not done again.
fn what_others_did_is_untouched(snapshot: &Snapshot, decision: &Decision) {
    for step in &decision.steps {
        let cluster = || snapshot.cluster.value().expect("nobody acts on what is not seen");
        let gitops = |of| cluster().gitops.iter().find(move |object| object.object == of).unwrap();
        match &step.action {
            Action::Uncordon { node } => assert!(cluster().nodes[node].mark.is_some(), "{node}"),
            Action::Cordon { node } => assert!(!cluster().nodes[node].unschedulable, "{node}"),
            Action::Resume { objects } => {
                assert!(objects.iter().all(|of| gitops(of.clone()).mark.is_some()), "{objects:?}");
            }
            Action::Suspend { objects } => {
                assert!(objects.iter().all(|of| !gitops(of.clone()).suspended), "{objects:?}");
            }
            _ => {}
        }
    }
}

/// A step does what its rung is called, to the host of its unit.
fn does_what_it_is_called(plant: &Plant, step: &PlannedStep) -> bool {
    let unit = &plant.graph.units()[index(plant, &step.unit)];
    let service = if unit.kind == Kind::Server { Service::Server } else { Service::Agent };
    let own = unit.short_name();
    match (step.rung, &step.action) {
        (Rung::Wake, Action::Wake { host })
        | (Rung::PowerOff, Action::PowerOff { host })
        | (Rung::EndContainers, Action::EndContainers { host })
        | (Rung::Cordon, Action::Cordon { node: host })
        | (Rung::Uncordon, Action::Uncordon { node: host }) => host == own,
        (Rung::Start, Action::StartService { host, service: of })
        | (Rung::Stop, Action::StopService { host, service: of })
        | (Rung::Kill, Action::KillService { host, service: of }) => host == own && *of == service,
        (Rung::Delete, Action::DeletePods { grace_seconds, .. }) => grace_seconds.is_none(),
        (Rung::DeleteShort, Action::DeletePods { grace_seconds, .. }) => grace_seconds.is_some(),
        (Rung::Suspend, Action::Suspend { .. })
        | (Rung::Resume, Action::Resume { .. })
        | (Rung::Evict, Action::Evict { .. })
        | (Rung::Snapshot, Action::TakeSnapshot { .. })
        | (Rung::WakeAlarm, Action::SetWakeAlarm { .. })
        | (Rung::ForceShutdown, Action::ForceShutdown { .. })
        | (Rung::Sync, Action::SyncDisks)
        | (Rung::PowerOff, Action::PowerOffSelf { .. }) => true,
        _ => false,
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn every_decision_keeps_the_promises(
        policy in policies(),
        throws in prop::collection::vec(any::<u8>(), 16..200),
    ) {
        let plant = support::plant(&policy);
        let (snapshot, mut journal) = world(&plant, &throws);
        let decision = decide(&plant, &journal, &snapshot);
        prop_assert_eq!(&decision, &decide(&plant, &journal, &snapshot));
        nothing_goes_up_without_mains(&plant, &snapshot, &decision);
        nothing_stops_under_what_needs_it(&plant, &decision);
        no_host_goes_off_with_containers(&plant, &snapshot, &decision);
        what_others_did_is_untouched(&snapshot, &decision);
        for step in &decision.steps {
            prop_assert!(does_what_it_is_called(&plant, step), "{:?}", step);
        }

        let units: BTreeSet<&str> = decision.steps.iter().map(|step| step.unit.as_str()).collect();
        prop_assert_eq!(units.len(), decision.steps.len(), "one step at a time");
        for unit in &decision.units {
            let waits = decision.waiting.iter().any(|waiting| waiting.unit == unit.name);
            prop_assert_eq!(!unit.arrived, waits || units.contains(unit.name.as_str()), "{}", unit.name);
        }

        journal.apply(&support::decided(&journal, &decision));
        let again = decide(&plant, &journal, &snapshot);
        prop_assert_eq!(&again.steps, &decision.steps);
        let nothing = support::decided(&journal, &again);
        let before = journal.clone();
        journal.apply(&nothing);
        prop_assert_eq!(journal, before, "deciding twice remembers nothing new");
    }
}
