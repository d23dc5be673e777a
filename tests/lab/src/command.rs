//! Running other programs: every one has a deadline, and a missing one says what to install.

use std::io::Read;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{self, Receiver};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, anyhow, bail};

/// Programs that the lab calls, and the Debian package that brings each.
const PACKAGES: &[(&str, &str)] = &[
    ("certutil", "libnss3-tools"),
    ("debootstrap", "debootstrap"),
    ("ip", "iproute2"),
    ("nsenter", "util-linux"),
    ("openssl", "openssl"),
    ("pk12util", "libnss3-tools"),
    ("ssh", "openssh-client"),
    ("ssh-keygen", "openssh-client"),
    ("systemd-nspawn", "systemd-container"),
    ("tar", "tar"),
    ("unshare", "util-linux"),
    ("upsc", "nut-client"),
    ("zstd", "zstd"),
];

/// What a program that ended by itself left.
#[derive(Debug, Clone)]
pub struct Output {
    /// Exit code; `None` when a signal ended it.
    pub code: Option<i32>,
    /// Everything it wrote to stdout.
    pub stdout: String,
    /// Everything it wrote to stderr.
    pub stderr: String,
}

impl Output {
    /// Whether the program ended with code 0.
    pub fn ok(&self) -> bool {
        self.code == Some(0)
    }
}

/// Runs `command` with no input until it ends, and kills it at the deadline.
///
/// # Errors
/// The program is missing (the message says which package has it), or was killed at the deadline.
pub fn run(command: &mut Command, deadline: Duration) -> Result<Output> {
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = spawn(command)?;
    let stdout = drain(child.stdout.take());
    let stderr = drain(child.stderr.take());
    let Some(status) = wait(&mut child, deadline)? else {
        child.kill().ok();
        child.wait().ok();
        bail!("`{}` had not ended after {deadline:?} and was killed", line_of(command));
    };
    // A grandchild may hold the pipes open: what has come by then is what there is.
    let rest = Duration::from_secs(1);
    Ok(Output {
        code: status.code(),
        stdout: stdout.recv_timeout(rest).unwrap_or_default(),
        stderr: stderr.recv_timeout(rest).unwrap_or_default(),
    })
}

/// Like [`run`], and anything but exit code 0 is an error; gives stdout.
///
/// # Errors
/// As [`run`], or the program failed; the message ends with the last lines of its stderr.
pub fn check(command: &mut Command, deadline: Duration) -> Result<String> {
    let output = run(command, deadline)?;
    if output.ok() {
        return Ok(output.stdout);
    }
    let code = output.code.map_or_else(|| "a signal".to_owned(), |code| format!("code {code}"));
    bail!("`{}` ended with {code}: {}", line_of(command), tail(&output.stderr, 5))
}

/// Starts `command`.
///
/// # Errors
/// As the operating system says; a missing program is named with its package.
pub(crate) fn spawn(command: &mut Command) -> Result<Child> {
    match command.spawn() {
        Ok(child) => Ok(child),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            let program = command.get_program().to_string_lossy().into_owned();
            Err(anyhow!(missing(&program)))
        }
        Err(error) => Err(error).with_context(|| format!("cannot start `{}`", line_of(command))),
    }
}

/// Waits for `child` at most until the deadline; `None` when it still runs then.
///
/// # Errors
/// The operating system cannot tell (the child was waited for elsewhere).
pub(crate) fn wait(
    child: &mut Child,
    deadline: Duration,
) -> Result<Option<std::process::ExitStatus>> {
    let end = Instant::now() + deadline;
    let mut pause = Duration::from_millis(1);
    loop {
        if let Some(status) = child.try_wait().context("cannot wait for a child process")? {
            return Ok(Some(status));
        }
        if Instant::now() >= end {
            return Ok(None);
        }
        thread::sleep(pause);
        pause = (pause * 2).min(Duration::from_millis(20));
    }
}

/// Checks that all `programs` are installed.
///
/// # Errors
/// One line `missing: X (apt-get install Y)` for each that is not.
pub fn require(programs: &[&str]) -> Result<()> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let is_there =
        |program: &str| std::env::split_paths(&path).any(|folder| folder.join(program).is_file());
    let lines: Vec<String> = programs
        .iter()
        .filter(|program| {
            // Absolute names are programs outside PATH, such as NUT's daemons.
            !(is_there(program) || program.starts_with('/') && Path::new(program).is_file())
        })
        .map(|program| missing(program))
        .collect();
    if lines.is_empty() { Ok(()) } else { bail!("{}", lines.join("\n")) }
}

/// The last `count` lines of `text`.
pub(crate) fn tail(text: &str, count: usize) -> String {
    let lines: Vec<&str> = text.trim_end().lines().collect();
    lines.get(lines.len().saturating_sub(count)..).unwrap_or_default().join("\n")
}

fn missing(program: &str) -> String {
    let package = PACKAGES
        .iter()
        .find(|(name, _)| *name == program)
        .map_or(if program.contains("/nut/") { "nut-server" } else { program }, |(_, p)| p);
    format!("missing: {program} (apt-get install {package})")
}

fn drain(pipe: Option<impl Read + Send + 'static>) -> Receiver<String> {
    let (sender, receiver) = mpsc::channel();
    thread::spawn(move || {
        let mut bytes = Vec::new();
        if let Some(mut pipe) = pipe {
            pipe.read_to_end(&mut bytes).ok();
        }
        sender.send(String::from_utf8_lossy(&bytes).into_owned()).ok();
    });
    receiver
}

fn line_of(command: &Command) -> String {
    let mut line = command.get_program().to_string_lossy().into_owned();
    for argument in command.get_args() {
        line.push(' ');
        line.push_str(&argument.to_string_lossy());
    }
    line
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_program_that_does_not_end_is_killed_at_its_deadline() {
        let error = run(Command::new("sleep").arg("60"), Duration::from_millis(20)).unwrap_err();
        assert!(error.to_string().contains("had not ended after 20ms"), "{error}");
    }

    #[test]
    fn failure_tells_the_code_and_what_was_said() {
        let error = check(Command::new("sh").args(["-c", "echo no >&2; exit 3"]), secs(5));
        let message = error.unwrap_err().to_string();
        assert!(message.ends_with("ended with code 3: no"), "{message}");
    }

    #[test]
    fn missing_programs_are_all_named_with_their_package() {
        let error = require(&["sh", "no-such-tool", "/lib/nut/no-such-daemon"]).unwrap_err();
        assert_eq!(
            error.to_string(),
            "missing: no-such-tool (apt-get install no-such-tool)\n\
             missing: /lib/nut/no-such-daemon (apt-get install nut-server)"
        );
    }

    fn secs(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }
}
