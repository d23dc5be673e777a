//! Power domains, every combination of a small plant: where the jump host and this host hang, and
//! what each of two supplies does. What must hold is said without knowing how it is decided.

#![allow(
    dead_code,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test that cannot go on fails"
)]

mod support;

use std::collections::BTreeMap;

use ananke_core::{
    decide::decide,
    observe::SupplyReading,
    seen::Seen,
    signals::{Cause, Phase, SupplyMemory, Trigger},
    table::Wanted,
};
use ananke_crds::policy::PowerPolicy;
use serde_json::json;
use support::worlds::{NOW, named};

/// What a supply does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Power {
    Mains,
    /// On battery, and nothing has triggered yet.
    Battery,
    /// On battery, and it asks for a shutdown.
    Falling,
}

const POWERS: [Power; 3] = [Power::Mains, Power::Battery, Power::Falling];
const SUPPLIES: [&str; 2] = ["west", "east"];
/// Which supplies feed a host: one, the other, or both.
const FEEDS: [&[usize]; 3] = [&[0], &[1], &[0, 1]];

#[derive(Debug, Clone, Copy)]
struct Combination {
    jump: usize,
    own: usize,
    alternative: bool,
    powers: [Power; 2],
}

impl Combination {
    fn all() -> Vec<Self> {
        let mut all = Vec::new();
        for (jump, own) in (0..9).map(|at| (at / 3, at % 3)) {
            for powers in (0..9).map(|at| [POWERS[at / 3], POWERS[at % 3]]) {
                let with = |alternative| Self { jump, own, alternative, powers };
                all.extend([true, false].map(with));
            }
        }
        all
    }

    /// The feeds of every host: two servers and two agents on west, one of each and an agent on
    /// east, an agent with both.
    fn feeds(self) -> BTreeMap<&'static str, &'static [usize]> {
        let mut feeds: BTreeMap<_, _> =
            ["s1", "s2", "n1", "n2"].map(|host| (host, FEEDS[0])).into();
        feeds.extend(["s3", "n4", "n5"].map(|host| (host, FEEDS[1])));
        feeds.extend([("n3", FEEDS[2]), ("jump", FEEDS[self.jump]), ("own", FEEDS[self.own])]);
        feeds
    }

    fn policy(self) -> PowerPolicy {
        let mut policy = serde_json::to_value(support::policy("two-ups")).unwrap();
        for (at, _) in SUPPLIES.iter().enumerate() {
            let feeds = self.feeds();
            let fed = feeds.iter().filter(|(_, feeds)| feeds.contains(&at)).map(|(host, _)| host);
            policy["spec"]["supplies"][at]["powers"] = json!(fed.collect::<Vec<_>>());
        }
        if self.alternative {
            policy["spec"]["paths"][0]["alternative"] = json!("direct");
        }
        serde_json::from_value(policy).unwrap()
    }

    /// What is wanted of every unit.
    fn wanted(self) -> BTreeMap<String, Wanted> {
        let plant = support::plant(&self.policy());
        let mut still = named("running", &plant);
        for (name, power) in SUPPLIES.iter().zip(self.powers) {
            let words: &[&str] = match power {
                Power::Mains => continue,
                Power::Battery => &["OB"],
                Power::Falling => &["OB", "LB"],
            };
            let reading = SupplyReading {
                status: words.iter().map(|word| (*word).to_owned()).collect(),
                charge_percent: Some(50),
                runtime_seconds: Some(3_000),
                ..SupplyReading::default()
            };
            still.snapshot.supplies.insert((*name).into(), Seen::known(reading, NOW));
            let falls = power == Power::Falling;
            let memory = SupplyMemory {
                phase: if falls { Phase::Falling } else { Phase::Clear },
                cause: falls.then(|| Cause { trigger: Trigger::LowBattery, figures: "LB".into() }),
                on_battery_since: Some(NOW),
                unsettled: true,
                last_heard: Some(NOW),
                ..SupplyMemory::default()
            };
            still.journal.supplies.insert((*name).into(), memory.into());
        }
        let decision = decide(&plant, &still.journal, &still.snapshot);
        decision.units.into_iter().map(|unit| (unit.name.into(), unit.wanted)).collect()
    }
}

/// The unit of a host.
fn machine(host: &str) -> String {
    if host == "own" { "self".into() } else { format!("host/{host}") }
}

#[test]
fn every_combination_keeps_what_it_can_and_leaves_nothing_behind() {
    let combinations = Combination::all();
    assert_eq!(combinations.len(), 162);
    for combination in combinations {
        let wanted = combination.wanted();
        let is_down = |unit: &str| wanted[unit] == Wanted::Down;
        let stays = |host: &str| !is_down(&machine(host));
        let feeds = combination.feeds();
        let power = |host: &str| feeds[host].iter().map(|feed| combination.powers[*feed]);
        let check = |so: bool, what: &str, of: &str| assert!(so, "{combination:?}: {of} {what}");

        for host in feeds.keys() {
            if power(host).any(|power| power == Power::Mains) {
                check(stays(host), "has mains and goes off", host);
            } else if power(host).all(|power| power == Power::Falling) {
                check(!stays(host), "is asked to go by all its feeds and stays", host);
            }
            let has_mains = power(host).any(|power| power == Power::Mains);
            if !stays("own") && !has_mains {
                check(!stays(host), "is on battery, and nobody looks after it", host);
            }
        }

        let reached = |host: &str| host == "jump" || combination.alternative || stays("jump");
        let runs = |host: &str| {
            let kind = if host.starts_with('s') { "server" } else { "agent" };
            !is_down(&format!("{kind}/{host}"))
        };
        let members = ["s1", "s2", "s3", "n1", "n2", "n3", "n4", "n5"];
        for host in members.into_iter().filter(|host| runs(host)) {
            check(stays(host), "runs on a host that goes off", host);
            check(reached(host), "runs behind a way that is gone", host);
        }
        let servers = ["s1", "s2", "s3"].into_iter().filter(|host| stays(host) && reached(host));
        let cluster_stays = servers.count() >= 2;
        check(is_down("gitops") != cluster_stays, "goes by the quorum that is left", "the cluster");
        for host in members {
            let could = cluster_stays && stays(host) && reached(host);
            check(runs(host) == could, "runs where it can, and only there", host);
        }
    }
}
