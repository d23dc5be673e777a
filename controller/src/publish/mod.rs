//! Telling: the status file, the page and metrics, the cluster's mirror, Events, systemd, and
//! commands that page a person.

mod cluster;
mod gauges;
pub mod http;
mod intent;
pub mod metrics;
mod news;
mod notify;
mod sentence;
mod status;
mod systemd;

use std::{sync::Arc, time::Duration};

use ananke_core::{
    conditions::{Condition, conditions},
    decision::Decision,
    journal::Journal,
    observe::Snapshot,
    step::{Outcome, PlannedStep},
};
use ananke_crds::{host_config::Notification, policy::PowerPolicyStatus};
use ananke_ports::Ports;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use tokio::sync::watch;

use self::news::Figures;
use crate::{state, wiring::policy::InForce};

pub use sentence::span;
pub use status::timestamp;

/// Everything that one turn of the loop has to tell.
pub struct Scene<'a> {
    /// The policy in force.
    pub in_force: &'a InForce,
    /// What was seen.
    pub snapshot: &'a Snapshot,
    /// What was decided.
    pub decision: &'a Decision,
    /// What is remembered.
    pub journal: &'a Journal,
    /// Whether everything was looked at once.
    pub complete: bool,
    /// What keeps the disk from taking the journal, if anything.
    pub disk: Option<&'a str>,
    /// The wall clock, seconds since 1970.
    pub unix_seconds: i64,
}

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
    pub spec: Arc<serde_json::Value>,
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
    /// What each waiting unit waits on: `unit` → (units, sentence).
    #[schemars(with = "Vec<serde_json::Value>")]
    pub waiting: Vec<ananke_core::decision::Waiting>,
}

/// A finished or begun step, for metrics and Events.
#[derive(Debug, Clone)]
pub struct StepNote {
    /// The unit.
    pub unit: String,
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
    told: Option<Arc<Published>>,
    written_at: i64,
    written: Option<Arc<Published>>,
    out: watch::Sender<Option<Arc<Published>>>,
    metrics: Arc<metrics::Metrics>,
    pager: notify::Pager,
    systemd: systemd::Systemd,
    intent: intent::Teller,
    cluster: Option<cluster::Mirror>,
}

/// The status file is written at least this often, so that its age tells a dead daemon.
const REWRITE_SECONDS: i64 = 30;
/// On battery, when nothing but the figures has changed: a UPS refreshes every few seconds, and an
/// SD card is not worn out by a long outage.
const FIGURES_SECONDS: i64 = 5;

impl Publisher {
    /// Tells to nobody yet but the status file, systemd, and these commands.
    pub fn new(notify: Vec<Notification>) -> Self {
        Self {
            told: None,
            written_at: 0,
            written: None,
            out: watch::Sender::new(None),
            metrics: Arc::new(metrics::Metrics::new()),
            pager: notify::Pager::new(notify),
            systemd: systemd::Systemd::new(),
            intent: intent::Teller::new(),
            cluster: None,
        }
    }

    /// What was told last, for the page.
    pub fn published(&self) -> watch::Receiver<Option<Arc<Published>>> {
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

    /// Tells one turn.
    pub fn publish(&mut self, ports: &Ports, scene: &Scene<'_>) {
        let conditions = verdict(scene);
        let before = self.told.take();
        let published = Arc::new(Published {
            api_version: "ananke.dev/v1alpha1".into(),
            kind: "PowerPolicy".into(),
            metadata: PublishedMetadata { name: scene.in_force.name().to_owned() },
            spec: Arc::clone(&scene.in_force.spec_json),
            live: status::live(scene),
            status: status::status(scene, &conditions, before.as_ref().map(|b| &b.status)),
        });
        self.intent.turn(ports, scene);
        self.systemd.turn(scene.complete, published.status.sentence.as_deref().unwrap_or_default());
        self.metrics.passed(scene);
        if before.as_deref().is_none_or(|before| news::is_news(before, &published, Figures::Count))
        {
            self.metrics.turn(scene, &published);
            self.pager.turn(before.as_ref().map(|b| &b.status), &published, scene);
        }
        if let Some(cluster) = &self.cluster {
            cluster.turn(scene, &published);
        }
        self.write(ports, scene.unix_seconds, &published);
        self.told = Some(Arc::clone(&published));
        self.out.send_replace(Some(published));
    }

    /// Writes `status.json` when something a person would see has changed, and now and then.
    fn write(&mut self, ports: &Ports, unix_seconds: i64, published: &Arc<Published>) {
        let on_battery = published.live.seconds_left.is_some();
        let pause = if on_battery { FIGURES_SECONDS } else { REWRITE_SECONDS };
        let written = self.written.as_deref();
        let is_news = written.is_none_or(|b| news::is_news(b, published, Figures::Aside));
        if !is_news && unix_seconds - self.written_at < pause {
            return;
        }
        let text = serde_json::to_vec_pretty(published.as_ref()).unwrap_or_default();
        if let Err(error) = ports.store.write(state::STATUS, &text) {
            tracing::debug!("{error}");
        }
        self.written_at = unix_seconds;
        self.written = Some(Arc::clone(published));
    }
}

/// The conditions of a turn: the core's, under what only the shell knows.
fn verdict(scene: &Scene<'_>) -> Vec<Condition> {
    use ananke_core::{
        conditions::{Reason, Status},
        decision::Blocked,
    };
    let mut all = match &scene.in_force.problem {
        None => conditions(scene.decision),
        Some(problem) => {
            let mut decision = scene.decision.clone();
            decision.blocked.push(Blocked {
                unit: None,
                reason: Reason::InvalidPolicy,
                message: problem.clone(),
            });
            conditions(&decision)
        }
    };
    if let Some(disk) = scene.disk {
        all.push(Condition {
            kind: "JournalWritable".into(),
            status: Status::False,
            reason: Reason::ManualActionRequired,
            message: disk.to_owned(),
        });
    }
    all
}
