use std::{
    fs,
    os::unix::fs::symlink,
    path::{Path, PathBuf},
    time::Duration,
};

use ananke_hosts::FileStore;
use ananke_sim::ports::{DiskFault, MemoryStore};

use super::*;

fn take_all(standing: &mut Standing, store: &dyn Store) -> Vec<String> {
    let (supplies, unheard) = (BTreeMap::new(), BTreeSet::new());
    let scene = Scene { supplies: &supplies, unheard: &unheard, hosts: &[], unix_seconds: 7 };
    standing.take_all(store, &scene)
}

fn ask(folder: &Path, name: &str, request: &Request) {
    fs::create_dir_all(folder).unwrap();
    fs::write(folder.join(name), serde_json::to_vec(request).unwrap()).unwrap();
}

fn hold() -> Request {
    Request::Hold { reason: "hands off".into(), even_on_battery: false }
}

fn startup() -> Request {
    Request::Startup { reason: String::new() }
}

fn answer(folder: &Path, id: &str) -> Answer {
    let file: PathBuf = folder.join(format!("{id}.answer.json"));
    serde_json::from_slice(&fs::read(file).unwrap()).unwrap()
}

#[test]
fn what_is_in_the_way_of_one_request_is_in_the_way_of_no_other() {
    let state = tempfile::tempdir().unwrap();
    let folder = state.path().join(FOLDER);
    fs::create_dir_all(folder.join("1.json/full")).unwrap();
    symlink("2.json", folder.join("2.json")).unwrap();
    fs::create_dir_all(folder.join("3.answer.json/full")).unwrap();
    ask(&folder, "3.json", &startup());
    ask(&folder, "4.json", &hold());
    let (store, mut standing) = (FileStore::at(state.path()), Standing::default());
    let wrong = take_all(&mut standing, &store);
    assert_eq!(wrong.len(), 3, "{wrong:?}");
    assert!(wrong.iter().any(|said| said.contains("kept as requests/1.json.damaged-1")));
    assert_eq!(standing.hold.as_ref().map(|hold| hold.reason.as_str()), Some("hands off"));
    assert!(answer(&folder, "4").ok);
    for id in ["1", "2"] {
        let answer = answer(&folder, id);
        assert!(!answer.ok && answer.message.starts_with("it cannot be read"), "{answer:?}");
        assert!(folder.join(format!("{id}.json.damaged-1")).symlink_metadata().is_ok());
    }
    // Each once.
    assert_eq!(take_all(&mut standing, &store), Vec::<String>::new());
    assert_eq!(standing.startups, 1);
    assert_eq!(Standing::open(&store, None), (standing, None));
}

#[test]
fn on_a_disk_that_takes_nothing_a_request_acts_once_and_is_kept_later() {
    let (store, mut standing) = (MemoryStore::new(), Standing::default());
    let path = |name: &str| format!("{FOLDER}/{name}.json");
    for (name, request) in [("hold", hold()), ("startup", startup())] {
        store.put(&path(name), &serde_json::to_vec(&request).unwrap());
    }
    for fault in [DiskFault::ReadOnly, DiskFault::ReadOnly, DiskFault::Dead, DiskFault::ReadOnly] {
        store.breaks(Some(fault));
        assert!(!take_all(&mut standing, &store).is_empty());
        assert_eq!((standing.hold.is_some(), standing.startups), (true, 1));
    }
    store.breaks(None);
    assert_eq!(take_all(&mut standing, &store), Vec::<String>::new());
    assert_eq!(store.read(&path("startup")).unwrap(), None, "it would be taken again");
    assert_eq!(Standing::open(&store, None), (standing, None));
}

fn asked() -> Asked {
    let at = Tick::from_millis(5_000);
    let mask = Mask {
        signal: "ups/a".into(),
        cause: Trigger::Silence,
        unheard: true,
        until: at.plus(Duration::from_secs(60)),
        reason: "burnt out".into(),
    };
    let requests = Requests {
        hold: Some(Hold { reason: "hands off".into(), even_on_battery: true }),
        masks: vec![mask],
        maintenance: BTreeSet::from(["n1".to_owned()]),
        startups: 3,
    };
    Asked { requests, at, unix_seconds: 1_000 }
}

/// What is damaged or gone is taken from the journal, and told until somebody has seen to it.
#[test]
fn a_hold_does_not_end_with_its_file() {
    for (held, why) in [(Some("{"), "is damaged (EOF"), (None, "is gone")] {
        let (store, asked) = (MemoryStore::new(), asked());
        held.inspect(|held| store.put(OVERRIDE, held.as_bytes()));
        let (mut standing, told) = Standing::open(&store, Some(&asked));
        let told = told.unwrap();
        assert!(told.starts_with(&format!("{OVERRIDE} {why}")), "{told}");
        assert!(
            told.contains("all is held (hands off), ups/a is masked, n1 is in maint"),
            "{told}"
        );
        // The same, by another clock.
        let requests = standing.requests(Tick::from_millis(15_000), 1_010);
        let mut same = asked.requests.clone();
        same.masks[0].until = Tick::from_millis(65_000);
        assert_eq!(requests, same);
        assert_eq!(Standing::open(&store, None), (standing.clone(), Some(told.clone())));
        assert_eq!(standing.damage, Some(told));
        store.put(&format!("{FOLDER}/r.json"), &serde_json::to_vec(&Request::Release).unwrap());
        assert!(take_all(&mut standing, &store).is_empty());
        assert_eq!((&standing.hold, &standing.damage), (&None, &None));
        assert_eq!(Standing::open(&store, None), (standing, None));
    }
}

#[test]
fn what_nobody_knows_is_not_held_and_is_told() {
    let store = MemoryStore::new();
    assert_eq!(Standing::open(&store, None), (Standing::default(), None));
    let nothing = Asked { requests: Requests::default(), ..asked() };
    assert_eq!(Standing::open(&store, Some(&nothing)), (Standing::default(), None));
    store.put(OVERRIDE, b"");
    let (standing, told) = Standing::open(&store, None);
    assert!(standing.hold.is_none() && standing.damage == told);
    assert!(told.unwrap().contains("none is known, and none is set"));
}
