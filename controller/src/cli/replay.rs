//! `replay`: makes every recorded decision of a journal again.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use ananke_hosts::journal_lines;
use serde::Serialize;

use super::{
    args::{self, Args},
    exit::{Exit, Failure},
    output::{say, structured},
};
use crate::state::{self, Difference, Replayed};

/// So many places of one decision are shown; the rest follows from them, as a rule.
const SHOWN: usize = 8;

pub(crate) fn replay(args: &Args, replay: &args::Replay) -> Result<Exit, Failure> {
    let files = segments(&replay.journal).map_err(|error| refused(&replay.journal, &error))?;
    let mut segments = Vec::new();
    for path in files {
        let bytes = fs::read(&path).map_err(|error| refused(&path, &error))?;
        let lines = journal_lines(&bytes);
        let replayed = state::replay(lines.iter().map(String::as_str));
        segments.push(Segment { file: path.display().to_string(), replayed });
    }
    let same = segments.iter().all(|segment| segment.replayed.is_same());
    if segments.is_empty() {
        let message = format!("{}: no journal is here", replay.journal.display());
        return Err(Failure::new(Exit::Usage, message));
    }
    if !structured(args.output, &Shown { segments: &segments })? {
        for line in segments.iter().flat_map(Segment::lines) {
            say!("{line}");
        }
    }
    Ok(if same { Exit::Done } else { Exit::Failed })
}

fn refused(path: &Path, error: &io::Error) -> Failure {
    Failure::new(Exit::Usage, format!("{}: {error}", path.display()))
}

/// The file itself, or the segments of a folder in their order.
fn segments(journal: &Path) -> io::Result<Vec<PathBuf>> {
    if !journal.is_dir() {
        return Ok(vec![journal.to_owned()]);
    }
    let mut files = Vec::new();
    for entry in fs::read_dir(journal)? {
        let path = entry?.path();
        if path.extension().is_some_and(|kind| kind == "jsonl") {
            files.push(path);
        }
    }
    files.sort();
    Ok(files)
}

#[derive(Serialize)]
struct Shown<'a> {
    segments: &'a [Segment],
}

#[derive(Serialize)]
struct Segment {
    file: String,
    #[serde(flatten)]
    replayed: Replayed,
}

impl Segment {
    fn lines(&self) -> Vec<String> {
        let Replayed { decisions, differing, gaps } = &self.replayed;
        let differ = match differing.len() {
            0 => "none differs".to_owned(),
            1 => "1 differs".to_owned(),
            count => format!("{count} differ"),
        };
        let count = if *decisions == 1 { "decision" } else { "decisions" };
        let mut lines = vec![format!("{}: {decisions} {count} made again, {differ}", self.file)];
        lines.extend(gaps.iter().map(|gap| format!("  not made again: {gap}")));
        lines.extend(differing.iter().flat_map(told));
        lines
    }
}

fn told(difference: &Difference) -> Vec<String> {
    let at = jiff::Timestamp::from_second(difference.unix_seconds).unwrap_or_default();
    let mut lines = vec![format!("  line {}, {at}:", difference.line)];
    let shown = difference.changes.iter().take(SHOWN);
    lines
        .extend(shown.map(|change| {
            format!("    {}: {}, now {}", change.field, change.recorded, change.now)
        }));
    let more = difference.changes.len().saturating_sub(SHOWN);
    if more > 0 {
        lines.push(format!("    and in {more} more places"));
    }
    lines
}
