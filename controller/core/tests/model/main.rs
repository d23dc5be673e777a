//! Model checks of the shipped `decide` on small clusters: every state that the world can come to
//! by the moves of [`model::Move`] is visited, and every decision in it is made by the function
//! that ships. What the model leaves out is told in `docs/proof.md`.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stdout,
    reason = "a test that cannot go on fails, and tells how much it looked at"
)]

mod happen;
mod look;
mod model;
mod normal;
mod promises;
mod rest;
mod tell;
mod world;
mod wrong;

use std::{collections::BTreeSet, sync::Arc};

use ananke_core::{
    decide::decide,
    plant::{Plant, Role},
};
use ananke_crds::policy::{PowerPolicy, Target};
use model::{Budget, Cluster, Decide, Faults};
use promises::IT_RESTS;
use rest::Calm;
use stateright::{Checker, Expectation, HasDiscoveries, Model};
use world::{Battery, Hold, World};

const ONE_AGENT: &str = include_str!("one-agent.yaml");
const TWO_AGENTS: &str = include_str!("two-agents.yaml");
const THREE_SERVERS: &str = include_str!("three-servers.yaml");
const THREE_SERVERS_AN_AGENT: &str = include_str!("three-servers-an-agent.yaml");

/// A cluster of a document, as the program compiles it, in which everything is up.
fn cluster(document: &str, outages: u8, faults: u8, wishes: u8) -> Cluster {
    let policy: PowerPolicy = serde_saphyr::from_str(document).unwrap();
    let plants = Target::ALL.map(|target| {
        let mut plant = Plant::compile(policy.metadata.name.as_str(), &policy.spec).unwrap();
        plant.declared = target;
        plant
    });
    Cluster {
        may_fail: (0..plants[0].supplies.len()).collect(),
        may_be_lost: servers(&plants[0]),
        plants,
        decide,
        budget: Budget { outages, faults, wishes },
        faults: Faults::AllButLoss,
        begins: |plant| World::running(plant, normal::NOW),
        wishes: &Target::ALL,
        calls_are_slow: false,
        emptiest: Battery::Low,
        calm: Arc::new(Calm::new()),
        avoid: BTreeSet::new(),
    }
}

/// The places of the servers among the machines.
fn servers(plant: &Plant) -> Vec<usize> {
    let hosts = world::hosts(plant).enumerate();
    hosts.filter(|(_, (_, host))| host.role == Role::Server).map(|(at, _)| at).collect()
}

/// A promise that is not kept, and the shortest way there that was found.
struct Broken {
    promise: &'static str,
    path: String,
}

/// What an exploration came to.
struct Explored {
    states: usize,
    unique: usize,
    depth: usize,
    properties: usize,
    /// What was to be met at least once, and was not.
    unmet: Vec<&'static str>,
    broken: Option<Broken>,
}

/// Visits every state, up to the first one that breaks a promise.
fn explore(make: impl Fn() -> Cluster) -> Explored {
    let cluster = make();
    let calm = Arc::clone(&cluster.calm);
    let mut explored = visit(cluster);
    if explored.broken.is_none() {
        let wrong = calm.judge();
        if !wrong.is_empty() {
            // Once more, for the way to one of them.
            let again = visit(Cluster { avoid: wrong, ..make() });
            assert!(again.broken.is_some(), "states of before are not met again");
            explored.broken = again.broken;
        }
    }
    explored
}

fn visit(cluster: Cluster) -> Explored {
    let checker = cluster.checker().finish_when(HasDiscoveries::AnyFailures);
    let checker = checker.spawn_bfs().join();
    let found = checker.discoveries();
    let (mut unmet, mut broken) = (Vec::new(), None);
    let properties = checker.model().properties();
    for property in &properties {
        match (&property.expectation, found.get(property.name)) {
            (Expectation::Sometimes, None) => unmet.push(property.name),
            (Expectation::Always, Some(path)) => {
                let path = tell::tell(checker.model(), path);
                broken = Some(Broken { promise: property.name, path });
            }
            _ => {}
        }
    }
    Explored {
        states: checker.state_count(),
        unique: checker.unique_state_count(),
        depth: checker.max_depth(),
        properties: properties.len() - unmet.len(),
        unmet,
        broken,
    }
}

/// Everything holds in every state. Prints how many there are.
fn holds(name: &str, make: impl Fn() -> Cluster) {
    let explored = explore(make);
    if let Some(Broken { promise, path }) = explored.broken {
        panic!("{name} breaks {promise}:\n{path}");
    }
    assert!(explored.unmet.is_empty(), "{name} never comes to {:?}", explored.unmet);
    let Explored { states, unique, depth, properties, .. } = explored;
    println!(
        "model check: {name}: {states} states, {unique} unique, depth {depth}, \
         {properties} properties hold"
    );
}

