//! Which host configuration a command goes by.

use std::{fs, path::PathBuf};

use ananke_crds::{host_config::HostConfiguration, parse_host_configuration};

use super::{
    args::Args,
    exit::{Exit, Failure},
};
use crate::wiring::{embedded, policy::Place};

const SYSTEM: &str = "/etc/ananke/ananke.yaml";

/// The host configuration: `--config`, else the system's, else that of an embedded world of this
/// user.
pub(crate) fn load(args: &Args) -> Result<HostConfiguration, Failure> {
    let path = path(args)?;
    let text = fs::read_to_string(&path).map_err(|error| {
        Failure::new(Exit::Usage, format!("{}: {error}", path.display()))
            .remedy("ananke --config FILE …")
    })?;
    let file = path.display().to_string();
    parse_host_configuration(&text, &file)
        .map(|document| document.value)
        .map_err(|problems| Failure::new(Exit::Usage, problems.to_string()))
}

/// Where the host configuration lies.
pub(crate) fn path(args: &Args) -> Result<PathBuf, Failure> {
    if let Some(path) = &args.config {
        return Ok(path.clone());
    }
    let system = PathBuf::from(SYSTEM);
    if system.exists() {
        return Ok(system);
    }
    let embedded = embedded::folder().map(|folder| folder.join(embedded::CONFIG));
    embedded.filter(|config| config.exists()).ok_or_else(|| {
        Failure::new(Exit::Usage, format!("there is no host configuration at {SYSTEM}"))
            .remedy("ananke run --world embedded  (no cluster needed), or ananke --config FILE …")
    })
}

/// Where the policy's document lies.
pub(crate) fn place(config: &HostConfiguration) -> Place {
    Place { folder: config.desired.clone(), name: config.policy.to_string() }
}
