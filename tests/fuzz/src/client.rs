//! The client of NUT: the first byte says how the stream is split, the second which calls are made,
//! the rest is what the server sends, whatever it is asked.

use std::{
    cell::RefCell,
    collections::VecDeque,
    error::Error as _,
    io,
    pin::Pin,
    task::{Context, Poll},
    time::Duration,
};

use ananke_nut::{Client, Credentials, NutError, Secret, codec::CodecError};
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    runtime::{Builder, Runtime},
    time::Instant,
};

use crate::bytes::{first, is_one_plain_line, pieces};

const PASSWORD: &str = "pass word";

/// Calls of one session.
const CALLS: u8 = 8;

pub(crate) fn run(bytes: &[u8]) {
    let (seed, rest) = first(bytes);
    let (calls, stream) = first(rest);
    let slow = session(&pieces(0, stream), calls);
    let other = session(&pieces(seed, stream), calls);
    for (position, (slow, other)) in slow.iter().zip(&other).enumerate() {
        // Whether more than was asked for has come already is a matter of time, and ends it.
        if other == UNSOLICITED {
            break;
        }
        assert_eq!(slow, other, "call {position} is answered otherwise in another split");
    }
}

thread_local! {
    static RUNTIME: RefCell<Runtime> = RefCell::new(
        Builder::new_current_thread().enable_time().start_paused(true).build().unwrap()
    );
}

/// The number of a call that takes no refusal once it has done what it is for.
const FORCE_SHUTDOWN: u8 = 5;

/// What becomes of [`CodecError::Unsolicited`].
const UNSOLICITED: &str = "unsolicited";

/// What a client says of each call.
fn session(pieces: &[&[u8]], calls: u8) -> Vec<String> {
    RUNTIME.with_borrow(|runtime| runtime.block_on(calling(pieces, calls)))
}

async fn calling(pieces: &[&[u8]], calls: u8) -> Vec<String> {
    let stream = Scripted { pieces: pieces.iter().map(|piece| piece.to_vec()).collect() };
    let mut client = Client::over(stream, "upsd.example.org:3493");
    let mut said = Vec::new();
    for call in 0..CALLS {
        let was_connected = client.is_connected();
        let which = calls.wrapping_add(call.wrapping_mul(3)) % CALLS;
        said.push(match one(&mut client, which).await {
            Ok(answer) => {
                assert!(was_connected, "an answer without a connection");
                // Once a forced shutdown is set, nothing is an error.
                assert!(client.is_connected() || which == FORCE_SHUTDOWN, "given up in silence");
                answer
            }
            Err(error) => {
                refused(&error, was_connected, client.is_connected());
                match error {
                    NutError::Protocol { source: CodecError::Unsolicited, .. } => {
                        UNSOLICITED.to_owned()
                    }
                    error => format!("{error:?}"),
                }
            }
        });
    }
    said
}

/// One call, and its answer as a text.
async fn one(client: &mut Client, call: u8) -> Result<String, NutError> {
    let deadline = Instant::now() + Duration::from_secs(5);
    let ups = "ups";
    let credentials = Credentials { username: "mon".into(), password: Secret::new(PASSWORD) };
    match call {
        0 => client.authenticate(&credentials, deadline).await?,
        1 => client.login(ups, deadline).await?,
        2 => {
            let variables = ["ups.status", "battery.charge", "battery.runtime"];
            let values = client.get_vars(ups, &variables, deadline).await?;
            assert_eq!(values.iter().map(|(name, _)| name).collect::<Vec<_>>(), variables);
            return Ok(format!("{values:?}"));
        }
        3 => return Ok(format!("{:?}", client.list_ups(deadline).await?)),
        4 => return Ok(format!("{:?}", client.num_logins(ups, deadline).await?)),
        FORCE_SHUTDOWN => client.force_shutdown(ups, deadline).await?,
        6 => client.instcmd(ups, "load.off.delay", Some("120"), deadline).await?,
        _ => client.set_var(ups, "ups.id", "a \"b\"", deadline).await?,
    }
    Ok("done".to_owned())
}

/// An error is one line that says something, and closes the connection unless the server only said
/// no.
fn refused(error: &NutError, was_connected: bool, is_connected: bool) {
    is_one_plain_line(&error.to_string());
    let mut cause = error.source();
    while let Some(error) = cause {
        is_one_plain_line(&error.to_string());
        cause = error.source();
    }
    assert!(!format!("{error:?}").contains(PASSWORD), "the password is shown");
    match (was_connected, error) {
        (false, NutError::Poisoned { .. }) => {}
        (false, other) => panic!("a client that was given up asks: {other:?}"),
        (true, error) => assert_eq!(is_connected, error.keeps_connection(), "{error:?}"),
    }
}

/// A server that says what it has to say in these pieces, and then ends the connection.
struct Scripted {
    pieces: VecDeque<Vec<u8>>,
}

impl AsyncRead for Scripted {
    fn poll_read(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
        into: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if let Some(mut piece) = self.pieces.pop_front() {
            let rest = piece.split_off(piece.len().min(into.remaining()));
            into.put_slice(&piece);
            if !rest.is_empty() {
                self.pieces.push_front(rest);
            }
        }
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Scripted {
    fn poll_write(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Poll::Ready(Ok(bytes.len()))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}
