//! Makes the decisions of a journal again, from what is recorded beside them.

use std::collections::BTreeSet;

use ananke_core::{
    decide::decide, decision::Decision, journal::Journal, observe::Snapshot, plant::Plant,
};
use serde::Serialize;
use serde_json::Value;

use super::{Line, plain};

/// What came of it.
#[derive(Debug, Default, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Replayed {
    /// How many decisions were made again.
    pub decisions: usize,
    /// Those that come out differently now.
    pub differing: Vec<Difference>,
    /// Why some could not be made again, each as a sentence.
    pub gaps: Vec<String>,
}

/// A decision that comes out differently now.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Difference {
    /// The line of the journal, from 1.
    pub line: usize,
    /// When it was made, seconds since 1970.
    pub unix_seconds: i64,
    /// Where it differs.
    pub changes: Vec<Change>,
}

/// One place in a decision that differs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Change {
    /// Where: `effective.target`, `steps[0].unit`.
    pub field: String,
    /// What is recorded; null where there was nothing.
    pub recorded: Value,
    /// What it would be now; null where there would be nothing.
    pub now: Value,
}

impl Replayed {
    /// Whether every decision was made again and came out the same.
    pub fn is_same(&self) -> bool {
        self.differing.is_empty() && self.gaps.is_empty()
    }
}

/// Makes the decisions of one segment of a journal again. A line that cannot be read ends it, as it
/// ends what a daemon believes.
pub fn replay<'a>(lines: impl IntoIterator<Item = &'a str>) -> Replayed {
    let mut replay = Replay::default();
    for (number, text) in (1..).zip(lines) {
        match serde_json::from_str(text) {
            Ok(line) => replay.follow(number, line),
            Err(error) => {
                let error = plain(&error.to_string());
                let gap = format!("line {number} is damaged ({error}): it ends here");
                replay.done.gaps.push(gap);
                break;
            }
        }
    }
    replay.end()
}

/// A journal, as far as it was followed.
#[derive(Default)]
struct Replay {
    done: Replayed,
    journal: Option<Journal>,
    plant: Option<Plant>,
    without_policy: usize,
}

impl Replay {
    fn follow(&mut self, number: usize, line: Line<'_>) {
        match line {
            Line::State { journal } => self.journal = Some(journal.into_owned()),
            Line::Policy { name, spec } => {
                let compiled = Plant::compile(&name, &spec);
                if let Err(cycle) = &compiled {
                    self.done.gaps.push(format!("line {number}: the policy is refused: {cycle}"));
                }
                self.plant = compiled.ok();
            }
            Line::Event { event, .. } => {
                if let Some(journal) = &mut self.journal {
                    journal.apply(&event);
                }
            }
            Line::Decision { unix_seconds, inputs, decision } => {
                self.decide(number, unix_seconds, &inputs, &decision);
            }
        }
    }

    /// What stands before the state was made from what is in the segment before, and is looked at
    /// there.
    fn decide(&mut self, line: usize, unix_seconds: i64, inputs: &Snapshot, decision: &Decision) {
        let Some(journal) = &self.journal else { return };
        let Some(plant) = &self.plant else {
            self.without_policy += 1;
            return;
        };
        self.done.decisions += 1;
        let changes = changes(decision, &decide(plant, journal, inputs));
        if !changes.is_empty() {
            self.done.differing.push(Difference { line, unix_seconds, changes });
        }
    }

    fn end(mut self) -> Replayed {
        if self.journal.is_none() {
            self.done.gaps.push("no state in it: it is no segment of a journal".into());
        }
        if self.without_policy > 0 {
            let count = self.without_policy;
            let gap = format!("{count} decisions without the policy that they were made under");
            self.done.gaps.push(gap);
        }
        self.done
    }
}

/// Where two decisions differ, as they are written.
fn changes(recorded: &Decision, now: &Decision) -> Vec<Change> {
    let value = |decision| serde_json::to_value(decision).unwrap_or_default();
    let mut changes = Vec::new();
    compare("", &value(recorded), &value(&as_written(now)), &mut changes);
    changes
}

/// A decision as it is read back: spans are written in whole milliseconds.
fn as_written(decision: &Decision) -> Decision {
    let text = serde_json::to_string(decision).unwrap_or_default();
    serde_json::from_str(&text).unwrap_or_else(|_| decision.clone())
}

fn compare(field: &str, recorded: &Value, now: &Value, changes: &mut Vec<Change>) {
    match (recorded, now) {
        _ if recorded == now => {}
        (Value::Object(was), Value::Object(is)) => {
            let keys: BTreeSet<&String> = was.keys().chain(is.keys()).collect();
            for key in keys {
                let dot = if field.is_empty() { "" } else { "." };
                let [was, is] = [was, is].map(|map| map.get(key).unwrap_or(&Value::Null));
                compare(&format!("{field}{dot}{key}"), was, is, changes);
            }
        }
        (Value::Array(was), Value::Array(is)) => {
            for place in 0..was.len().max(is.len()) {
                let [was, is] = [was, is].map(|list| list.get(place).unwrap_or(&Value::Null));
                compare(&format!("{field}[{place}]"), was, is, changes);
            }
        }
        _ => changes.push(Change {
            field: field.to_owned(),
            recorded: recorded.clone(),
            now: now.clone(),
        }),
    }
}
