//! A server that is not upsd, or a sick one: whatever it sends, the client ends in a typed error,
//! by its deadline, in bounded memory, and never takes one answer for another.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a helper of a test fails by panicking")]

use std::time::Duration;

use ananke_nut::codec::CodecError;
use ananke_nut::{Ca, Client, Credentials, Endpoint, ErrCode, NutError, Secret, Tls};
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::task::JoinHandle;
use tokio::time::Instant;

/// More than any answer over loopback takes: what ends by this ended for the wrong reason.
const AMPLE: Duration = Duration::from_secs(20);

fn ample() -> Instant {
    Instant::now() + AMPLE
}

/// Accepts one connection and gives it to `serve`.
async fn server<F, S>(serve: S) -> (Endpoint, JoinHandle<F::Output>)
where
    S: FnOnce(TcpStream) -> F + Send + 'static,
    F: Future<Output: Send + 'static> + Send,
{
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let task = tokio::spawn(async move {
        let (stream, _) = listener.accept().await.unwrap();
        serve(stream).await
    });
    (Endpoint { host: "127.0.0.1".to_owned(), port, tls: None }, task)
}

/// A client of a server that gives each request the next of `answers`, byte for byte, then closes.
async fn client_of(answers: &'static [&'static [u8]]) -> Client {
    let (endpoint, _) = server(move |stream| script(stream, answers)).await;
    Client::connect(&endpoint, ample()).await.unwrap()
}

/// Plays `answers` and returns the lines it was sent.
async fn script(stream: TcpStream, answers: &'static [&'static [u8]]) -> Vec<String> {
    let mut stream = BufReader::new(stream);
    let mut seen = Vec::new();
    for answer in answers {
        let mut line = String::new();
        if stream.read_line(&mut line).await.unwrap_or(0) == 0 {
            break;
        }
        seen.push(line);
        stream.write_all(answer).await.unwrap();
    }
    seen
}

/// A client of a server that takes the connection and never says anything.
async fn client_of_silence() -> Client {
    let (endpoint, _) = server(|stream| async move {
        let _held = stream;
        std::future::pending::<()>().await;
    })
    .await;
    Client::connect(&endpoint, ample()).await.unwrap()
}

async fn status(client: &mut Client) -> Result<Result<String, ErrCode>, NutError> {
    let mut values = client.get_vars("dev", &["ups.status"], ample()).await?;
    Ok(values.remove(0).1)
}

/// What every broken exchange must leave behind.
async fn assert_given_up(client: &mut Client) {
    assert!(!client.is_connected());
    assert!(matches!(status(client).await, Err(NutError::Poisoned { .. })));
}

/// What the server answers, and the error that must come of it.
type BadAnswer = (&'static [&'static [u8]], fn(&CodecError) -> bool);

#[tokio::test]
async fn answers_that_are_not_the_protocol_are_typed_errors() {
    let rows: [BadAnswer; 9] = [
        (&[b"SSH-2.0-OpenSSH_9.2\r\n"], |e| matches!(e, CodecError::Unexpected { .. })),
        (&[b"\x16\x03\x01\x02\x00\n"], |e| matches!(e, CodecError::Unexpected { .. })),
        (&[b"\n"], |e| matches!(e, CodecError::Unexpected { .. })),
        (&[b"OK\n"], |e| matches!(e, CodecError::Unexpected { .. })),
        (&[b"VAR dev ups.status \"OB\n"], |e| matches!(e, CodecError::Quoting(_))),
        (&[b"VAR other ups.status \"OB LB\"\n"], |e| matches!(e, CodecError::WrongDevice { .. })),
        (&[b"VAR dev ups.load \"25\"\n"], |e| matches!(e, CodecError::WrongVariable { .. })),
        (&[b"VAR dev ups.status \"OL\"\nOK\n"], |e| matches!(e, CodecError::Unsolicited)),
        (&[b"VAR dev ups.status \"OL\"\nVAR"], |e| matches!(e, CodecError::Unsolicited)),
    ];
    for (answers, is_expected) in rows {
        let mut client = client_of(answers).await;
        match status(&mut client).await {
            Err(NutError::Protocol { source, .. }) if is_expected(&source) => {}
            other => panic!("{answers:?} gave {other:?}"),
        }
        assert_given_up(&mut client).await;
    }
}

#[tokio::test]
async fn latin_1_in_a_value_does_not_cost_the_value() {
    let mut client = client_of(&[b"VAR dev ups.status \"OL \xe9\"\n"]).await;
    assert_eq!(status(&mut client).await.unwrap(), Ok("OL \u{fffd}".to_owned()));
}

#[tokio::test]
async fn a_connection_closed_before_or_within_an_answer_is_an_error() {
    for answers in [&[] as &[&[u8]], &[b""], &[b"VAR dev ups.st"], &[b"VAR dev ups.status \"OL\""]]
    {
        let mut client = client_of(answers).await;
        let error = status(&mut client).await.unwrap_err();
        assert!(matches!(error, NutError::Closed { .. }), "{answers:?} gave {error:?}");
        assert_given_up(&mut client).await;
    }
    let mut client = client_of(&[b"BEGIN LIST UPS\nUPS dev \"x\"\n"]).await;
    assert!(matches!(client.list_ups(ample()).await, Err(NutError::Closed { .. })));
}

