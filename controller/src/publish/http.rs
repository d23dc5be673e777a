//! HTTP: read-only. `/metrics`, `/healthz`, `/readyz`, `/status`, and the page `/`.

use std::{convert::Infallible, future::Future, net::SocketAddr, sync::Arc, time::Duration};

use tokio::{net::TcpListener, sync::watch};
use warp::{
    Filter, Reply,
    http::{StatusCode, header},
};

use super::{self as publish, metrics::Metrics};

mod page;

/// What is told last, and since when by this process's clock.
pub type Told = watch::Receiver<Option<Arc<publish::Told>>>;

type Latest = Option<Arc<publish::Told>>;

/// The loop makes a turn every few seconds; older than this it is stuck.
const STALE: Duration = Duration::from_secs(60);

/// Why there is no page.
#[derive(Debug, thiserror::Error)]
#[error("cannot listen on {address}")]
pub struct ListenError {
    address: SocketAddr,
    source: std::io::Error,
}

/// Serves until `stop` is done. The address is taken before this returns.
pub async fn serve(
    address: SocketAddr,
    told: Told,
    metrics: Arc<Metrics>,
    stop: impl Future<Output = ()> + Send + 'static,
) -> Result<(SocketAddr, impl Future<Output = ()>), ListenError> {
    let failed = |source| ListenError { address, source };
    let listener = TcpListener::bind(address).await.map_err(failed)?;
    let address = listener.local_addr().map_err(failed)?;
    let routes = routes(told, metrics, address);
    let server = warp::serve(routes).incoming(listener).graceful(stop).run();
    Ok((address, server))
}

fn routes(
    told: Told,
    metrics: Arc<Metrics>,
    address: SocketAddr,
) -> impl Filter<Extract = (impl Reply,), Error = Infallible> + Clone {
    let with_told = warp::any().map(move || told.borrow().clone());
    let metrics = warp::path!("metrics").and(with_told.clone()).map(move |told: Latest| {
        text("text/plain; version=0.0.4; charset=utf-8", metrics.text(told.as_deref()))
    });
    let health =
        warp::path!("healthz").and(with_told.clone()).map(|told: Latest| healthy(told.as_ref()));
    let ready =
        warp::path!("readyz").and(with_told.clone()).map(|told: Latest| ready(told.as_ref()));
    let state =
        warp::path!("status").and(with_told.clone()).map(|told: Latest| status(told.as_ref()));
    let page = warp::path::end().and(with_told).map(|told: Latest| {
        let page = page::page(told.as_deref().map(|told| told.published().as_ref()));
        text("text/html; charset=utf-8", page)
    });
    let found = metrics.or(health).unify().or(ready).unify().or(state).unify().or(page).unify();
    let asked = warp::get().or(warp::head()).unify();
    let guarded = asked.and(own_name(address)).and(found);
    guarded.recover(refuse).unify().with(warp::reply::with::headers(security()))
}

/// A browser that was lured to this port by another name is refused (DNS rebinding).
fn own_name(address: SocketAddr) -> impl Filter<Extract = (), Error = warp::Rejection> + Clone {
    warp::header::optional::<String>("host")
        .and_then(move |host: Option<String>| async move {
            if host.is_none_or(|host| is_own_name(&host, address)) {
                Ok(())
            } else {
                Err(warp::reject::custom(ForeignName))
            }
        })
        .untuple_one()
}

/// An address is nobody's lure; of names only `localhost` is ours, unless a person listens on
/// another address: then any name may stand for it.
fn is_own_name(host: &str, address: SocketAddr) -> bool {
    let name = host.strip_suffix(&format!(":{}", address.port())).unwrap_or(host);
    let bare = name.trim_start_matches('[').trim_end_matches(']');
    name == "localhost" || bare.parse::<std::net::IpAddr>().is_ok() || !address.ip().is_loopback()
}

#[derive(Debug)]
struct ForeignName;

impl warp::reject::Reject for ForeignName {}

async fn refuse(rejection: warp::Rejection) -> Result<warp::reply::Response, Infallible> {
    let (status, message) = if rejection.find::<ForeignName>().is_some() {
        (StatusCode::MISDIRECTED_REQUEST, "ask by address or as localhost\n")
    } else if rejection.is_not_found() {
        (StatusCode::NOT_FOUND, "there are /, /status, /metrics, /healthz and /readyz\n")
    } else {
        (StatusCode::METHOD_NOT_ALLOWED, "read-only: commands do what is to be done\n")
    };
    let mut response = warp::reply::with_status(message, status).into_response();
    if status == StatusCode::METHOD_NOT_ALLOWED {
        response.headers_mut().insert(header::ALLOW, header::HeaderValue::from_static("GET, HEAD"));
    }
    Ok(response)
}

fn security() -> warp::http::HeaderMap {
    let mut headers = warp::http::HeaderMap::new();
    headers.insert(header::CACHE_CONTROL, header::HeaderValue::from_static("no-store"));
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, header::HeaderValue::from_static("nosniff"));
    headers.insert(
        header::CONTENT_SECURITY_POLICY,
        header::HeaderValue::from_static(
            "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'; \
             frame-ancestors 'none'",
        ),
    );
    headers
}

fn text(kind: &'static str, body: String) -> warp::reply::Response {
    warp::reply::with_header(body, header::CONTENT_TYPE, kind).into_response()
}

fn now_unix() -> i64 {
    jiff::Timestamp::now().as_second()
}

fn healthy(told: Option<&Arc<publish::Told>>) -> warp::reply::Response {
    let stale = i64::try_from(STALE.as_secs()).unwrap_or(i64::MAX);
    let alive = told
        .as_ref()
        .is_none_or(|told| now_unix().saturating_sub(told.scene().turned_unix_seconds) <= stale);
    said(alive, "the loop has made no turn for a minute")
}

fn ready(told: Option<&Arc<publish::Told>>) -> warp::reply::Response {
    let complete = told.is_some_and(|told| told.scene().complete);
    said(complete, "not everything was looked at yet")
}

fn said(yes: bool, no: &'static str) -> warp::reply::Response {
    if yes {
        text("text/plain; charset=utf-8", "ok\n".into())
    } else {
        let reply = warp::reply::with_status(format!("{no}\n"), StatusCode::SERVICE_UNAVAILABLE);
        reply.into_response()
    }
}

fn status(told: Option<&Arc<publish::Told>>) -> warp::reply::Response {
    match told {
        Some(told) => warp::reply::json(told.published().as_ref()).into_response(),
        None => said(false, "nothing was decided yet"),
    }
}
