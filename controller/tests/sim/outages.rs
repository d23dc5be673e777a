//! Outages: a signal flips the effective target, and nobody edits the document.

use std::time::Duration;

use ananke::publish::Published;
use ananke_crds::policy::Target;
use ananke_sim::world::{Fate, Host, OnAcReturn, ServiceUnit, TelemetryFault, What};

use crate::{
    scenes::{EMBEDDED, SMALL},
    stage::{Stage, all_off, all_on, condition, is_stopped, is_up, play, survives},
};

pub fn mains(present: bool) -> Fate {
    Fate::Mains { supply: None, present }
}

fn mains_of(supply: &str, present: bool) -> Fate {
    Fate::Mains { supply: Some(supply.into()), present }
}

pub fn charged(supply: &str, percent: u64) -> Fate {
    Fate::Battery { supply: supply.into(), percent }
}

fn asked_by(told: &Published, by: &str) -> bool {
    told.status.effective_target == Some(Target::Poweroff) && told.status.by.as_deref() == Some(by)
}

/// Waits until a UPS asks for poweroff; the document still says running.
pub async fn flips(stage: &mut Stage, supply: &str, within: u64) {
    let by = format!("ups/{supply}");
    let what = format!("the effective target is poweroff, by {by}");
    let told = stage.until_told(&what, within, |told| asked_by(told, &by)).await;
    stage.check(told.spec["target"] == "running", "the document was touched");
}

/// On battery until the runtime is short; down; mains return and hold; up by itself.
async fn a_whole_outage(stage: &mut Stage) {
    stage.arrives(Target::Running, 30).await;
    stage.fate(&mains(false));
    stage.pass(Duration::from_secs(60)).await;
    let stays = stage.look(is_up);
    stage.check(stays, "something went down long before it had to");
    stage.fate(&charged("ups", 30));
    flips(stage, "ups", 900).await;
    stage.until("every host is off", 300, all_off).await;
    stage.pass(Duration::from_secs(60)).await;
    stage.fate(&mains(true));
    let held = |told: &Published| told.status.phase.as_deref() == Some("held");
    stage.until_told("ananke holds what is on", 60, held).await;
    stage.pass(Duration::from_secs(10)).await;
    let dark = stage.look(all_off);
    stage.check(dark, "a host was started before the mains had held and energy was stored");
    stage.fate(&charged("ups", 50));
    stage.arrives(Target::Running, 600).await;
}

#[test]
fn small_outage() {
    survives("small_outage", SMALL, a_whole_outage);
}

/// A long time after everything went off in order, its hosts are no longer known to be off for a
/// moment: they may boot by themselves. That is nobody's fault.
#[test]
fn nobody_is_called_when_the_mains_return() {
    play("nobody_is_called_when_the_mains_return", SMALL, async |stage: &mut Stage| {
        stage.arrives(Target::Running, 30).await;
        stage.fate(&mains(false));
        stage.fate(&charged("ups", 30));
        stage.until("every host is off", 900, all_off).await;
        stage.pass(Duration::from_secs(1_200)).await;
        stage.fate(&mains(true));
        stage.fate(&charged("ups", 60));
        for _ in 0..600 {
            let told = stage.told().unwrap();
            let calls = condition(&told, "Stalled");
            stage.check(calls.is_none(), &format!("a person is called: {calls:?}"));
            stage.pass(Duration::from_secs(1)).await;
        }
        stage.arrives(Target::Running, 30).await;
    });
}

/// Everything of the homelab on battery for longer than a minute.
async fn both_supplies(stage: &mut Stage) {
    stage.arrives(Target::Running, 30).await;
    stage.fate(&mains(false));
    stage.until("every host is off", 600, all_off).await;
    stage.fate(&mains(true));
    stage.arrives(Target::Running, 600).await;
}

#[test]
fn embedded_outage() {
    survives("embedded_outage", EMBEDDED, both_supplies);
}

async fn back_half_way(stage: &mut Stage, until: impl Fn(&ananke_sim::world::World) -> bool) {
    stage.arrives(Target::Running, 30).await;
    stage.fate(&mains(false));
    stage.fate(&charged("ups", 25));
    stage.until("half-way down", 900, until).await;
    stage.fate(&mains(true));
    stage.fate(&charged("ups", 60));
    stage.arrives(Target::Running, 900).await;
}

