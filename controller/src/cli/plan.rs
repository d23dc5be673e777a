//! `plan`: what would be done now; changes nothing anywhere.

use std::{fs, path::Path, time::Duration};

use ananke_core::{
    forecast::{Forecast, forecast},
    journal::Journal,
    observe::{Snapshot, SupplyReading},
    plant::Plant,
    seen::Seen,
};
use ananke_crds::{
    host_config::HostConfiguration,
    policy::{PowerPolicySpec, Target},
};
use serde::Serialize;

use super::{
    args::{self, Args},
    budget::Budget,
    client, config,
    exit::{Exit, Failure},
    output::{Table, say, structured, tell},
};
use crate::{publish::span, wiring::policy::InForce};

pub(crate) fn plan(args: &Args, plan: &args::Plan) -> Result<Exit, Failure> {
    let config = config::load(args)?;
    let in_force = document(args, &config)?;
    let declared = in_force.policy.spec.target;
    let (target, made, budget) = if plan.emergency {
        let scene = scene(&config, &in_force, declared, batteries_low)?;
        let budget = Budget::of(&scene.plant, &scene.journal, &scene.inputs);
        (Target::Poweroff, scene.forecast(), Some(budget))
    } else {
        let target = plan.target.unwrap_or(declared);
        (target, make(&config, &in_force, target)?, None)
    };
    let shown = Shown::of(&made, &in_force, target, budget);
    if !structured(args.output, &shown)? {
        let budget = shown.budget.iter().flat_map(Budget::lines);
        for line in lines(&made, in_force.name(), target).into_iter().chain(budget) {
            say!("{line}");
        }
        tell!("nothing was changed");
    }
    Ok(Exit::Done)
}

/// The document of `--policy`, else the configured one.
pub(crate) fn document(args: &Args, config: &HostConfiguration) -> Result<InForce, Failure> {
    if let Some(file) = &args.policy {
        return named(file);
    }
    let found = config::place(config).find();
    let (file, text) = found.map_err(|problem| Failure::new(Exit::Usage, problem))?;
    compiled(&file, &text)
}

/// The document that was named on the command line.
pub(crate) fn named(file: &Path) -> Result<InForce, Failure> {
    compiled(file, &read(file)?)
}

fn compiled(file: &Path, text: &str) -> Result<InForce, Failure> {
    InForce::of(text, &file.display().to_string())
        .map_err(|refused| Failure::new(Exit::Usage, refused.to_string()))
}

/// Reads a document that was named on the command line.
pub(crate) fn read(file: &Path) -> Result<String, Failure> {
    fs::read_to_string(file)
        .map_err(|error| Failure::new(Exit::Usage, format!("{}: {error}", file.display())))
}

/// Forecasts the way to a target from what the daemon saw last.
pub(crate) fn make(
    config: &HostConfiguration,
    in_force: &InForce,
    target: Target,
) -> Result<Forecast, Failure> {
    Ok(scene(config, in_force, target, |_, _| {})?.forecast())
}

/// Every supply is on battery, the battery is low, and that is believed at once.
fn batteries_low(spec: &mut PowerPolicySpec, inputs: &mut Snapshot) {
    for supply in &mut spec.supplies {
        supply.trigger.debounce = 1;
    }
    let status: Vec<String> = ["OB", "DISCHRG", "LB"].map(str::to_owned).into();
    for seen in inputs.supplies.values_mut() {
        let before = seen.value().cloned().unwrap_or_default();
        *seen = Seen::known(SupplyReading { status: status.clone(), ..before }, inputs.now);
    }
}

/// What a forecast is made from.
struct Scene {
    plant: Plant,
    journal: Journal,
    inputs: Snapshot,
}

impl Scene {
    fn forecast(&self) -> Forecast {
        forecast(&self.plant, &self.journal, &self.inputs)
    }
}

fn scene(
    config: &HostConfiguration,
    in_force: &InForce,
    target: Target,
    what_if: impl Fn(&mut PowerPolicySpec, &mut Snapshot),
) -> Result<Scene, Failure> {
    let (mut inputs, mut journal) = client::last_decision(config)?;
    journal.in_flight.clear();
    let mut spec = in_force.policy.spec.clone();
    spec.target = target;
    what_if(&mut spec, &mut inputs);
    let plant = Plant::compile(in_force.name(), &spec)
        .map_err(|cycle| Failure::new(Exit::Usage, cycle.to_string()))?;
    Ok(Scene { plant, journal, inputs })
}

/// The plan as lines.
pub(crate) fn lines(made: &Forecast, name: &str, target: Target) -> Vec<String> {
    if made.steps.is_empty() && made.end.waiting.is_empty() {
        let line = format!("{name} is where target {target} wants it: nothing to do");
        return std::iter::once(line).chain(made.scope.iter().cloned()).collect();
    }
    let mut table = Table::new(&["AFTER", "UNIT", "STEP"]);
    for step in &made.steps {
        table.row([span(step.at.as_secs()), step.step.unit.to_string(), words(&step.step)]);
    }
    let mut lines = table.lines();
    lines.push(String::new());
    lines.push(format!(
        "{name} to {target}: {} steps, about {}",
        made.steps.len(),
        span(made.total.as_secs())
    ));
    lines.extend(made.scope.iter().cloned());
    lines.extend(missing(made).map(str::to_owned));
    let stuck = made.end.waiting.iter().filter(|waiting| waiting.on.is_empty());
    for waiting in stuck {
        lines.push(format!("it cannot pass {}: {}", waiting.unit, waiting.message));
    }
    lines
}

/// What a plan cannot know.
fn missing(made: &Forecast) -> Option<&'static str> {
    let text = "not in it, because the API does not answer: nodes, pods and Flux objects";
    made.is_partial.then_some(text)
}

fn words(step: &ananke_core::step::PlannedStep) -> String {
    use ananke_core::step::Action;
    match &step.action {
        Action::Suspend { objects } | Action::Resume { objects } => {
            format!("{} {}", step.rung.name(), counted(objects.len(), "object"))
        }
        Action::Evict { pods } | Action::DeletePods { pods, .. } => {
            format!("{} {}", step.rung.name(), counted(pods.len(), "pod"))
        }
        _ => step.rung.name().into(),
    }
}

fn counted(count: usize, thing: &str) -> String {
    if count == 1 { format!("1 {thing}") } else { format!("{count} {thing}s") }
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Shown {
    policy: String,
    target: Target,
    total_seconds: u64,
    steps: Vec<ShownStep>,
    blocked: Vec<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    scope: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    missing: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    budget: Option<Budget>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct ShownStep {
    after_seconds: u64,
    takes_seconds: u64,
    unit: String,
    step: String,
}

impl Shown {
    fn of(made: &Forecast, in_force: &InForce, target: Target, budget: Option<Budget>) -> Self {
        let seconds = |span: Duration| span.as_secs();
        let leaves = made.end.waiting.iter().filter(|waiting| waiting.on.is_empty());
        Self {
            policy: in_force.name().into(),
            target,
            total_seconds: seconds(made.total),
            steps: made
                .steps
                .iter()
                .map(|step| ShownStep {
                    after_seconds: seconds(step.at),
                    takes_seconds: seconds(step.takes),
                    unit: step.step.unit.to_string(),
                    step: step.step.rung.name().into(),
                })
                .collect(),
            blocked: leaves.map(|leaf| format!("{}: {}", leaf.unit, leaf.message)).collect(),
            scope: made.scope.clone(),
            missing: missing(made),
            budget,
        }
    }
}
