use std::{sync::Arc, time::Duration};

use ananke_crds::policy::{PowerPolicyStatus, Target};
use ananke_ports::{
    ClusterError, HostCommand, HostError, MachineError, Ports, Publication, SupplyError, WakeError,
};
use tokio::time::Instant;

use super::*;
use crate::{
    ports::{MemoryStore, MemoryWorld, WorldHandle, ports},
    world::{ApiFault, CommandFault, Fate, HostFault, TelemetryFault},
};

const DEADLINE: Duration = Duration::from_secs(5);

fn over(world: World) -> (Arc<MemoryWorld>, Ports) {
    let world = Arc::new(MemoryWorld::new(world));
    let ports = ports(&world, Arc::new(MemoryStore::new()));
    (world, ports)
}

fn suffer(world: &MemoryWorld, fate: &Fate) {
    world.act(|w| w.suffer(fate)).unwrap().unwrap();
}

#[tokio::test(start_paused = true)]
async fn everything_answers_in_a_healthy_world() {
    let (world, ports) = over(World::small(1));
    let facts = ports.hosts.probe("agent-0", DEADLINE).await.unwrap();
    assert_eq!(facts.agent.unwrap().active, ActiveState::Active);
    assert!(facts.server.is_none());
    let reading = ports.supplies.read("ups", DEADLINE).await.unwrap();
    assert_eq!(reading.status, ["OL"]);
    assert_eq!(ports.cluster.facts(DEADLINE).await.unwrap().nodes.len(), 3);
    let before = ports.clock.now();
    ports.clock.sleep(Duration::from_secs(60)).await;
    assert_eq!(ports.clock.now().since(before), Duration::from_secs(60));
    assert_eq!(world.look(|w| w.counters.clone()).unwrap(), crate::world::Counters::default());
}

/// Measured: a SYN to a host that is off hangs; only a deadline of one's own ends it.
#[tokio::test(start_paused = true)]
async fn a_dead_host_answers_nothing_until_the_deadline() {
    let (world, ports) = over(World::small(1));
    suffer(&world, &Fate::PullPlug { host: "agent-0".into() });
    let began = Instant::now();
    let error = ports.hosts.probe("agent-0", DEADLINE).await.unwrap_err();
    assert!(matches!(error, HostError::Silent { .. }));
    assert_eq!(began.elapsed(), DEADLINE);
    // One whose sshd is not there refuses at once.
    suffer(&world, &Fate::Break { host: "agent-1".into(), fault: HostFault::RefusesSsh });
    let began = Instant::now();
    let closed = ports.hosts.probe("agent-1", DEADLINE).await.unwrap_err();
    assert!(matches!(closed, HostError::Closed { .. }));
    assert!(began.elapsed() < Duration::from_millis(100));
}

/// Measured: `ssh … systemctl poweroff` answers 0 or 255, by chance.
#[tokio::test(start_paused = true)]
async fn a_poweroff_answers_0_or_255_by_chance() {
    let (mut said_yes, mut said_nothing) = (0, 0);
    for seed in 0..20 {
        let (world, ports) = over(World::small(seed));
        match ports.hosts.run("agent-0", &HostCommand::PowerOff, DEADLINE).await {
            Ok(()) => said_yes += 1,
            Err(error) => {
                assert!(error.is_unknown());
                said_nothing += 1;
            }
        }
        ports.clock.sleep(Duration::from_secs(10)).await;
        assert!(world.look(|w| w.hosts["agent-0"].is_off()).unwrap());
    }
    assert!(said_yes > 2 && said_nothing > 2, "{said_yes} to {said_nothing}");
}

