//! `simulate`: what if the mains went; changes nothing anywhere.

use std::{collections::BTreeMap, sync::Arc};

use ananke_core::{
    battery::BatteryMemory, budget::Runs, observe::Snapshot, plant::Plant, seen::Seen,
};
use ananke_crds::{host_config::HostConfiguration, policy::Target};
use ananke_sim::world::World;

use super::{
    args::{self, Args},
    client, config,
    exit::{Exit, Failure},
    output::{Table, Tone, say, structured, tell, toned},
    plan,
};
use crate::{
    publish::span,
    simulate::{Battery, Heard, Impossible, Scenario, Simulation, Timeline, Which, Wish, battery},
    state::RUNS,
    wiring::policy::InForce,
};

pub(crate) fn simulate(args: &Args, simulate: &args::Simulate) -> Result<Exit, Failure> {
    let config = configuration(args)?;
    let in_force = running(args, config.as_ref())?;
    let names = failing(&in_force, simulate.supply.as_deref())?;
    let known = config.as_ref().map(Known::read).unwrap_or_default();
    let world = Scenario::world(&in_force);
    let scenario = known.scenario(Arc::new(in_force), &world, &names, wish(simulate))?;
    let simulation = scenario.simulate(simulate.runs, simulate.seed)?;
    if !structured(args.output, &simulation)? {
        show(&simulation);
        tell!("nothing was changed");
    }
    Ok(Exit::Done)
}

const fn wish(simulate: &args::Simulate) -> Wish {
    Wish { charge_percent: simulate.charge, load: simulate.load }
}

/// A document that was named needs no host configuration.
fn configuration(args: &Args) -> Result<Option<HostConfiguration>, Failure> {
    match config::load(args) {
        Err(_) if args.policy.is_some() && args.config.is_none() => Ok(None),
        found => found.map(Some),
    }
}

/// The policy as it is in force while everything runs: that is what an outage meets.
fn running(args: &Args, config: Option<&HostConfiguration>) -> Result<InForce, Failure> {
    let mut in_force = match (config, &args.policy) {
        (Some(config), _) => plan::document(args, config)?,
        (None, Some(file)) => plan::named(file)?,
        (None, None) => return Err(Failure::new(Exit::Usage, "no policy is named")),
    };
    in_force.policy.spec.target = Target::Running;
    let plant = Plant::compile(in_force.name(), &in_force.policy.spec)
        .map_err(|cycle| Failure::new(Exit::Usage, cycle.to_string()))?;
    in_force.plant = Arc::new(plant);
    Ok(in_force)
}

/// The supplies whose mains go.
fn failing(in_force: &InForce, wanted: Option<&str>) -> Result<Vec<String>, Failure> {
    let usage = |message: String| Failure::new(Exit::Usage, message);
    let supplies = &in_force.plant.supplies;
    let names: Vec<String> = supplies.iter().map(|supply| supply.name.clone()).collect();
    let name = in_force.name();
    match wanted {
        _ if names.is_empty() => Err(usage(format!("{name} has no supply that could fail"))),
        None => Ok(names),
        Some(wanted) if names.iter().any(|name| name == wanted) => Ok(vec![wanted.to_owned()]),
        Some(wanted) => {
            let there = names.join(", ");
            Err(usage(format!("{name} has no supply `{wanted}`; there are: {there}")))
        }
    }
}

/// What the daemon of a host configuration left to be read.
#[derive(Default)]
struct Known {
    supplies: BTreeMap<String, Heard>,
    runs: Runs,
}

impl Known {
    /// Reads what there is; nothing is made where nothing is.
    fn read(config: &HostConfiguration) -> Self {
        if !config.state.is_dir() {
            return Self::default();
        }
        let supplies = match client::last_decision(config) {
            Ok((inputs, journal)) => heard(&inputs, &journal.batteries),
            Err(failure) => {
                tell!("nothing was read of a daemon: {}", failure.line());
                BTreeMap::new()
            }
        };
        Self { supplies, runs: past_runs(config) }
    }

    fn scenario(
        self,
        in_force: Arc<InForce>,
        world: &World,
        names: &[String],
        wish: Wish,
    ) -> Result<Scenario, Failure> {
        let usage = |error: Impossible| Failure::new(Exit::Usage, error.to_string());
        let one = |name: &String| {
            let battery = battery(world, name, wish, self.supplies.get(name)).map_err(usage)?;
            Ok::<_, Failure>((name.clone(), battery))
        };
        let batteries: BTreeMap<String, Battery> =
            names.iter().map(one).collect::<Result<_, _>>()?;
        let memories =
            self.supplies.into_iter().map(|(name, heard)| (name, heard.memory)).collect();
        let scenario = Scenario { in_force, batteries, runs: self.runs, memories };
        if scenario.hosts_at_stake().is_empty() {
            let supplies = names.join(", ");
            return Err(usage(Impossible::FeedsNothing { supplies }));
        }
        Ok(scenario)
    }
}

