//! What `doctor` found: one line and one remedy each, the gravest first.

use schemars::JsonSchema;
use serde::Serialize;

use crate::cli::output::{Tone, say, toned};

/// How grave a finding is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Severity {
    /// A promise cannot be kept like this.
    Error,
    /// It will do, until something else goes wrong.
    Warning,
    /// Good to know.
    Note,
}

impl Severity {
    fn shown(self) -> String {
        match self {
            Self::Error => toned(Tone::Bad, "error"),
            Self::Warning => toned(Tone::Busy, "warning"),
            Self::Note => toned(Tone::Dim, "note"),
        }
    }
}

/// One thing that is not as it should be.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Finding {
    /// How grave it is.
    pub(super) severity: Severity,
    /// What it is about: `supply/pyrphoros`, `host/titan-04`, `upsmon`, a file.
    pub(super) about: String,
    /// What is so, in one line.
    pub(super) message: String,
    /// What to do about it, in one line.
    pub(super) remedy: String,
}

impl Finding {
    fn new(severity: Severity, about: &str, message: impl Into<String>) -> Self {
        let message = message.into().split_whitespace().collect::<Vec<_>>().join(" ");
        // Errors of ports say of whom they are; here that stands before them.
        let said = format!("{}: ", about.replacen('/', " ", 1));
        let message = message.strip_prefix(&said).unwrap_or(&message).to_owned();
        Self { severity, about: about.into(), message, remedy: String::new() }
    }

    pub(super) fn error(about: &str, message: impl Into<String>) -> Self {
        Self::new(Severity::Error, about, message)
    }

    pub(super) fn warning(about: &str, message: impl Into<String>) -> Self {
        Self::new(Severity::Warning, about, message)
    }

    pub(super) fn note(about: &str, message: impl Into<String>) -> Self {
        Self::new(Severity::Note, about, message)
    }

    /// With what to do about it.
    pub(super) fn remedy(mut self, remedy: impl Into<String>) -> Self {
        self.remedy = remedy.into();
        self
    }
}

/// The output of `doctor`.
#[derive(Debug, Default, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Report {
    /// Version of this form: `ananke.dev/v1alpha1`.
    api_version: ReportVersion,
    /// What was looked at.
    checked: Vec<String>,
    /// What is not as it should be, the gravest first.
    findings: Vec<Finding>,
}

/// The version of the report's form.
#[derive(Debug, Default, Serialize, JsonSchema)]
enum ReportVersion {
    #[default]
    #[serde(rename = "ananke.dev/v1alpha1")]
    V1alpha1,
}

impl Report {
    /// Notes that something was looked at.
    pub(super) fn checked(&mut self, what: impl Into<String>) {
        self.checked.push(what.into());
    }

    pub(super) fn add(&mut self, finding: Finding) {
        self.findings.push(finding);
    }

    pub(super) fn extend(&mut self, findings: impl IntoIterator<Item = Finding>) {
        self.findings.extend(findings);
    }

    pub(super) fn has(&self, severity: Severity) -> bool {
        self.findings.iter().any(|finding| finding.severity == severity)
    }

    /// The gravest first; what was looked at first stays first among equals.
    pub(super) fn sort(&mut self) {
        self.findings.sort_by_key(|finding| finding.severity);
    }

    pub(super) fn print(&self) {
        for Finding { severity, about, message, remedy } in &self.findings {
            say!("{}: {about}: {message}", severity.shown());
            if !remedy.is_empty() {
                say!("  try: {remedy}");
            }
        }
        let checked = self.checked.join(", ");
        match self.findings.len() {
            0 => say!("nothing found; looked at: {checked}"),
            1 => say!("1 finding; looked at: {checked}"),
            many => say!("{many} findings; looked at: {checked}"),
        }
    }

    #[cfg(test)]
    pub(super) fn findings(&self) -> &[Finding] {
        &self.findings
    }
}
