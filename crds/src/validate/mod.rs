//! The meaning of a document: what no schema can say.
//!
//! Names that point nowhere, values that make each other void, units that wait for each other in a
//! ring. All of it is found in one go.

mod cycle;
mod host_config;
mod names;
mod pair;
mod power;
mod values;

use crate::host_config::HostConfiguration;
use crate::parse::{Located, Path, Problem, Rule};
use crate::policy::PowerPolicy;

pub use pair::check_pair;

/// What is wrong with the meaning of a policy.
pub(crate) fn policy(policy: &PowerPolicy, located: &Located) -> Vec<Problem> {
    let mut findings = Findings::new(located);
    names::check(&policy.spec, &mut findings);
    power::check(&policy.spec, &mut findings);
    values::check(&policy.spec, &mut findings);
    // A ring through a name that points nowhere is not one: the name is the problem.
    if findings.problems.is_empty() {
        cycle::check(&policy.spec, &mut findings);
    }
    findings.problems
}

/// What is wrong with the meaning of a host configuration.
pub(crate) fn host_configuration(config: &HostConfiguration, located: &Located) -> Vec<Problem> {
    let mut findings = Findings::new(located);
    host_config::check(config, &mut findings);
    findings.problems
}

/// Problems of one document as they are found.
struct Findings<'a> {
    located: &'a Located,
    problems: Vec<Problem>,
}

impl<'a> Findings<'a> {
    fn new(located: &'a Located) -> Self {
        Self { located, problems: Vec::new() }
    }

    /// A problem with the value at `path`, which is written as it is displayed.
    fn add(&mut self, rule: Rule, path: &str, message: impl Into<String>, help: impl Into<String>) {
        let path = Path::parse(path).unwrap_or_default();
        self.add_at(rule, &path, message, help);
    }

    /// A problem with the value at `path`.
    fn add_at(
        &mut self,
        rule: Rule,
        path: &Path,
        message: impl Into<String>,
        help: impl Into<String>,
    ) {
        self.problems.push(self.located.problem(rule, path, message, help));
    }
}
