//! `doctor`: what must be true of this host, and of what is reached from it, for the document to be
//! kept. It looks and changes nothing.

mod finding;
mod here;
mod reach;
mod upsmon;

use std::fs;

use ananke_crds::{
    check_pair,
    host_config::HostConfiguration,
    parse_host_configuration, parse_policy,
    policy::{Host, OffWhen, OwnHostOff, PowerPolicy},
};

use super::{
    args::Args,
    config,
    exit::{Exit, Failure},
    output::structured,
};
use crate::wiring::{
    embedded::{self, Embedded},
    policy::InForce,
};
pub(crate) use finding::Report;
use finding::{Finding, Severity};

pub(crate) fn doctor(args: &Args) -> Result<Exit, Failure> {
    let mut report = Report::default();
    let exit = match documents(args, &mut report)? {
        Some(Documents { config, policy, is_embedded }) => {
            here::look(&config, &mut report);
            if !is_embedded {
                beyond(&config, &policy, &mut report)?;
            }
            if report.has(Severity::Error) { Exit::Failed } else { Exit::Done }
        }
        None => Exit::Usage,
    };
    report.sort();
    if !structured(args.output, &report)? {
        report.print();
    }
    Ok(exit)
}

/// The two documents.
struct Documents {
    config: HostConfiguration,
    policy: PowerPolicy,
    /// The world is in the program: there is nothing to reach, and no power to be cut.
    is_embedded: bool,
}

/// What a real world needs.
fn beyond(
    config: &HostConfiguration,
    policy: &PowerPolicy,
    report: &mut Report,
) -> Result<(), Failure> {
    let own = policy.spec.hosts.iter().find(|host| host.is_self);
    if let Some(off) = own.and_then(leaves) {
        here::leaves(off, report);
    }
    upsmon::Nut::of_this_host().look(report);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(reach::look(config, policy, report));
    Ok(())
}

/// How this host goes off, if it ever does.
fn leaves(own: &Host) -> Option<OwnHostOff> {
    Some(own.off.unwrap_or_default()).filter(|off| off.when != OffWhen::Never)
}

/// Both documents, if they are valid, singly and together; else what is wrong with them.
fn documents(args: &Args, report: &mut Report) -> Result<Option<Documents>, Failure> {
    report.checked("documents");
    let path = config::path(args)?;
    let file = path.display().to_string();
    let invalid = |file: &str, line: String| {
        Finding::error(file, line).remedy(format!("ananke validate {file}"))
    };
    let text = fs::read_to_string(&path)
        .map_err(|error| Failure::new(Exit::Usage, format!("{file}: {error}")))?;
    let config = match parse_host_configuration(&text, &file) {
        Ok(config) => config,
        Err(problems) => {
            report.add(invalid(&file, problems.line()));
            return Ok(None);
        }
    };
    let found = match &args.policy {
        Some(named) => fs::read_to_string(named)
            .map(|text| (named.clone(), text))
            .map_err(|error| Finding::error("policy", format!("{}: {error}", named.display()))),
        None => config::place(&config.value).find().map_err(|why| {
            Finding::error("policy", why)
                .remedy("set `desired` and `policy` in the host configuration")
        }),
    };
    let (named, text) = match found {
        Ok(found) => found,
        Err(finding) => {
            report.add(finding);
            return Ok(None);
        }
    };
    let document = named.display().to_string();
    let policy = match parse_policy(&text, &document) {
        Ok(policy) => policy,
        Err(problems) => {
            report.add(invalid(&document, problems.line()));
            return Ok(None);
        }
    };
    let is_embedded = embedded::folder().is_some_and(|at| Embedded::at(at).config() == path);
    if let Err(problems) = check_pair(&policy, &config)
        && !is_embedded
    {
        let both = format!("ananke validate {document} {file}");
        report.add(Finding::error("documents", problems.line()).remedy(both));
        return Ok(None);
    }
    if let Err(refused) = InForce::of(&text, &document) {
        let why = refused.to_string();
        report
            .add(Finding::error(&document, why).remedy("take it out, or wait for a later version"));
        return Ok(None);
    }
    Ok(Some(Documents { config: config.value, policy: policy.value, is_embedded }))
}