#[test]
fn small_mains_back_while_draining() {
    survives("small_mains_back_while_draining", SMALL, async |stage: &mut Stage| {
        let ours =
            |w: &ananke_sim::world::World| w.cluster.nodes.values().any(|n| n.mark.is_some());
        back_half_way(stage, ours).await;
    });
}

#[test]
fn small_mains_back_without_services() {
    survives("small_mains_back_without_services", SMALL, async |stage: &mut Stage| {
        back_half_way(stage, is_stopped).await;
    });
}

#[test]
fn small_mains_back_with_a_host_off() {
    survives("small_mains_back_with_a_host_off", SMALL, async |stage: &mut Stage| {
        back_half_way(stage, |w| w.hosts.values().any(Host::is_off)).await;
    });
}

/// The mains go again while the cluster comes up; there is energy for another way down.
async fn second_outage(stage: &mut Stage) {
    stage.arrives(Target::Running, 30).await;
    stage.fate(&mains(false));
    stage.fate(&charged("ups", 25));
    stage.until("every host is off", 900, all_off).await;
    stage.fate(&mains(true));
    stage.fate(&charged("ups", 40));
    stage
        .until("the first service starts", 900, |world| {
            world.hosts.values().filter_map(|host| host.service.as_ref()).any(ServiceUnit::runs)
        })
        .await;
    stage.fate(&mains(false));
    stage.until("every host is off again", 900, all_off).await;
    stage.fate(&mains(true));
    stage.fate(&charged("ups", 60));
    stage.arrives(Target::Running, 900).await;
}

#[test]
fn small_second_outage() {
    survives("small_second_outage", SMALL, second_outage);
}

/// Only two agents are on `statera`; the rest does not notice.
async fn statera_alone(stage: &mut Stage) {
    stage.arrives(Target::Running, 30).await;
    stage.fate(&mains_of("statera", false));
    let on_statera = |host: &&Host| host.supplies.iter().any(|supply| supply == "statera");
    stage
        .until("its hosts are off", 600, |w| w.hosts.values().filter(on_statera).all(Host::is_off))
        .await;
    let rest = stage.look(|world| {
        world.api_ready()
            && world.hosts.values().filter(|h| !on_statera(h)).all(Host::kubelet_works)
    });
    stage.check(rest, "a host on the other supply was taken down");
    stage.fate(&mains_of("statera", true));
    stage.arrives(Target::Running, 600).await;
}

#[test]
fn embedded_one_supply() {
    survives("embedded_one_supply", EMBEDDED, statera_alone);
}

/// All servers are on `pyrphoros`: the cluster goes with it, the hosts on `statera` stay on.
async fn pyrphoros_alone(stage: &mut Stage) {
    stage.arrives(Target::Running, 30).await;
    stage.fate(&mains_of("pyrphoros", false));
    let on_statera = |host: &&Host| host.supplies.iter().any(|supply| supply == "statera");
    stage
        .until("its hosts are off", 600, |w| {
            w.hosts.values().filter(|h| !on_statera(h)).all(Host::is_off)
        })
        .await;
    stage.pass(Duration::from_secs(30)).await;
    let rest =
        stage.look(|w| w.hosts.values().filter(on_statera).all(Host::is_on) && is_stopped(w));
    stage.check(rest, "the hosts on the good supply are to stay on, without their services");
    stage.fate(&mains_of("pyrphoros", true));
    stage.arrives(Target::Running, 600).await;
}

#[test]
fn embedded_the_servers_supply() {
    survives("embedded_the_servers_supply", EMBEDDED, pyrphoros_alone);
}

/// A flicker is over before any trigger holds.
#[test]
fn small_flicker() {
    play("small_flicker", SMALL, async |stage: &mut Stage| {
        stage.arrives(Target::Running, 30).await;
        for _ in 0..5 {
            stage.fate(&mains(false));
            stage.pass(Duration::from_secs(5)).await;
            stage.fate(&mains(true));
            stage.pass(Duration::from_secs(5)).await;
        }
        let untouched = stage.look(|w| all_on(w) && w.counters.host_commands == 0);
        stage.check(untouched, "a flicker of the mains took something down");
        stage.arrives(Target::Running, 120).await;
    });
}

