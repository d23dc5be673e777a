//! `status`: one sentence, the verdict, then the units.

use std::{
    io::{self, IsTerminal as _, Write as _},
    thread,
    time::Duration,
};

use ananke_crds::policy::ConditionStatus;

use super::{
    args::{Args, Output, Status},
    client::{self, Told},
    config,
    exit::{Exit, Failure},
    output::{Table, Tone, say, structured, tell, toned, width, wrapped},
};
use crate::publish::Published;

/// A person reads no faster.
const REDRAW: Duration = Duration::from_secs(1);

pub(crate) fn status(args: &Args, status: &Status) -> Result<Exit, Failure> {
    let config = config::load(args)?;
    if status.watch && args.output == Output::Table {
        let mut before = Vec::new();
        loop {
            let lines = match client::told(&config) {
                Ok(told) => watched(&told),
                Err(failure) => vec![failure.line()],
            };
            if redraw(&mut before, lines).is_err() {
                // Nobody reads any more.
                return Ok(Exit::Done);
            }
            thread::sleep(REDRAW);
        }
    }
    let told = client::told(&config)?;
    if !structured(args.output, &told.published)? {
        for line in screen(&told) {
            say!("{line}");
        }
    }
    let Some(dead) = told.dead() else { return Ok(Exit::Done) };
    tell!("\n{dead}");
    Ok(Exit::Unreachable)
}

/// On the watched screen nothing may look alive that is not.
fn watched(told: &Told) -> Vec<String> {
    let Some(dead) = told.dead() else { return screen(told) };
    let mut lines: Vec<String> = dead.lines().map(|line| toned(Tone::Bad, line)).collect();
    lines.push(String::new());
    lines.extend(screen(told));
    lines
}

/// Draws only what changed: no flicker, and a terminal's scroll-back stays clean.
fn redraw(before: &mut Vec<String>, lines: Vec<String>) -> io::Result<()> {
    if *before == lines {
        return Ok(());
    }
    let mut out = anstream::stdout();
    if io::stdout().is_terminal() {
        // Home, each line cleared to its end, and what is below cleared too.
        let text = lines.join("\u{1b}[K\n");
        write!(out, "\u{1b}[H{text}\u{1b}[K\n\u{1b}[J")?;
    } else {
        writeln!(out, "{}\n", lines.join("\n"))?;
    }
    out.flush()?;
    *before = lines;
    Ok(())
}

fn screen(told: &Told) -> Vec<String> {
    let published = &told.published;
    let sentence = published.status.sentence.clone().unwrap_or_default();
    let mut lines: Vec<String> =
        wrapped(&sentence, width()).iter().map(|line| toned(Tone::Strong, line)).collect();
    lines.push(String::new());
    lines.extend(verdict(published));
    if !published.status.supplies.is_empty() {
        lines.push(String::new());
        lines.extend(supplies(published));
    }
    lines.push(String::new());
    lines.extend(units(published));
    lines
}

fn verdict(published: &Published) -> Vec<String> {
    let status = &published.status;
    let ready = status.conditions.iter().find(|c| c.condition_type == "Ready");
    let target = published.spec.get("target").and_then(|t| t.as_str()).unwrap_or_default();
    let word = match ready.map(|ready| ready.status) {
        Some(ConditionStatus::True) => toned(Tone::Good, "True"),
        Some(ConditionStatus::False) => toned(Tone::Bad, "False"),
        _ => toned(Tone::Busy, "Unknown"),
    };
    let mut table = Table::new(&["TARGET", "EFFECTIVE", "BY", "READY", "REASON"]);
    table.row([
        target.to_owned(),
        status.effective_target.map(|t| t.to_string()).unwrap_or_default(),
        status.by.clone().unwrap_or_default(),
        word,
        ready.map(|ready| ready.reason.clone()).unwrap_or_default(),
    ]);
    table.lines()
}

fn supplies(published: &Published) -> Vec<String> {
    let mut table = Table::new(&["SUPPLY", "STATUS", "CHARGE", "RUNTIME", "TRUST"]);
    for supply in &published.status.supplies {
        let tone =
            if supply.status.split(' ').any(|word| word == "OL") { Tone::Good } else { Tone::Bad };
        table.row([
            supply.name.clone(),
            toned(tone, &supply.status),
            supply.charge.map(|charge| charge.to_string()).unwrap_or_default(),
            supply
                .runtime
                .map(|left| crate::publish::span(left.get().as_secs()))
                .unwrap_or_default(),
            supply.trust.clone().unwrap_or_default(),
        ]);
    }
    table.lines()
}

fn units(published: &Published) -> Vec<String> {
    let mut table = Table::new(&["UNIT", "STATE", "WANTED", "MESSAGE"]);
    for unit in &published.status.units {
        let tone = match (unit.wanted.as_str(), unit.state.as_str()) {
            ("any", _) => Tone::Dim,
            (wanted, state) if wanted == state => Tone::Good,
            // Moot: nothing waits for it.
            (_, "unknown") if unit.reason.is_none() => Tone::Dim,
            (_, "unknown") => Tone::Bad,
            _ => Tone::Busy,
        };
        table.row([
            unit.name.to_string(),
            toned(tone, &unit.state),
            unit.wanted.to_string(),
            unit.message.clone().unwrap_or_default().into(),
        ]);
    }
    table.lines()
}
