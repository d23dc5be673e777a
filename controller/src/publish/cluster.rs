//! The mirror in the cluster: the document and its status, Events, and the Lease. All of it is
//! told when the API is there; nothing waits for it.

use std::{sync::Arc, time::Duration};

use ananke_core::observe::ApiHealth;
use ananke_ports::{ClusterError, EventNote, EventSeverity, Ports, Publication};
use tokio::{
    sync::{mpsc, watch},
    task::JoinSet,
};

use super::{Published, Scene, StepNote, metrics::Metrics, news::status_is_news};

const DEADLINE: Duration = Duration::from_secs(5);
/// Changes closer together than this are told together.
const SETTLE: Duration = Duration::from_secs(1);
const RETRY: Duration = Duration::from_secs(15);
/// A third of the Lease's own duration.
const LEASE: Duration = Duration::from_secs(10);
/// Events that nobody could be told are dropped beyond this many.
const EVENTS: usize = 64;

/// Tells the cluster.
pub(super) struct Mirror {
    /// What is to stand in the cluster.
    news: watch::Sender<Option<Arc<Published>>>,
    /// One for each task: several that wait for one are woken in an order that is left to chance.
    api_up: [watch::Sender<bool>; 3],
    events: mpsc::Sender<EventNote>,
    _tasks: JoinSet<()>,
}

impl Mirror {
    pub(super) fn start(ports: Ports, metrics: Arc<Metrics>) -> Self {
        let (news, to_tell) = watch::channel(None);
        let [mirrors, tells, renews] = [(); 3].map(|()| watch::channel(false));
        let (events, notes) = mpsc::channel(EVENTS);
        let mut tasks = JoinSet::new();
        tasks.spawn(mirror(ports.clone(), to_tell, mirrors.1, metrics));
        tasks.spawn(tell(ports.clone(), notes, tells.1));
        tasks.spawn(renew(ports, renews.1));
        Self { news, api_up: [mirrors.0, tells.0, renews.0], events, _tasks: tasks }
    }

    pub(super) fn turn(&self, scene: &Scene) {
        let up = scene.snapshot.api.value() == Some(&ApiHealth::Ready);
        for api_up in &self.api_up {
            api_up.send_if_modified(|before| std::mem::replace(before, up) != up);
        }
    }

    pub(super) fn tell(&self, published: &Arc<Published>) {
        self.news.send_if_modified(|before| {
            let is_news = before.as_ref().is_none_or(|before| {
                before.metadata != published.metadata
                    || before.spec != published.spec
                    || status_is_news(&before.status, &published.status)
            });
            if is_news {
                *before = Some(Arc::clone(published));
            }
            is_news
        });
    }

    pub(super) fn step(&self, note: &StepNote) {
        let (severity, reason, message) = match &note.failure {
            None => (EventSeverity::Normal, "StepDone", format!("{}: {}", note.unit, note.rung)),
            Some(why) => (
                EventSeverity::Warning,
                "StepFailed",
                format!("{}: {}: {}", note.unit, note.rung, why.message),
            ),
        };
        let policy = self.news.borrow().as_ref().map(|told| told.metadata.name.clone());
        let event = EventNote {
            policy: policy.unwrap_or_default(),
            severity,
            reason: reason.into(),
            action: note.rung.to_owned(),
            message,
        };
        if self.events.try_send(event).is_err() {
            tracing::debug!("an Event was dropped: the API takes none");
        }
    }
}

/// What is written; the figures that change all the time stay out, so that at rest nothing is.
fn publication(published: &Published) -> Publication {
    let mut status = published.status.clone();
    for supply in &mut status.supplies {
        supply.charge = None;
        supply.runtime = None;
        supply.last_seen = None;
    }
    Publication {
        name: published.metadata.name.clone(),
        spec: published.spec.value(),
        status: Arc::new(status),
    }
}

async fn mirror(
    ports: Ports,
    mut news: watch::Receiver<Option<Arc<Published>>>,
    mut up: watch::Receiver<bool>,
    metrics: Arc<Metrics>,
) {
    let mut complained = String::new();
    loop {
        if up.wait_for(|up| *up).await.is_err() {
            return;
        }
        let latest = news.borrow_and_update().clone();
        let told = match latest {
            None => Ok(()),
            Some(latest) => ports.cluster.publish(&publication(&latest), DEADLINE).await,
        };
        // Of other failures nothing is learned about the mirror: what was last known stays.
        if matches!(told, Ok(()) | Err(ClusterError::Conflict { .. })) {
            metrics.mirror(told.is_err());
        }
        match told {
            Ok(()) => {
                complained.clear();
                ports.clock.sleep(SETTLE).await;
                if news.changed().await.is_err() {
                    return;
                }
            }
            Err(error) => {
                let text = error.to_string();
                if text != complained {
                    tracing::warn!("the mirror of the policy was not written: {text}");
                    complained = text;
                }
                ports.clock.sleep(RETRY).await;
            }
        }
    }
}

async fn tell(ports: Ports, mut notes: mpsc::Receiver<EventNote>, mut up: watch::Receiver<bool>) {
    while let Some(note) = notes.recv().await {
        if up.wait_for(|up| *up).await.is_err() {
            return;
        }
        if let Err(error) = ports.cluster.event(&note, DEADLINE).await {
            tracing::debug!("an Event was not written: {error}");
        }
    }
}

async fn renew(ports: Ports, mut up: watch::Receiver<bool>) {
    let mut complained = false;
    loop {
        if up.wait_for(|up| *up).await.is_err() {
            return;
        }
        let renewed = ports.cluster.renew_lease(DEADLINE).await;
        if let Err(error) = &renewed
            && !complained
        {
            tracing::warn!("the Lease was not renewed, so this daemon looks dead: {error}");
        }
        complained = renewed.is_err();
        ports.clock.sleep(LEASE).await;
    }
}
