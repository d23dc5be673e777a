use std::{sync::atomic::Ordering, time::Duration};

use ananke_core::{
    marks::Mark,
    observe::{ApiHealth, ClusterFacts, GitopsRef},
    step::PodRef,
};
use ananke_ports::{Cluster, ClusterError, EventNote, EventSeverity, Publication};
use async_trait::async_trait;

use super::{Sim, WorldHandle, hosts::millis};
use crate::world::{Actor, ApiFault, Note, Refusal, World};

/// One request to the API, in milliseconds.
const REQUEST: (u64, u64) = (2, 15);
/// How often a watcher looks whether something has changed, in milliseconds of the world.
const WATCH: Duration = Duration::from_millis(250);

const ME: Actor = Actor::Ananke;

#[async_trait]
impl<W: WorldHandle> Cluster for Sim<W> {
    async fn health(&self, deadline: Duration) -> Result<ApiHealth, ClusterError> {
        self.call("health", deadline).await?;
        self.world
            .look(World::api_health)
            .map_err(|e| silent(e.to_string()))?
            .ok_or_else(|| silent("connection refused"))
    }

    async fn facts(&self, _deadline: Duration) -> Result<ClusterFacts, ClusterError> {
        let fault = |w: &World| w.cluster.api.fault.filter(|_| w.api_ready() && !w.watches_flow());
        if let Ok(Some(fault)) = self.world.look(fault) {
            self.world.met("api", fault.name());
        }
        self.world
            .look(|w| {
                self.told.store(w.cluster.revision, Ordering::Relaxed);
                if !w.api_answers() {
                    Err(silent("the watches are closed and no server takes them up again"))
                } else if w.watches_flow() {
                    Ok(w.cluster_facts())
                } else {
                    let since = w.now().saturating_sub(w.cluster.api.fault_since) / 1000;
                    Err(ClusterError::Stale {
                        message: format!("no watch has told anything for {since} s"),
                    })
                }
            })
            .map_err(|e| silent(e.to_string()))?
    }

    async fn changed(&self) {
        loop {
            // First of all a pause, so that who never looks in between does not spin.
            self.wait(WATCH).await;
            let revision = self.world.look(|w| w.cluster.revision).unwrap_or_default();
            if revision != self.told.load(Ordering::Relaxed) {
                return;
            }
        }
    }

    async fn cordon(
        &self,
        node: &str,
        mark: &Mark,
        deadline: Duration,
    ) -> Result<(), ClusterError> {
        let (node, mark) = (node.to_owned(), mark.clone());
        self.write("acts", deadline, move |w, who| w.cordon(who, &node, Some(&mark))).await
    }

    async fn uncordon(&self, node: &str, deadline: Duration) -> Result<(), ClusterError> {
        let node = node.to_owned();
        self.write("acts", deadline, move |w, who| w.unmark_node(who, &node)).await
    }

    async fn suspend(
        &self,
        object: &GitopsRef,
        mark: &Mark,
        deadline: Duration,
    ) -> Result<(), ClusterError> {
        let (object, mark) = (object.clone(), mark.clone());
        self.write("acts", deadline, move |w, who| w.suspend(who, &object, Some(&mark))).await
    }

    async fn resume(&self, object: &GitopsRef, deadline: Duration) -> Result<(), ClusterError> {
        let object = object.clone();
        self.write("acts", deadline, move |w, who| w.unmark_gitops(who, &object)).await
    }

    async fn evict(&self, pod: &PodRef, deadline: Duration) -> Result<(), ClusterError> {
        let pod = pod.clone();
        self.write("acts", deadline, move |w, who| w.evict(who, &pod)).await
    }

    async fn delete_pod(
        &self,
        pod: &PodRef,
        grace_seconds: Option<u32>,
        deadline: Duration,
    ) -> Result<(), ClusterError> {
        let pod = pod.clone();
        self.write("acts", deadline, move |w, who| w.delete_pod(who, &pod, grace_seconds)).await
    }

    async fn publish(
        &self,
        publication: &Publication,
        deadline: Duration,
    ) -> Result<(), ClusterError> {
        let Publication { name, spec, status } = publication.clone();
        self.write("publish", deadline, move |w, who| w.publish(who, &name, spec, status)).await
    }

    async fn event(&self, note: &EventNote, deadline: Duration) -> Result<(), ClusterError> {
        let mut told = Note {
            at: 0,
            warning: note.severity == EventSeverity::Warning,
            reason: note.reason.clone(),
            action: note.action.clone(),
            message: note.message.clone(),
        };
        self.write("events", deadline, move |w, _| {
            told.at = w.now();
            w.note(told);
            Ok(())
        })
        .await
    }

