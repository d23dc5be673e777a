//! Hosts, the API and pods that do not do what they are told.

use std::time::Duration;

use ananke::publish::Published;
use ananke_crds::policy::Target;
use ananke_sim::world::{ApiFault, CommandFault, Fate, Host, HostFault, What, World};

use crate::{
    scenes::SMALL,
    stage::{Stage, all_off, condition, is_stopped, is_up, play, survives},
};

fn breaks(host: &str, fault: HostFault) -> Fate {
    Fate::Break { host: host.into(), fault }
}

fn repaired(host: &str) -> Fate {
    Fate::Repair { host: host.into() }
}

fn stalled_on(told: &Published, unit: &str) -> bool {
    condition(told, "Stalled").is_some_and(|message| message.contains(unit))
}

/// Its watches are known to be dead before its health is: agents that run are not lost with it.
#[test]
fn an_api_that_freezes_is_not_a_loss_of_agents() {
    play("an_api_that_freezes_is_not_a_loss_of_agents", SMALL, async |stage: &mut Stage| {
        stage.arrives(Target::Running, 30).await;
        stage.fate(&Fate::Api { fault: Some(ApiFault::Frozen) });
        for _ in 0..50 {
            stage.pass(Duration::from_secs(1)).await;
            let calls = condition(&stage.told().unwrap(), "Stalled");
            stage.check(calls.is_none(), &format!("a person is called: {calls:?}"));
        }
        stage.fate(&Fate::Api { fault: None });
        stage.arrives(Target::Running, 120).await;
    });
}

/// A lone dead host does not stop the start of the rest, and is named.
async fn dead_host(stage: &mut Stage) {
    stage.arrives(Target::Running, 30).await;
    stage.declare(Target::Poweroff);
    stage.arrives(Target::Poweroff, 500).await;
    stage.fate(&breaks("agent-0", HostFault::Broken));
    stage.declare(Target::Running);
    stage
        .until("all others work, nothing of ours is left on them", 600, |world| {
            world.api_ready()
                && world.hosts.iter().all(|(name, h)| name == "agent-0" || h.kubelet_works())
                && world.cluster.gitops.iter().all(|object| object.mark.is_none())
                && world.cluster.nodes.iter().all(|(n, node)| n == "agent-0" || node.mark.is_none())
        })
        .await;
    stage.until_told("Stalled names agent-0", 120, |told| stalled_on(told, "agent-0")).await;
    stage.fate(&repaired("agent-0"));
    stage.arrives(Target::Running, 600).await;
}

#[test]
fn small_dead_host() {
    survives("small_dead_host", SMALL, dead_host);
}

/// What refuses a connection, a key or shows another one is on: its silence proves nothing, however
/// long it lasts, and what rests below it waits.
async fn closed_host(stage: &mut Stage, fault: HostFault) {
    stage.arrives(Target::Running, 30).await;
    stage.fate(&breaks("agent-0", fault));
    stage.pass(Duration::from_secs(5)).await;
    stage.declare(Target::Poweroff);
    stage.pass(Duration::from_secs(1_800)).await;
    let works = |host: &'static str| move |world: &World| world.hosts[host].kubelet_works();
    let (works, serves) = (stage.look(works("agent-0")), stage.look(works("server-0")));
    stage.check(works, "the agent of a host that could not be asked has stopped");
    stage.check(serves, "the server was stopped before an agent that still runs");
    stage.fate(&repaired("agent-0"));
    stage.until("every host is off", 900, all_off).await;
}

#[test]
fn small_closed_host() {
    play("small_closed_host", SMALL, async |stage: &mut Stage| {
        closed_host(stage, HostFault::RefusesSsh).await;
    });
}

#[test]
fn small_host_that_refuses_our_key() {
    play("small_host_that_refuses_our_key", SMALL, async |stage: &mut Stage| {
        closed_host(stage, HostFault::RefusesKey).await;
    });
}

/// Nobody hears it, and its Node renews its lease: it is on.
#[test]
fn small_host_behind_a_filter() {
    play("small_host_behind_a_filter", SMALL, async |stage: &mut Stage| {
        closed_host(stage, HostFault::SshCut).await;
    });
}

