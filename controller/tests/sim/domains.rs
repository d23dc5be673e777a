//! Power domains: one of several supplies fails, and takes along what it must and nothing else.

use std::time::Duration;

use ananke_audit::Wanted;
use ananke_crds::policy::Target;
use ananke_sim::{
    build::EMBEDDED_POLICY,
    world::{Fate, Host, OnAcReturn, Role, What, World},
};

use crate::{
    outages::{charged, mains},
    scenes::{OWN_CUT, Scene},
    stage::{Stage, all_off, is_stopped, play, survives},
};

fn mains_of(supply: &str, present: bool) -> Fate {
    Fate::Mains { supply: Some(supply.into()), present }
}

fn is_fed_by(host: &Host, supply: &str) -> bool {
    host.supplies.iter().any(|feed| feed == supply)
}

/// What `statera` feeds alone is off.
fn statera_is_off(world: &World) -> bool {
    world.hosts.values().filter(|h| h.supplies == ["statera"]).all(Host::is_off)
}

/// What `pyrphoros` feeds is on.
fn pyrphoros_is_on(world: &World) -> bool {
    world.hosts.values().filter(|h| is_fed_by(h, "pyrphoros")).all(Host::is_on)
}

fn works(world: &World) -> bool {
    let on = world.hosts.values().filter(|h| is_fed_by(h, "pyrphoros"));
    world.api_ready() && on.into_iter().all(Host::kubelet_works)
}

/// The homelab, with the `upsd` of `statera` on `titan-24`, which `statera` feeds.
const VIA: Scene = Scene {
    world: |seed| {
        let mut world = World::embedded(seed);
        world.supplies.get_mut("statera").unwrap().via = Some("titan-24".into());
        world.touch();
        world
    },
    document: || {
        let powers = "powers: [titan-23, titan-24]";
        assert!(EMBEDDED_POLICY.contains(powers));
        EMBEDDED_POLICY.replace(powers, &format!("{powers}\n      via: host/titan-24"))
    },
};

/// Everything goes off, and the supply that nobody hears then is heard again.
async fn heard_again(stage: &mut Stage) {
    stage.arrives(Target::Running, 30).await;
    stage.fate(&mains(false));
    stage.until("every host is off", 600, all_off).await;
    stage.pass(Duration::from_secs(60)).await;
    stage.fate(&mains(true));
    stage.arrives(Target::Running, 900).await;
}

#[test]
fn domains_via_in_an_outage() {
    survives("domains_via_in_an_outage", VIA, heard_again);
}

/// The same for the operator, on mains: an unheard supply is nobody's failure.
#[test]
fn domains_via_by_the_operator() {
    play("domains_via_by_the_operator", VIA, async |stage: &mut Stage| {
        stage.arrives(Target::Running, 30).await;
        stage.declare(Target::Poweroff);
        stage.arrives(Target::Poweroff, 600).await;
        stage.pass(Duration::from_secs(120)).await;
        stage.declare(Target::Running);
        stage.arrives(Target::Running, 900).await;
    });
}

/// Only `statera` fails, and nothing tells when it is back: its host is tried when its battery must
/// be empty, and not before.
#[test]
fn domains_via_alone() {
    play("domains_via_alone", VIA, async |stage: &mut Stage| {
        stage.arrives(Target::Running, 30).await;
        stage.fate(&mains_of("statera", false));
        stage.fate(&charged("statera", 25));
        stage.until("its hosts are off", 600, statera_is_off).await;
        stage.pass(Duration::from_secs(120)).await;
        let quiet = stage.look(|w| works(w) && statera_is_off(w) && w.counters.wakes == 0);
        stage.check(quiet, "it was tried on battery, or the rest was touched");
        stage.fate(&mains_of("statera", true));
        stage.fate(&charged("statera", 60));
        stage.arrives(Target::Running, 3_600).await;
    });
}

/// `titan-04` has a feed of each.
const TWICE: Scene = Scene {
    world: |seed| {
        let mut world = World::embedded(seed);
        world.hosts.get_mut("titan-04").unwrap().supplies.push("statera".into());
        world.touch();
        world
    },
    document: || {
        EMBEDDED_POLICY
            .replace(
                r#"powers: ["*"]"#,
                "powers: [titan-0a, titan-0b, titan-0c, titan-04, titan-05]",
            )
            .replace("powers: [titan-23, titan-24]", "powers: [titan-23, titan-24, titan-04]")
    },
};

