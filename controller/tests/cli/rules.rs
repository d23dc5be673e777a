//! The rules for Prometheus speak of this daemon: of metrics and labels that it exports, and of
//! commands that there are.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::Path,
};

use ananke_core::signals::Trust;

use super::{
    stage::Stage,
    web::{get, promtool},
};

/// A metric and the labels that are asked of it.
type Uses = BTreeMap<String, BTreeSet<String>>;

/// What the rules do not use and dashboards may: these names are promised too.
const PROMISED: [&str; 5] = [
    "ananke_unit_state",
    "ananke_supply_charge_ratio",
    "ananke_supply_runtime_seconds",
    "ananke_step_duration_seconds",
    "ananke_decision_seconds",
];

fn rules(name: &str) -> String {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../configs/prometheus");
    fs::read_to_string(folder.join(name)).unwrap()
}

/// Every `ananke_…` of a text, with the names of the labels in the braces behind it.
fn uses(text: &str) -> Uses {
    let mut all = Uses::new();
    let is_name = |c: char| c.is_ascii_alphanumeric() || c == '_';
    for (at, _) in text.match_indices("ananke_") {
        let rest = &text[at..];
        let (name, behind) = rest.split_at(rest.find(|c| !is_name(c)).unwrap_or(rest.len()));
        let labels = all.entry(name.to_owned()).or_default();
        let Some(braces) = behind.strip_prefix('{') else { continue };
        // Every other piece between the quotes is a label's value.
        let mut pieces = braces.split('"');
        while let Some(key) = pieces.next().filter(|piece| !piece.starts_with('}')) {
            let key = key.trim_start_matches(',').trim_end_matches(['=', '~', '!']);
            labels.insert(key.to_owned());
            pieces.next();
        }
    }
    all
}

/// What the daemon exports: every metric, with the labels of its samples.
fn exported(text: &str) -> Uses {
    let samples: Vec<&str> = text.lines().filter(|line| !line.starts_with('#')).collect();
    let mut all = uses(&samples.join("\n"));
    let types = text.lines().filter_map(|line| line.strip_prefix("# TYPE ")?.split_once(' '));
    for (name, _) in types {
        all.entry(name.to_owned()).or_default();
    }
    all
}

/// A word that no supply is ever trusted by makes a rule that never fires, or always.
#[test]
fn the_words_of_trust_are_those_of_the_daemon() {
    let mut words = 0;
    for text in [rules("ananke.rules.yaml"), rules("ananke.rules.test.yaml")] {
        for part in text.split("trust").skip(1) {
            let value = part.trim_start_matches(['=', '!', '~']).strip_prefix('"');
            let Some((value, _)) = value.and_then(|value| value.split_once('"')) else { continue };
            for word in value.split('|') {
                let known = serde_json::from_value::<Trust>(word.into());
                assert!(known.is_ok(), "there is no trust `{word}`");
                words += 1;
            }
        }
    }
    assert!(words > 5, "{words}");
}

#[test]
fn every_metric_of_the_rules_is_exported() {
    let (stage, daemon) = Stage::running();
    // So that there is a sample of each: on the way down an eviction is refused.
    stage.run(&["set-target", "cluster-only-down", "--yes", "--wait"]).done();
    stage.run(&["host", "titan-05", "maintenance", "on"]).done();
    stage.run(&["world", "mains", "off"]).done();
    stage.status_is("on battery", |s| s["live"]["secondsLeft"].is_u64());
    let text = get(&daemon, "/metrics").body;
    promtool(&text);
    let exported = exported(&text);
    let asked = ["ananke.rules.yaml", "ananke.rules.test.yaml"].map(|name| uses(&rules(name)));
    assert!(asked.iter().all(|asked| asked.len() > 10), "{asked:?}");
    // Prometheus itself sets these.
    let of_the_scrape = ["job", "instance"];
    for (metric, labels) in asked.iter().flatten() {
        let there = exported.get(metric).unwrap_or_else(|| panic!("{metric} is not in\n{text}"));
        for label in labels.iter().filter(|label| !of_the_scrape.contains(&label.as_str())) {
            assert!(there.contains(label), "{metric} has no label {label}, only {there:?}");
        }
    }
    for metric in PROMISED {
        assert!(exported.contains_key(metric), "{metric} is not in\n{text}");
    }
    for line in [
        "ananke_supply_flag{supply=\"statera\",flag=\"OB\"} 1",
        "ananke_supply_status{supply=\"statera\",status=\"battery\"} 1",
        "ananke_override{kind=\"maintenance\",name=\"titan-05\"} 1",
    ] {
        assert!(text.lines().any(|l| l == line), "{line} is not in\n{text}");
    }
}

/// A remedy that does not exist is worse than none.
#[test]
fn every_command_of_the_rules_exists() {
    let stage = Stage::new();
    let text = rules("ananke.rules.yaml");
    let quoted = text.split(['`', '"']).filter_map(|quoted| quoted.strip_prefix("ananke "));
    let commands = quoted.map(|quoted| quoted.split_whitespace().collect::<Vec<_>>());
    // Sentences that begin so are no commands.
    let mut count = 0;
    for words in commands.filter(|words| words.first() != Some(&"on")) {
        let depth = if words.first() == Some(&"signal") { 2 } else { 1 };
        let named: Vec<&str> = words.iter().copied().take(depth).collect();
        let help = stage.run(&[named.as_slice(), &["--help"]].concat()).done();
        for flag in words.iter().filter(|word| word.starts_with("--")) {
            assert!(help.contains(flag), "`ananke {}` has no {flag}", words.join(" "));
        }
        count += 1;
    }
    assert!(count > 20, "{count} commands were found");
}
