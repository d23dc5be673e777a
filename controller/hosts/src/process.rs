//! Local programs with a deadline: run, listened to, and killed with all their children.

use std::{io, process::ExitStatus, time::Duration};

use rustix::process::{Pid, Signal, kill_process_group};
use tokio::{
    io::{AsyncRead, AsyncReadExt},
    process::{Child, Command},
    time::{Instant, timeout, timeout_at},
};

/// Most that is kept of what a program writes to its standard error.
const LONGEST_WORDS: u64 = 8 * 1024;

/// How long a program that has ended may keep its standard error open through children.
const LAST_WORDS: Duration = Duration::from_millis(100);

/// Longest text that an error message takes from a program.
const LONGEST_QUOTE: usize = 300;

/// How a program ended.
pub(crate) struct Ended {
    /// Its status; `None` if it was killed at the deadline.
    pub(crate) status: Option<ExitStatus>,
    /// What it wrote to its standard error, at most 8 KiB.
    pub(crate) stderr: String,
}

/// Runs a program to its end or to the deadline, at which its process group is killed.
///
/// The caller sets its arguments and environment; standard input and output are not connected.
///
/// # Errors
/// If it cannot be started.
pub(crate) async fn run(command: &mut Command, until: Instant) -> io::Result<Ended> {
    use std::process::Stdio;
    let mut child = command
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .process_group(0)
        .kill_on_drop(true)
        .spawn()?;
    let group = Group::of(&child);
    let mut words = Vec::new();
    let stderr = child.stderr.take();
    let status = timeout_at(until, watch(&mut child, stderr, &mut words)).await;
    let status = if let Ok(status) = status {
        let status = status?;
        group.spare();
        Some(status)
    } else {
        drop(group);
        timeout(LAST_WORDS, child.wait()).await.ok();
        None
    };
    Ok(Ended { status, stderr: String::from_utf8_lossy(&words).into_owned() })
}

/// Listens to a program until it ends, and a moment longer.
async fn watch(
    child: &mut Child,
    stderr: Option<impl AsyncRead + Unpin>,
    words: &mut Vec<u8>,
) -> io::Result<ExitStatus> {
    let Some(stderr) = stderr else { return child.wait().await };
    let mut limited = stderr.take(LONGEST_WORDS);
    let mut listening = std::pin::pin!(limited.read_to_end(words));
    let status = tokio::select! {
        status = child.wait() => status?,
        _ = &mut listening => return child.wait().await,
    };
    timeout(LAST_WORDS, listening).await.ok();
    Ok(status)
}

/// The process group of a child that runs; killed when this is dropped, so also when the caller
/// goes away.
struct Group(Option<Pid>);

impl Group {
    fn of(child: &Child) -> Self {
        Self(child.id().and_then(|id| i32::try_from(id).ok()).and_then(Pid::from_raw))
    }

    /// The leader has ended and its number may be another process's soon.
    fn spare(mut self) {
        self.0 = None;
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        if let Some(leader) = self.0 {
            // Nothing to do about a group that is gone already.
            kill_process_group(leader, Signal::KILL).ok();
        }
    }
}

/// What a program said, fit for an error message: its last lines, without control characters, at
/// most 300 characters.
pub(crate) fn quote(words: &str) -> String {
    let lines: Vec<&str> = words.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
    let joined = lines.join("; ");
    let clean: Vec<char> = joined.chars().filter(|c| !c.is_control()).collect();
    let surplus = clean.len().saturating_sub(LONGEST_QUOTE);
    let kept: String = clean.iter().skip(surplus).collect();
    match (kept.is_empty(), surplus) {
        (true, _) => "it said nothing".to_owned(),
        (false, 0) => kept,
        (false, _) => format!("…{kept}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shell(script: &str) -> Command {
        let mut command = Command::new("/bin/sh");
        command.args(["-c", script]);
        command
    }

    fn soon() -> Instant {
        Instant::now() + Duration::from_secs(20)
    }

    #[tokio::test]
    async fn says_how_it_ended_and_what_it_said() {
        let ended = run(&mut shell("echo no such card >&2; exit 7"), soon()).await.unwrap();
        assert_eq!(ended.status.and_then(|s| s.code()), Some(7));
        assert_eq!(ended.stderr, "no such card\n");
    }

    #[tokio::test]
    async fn one_that_hangs_is_killed_with_its_children() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("pid");
        let script = format!("sleep 600 & echo $! > {}; wait", file.display());
        let until = Instant::now() + Duration::from_secs(1);
        let ended = run(&mut shell(&script), until).await.unwrap();
        assert!(ended.status.is_none());
        let child: u32 = std::fs::read_to_string(&file).unwrap().trim().parse().unwrap();
        // The kernel ends it a moment after the signal; it never would without one.
        let is_there = || {
            let stat = std::fs::read_to_string(format!("/proc/{child}/stat")).unwrap_or_default();
            !stat.is_empty() && !stat.contains(") Z ")
        };
        let until = Instant::now() + Duration::from_secs(20);
        while is_there() {
            assert!(Instant::now() < until, "process {child} is still there");
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }

    #[tokio::test]
    async fn a_child_that_keeps_the_pipe_open_holds_nothing_up() {
        let mut command = shell("sleep 5 & echo bye >&2");
        let ended = timeout(Duration::from_secs(4), run(&mut command, soon())).await;
        let ended = ended.expect("held up").unwrap();
        assert!(ended.status.unwrap().success());
        assert_eq!(ended.stderr, "bye\n");
    }

    #[tokio::test]
    async fn endless_words_are_bounded() {
        let ended = run(&mut shell("yes >&2"), Instant::now() + Duration::from_millis(400)).await;
        assert!(ended.unwrap().stderr.len() <= 8 * 1024);
    }

    #[test]
    fn quotes_are_short_and_clean() {
        assert_eq!(quote("  \n"), "it said nothing");
        assert_eq!(quote("a\r\n\u{1b}[31mb\n"), "a; [31mb");
        let long = quote(&"x".repeat(1000));
        assert_eq!(long.chars().count(), 301);
        assert!(long.starts_with('…'));
    }
}