#[tokio::test(start_paused = true)]
async fn a_stop_returns_when_the_service_is_down_or_at_its_deadline() {
    let (world, ports) = over(World::small(1));
    let stop = HostCommand::Stop(Service::Agent);
    ports.hosts.run("agent-0", &stop, DEADLINE).await.unwrap();
    assert_eq!(world.look(|w| state(w, "agent-0")).unwrap(), ActiveState::Inactive);
    suffer(&world, &Fate::Break { host: "agent-1".into(), fault: HostFault::StopHangs });
    let began = Instant::now();
    let error = ports.hosts.run("agent-1", &stop, DEADLINE).await.unwrap_err();
    assert!(error.is_unknown());
    assert_eq!(began.elapsed(), DEADLINE);
    ports.clock.sleep(Duration::from_secs(90)).await;
    // A killed stop answers 0, and is failed all the same.
    ports.hosts.run("agent-1", &stop, DEADLINE).await.unwrap();
    assert_eq!(world.look(|w| state(w, "agent-1")).unwrap(), ActiveState::Failed);
}

#[tokio::test(start_paused = true)]
async fn commands_go_wrong_in_every_way() {
    for (fault, unknown, done) in [
        (CommandFault::CutAfter, true, true),
        (CommandFault::CutBefore, true, false),
        (CommandFault::Refused, false, false),
        (CommandFault::SaidDoneButNot, false, false),
    ] {
        let (world, ports) = over(World::small(1));
        suffer(&world, &Fate::Commands { host: "agent-0".into(), fault, times: 1 });
        let stop = HostCommand::Stop(Service::Agent);
        let answer = ports.hosts.run("agent-0", &stop, DEADLINE).await;
        assert_eq!(answer.is_ok(), fault == CommandFault::SaidDoneButNot, "{fault:?}");
        assert_eq!(answer.is_err_and(|e| e.is_unknown()), unknown, "{fault:?}");
        ports.clock.sleep(DEADLINE).await;
        let down = world.look(|w| state(w, "agent-0")).unwrap() == ActiveState::Inactive;
        assert_eq!(down, done, "{fault:?}");
        ports.hosts.run("agent-0", &stop, DEADLINE).await.unwrap();
    }
}

/// The command has its host, so it is done although nobody hears of it; not on another boot of it.
#[tokio::test(start_paused = true)]
async fn a_late_command_is_done_after_its_deadline() {
    for reboots in [false, true] {
        let (world, ports) = over(World::small(1));
        let fault = CommandFault::Late;
        suffer(&world, &Fate::Commands { host: "agent-0".into(), fault, times: 1 });
        let began = Instant::now();
        let answer = ports.hosts.run("agent-0", &HostCommand::Stop(Service::Agent), DEADLINE).await;
        assert!(answer.is_err_and(|e| e.is_unknown()));
        assert_eq!(began.elapsed(), DEADLINE);
        assert_eq!(world.look(|w| state(w, "agent-0")).unwrap(), ActiveState::Active);
        if reboots {
            world.act(|w| w.hosts.get_mut("agent-0").unwrap().boot_id = "another".into()).unwrap();
        }
        ports.clock.sleep(Duration::from_secs(30)).await;
        let down = world.look(|w| state(w, "agent-0")).unwrap() == ActiveState::Inactive;
        assert_eq!(down, !reboots);
    }
}

#[tokio::test(start_paused = true)]
async fn a_late_change_is_made_after_its_deadline() {
    let (world, ports) = over(World::small(1));
    suffer(&world, &Fate::Api { fault: Some(ApiFault::Late) });
    let answer = ports.cluster.cordon("agent-0", &mark("spec.unschedulable"), DEADLINE).await;
    assert!(answer.is_err_and(|e| e.is_unknown()));
    let cordoned = |w: &World| w.cluster.nodes["agent-0"].unschedulable;
    assert!(!world.look(cordoned).unwrap());
    ports.clock.sleep(Duration::from_secs(30)).await;
    assert!(world.look(cordoned).unwrap());
    assert_eq!(world.faults_met()[&("api", "late")], 1);
}