fn heard(
    inputs: &Snapshot,
    memories: &BTreeMap<String, Arc<BatteryMemory>>,
) -> BTreeMap<String, Heard> {
    let one = |(name, seen): (&String, &Seen<_>)| {
        let Seen::Known { value, at } = seen else { return None };
        let memory = memories.get(name).cloned().unwrap_or_default();
        Some((name.clone(), Heard { reading: Clone::clone(value), at: *at, memory }))
    };
    inputs.supplies.iter().filter_map(one).collect()
}

fn past_runs(config: &HostConfiguration) -> Runs {
    let path = config.state.join(RUNS);
    let read = match std::fs::read(&path) {
        Ok(bytes) => serde_json::from_slice(&bytes).map_err(|error| error.to_string()),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(Runs::default()),
        Err(error) => Err(error.to_string()),
    };
    read.unwrap_or_else(|error| {
        tell!("past runs are left out: {}: {error}", path.display());
        Runs::default()
    })
}

fn show(simulation: &Simulation) {
    let names: Vec<&str> = simulation.supplies.keys().map(String::as_str).collect();
    let (clean, of) = (&simulation.clean, simulation.clean.of);
    say!("{}: the mains of {} go and stay away", simulation.policy, names.join(", "));
    let percent = |ratio: f64| format!("{:.1} %", ratio * 100.0);
    let sentence = format!(
        "clean end: {} of {of} runs, {} (with 95 % confidence {} to {})",
        clean.runs,
        percent(clean.probability),
        percent(clean.low),
        percent(clean.high)
    );
    say!("{}", toned(Tone::Strong, &sentence));
    say!("all hosts off before the battery is empty: {} of {of} runs", simulation.off_in_time);
    say!("{}\n", spans(simulation.past_runs));
    supplies(&simulation.supplies).print();
    say!("");
    stages(simulation).print();
    say!("");
    sacrificed(simulation);
    for timeline in &simulation.timelines {
        say!("");
        tell_timeline(timeline);
    }
}

fn spans(past_runs: u32) -> String {
    match past_runs {
        0 => "how long things take: drawn from ordinary to what the policy leaves them".into(),
        runs => format!("how long things take: as in {runs} past emergencies"),
    }
}

fn supplies(supplies: &BTreeMap<String, Battery>) -> Table {
    let mut table = Table::new(&["SUPPLY", "CHARGE", "LOAD", "LASTS WHEN FULL"]);
    for (name, battery) in supplies {
        table.row([
            name.clone(),
            format!("{} %, {}", battery.charge_percent, battery.charge_from.text()),
            format!("{} %, {}", battery.load_percent, battery.load_from.text()),
            format!(
                "{}, give or take {} %, {}",
                span(battery.full_seconds),
                battery.margin_percent,
                battery.full_from.text()
            ),
        ]);
    }
    table
}

fn stages(simulation: &Simulation) -> Table {
    let mut table = Table::new(&["STAGE", "ENDS AFTER", "SLACK P50", "SLACK P5", "SHORT RUNS"]);
    for stage in &simulation.stages {
        let ends = stage.ends_after_seconds.map_or_else(|| "-".into(), span);
        let slack = |seconds: Option<i64>| seconds.map_or_else(|| "short".into(), signed);
        table.row([
            stage.stage.name().to_owned(),
            ends,
            slack(stage.slack_seconds_p50),
            slack(stage.slack_seconds_p5),
            stage.short_runs.to_string(),
        ]);
    }
    table
}

fn signed(seconds: i64) -> String {
    let sign = if seconds < 0 { "-" } else { "" };
    format!("{sign}{}", span(seconds.unsigned_abs()))
}

fn sacrificed(simulation: &Simulation) {
    if simulation.sacrificed_first.is_empty() {
        say!("nothing is sacrificed");
    } else {
        let mut table = Table::new(&["RUNS", "SACRIFICED FIRST"]);
        for first in &simulation.sacrificed_first {
            let what = format!("{} ({})", first.meaning, first.example);
            table.row([first.runs.to_string(), what]);
        }
        table.print();
    }
    if !simulation.faults.is_empty() {
        say!("");
        let mut table = Table::new(&["RUNS", "NOT CLEAN"]);
        for fault in &simulation.faults {
            table.row([fault.runs.to_string(), fault.example.clone()]);
        }
        table.print();
    }
}

fn tell_timeline(timeline: &Timeline) {
    let which = match timeline.of {
        Which::Median => "the median run",
        Which::Worst => "the worst run",
    };
    let ended = if timeline.clean { "ended cleanly" } else { "did not end cleanly" };
    say!("{which} (number {}) {ended}:", timeline.run);
    let mut table = Table::new(&["AFTER", "CHARGE", "WHO", "WHAT"]);
    for moment in &timeline.moments {
        table.row([
            span(moment.after_seconds),
            format!("{} %", moment.charge_percent),
            if moment.ours { "ananke".into() } else { String::new() },
            moment.what.clone(),
        ]);
    }
    table.print();
}