async fn one_feed_after_the_other(stage: &mut Stage) {
    stage.arrives(Target::Running, 30).await;
    stage.fate(&mains_of("statera", false));
    stage.until("what it feeds alone is off", 600, statera_is_off).await;
    let rest = stage.look(works);
    stage.check(rest, "what has another feed was taken down");
    stage.fate(&mains_of("statera", true));
    stage.arrives(Target::Running, 600).await;
    stage.fate(&mains_of("pyrphoros", false));
    let alone = |h: &&Host| h.supplies == ["pyrphoros"];
    stage
        .until("what it feeds alone is off", 600, |w| {
            w.hosts.values().filter(alone).all(Host::is_off)
        })
        .await;
    stage.pass(Duration::from_secs(60)).await;
    let on = stage.look(|w| w.hosts["titan-04"].is_on() && w.hosts["titan-23"].is_on());
    stage.check(on, "a host with mains was powered off");
    stage.fate(&mains_of("pyrphoros", true));
    stage.arrives(Target::Running, 600).await;
}

#[test]
fn domains_fed_twice() {
    survives("domains_fed_twice", TWICE, one_feed_after_the_other);
}

/// The jump host to everything is on `statera`.
const JUMP: Scene = Scene {
    world: |seed| {
        let mut world = World::embedded(seed);
        world.add_host("jump", Host::new(Role::None, &["statera"]));
        world.press_power("jump");
        world.advance(world.now() + 60_000);
        world
    },
    document: || {
        let paths = "  paths:\n    - {name: ssh, host: jump, reaches: [\"*\"]}\n  hosts:\n    \
                     - {name: jump, role: none, wake: {method: wol, mac: \"02:00:5e:00:00:21\"}}";
        EMBEDDED_POLICY
            .replace("powers: [titan-23, titan-24]", "powers: [titan-23, titan-24, jump]")
            .replacen("  hosts:", paths, 1)
    },
};

/// The story asks for it: what `statera` feeds is more than its hosts.
fn cluster_is_wanted(stage: &mut Stage, wanted: Wanted) {
    stage.expect = stage.expect.clone().declared(stage.now(), wanted);
}

/// Nobody could take down what runs behind it, so it is taken down while there is a way.
async fn without_a_way(stage: &mut Stage) {
    stage.arrives(Target::Running, 30).await;
    cluster_is_wanted(stage, Wanted::ClusterOnlyDown);
    stage.fate(&mains_of("statera", false));
    let why = |told: &ananke::publish::Published| {
        told.live.scope.iter().any(|line| line.contains("ssh is the only way to"))
    };
    stage.until_told("the plan tells of the way", 120, why).await;
    stage.until("the jump host is off", 600, |w| w.hosts["jump"].is_off()).await;
    let stopped = stage.look(|w| is_stopped(w) && pyrphoros_is_on(w) && statera_is_off(w));
    stage.check(stopped, "something ran on behind a way that is gone, or a host on mains went off");
    cluster_is_wanted(stage, Wanted::Running);
    stage.fate(&mains_of("statera", true));
    stage.arrives(Target::Running, 600).await;
}

#[test]
fn domains_jump_host() {
    survives("domains_jump_host", JUMP, without_a_way);
}

const EMBEDDED: Scene = Scene { world: World::embedded, document: || EMBEDDED_POLICY.to_owned() };

/// All healthy replicas of a volume that is used elsewhere are on `statera`.
#[test]
fn domains_last_replicas() {
    play("domains_last_replicas", EMBEDDED, async |stage: &mut Stage| {
        stage.arrives(Target::Running, 30).await;
        stage.change(|world| {
            let elsewhere = |node: &str| is_fed_by(&world.hosts[node], "pyrphoros");
            let used = world.cluster.attachments.iter().find(|(_, a)| elsewhere(&a.node));
            let volume = used.unwrap().0.clone();
            let on = ["titan-23", "titan-24"].map(str::to_owned).into();
            world.cluster.replicas.insert(volume, on);
        });
        cluster_is_wanted(stage, Wanted::ClusterOnlyDown);
        stage.fate(&mains_of("statera", false));
        stage.until("its hosts are off", 600, statera_is_off).await;
        let down = stage.look(|w| is_stopped(w) && pyrphoros_is_on(w));
        stage.check(down, "what uses the volume ran on, or a host on mains went off");
        cluster_is_wanted(stage, Wanted::Running);
        stage.fate(&mains_of("statera", true));
        stage.arrives(Target::Running, 600).await;
    });
}