/// Sends `start`, then `chunk` until the client hangs up, and returns how many bytes that took.
async fn flood(stream: TcpStream, start: &'static [u8], chunk: &'static [u8]) -> usize {
    let mut stream = BufReader::new(stream);
    stream.read_line(&mut String::new()).await.unwrap();
    let mut sent = 0;
    stream.write_all(start).await.unwrap();
    while stream.write_all(chunk).await.is_ok() {
        sent += chunk.len();
    }
    sent
}

/// What the sockets of both ends may hold beyond what the client read.
const SOCKET_BUFFERS_BYTES: usize = 32 << 20;

#[tokio::test]
async fn an_endless_line_ends_at_the_bound() {
    let (endpoint, flood) = server(|stream| flood(stream, b"VAR dev", &[b'x'; 4096])).await;
    let mut client = Client::connect(&endpoint, ample()).await.unwrap();
    match status(&mut client).await {
        Err(NutError::Protocol { source: CodecError::LineTooLong, .. }) => {}
        other => panic!("{other:?}"),
    }
    assert_given_up(&mut client).await;
    assert!(flood.await.unwrap() < SOCKET_BUFFERS_BYTES);
}

#[tokio::test]
async fn an_endless_list_ends_at_the_bound() {
    const ENTRY: &[u8] = b"UPS dev \"one of very many\"\n";
    let (endpoint, flood) = server(|stream| flood(stream, b"BEGIN LIST UPS\n", ENTRY)).await;
    let mut client = Client::connect(&endpoint, ample()).await.unwrap();
    match client.list_ups(ample()).await {
        Err(NutError::Protocol { source: CodecError::ListTooLong, .. }) => {}
        other => panic!("{other:?}"),
    }
    assert_given_up(&mut client).await;
    assert!(flood.await.unwrap() < SOCKET_BUFFERS_BYTES);
}

#[tokio::test]
async fn silence_ends_at_the_deadline() {
    let mut client = client_of_silence().await;
    tokio::time::pause();
    let error = client
        .get_vars("dev", &["ups.status", "ups.load"], Instant::now() + Duration::from_secs(3))
        .await
        .unwrap_err();
    let NutError::Timeout { asked, waited, .. } = error else { panic!("{error:?}") };
    assert_eq!(asked, "GET VAR dev ups.status (and 1 more)");
    assert!((2900..3100).contains(&waited.as_millis()), "{waited:?}");
    assert_given_up(&mut client).await;
}

