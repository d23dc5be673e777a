//! What is believed of each damaged file beside the journal.

use std::collections::{BTreeMap, BTreeSet};

use ananke::{
    publish::Published,
    state::{
        Answer, Asked, History, LAST_GOOD, OVERRIDE, REQUESTS, RUNS, Request, STATUS, Scene,
        Standing,
    },
    wiring::policy::{InForce, last_good},
};
use ananke_core::{
    observe::{Hold, Requests},
    time::Tick,
};
use ananke_ports::Store as _;
use ananke_sim::ports::MemoryStore;

use super::{Damage, LATE, ensure, is_plain, judged, left, lines};
use crate::across::Outcome;

/// Judges a load of a file, damaged in every way.
fn sweep(path: &str, judge: impl Fn(&MemoryStore, &[u8]) -> Result<(), String>) -> Outcome {
    let whole = left().documents.get(path).unwrap_or_else(|| panic!("{path} was not left"));
    let all = Damage::cuts(whole).chain(Damage::zeros(whole));
    judged(path, all, |damage| {
        let (store, bytes) = (MemoryStore::new(), damage.of(whole));
        store.put(path, &bytes);
        judge(&store, &bytes)
    })
}

/// It is told in one line, and kept where that says.
fn is_aside(
    store: &MemoryStore,
    path: &str,
    bytes: &[u8],
    told: Option<String>,
) -> Result<(), String> {
    let told = told.ok_or("it is not told")?;
    is_plain(&told)?;
    let aside = format!("{path}.damaged-1");
    let names = told.starts_with(&format!("{path} is damaged")) && told.contains(&aside);
    ensure(names, || format!("it is told as: {told}"))?;
    let kept = store.read(&aside).unwrap();
    ensure(kept.as_deref() == Some(bytes), || "it is not kept".into())
}

/// What people had asked for by the journal.
fn asked() -> Asked {
    let hold = Some(Hold { reason: "hands off".into(), even_on_battery: false });
    let requests = Requests { hold, ..Requests::default() };
    Asked { requests, at: Tick::from_millis(7_000), unix_seconds: 7 }
}

/// A hold is not taken for none; what is not known is told until somebody has seen to it.
fn standing(store: &MemoryStore, bytes: &[u8]) -> Result<(), String> {
    let other = MemoryStore::new();
    other.put(OVERRIDE, bytes);
    for (store, asked) in [(store, Some(asked())), (&other, None)] {
        let (standing, told) = Standing::open(store, asked.as_ref());
        is_aside(store, OVERRIDE, bytes, told.clone())?;
        ensure(standing.damage == told, || "nobody is told".into())?;
        let hold = asked.and_then(|asked| asked.requests.hold);
        ensure(standing.hold == hold, || format!("the hold: {:?}", standing.hold))?;
        let (again, told) = Standing::open(store, None);
        ensure(again == standing, || "after another start it is another".into())?;
        ensure(told.is_some(), || "after another start nobody is told".into())?;
    }
    Ok(())
}

fn runs(store: &MemoryStore, bytes: &[u8]) -> Result<(), String> {
    let (_, told) = History::open(store);
    is_aside(store, RUNS, bytes, told)
}

/// It is refused, once, and what stands stays.
fn request(store: &MemoryStore, _: &[u8]) -> Result<(), String> {
    let (supplies, unheard) = (BTreeMap::new(), BTreeSet::new());
    let scene = Scene { supplies: &supplies, unheard: &unheard, hosts: &[], unix_seconds: 7 };
    let mut standing = Standing::default();
    standing.hold = asked().requests.hold;
    let before = standing.clone();
    let wrong = standing.take_all(store, &scene);
    ensure(standing == before && wrong.is_empty(), || format!("it was taken; {wrong:?}"))?;
    let left = store.read(&format!("{REQUESTS}/{LATE}")).unwrap();
    ensure(left.is_none(), || "it would be taken again".into())?;
    let answer = store.read(&format!("{REQUESTS}/late.answer.json")).unwrap().unwrap();
    let answer: Answer = serde_json::from_slice(&answer).unwrap();
    is_plain(&answer.message)?;
    ensure(!answer.ok && answer.message.starts_with("not a request"), || format!("{answer:?}"))
}

/// No part of it is in force.
fn policy(store: &MemoryStore, bytes: &[u8]) -> Result<(), String> {
    let told = last_good(store).err();
    is_aside(store, LAST_GOOD, bytes, told)
}

/// A command does not show a part of it.
fn status(_: &MemoryStore, bytes: &[u8]) -> Result<(), String> {
    ensure(serde_json::from_slice::<Published>(bytes).is_err(), || "it is shown".into())
}

#[test]
fn a_damaged_file_is_told_and_not_believed() {
    let store = MemoryStore::new();
    for (path, bytes) in &left().documents {
        store.put(path, bytes);
    }
    let (standing, told) = Standing::open(&store, None);
    assert_eq!((standing.hold, told), (asked().requests.hold, None));
    assert_eq!(History::open(&store).1, None);
    assert!(last_good(&store).is_ok_and(|good| good.is_some()));
    let late = format!("{REQUESTS}/{LATE}");
    assert!(serde_json::from_slice::<Request>(&store.read(&late).unwrap().unwrap()).is_ok());
    serde_json::from_slice::<Published>(&store.read(STATUS).unwrap().unwrap()).unwrap();

    let all = sweep(OVERRIDE, self::standing)
        .and(sweep(RUNS, runs))
        .and(sweep(&late, request))
        .and(sweep(LAST_GOOD, policy))
        .and(sweep(STATUS, status));
    all.tell("override, runs, request, last good document and status, cut at each byte and each block and line zeroed");
}

/// Every file that the daemon keeps is damaged here, but the one that it never reads.
#[test]
fn no_file_is_left_out() {
    let late = format!("{REQUESTS}/{LATE}");
    let swept = [OVERRIDE, RUNS, &late, LAST_GOOD, STATUS, ananke::state::INTENT];
    let kept: Vec<&String> = left().documents.keys().collect();
    let missing: Vec<_> = kept.iter().filter(|path| !swept.contains(&path.as_str())).collect();
    assert!(missing.is_empty() && kept.len() == swept.len(), "{kept:?}");
}

/// A hold that is forgotten with its file is found out, and so is half a document in force.
#[test]
fn a_file_that_is_believed_too_much_is_found_out() {
    let forgotten = |store: &MemoryStore, bytes: &[u8]| {
        let (_, told) = Standing::open(store, None);
        let found = serde_json::from_slice::<Standing>(bytes).unwrap_or_default();
        ensure(found.hold.is_some() && told.is_some(), || "the hold is forgotten".into())
    };
    assert!(sweep(OVERRIDE, forgotten).failed.len() > 50);
    // Without its seal, a part of a document is one.
    let whole = &left().documents[LAST_GOOD];
    let is_document = |line: &std::ops::Range<usize>| {
        str::from_utf8(&whole[..line.end]).is_ok_and(|text| InForce::of(text, LAST_GOOD).is_ok())
    };
    assert!(lines(whole).iter().filter(|line| is_document(line)).count() > 5);
}
