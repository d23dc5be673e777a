//! An operator at the document: edits that are good, and edits that are not.

use ananke::wiring::policy::InForce;
use ananke_sim::rng::SplitMix64;

use super::fault::pick;
use crate::stage::Stage;

/// Other values for keys of the document, all valid.
const EDITS: [(&str, &str); 5] = [
    ("trigger", "{maxOnBattery: 45s, minCharge: 25}"),
    ("recover", "{minCharge: 30, stableFor: 10s}"),
    ("drain", "{timeout: 60s, emergencyTimeout: 30s, podGrace: 20s}"),
    ("verifyOff", "{timeout: 90s, longestHalt: 25s}"),
    ("longestBoot", "90s"),
];

/// The operator edits something else than the target.
pub fn edits(stage: &mut Stage, rng: &mut SplitMix64) {
    let (key, value) = pick(rng, &EDITS);
    stage.tell(&format!("the operator edits {key}: {value}"));
    stage.edit(key, value);
}

/// The operator leaves a document behind that is none.
pub fn edits_badly(stage: &mut Stage, rng: &mut SplitMix64) {
    let good = stage.document().to_owned();
    let bad = match rng.between(0, 5) {
        0 => good.replacen("target:", "tarqet:", 1),
        1 => good.replacen("10s", "ten", 1).replacen("30s", "thirty", 1),
        2 => good.replacen("powers: [", "powers: [titan, ", 1),
        3 => good.replacen("  hosts:", "\thosts:", 1),
        4 => format!("{good}\n{good}"),
        _ => good.chars().take(good.len() / 3).collect(),
    };
    assert!(InForce::of(&bad, "bad.yaml").is_err(), "a valid document:\n{bad}");
    stage.tell("the operator leaves a bad document");
    stage.write_document(&bad);
}
