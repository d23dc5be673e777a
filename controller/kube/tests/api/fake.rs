//! A Kubernetes API on 127.0.0.1 that can misbehave: as much of HTTP/1.1, lists and watches as the
//! adapter uses.

use std::{
    collections::BTreeMap,
    fmt::Write as _,
    path::PathBuf,
    sync::{Arc, Mutex, MutexGuard},
    time::Duration,
};

use ananke_core::observe::ClusterFacts;
use ananke_kube::{KubeCluster, KubeConfig};
use ananke_ports::{Cluster, ClusterError};
use serde_json::{Value, json};
use tokio::{
    io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader},
    net::{TcpListener, TcpStream, tcp::OwnedWriteHalf},
    sync::watch,
    task::JoinHandle,
    time::timeout,
};

pub(crate) const NODES: &str = "/api/v1/nodes";
pub(crate) const PODS: &str = "/api/v1/pods";
pub(crate) const NODE_LEASES: &str =
    "/apis/coordination.k8s.io/v1/namespaces/kube-node-lease/leases";
pub(crate) const KUSTOMIZATIONS: &str = "/apis/kustomize.toolkit.fluxcd.io/v1/kustomizations";
pub(crate) const HELM_RELEASES: &str = "/apis/helm.toolkit.fluxcd.io/v2/helmreleases";
pub(crate) const ATTACHMENTS: &str = "/apis/storage.k8s.io/v1/volumeattachments";
pub(crate) const MIRRORS: &str = "/apis/ananke.dev/v1alpha1/powerpolicies";

/// Long enough for a busy machine; a test that is right never waits for it.
pub(crate) const PATIENCE: Duration = Duration::from_secs(20);

/// How the server answers a request.
#[derive(Debug, Clone)]
pub(crate) enum Reply {
    /// A whole answer.
    Json(u16, Value),
    /// A whole answer that is no JSON.
    Text(u16, &'static str),
    /// Half of an answer, then the connection is cut.
    Cut,
    /// Nothing, for ever.
    Silent,
}

/// A request as it came.
#[derive(Debug, Clone)]
pub(crate) struct Asked {
    pub method: String,
    pub path: String,
    pub query: String,
    pub body: Value,
}

#[derive(Default)]
struct State {
    collections: BTreeMap<String, Vec<Value>>,
    replies: BTreeMap<(String, String), Reply>,
    asked: Vec<Asked>,
    /// What watches are told: of which collection, from which version on, and what.
    log: Vec<(String, u64, Value)>,
    version: u64,
    silent: bool,
}

/// The server.
pub(crate) struct FakeApi {
    pub url: String,
    state: Arc<Mutex<State>>,
    /// Rung when there is more to tell, or nothing any more.
    bell: watch::Sender<()>,
    task: JoinHandle<()>,
    folder: tempfile::TempDir,
}

impl Drop for FakeApi {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl FakeApi {
    /// A server with empty collections of everything but Flux and the `PowerPolicy`.
    pub(crate) async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let mut state = State { version: 10, ..State::default() };
        for path in [NODES, PODS, NODE_LEASES, ATTACHMENTS] {
            state.collections.insert(path.into(), Vec::new());
        }
        let state = Arc::new(Mutex::new(state));
        let bell = watch::Sender::new(());
        let task = tokio::spawn(accept(listener, Arc::clone(&state), bell.subscribe()));
        let folder = tempfile::tempdir().unwrap();
        let api = Self { url, state, bell, task, folder };
        std::fs::write(api.kubeconfig(), kubeconfig(&api.url)).unwrap();
        api
    }

    pub(crate) fn kubeconfig(&self) -> PathBuf {
        self.folder.path().join("kubeconfig")
    }

    pub(crate) fn config(&self) -> KubeConfig {
        KubeConfig {
            kubeconfig: self.kubeconfig(),
            servers: Vec::new(),
            identity: "titan-db".into(),
            policy: "atlas".into(),
            carriers: vec!["app=dns".into()],
            source: None,
        }
    }

    pub(crate) fn cluster(&self) -> KubeCluster {
        KubeCluster::new(self.config()).unwrap()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap()
    }