#[tokio::test(start_paused = true)]
async fn the_api_goes_wrong_in_every_way() {
    let pick = |fault: ApiFault| async move {
        let (world, ports) = over(World::small(1));
        suffer(&world, &Fate::Api { fault: Some(fault) });
        let error = ports.cluster.cordon("agent-0", &mark("x"), DEADLINE).await.err();
        let done = world.look(|w| w.cluster.nodes["agent-0"].unschedulable).unwrap();
        (error, done, ports.cluster.facts(DEADLINE).await.is_ok())
    };
    let (error, done, facts) = pick(ApiFault::Frozen).await;
    assert!(matches!(error, Some(ClusterError::Silent { .. })) && !done && !facts);
    let (error, done, facts) = pick(ApiFault::WatchesCut).await;
    assert!(error.is_none() && done && !facts);
    let (error, done, facts) = pick(ApiFault::Overloaded).await;
    assert!(
        matches!(error, Some(ClusterError::Busy { disruption_budget: false, .. }))
            && !done
            && facts
    );
    let (error, done, _) = pick(ApiFault::Forbidden).await;
    assert!(matches!(error, Some(ClusterError::Refused { .. })) && !done);
    let (error, done, _) = pick(ApiFault::Errors).await;
    assert!(matches!(error, Some(ClusterError::Failed { .. })) && !done);
    let (error, done, _) = pick(ApiFault::AnswersLost).await;
    assert!(error.is_some_and(|e| e.is_unknown()) && done);
}

#[tokio::test(start_paused = true)]
async fn an_api_without_servers_is_silent_until_the_deadline() {
    let (world, ports) = over(World::small(1));
    suffer(&world, &Fate::PullPlug { host: "server-0".into() });
    let began = Instant::now();
    assert!(matches!(ports.cluster.health(DEADLINE).await, Err(ClusterError::Silent { .. })));
    assert!(began.elapsed() >= DEADLINE && began.elapsed() < DEADLINE + Duration::from_millis(20));
}

#[tokio::test(start_paused = true)]
async fn a_ups_goes_wrong_in_every_way() {
    let (world, ports) = over(World::small(1));
    let ask = async |fault| {
        suffer(&world, &Fate::Telemetry { supply: "ups".into(), fault: Some(fault) });
        ports.supplies.read("ups", DEADLINE).await
    };
    assert!(matches!(ask(TelemetryFault::Silent).await, Err(SupplyError::Silent { .. })));
    assert!(matches!(ask(TelemetryFault::Stale).await, Err(SupplyError::Stale { .. })));
    assert!(matches!(ask(TelemetryFault::Refused).await, Err(SupplyError::Refused { .. })));
    assert!(matches!(ask(TelemetryFault::NotConnected).await, Err(SupplyError::Silent { .. })));
    assert!(matches!(ask(TelemetryFault::Renamed).await, Err(SupplyError::NoSuchDevice { .. })));
    assert_eq!(ask(TelemetryFault::Wait).await.unwrap().status, ["WAIT"]);
    assert_eq!(ask(TelemetryFault::BothSources).await.unwrap().status, ["OL", "OB"]);
    assert_eq!(ask(TelemetryFault::AlwaysLow).await.unwrap().status, ["OL", "LB"]);
    assert_eq!(ask(TelemetryFault::SelfTest).await.unwrap().status, ["OB", "DISCHRG", "CAL"]);
    assert_eq!(ask(TelemetryFault::GarbledCharge).await.unwrap().garbled, ["battery.charge"]);
    let bare = ask(TelemetryFault::StatusOnly).await.unwrap();
    assert_eq!((bare.charge_percent, bare.runtime_seconds), (None, None));
    let stranger = ask(TelemetryFault::OtherDevice).await.unwrap().device;
    let own = world.look(|w| w.supplies["ups"].truth()).unwrap().device;
    assert!(stranger.is_another(&own));
    let nobody = ports.supplies.read("other", DEADLINE).await;
    assert!(matches!(nobody, Err(SupplyError::NoSuchDevice { .. })));
}

