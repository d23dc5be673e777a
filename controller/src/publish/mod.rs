//! Telling: the status file, the page and metrics, the cluster's mirror, Events, systemd, and
//! commands that page a person.

mod cluster;
mod gauges;
pub mod http;
mod intent;
pub mod metrics;
mod news;
mod notify;
mod scene;
mod sentence;
mod spec;
mod status;
mod systemd;
mod verdict;

use std::{sync::Arc, time::Duration};

use ananke_core::{
    step::{Outcome, PlannedStep},
    text::Text,
    time::Tick,
};
use ananke_crds::{host_config::Notification, policy::PowerPolicyStatus};
use ananke_ports::Ports;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use tokio::sync::watch;

use crate::state;

pub use scene::{Scene, Told};
pub use sentence::span;
pub use spec::Spec;
pub use status::timestamp;

/// What is told: `status.json`, `/status` and the page are made of it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Published {
    /// `ananke.dev/v1alpha1`.
    pub api_version: String,
    /// `PowerPolicy`.
    pub kind: String,
    /// Its name.
    pub metadata: PublishedMetadata,
    /// The document's spec.
    #[schemars(with = "serde_json::Value")]
    pub spec: Arc<Spec>,
    /// The status, as in the cluster, with the figures that change all the time.
    pub status: PowerPolicyStatus,
    /// What only this host tells.
    pub live: Live,
}

/// The metadata of what is told.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct PublishedMetadata {
    /// The policy's name.
    pub name: String,
}

/// The figures of this instant.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct Live {
    /// When the loop made this turn, seconds since 1970.
    pub turned_unix_seconds: i64,
    /// Whether everything was looked at once.
    pub complete: bool,
    /// Steps that may begin or are in flight: `unit: rung (try N)`.
    pub steps: Vec<String>,
    /// The leaves of the explanation: `unit: why`.
    pub leaves: Vec<String>,
    /// What needs a person, or time.
    pub blocked: Vec<String>,
    /// The least time left on a battery, in seconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub seconds_left: Option<u64>,
    /// How long everything from here to off takes, in seconds.
    pub budget_seconds: u64,
    /// Why the supply asks, if one does.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cause: Option<String>,
    /// Why a signal reaches as far as it does, a sentence each.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub scope: Vec<String>,
    /// What each waiting unit waits on: `unit` → (units, sentence).
    #[schemars(with = "Vec<serde_json::Value>")]
    pub waiting: Vec<ananke_core::decision::Waiting>,
}

/// A finished or begun step, for metrics and Events.
#[derive(Debug, Clone)]
pub struct StepNote {
    /// The unit.
    pub unit: Text,
    /// The rung.
    pub rung: &'static str,
    /// How long its call took.
    pub took: Option<Duration>,
    /// Why it failed, if it did.
    pub failure: Option<Failure>,
}

/// How a step's call failed.
#[derive(Debug, Clone)]
pub struct Failure {
    /// `refused` or `unknown`.
    pub reason: &'static str,
    /// In words.
    pub message: String,
}

/// Tells.
pub struct Publisher {
    told: Option<Arc<Told>>,
    /// Whether there was news since something was written out.
    is_pending: bool,
    /// What was written out last, and when.
    written: Option<(Arc<Published>, Tick)>,
    out: watch::Sender<Option<Arc<Told>>>,
    metrics: Arc<metrics::Metrics>,
    pager: notify::Pager,
    /// None where this is not the service.
    systemd: Option<systemd::Systemd>,
    intent: intent::Teller,
    cluster: Option<cluster::Mirror>,
}

/// The status file is written at least this often, so that its age tells a dead daemon.
const REWRITE: Duration = Duration::from_secs(30);
/// On battery, when nothing but the figures has changed: a UPS refreshes every few seconds, and an
/// SD card is not worn out by a long outage.
const FIGURES: Duration = Duration::from_secs(5);
/// News this close together is written out together: steps come in bursts, and readers do not.
const SETTLE: Duration = Duration::from_secs(1);

