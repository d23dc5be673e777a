//! The conditions of a turn: the core's, under what only the shell knows.

use ananke_core::{
    conditions::{Condition, Reason, Status, conditions},
    decision::{Blocked, Decision},
};

use super::Scene;

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
    if let Some(disk) = &scene.disk {
        all.push(Condition {
            kind: "JournalWritable".into(),
            status: Status::False,
            reason: Reason::ManualActionRequired,
            message: disk.clone(),
        });
    }
    all
}
