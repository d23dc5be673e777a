//! `explain`: why a unit is not where it should be, back to the root; or what a field means.

use std::collections::BTreeSet;

use ananke_crds::{explain::explain_field, policy::SupplyStatus};

use super::{
    args::{self, Args},
    client, config,
    exit::{Exit, Failure},
    output::{Table, say, width, wrapped},
};
use crate::publish::{Published, span};

pub(crate) fn explain(args: &Args, explain: &args::Explain) -> Result<Exit, Failure> {
    match explain.what.as_deref() {
        Some(field) if field.starts_with("policy") || field.starts_with("config") => {
            explain_document(field)
        }
        what => explain_units(args, what),
    }
}

fn explain_document(field: &str) -> Result<Exit, Failure> {
    let found = explain_field(field)
        .map_err(|error| Failure::new(Exit::Usage, error.to_string()).remedy(error.help))?;
    let mut kind = found.type_name.clone();
    if found.required {
        kind += ", required";
    }
    say!("{}.{}  <{kind}>", found.document, found.path);
    if let Some(default) = &found.default {
        paragraph(0, &format!("default: {default}"));
    }
    if let Some(example) = &found.example {
        paragraph(0, &format!("example: {example}"));
    }
    say!("");
    paragraph(0, &found.doc);
    for value in &found.values {
        paragraph(1, &format!("{}: {}", value.name, value.doc));
    }
    if !found.children.is_empty() {
        say!("");
        let mut table = Table::new(&["FIELD", "TYPE", "MEANING"]);
        for child in &found.children {
            let first = child.doc.split(". ").next().unwrap_or(&child.doc);
            table.row([child.name.clone(), child.type_name.clone(), first.to_owned()]);
        }
        table.print();
    }
    Ok(Exit::Done)
}

/// Words within the width of the line, indented by so many steps.
fn paragraph(depth: usize, text: &str) {
    let indent = "  ".repeat(depth);
    for line in wrapped(text, width().saturating_sub(indent.len())) {
        say!("{indent}{line}");
    }
}

fn explain_units(args: &Args, unit: Option<&str>) -> Result<Exit, Failure> {
    let config = config::load(args)?;
    let told = client::told_or_warned(&config)?;
    let published = &told.published;
    let Some(unit) = unit else {
        paragraph(0, &published.status.sentence.clone().unwrap_or_default());
        published.live.scope.iter().for_each(|why| paragraph(1, why));
        for leaf in published.live.waiting.iter().filter(|waiting| waiting.on.is_empty()) {
            paragraph(1, &format!("{}: {}", leaf.unit, leaf.message));
        }
        return Ok(Exit::Done);
    };
    if let Some(supply) = supply(published, unit) {
        explain_supply(published, supply);
        return Ok(Exit::Done);
    }
    let known = published.status.units.iter().find(|known| known.name == unit);
    let known = known.ok_or_else(|| nearest(published, unit))?;
    say!("{}: {}, wanted {}", known.name, known.state, known.wanted);
    walk(published, unit, 1, &mut BTreeSet::new());
    // Nobody declared it down: the supplies ask for it, and this is why they ask it of this one.
    if known.wanted != "up" {
        published.live.scope.iter().for_each(|why| paragraph(1, why));
    }
    Ok(Exit::Done)
}

/// A supply by the name of its unit, or of its signal.
fn supply<'p>(published: &'p Published, unit: &str) -> Option<&'p SupplyStatus> {
    let name = unit.strip_prefix("supply/").or_else(|| unit.strip_prefix("ups/"))?;
    published.status.supplies.iter().find(|supply| supply.name == name)
}

/// What a supply tells, how far it is believed, and what it asks for.
fn explain_supply(published: &Published, supply: &SupplyStatus) {
    let left = supply.runtime.map(|left| span(left.get().as_secs()));
    let charge = supply.charge.map(|charge| charge.to_string());
    let figures = [Some(supply.status.clone()), charge, left, supply.trust.clone()];
    let figures: Vec<String> = figures.into_iter().flatten().collect();
    say!("supply/{}: {}", supply.name, figures.join(", "));
    let status = &published.status;
    supply.message.iter().for_each(|doubt| paragraph(1, doubt));
    if status.by.as_deref().and_then(|by| by.strip_prefix("ups/")) == Some(supply.name.as_str()) {
        let target = status.effective_target.map(|target| target.to_string()).unwrap_or_default();
        let cause = published.live.cause.as_deref().unwrap_or("its signal");
        paragraph(1, &format!("asks for {target}: {cause}"));
        published.live.scope.iter().for_each(|why| paragraph(1, why));
    }
}

/// Walks from a unit to the roots: those wait on no other unit, and they are the answer.
fn walk(published: &Published, unit: &str, depth: usize, seen: &mut BTreeSet<String>) {
    if !seen.insert(unit.to_owned()) {
        return;
    }
    let waits = published.live.waiting.iter().find(|waiting| waiting.unit == unit);
    match waits {
        Some(here) if !here.on.is_empty() => {
            paragraph(depth, &format!("{unit} waits on {}", here.on.join(", ")));
            for on in &here.on {
                walk(published, on, depth + 1, seen);
            }
        }
        Some(here) => paragraph(depth, &format!("{unit}: {}", here.message)),
        None => {
            if let Some(line) = root(published, unit) {
                paragraph(depth, &line);
            }
        }
    }
}

/// What is said of a unit that waits for nothing: what blocks it, its step, or what it is.
fn root(published: &Published, unit: &str) -> Option<String> {
    let of_unit =
        |line: &&String| line.strip_prefix(unit).is_some_and(|rest| rest.starts_with(": "));
    let told = published.live.blocked.iter().chain(&published.live.steps).find(of_unit).cloned();
    let known = published.status.units.iter().find(|known| known.name == unit)?;
    told.or_else(|| known.message.as_ref().map(|message| format!("{unit}: {message}")))
}

fn nearest(published: &Published, unit: &str) -> Failure {
    let supplies: Vec<String> =
        published.status.supplies.iter().map(|supply| format!("supply/{}", supply.name)).collect();
    let units = published.status.units.iter().map(|unit| unit.name.as_str());
    let names: Vec<&str> = units.chain(supplies.iter().map(String::as_str)).collect();
    let alike: Vec<&str> = names
        .iter()
        .filter(|name| {
            name.contains(unit) || unit.contains(name.split('/').next_back().unwrap_or(""))
        })
        .copied()
        .collect();
    let shown = if alike.is_empty() { names } else { alike };
    Failure::new(Exit::Usage, format!("there is no unit {unit}"))
        .remedy(format!("ananke explain {}", shown.first().unwrap_or(&"policy.spec")))
}
