//! The page for people: no script, readable on a phone and in a text browser.

use std::fmt::Write as _;

use ananke_crds::policy::{ConditionStatus, UnitStatus};

use super::super::{Published, sentence::span};

const STYLE: &str = include_str!("page.css");

/// The page.
pub(super) fn page(told: Option<&Published>) -> String {
    let body = told.map_or_else(|| "<h1>Nothing was decided yet</h1>".into(), body);
    let title = told.map_or("ananke", |told| told.metadata.name.as_str());
    format!(
        "<!doctype html><html lang=\"en\"><meta charset=\"utf-8\">\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\
         <meta http-equiv=\"refresh\" content=\"3\"><title>{} · ananke</title>\
         <style>{STYLE}</style><body>{body}</body></html>\n",
        escaped(title)
    )
}

fn body(told: &Published) -> String {
    let mut page = String::new();
    let status = &told.status;
    let tone = tone(told);
    let sentence = status.sentence.as_deref().unwrap_or("");
    let (what, more) = sentence.split_once(". ").unwrap_or((sentence, ""));
    let what = what.trim_end_matches('.');
    // Writing to a String has no way to fail.
    let _ = write!(
        page,
        "<header class=\"{tone}\"><p class=\"name\">{}</p><h1>{}</h1>{}{}</header><main>",
        escaped(&told.metadata.name),
        escaped(what),
        details(more),
        battery(told),
    );
    page += &verdict(told);
    page += &list("A person must look", &told.live.blocked, "alert");
    page += &list("Steps under way", &told.live.steps, "");
    page += &supplies(told);
    page += &machines(told);
    page += &shared(told);
    let _ = write!(
        page,
        "</main><footer>told at {} · <a href=\"/status\">status</a> · \
         <a href=\"/metrics\">metrics</a></footer>",
        super::super::timestamp(told.live.turned_unix_seconds)
    );
    page
}

fn details(more: &str) -> String {
    if more.is_empty() { String::new() } else { format!("<p class=\"more\">{}</p>", escaped(more)) }
}

fn tone(told: &Published) -> &'static str {
    let holds = |kind: &str| {
        told.status
            .conditions
            .iter()
            .any(|c| c.condition_type == kind && c.status == ConditionStatus::True)
    };
    match (holds("Stalled"), told.live.seconds_left, holds("Ready")) {
        (true, ..) => "bad",
        (_, Some(_), _) => "battery",
        (_, None, true) => "good",
        (_, None, false) => "busy",
    }
}

/// How much of what is left the way down takes.
fn battery(told: &Published) -> String {
    let Some(left) = told.live.seconds_left else { return String::new() };
    let needed = told.live.budget_seconds;
    let share = (needed.min(left) * 100).checked_div(left.max(1)).unwrap_or(100).min(100);
    format!("<div class=\"bar\"><div style=\"width:{share}%\"></div></div>")
}

fn verdict(told: &Published) -> String {
    let status = &told.status;
    let ready = status.conditions.iter().find(|c| c.condition_type == "Ready");
    let row =
        |name: &str, value: &str| format!("<div><dt>{name}</dt><dd>{}</dd></div>", escaped(value));
    let target = told.spec.get("target").and_then(|target| target.as_str()).unwrap_or("");
    let effective = status.effective_target.map(|t| t.to_string()).unwrap_or_default();
    let word = |s: ConditionStatus| match s {
        ConditionStatus::True => "True",
        ConditionStatus::False => "False",
        ConditionStatus::Unknown => "Unknown",
    };
    [
        "<dl>".to_owned(),
        row("Target", target),
        row("Effective", &effective),
        row("By", status.by.as_deref().unwrap_or("")),
        row("Ready", ready.map_or("Unknown", |c| word(c.status))),
        row("Reason", ready.map_or("", |c| &c.reason)),
        "</dl>".to_owned(),
    ]
    .concat()
}

fn list(title: &str, lines: &[String], class: &str) -> String {
    if lines.is_empty() {
        return String::new();
    }
    let mut items = String::new();
    for line in lines {
        let _ = write!(items, "<li>{}</li>", escaped(line));
    }
    format!("<section class=\"{class}\"><h2>{title}</h2><ul>{items}</ul></section>")
}

fn supplies(told: &Published) -> String {
    if told.status.supplies.is_empty() {
        return String::new();
    }
    let mut rows = String::new();
    for supply in &told.status.supplies {
        let charge = supply.charge.map(|charge| figure(&charge.to_string())).unwrap_or_default();
        let runtime = supply.runtime.map(|left| span(left.get().as_secs()));
        let runtime = runtime.map(|left| figure(&left)).unwrap_or_default();
        let _ = write!(
            rows,
            "<tr><th>{}</th><td>{}</td><td>{charge}</td><td>{runtime}</td><td>{}</td></tr>",
            escaped(&supply.name),
            escaped(&supply.status),
            escaped(supply.trust.as_deref().unwrap_or_default())
        );
    }
    format!(
        "<section><h2>Supplies</h2><table><thead><tr><th>Name</th><th>Status</th><th>Charge</th>\
         <th>Runtime</th><th>Trust</th></tr></thead><tbody>{rows}</tbody></table></section>"
    )
}

/// A figure for a narrow cell: a number stays with its unit, so `19 min 59 s` breaks once at most.
fn figure(text: &str) -> String {
    let words: Vec<&str> = text.split(' ').collect();
    words.chunks(2).map(|pair| pair.join("\u{a0}")).collect::<Vec<_>>().join(" ")
}

