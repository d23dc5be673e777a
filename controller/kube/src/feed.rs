//! One list and one watch of one kind of object, for ever.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use ananke_ports::ClusterError;
use futures::TryStreamExt;
use kube::core::{
    Request, WatchEvent,
    params::{ListParams, WatchParams},
};
use tokio::{
    sync::{Notify, Semaphore},
    time::{Instant, sleep, timeout},
};

use crate::{
    call::Call,
    errors,
    fleet::Fleet,
    server::Server,
    store::{Key, Loss, Store},
    wire::{Page, Wire},
};

/// Objects per page of a list: a page of pods is about 1 MB of text.
const PAGE: u32 = 100;
/// How long one page, or the beginning of a watch, may take.
const ANSWER: Duration = Duration::from_secs(10);
/// The server is asked to end a watch after this, in seconds: beginning anew costs one request and
/// proves that the way is open.
const WATCH_SECONDS: u32 = 25;
/// A watch that has told nothing for so long, not even its end, is dead.
const SILENCE: Duration = Duration::from_secs(30);
/// A kind that the API does not have is looked for this often.
const ABSENT: Duration = Duration::from_secs(60);
/// First pause after a failure; it doubles up to [`PAUSE_MAX`].
const PAUSE: Duration = Duration::from_millis(500);
/// Longest pause after a failure.
const PAUSE_MAX: Duration = Duration::from_secs(15);

/// What all feeds share.
#[derive(Clone)]
pub(crate) struct Shared {
    pub fleet: Arc<Fleet>,
    /// Rung when the facts may have changed.
    pub bell: Arc<Notify>,
    /// One list at a time, so that only one page is in memory.
    pub lists: Arc<Semaphore>,
}

/// What is kept of an object; `None` for one of no interest.
pub(crate) type Keep<W> = Box<dyn Fn(&W) -> Option<<W as Wire>::Kept> + Send + Sync>;

/// What to list and watch, and what to keep of it.
pub(crate) struct Feed<W: Wire> {
    /// The collection's path: `/api/v1/pods`.
    pub path: String,
    /// A field selector that spares what is of no interest.
    pub fields: Option<String>,
    /// Whether the API may lack this kind.
    pub optional: bool,
    /// What to keep.
    pub keep: Keep<W>,
    /// Where it is kept.
    pub store: Arc<Store<W::Kept>>,
}

/// Why a watch ended.
enum End {
    /// The API does not have this kind.
    Absent,
    /// The version that we know is too old for the server: list again at once.
    TooOld,
    /// It failed.
    Failed(Loss),
}

impl<W: Wire> Feed<W> {
    /// Runs until it is dropped.
    pub(crate) async fn run(self, shared: Shared) {
        let mut route = shared.fleet.subscribe();
        let mut pause = PAUSE;
        loop {
            let here = route.borrow_and_update().clone();
            let Some(server) = here.server else {
                self.lose(&shared, Loss::Listing);
                if route.changed().await.is_err() {
                    return;
                }
                pause = PAUSE;
                continue;
            };
            tokio::select! {
                gone = route.changed() => {
                    if gone.is_err() {
                        return;
                    }
                    pause = PAUSE;
                    self.lose(&shared, Loss::Listing);
                }
                () = self.attempt(&shared, &server, &mut pause) => {}
            }
        }
    }

    /// Lists and watches until that fails, and rests a little.
    async fn attempt(&self, shared: &Shared, server: &Server, pause: &mut Duration) {
        let began = Instant::now();
        let rest = match self.follow(shared, server).await {
            End::Absent => {
                if !self.store.is_absent() {
                    self.store.absent();
                    shared.bell.notify_one();
                }
                ABSENT
            }
            End::TooOld => {
                self.lose(shared, Loss::Listing);
                PAUSE
            }
            End::Failed(loss) => {
                tracing::debug!(kind = self.store.what, ?loss, "watch ended");
                self.lose(shared, loss);
                if began.elapsed() > SILENCE {
                    *pause = PAUSE;
                }
                let rest = *pause;
                *pause = PAUSE_MAX.min(rest * 2);
                rest
            }
        };
        sleep(rest).await;
    }

    fn lose(&self, shared: &Shared, loss: Loss) {
        let was_live = self.store.is_live();
        self.store.lost(loss, Instant::now());
        if was_live {
            shared.bell.notify_one();
        }
    }