#[tokio::test]
async fn a_drip_of_bytes_does_not_move_the_deadline() {
    let (endpoint, _) = server(|mut stream| async move {
        while stream.write_all(b"x").await.is_ok() {
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    })
    .await;
    let mut client = Client::connect(&endpoint, ample()).await.unwrap();
    tokio::time::pause();
    let error = client.num_logins("dev", Instant::now() + Duration::from_secs(3)).await;
    assert!(matches!(error, Err(NutError::Timeout { .. })), "{error:?}");
    assert_given_up(&mut client).await;
}

#[tokio::test]
async fn an_answer_after_the_deadline_is_never_read_as_the_next_one() {
    let mut client =
        client_of(&[b"", b"VAR dev ups.status \"OL\"\nVAR dev ups.status \"OB\"\n"]).await;
    let late = client.get_vars("dev", &["ups.status"], Instant::now()).await;
    assert!(matches!(late, Err(NutError::Timeout { .. })), "{late:?}");
    assert_given_up(&mut client).await;
}

#[tokio::test]
async fn a_call_that_is_dropped_half_way_gives_the_connection_up() {
    let mut client = client_of_silence().await;
    tokio::select! {
        biased;
        _ = status(&mut client) => panic!("silence gave an answer"),
        () = tokio::task::yield_now() => {}
    }
    assert_given_up(&mut client).await;
}

#[tokio::test]
async fn a_refused_variable_is_a_value_and_a_sick_device_is_an_error() {
    let mut client = client_of(&[
        b"VAR dev ups.status \"OL\"\nERR VAR-NOT-SUPPORTED\nERR ON-FIRE\n",
        b"",
        b"",
        b"VAR dev ups.status \"OL\"\nERR DATA-STALE\n",
        b"",
        b"ERR DRIVER-NOT-CONNECTED\n",
        b"ERR UNKNOWN-UPS\n",
        b"VAR dev ups.status \"OB\"\n",
    ])
    .await;
    let values = client.get_vars("dev", &["ups.status", "a", "b"], ample()).await.unwrap();
    assert_eq!(
        values,
        [
            ("ups.status".to_owned(), Ok("OL".to_owned())),
            ("a".to_owned(), Err(ErrCode::VarNotSupported)),
            ("b".to_owned(), Err(ErrCode::Other("ON-FIRE".to_owned()))),
        ]
    );
    let stale = client.get_vars("dev", &["ups.status", "ups.load"], ample()).await;
    assert!(matches!(stale, Err(NutError::DataStale { .. })), "{stale:?}");
    assert!(matches!(status(&mut client).await, Err(NutError::DriverNotConnected { .. })));
    assert!(matches!(status(&mut client).await, Err(NutError::UnknownUps { .. })));
    assert_eq!(status(&mut client).await.unwrap(), Ok("OB".to_owned()), "still in step");
}

#[tokio::test]
async fn a_name_that_cannot_be_sent_sends_nothing_and_costs_nothing() {
    let mut client = client_of(&[b"VAR dev ups.status \"OL\"\n"]).await;
    let error = client.get_vars("dev\nFSD dev", &["ups.status"], ample()).await.unwrap_err();
    assert!(matches!(error, NutError::Unsendable { .. }) && error.keeps_connection(), "{error:?}");
    assert_eq!(status(&mut client).await.unwrap(), Ok("OL".to_owned()));
}

#[tokio::test]
async fn a_closed_port_is_an_error_that_says_where() {
    // Bound but not listening: nobody else can take the port meanwhile.
    let socket = TcpSocket::new_v4().unwrap();
    socket.bind(([127, 0, 0, 1], 0).into()).unwrap();
    let port = socket.local_addr().unwrap().port();
    let endpoint = Endpoint { host: "127.0.0.1".to_owned(), port, tls: None };
    let error = Client::connect(&endpoint, ample()).await.unwrap_err();
    assert!(matches!(error, NutError::Connect { .. }), "{error:?}");
    assert!(error.to_string().contains(&format!("127.0.0.1:{port}")), "{error}");
}

#[tokio::test]
async fn the_password_is_in_no_error_even_if_the_server_echoes_it() {
    let mut client = client_of(&[b"OK\nVAR dev hunter2 \"hunter2\"\n"]).await;
    let credentials = Credentials { username: "mon".to_owned(), password: Secret::new("hunter2") };
    let error = client.authenticate(&credentials, ample()).await.unwrap_err();
    assert!(matches!(error, NutError::Protocol { .. }), "{error:?}");
    assert!(!format!("{error} {error:?} {client:?}").contains("hunter2"));
}

/// A certificate authority that signs nothing in these tests: the handshake is never reached.
const CA: &str = include_str!("support/unused-ca.pem");

fn with_tls(mut endpoint: Endpoint, required: bool) -> Endpoint {
    endpoint.tls = Some(Tls { required, ca: Ca::Pem(CA.to_owned()), server_name: None });
    endpoint
}

#[tokio::test]
async fn required_tls_takes_nothing_but_ok_and_sends_nothing_more() {
    for answer in ["ERR FEATURE-NOT-CONFIGURED", "ERR DATA-STALE", "VAR dev a \"b\"", "NO"] {
        let line: &'static [u8] = format!("{answer}\n").leak().as_bytes();
        let answers: &'static [&'static [u8]] = vec![line, b"OK\n"].leak();
        let (endpoint, seen) = server(move |stream| script(stream, answers)).await;
        let error = Client::connect(&with_tls(endpoint, true), ample()).await.unwrap_err();
        assert!(matches!(error, NutError::TlsRefused { .. }), "{answer} gave {error:?}");
        assert_eq!(seen.await.unwrap(), ["STARTTLS\n"]);
    }
}

#[tokio::test]
async fn optional_tls_falls_back_and_says_so() {
    let (endpoint, _) = server(|stream| {
        script(stream, &[b"ERR FEATURE-NOT-CONFIGURED\n", b"VAR dev ups.status \"OL\"\n"])
    })
    .await;
    let mut client = Client::connect(&with_tls(endpoint, false), ample()).await.unwrap();
    assert!(!client.is_encrypted());
    assert_eq!(status(&mut client).await.unwrap(), Ok("OL".to_owned()));
}

#[tokio::test]
async fn a_handshake_that_fails_is_no_reason_to_speak_in_clear() {
    for required in [false, true] {
        let (endpoint, seen) =
            server(|stream| script(stream, &[b"OK STARTTLS\n", b"hello in clear\n"])).await;
        let error = Client::connect(&with_tls(endpoint, required), ample()).await.unwrap_err();
        assert!(matches!(error, NutError::TlsHandshake { .. }), "{error:?}");
        seen.abort();
    }
}

#[tokio::test]
async fn bytes_slipped_in_before_the_handshake_are_refused() {
    let (endpoint, _) =
        server(|stream| script(stream, &[b"OK STARTTLS\nVAR dev ups.status \"OB LB\"\n"])).await;
    let error = Client::connect(&with_tls(endpoint, true), ample()).await.unwrap_err();
    assert!(
        matches!(error, NutError::Protocol { source: CodecError::Unsolicited, .. }),
        "{error:?}"
    );
}