/// Ananke on a host of its own with two feeds, each of which can be told to cut its output.
const OWN_TWICE: Scene = Scene {
    world: |seed| {
        let mut world = (OWN_CUT.world)(seed);
        let own = world.hosts.get_mut("own").unwrap();
        own.supplies.push("spare".into());
        own.on_ac_return = OnAcReturn::Boot;
        world.add_supply("spare", 15);
        world.supplies.get_mut("spare").unwrap().via = Some("own".into());
        world.touch();
        world
    },
    document: || {
        let spare = "powers: [server-0, agent-0, agent-1, own]\n      \
                     trigger: {maxOnBattery: 10m, minCharge: 20}\n      \
                     recover: {minCharge: 35, stableFor: 30s}\n    \
                     - name: spare\n      powers: [own]";
        let document = (OWN_CUT.document)();
        let powers = r#"powers: ["*"]"#;
        assert!(document.contains(powers));
        document.replacen(powers, spare, 1)
    },
};

/// At the last step one of the two is back: this host has mains, so it reboots.
#[test]
fn domains_own_host_fed_twice() {
    play("domains_own_host_fed_twice", OWN_TWICE, async |stage: &mut Stage| {
        stage.arrives(Target::Running, 30).await;
        stage.fate(&mains(false));
        stage.fate(&charged("ups", 40));
        stage.fate(&charged("spare", 40));
        let others = |w: &World| w.hosts.iter().all(|(name, host)| name == "own" || host.is_off());
        stage.until("every other host is off", 900, others).await;
        stage.fate(&charged("ups", 21));
        stage.fate(&charged("spare", 21));
        let forced = |w: &World| w.supplies.values().any(|supply| supply.forced_shutdown);
        stage.until("the others of the supplies are told to leave", 900, forced).await;
        stage.fate(&mains_of("spare", true));
        let halts = |w: &World, reboot: bool| {
            let is_it = |what: &What| matches!(what, What::HostHalting { host, reboots, .. } if host == "own" && *reboots == reboot);
            w.trace.iter().filter(|happening| is_it(&happening.what)).count()
        };
        stage.until("this host reboots", 120, |w| halts(w, true) > 0).await;
        let off = stage.look(|w| halts(w, false));
        stage.check(off == 0, "it powered off with mains at one feed");
        stage.fate(&mains(true));
        stage.fate(&charged("ups", 60));
        stage.fate(&charged("spare", 60));
        stage.arrives(Target::Running, 900).await;
    });
}

/// Whatever fails together with whatever hangs on it: it ends running, and nothing that has mains
/// was powered off.
async fn they_fail(stage: &mut Stage, supplies: &[&str]) {
    stage.arrives(Target::Running, 30).await;
    for supply in supplies {
        stage.fate(&mains_of(supply, false));
    }
    let is_dark = |h: &&Host| h.supplies.iter().all(|feed| supplies.contains(&feed.as_str()));
    stage
        .until("all that has no mains is off", 900, |w| {
            w.hosts.values().filter(is_dark).all(Host::is_off)
        })
        .await;
    stage.pass(Duration::from_secs(60)).await;
    let lit = stage.look(|w| w.hosts.values().filter(|h| !is_dark(h)).all(Host::is_on));
    stage.check(lit, "a host with mains was powered off");
    for supply in supplies {
        stage.fate(&mains_of(supply, true));
    }
    stage.arrives(Target::Running, 900).await;
}

#[test]
fn domains_pyrphoros_while_statera_is_heard_via_its_host() {
    play(
        "domains_pyrphoros_while_statera_is_heard_via_its_host",
        VIA,
        async |stage: &mut Stage| {
            they_fail(stage, &["pyrphoros"]).await;
        },
    );
}

#[test]
fn domains_both_feeds() {
    play("domains_both_feeds", TWICE, async |stage: &mut Stage| {
        they_fail(stage, &["pyrphoros", "statera"]).await;
    });
}

#[test]
fn domains_pyrphoros_with_the_jump_host_on_statera() {
    play("domains_pyrphoros_with_the_jump_host_on_statera", JUMP, async |stage: &mut Stage| {
        they_fail(stage, &["pyrphoros"]).await;
    });
}

#[test]
fn domains_both_and_the_jump_host() {
    play("domains_both_and_the_jump_host", JUMP, async |stage: &mut Stage| {
        they_fail(stage, &["pyrphoros", "statera"]).await;
    });
}
