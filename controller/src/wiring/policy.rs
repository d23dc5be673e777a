//! The policy in force: the last good document, across restarts.

use std::{
    fmt::Write as _,
    fs,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use ananke_core::plant::Plant;
use ananke_crds::{
    Problems, parse_policy,
    policy::{
        Autostart, OnOwnHostShutdown, PowerPolicy, SkippableStep, Target, WayBack, WholeCluster,
    },
};
use ananke_ports::{Clock, Store};
use notify::{
    EventKind, RecursiveMode, Watcher,
    event::{AccessKind, AccessMode},
};
use sha2::{Digest, Sha256};
use tokio::sync::{mpsc, watch};

use crate::{
    publish::Spec,
    state::{LAST_GOOD, put_aside},
};

/// A valid policy, compiled, and what is wrong with the document if it is not the one in force.
pub struct InForce {
    /// The policy.
    pub policy: PowerPolicy,
    /// The policy, compiled.
    pub plant: Arc<Plant>,
    /// Why the document on disk is not in force, in one line.
    pub problem: Option<String>,
    /// Everything but target, reason and suspend: what a world is wired for.
    pub shape: String,
    /// The whole document's digest.
    pub digest: String,
    /// The spec, as it is told and mirrored.
    pub spec: Arc<Spec>,
}

/// Why a document cannot be in force.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{whole}")]
pub struct Refused {
    line: String,
    whole: String,
}

impl Refused {
    /// In one line, for the status; all of it is what it displays.
    pub fn line(&self) -> &str {
        &self.line
    }

    /// This, and something else that is wrong.
    fn and(&self, other: &str) -> Self {
        let Self { line, whole } = self;
        Self { line: format!("{line}; {other}"), whole: format!("{whole}\n{other}") }
    }
}

impl From<String> for Refused {
    fn from(line: String) -> Self {
        Self { whole: line.clone(), line }
    }
}

impl From<Problems> for Refused {
    fn from(problems: Problems) -> Self {
        Self { line: problems.line(), whole: problems.to_string() }
    }
}

impl InForce {
    /// Compiles a document; the message names file, line and column.
    pub fn of(text: &str, file: &str) -> Result<Self, Refused> {
        let policy = parse_policy(text, file)?.value;
        let unsupported = unsupported(&policy);
        if !unsupported.is_empty() {
            let sections = unsupported.join(", ");
            let line = format!("{file}: this version cannot act on {sections} yet: leave it out");
            return Err(line.into());
        }
        let plant = Plant::compile(policy.metadata.name.as_str(), &policy.spec)
            .map_err(|cycle| format!("{file}: {cycle}"))?;
        let mut bare = policy.spec.clone();
        bare.target = Target::Running;
        bare.reason = None;
        bare.suspend = false;
        let shape = digest(&serde_json::to_vec(&bare).unwrap_or_default());
        Ok(Self {
            digest: digest(text.as_bytes()),
            shape,
            plant: Arc::new(plant),
            spec: Arc::new(Spec::new(serde_json::to_value(&policy.spec).unwrap_or_default())),
            policy,
            problem: None,
        })
    }

    /// The policy's name.
    pub fn name(&self) -> &str {
        self.policy.metadata.name.as_str()
    }

    /// The generation that the document itself carries, if any.
    pub fn generation(&self) -> Option<i64> {
        self.policy.metadata.generation
    }

    /// This policy, in force instead of a document that is refused.
    #[must_use]
    pub fn with_problem(&self, problem: &Refused) -> Self {
        let problem = format!(
            "the document is not in force, the last good one is: {}; to see all of it: ananke \
             validate",
            problem.line()
        );
        Self {
            policy: self.policy.clone(),
            plant: Arc::clone(&self.plant),
            problem: Some(problem),
            shape: self.shape.clone(),
            digest: self.digest.clone(),
            spec: Arc::clone(&self.spec),
        }
    }
}

/// Sections that validate and that this version has no step for: refusing them is safe, passing
/// them over is not.
fn unsupported(policy: &PowerPolicy) -> Vec<&'static str> {
    let (down, up) = (&policy.spec.shutdown, &policy.spec.startup);
    let migrate = WholeCluster::Migrate;
    let skips_quiesce = down.emergency.skip.contains(&SkippableStep::Quiesce);
    let mut offs = policy.spec.hosts.iter().filter_map(|host| host.off);
    let by_peer = offs.any(|off| off.way_back == WayBack::Peer);
    [
        ("spec.shutdown.quiesce", !down.quiesce.is_empty()),
        ("spec.startup.layers", !up.layers.is_empty()),
        ("spec.startup.vault", !up.vault.is_empty()),
        ("spec.startup.images", !up.images.is_empty()),
        ("spec.startup.storage", up.storage.is_some()),
        ("spec.startup.etcdRestore", up.etcd_restore.is_some()),
        ("spec.startup.services", !up.services.is_empty()),
        ("spec.startup.ingress", up.ingress.is_some()),
        ("spec.startup.workloads", up.workloads.is_some()),
        ("spec.startup.soak", up.soak.is_some()),
        ("spec.startup.autostart: hold", up.autostart == Autostart::Hold),
        ("spec.shutdown.drain.wholeCluster: migrate", down.drain.whole_cluster == migrate),
        ("spec.shutdown.verifyOff.forceOff: true", down.verify_off.force_off),
        ("spec.shutdown.onOwnHostShutdown", down.on_own_host_shutdown != OnOwnHostShutdown::Ignore),
        ("spec.shutdown.emergency.skip: quiesce", skips_quiesce),
        ("spec.hosts[].off.wayBack: peer", by_peer),
        ("spec.hosts[].tier", policy.spec.hosts.iter().any(|host| host.tier > 0)),
    ]
    .into_iter()
    .filter_map(|(key, there)| there.then_some(key))
    .collect()
}

