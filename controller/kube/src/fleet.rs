//! The API servers, and which of them is asked.

use std::{
    path::PathBuf,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, SystemTime},
};

use ananke_core::observe::ApiHealth;
use ananke_ports::ClusterError;
use futures::{StreamExt, stream::FuturesUnordered};
use kube::core::{Request, params::ListParams};
use tokio::{
    sync::{Mutex as AsyncMutex, watch},
    time::{Instant, timeout_at},
};

use crate::{
    call::Call,
    errors,
    server::{self, Server},
};

/// After this long without a heartbeat, whoever needs a fresh view asks for one himself.
const HEARTBEAT: Duration = Duration::from_secs(10);

/// A kubeconfig that the API refuses is read again this often at most, changed or not: the files
/// that it names may have changed.
const REREAD: Duration = Duration::from_secs(30);

/// Which server is asked, and how often that has begun anew.
#[derive(Clone)]
pub(crate) struct Route {
    /// The server that answered last; `None` while none does.
    pub server: Option<Arc<Server>>,
    /// Grows with every change of server and every return from silence: what was seen in an
    /// earlier epoch is a memory.
    pub epoch: u64,
}

/// What was read from the kubeconfig.
#[derive(Default)]
struct Loaded {
    stamp: Option<SystemTime>,
    at: Option<Instant>,
    servers: Vec<Arc<Server>>,
}

/// The API servers.
pub(crate) struct Fleet {
    kubeconfig: PathBuf,
    urls: Vec<http::Uri>,
    loaded: AsyncMutex<Loaded>,
    route: watch::Sender<Route>,
    heard: Mutex<Option<Instant>>,
    /// The API did not take our credentials.
    refused: AtomicBool,
}

type Probed = Result<ApiHealth, ClusterError>;

impl Fleet {
    pub(crate) fn new(kubeconfig: PathBuf, urls: Vec<http::Uri>) -> Self {
        Self {
            kubeconfig,
            urls,
            loaded: AsyncMutex::default(),
            route: watch::Sender::new(Route { server: None, epoch: 0 }),
            heard: Mutex::new(None),
            refused: AtomicBool::new(false),
        }
    }

    /// The route, and its changes.
    pub(crate) fn subscribe(&self) -> watch::Receiver<Route> {
        self.route.subscribe()
    }

    /// The present epoch.
    pub(crate) fn epoch(&self) -> u64 {
        self.route.borrow().epoch
    }

    /// Looks whether an error says that the kubeconfig should be read again.
    pub(crate) fn note(&self, error: &kube::Error) {
        if matches!(error, kube::Error::Api(status) if status.code == 401) {
            self.refused.store(true, Ordering::Relaxed);
        }
    }

    /// The server to ask. Looks for one when none answered last.
    pub(crate) async fn server(&self, until: Instant) -> Result<Arc<Server>, ClusterError> {
        if self.current().is_none() {
            self.health(until).await?;
        }
        self.current().ok_or_else(|| ClusterError::Silent {
            message: "the server that answered is gone again".to_owned(),
        })
    }

    fn current(&self) -> Option<Arc<Server>> {
        self.route.borrow().server.clone()
    }

    /// An error unless a server has answered of late; asks when nobody has for a while.
    pub(crate) async fn heartbeat(&self, until: Instant) -> Result<(), ClusterError> {
        let heard = *self.heard.lock().unwrap_or_else(PoisonError::into_inner);
        let recent = heard.is_some_and(|heard| heard.elapsed() < HEARTBEAT);
        if recent && self.current().is_some() {
            return Ok(());
        }
        self.health(until).await.map(drop)
    }

    /// Asks `/readyz`: the server that answered last, then the others side by side.
    pub(crate) async fn health(&self, until: Instant) -> Probed {
        let servers = match self.servers().await {
            Ok(servers) => servers,
            Err(message) => {
                self.lose();
                return Err(ClusterError::Refused { message });
            }
        };
        let current = self.current().filter(|now| servers.iter().any(|s| Arc::ptr_eq(s, now)));
        let mut answers = Vec::new();
        if let Some(server) = &current {
            let answer = probe(self, server, patience(until, servers.len())).await;
            if matches!(answer, Ok(ApiHealth::Ready)) {
                self.settle(server);
                return answer;
            }
            answers.push((Arc::clone(server), answer));
        }
        let others = servers.iter().filter(|s| current.as_ref().is_none_or(|c| !Arc::ptr_eq(s, c)));
        let ask = |server: &Arc<Server>| {
            let server = Arc::clone(server);
            async move {
                let answer = probe(self, &server, until).await;
                (server, answer)
            }
        };
        let mut asked: FuturesUnordered<_> = others.map(ask).collect();
        while let Some((server, answer)) = asked.next().await {
            if matches!(answer, Ok(ApiHealth::Ready)) {
                self.settle(&server);
                return answer;
            }
            answers.push((server, answer));
        }
        self.make_do(answers)
    }

