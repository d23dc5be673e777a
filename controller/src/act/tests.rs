//! What is called at the far side, and what is made of its answer.

use std::{
    future::pending,
    sync::{Arc, Mutex},
};

use ananke_core::{
    observe::{ApiHealth, ClusterFacts, GitopsKind, GitopsRef, HostFacts, SupplyReading},
    step::{Rung, Service},
};
use ananke_ports::{Cluster, EventNote, Hosts, Machine, Publication, Supplies};
use ananke_sim::{
    ports::{MemoryStore, MemoryWorld, ports},
    world::World,
};
use async_trait::async_trait;
use tokio::time::{Instant, timeout};

use super::*;

/// What the far side does with a command and with a question for the mains.
#[derive(Clone, Copy, PartialEq)]
enum Answers {
    Yes,
    /// The connection is cut.
    Cut,
    No,
    Never,
    /// A supply's words.
    Words(&'static str),
}

struct Far {
    answers: Answers,
    calls: Mutex<Vec<String>>,
}

impl Far {
    fn called(&self, what: impl Into<String>) {
        self.calls.lock().unwrap().push(what.into());
    }
}

#[async_trait]
impl Hosts for Far {
    async fn probe(&self, _: &str, _: Duration) -> Result<HostFacts, HostError> {
        pending().await
    }

    async fn run(&self, host: &str, command: &HostCommand, _: Duration) -> Result<(), HostError> {
        self.called(format!("{host} {command:?}"));
        let (host, message) = (host.to_owned(), String::new());
        match self.answers {
            Answers::Yes | Answers::Words(_) => Ok(()),
            Answers::Cut => Err(HostError::Unknown { host, message }),
            Answers::No => Err(HostError::Failed { host, message }),
            Answers::Never => pending().await,
        }
    }
}

#[async_trait]
impl Supplies for Far {
    async fn read(&self, supply: &str, _: Duration) -> Result<SupplyReading, SupplyError> {
        let Answers::Words(words) = self.answers else {
            return Err(SupplyError::Silent { supply: supply.to_owned(), message: String::new() });
        };
        let status = words.split(' ').map(str::to_owned).collect();
        Ok(SupplyReading { status, ..SupplyReading::default() })
    }

    async fn force_shutdown(&self, supply: &str, _: Duration) -> Result<(), SupplyError> {
        self.called(format!("force {supply}"));
        Ok(())
    }

    async fn close(&self) {}
}

#[async_trait]
impl Machine for Far {
    fn boot_id(&self) -> String {
        String::new()
    }

    async fn set_wake_alarm(&self, _: Duration, _: Duration) -> Result<(), MachineError> {
        Ok(())
    }

    async fn sync(&self, _: Duration) -> Result<(), MachineError> {
        Ok(())
    }

    async fn power_off(&self, cut: &[String], _: Duration) -> Result<(), MachineError> {
        self.called(format!("power off, cut {cut:?}"));
        Ok(())
    }

    async fn reboot(&self, _: Duration) -> Result<(), MachineError> {
        self.called("reboot");
        Ok(())
    }
}

#[async_trait]
impl Cluster for Far {
    async fn health(&self, _: Duration) -> Result<ApiHealth, ClusterError> {
        pending().await
    }

    async fn facts(&self, _: Duration) -> Result<ClusterFacts, ClusterError> {
        pending().await
    }

    async fn changed(&self) {
        pending::<()>().await;
    }

    async fn cordon(&self, node: &str, mark: &Mark, _: Duration) -> Result<(), ClusterError> {
        self.called(format!("cordon {node} of {}", mark.run));
        Ok(())
    }

    async fn uncordon(&self, node: &str, _: Duration) -> Result<(), ClusterError> {
        self.called(format!("uncordon {node}"));
        Ok(())
    }

    async fn suspend(&self, of: &GitopsRef, mark: &Mark, _: Duration) -> Result<(), ClusterError> {
        self.called(format!("suspend {} of {}", of.name, mark.run));
        Ok(())
    }

    async fn resume(&self, of: &GitopsRef, _: Duration) -> Result<(), ClusterError> {
        self.called(format!("resume {}", of.name));
        Ok(())
    }

    async fn evict(&self, pod: &PodRef, _: Duration) -> Result<(), ClusterError> {
        self.called(format!("evict {}", pod.name));
        let message = "no".to_owned();
        if pod.name == "kept" {
            return Err(ClusterError::Busy { message, disruption_budget: true });
        }
        Ok(())
    }

    async fn delete_pod(
        &self,
        pod: &PodRef,
        grace: Option<u32>,
        _: Duration,
    ) -> Result<(), ClusterError> {
        self.called(format!("delete {} {grace:?}", pod.name));
        Ok(())
    }

