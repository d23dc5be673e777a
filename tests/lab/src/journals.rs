//! The journal of a story, all of it: a daemon that is started often keeps the newest segments only.

use std::{
    fs, io,
    path::{Path, PathBuf},
    process::Command,
    time::Duration,
};

use anyhow::{Result, ensure};
use serde_json::Value;

use crate::{ananke, run};

const BRIEF: Duration = Duration::from_secs(120);

/// Segments of a journal, each under a second name that the daemon does not know.
#[derive(Debug)]
pub struct Journals {
    from: PathBuf,
    kept: PathBuf,
}

impl Journals {
    /// Of the daemon whose state is in `folder/state`.
    ///
    /// # Errors
    /// There is no room for the second names.
    pub fn beside(folder: &Path) -> Result<Self> {
        let (from, kept) = (folder.join("state/journal"), folder.join("journals"));
        fs::create_dir_all(&kept)?;
        Ok(Self { from, kept })
    }

    /// Keeps every segment that is there by now, and what will be written to it.
    ///
    /// # Errors
    /// A segment cannot be read.
    pub fn keep(&self) -> Result<()> {
        // Whoever is killed in its first second has written none.
        if !self.from.exists() {
            return Ok(());
        }
        for entry in fs::read_dir(&self.from)? {
            let segment = entry?.path();
            let Some(name) = segment.file_name().filter(|_| is_segment(&segment)) else { continue };
            match fs::hard_link(&segment, self.kept.join(name)) {
                Err(error) if error.kind() != io::ErrorKind::AlreadyExists => {
                    return Err(error.into());
                }
                _ => {}
            }
        }
        Ok(())
    }

    /// Makes every decision of the story again, as a person would; how many there were.
    ///
    /// # Errors
    /// One comes out differently, or cannot be made again.
    pub fn replay(&self) -> Result<u64> {
        self.keep()?;
        let replay = |more: &[&str]| {
            run(Command::new(ananke()?).arg("replay").arg(&self.kept).args(more), BRIEF)
        };
        let replayed = replay(&["-o", "json"])?;
        if !replayed.ok() {
            let told = replay(&[])?;
            ensure!(replayed.ok(), "the journal does not replay:\n{}{}", told.stdout, told.stderr);
        }
        let segments: Value = serde_json::from_str(&replayed.stdout)?;
        let segments = segments.get("segments").and_then(Value::as_array);
        let decisions = |segment: &Value| segment.get("decisions").and_then(Value::as_u64);
        let count = segments.into_iter().flatten().filter_map(decisions).sum();
        ensure!(count > 0, "no decision is in {}", self.kept.display());
        Ok(count)
    }
}

fn is_segment(file: &Path) -> bool {
    file.extension().is_some_and(|kind| kind == "jsonl")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_segment_that_the_daemon_throws_away_is_kept_with_what_came_later() {
        let folder = tempfile::tempdir().unwrap();
        let journals = Journals::beside(folder.path()).unwrap();
        journals.keep().unwrap();
        let segment = folder.path().join("state/journal/000001.jsonl");
        fs::create_dir_all(segment.parent().unwrap()).unwrap();
        fs::write(&segment, "one\n").unwrap();
        journals.keep().unwrap();
        fs::write(&segment, "one\nother\n").unwrap();
        journals.keep().unwrap();
        fs::remove_file(&segment).unwrap();
        let kept = fs::read_to_string(folder.path().join("journals/000001.jsonl")).unwrap();
        assert_eq!(kept, "one\nother\n");
    }
}
