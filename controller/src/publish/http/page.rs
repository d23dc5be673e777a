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
    // Writing to a String has no way to fail.
    let _ = write!(
        page,
        "<header class=\"{tone}\"><p class=\"name\">{}</p><h1>{}</h1>{}</header><main>",
        escaped(&told.metadata.name),
        escaped(sentence),
        battery(told),
    );
    page += &verdict(told);
    page += &list("A person must look", &told.live.blocked, "alert");
    page += &list("Steps under way", &told.live.steps, "");
    page += &supplies(told);
    page += &units(told);
    let _ = write!(
        page,
        "</main><footer>told at {} · <a href=\"/status\">status</a> · \
         <a href=\"/metrics\">metrics</a></footer>",
        super::super::timestamp(told.live.turned_unix_seconds)
    );
    page
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

fn battery(told: &Published) -> String {
    let Some(left) = told.live.seconds_left else { return String::new() };
    let needed = told.live.budget_seconds;
    let share = (needed.min(left) * 100).checked_div(left.max(1)).unwrap_or(100).min(100);
    format!(
        "<p class=\"time\"><strong>{}</strong> on battery, <strong>{}</strong> needed</p>\
         <div class=\"bar\"><div style=\"width:{share}%\"></div></div>",
        span(left),
        span(needed)
    )
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
    let items: String = lines.iter().map(|line| format!("<li>{}</li>", escaped(line))).collect();
    format!("<section class=\"{class}\"><h2>{title}</h2><ul>{items}</ul></section>")
}

fn supplies(told: &Published) -> String {
    if told.status.supplies.is_empty() {
        return String::new();
    }
    let mut rows = String::new();
    for supply in &told.status.supplies {
        let charge = supply.charge.map(|charge| charge.to_string()).unwrap_or_default();
        let runtime = supply.runtime.map(|left| span(left.get().as_secs())).unwrap_or_default();
        let _ = write!(
            rows,
            "<tr><th>{}</th><td>{}</td><td>{charge}</td><td>{runtime}</td></tr>",
            escaped(&supply.name),
            escaped(&supply.status)
        );
    }
    format!(
        "<section><h2>Supplies</h2><table><thead><tr><th>Name</th><th>Status</th><th>Charge</th>\
         <th>Runtime</th></tr></thead><tbody>{rows}</tbody></table></section>"
    )
}

/// The graph, as it is walked going up: each kind is a row of tiles, what it rests on above it.
fn units(told: &Published) -> String {
    const ROWS: [(&str, &[&str]); 6] = [
        ("Machines", &["self", "path", "host"]),
        ("Control plane", &["clock", "server", "api"]),
        ("Workers", &["agent"]),
        ("Nodes", &["node", "storage", "snapshot", "quiesce"]),
        ("GitOps", &["source", "layer", "vault", "images", "gitops"]),
        ("Checks", &["gate", "soak"]),
    ];
    let mut page = String::from("<section><h2>Units</h2>");
    for (title, kinds) in ROWS {
        let of_kind = |unit: &&UnitStatus| {
            let kind = unit.name.split('/').next().unwrap_or("");
            kinds.contains(&kind)
        };
        let tiles: String = told.status.units.iter().filter(of_kind).map(tile).collect();
        if !tiles.is_empty() {
            let _ = write!(page, "<h3>{title}</h3><ul class=\"tiles\">{tiles}</ul>");
        }
    }
    page + "</section>"
}

fn tile(unit: &UnitStatus) -> String {
    let class = match (unit.wanted.as_str(), unit.state.as_str()) {
        ("any", _) => "any",
        (_, "starting" | "stopping" | "part") => "moving",
        (_, "unknown") => "unknown",
        (wanted, state) if wanted == state => "arrived",
        _ => "away",
    };
    let wish = if unit.wanted == unit.state || unit.wanted == "any" {
        String::new()
    } else {
        format!(" → {}", unit.wanted)
    };
    let message = unit.message.as_deref().map(escaped).unwrap_or_default();
    format!(
        "<li class=\"{class}\"><b>{}</b> <i>{}{wish}</i> <small>{message}</small></li>",
        escaped(&unit.name),
        escaped(&unit.state)
    )
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
}
