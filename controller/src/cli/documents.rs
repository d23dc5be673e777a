//! `validate`, `crd`, `schema`.

use std::fs;

use ananke_crds::{AnyDocument, check_pair, crd, parse_document};

use schemars::schema_for;

use super::{
    args::{Args, Document, Schema, Validate},
    doctor::Report,
    exit::{Exit, Failure},
    output::{say, tell},
};
use crate::{publish::Published, simulate::Simulation};

pub(crate) fn validate(_: &Args, validate: &Validate) -> Result<Exit, Failure> {
    let mut worst = Exit::Done;
    let (mut policies, mut configs) = (Vec::new(), Vec::new());
    for path in &validate.files {
        let file = path.display().to_string();
        let text = fs::read_to_string(path)
            .map_err(|error| Failure::new(Exit::Usage, format!("{file}: {error}")))?;
        match parse_document(&text, &file) {
            Ok(AnyDocument::Policy(policy)) => {
                say!("{file}: PowerPolicy {} is valid", policy.value.metadata.name);
                policies.push(policy);
            }
            Ok(AnyDocument::HostConfiguration(config)) => {
                say!("{file}: HostConfiguration is valid");
                configs.push(config);
            }
            Err(problems) => {
                tell!("{problems}");
                worst = Exit::Usage;
            }
        }
    }
    for config in &configs {
        // Which policy is in force there may be in a file that was not named.
        if let Some(policy) =
            policies.iter().find(|policy| policy.value.metadata.name == config.value.policy)
            && let Err(problems) = check_pair(policy, config)
        {
            tell!("{problems}");
            worst = Exit::Usage;
        }
    }
    Ok(worst)
}

pub(crate) fn crd() -> Exit {
    say!("{}", crd::crd_yaml().trim_end());
    Exit::Done
}

pub(crate) fn schema(of: &Schema) -> Result<Exit, Failure> {
    let schema = match of.of {
        Document::Policy => crd::json_schema_policy(),
        Document::HostConfiguration => crd::json_schema_host_configuration(),
        Document::Status => schema_for!(Published).to_value(),
        Document::Simulation => schema_for!(Simulation).to_value(),
        Document::Doctor => schema_for!(Report).to_value(),
    };
    say!("{}", serde_json::to_string_pretty(&schema)?);
    Ok(Exit::Done)
}
