//! The conditions of a turn: the core's, under what only the shell knows.

use ananke_core::{
    conditions::{Condition, Reason, Status, conditions},
    decision::{Blocked, Decision},
};

use super::Scene;

/// Whether the disk takes the journal; told only when it does not.
pub(super) const JOURNAL_WRITABLE: &str = "JournalWritable";
/// Whether what people asked for is known; told only when it is not.
pub(super) const REQUESTS_KNOWN: &str = "RequestsKnown";

pub(super) fn verdict(scene: &Scene) -> Vec<Condition> {
    let mut all = match &scene.in_force.problem {
        None => conditions(&scene.decision),
        Some(problem) => {
            let mut decision = Decision::clone(&scene.decision);
            decision.blocked.push(Blocked {
                unit: None,
                reason: Reason::InvalidPolicy,
                message: problem.into(),
            });
            conditions(&decision)
        }
    };
    let of_files = [(JOURNAL_WRITABLE, &scene.disk), (REQUESTS_KNOWN, &scene.damage)];
    all.extend(of_files.into_iter().filter_map(|(kind, wrong)| {
        Some(Condition {
            kind: kind.into(),
            status: Status::False,
            reason: Reason::ManualActionRequired,
            message: wrong.clone()?,
        })
    }));
    all
}
