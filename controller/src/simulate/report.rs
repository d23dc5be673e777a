//! What many runs say together.

use std::{cmp::Reverse, collections::BTreeMap};

use schemars::JsonSchema;
use serde::Serialize;

use super::{
    Battery, Scenario, draw,
    judge::Run,
    odds::{percentile, rounded, wilson},
    sacrifice::Sacrifice,
    timeline::Moment,
};

/// The answer: what `simulate -o json` prints.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Simulation {
    /// `ananke.dev/v1alpha1`.
    pub api_version: String,
    /// `Simulation`.
    pub kind: String,
    /// The policy's name.
    pub policy: String,
    /// Where chance began.
    pub seed: u64,
    /// The supplies whose mains go, with their batteries as they are believed to be.
    pub supplies: BTreeMap<String, Battery>,
    /// How many past emergencies tell how long things take. With 0 each span is drawn between an
    /// ordinary one and what the budget or the policy leaves it.
    pub past_runs: u32,
    /// How often the end was clean: every host off in order before its battery was empty.
    pub clean: Clean,
    /// In how many runs every host was off before its battery was empty, in order or not.
    pub off_in_time: u32,
    /// The stages of the way down, in order.
    pub stages: Vec<StageSlack>,
    /// What is given up first for lack of energy; nothing in the runs that are not counted here.
    pub sacrificed_first: Vec<SacrificedFirst>,
    /// What was not clean, by its kind, the most frequent first.
    pub faults: Vec<Fault>,
    /// The run in the middle, and the worst one if that did not end cleanly.
    pub timelines: Vec<Timeline>,
}

/// How often the end was clean.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Clean {
    /// Runs that ended cleanly.
    pub runs: u32,
    /// All runs.
    pub of: u32,
    /// The share of clean ones.
    pub probability: f64,
    /// With 95 % confidence it is at least this (Wilson's interval), as far as the assumptions
    /// hold.
    pub low: f64,
    /// With the same confidence it is at most this.
    pub high: f64,
}

/// A stage of the way down.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum Stage {
    /// On battery until the first step begins.
    Signal,
    /// Flux objects are suspended.
    Gitops,
    /// The etcd snapshot.
    Snapshot,
    /// Pods leave their nodes.
    Drain,
    /// Kubernetes services stop.
    Services,
    /// Hosts power off.
    Hosts,
    /// The host that ananke runs on goes last.
    Own,
}

impl Stage {
    /// The word in tables.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Signal => "signal",
            Self::Gitops => "gitops",
            Self::Snapshot => "snapshot",
            Self::Drain => "drain",
            Self::Services => "services",
            Self::Hosts => "hosts",
            Self::Own => "own",
        }
    }
}

/// What a stage leaves of the battery.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct StageSlack {
    /// Which.
    pub stage: Stage,
    /// When it ends, in seconds after the mains went: half of the runs by then; `null` if no run
    /// tells it.
    pub ends_after_seconds: Option<u64>,
    /// What the battery has left at its end, under the load of then, less what the rest takes, in
    /// seconds: half of the runs have at least this. `null`: the battery of as many runs was empty first.
    pub slack_seconds_p50: Option<i64>,
    /// 95 of 100 runs have at least this; `null` as above.
    pub slack_seconds_p5: Option<i64>,
    /// Runs whose battery was empty first.
    pub short_runs: u32,
}

/// What is given up first.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct SacrificedFirst {
    /// What.
    pub what: Sacrifice,
    /// In words.
    pub meaning: String,
    /// In so many runs.
    pub runs: u32,
    /// The first of them gave up this one's.
    pub example: String,
}

/// A kind of thing that was not clean.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Fault {
    /// In so many runs.
    pub runs: u32,
    /// The first of them.
    pub example: String,
}

/// One run, told.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Timeline {
    /// Which.
    pub of: Which,
    /// Its number, from 1.
    pub run: u32,
    /// Whether it ended cleanly.
    pub clean: bool,
    /// What happened.
    pub moments: Vec<Moment>,
}

/// Which run is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum Which {
    /// Half of the runs end no better.
    Median,
    /// No run ends worse.
    Worst,
}

pub(super) fn report(scenario: &Scenario, runs: &[Run], seed: u64) -> Simulation {
    Simulation {
        api_version: "ananke.dev/v1alpha1".into(),
        kind: "Simulation".into(),
        policy: scenario.in_force.name().to_owned(),
        seed,
        supplies: scenario.batteries.clone(),
        past_runs: draw::past_runs(&scenario.runs),
        clean: clean(runs),
        off_in_time: count(runs.iter().filter(|run| !run.is_cut).count()),
        stages: stages(scenario, runs),
        sacrificed_first: sacrificed_first(runs),
        faults: faults(runs),
        timelines: timelines(runs),
    }
}