    /// From now on this request is answered so.
    pub(crate) fn answer(&self, method: &str, path: &str, reply: Reply) {
        self.state().replies.insert((method.into(), path.into()), reply);
    }

    /// From now on this request is answered as it should be.
    pub(crate) fn relent(&self, method: &str, path: &str) {
        self.state().replies.remove(&(method.into(), path.into()));
    }

    /// From now on connections are taken, and nothing is ever said on them.
    pub(crate) fn silence(&self, silent: bool) {
        self.state().silent = silent;
        // Ends the watches too.
        self.bell.send_replace(());
    }

    /// Puts an object into a collection, and tells the watches.
    pub(crate) fn put(&self, path: &str, mut object: Value) {
        let mut state = self.state();
        state.version += 1;
        object["metadata"]["resourceVersion"] = json!(state.version.to_string());
        let objects = state.collections.entry(path.into()).or_default();
        let is_it = |other: &Value| {
            other["metadata"]["name"] == object["metadata"]["name"]
                && other["metadata"]["namespace"] == object["metadata"]["namespace"]
        };
        let kind = if objects.iter().any(is_it) { "MODIFIED" } else { "ADDED" };
        objects.retain(|other| !is_it(other));
        objects.push(object.clone());
        let version = state.version;
        state.log.push((path.into(), version, json!({"type": kind, "object": object})));
        drop(state);
        self.bell.send_replace(());
    }

    /// Tells the watches of a collection anything.
    pub(crate) fn tell(&self, path: &str, event: Value) {
        let mut state = self.state();
        state.version += 1;
        let version = state.version;
        state.log.push((path.into(), version, event));
        drop(state);
        self.bell.send_replace(());
    }