#[tokio::test(start_paused = true)]
async fn a_upsd_on_a_host_that_is_off_is_silent() {
    let mut small = World::small(1);
    small.supplies.get_mut("ups").unwrap().via = Some("agent-0".into());
    small.power_off(ME, "agent-0");
    let (_, ports) = over(small);
    ports.clock.sleep(Duration::from_secs(10)).await;
    assert!(matches!(ports.supplies.read("ups", DEADLINE).await, Err(SupplyError::Silent { .. })));
}

#[tokio::test(start_paused = true)]
async fn a_wake_boots_and_one_that_cannot_be_sent_says_so() {
    let mut small = World::small(1);
    small.hosts.get_mut("agent-1").unwrap().wakes = false;
    small.power_off(ME, "agent-0");
    let (world, ports) = over(small);
    ports.clock.sleep(Duration::from_secs(10)).await;
    ports.wake.wake("agent-0", DEADLINE).await.unwrap();
    ports.clock.sleep(Duration::from_secs(30)).await;
    assert!(world.look(|w| w.hosts["agent-0"].is_on()).unwrap());
    let nobody = ports.wake.wake("agent-1", DEADLINE).await;
    assert!(matches!(nobody, Err(WakeError::NoWay { .. })));
}

#[tokio::test(start_paused = true)]
async fn what_is_published_can_be_read_in_the_world() {
    let (world, ports) = over(World::small(1));
    let publication = Publication {
        name: "atlas".into(),
        spec: serde_json::json!({"target": "running"}).into(),
        status: PowerPolicyStatus {
            effective_target: Some(Target::Running),
            ..PowerPolicyStatus::default()
        }
        .into(),
    };
    ports.cluster.publish(&publication, DEADLINE).await.unwrap();
    ports.cluster.renew_lease(DEADLINE).await.unwrap();
    let cluster = world.look(|w| w.cluster.clone()).unwrap();
    assert_eq!(cluster.published.unwrap().status, publication.status);
    assert!(cluster.lease_renewed.is_some());
    let counters = world.look(|w| w.counters.clone()).unwrap();
    assert_eq!((counters.api_writes, counters.lease_renewals), (1, 1));
}

#[tokio::test(start_paused = true)]
async fn watchers_hear_of_changes() {
    let (world, ports) = over(World::small(1));
    let heard = tokio::time::timeout(Duration::from_secs(600), ports.cluster.changed()).await;
    assert!(heard.is_err(), "nothing changes in a world at rest");
    let began = Instant::now();
    world
        .act(|w| w.schedule(w.now() + 10_000, Fate::Cordon { node: "agent-0".into(), on: true }))
        .unwrap()
        .unwrap();
    ports.cluster.changed().await;
    assert!(began.elapsed() >= Duration::from_secs(10));
    assert!(began.elapsed() < Duration::from_secs(11));
    // What happens between two looks is not lost: it is compared with what was last told.
    assert!(ports.cluster.facts(DEADLINE).await.unwrap().nodes["agent-0"].unschedulable);
    suffer(&world, &Fate::Cordon { node: "agent-0".into(), on: false });
    tokio::time::timeout(Duration::from_secs(1), ports.cluster.changed()).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn an_own_host_goes_off_and_a_world_without_one_says_so() {
    let (_, ports) = over(World::small(1));
    let nobody = ports.machine.power_off(&[], DEADLINE).await;
    assert!(matches!(nobody, Err(MachineError::Failed { .. })));
    let mut small = World::small(1);
    small.own_host = Some("agent-1".into());
    let (world, ports) = over(small);
    let boot = ports.machine.boot_id();
    ports.machine.reboot(DEADLINE).await.unwrap();
    ports.clock.sleep(Duration::from_secs(60)).await;
    assert!(world.look(|w| w.hosts["agent-1"].is_on()).unwrap());
    assert_ne!(ports.machine.boot_id(), boot);
}