impl Publisher {
    /// Tells to nobody yet but the status file, systemd, and these commands.
    pub fn new(notify: Vec<Notification>) -> Self {
        Self {
            told: None,
            is_pending: false,
            written: None,
            out: watch::Sender::new(None),
            metrics: Arc::new(metrics::Metrics::new()),
            pager: notify::Pager::new(notify),
            systemd: Some(systemd::Systemd::new()),
            intent: intent::Teller::new(),
            cluster: None,
        }
    }

    /// Tells systemd nothing: a simulated daemon must not speak for the service that runs it.
    #[must_use]
    pub fn without_systemd(self) -> Self {
        Self { systemd: None, ..self }
    }

    /// What was told last, for the page.
    pub fn told(&self) -> watch::Receiver<Option<Arc<Told>>> {
        self.out.subscribe()
    }

    /// The metrics, for `/metrics`.
    pub fn metrics(&self) -> Arc<metrics::Metrics> {
        Arc::clone(&self.metrics)
    }

    /// Mirrors the document and its status into this cluster from now on.
    pub fn mirror_to(&mut self, ports: &Ports) {
        self.cluster = Some(cluster::Mirror::start(ports.clone(), self.metrics()));
    }

    /// A step's call returned.
    pub fn step_ended(&self, step: &PlannedStep, outcome: &Outcome, took: Option<Duration>) {
        let failure = match outcome {
            Outcome::Done => None,
            Outcome::Refused { message } => {
                Some(Failure { reason: "refused", message: message.clone() })
            }
            Outcome::Unknown { message } => {
                Some(Failure { reason: "unknown", message: message.clone() })
            }
        };
        let note = StepNote { unit: step.unit.clone(), rung: step.rung.name(), took, failure };
        self.metrics.step(&note);
        if let Some(cluster) = &self.cluster {
            cluster.step(&note);
        }
    }

    /// Tells one turn: news within a second, other figures now and then, and all to whoever asks.
    /// Returns when it wants to tell again, if there is news that nobody was told yet.
    pub fn publish(&mut self, ports: &Ports, scene: Scene) -> Option<Duration> {
        let before = self.told.as_deref().map(Told::scene);
        self.is_pending |= before.is_none_or(|before| news::is_news(before, &scene));
        if let Some(before) = before {
            self.metrics.passed(before, &scene);
        }
        let written = self.written.as_ref().map(|(written, _)| Arc::clone(written));
        let told = Arc::new(Told::new(scene, written));
        let is_due = self.until_due(told.scene()).is_zero();
        if is_due {
            self.write_out(ports, &told);
        }
        self.intent.turn(ports, told.scene());
        if let Some(systemd) = &mut self.systemd {
            let sentence = is_due.then(|| told.published().status.sentence.as_deref()).flatten();
            systemd.turn(told.scene().complete, sentence);
        }
        if let Some(cluster) = &self.cluster {
            cluster.turn(told.scene());
        }
        let wants = self.is_pending.then(|| self.until_due(told.scene()));
        self.told = Some(Arc::clone(&told));
        self.out.send_replace(Some(told));
        wants
    }

    /// How long what was written out last may stand.
    fn until_due(&self, scene: &Scene) -> Duration {
        let pause = match scene.decision.seconds_left {
            _ if self.is_pending => SETTLE,
            Some(_) => FIGURES,
            None => REWRITE,
        };
        let age = self.written.as_ref().map(|(_, at)| scene.decision.at.since(*at));
        age.map_or(Duration::ZERO, |age| pause.saturating_sub(age))
    }

    fn write_out(&mut self, ports: &Ports, told: &Told) {
        let (scene, published) = (told.scene(), told.published());
        let before = self.written.as_ref().map(|(written, _)| &written.status);
        self.pager.turn(before, published, scene);
        if let Some(cluster) = &self.cluster {
            cluster.tell(published);
        }
        let text = serde_json::to_vec_pretty(published.as_ref()).unwrap_or_default();
        if let Err(error) = ports.store.write(state::STATUS, &text) {
            tracing::debug!("{error}");
        }
        self.written = Some((Arc::clone(published), scene.decision.at));
        self.is_pending = false;
    }
}
