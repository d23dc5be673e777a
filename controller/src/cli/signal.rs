//! `signal list|mask|clear`.

use std::fs;

use serde::Serialize;

use super::{
    args::{Args, Signal, SignalCommand},
    client, config,
    exit::{Exit, Failure},
    output::{Table, structured},
    requests,
};
use crate::{
    publish::timestamp,
    state::{OVERRIDE, Request, Standing},
};

pub(crate) fn signal(args: &Args, signal: &Signal) -> Result<Exit, Failure> {
    match &signal.what {
        SignalCommand::List => list(args),
        SignalCommand::Mask { name, span, reason } => requests::ask(
            args,
            &Request::Mask {
                signal: name.clone(),
                for_seconds: span.get().as_secs(),
                reason: reason.clone(),
            },
        ),
        SignalCommand::Clear { name } => {
            requests::ask(args, &Request::Clear { signal: name.clone() })
        }
    }
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Row {
    signal: String,
    target: String,
    phase: String,
    cause: String,
    masked_until: Option<String>,
}

fn list(args: &Args) -> Result<Exit, Failure> {
    let config = config::load(args)?;
    let (_, journal) = client::last_decision(&config)?;
    let standing: Standing = fs::read(config.state.join(OVERRIDE))
        .ok()
        .and_then(|bytes| serde_json::from_slice(&bytes).ok())
        .unwrap_or_default();
    let mut rows = vec![operator(&config)?];
    for (name, memory) in &journal.supplies {
        let signal = format!("ups/{name}");
        let phase = match memory.phase {
            ananke_core::signals::Phase::Clear => "clear",
            ananke_core::signals::Phase::Falling => "falling",
            ananke_core::signals::Phase::Held => "held",
        };
        let mask = standing.masks.get(&signal).filter(|m| m.until_unix_seconds > client::now());
        rows.push(Row {
            target: if phase == "clear" { "running" } else { "poweroff" }.into(),
            phase: phase.into(),
            cause: memory.cause.as_ref().map(|cause| cause.figures.clone()).unwrap_or_default(),
            masked_until: mask.map(|mask| timestamp(mask.until_unix_seconds)),
            signal,
        });
    }
    if !structured(args.output, &rows)? {
        let mut table = Table::new(&["SIGNAL", "TARGET", "PHASE", "CAUSE", "MASKED UNTIL"]);
        for row in rows {
            let masked = row.masked_until.unwrap_or_default();
            table.row([row.signal, row.target, row.phase, row.cause, masked]);
        }
        table.print();
    }
    Ok(Exit::Done)
}

fn operator(config: &ananke_crds::host_config::HostConfiguration) -> Result<Row, Failure> {
    let told = client::told_or_warned(config)?;
    let text = |key: &str| {
        let value = told.published.spec.get(key).and_then(|value| value.as_str());
        value.unwrap_or_default().to_owned()
    };
    Ok(Row {
        signal: "operator".into(),
        target: text("target"),
        phase: String::new(),
        cause: text("reason"),
        masked_until: None,
    })
}