/// A machine is one row, what runs on it beside it in the order of the way up.
fn machines(told: &Published) -> String {
    let mut names: Vec<&str> = Vec::new();
    for unit in &told.status.units {
        if let Some((kind, name)) = unit.name.split_once('/')
            && ON_A_MACHINE.contains(&kind)
            && !names.contains(&name)
        {
            names.push(name);
        }
    }
    let mut rows = String::new();
    for name in names {
        let of = |kinds: &[&str]| {
            told.status.units.iter().find(|unit| {
                unit.name.split_once('/').is_some_and(|(k, n)| n == name && kinds.contains(&k))
            })
        };
        let units = [
            ("power", of(&["host", "self"])),
            ("service", of(&["server", "agent"])),
            ("node", of(&["node"])),
        ];
        let cells: String = units.iter().map(|(what, unit)| cell(told, what, *unit)).collect();
        let there = units.into_iter().filter_map(|(_, unit)| unit);
        let now = busiest(told, there).unwrap_or_default();
        let _ = write!(
            rows,
            "<tr><th scope=\"row\">{}</th>{cells}<td class=\"now\">{}</td></tr>",
            escaped(name),
            escaped(&now)
        );
    }
    if rows.is_empty() {
        return rows;
    }
    format!(
        "<section><h2>Machines</h2><table class=\"units\"><thead><tr><th>Name</th><th>Power</th>\
         <th>Service</th><th>Node</th><th class=\"now\">Now</th></tr></thead><tbody>{rows}</tbody>\
         </table></section>"
    )
}

const ON_A_MACHINE: [&str; 5] = ["host", "self", "server", "agent", "node"];

/// What all machines share: the API, what is stored, what is deployed.
fn shared(told: &Published) -> String {
    let mut rows = String::new();
    for unit in &told.status.units {
        let kind = unit.name.split('/').next().unwrap_or("");
        if ON_A_MACHINE.contains(&kind) {
            continue;
        }
        let _ = write!(
            rows,
            "<tr><th scope=\"row\">{}</th>{}<td class=\"now\">{}</td></tr>",
            escaped(&unit.name),
            cell(told, "state", Some(unit)),
            escaped(&now(told, unit).unwrap_or_default())
        );
    }
    if rows.is_empty() {
        return rows;
    }
    format!(
        "<section><h2>Cluster</h2><table class=\"units\"><thead><tr><th>Name</th><th>State</th>\
         <th class=\"now\">Now</th></tr></thead><tbody>{rows}</tbody></table></section>"
    )
}

/// One state; on a phone, where the table has no head, it says itself of what.
fn cell(told: &Published, what: &str, unit: Option<&UnitStatus>) -> String {
    let Some(unit) = unit else { return "<td></td>".into() };
    let class = match (unit.wanted.as_str(), unit.state.as_str()) {
        ("any", _) => "any",
        (wanted, state) if wanted == state => "arrived",
        _ if !is_open(told, unit) => "any",
        (_, "unknown") => "unknown",
        (_, "starting" | "stopping" | "part") => "moving",
        _ => "away",
    };
    format!("<td class=\"{class}\" data-what=\"{what}\">{}</td>", escaped(&unit.state))
}

/// Whether something is still to be done for a unit; what is moot is not.
fn is_open(told: &Published, unit: &UnitStatus) -> bool {
    unit.reason.is_some() || told.live.steps.iter().any(|step| is_of(step, unit))
}

fn is_of(step: &str, unit: &UnitStatus) -> bool {
    step.strip_prefix(unit.name.as_str()).is_some_and(|rest| rest.starts_with(": "))
}

/// What is going on at a machine: a step, else what waits on nothing else, else anything.
fn busiest<'u>(
    told: &Published,
    units: impl Iterator<Item = &'u UnitStatus> + Clone,
) -> Option<String> {
    let is_leaf = |unit: &&UnitStatus| {
        told.live.waiting.iter().any(|w| w.unit == unit.name && w.on.is_empty())
    };
    let stepping = units.clone().find_map(|unit| step(told, unit));
    stepping
        .or_else(|| units.clone().filter(is_leaf).find_map(message))
        .or_else(|| units.filter_map(message).last())
}

/// What is going on at a unit: its step, else what there is to say.
fn now(told: &Published, unit: &UnitStatus) -> Option<String> {
    step(told, unit).or_else(|| message(unit))
}

fn message(unit: &UnitStatus) -> Option<String> {
    unit.message.as_ref().map(ToString::to_string)
}

fn step(told: &Published, unit: &UnitStatus) -> Option<String> {
    let step = told.live.steps.iter().find(|step| is_of(step, unit))?;
    step.split_once(": ").map(|(_, step)| step.to_owned())
}

fn escaped(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => safe += "&amp;",
            '<' => safe += "&lt;",
            '>' => safe += "&gt;",
            '"' => safe += "&quot;",
            '\'' => safe += "&#39;",
            c => safe.push(c),
        }
    }
    safe
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_of_a_name_becomes_markup() {
        assert_eq!(escaped("<b a='\"'>&"), "&lt;b a=&#39;&quot;&#39;&gt;&amp;");
    }

    #[test]
    fn a_number_stays_with_its_unit() {
        assert_eq!(figure("19 min 59 s"), "19\u{a0}min 59\u{a0}s");
        assert_eq!(figure("98 %"), "98\u{a0}%");
        assert_eq!(figure(""), "");
    }
}