    async fn renew_lease(&self, deadline: Duration) -> Result<(), ClusterError> {
        self.write("lease", deadline, |w, _| {
            w.renew_lease();
            // Counted apart: it is the one write of a world at rest.
            w.counters.api_writes = w.counters.api_writes.saturating_sub(1);
            w.counters.lease_renewals += 1;
            Ok(())
        })
        .await
    }
}

impl<W: WorldHandle> Sim<W> {
    /// Sends a request to whichever server answers.
    async fn call(&self, line: &str, deadline: Duration) -> Result<(), ClusterError> {
        let (answers, refuses) = self
            .world
            .look(|w| (w.api_answers(), w.api_refuses()))
            .map_err(|e| silent(e.to_string()))?;
        if self.world.look(|w| w.cluster.api.fault).ok().flatten() == Some(ApiFault::Frozen) {
            self.world.met("api", ApiFault::Frozen.name());
        }
        let until = self.world.now_millis().saturating_add(millis(deadline));
        let in_time = self.travel(line, REQUEST, deadline).await.is_ok();
        if answers && in_time {
            return Ok(());
        }
        if !refuses {
            self.wait_until(until).await;
        }
        Err(silent("no server answers"))
    }

    /// Changes something through the API.
    async fn write(
        &self,
        line: &str,
        deadline: Duration,
        change: impl FnOnce(&mut World, Actor) -> Result<(), Refusal> + Send + 'static,
    ) -> Result<(), ClusterError> {
        let until = self.world.now_millis().saturating_add(millis(deadline));
        self.call(line, deadline).await?;
        let is_late = |w: &World| w.api_ready() && w.cluster.api.fault == Some(ApiFault::Late);
        if self.world.look(is_late).map_err(|e| silent(e.to_string()))? {
            self.world.met("api", ApiFault::Late.name());
            self.later(deadline, move |world| {
                if world.api_ready() {
                    drop(change(world, Actor::World));
                }
            });
            self.wait_until(until).await;
            let message = format!("no answer within {} s", deadline.as_secs());
            return Err(ClusterError::Unknown { message });
        }
        let (fault, done) =
            self.world.act(|world| apply(world, change)).map_err(|e| silent(e.to_string()))?;
        if let Some(fault) = fault {
            self.world.met("api", fault);
        }
        done
    }
}

/// What becomes of a change, and the fault that it met.
fn apply(
    world: &mut World,
    change: impl FnOnce(&mut World, Actor) -> Result<(), Refusal>,
) -> (Option<&'static str>, Result<(), ClusterError>) {
    if !world.api_answers() {
        return (None, Err(silent("connection refused")));
    }
    if !world.api_ready() {
        let message = "503: the server is currently unable to handle the request".into();
        return (None, Err(ClusterError::Failed { message }));
    }
    world.counters.api_writes += 1;
    let fault = world.cluster.api.fault.filter(|fault| *fault != ApiFault::WatchesCut);
    let done = answer(world, change, fault);
    let budget = matches!(&done, Err(ClusterError::Busy { disruption_budget: true, .. }));
    (fault.map(ApiFault::name).or_else(|| budget.then_some("disruption-budget")), done)
}

fn answer(
    world: &mut World,
    change: impl FnOnce(&mut World, Actor) -> Result<(), Refusal>,
    fault: Option<ApiFault>,
) -> Result<(), ClusterError> {
    let failed = |message: &str| ClusterError::Failed { message: message.into() };
    match fault {
        Some(ApiFault::Overloaded) => Err(ClusterError::Busy {
            message: "429: the server has received too many requests".into(),
            disruption_budget: false,
        }),
        Some(ApiFault::Errors) => Err(failed("500: etcdserver: request timed out")),
        Some(ApiFault::Forbidden) => Err(ClusterError::Refused {
            message: "403: ananke may not do that; check its ClusterRole".into(),
        }),
        Some(ApiFault::AnswersLost) => {
            let done = change(world, ME).map_err(told);
            done.and(Err(ClusterError::Unknown { message: "the answer was lost".into() }))
        }
        Some(ApiFault::Frozen | ApiFault::WatchesCut | ApiFault::Late) | None => {
            change(world, ME).map_err(told)
        }
    }
}

#[expect(clippy::needless_pass_by_value, reason = "it is what `map_err` hands over")]
fn told(refusal: Refusal) -> ClusterError {
    let message = refusal.to_string();
    match refusal {
        Refusal::DisruptionBudget => ClusterError::Busy { message, disruption_budget: true },
        Refusal::Conflict(_) => ClusterError::Conflict { message },
        Refusal::Failed(_) | Refusal::NotFound(_) => ClusterError::Failed { message },
    }
}

fn silent(message: impl Into<String>) -> ClusterError {
    ClusterError::Silent { message: message.into() }
}
