use ananke_ports::{Store, StoreError};

use crate::ports::{Death, MemoryStore};

#[test]
fn documents_are_written_whole_and_listed_in_order() {
    let store = MemoryStore::new();
    store.write("requests/b.json", b"2").unwrap();
    store.write("requests/a.json", b"1").unwrap();
    store.write("requests/deep/c.json", b"3").unwrap();
    store.write("status.json", b"{}").unwrap();
    assert_eq!(store.list("requests").unwrap(), ["a.json", "b.json"]);
    assert_eq!(store.read("status.json").unwrap().unwrap(), b"{}");
    store.remove("status.json").unwrap();
    store.remove("status.json").unwrap();
    assert_eq!(store.read("status.json").unwrap(), None);
}

#[test]
fn damaged_documents_are_set_aside_one_by_one() {
    let store = MemoryStore::new();
    for n in 1..=2 {
        store.put("ours.json", b"{");
        assert_eq!(store.set_aside("ours.json").unwrap(), format!("ours.json.damaged-{n}"));
    }
    assert_eq!(store.read("ours.json").unwrap(), None);
}

#[test]
fn a_full_disk_still_takes_the_journal_while_its_reserve_lasts() {
    let store = MemoryStore::new();
    store.fill(true);
    assert!(matches!(store.write("a", b"1"), Err(StoreError::Full { .. })));
    store.append("one\n").unwrap();
    let line = "x".repeat(70 * 1024);
    assert!(matches!(store.append(&line), Err(StoreError::Full { .. })));
    assert_eq!(store.journal().unwrap(), ["one"]);
    store.fill(false);
    store.write("a", b"1").unwrap();
}

#[test]
fn an_owner_dies_at_a_write_of_choice() {
    for (how, lines) in [
        (Death::Before, vec!["one"]),
        (Death::Torn, vec!["one"]),
        (Death::After, vec!["one", "two"]),
    ] {
        let store = MemoryStore::new();
        store.die_at(2, how);
        store.append("one\n").unwrap();
        assert!(store.append("two\n").is_err(), "{how:?}");
        assert!(store.is_dead() && store.append("three\n").is_err() && store.journal().is_err());
        store.revive();
        assert_eq!(store.journal().unwrap(), lines, "{how:?}");
        assert_eq!(store.is_torn().unwrap(), how == Death::Torn, "{how:?}");
        store.append("four\n").unwrap();
        assert_eq!(store.journal().unwrap().last().unwrap(), "four");
        assert_eq!(store.journal().unwrap().len(), lines.len() + 1);
    }
}

#[test]
fn rotation_begins_anew() {
    let store = MemoryStore::new();
    store.append("one\ntwo\n").unwrap();
    store.rotate("sum\n").unwrap();
    store.append("three\n").unwrap();
    assert_eq!(store.journal().unwrap(), ["sum", "three"]);
    store.lose();
    assert!(store.journal().unwrap().is_empty());
}
