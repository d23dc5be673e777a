//! One command over a connection that stands.

use openssh::{Error, Session, Stdio};
use tokio::io::{AsyncRead, AsyncReadExt};

use crate::probe::LONGEST_ANSWER;

/// Most that is kept of a command's standard error, in bytes.
const LONGEST_WORDS: usize = 8 * 1024;

/// A command's end and what it wrote.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Answer {
    /// Its exit code.
    pub(crate) code: i32,
    /// At most one byte more than the longest answer.
    pub(crate) stdout: Vec<u8>,
    /// At most 8 KiB.
    pub(crate) stderr: String,
}

/// Why there is no answer.
#[derive(Debug)]
pub(crate) enum Broken {
    /// The connection was gone before the command could be sent.
    NotSent(String),
    /// It broke afterwards: nobody knows how far the command came.
    Cut(String),
}

/// Runs a command line there. Every word arrives as it is; no shell there splits or expands it.
///
/// # Errors
/// [`Broken`] if the connection did not last. There is no deadline here: the caller has it.
pub(crate) async fn exchange(session: &Session, line: &[&str]) -> Result<Answer, Broken> {
    let (program, arguments) = line.split_first().unwrap_or((&"true", &[]));
    let mut child = session
        .command(*program)
        .args(arguments)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .await
        .map_err(|error| match error {
            // Connecting to our own `ssh` failed: it has ended, or never heard the request.
            Error::Disconnected => Broken::NotSent("the connection was gone".to_owned()),
            error => Broken::Cut(told(&error)),
        })?;
    let (stdout, stderr) = (child.stdout().take(), child.stderr().take());
    let (stdout, stderr) =
        tokio::join!(read(stdout, LONGEST_ANSWER.saturating_add(1)), read(stderr, LONGEST_WORDS));
    let stderr = String::from_utf8_lossy(&stderr).into_owned();
    let code = match child.wait().await {
        Ok(status) => status.code().unwrap_or(255),
        // The crate makes an error of 127.
        Err(Error::Remote(_)) => 127,
        Err(error) => return Err(Broken::Cut(told(&error))),
    };
    Ok(Answer { code, stdout, stderr })
}

/// Reads to the end, or to the bound; what comes after it is thrown away, so that the far side is
/// not held up. A broken pipe ends it too: the command's end tells why.
async fn read(pipe: Option<impl AsyncRead + Unpin>, most: usize) -> Vec<u8> {
    let mut kept = Vec::new();
    if let Some(mut pipe) = pipe {
        let bound = u64::try_from(most).unwrap_or(u64::MAX);
        if (&mut pipe).take(bound).read_to_end(&mut kept).await.is_ok() {
            tokio::io::copy(&mut pipe, &mut tokio::io::sink()).await.ok();
        }
    }
    kept
}

/// An error of the crate with its causes, for a person.
fn told(error: &Error) -> String {
    let mut text = error.to_string();
    let mut cause = std::error::Error::source(error);
    while let Some(inner) = cause {
        text.push_str(": ");
        text.push_str(&inner.to_string());
        cause = inner.source();
    }
    text
}