    async fn publish(&self, _: &Publication, _: Duration) -> Result<(), ClusterError> {
        Ok(())
    }

    async fn event(&self, _: &EventNote, _: Duration) -> Result<(), ClusterError> {
        Ok(())
    }

    async fn renew_lease(&self, _: Duration) -> Result<(), ClusterError> {
        Ok(())
    }
}

/// Does one step, and says what was called, how it ended and how long that took.
async fn done(answers: Answers, action: Action) -> (Vec<String>, Outcome, Duration) {
    let far = Arc::new(Far { answers, calls: Mutex::default() });
    let world = Arc::new(MemoryWorld::new(World::small(1)));
    let ports = Ports {
        hosts: Arc::<Far>::clone(&far),
        supplies: Arc::<Far>::clone(&far),
        machine: Arc::<Far>::clone(&far),
        cluster: Arc::<Far>::clone(&far),
        ..ports(&world, Arc::new(MemoryStore::new()))
    };
    let run = Run { id: "r1".into(), own_supplies: vec!["ups".into()] };
    let unit = "unit".into();
    let deadline = Duration::from_secs(15);
    let step = PlannedStep { unit, rung: Rung::Stop, action, deadline, attempt: 1 };
    let began = Instant::now();
    let outcome = timeout(Duration::from_secs(60), perform(&ports, &run, &step)).await.unwrap();
    let calls = far.calls.lock().unwrap().clone();
    (calls, outcome, began.elapsed())
}

fn stop() -> Action {
    Action::StopService { host: "n1".into(), service: Service::Agent }
}

fn pods(names: &[&str]) -> Vec<PodRef> {
    let pod = |name: &&str| PodRef { name: (*name).into(), ..PodRef::default() };
    names.iter().map(pod).collect()
}

#[tokio::test(start_paused = true)]
async fn a_call_that_never_returns_is_unknown_at_its_deadline() {
    let (calls, outcome, took) = done(Answers::Never, stop()).await;
    assert_eq!(calls, ["n1 Stop(Agent)"]);
    assert!(matches!(outcome, Outcome::Unknown { .. }), "{outcome:?}");
    assert_eq!(took, Duration::from_secs(15));
}

#[tokio::test(start_paused = true)]
async fn a_command_that_is_cut_is_unknown_and_one_that_fails_is_refused() {
    assert_eq!(done(Answers::Yes, stop()).await.1, Outcome::Done);
    let (_, cut, _) = done(Answers::Cut, stop()).await;
    assert!(matches!(cut, Outcome::Unknown { .. }), "{cut:?}");
    let (_, no, _) = done(Answers::No, stop()).await;
    assert!(matches!(no, Outcome::Refused { .. }), "{no:?}");
}

#[tokio::test(start_paused = true)]
async fn the_last_look_at_the_mains_decides() {
    let cut_supplies = vec!["ups".to_owned()];
    for (answers, unless_mains, wanted) in [
        (Answers::Words("OL CHRG"), true, "reboot"),
        (Answers::Words("OL CHRG"), false, "power off, cut [\"ups\"]"),
        (Answers::Words("OB DISCHRG"), true, "power off, cut [\"ups\"]"),
        (Answers::Words("WAIT"), true, "power off, cut [\"ups\"]"),
        // No answer is no mains.
        (Answers::Yes, true, "power off, cut [\"ups\"]"),
    ] {
        let cut_supplies = cut_supplies.clone();
        let action = Action::PowerOffSelf { reboot_if_mains: unless_mains, cut_supplies };
        assert_eq!(done(answers, action).await.0, [wanted]);
    }
}

#[tokio::test(start_paused = true)]
async fn a_step_is_done_to_each_of_its_objects() {
    let (calls, outcome, _) =
        done(Answers::Yes, Action::Evict { pods: pods(&["a", "kept", "b"]) }).await;
    assert_eq!(calls, ["evict a", "evict kept", "evict b"]);
    let Outcome::Refused { message } = outcome else { panic!("{outcome:?}") };
    assert!(message.contains("PodDisruptionBudget keeps /kept"), "{message}");

    let delete = Action::DeletePods { pods: pods(&["a", "b"]), grace_seconds: Some(5) };
    assert_eq!(done(Answers::Yes, delete).await.0, ["delete a Some(5)", "delete b Some(5)"]);

    let object = |name: &str| GitopsRef {
        kind: GitopsKind::Kustomization,
        namespace: "flux-system".into(),
        name: name.into(),
    };
    let objects = vec![object("a"), object("b")];
    let suspend = Action::Suspend { objects: objects.clone() };
    assert_eq!(done(Answers::Yes, suspend).await.0, ["suspend a of r1", "suspend b of r1"]);
    let resume = Action::Resume { objects };
    assert_eq!(done(Answers::Yes, resume).await.0, ["resume a", "resume b"]);
}