fn digest(bytes: &[u8]) -> String {
    let hash = Sha256::digest(bytes);
    hash.iter().fold(String::new(), |mut text, byte| {
        // Writing to a String has no way to fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}

/// Where the document lies.
#[derive(Debug, Clone)]
pub struct Place {
    /// The folder of documents.
    pub folder: PathBuf,
    /// The name of the policy in force.
    pub name: String,
}

impl Place {
    /// The one file of the folder that holds the policy of that name.
    pub fn find(&self) -> Result<(PathBuf, String), String> {
        let folder = self.folder.display();
        let entries = fs::read_dir(&self.folder).map_err(|error| format!("{folder}: {error}"))?;
        let mut files: Vec<PathBuf> = entries
            .filter_map(Result::ok)
            .map(|entry| entry.path())
            .filter(|path| is_document(path))
            .collect();
        files.sort();
        let mut found: Vec<(PathBuf, String)> = Vec::new();
        let mut unreadable = None;
        for file in files {
            match fs::read_to_string(&file) {
                // A document too broken to tell its name may be the one: its errors are shown.
                Ok(text) if names(&text, &self.name) => found.push((file, text)),
                Ok(_) => {}
                Err(error) => unreadable = Some(format!("{}: {error}", file.display())),
            }
        }
        match (found.len(), found.pop(), unreadable) {
            (1, Some(only), _) => Ok(only),
            (0, _, Some(error)) => Err(error),
            (0, ..) => Err(format!("{folder}: no document names PowerPolicy {}", self.name)),
            (_, last, _) => {
                let last = last.map(|(file, _)| file.display().to_string()).unwrap_or_default();
                Err(format!(
                    "{folder}: more than one document names PowerPolicy {} ({last} is one): \
                     leave one",
                    self.name
                ))
            }
        }
    }
}

fn is_document(path: &Path) -> bool {
    let hidden = path.file_name().is_some_and(|name| name.to_string_lossy().starts_with('.'));
    !hidden && path.extension().is_some_and(|kind| kind == "yaml" || kind == "yml")
}

/// Whether a text looks like the policy of that name: also when it does not parse.
fn names(text: &str, name: &str) -> bool {
    let says = |key: &str, value: &str| {
        text.lines().any(|line| {
            line.trim().strip_prefix(key).is_some_and(|rest| {
                let rest = rest.split('#').next().unwrap_or(rest).trim();
                rest.trim_matches(['"', '\'']) == value
            })
        })
    };
    let inline = text.contains(&format!("name: {name}"));
    says("kind:", "PowerPolicy") && (says("name:", name) || inline)
}

/// Reads the document, or the last good one, and keeps reading it.
pub struct Source {
    place: Place,
    store: Arc<dyn Store>,
}

/// An event of the file system is only a hint; this is the floor under it (NFS, overflow, a folder
/// that was removed and made again).
const POLL: Duration = Duration::from_secs(15);
/// Editors write in several steps.
const SETTLE: Duration = Duration::from_millis(200);

impl Source {
    /// A source of that policy.
    pub fn new(place: Place, store: Arc<dyn Store>) -> Self {
        Self { place, store }
    }

    /// The policy to begin with: the document, else the last good one with what is wrong.
    pub fn first(&self) -> Result<InForce, Refused> {
        match self.look() {
            Ok(in_force) => Ok(in_force),
            Err(problem) => {
                let good = match last_good(self.store.as_ref()) {
                    Ok(Some(good)) => good,
                    Ok(None) => return Err(problem),
                    Err(damage) => return Err(problem.and(&damage)),
                };
                tracing::error!("the last good document is in force instead of\n{problem}");
                Ok(good.with_problem(&problem))
            }
        }
    }

    fn look(&self) -> Result<InForce, Refused> {
        let (file, text) = self.place.find()?;
        let in_force = InForce::of(&text, &file.display().to_string())?;
        let kept = self.store.read(LAST_GOOD).ok().flatten();
        let sealed = sealed(&text);
        if kept.as_deref() != Some(sealed.as_bytes())
            && let Err(error) = self.store.write(LAST_GOOD, sealed.as_bytes())
        {
            tracing::warn!("the last good document was not kept: {error}");
        }
        Ok(in_force)
    }

    /// Keeps the policy in force up to date for ever.
    pub async fn watch(self, clock: Arc<dyn Clock>, out: Arc<watch::Sender<Arc<InForce>>>) {
        let (hint, mut hints) = mpsc::channel(1);
        let mut watcher = arm(&self.place.folder, &hint);
        loop {
            tokio::select! {
                _ = hints.recv() => clock.sleep(SETTLE).await,
                () = clock.sleep(POLL) => {
                    // A folder that was removed and made again is a new one.
                    watcher = arm(&self.place.folder, &hint).or(watcher);
                }
            }
            self.refresh(&out);
        }
    }

    fn refresh(&self, out: &watch::Sender<Arc<InForce>>) {
        let before = Arc::clone(&out.borrow());
        let (after, problem) = match self.look() {
            Ok(after) => (after, None),
            Err(problem) => (before.with_problem(&problem), Some(problem)),
        };
        if after.digest == before.digest && after.problem == before.problem {
            return;
        }
        if let Some(problem) = &problem {
            tracing::error!("the last good document stays in force instead of\n{problem}");
        } else {
            tracing::info!("policy in force: target {}", after.policy.spec.target);
        }
        out.send_replace(Arc::new(after));
    }
}

/// Stands before the digest in the last line of the last good document. A part of a document can
/// be a document too, with another meaning.
const SEAL: &str = "\n# the end; sha256 of all above: ";

/// A document as it is kept.
pub fn sealed(text: &str) -> String {
    format!("{text}{SEAL}{}\n", digest(text.as_bytes()))
}

/// The last good document, if one was kept.
///
/// # Errors
/// What is wrong with it, and where it is now.
pub fn last_good(store: &dyn Store) -> Result<Option<InForce>, String> {
    let wrong = match store.read(LAST_GOOD) {
        Ok(None) => return Ok(None),
        Ok(Some(bytes)) => match unsealed(&bytes) {
            Some(text) => return InForce::of(text, LAST_GOOD).map(Some).map_err(|e| e.line),
            None => format!("{LAST_GOOD} is damaged: it is not as it was written"),
        },
        Err(error) => format!("{LAST_GOOD} cannot be read ({error})"),
    };
    Err(format!("{wrong}; {}, so nothing is in force", put_aside(store, LAST_GOOD)))
}

fn unsealed(bytes: &[u8]) -> Option<&str> {
    let (text, seal) = str::from_utf8(bytes).ok()?.rsplit_once(SEAL)?;
    (seal.strip_suffix('\n')? == digest(text.as_bytes())).then_some(text)
}

/// Watches the folder, never the file: an editor's rename and a symlink swap show only there.
fn arm(folder: &Path, hint: &mpsc::Sender<()>) -> Option<notify::RecommendedWatcher> {
    let hint = hint.clone();
    let mut watcher = notify::recommended_watcher(move |event: notify::Result<notify::Event>| {
        if event.map_or(true, |event| may_change(event.kind)) {
            // One hint that waits is as good as many.
            let _ = hint.try_send(());
        }
    })
    .ok()?;
    watcher.watch(folder, RecursiveMode::NonRecursive).ok()?;
    Some(watcher)
}

/// Whether an event can be one of a change. Reading is told too, and would be its own next cause.
const fn may_change(kind: EventKind) -> bool {
    match kind {
        EventKind::Access(access) => matches!(access, AccessKind::Close(AccessMode::Write)),
        _ => true,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reading_the_documents_is_no_hint_to_read_them_again() {
        use notify::event::{CreateKind, DataChange, ModifyKind, RemoveKind, RenameMode};
        let close = AccessKind::Close;
        for reading in [AccessKind::Open(AccessMode::Any), close(AccessMode::Read)] {
            assert!(!may_change(EventKind::Access(reading)), "{reading:?}");
        }
        for change in [
            EventKind::Access(close(AccessMode::Write)),
            EventKind::Create(CreateKind::File),
            EventKind::Modify(ModifyKind::Data(DataChange::Any)),
            EventKind::Modify(ModifyKind::Name(RenameMode::To)),
            EventKind::Remove(RemoveKind::Folder),
            EventKind::Other,
        ] {
            assert!(may_change(change), "{change:?}");
        }
    }

    #[test]
    fn a_value_without_effect_is_refused_by_name() {
        let minimal = include_str!("../../../desired/minimal.yaml");
        assert!(InForce::of(minimal, "p.yaml").is_ok());
        let atlas = include_str!("../../../desired/atlas.yaml");
        let error = InForce::of(atlas, "p.yaml").err().unwrap().to_string();
        assert!(error.starts_with("p.yaml: this version cannot act on spec."), "{error}");
        for key in ["shutdown.quiesce", "startup.vault", "hosts[].tier"] {
            assert!(error.contains(&format!("spec.{key}")), "{key} in {error}");
        }
        assert!(!error.contains("wayBack"), "{error}");
    }

    #[test]
    fn every_way_back_but_a_peer_has_its_steps() {
        let minimal = include_str!("../../../desired/minimal.yaml");
        let by = |way: &str| {
            let own = format!(
                "  hosts:\n    - {{name: own, role: none, self: true, off: {{wayBack: {way}}}}}"
            );
            InForce::of(&minimal.replacen("  hosts:", &own, 1), "p.yaml").map(|_| ())
        };
        for way in ["none", "rtc", "ups-cut"] {
            assert_eq!(by(way), Ok(()), "{way}");
        }
        let error = by("peer").unwrap_err().to_string();
        assert!(error.contains("cannot act on spec.hosts[].off.wayBack: peer yet"), "{error}");
    }

    #[test]
    fn a_part_of_the_last_good_document_is_not_in_force() {
        let folder = tempfile::tempdir().unwrap();
        let minimal = include_str!("../../../desired/minimal.yaml");
        let name = InForce::of(minimal, "p.yaml").unwrap().name().to_owned();
        let store = Arc::new(ananke_sim::ports::MemoryStore::new());
        let place = Place { folder: folder.path().to_owned(), name };
        let first = || Source::new(place.clone(), store.clone()).first();
        fs::write(folder.path().join("p.yaml"), minimal).unwrap();
        assert!(first().is_ok_and(|good| good.problem.is_none()));
        fs::remove_file(folder.path().join("p.yaml")).unwrap();
        assert!(first().is_ok_and(|good| good.problem.is_some()));
        let kept = store.read(LAST_GOOD).unwrap().unwrap();
        store.put(LAST_GOOD, minimal.as_bytes());
        let refused = first().err().unwrap();
        for said in [refused.line(), &refused.to_string()] {
            assert!(said.contains("no document names PowerPolicy"), "{said}");
            assert!(said.contains("kept as policy/last-good.yaml.damaged-1"), "{said}");
        }
        store.put(LAST_GOOD, &kept);
        assert!(first().is_ok());
    }
}
