//! Getting a connection: TCP, then STARTTLS.

use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::time::{Instant, timeout_at};

use super::link::Link;
use super::tls::Handshake;
use super::{Client, Endpoint, Tls};
use crate::codec::{CodecError, Request};
use crate::error::NutError;

impl Client {
    /// Connects, and encrypts the connection if the endpoint has TLS. If TLS is required there is
    /// no client without it; if it is not, [`Client::is_encrypted`] tells what came of it.
    pub async fn connect(endpoint: &Endpoint, deadline: Instant) -> Result<Self, NutError> {
        let started = Instant::now();
        timeout_at(deadline, open(endpoint, deadline)).await.unwrap_or_else(|_| {
            Err(NutError::Timeout {
                endpoint: endpoint.to_string(),
                asked: if endpoint.tls.is_some() { "connect, STARTTLS" } else { "connect" }.into(),
                waited: started.elapsed(),
            })
        })
    }

    /// A client over a stream to a server that is called `endpoint` in messages. What is sent is in
    /// clear.
    pub fn over(
        stream: impl AsyncRead + AsyncWrite + Send + Unpin + 'static,
        endpoint: &str,
    ) -> Self {
        let endpoint = endpoint.to_owned();
        Self { link: Some(Link::new(stream)), endpoint, encrypted: false, user: None }
    }
}

async fn open(endpoint: &Endpoint, deadline: Instant) -> Result<Client, NutError> {
    let handshake = match &endpoint.tls {
        Some(tls) => Some((tls, Handshake::prepare(endpoint, tls).await?)),
        None => None,
    };
    let stream = dial(endpoint).await?;
    let client = Client::over(stream, &endpoint.to_string());
    match handshake {
        Some((tls, handshake)) => start_tls(client, endpoint, tls, handshake, deadline).await,
        None => Ok(client),
    }
}

async fn dial(endpoint: &Endpoint) -> Result<TcpStream, NutError> {
    let stream = async {
        let stream = TcpStream::connect((endpoint.host.as_str(), endpoint.port)).await?;
        stream.set_nodelay(true)?;
        Ok(stream)
    };
    stream.await.map_err(|source| NutError::Connect { endpoint: endpoint.to_string(), source })
}

/// Asks for TLS and does the handshake, or decides that it can go without.
async fn start_tls(
    mut client: Client,
    endpoint: &Endpoint,
    tls: &Tls,
    handshake: Handshake,
    deadline: Instant,
) -> Result<Client, NutError> {
    let error = match client.command(Request::StartTls, deadline).await {
        Ok(()) => return encrypt(client, endpoint, tls, handshake).await,
        Err(error) => error,
    };
    let refused = |answer| NutError::TlsRefused { endpoint: endpoint.to_string(), answer };
    match error {
        NutError::Refused { code, .. } if tls.required => Err(refused(format!("ERR {code}"))),
        NutError::Refused { .. } => Ok(client),
        NutError::Protocol { source: CodecError::Unexpected { line }, .. } if tls.required => {
            Err(refused(line))
        }
        error => Err(error),
    }
}

async fn encrypt(
    mut client: Client,
    endpoint: &Endpoint,
    tls: &Tls,
    handshake: Handshake,
) -> Result<Client, NutError> {
    let Some(link) = client.link.take() else {
        return Err(NutError::Poisoned { endpoint: endpoint.to_string() });
    };
    let link = link.encrypt(handshake).await.map_err(|source| NutError::TlsHandshake {
        endpoint: endpoint.to_string(),
        server_name: tls.server_name.as_ref().unwrap_or(&endpoint.host).clone(),
        source,
    })?;
    client.link = Some(link);
    client.encrypted = true;
    Ok(client)
}
