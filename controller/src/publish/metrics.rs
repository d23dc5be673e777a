//! Metrics, in the text form of Prometheus.

use std::{
    collections::BTreeMap,
    sync::{Mutex, PoisonError},
    time::Duration,
};

use ananke_core::{
    budget::Path,
    signals::{Power, Trust, power_of},
};
use ananke_crds::policy::ConditionStatus;
use prometheus_client::{
    encoding::{EncodeLabelSet, text::encode},
    metrics::{counter::Counter, family::Family, gauge::Gauge, histogram::Histogram, info::Info},
    registry::{Registry, Unit},
};
use std::sync::atomic::AtomicU64;

use super::{Published, Scene, StepNote, Told, gauges::Gauges};

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct TargetLabels {
    target: String,
    effective: String,
    by: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ConditionLabels {
    r#type: String,
    status: String,
    reason: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct UnitLabels {
    unit: String,
    state: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct SupplyLabels {
    supply: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct SupplyStatusLabels {
    supply: String,
    status: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct TrustLabels {
    supply: String,
    trust: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct BudgetLabels {
    path: String,
    quantile: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct StepLabels {
    step: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct FailureLabels {
    step: String,
    reason: String,
}

type FloatGauge = Gauge<f64, AtomicU64>;
type StepTimes = Family<StepLabels, Histogram, fn() -> Histogram>;

/// A call that the API answers at once up to one that stops a service.
const STEP_BUCKETS: [f64; 9] = [0.05, 0.2, 1.0, 3.0, 10.0, 30.0, 60.0, 120.0, 300.0];

/// All metrics of the daemon.
pub struct Metrics {
    registry: Mutex<Registry>,
    target: Family<TargetLabels, Gauge>,
    conditions: Family<ConditionLabels, Gauge>,
    units: Family<UnitLabels, Gauge>,
    supply_status: Family<SupplyStatusLabels, Gauge>,
    supply_charge: Family<SupplyLabels, FloatGauge>,
    supply_runtime: Family<SupplyLabels, FloatGauge>,
    supply_trust: Family<TrustLabels, Gauge>,
    budget: Family<BudgetLabels, FloatGauge>,
    slack: FloatGauge,
    decision: FloatGauge,
    steps: StepTimes,
    failures: Family<FailureLabels, Counter>,
    gauges: Gauges,
}

fn step_histogram() -> Histogram {
    Histogram::new(STEP_BUCKETS)
}

impl Metrics {
    /// A registry with every metric in it.
    pub fn new() -> Self {
        let metrics = Self {
            registry: Mutex::new(Registry::with_prefix("ananke")),
            target: Family::default(),
            conditions: Family::default(),
            units: Family::default(),
            supply_status: Family::default(),
            supply_charge: Family::default(),
            supply_runtime: Family::default(),
            supply_trust: Family::default(),
            budget: Family::default(),
            slack: FloatGauge::default(),
            decision: FloatGauge::default(),
            steps: StepTimes::new_with_constructor(step_histogram),
            failures: Family::default(),
            gauges: Gauges::default(),
        };
        metrics.register();
        metrics
    }

    fn register(&self) {
        let mut registry = self.registry.lock().unwrap_or_else(PoisonError::into_inner);
        let r = &mut *registry;
        let build = vec![("version", env!("CARGO_PKG_VERSION"))];
        r.register("build", "The version of ananke", Info::new(build));
        r.register(
            "target_info",
            "The declared target, the one in force, and by whom",
            self.target.clone(),
        );
        r.register("condition", "1 for the status that a condition has", self.conditions.clone());
        r.register("unit_state", "1 for the state that a unit is in", self.units.clone());
        r.register(
            "supply_status",
            "1 for what a supply runs on: mains, battery or unknown",
            self.supply_status.clone(),
        );
        r.register("supply_charge_ratio", "Charge, 0 to 1", self.supply_charge.clone());
        r.register_with_unit(
            "supply_runtime",
            "Runtime left, as the supply tells it",
            Unit::Seconds,
            self.supply_runtime.clone(),
        );
        r.register("supply_trust", "1 for how far a supply is believed", self.supply_trust.clone());
        r.register_with_unit(
            "budget",
            "How long everything from here to off takes: what is declared, a maximum of few runs \
             or the 95th percentile of many",
            Unit::Seconds,
            self.budget.clone(),
        );
        r.register_with_unit(
            "slack",
            "Time left on battery, the more careful of the supply's number and of its past \
             discharges, less the budget; +Inf on mains",
            Unit::Seconds,
            self.slack.clone(),
        );
        r.register_with_unit(
            "decision",
            "How long the last decision took",
            Unit::Seconds,
            self.decision.clone(),
        );
        r.register_with_unit(
            "step_duration",
            "How long calls of steps took",
            Unit::Seconds,
            self.steps.clone(),
        );
        r.register("step_failures", "Calls of steps that failed", self.failures.clone());
        self.gauges.register(r);
    }

    /// A step's call returned.
    pub fn step(&self, note: &StepNote) {
        let labels = StepLabels { step: note.rung.into() };
        if let Some(took) = note.took {
            self.steps.get_or_create(&labels).observe(took.as_secs_f64());
        }
        if let Some(failure) = &note.failure {
            let reason = failure.reason.into();
            self.failures.get_or_create(&FailureLabels { step: labels.step, reason }).inc();
        }
    }

    /// A decision took this long.
    pub fn decided(&self, took: Duration) {
        self.decision.set(took.as_secs_f64());
    }

    /// The mirror in the cluster was applied, or is held by somebody else.
    pub(super) fn mirror(&self, differs: bool) {
        self.gauges.mirror(differs);
    }

    /// A turn follows another.
    pub(super) fn passed(&self, before: &Scene, after: &Scene) {
        self.gauges.passed(before, after);
    }

    /// Everything that is read off the last turn.
    fn read(&self, told: &Told) {
        let scene = told.scene();
        self.target(scene);
        self.conditions(told.published());
        self.units(scene);
        self.supplies(scene);
        self.times(scene);
        self.gauges.read(scene);
    }

    fn target(&self, scene: &Scene) {
        let effective = &scene.decision.effective;
        self.target.clear();
        self.target
            .get_or_create(&TargetLabels {
                target: effective.declared.to_string(),
                effective: effective.target.to_string(),
                by: effective.by.clone(),
            })
            .set(1);
    }

    fn conditions(&self, published: &Published) {
        self.conditions.clear();
        for condition in &published.status.conditions {
            let status = match condition.status {
                ConditionStatus::True => "True",
                ConditionStatus::False => "False",
                ConditionStatus::Unknown => "Unknown",
            };
            let labels = ConditionLabels {
                r#type: condition.condition_type.clone(),
                status: status.into(),
                reason: condition.reason.clone(),
            };
            self.conditions.get_or_create(&labels).set(1);
        }
    }

    fn units(&self, scene: &Scene) {
        self.units.clear();
        for unit in &scene.decision.units {
            let labels = UnitLabels { unit: unit.name.to_string(), state: unit.state.to_string() };
            self.units.get_or_create(&labels).set(1);
        }
    }

    fn supplies(&self, scene: &Scene) {
        self.supply_status.clear();
        self.supply_charge.clear();
        self.supply_runtime.clear();
        self.supply_trust.clear();
        for (name, seen) in &scene.snapshot.supplies {
            let trust = scene.decision.telemetry.get(name).map(|told| told.trust);
            // What is not believed is no figure of this supply.
            let reading = seen.value().filter(|_| trust.is_some_and(Trust::is_heard));
            let status = match reading.map(|reading| power_of(&reading.status)) {
                Some(Power::Mains) => "mains",
                Some(Power::Battery) => "battery",
                Some(Power::Unknown) | None => "unknown",
            };
            let labels = SupplyLabels { supply: name.clone() };
            let of_status = SupplyStatusLabels { supply: name.clone(), status: status.into() };
            self.supply_status.get_or_create(&of_status).set(1);
            if let Some(trust) = trust {
                let of_trust = TrustLabels { supply: name.clone(), trust: trust.name().into() };
                self.supply_trust.get_or_create(&of_trust).set(1);
            }
            if let Some(charge) = reading.and_then(|reading| reading.charge_percent) {
                self.supply_charge.get_or_create(&labels).set(f64::from(charge) / 100.0);
            }
            if let Some(runtime) = reading.and_then(|reading| reading.runtime_seconds) {
                let seconds = Duration::from_secs(runtime).as_secs_f64();
                self.supply_runtime.get_or_create(&labels).set(seconds);
            }
        }
    }

    fn times(&self, scene: &Scene) {
        let decision = &scene.decision;
        for (path, budget) in Path::ALL.iter().zip([decision.budget, decision.full_budget]) {
            let labels = BudgetLabels { path: path.name().into(), quantile: "0.95".into() };
            self.budget.get_or_create(&labels).set(budget.as_secs_f64());
        }
        self.slack.set(decision.slack_seconds().unwrap_or(f64::INFINITY));
    }

    /// The text that Prometheus reads, of the last turn.
    pub fn text(&self, told: Option<&Told>) -> String {
        let mut text = String::new();
        // Two scrapers at once must not read one another's half.
        let registry = self.registry.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(told) = told {
            self.read(told);
        }
        if encode(&mut text, &registry).is_err() {
            tracing::error!("metrics could not be written");
        }
        classic(&text)
    }
}

/// The one metric that has quantiles; the library has no summaries.
const QUANTILES: &str = "ananke_budget_seconds";

/// The classic text format of what is `OpenMetrics`: every scraper and `promtool` read it. There a
/// metric's name has its suffix in the header too, and there are no units and no end mark.
fn classic(text: &str) -> String {
    let types: BTreeMap<&str, &str> =
        text.lines().filter_map(|line| line.strip_prefix("# TYPE ")?.split_once(' ')).collect();
    let mut out = String::with_capacity(text.len());
    for line in text.lines() {
        let header = ["# HELP ", "# TYPE "]
            .into_iter()
            .find_map(|word| Some((word, line.strip_prefix(word)?.split_once(' ')?)));
        match header {
            Some((word, (name, rest))) => {
                let (suffix, plain) = match types.get(name) {
                    Some(&"counter") => ("_total", "counter"),
                    Some(&"info") => ("_info", "gauge"),
                    Some(&"gauge") if name == QUANTILES => ("", "summary"),
                    other => ("", other.copied().unwrap_or("untyped")),
                };
                let rest = if word == "# TYPE " { plain } else { rest };
                out.extend([word, name, suffix, " ", rest, "\n"]);
            }
            None if line.starts_with("# ") => {}
            None => out.extend([line, "\n"]),
        }
    }
    out
}

impl Default for Metrics {
    fn default() -> Self {
        Self::new()
    }
}