    /// None is ready: one that answers is still better than none.
    fn make_do(&self, answers: Vec<(Arc<Server>, Probed)>) -> Probed {
        if let Some((server, _)) = answers.iter().find(|(_, answer)| answer.is_ok()) {
            self.settle(server);
            return Ok(ApiHealth::NotReady);
        }
        self.lose();
        let errors: Vec<_> = answers.into_iter().filter_map(|(_, answer)| answer.err()).collect();
        Err(join(&errors))
    }

    fn settle(&self, server: &Arc<Server>) {
        *self.heard.lock().unwrap_or_else(PoisonError::into_inner) = Some(Instant::now());
        self.route.send_if_modified(|route| {
            if route.server.as_ref().is_some_and(|now| Arc::ptr_eq(now, server)) {
                return false;
            }
            tracing::info!(server = %server.url, "the Kubernetes API answers");
            route.server = Some(Arc::clone(server));
            route.epoch += 1;
            true
        });
    }

    fn lose(&self) {
        self.route.send_if_modified(|route| {
            let had = route.server.take();
            if let Some(server) = &had {
                tracing::warn!(server = %server.url, "no server of the Kubernetes API answers");
            }
            had.is_some()
        });
    }

    /// The servers by the kubeconfig as it stands now.
    async fn servers(&self) -> Result<Vec<Arc<Server>>, String> {
        let mut loaded = self.loaded.lock().await;
        let stamp = std::fs::metadata(&self.kubeconfig).and_then(|meta| meta.modified()).ok();
        let refused = self.refused.load(Ordering::Relaxed)
            && loaded.at.is_none_or(|at| at.elapsed() >= REREAD);
        if loaded.servers.is_empty() || loaded.stamp != stamp || refused {
            match server::load(&self.kubeconfig, &self.urls).await {
                Ok(servers) => {
                    *loaded = Loaded { stamp, at: Some(Instant::now()), servers };
                    self.refused.store(false, Ordering::Relaxed);
                }
                // A kubeconfig that is just being written does not take the good one away.
                Err(message) if loaded.servers.is_empty() => return Err(message),
                Err(message) => tracing::warn!(%message, "kubeconfig: the one read before is used"),
            }
        }
        Ok(loaded.servers.clone())
    }
}

/// Half of the time for the server that should answer, where there are others to be asked.
fn patience(until: Instant, servers: usize) -> Instant {
    let now = Instant::now();
    let left = until.saturating_duration_since(now);
    if servers > 1 { now + left / 2 } else { until }
}

async fn probe(fleet: &Fleet, server: &Server, until: Instant) -> Probed {
    let call = Call::reads("get /readyz");
    let request = match Request::new("/readyz").list(&ListParams::default()) {
        Ok(request) => request,
        Err(error) => return Err(ClusterError::Failed { message: error.to_string() }),
    };
    match timeout_at(until, server.unary.request_text(request)).await {
        Ok(Ok(text)) if text.trim() == "ok" => Ok(ApiHealth::Ready),
        Ok(Ok(_)) => Err(ClusterError::Failed {
            message: format!(
                "{}: /readyz does not say `ok`; is this a Kubernetes API?",
                server.url
            ),
        }),
        Ok(Err(kube::Error::Api(status))) if status.code == 429 || status.code >= 500 => {
            tracing::debug!(server = %server.url, said = %status.message, "not ready");
            Ok(ApiHealth::NotReady)
        }
        Ok(Err(error)) => {
            fleet.note(&error);
            Err(errors::classify(&error, &call, &server.url))
        }
        Err(_) => Err(errors::overdue(&call, &server.url)),
    }
}

/// One error out of those of all servers: a refusal weighs more than silence, since it needs a
/// person.
fn join(errors: &[ClusterError]) -> ClusterError {
    let graver = |error: &ClusterError| match error {
        ClusterError::Refused { .. } => 2,
        ClusterError::Failed { .. } => 1,
        _ => 0,
    };
    let gravest = errors.iter().map(graver).max();
    let text = |error: &ClusterError| {
        let text = error.to_string();
        text.trim_start_matches("Kubernetes API: ").to_owned()
    };
    let message = errors.iter().map(text).collect::<Vec<_>>().join("; ");
    match gravest {
        Some(2) => ClusterError::Refused { message },
        Some(1) => ClusterError::Failed { message },
        _ => ClusterError::Silent { message },
    }
}
