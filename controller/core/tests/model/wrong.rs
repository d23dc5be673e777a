//! Wrong decisions: the shipped `decide`, told something wrong or not listened to. Each is a fault
//! that promises forbid, and the model check has to find it.

use ananke_core::{
    decide::decide,
    decision::Decision,
    journal::Journal,
    marks::Mark,
    observe::{HostFacts, Snapshot, SupplyReading},
    plant::Plant,
    seen::Seen,
    signals::Phase,
    step::{Action, PlannedStep, Service},
};
use ananke_crds::policy::Target;

fn each_host(snapshot: &Snapshot, change: impl Fn(&mut HostFacts)) -> Snapshot {
    let mut snapshot = snapshot.clone();
    snapshot.hosts.values_mut().filter_map(Seen::value_mut).for_each(change);
    snapshot
}

/// While a supply asks for something, it seems to be told by these words.
fn told(journal: &Journal, snapshot: &Snapshot, words: &str) -> Snapshot {
    let mut snapshot = snapshot.clone();
    for (name, seen) in &mut snapshot.supplies {
        let asks = journal.supplies.get(name).is_some_and(|memory| memory.phase != Phase::Clear);
        if let Some(reading) = seen.value_mut().filter(|_| asks) {
            let status = words.split(' ').map(Into::into).collect();
            *reading = SupplyReading { status, ..reading.clone() };
        }
    }
    snapshot
}

/// Servers stop beside their agents.
pub(crate) fn servers_beside_agents(plant: &Plant, journal: &Journal, seen: &Snapshot) -> Decision {
    let mut decision = decide(plant, journal, seen);
    let is_stop = |step: &&PlannedStep| matches!(step.action, Action::StopService { .. });
    if let Some(step) = decision.steps.iter().find(is_stop).cloned() {
        let stop = Action::StopService { host: "s1".into(), service: Service::Server };
        decision.steps.push(PlannedStep { unit: "server/s1".into(), action: stop, ..step });
    }
    decision
}

/// A stopped service is taken for one that left nothing behind.
pub(crate) fn nothing_is_left_behind(
    plant: &Plant,
    journal: &Journal,
    seen: &Snapshot,
) -> Decision {
    let seen = each_host(seen, |facts| (facts.containers, facts.volumes) = (0, 0));
    decide(plant, journal, &seen)
}

/// Whoever is silent is off.
pub(crate) fn silent_is_off(plant: &Plant, journal: &Journal, seen: &Snapshot) -> Decision {
    let mut plant = plant.clone();
    plant.shutdown.longest_halt = std::time::Duration::ZERO;
    decide(&plant, journal, seen)
}

/// Cordons stay.
pub(crate) fn never_uncordons(plant: &Plant, journal: &Journal, seen: &Snapshot) -> Decision {
    let mut decision = decide(plant, journal, seen);
    decision.steps.retain(|step| !matches!(step.action, Action::Uncordon { .. }));
    decision
}

/// Mains that are back do not hold a signal.
pub(crate) fn nothing_is_held(plant: &Plant, journal: &Journal, seen: &Snapshot) -> Decision {
    decide(plant, journal, &told(journal, seen, "OB LB"))
}

/// A signal is lifted on battery.
pub(crate) fn starts_on_battery(plant: &Plant, journal: &Journal, seen: &Snapshot) -> Decision {
    let mut seen = told(journal, seen, "OL");
    for reading in seen.supplies.values_mut().filter_map(Seen::value_mut) {
        reading.charge_percent = Some(100);
    }
    decide(plant, journal, &seen)
}

/// Whatever is suspended is ours.
pub(crate) fn all_suspends_are_ours(plant: &Plant, journal: &Journal, seen: &Snapshot) -> Decision {
    let mut seen = seen.clone();
    for object in seen.cluster.value_mut().into_iter().flat_map(|cluster| &mut cluster.gitops) {
        object.mark = object.suspended.then(Mark::default);
    }
    decide(plant, journal, &seen)
}

/// A server that nobody hears serves, as far as anybody knows.
pub(crate) fn the_unheard_serve(plant: &Plant, journal: &Journal, seen: &Snapshot) -> Decision {
    let mut seen = seen.clone();
    let heard = seen.hosts.values().find(|host| host.value().is_some()).cloned();
    if let Some(heard) = heard {
        let silent = seen.hosts.values_mut().filter(|host| host.value().is_none());
        silent.for_each(|host| *host = heard.clone());
    }
    decide(plant, journal, &seen)
}

/// Calls that have not returned are forgotten.
pub(crate) fn nothing_is_in_flight(plant: &Plant, journal: &Journal, seen: &Snapshot) -> Decision {
    let mut journal = journal.clone();
    journal.in_flight.clear();
    journal.tries.clear();
    decide(plant, &journal, seen)
}

/// As soon as something is cordoned it is to run again.
pub(crate) fn turns_round(plant: &Plant, journal: &Journal, seen: &Snapshot) -> Decision {
    let mut plant = plant.clone();
    let mut nodes = seen.cluster.value().into_iter().flat_map(|cluster| cluster.nodes.values());
    if nodes.any(|node| node.mark.is_some()) {
        plant.declared = Target::Running;
    }
    decide(&plant, journal, seen)
}
