//! One connection: bytes out, lines in, in step.

use std::io;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};

use super::tls::Handshake;
use crate::codec::{Answer, CodecError, Expected, LineBuffer, MAX_LINE_BYTES, Request};

/// A byte stream, in clear or encrypted.
pub(super) trait Duplex: AsyncRead + AsyncWrite + Send + Unpin {}
impl<T: AsyncRead + AsyncWrite + Send + Unpin> Duplex for T {}

/// Why an exchange failed.
pub(super) enum Fault {
    /// The server ended the connection.
    Closed,
    /// The connection broke.
    Io(io::Error),
    /// The server sent something else.
    Codec(CodecError),
}

impl From<io::Error> for Fault {
    fn from(error: io::Error) -> Self {
        match error.kind() {
            // What a restart of upsd looks like, in clear and under TLS.
            io::ErrorKind::UnexpectedEof
            | io::ErrorKind::ConnectionReset
            | io::ErrorKind::BrokenPipe => Self::Closed,
            _ => Self::Io(error),
        }
    }
}

impl From<CodecError> for Fault {
    fn from(error: CodecError) -> Self {
        Self::Codec(error)
    }
}

/// A connection with no answer outstanding.
pub(super) struct Link {
    stream: Box<dyn Duplex>,
    lines: LineBuffer,
}

impl Link {
    pub(super) fn new(stream: impl Duplex + 'static) -> Self {
        Self { stream: Box::new(stream), lines: LineBuffer::default() }
    }

    /// Sends `requests` at once (`text` is their encoding) and reads their answers, in order. The
    /// error names the request that was to be answered. A link whose exchange failed, or was
    /// dropped half way, must be dropped: a late answer would be taken for the next one.
    pub(super) async fn exchange<'a>(
        &mut self,
        requests: &[Request<'a>],
        text: &str,
    ) -> Result<Vec<Answer>, (Request<'a>, Fault)> {
        let Some(last) = requests.last().copied() else {
            return Ok(Vec::new());
        };
        self.send(text.as_bytes()).await.map_err(|error| (last, error.into()))?;
        let mut answers = Vec::with_capacity(requests.len());
        for request in requests {
            answers.push(self.answer(*request).await.map_err(|fault| (*request, fault))?);
        }
        if self.lines.is_empty() {
            Ok(answers)
        } else {
            Err((last, CodecError::Unsolicited.into()))
        }
    }

    async fn send(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.stream.write_all(bytes).await?;
        self.stream.flush().await
    }

    async fn answer(&mut self, request: Request<'_>) -> Result<Answer, Fault> {
        let mut expected = Expected::to(request);
        loop {
            let line = self.next_line().await?;
            if let Some(answer) = expected.accept(&line)? {
                return Ok(answer);
            }
        }
    }

    async fn next_line(&mut self) -> Result<String, Fault> {
        loop {
            if let Some(line) = self.lines.next_line()? {
                return Ok(line);
            }
            // Without a whole line the buffer holds at most one, so a chunk always fits.
            let mut chunk = [0; MAX_LINE_BYTES];
            let count = self.stream.read(&mut chunk).await?;
            if count == 0 {
                return Err(Fault::Closed);
            }
            if self.lines.feed(chunk.get(..count).unwrap_or_default()) < count {
                return Err(CodecError::LineTooLong.into());
            }
        }
    }

    /// Encrypts the connection, after the server agreed to STARTTLS.
    pub(super) async fn encrypt(self, handshake: Handshake) -> io::Result<Self> {
        let stream = handshake.connector.connect(handshake.server_name, self.stream).await?;
        Ok(Self::new(stream))
    }

    /// Tells the server that nothing more comes.
    pub(super) async fn shutdown(mut self) -> io::Result<()> {
        self.stream.shutdown().await
    }
}