    /// Lists once, then watches for as long as that works.
    async fn follow(&self, shared: &Shared, server: &Server) -> End {
        let mut version = match self.list(shared, server).await {
            Ok(version) => version,
            Err(error) => return self.end(&error, shared, server, "list"),
        };
        shared.bell.notify_one();
        loop {
            let opened = Instant::now();
            if let Err(end) = self.watch(shared, server, &mut version).await {
                return end;
            }
            if opened.elapsed() < PAUSE {
                // A server on its way down ends every watch as soon as it is opened.
                sleep(PAUSE).await;
            }
        }
    }

    async fn list(&self, shared: &Shared, server: &Server) -> Result<String, kube::Error> {
        let _turn = shared.lists.acquire().await;
        let mut objects = BTreeMap::new();
        let mut more = None;
        loop {
            let params = ListParams {
                limit: Some(PAGE),
                continue_token: more.take(),
                field_selector: self.fields.clone(),
                ..ListParams::default()
            };
            let request = Request::new(&self.path).list(&params);
            let request = request.map_err(kube::Error::BuildRequest)?;
            // The client gives a silent server up after 10 s, but not one that drips.
            let text = match timeout(ANSWER, server.unary.request_text(request)).await {
                Ok(text) => text?,
                Err(_) => return Err(late("the list takes too long")),
            };
            let page: Page<W> = serde_json::from_str(&text).map_err(kube::Error::SerdeError)?;
            for object in page.items.into_iter().flatten() {
                if let Some(kept) = (self.keep)(&object) {
                    let meta = object.meta();
                    objects.insert(Key::new(&meta.namespace, &meta.name), kept);
                }
            }
            if page.metadata.more.is_empty() {
                self.store.replace(objects, Instant::now());
                return Ok(page.metadata.resource_version);
            }
            more = Some(page.metadata.more);
        }
    }

    /// One watch, until the server ends it.
    async fn watch(
        &self,
        shared: &Shared,
        server: &Server,
        version: &mut String,
    ) -> Result<(), End> {
        let fail = |error: kube::Error| self.end(&error, shared, server, "watch");
        let params = WatchParams {
            timeout: Some(WATCH_SECONDS),
            field_selector: self.fields.clone(),
            ..WatchParams::default()
        };
        let request = Request::new(&self.path).watch(&params, version);
        let request = request.map_err(|error| fail(kube::Error::BuildRequest(error)))?;
        let opened = timeout(ANSWER, server.watching.request_events::<W>(request)).await;
        let events = opened.map_err(|_| fail(late("the watch does not begin")))?.map_err(fail)?;
        let mut events = std::pin::pin!(events);
        self.store.alive(Instant::now());
        loop {
            let next = timeout(SILENCE, events.try_next()).await;
            let next = next.map_err(|_| fail(late("the watch is silent")))?.map_err(fail)?;
            let Some(event) = next else { return Ok(()) };
            self.store.alive(Instant::now());
            if self.apply(event, version).map_err(fail)? {
                shared.bell.notify_one();
            }
        }
    }

    /// Says whether the event changed anything that is kept.
    fn apply(&self, event: WatchEvent<W>, version: &mut String) -> Result<bool, kube::Error> {
        let (object, kept) = match event {
            WatchEvent::Added(object) | WatchEvent::Modified(object) => {
                let kept = (self.keep)(&object);
                (object, kept)
            }
            WatchEvent::Deleted(object) => (object, None),
            WatchEvent::Bookmark(bookmark) => {
                *version = bookmark.metadata.resource_version;
                return Ok(false);
            }
            WatchEvent::Error(status) => return Err(kube::Error::Api(status)),
        };
        let meta = object.meta();
        version.clone_from(&meta.resource_version);
        Ok(self.store.tell(Key::new(&meta.namespace, &meta.name), kept, Instant::now()))
    }

    fn end(&self, error: &kube::Error, shared: &Shared, server: &Server, verb: &str) -> End {
        shared.fleet.note(error);
        if let kube::Error::Api(status) = error {
            match status.code {
                404 if self.optional => return End::Absent,
                410 => return End::TooOld,
                _ => {}
            }
        }
        let call = Call::reads(format!("{verb} {}", self.store.what));
        let loss = match errors::classify(error, &call, &server.url) {
            ClusterError::Refused { message } => Loss::Refused(message),
            ClusterError::Silent { message }
            | ClusterError::Unknown { message }
            | ClusterError::Stale { message }
            | ClusterError::Busy { message, .. }
            | ClusterError::Conflict { message }
            | ClusterError::Failed { message } => Loss::Broken(message),
        };
        End::Failed(loss)
    }
}

/// Our own bound was reached.
fn late(message: &'static str) -> kube::Error {
    kube::Error::Service(Box::new(std::io::Error::new(std::io::ErrorKind::TimedOut, message)))
}