/// Nobody hears it since it was switched on again by another hand. Its silence is not that of our
/// poweroff of long ago.
#[test]
fn small_host_switched_on_by_hand_behind_a_filter() {
    play("small_host_switched_on_by_hand_behind_a_filter", SMALL, async |stage: &mut Stage| {
        stage.arrives(Target::Running, 30).await;
        stage.declare(Target::Poweroff);
        stage.arrives(Target::Poweroff, 500).await;
        stage.edit("suspend", "true");
        for host in ["server-0", "agent-0", "agent-1"] {
            stage.fate(&Fate::PressPower { host: host.into() });
        }
        stage.until("all is up again", 300, is_up).await;
        // At rest they are looked at once a minute.
        stage.pass(Duration::from_secs(90)).await;
        stage.fate(&breaks("agent-0", HostFault::SshCut));
        stage.pass(Duration::from_secs(120)).await;
        stage.edit("suspend", "false");
        stage.pass(Duration::from_secs(1_800)).await;
        let serves = stage.look(|world| world.hosts["server-0"].kubelet_works());
        stage.check(serves, "the server was stopped before an agent that still runs");
        stage.fate(&repaired("agent-0"));
        stage.until("every host is off", 900, all_off).await;
    });
}

/// The server is away first, so agents are stopped undrained; once it is back the API remembers
/// volumes on nodes that nobody can ask any more.
#[test]
fn small_server_away_at_first() {
    play("small_server_away_at_first", SMALL, async |stage: &mut Stage| {
        stage.arrives(Target::Running, 30).await;
        stage.fate(&Fate::PullPlug { host: "server-0".into() });
        stage.pass(Duration::from_secs(180)).await;
        stage.declare(Target::ClusterOnlyDown);
        stage.until("the agents are stopped", 300, is_stopped).await;
        stage.fate(&Fate::SwitchOn { host: "server-0".into() });
        stage.until("the API is back", 120, World::api_ready).await;
        stage.until("it is stopped again", 400, is_stopped).await;
        stage.arrives(Target::ClusterOnlyDown, 120).await;
    });
}

/// What fate does in it to a shutdown that must end all the same.
fn a_shutdown_with(name: &str, fates: &[Fate]) {
    play(name, SMALL, async |stage: &mut Stage| {
        stage.arrives(Target::Running, 30).await;
        for fate in fates {
            stage.fate(fate);
        }
        stage.declare(Target::Poweroff);
        stage.until("every host is off", 900, all_off).await;
        stage.arrives(Target::Poweroff, 300).await;
        for host in ["server-0", "agent-0", "agent-1"] {
            stage.fate(&repaired(host));
        }
        stage.fate(&Fate::Api { fault: None });
        stage.declare(Target::Running);
        stage.arrives(Target::Running, 600).await;
    });
}

fn commands(host: &str, fault: CommandFault, times: u32) -> Fate {
    Fate::Commands { host: host.into(), fault, times }
}

#[test]
fn small_answers_lost() {
    let fates = [
        commands("agent-0", CommandFault::CutAfter, 9),
        commands("server-0", CommandFault::CutAfter, 9),
        Fate::Api { fault: Some(ApiFault::AnswersLost) },
    ];
    a_shutdown_with("small_answers_lost", &fates);
}

#[test]
fn small_commands_lost() {
    let fates = [
        commands("agent-0", CommandFault::CutBefore, 2),
        commands("agent-1", CommandFault::SaidDoneButNot, 2),
        commands("server-0", CommandFault::Refused, 2),
    ];
    a_shutdown_with("small_commands_lost", &fates);
}

