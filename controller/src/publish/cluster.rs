//! The mirror in the cluster: the document and its status, Events, and the Lease. All of it is
//! told when the API is there; nothing waits for it.

use std::{sync::Arc, time::Duration};

use ananke_core::observe::ApiHealth;
use ananke_crds::policy::PowerPolicyStatus;
use ananke_ports::{EventNote, EventSeverity, Ports, Publication};
use tokio::{
    sync::{mpsc, watch},
    task::JoinSet,
};

use super::{Published, Scene, StepNote};

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
    status: watch::Sender<Option<Arc<Publication>>>,
    api_up: watch::Sender<bool>,
    events: mpsc::Sender<EventNote>,
    name: watch::Sender<String>,
    _tasks: JoinSet<()>,
}

impl Mirror {
    pub(super) fn start(ports: Ports) -> Self {
        let (status, statuses) = watch::channel(None);
        let (api_up, up) = watch::channel(false);
        let (events, notes) = mpsc::channel(EVENTS);
        let mut tasks = JoinSet::new();
        tasks.spawn(mirror(ports.clone(), statuses, up.clone()));
        tasks.spawn(tell(ports.clone(), notes, up.clone()));
        tasks.spawn(renew(ports, up));
        Self { status, api_up, events, name: watch::Sender::new(String::new()), _tasks: tasks }
    }

    pub(super) fn turn(&self, scene: &Scene<'_>, published: &Published) {
        let up = scene.snapshot.api.value() == Some(&ApiHealth::Ready);
        self.api_up.send_if_modified(|before| std::mem::replace(before, up) != up);
        self.name.send_replace(published.metadata.name.clone());
        let publication = Publication {
            name: published.metadata.name.clone(),
            spec: published.spec.clone(),
            status: serde_json::to_value(at_rest(&published.status)).unwrap_or_default(),
        };
        self.status.send_if_modified(|before| {
            let differs = before.as_deref().is_none_or(|before| differs(before, &publication));
            if differs {
                *before = Some(Arc::new(publication));
            }
            differs
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
        let event = EventNote {
            policy: self.name.borrow().clone(),
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

/// What changes all the time stays out, so that at rest nothing is written.
fn at_rest(status: &PowerPolicyStatus) -> PowerPolicyStatus {
    let mut status = status.clone();
    for supply in &mut status.supplies {
        supply.charge = None;
        supply.runtime = None;
        supply.last_seen = None;
    }
    status
}

fn differs(before: &Publication, after: &Publication) -> bool {
    let quiet = |publication: &Publication| {
        let mut status = publication.status.clone();
        if let Some(status) = status.as_object_mut() {
            status.remove("lastReconcile");
        }
        status
    };
    before.name != after.name || before.spec != after.spec || quiet(before) != quiet(after)
}

async fn mirror(
    ports: Ports,
    mut statuses: watch::Receiver<Option<Arc<Publication>>>,
    mut up: watch::Receiver<bool>,
) {
    let mut complained = String::new();
    loop {
        if up.wait_for(|up| *up).await.is_err() {
            return;
        }
        let publication = statuses.borrow_and_update().clone();
        let told = match publication {
            None => Ok(()),
            Some(publication) => ports.cluster.publish(&publication, DEADLINE).await,
        };
        match told {
            Ok(()) => {
                complained.clear();
                ports.clock.sleep(SETTLE).await;
                if statuses.changed().await.is_err() {
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