    /// The requests of this method whose path begins so; watches have the method `WATCH`.
    pub(crate) fn asked(&self, method: &str, path: &str) -> Vec<Asked> {
        let matches = |asked: &&Asked| asked.method == method && asked.path.starts_with(path);
        self.state().asked.iter().filter(matches).cloned().collect()
    }
}

/// A kubeconfig without credentials.
pub(crate) fn kubeconfig(url: &str) -> String {
    format!(
        "apiVersion: v1\nkind: Config\ncurrent-context: c\n\
         clusters: [{{name: c, cluster: {{server: \"{url}\"}}}}]\n\
         users: [{{name: u, user: {{}}}}]\n\
         contexts: [{{name: c, context: {{cluster: c, user: u}}}}]\n"
    )
}

/// A `Status` as the API says no with.
pub(crate) fn status(code: u16, reason: &str, message: &str) -> Value {
    json!({
        "kind": "Status", "apiVersion": "v1", "status": "Failure",
        "code": code, "reason": reason, "message": message
    })
}

/// Waits until the facts are as `wanted` says.
pub(crate) async fn facts_until(
    cluster: &KubeCluster,
    wanted: impl Fn(&Result<ClusterFacts, ClusterError>) -> bool,
) -> Result<ClusterFacts, ClusterError> {
    let mut last = None;
    let waiting = async {
        loop {
            let facts = cluster.facts(Duration::from_secs(1)).await;
            if wanted(&facts) {
                return facts;
            }
            last = Some(facts);
            let _ = timeout(Duration::from_millis(100), cluster.changed()).await;
        }
    };
    let found = timeout(PATIENCE, waiting).await;
    found.unwrap_or_else(|_| panic!("never as wanted; the last facts: {last:?}"))
}

async fn accept(listener: TcpListener, state: Arc<Mutex<State>>, bell: watch::Receiver<()>) {
    let mut connections = tokio::task::JoinSet::new();
    loop {
        let (stream, _) = listener.accept().await.unwrap();
        connections.spawn(serve(stream, Arc::clone(&state), bell.clone()));
    }
}

/// Serves one connection until it ends.
async fn serve(stream: TcpStream, state: Arc<Mutex<State>>, bell: watch::Receiver<()>) {
    let (read, mut write) = stream.into_split();
    let mut read = BufReader::new(read);
    while let Some(asked) = request(&mut read).await {
        let reply = {
            let mut state = state.lock().unwrap();
            state.asked.push(asked.clone());
            if state.silent { Some(Reply::Silent) } else { reply(&state, &asked) }
        };
        match reply {
            None => return follow(&asked, &state, bell, write).await,
            Some(Reply::Json(code, body)) => respond(&mut write, code, &body.to_string()).await,
            Some(Reply::Text(code, body)) => respond(&mut write, code, body).await,
            Some(Reply::Cut) => {
                let half = "HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\n{\"half\":";
                let _ = write.write_all(half.as_bytes()).await;
                return;
            }
            Some(Reply::Silent) => std::future::pending().await,
        }
    }
}

async fn request(read: &mut BufReader<tokio::net::tcp::OwnedReadHalf>) -> Option<Asked> {
    let mut line = String::new();
    read.read_line(&mut line).await.ok().filter(|length| *length > 0)?;
    let mut words = line.split_whitespace().map(ToOwned::to_owned);
    let (method, target) = (words.next()?, words.next()?);
    let mut length = 0;
    loop {
        let mut header = String::new();
        read.read_line(&mut header).await.ok()?;
        let header = header.trim().to_ascii_lowercase();
        if header.is_empty() {
            break;
        }
        if let Some(value) = header.strip_prefix("content-length:") {
            length = value.trim().parse().ok()?;
        }
    }
    let mut body = vec![0; length];
    read.read_exact(&mut body).await.ok()?;
    let (path, query) = target.split_once('?').unwrap_or((&target, ""));
    let watches = query.contains("watch=true");
    Some(Asked {
        method: if watches { "WATCH".into() } else { method },
        path: path.to_owned(),
        query: query.to_owned(),
        body: serde_json::from_slice(&body).unwrap_or(Value::Null),
    })
}

/// `None` for a watch that goes well.
fn reply(state: &State, asked: &Asked) -> Option<Reply> {
    if let Some(reply) = state.replies.get(&(asked.method.clone(), asked.path.clone())) {
        return Some(reply.clone());
    }
    if asked.path == "/readyz" {
        return Some(Reply::Text(200, "ok"));
    }
    let missing = || Some(Reply::Json(404, status(404, "NotFound", "not found")));
    if let Some(objects) = state.collections.get(&asked.path) {
        return match asked.method.as_str() {
            "WATCH" => None,
            "GET" => Some(Reply::Json(
                200,
                json!({
                    "metadata": {"resourceVersion": state.version.to_string()},
                    "items": objects
                }),
            )),
            _ => Some(Reply::Json(201, json!({}))),
        };
    }
    if asked.method != "GET" {
        return Some(Reply::Json(200, json!({"metadata": {"resourceVersion": "1"}})));
    }
    let Some((collection, name)) = asked.path.rsplit_once('/') else { return missing() };
    let objects = state.collections.get(collection).into_iter().flatten();
    let found = objects.into_iter().find(|object| object["metadata"]["name"] == name);
    found.map_or_else(missing, |object| Some(Reply::Json(200, object.clone())))
}

async fn respond(write: &mut OwnedWriteHalf, code: u16, body: &str) {
    let head = format!("HTTP/1.1 {code} X\r\ncontent-length: {}\r\n\r\n{body}", body.len());
    let _ = write.write_all(head.as_bytes()).await;
}

/// Tells the events of a collection until the server falls silent.
async fn follow(
    asked: &Asked,
    state: &Mutex<State>,
    mut bell: watch::Receiver<()>,
    mut write: OwnedWriteHalf,
) {
    let version = asked.query.split('&').find_map(|pair| pair.strip_prefix("resourceVersion="));
    let mut version: u64 = version.and_then(|text| text.parse().ok()).unwrap_or_default();
    let mut text = "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n".to_owned();
    loop {
        bell.borrow_and_update();
        {
            let state = state.lock().unwrap();
            if state.silent {
                return;
            }
            let new = state.log.iter().filter(|(of, at, _)| *of == asked.path && *at > version);
            for (_, _, event) in new {
                let line = format!("{event}\n");
                write!(text, "{:x}\r\n{line}\r\n", line.len()).unwrap();
            }
            version = state.version;
        }
        if write.write_all(text.as_bytes()).await.is_err() || bell.changed().await.is_err() {
            return;
        }
        text.clear();
    }
}
