//! The log of a run that reads like a story.

use std::fs::File;
use std::io::Write as _;
use std::path::Path;
use std::sync::{Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};

/// Pause between two looks at something that is waited for.
const LOOK_AGAIN: Duration = Duration::from_millis(50);

/// Tells what happens, each line with the time since the beginning: `00:12.3  mains lost`.
#[derive(Debug)]
pub struct Story {
    begun: Instant,
    file: Option<Mutex<File>>,
}

impl Story {
    /// Begins a story on stdout.
    pub fn begin(title: &str) -> Self {
        Self::start(title, None)
    }

    /// Begins a story on stdout and in a file.
    ///
    /// # Errors
    /// The file cannot be made.
    pub fn begin_in(title: &str, file: &Path) -> Result<Self> {
        let made = File::create(file).with_context(|| format!("cannot make {}", file.display()))?;
        Ok(Self::start(title, Some(made)))
    }

    fn start(title: &str, file: Option<File>) -> Self {
        let story = Self { begun: Instant::now(), file: file.map(Mutex::new) };
        story.line(&format!("# {title}"));
        story
    }

    /// Time since the beginning.
    pub fn elapsed(&self) -> Duration {
        self.begun.elapsed()
    }

    /// Tells what happened now.
    pub fn tell(&self, what: impl AsRef<str>) {
        self.line(&format!("{}  {}", clock(self.elapsed()), what.as_ref()));
    }

    /// Waits until `look` finds something, and tells that it was found: `DESCRIPTION (after 1.2 s)`.
    ///
    /// # Errors
    /// It found nothing within the deadline; the message ends with what the last look ran into.
    pub fn wait_until<T>(
        &self,
        description: &str,
        deadline: Duration,
        mut look: impl FnMut() -> Result<Option<T>>,
    ) -> Result<T> {
        let begun = Instant::now();
        loop {
            let outcome = look();
            if let Ok(Some(found)) = outcome {
                let took = begun.elapsed().as_secs_f64();
                self.tell(format!("{description} (after {took:.1} s)"));
                return Ok(found);
            }
            if begun.elapsed() >= deadline {
                self.tell(format!("NOT: {description} (waited {deadline:?})"));
                let waited = format!("waited {deadline:?} for: {description}");
                return match outcome {
                    Err(error) => Err(error.context(waited)),
                    Ok(_) => bail!(waited),
                };
            }
            thread::sleep(LOOK_AGAIN);
        }
    }

    fn line(&self, line: &str) {
        tell_stdout(line);
        if let Some(file) = &self.file {
            writeln!(file.lock().unwrap_or_else(PoisonError::into_inner), "{line}").ok();
        }
    }
}

#[expect(clippy::print_stdout, reason = "a test harness captures this, and shows it on failure")]
fn tell_stdout(line: &str) {
    println!("{line}");
}

fn clock(time: Duration) -> String {
    let tenths = time.as_millis() / 100;
    format!("{:02}:{:02}.{}", tenths / 600, tenths / 10 % 60, tenths % 10)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn time_is_minutes_seconds_and_tenths() {
        assert_eq!(clock(Duration::from_millis(12_340)), "00:12.3");
        assert_eq!(clock(Duration::from_secs(754)), "12:34.0");
    }

    #[test]
    fn a_story_is_kept_line_by_line() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("story.log");
        let story = Story::begin_in("an outage", &file).unwrap();
        story.tell("mains lost");
        story.wait_until("dark", Duration::ZERO, || Ok(Some(()))).unwrap();
        let text = std::fs::read_to_string(file).unwrap();
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(lines[0], "# an outage");
        assert!(lines[1].ends_with("  mains lost"), "{text}");
        assert!(lines[2].contains("  dark (after "), "{text}");
    }

    #[test]
    fn what_never_comes_is_an_error_that_says_what_the_last_look_ran_into() {
        let story = Story::begin("waiting");
        let error = story
            .wait_until("light", Duration::ZERO, || -> Result<Option<()>> { bail!("no lamp") })
            .unwrap_err();
        assert_eq!(format!("{error:#}"), "waited 0ns for: light: no lamp");
    }
}
