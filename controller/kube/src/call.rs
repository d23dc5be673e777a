//! One request: what it is about, to whom it goes, and until when it may take.

use std::time::Duration;

use ananke_ports::ClusterError;
use http::Request;
use serde::de::DeserializeOwned;
use tokio::time::{Instant, timeout_at};

use crate::{errors, fleet::Fleet};

/// Whether a request that got no answer may have changed something.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Effect {
    /// It only looks.
    None,
    /// It writes.
    Write,
}

/// What a request is about.
#[derive(Debug, Clone)]
pub(crate) struct Call {
    /// Verb and resource, as RBAC knows them: `patch nodes/titan-04`.
    pub what: String,
    /// Whether it writes.
    pub effect: Effect,
}

impl Call {
    /// A request that only looks.
    pub(crate) fn reads(what: impl Into<String>) -> Self {
        Self { what: what.into(), effect: Effect::None }
    }

    /// A request that writes.
    pub(crate) fn writes(what: impl Into<String>) -> Self {
        Self { what: what.into(), effect: Effect::Write }
    }
}

/// A request as kube builds it.
pub(crate) type Built = Result<Request<Vec<u8>>, kube::core::request::Error>;

/// The instant at which `deadline` from now is over.
pub(crate) fn until(deadline: Duration) -> Instant {
    let now = Instant::now();
    now.checked_add(deadline).unwrap_or(now)
}

/// Sends a request to the server that answers, and reads what it says.
pub(crate) async fn send<T: DeserializeOwned>(
    fleet: &Fleet,
    call: &Call,
    request: Built,
    until: Instant,
) -> Result<T, ClusterError> {
    let missing = || ClusterError::Failed { message: format!("{}: 404 not found", call.what) };
    send_if_there(fleet, call, request, until).await?.ok_or_else(missing)
}

/// The same, where a 404 is an answer like any other.
pub(crate) async fn send_if_there<T: DeserializeOwned>(
    fleet: &Fleet,
    call: &Call,
    request: Built,
    until: Instant,
) -> Result<Option<T>, ClusterError> {
    let server = fleet.server(until).await?;
    let request = request.map_err(|error| ClusterError::Failed {
        message: format!("cannot {}: {error}", call.what),
    })?;
    let text = match timeout_at(until, server.unary.request_text(request)).await {
        Ok(Ok(text)) => text,
        Ok(Err(kube::Error::Api(status))) if status.code == 404 => return Ok(None),
        Ok(Err(error)) => {
            fleet.note(&error);
            return Err(errors::classify(&error, call, &server.url));
        }
        Err(_) => return Err(errors::overdue(call, &server.url)),
    };
    // Parsed here and not by kube, which writes what it cannot parse into the log.
    let parsed = serde_json::from_str(&text);
    parsed.map(Some).map_err(|error| errors::garbled(&error, call, &server.url))
}