/// A wrong decision is found, by this promise, on a path that ends like this.
fn breaks(promise: &str, last: &str, wrong: Decide, make: impl Fn() -> Cluster) {
    let found = explore(|| Cluster { decide: wrong, ..make() }).broken;
    let found = found.unwrap_or_else(|| panic!("nobody finds that {promise} is broken"));
    println!("{}:\n{}", found.promise, found.path);
    assert_eq!(found.promise, promise);
    assert!(found.path.contains(last), "`{last}` is not on the path");
}

/// A person cordoned the agent's node and suspended the second object.
fn with_a_persons_holds(plant: &Plant) -> World {
    let mut world = World::running(plant, normal::NOW);
    let agent = world.machines.len() - 1;
    world.machines[agent].cordon = Hold::Theirs;
    world.suspends[1] = Hold::Theirs;
    world
}

#[test]
fn an_outage_and_a_fault() {
    holds("an outage, a fault", || cluster(ONE_AGENT, 1, 1, 0));
}

#[test]
fn two_outages() {
    holds("two outages", || cluster(ONE_AGENT, 2, 0, 0));
}

#[test]
fn slow_calls() {
    holds("an outage, slow calls", || Cluster {
        calls_are_slow: true,
        emptiest: Battery::Spent,
        ..cluster(ONE_AGENT, 1, 0, 0)
    });
}

#[test]
fn batteries_that_end() {
    holds("an outage, batteries that end", || Cluster {
        emptiest: Battery::Empty,
        ..cluster(ONE_AGENT, 1, 0, 0)
    });
}

#[test]
fn targets_and_a_fault() {
    holds("two targets, a fault", || cluster(ONE_AGENT, 0, 1, 2));
}

#[test]
fn what_a_person_did() {
    holds("a person's holds, an outage, a fault", || Cluster {
        begins: with_a_persons_holds,
        ..cluster(ONE_AGENT, 1, 1, 0)
    });
}

#[test]
fn two_agents() {
    holds("two agents, an outage", || cluster(TWO_AGENTS, 1, 0, 0));
}

#[test]
fn three_servers() {
    holds("three servers on two supplies, an outage", || cluster(THREE_SERVERS, 1, 0, 0));
}

#[test]
fn a_server_fails() {
    holds("three servers on two supplies, an outage, a server that fails", || Cluster {
        faults: Faults::OfServers,
        ..cluster(THREE_SERVERS, 1, 1, 0)
    });
}

#[test]
fn a_server_is_lost_and_an_agent_is_not() {
    holds("three servers and an agent on two supplies, an outage, a server is lost", || Cluster {
        faults: Faults::Losses,
        ..cluster(THREE_SERVERS_AN_AGENT, 1, 1, 0)
    });
}

/// One on each supply; `s2` is there for nothing but what `s1` is.
#[test]
fn two_servers_are_lost() {
    holds("three servers on two supplies, an outage, two servers are lost", || Cluster {
        faults: Faults::Losses,
        may_be_lost: vec![0, 2],
        ..cluster(THREE_SERVERS, 1, 2, 0)
    });
}

#[test]
fn wrong_decisions_are_found() {
    let outage = || cluster(ONE_AGENT, 1, 0, 0);
    let wish = || cluster(ONE_AGENT, 0, 0, 2);
    let slow = || Cluster { calls_are_slow: true, ..outage() };
    let a_loss = || Cluster { faults: Faults::Losses, ..cluster(THREE_SERVERS, 1, 1, 0) };
    let theirs = || Cluster { begins: with_a_persons_holds, ..outage() };
    let order = "2: nothing stops before what needs it is down";
    breaks(order, "server/s1 stop", wrong::servers_beside_agents, outage);
    let runs = "3: no host is powered off with anything running on it";
    breaks(runs, "power-off", wrong::nothing_is_left_behind, outage);
    let last = "6: this host goes last, and reboots where mains are there";
    breaks(last, "self power-off", wrong::silent_is_off, outage);
    breaks(IT_RESTS, "node/n1", wrong::never_uncordons, outage);
    let held = "7: no host is powered off once mains are back";
    breaks(held, "mains of ups are back", wrong::nothing_is_held, outage);
    let battery = "1: nothing is started on battery, or with its power unknown";
    breaks(battery, "", wrong::starts_on_battery, outage);
    let others = "7: nothing that a person cordoned or suspended is touched";
    breaks(others, "gitops resume", wrong::all_suspends_are_ours, theirs);
    let quorum = "4: the quorum stays while the API is wanted";
    breaks(quorum, "server/s3 stop", wrong::the_unheard_serve, a_loss);
    breaks("9: no unit has two steps in flight", "", wrong::nothing_is_in_flight, slow);
    breaks("2: on the way down nothing goes up", "", wrong::turns_round, wish);
}
