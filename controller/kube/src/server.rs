//! One API server: a client for calls and one for watches.

use std::{path::Path, sync::Arc, time::Duration};

use kube::{
    Client, Config,
    config::{KubeConfigOptions, Kubeconfig},
};

/// A server on the same network answers a SYN within milliseconds; three lost ones say enough.
const CONNECT: Duration = Duration::from_secs(3);
/// Nothing that is asked here takes a living server this long.
const ANSWER: Duration = Duration::from_secs(10);

/// One API server.
pub(crate) struct Server {
    /// Its URL, for messages.
    pub url: String,
    /// For calls: gives up a silent server by itself.
    pub unary: Client,
    /// For watches, which are silent by nature; their reader sets the bounds.
    pub watching: Client,
}

/// Builds the clients for every server; the kubeconfig's own where `servers` is empty.
///
/// The message of the error says what is wrong with the kubeconfig.
pub(crate) async fn load(path: &Path, servers: &[http::Uri]) -> Result<Vec<Arc<Server>>, String> {
    let complain = |error: &dyn std::fmt::Display| format!("{}: {error}", path.display());
    let kubeconfig = Kubeconfig::read_from(path).map_err(|error| complain(&error))?;
    let options = KubeConfigOptions::default();
    let base = Config::from_custom_kubeconfig(kubeconfig, &options)
        .await
        .map_err(|error| complain(&error))?;
    let own = [base.cluster_url.clone()];
    let urls = if servers.is_empty() { &own } else { servers };
    let build = |url: &http::Uri| build(&base, url).map_err(|error| complain(&error));
    urls.iter().map(build).collect()
}

fn build(base: &Config, url: &http::Uri) -> Result<Arc<Server>, kube::Error> {
    let mut config = base.clone();
    config.cluster_url = url.clone();
    // kube would repeat 429 and 503 by itself, up to the server's `Retry-After`.
    config.default_retry = false;
    config.connect_timeout = Some(CONNECT);
    config.write_timeout = Some(ANSWER);
    let watching = Client::try_from(config.clone())?;
    config.read_timeout = Some(ANSWER);
    // Else the time that a pooled connection lay idle would count.
    config.reset_reader_on_write = true;
    let unary = Client::try_from(config)?;
    let url = url.to_string().trim_end_matches('/').to_owned();
    Ok(Arc::new(Server { url, unary, watching }))
}