/// A service that hangs in stop is killed: by its systemd, or by us.
async fn hung_stop(stage: &mut Stage) {
    stage.arrives(Target::Running, 30).await;
    // Longer than the document's patience with a service.
    stage.change(|world| world.laws.stop_timeout = 600_000);
    stage.fate(&breaks("agent-0", HostFault::StopHangs));
    stage.declare(Target::ClusterOnlyDown);
    stage.until("every service is stopped", 500, is_stopped).await;
    let killed = stage.look(|world| {
        world.trace.iter().any(|happening| {
            matches!(&happening.what, What::ServiceDown { host, result, .. }
                if host == "agent-0" && result != "success")
        })
    });
    stage.check(killed, "it was never killed, and ended all the same");
    stage.arrives(Target::ClusterOnlyDown, 60).await;
}

#[test]
fn small_hung_stop() {
    survives("small_hung_stop", SMALL, hung_stop);
}

/// A `PodDisruptionBudget` that can never be met: eviction goes up its ladder to deletion.
async fn never_yields(stage: &mut Stage) {
    stage.change(|world| {
        world.cluster.workloads.get_mut("web/site").unwrap().min_available = Some(2);
    });
    stage.arrives(Target::Running, 30).await;
    stage.declare(Target::ClusterOnlyDown);
    stage.until("every service is stopped", 500, is_stopped).await;
    let deleted = stage.look(|world| {
        world.trace.iter().any(|happening| {
            matches!(&happening.what, What::PodEnding { pod, evicted: false, .. }
                if pod.starts_with("web/site"))
        })
    });
    stage.check(deleted, "the pods went although their budget never allowed it");
    stage.arrives(Target::ClusterOnlyDown, 60).await;
}

#[test]
fn small_budget_never_yields() {
    survives("small_budget_never_yields", SMALL, never_yields);
}

/// A host that comes up again when it is told to go off is not taken for off.
async fn reboots_instead(stage: &mut Stage) {
    stage.arrives(Target::Running, 30).await;
    // It is back before its silence proves anything.
    stage.edit("verifyOff", "{timeout: 60s, longestHalt: 45s}");
    stage.fate(&breaks("agent-0", HostFault::RebootsInsteadOfOff));
    stage.declare(Target::Poweroff);
    let others_off = |w: &ananke_sim::world::World| {
        w.hosts.iter().all(|(name, h)| name == "agent-0" || h.is_off())
    };
    stage.until("the others are off", 500, others_off).await;
    stage.until_told("a person is called", 600, |told| stalled_on(told, "agent-0")).await;
    stage.check(
        stage.told().is_some_and(|told| condition(&told, "Ready").is_none()),
        "Ready, with a host on",
    );
    stage.fate(&repaired("agent-0"));
    stage.until("every host is off", 600, all_off).await;
    stage.arrives(Target::Poweroff, 300).await;
}

#[test]
fn small_reboots_instead_of_off() {
    survives("small_reboots_instead_of_off", SMALL, reboots_instead);
}

/// The API falls silent half-way down on mains: nothing is believed, and nothing is forced.
async fn api_silent(stage: &mut Stage) {
    stage.arrives(Target::Running, 30).await;
    stage.declare(Target::ClusterOnlyDown);
    stage
        .until("the first node is cordoned", 60, |w| {
            w.cluster.nodes.values().any(|node| node.mark.is_some())
        })
        .await;
    stage.fate(&Fate::Api { fault: Some(ApiFault::Frozen) });
    stage.pass(Duration::from_secs(60)).await;
    stage.fate(&Fate::Api { fault: None });
    stage.arrives(Target::ClusterOnlyDown, 500).await;
    stage.declare(Target::Running);
    stage.until("the hosts work", 300, |w| w.hosts.values().all(Host::kubelet_works)).await;
    stage.fate(&Fate::Api { fault: Some(ApiFault::Errors) });
    stage.pass(Duration::from_secs(60)).await;
    let told = stage.told().is_some_and(|told| condition(&told, "Ready").is_some());
    let ours = stage.look(|w| !crate::stage::nothing_of_ours(w));
    stage.check(!(told && ours), "Ready, with marks of ours left");
    stage.fate(&Fate::Api { fault: None });
    stage.arrives(Target::Running, 300).await;
}

#[test]
fn small_api_silent() {
    survives("small_api_silent", SMALL, api_silent);
}