fn count(number: usize) -> u32 {
    u32::try_from(number).unwrap_or(u32::MAX)
}

fn clean(runs: &[Run]) -> Clean {
    let (clean, of) = (count(runs.iter().filter(|run| run.is_clean()).count()), count(runs.len()));
    let (low, high) = wilson(clean, of);
    let probability = rounded(f64::from(clean) / f64::from(of.max(1)));
    Clean { runs: clean, of, probability, low: rounded(low), high: rounded(high) }
}

/// The stages that the policy has; a run that went without one says nothing of it.
fn stages(scenario: &Scenario, runs: &[Run]) -> Vec<StageSlack> {
    let plant = &scenario.in_force.plant;
    let own = plant.hosts.iter().find(|host| host.is_self).map(|host| &host.name);
    let at_stake = scenario.hosts_at_stake();
    let has_service = plant.hosts.iter().any(|host| host.role != ananke_core::plant::Role::None);
    let has_snapshot = plant.sections.snapshot && !plant.shutdown.emergency_skips_snapshot;
    let all = [
        (Stage::Signal, true),
        (Stage::Gitops, plant.sections.source),
        (Stage::Snapshot, has_service && has_snapshot),
        (Stage::Drain, has_service && !plant.shutdown.emergency_skips_drain),
        (Stage::Services, has_service),
        (Stage::Hosts, at_stake.iter().any(|name| Some(name) != own)),
        (Stage::Own, own.is_some_and(|own| at_stake.contains(own))),
    ];
    let there = all.into_iter().filter(|(_, there)| *there);
    there.filter_map(|(stage, _)| slack(stage, runs)).collect()
}

/// Nothing if every run went without the stage.
fn slack(stage: Stage, runs: &[Run]) -> Option<StageSlack> {
    let told: Vec<_> = runs.iter().filter_map(|run| run.stages.get(&stage)).collect();
    let short = runs.iter().filter(|run| run.is_cut).count();
    let mut slack: Vec<Option<i64>> = told.iter().map(|reached| Some(reached.slack)).collect();
    slack.resize(told.len() + short, None);
    let after: Vec<Option<u64>> = told.iter().map(|reached| Some(reached.after)).collect();
    let seconds = |millis: i64| millis.div_euclid(1000);
    (!slack.is_empty()).then(|| StageSlack {
        stage,
        ends_after_seconds: percentile(&after, 50).map(|millis| millis / 1000),
        slack_seconds_p50: percentile(&slack, 50).map(seconds),
        slack_seconds_p5: percentile(&slack, 5).map(seconds),
        short_runs: count(short),
    })
}

fn sacrificed_first(runs: &[Run]) -> Vec<SacrificedFirst> {
    let mut found: BTreeMap<Sacrifice, SacrificedFirst> = BTreeMap::new();
    for given in runs.iter().filter_map(|run| run.sacrificed.as_ref()) {
        let entry = found.entry(given.what).or_insert_with(|| SacrificedFirst {
            what: given.what,
            meaning: given.what.text().into(),
            runs: 0,
            example: given.whose.clone(),
        });
        entry.runs += 1;
    }
    let mut all: Vec<SacrificedFirst> = found.into_values().collect();
    all.sort_by_key(|first| Reverse(first.runs));
    all
}

/// Each promise that was not kept is a kind.
fn faults(runs: &[Run]) -> Vec<Fault> {
    let mut found: BTreeMap<u8, Fault> = BTreeMap::new();
    for run in runs {
        let once: BTreeMap<u8, &String> =
            run.faults.iter().rev().map(|fault| (fault.promise, &fault.sentence)).collect();
        for (promise, sentence) in once {
            let first = || Fault { runs: 0, example: sentence.clone() };
            found.entry(promise).or_insert_with(first).runs += 1;
        }
    }
    let mut all: Vec<Fault> = found.into_values().collect();
    all.sort_by_key(|fault| Reverse(fault.runs));
    all
}

fn timelines(runs: &[Run]) -> Vec<Timeline> {
    let mut order: Vec<(usize, &Run)> = runs.iter().enumerate().collect();
    order.sort_by_key(|(_, run)| (run.is_clean(), Reverse(run.faults.len()), run.last_slack()));
    let told = |of: Which, (index, run): &(usize, &Run)| Timeline {
        of,
        run: count(*index).saturating_add(1),
        clean: run.is_clean(),
        moments: run.moments.clone(),
    };
    let median = order.get(order.len() / 2).map(|run| told(Which::Median, run));
    let worst = order.first().filter(|(_, run)| !run.is_clean()).map(|run| told(Which::Worst, run));
    let mut all: Vec<Timeline> = median.into_iter().chain(worst).collect();
    all.dedup_by_key(|timeline| timeline.run);
    all
}
