//! The files beside the journal: the first line names one, the rest is what it holds. One that
//! cannot be read is set aside as it is and told; a request that cannot be is answered.

use std::{cell::RefCell, collections::BTreeSet, fs, path::Path};

use ananke::{
    publish::Published,
    state::{Answer, History, OVERRIDE, REQUESTS, RUNS, Request, Scene, Standing},
};
use ananke_core::{budget::Runs, signals::SupplyMemory, time::Tick};
use ananke_hosts::FileStore;
use ananke_ports::Store;

use crate::bytes::is_one_plain_line;

pub(crate) fn run(bytes: &[u8]) {
    let end = bytes.iter().position(|byte| *byte == b'\n').unwrap_or(bytes.len());
    let (name, held) = (&bytes[..end], bytes.get(end + 1..).unwrap_or_default());
    match name {
        b"runs.json" => in_a_folder(|folder| runs(folder, held)),
        b"override.json" => in_a_folder(|folder| standing(folder, held)),
        b"request" => in_a_folder(|folder| request(folder, held)),
        b"status.json" => status(held),
        _ => {}
    }
}

thread_local! {
    static FOLDER: RefCell<tempfile::TempDir> = RefCell::new(in_memory());
}

/// A folder that nothing is written to a disk for, where there is such a place.
fn in_memory() -> tempfile::TempDir {
    tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir()).unwrap()
}

/// A state directory with nothing in it.
pub(crate) fn in_a_folder(run: impl FnOnce(&Path)) {
    FOLDER.with_borrow(|folder| {
        let state = folder.path().join("state");
        fs::create_dir(&state).unwrap();
        run(&state);
        fs::remove_dir_all(&state).unwrap();
    });
}

fn runs(folder: &Path, held: &[u8]) {
    let store = with(folder, RUNS, held);
    let (_, complaint) = History::open(&store);
    match serde_json::from_slice::<Runs>(held) {
        Ok(runs) => {
            assert_eq!(complaint, None);
            drop(runs.learned());
            let written = serde_json::to_vec(&runs).unwrap();
            assert_eq!(serde_json::from_slice::<Runs>(&written).unwrap(), runs);
        }
        Err(_) => is_set_aside(&store, RUNS, held, complaint),
    }
    assert_eq!(History::open(&store).1, None, "damaged twice");
}

fn standing(folder: &Path, held: &[u8]) {
    let store = with(folder, OVERRIDE, held);
    let (read, complaint) = Standing::open(&store, None);
    if let Ok(standing) = serde_json::from_slice::<Standing>(held) {
        assert_eq!((&read, &complaint), (&standing, &standing.damage));
        comes_back(&standing);
    } else {
        assert_eq!(read.damage, complaint, "nobody is told");
        assert_eq!((&read.hold, read.masks.len(), read.maintenance.len()), (&None, 0, 0));
        is_aside(&store, OVERRIDE, held, complaint.clone());
    }
    assert_eq!(Standing::open(&store, None), (read, complaint), "damaged twice");
}

fn comes_back(standing: &Standing) {
    let written = serde_json::to_vec_pretty(standing).unwrap();
    assert_eq!(&serde_json::from_slice::<Standing>(&written).unwrap(), standing);
    for unix_seconds in [i64::MIN, 0, i64::MAX] {
        let asked = standing.requests(Tick::from_millis(7_000), unix_seconds);
        assert!(asked.masks.len() <= standing.masks.len());
    }
}

/// It is taken once, answered once, and what then stands is kept.
fn request(folder: &Path, held: &[u8]) {
    let path = format!("{REQUESTS}/r.json");
    let store = with(folder, &path, held);
    let mut standing = Standing::default();
    let supplies = [("ups".to_owned(), SupplyMemory::default().into())].into();
    let unheard = BTreeSet::from(["ups".to_owned()]);
    let hosts = ["a".to_owned()];
    let scene = Scene { supplies: &supplies, unheard: &unheard, hosts: &hosts, unix_seconds: 7 };
    let wrong = standing.take_all(&store, &scene);
    assert!(wrong.is_empty(), "{wrong:?}");
    let changed = standing != Standing::default();
    let answer = store.read(&format!("{REQUESTS}/r.answer.json")).unwrap().expect("no answer");
    let answer: Answer = serde_json::from_slice(&answer).unwrap();
    is_one_plain_line(&answer.message);
    let is_one = serde_json::from_slice::<Request>(held).is_ok();
    assert!(is_one || !answer.ok, "taken: {answer:?}");
    assert!(answer.ok || !changed, "refused, and something stands: {answer:?}");
    assert_eq!(store.read(&path).unwrap(), None, "it would be taken again");
    let once = standing.clone();
    standing.take_all(&store, &scene);
    assert_eq!(standing, once, "it is taken twice");
    let (kept, complaint) = Standing::open(&store, None);
    assert_eq!((kept, complaint), (standing, None));
}

/// What a command reads of the daemon.
fn status(held: &[u8]) {
    if let Ok(told) = serde_json::from_slice::<Published>(held) {
        let written = serde_json::to_vec_pretty(&told).unwrap();
        assert_eq!(serde_json::from_slice::<Published>(&written).unwrap(), told);
    }
}

fn with(folder: &Path, path: &str, held: &[u8]) -> FileStore {
    let file = folder.join(path);
    fs::create_dir_all(file.parent().unwrap()).unwrap();
    fs::write(file, held).unwrap();
    FileStore::open(folder).unwrap()
}

/// It lies beside its place as it is, and nothing is in its place.
fn is_set_aside(store: &FileStore, path: &str, held: &[u8], complaint: Option<String>) {
    is_aside(store, path, held, complaint);
    assert_eq!(store.read(path).unwrap(), None);
}

/// It lies beside its place as it is, and that is told.
fn is_aside(store: &FileStore, path: &str, held: &[u8], complaint: Option<String>) {
    let complaint = complaint.expect("damage is not told");
    is_one_plain_line(&complaint);
    assert!(complaint.starts_with(path), "{complaint}");
    let aside = format!("{path}.damaged-1");
    assert!(complaint.contains(&aside), "{complaint}");
    assert_eq!(store.read(&aside).unwrap().as_deref(), Some(held));
}
