//! A path through the model, for people.

use std::fmt::Write;

use stateright::{Model, Path};

use super::{
    look::Lost,
    model::{Cluster, Move, State},
    world::{World, hosts},
};

/// What happened, in order, with the steps that each decision began; and the world in the end.
pub(crate) fn tell(cluster: &Cluster, path: &Path<State, Move>) -> String {
    let mut text = String::new();
    for (nth, (state, event)) in (1..).zip(path.clone().into_vec()) {
        let Some(event) = event else {
            end(cluster, &state.world, &mut text);
            break;
        };
        write!(text, "{nth:>4}. {}", sentence(cluster, &state, &event)).unwrap();
        if matches!(event, Move::Decide | Move::DecideWithout(_) | Move::DecideBefore(_)) {
            let next = cluster.next_state(&state, event).unwrap();
            let before: Vec<String> = state.steps().collect();
            let began: Vec<String> = next.steps().filter(|step| !before.contains(step)).collect();
            write!(
                text,
                ": {}",
                if began.is_empty() { "nothing".into() } else { began.join(", ") }
            )
            .unwrap();
        }
        text.push('\n');
    }
    text
}

fn sentence(cluster: &Cluster, state: &State, event: &Move) -> String {
    let plant = cluster.plant(state.declared);
    let host = |at: usize| hosts(plant).nth(at).map_or("", |(_, host)| host.name.as_str());
    let supply = |at: usize| plant.supplies[at].name.as_str();
    let call = |id: &u64| state.step(*id);
    match event {
        Move::Decide => "looked and decided".into(),
        Move::DecideWithout(Lost::Host(at)) => format!("decided without a look at {}", host(*at)),
        Move::DecideWithout(Lost::Supply(at)) => {
            format!("decided without a look at {}", supply(*at))
        }
        Move::DecideWithout(Lost::Api) => "decided without a look at the API".into(),
        Move::DecideBefore(event) => {
            format!("looked; then {}; then decided", sentence(cluster, state, event))
        }
        Move::Return(id) => format!("{}: done", call(id)),
        Move::Refused(id) => format!("{}: refused", call(id)),
        Move::Cut(id) => format!("{}: cut off, not done", call(id)),
        Move::CutAfter(id) => format!("{}: cut off, done", call(id)),
        Move::Lied(id) => format!("{}: says done, and is not", call(id)),
        Move::GivenUp(id) => format!("{}: given up, to be done later", call(id)),
        Move::Hangs(id) => format!("{}: hangs", call(id)),
        Move::Land(at, landing) => format!("{} {landing:?}", host(*at)),
        Move::Arrive(at) => format!("{:?} is done after all", state.world.late[*at]),
        Move::Wait => "time goes on".into(),
        Move::OwnBoots => "this host boots".into(),
        Move::OwnBootsByItself => "somebody boots this host".into(),
        Move::MainsBack(at) => format!("mains of {} are back", supply(*at)),
        Move::Charged(at) => format!("{} is charged", supply(*at)),
        Move::MainsFail(at) => format!("mains of {} go", supply(*at)),
        Move::BatteryFalls(at) => format!("the battery of {} falls", supply(*at)),
        Move::Wish(target) => format!("{target:?} is declared"),
        Move::Dies { effects: true } => "the daemon dies, its calls are done".into(),
        Move::Dies { effects: false } => "the daemon dies, its calls are not done".into(),
        Move::Forgets => "the daemon dies, its journal is lost".into(),
        Move::BootsByItself(at) => format!("somebody boots {}", host(*at)),
        Move::Crashes(at) => format!("the service of {} crashes", host(*at)),
        Move::Lost(at) => format!("{} is lost for good", host(*at)),
        Move::Reboots(at) => format!("{} reboots instead of going off", host(*at)),
    }
}

fn end(cluster: &Cluster, world: &World, text: &mut String) {
    let plant = &cluster.plants[0];
    for (host, machine) in world.each(plant) {
        let at = (machine.power, machine.service, machine.pods, machine.cordon);
        writeln!(text, "      {}: {at:?}, containers: {}", host.name, machine.containers).unwrap();
    }
    for (plan, supply) in plant.supplies.iter().zip(&world.supplies) {
        let at = (supply.mains, supply.battery);
        writeln!(text, "      {}: mains and battery {at:?}", plan.name).unwrap();
    }
    writeln!(text, "      suspends: {:?}, this host on: {}", world.suspends, world.own_on).unwrap();
}
