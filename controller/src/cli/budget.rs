//! The budget of an emergency, and where each of its numbers comes from.

use std::{collections::BTreeMap, time::Duration};

use ananke_core::{
    battery::Estimate,
    budget::{Path, Share, Source, critical_path},
    decide::decide,
    journal::Journal,
    observe::Snapshot,
    plant::Plant,
};
use serde::Serialize;

use super::output::Table;
use crate::publish::span;

/// The budget as it is shown.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Budget {
    seconds: u64,
    critical_path: Vec<Part>,
    supplies: BTreeMap<String, Supply>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Part {
    unit: String,
    step: String,
    seconds: u64,
    source: Source,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Supply {
    /// It asks for a shutdown below this.
    acts_below_seconds: u64,
    /// How long it would last.
    #[serde(skip_serializing_if = "Option::is_none")]
    lasts: Option<Estimate>,
}

impl Budget {
    /// The budget from here, and what it is held against.
    pub(crate) fn of(plant: &Plant, journal: &Journal, inputs: &Snapshot) -> Self {
        let decision = decide(plant, journal, inputs);
        let part = |share: Share| Part {
            unit: share.unit,
            step: share.step,
            seconds: share.takes.as_secs(),
            source: share.source,
        };
        let supply = |plan: &ananke_core::plant::SupplyPlan| {
            let acts_below_seconds = seconds_up(decision.budget.mul_f64(plan.runtime_factor));
            let lasts = decision.estimates.get(&plan.name).cloned();
            (plan.name.clone(), Supply { acts_below_seconds, lasts })
        };
        let path = critical_path(plant, journal, inputs, Path::Emergency);
        Self {
            seconds: decision.budget.as_secs(),
            critical_path: path.into_iter().map(part).collect(),
            supplies: plant.supplies.iter().map(supply).collect(),
        }
    }

    /// The budget as lines.
    pub(crate) fn lines(&self) -> Vec<String> {
        let mut lines = vec![
            String::new(),
            format!("budget: {} from here to off, on the longest chain:", span(self.seconds)),
        ];
        let mut parts = Table::new(&["TAKES", "UNIT", "STEP", "FROM"]);
        for part in &self.critical_path {
            let takes = span(part.seconds);
            parts.row([takes, part.unit.clone(), part.step.clone(), part.source.to_string()]);
        }
        lines.extend(parts.lines());
        lines.push(String::new());
        let mut supplies = Table::new(&["SUPPLY", "ACTS BELOW", "LASTS"]);
        for (name, supply) in &self.supplies {
            let lasts = supply.lasts.as_ref().map_or_else(|| "not told".into(), Estimate::sentence);
            supplies.row([name.clone(), span(supply.acts_below_seconds), lasts]);
        }
        lines.extend(supplies.lines());
        lines
    }
}

fn seconds_up(span: Duration) -> u64 {
    span.as_secs() + u64::from(span.subsec_nanos() > 0)
}