/// Mains that come and go for longer than the policy wants them to hold: nothing begins.
#[test]
fn small_flapping() {
    play("small_flapping", SMALL, async |stage: &mut Stage| {
        stage.arrives(Target::Running, 30).await;
        for _ in 0..10 {
            stage.fate(&mains(false));
            stage.pass(Duration::from_secs(17)).await;
            stage.fate(&mains(true));
            stage.pass(Duration::from_secs(11)).await;
        }
        let untouched = stage.look(|w| all_on(w) && w.counters.host_commands == 0);
        stage.check(untouched, "flapping mains took something down");
        stage.arrives(Target::Running, 120).await;
    });
}

/// While everything is off the mains come and go: nothing is started that would be stopped again.
#[test]
fn small_flapping_while_held() {
    play("small_flapping_while_held", SMALL, async |stage: &mut Stage| {
        stage.arrives(Target::Running, 30).await;
        stage.fate(&mains(false));
        stage.fate(&charged("ups", 25));
        stage.until("every host is off", 900, all_off).await;
        stage.fate(&charged("ups", 60));
        for _ in 0..6 {
            stage.fate(&mains(true));
            stage.pass(Duration::from_secs(25)).await;
            stage.fate(&mains(false));
            stage.pass(Duration::from_secs(5)).await;
        }
        let dark = stage.look(|w| all_off(w) && w.counters.wakes == 0);
        stage.check(dark, "a host was woken before the mains had held");
        stage.fate(&mains(true));
        stage.arrives(Target::Running, 600).await;
    });
}

/// The mains are back at 9 %, and boards boot with them: what booted is not powered off again,
/// and its cluster is adopted.
#[test]
fn small_back_at_nine_percent() {
    play("small_back_at_nine_percent", SMALL, async |stage: &mut Stage| {
        back_at_nine_percent(stage, async |_: &mut Stage| {}).await;
    });
}

/// The same, and the UPS is heard again only when everything has booted: its `upsd` did, too.
#[test]
fn small_back_at_nine_percent_heard_late() {
    play("small_back_at_nine_percent_heard_late", SMALL, async |stage: &mut Stage| {
        back_at_nine_percent(stage, async |stage: &mut Stage| {
            let told = |fault| Fate::Telemetry { supply: "ups".into(), fault };
            stage.fate(&told(Some(TelemetryFault::Silent)));
            stage.until("every host is on by itself", 120, all_on).await;
            stage.pass(Duration::from_secs(3)).await;
            stage.fate(&charged("ups", 2));
            stage.fate(&told(None));
        })
        .await;
    });
}

async fn back_at_nine_percent(stage: &mut Stage, meanwhile: impl AsyncFn(&mut Stage)) {
    stage.change(|world| {
        for host in world.hosts.values_mut() {
            host.on_ac_return = OnAcReturn::Boot;
        }
    });
    stage.arrives(Target::Running, 30).await;
    stage.fate(&mains(false));
    stage.fate(&charged("ups", 25));
    stage.until("every host is off", 900, all_off).await;
    // The battery runs empty, so that the outlets go off and come back with the mains.
    stage.expect.energy_fits = false;
    stage.fate(&charged("ups", 0));
    stage.pass(Duration::from_secs(5)).await;
    let back = stage.now();
    stage.fate(&mains(true));
    stage.fate(&charged("ups", 9));
    meanwhile(stage).await;
    stage.until("every host is on by itself", 120, all_on).await;
    stage.pass(Duration::from_secs(120)).await;
    let kept = stage.look(|world| {
        let is_halt = |what: &What| matches!(what, What::HostHalting { .. });
        let since = world.trace.iter().filter(|happening| happening.at >= back);
        all_on(world) && !since.map(|happening| &happening.what).any(is_halt)
    });
    stage.check(kept, "what booted by itself was powered off again");
    let held = |told: &Published| told.status.phase.as_deref() == Some("held");
    stage.until_told("ananke holds what is on", 5, held).await;
    stage.fate(&charged("ups", 60));
    stage.arrives(Target::Running, 600).await;
}
