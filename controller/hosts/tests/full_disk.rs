//! `FileStore` on a disk without room, or mounted read-only: a small tmpfs in a mount namespace of its own, where this
//! program runs itself again.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stdout,
    reason = "a test that cannot go on fails"
)]

use std::{
    env,
    fs::{self, File},
    io::Write,
    path::Path,
    process::Command,
};

use ananke_hosts::{FileStore, LockError, StateLock, lock_holder};
use ananke_ports::{Store, StoreError};

/// Says to the inner run where the small disk is.
const DISK: &str = "ANANKE_TEST_SMALL_DISK";

#[test]
fn on_a_full_disk_the_journal_goes_on_and_documents_say_so() {
    on_a_small_disk("full");
}

#[test]
fn a_read_only_disk_keeps_nobody_from_acting() {
    on_a_small_disk("read_only");
}

/// Runs one of the tests below on a disk of its own.
fn on_a_small_disk(inner: &str) {
    let folder = tempfile::tempdir().unwrap();
    // `--map-root-user` so that it needs no root either.
    let output = Command::new("unshare")
        .args(["--map-root-user", "--mount", "--propagation", "private", "--", "/bin/sh", "-c"])
        .arg("mount -t tmpfs -o size=4m tmpfs \"$1\" && shift && exec \"$@\"")
        .args(["sh".as_ref(), folder.path().as_os_str()])
        .arg(env::current_exe().unwrap())
        .args(["--exact", inner, "--ignored", "--nocapture"])
        .env(DISK, folder.path())
        .output()
        .expect("missing: unshare (apt-get install util-linux)");
    let words = String::from_utf8_lossy(&output.stdout) + String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && words.contains("1 passed"), "{words}");
}

#[test]
#[ignore = "run by the test above, on the disk that it makes"]
fn read_only() {
    let disk = env::var_os(DISK).expect("this is run by the other test");
    let folder = Path::new(&disk).join("state");
    drop(StateLock::acquire(&folder).unwrap());
    FileStore::at(&folder).append("{\"event\":\"before\"}").unwrap();
    let mounted = Command::new("mount").args(["-o", "remount,ro"]).arg(&disk).status().unwrap();
    assert!(mounted.success());

    let lock = StateLock::acquire(&folder).unwrap();
    assert!(matches!(StateLock::acquire(&folder), Err(LockError::Held { .. })));
    assert!(lock_holder(&folder).is_some());
    let store = FileStore::at(&folder);
    assert_eq!(store.journal().unwrap(), ["{\"event\":\"before\"}"]);
    for written in [store.append("x"), store.rotate("x"), store.write("status.json", b"{}")] {
        assert!(matches!(written, Err(StoreError::Io { .. })), "{written:?}");
    }
    drop(lock);

    // Without a state directory, and without a way to make one.
    let nowhere = Path::new(&disk).join("none/state");
    let lock = StateLock::acquire(&nowhere).unwrap();
    assert!(matches!(StateLock::acquire(&nowhere), Err(LockError::Held { .. })));
    assert!(FileStore::at(&nowhere).journal().unwrap().is_empty());
    drop(lock);
}

#[test]
#[ignore = "run by the test above, on the disk that it makes"]
fn full() {
    let disk = env::var_os(DISK).expect("this is run by the other test");
    let folder = Path::new(&disk).join("state");
    let lock = StateLock::acquire(&folder).unwrap();
    let store = FileStore::open(&folder).unwrap();
    store.write("status.json", b"{\"old\":true}").unwrap();
    store.append("{\"event\":\"before\"}").unwrap();

    let ballast = Path::new(&disk).join("ballast");
    fill(&ballast);

    let full = |result: Result<(), StoreError>| matches!(result, Err(StoreError::Full { .. }));
    assert!(full(store.write("status.json", &vec![b'x'; 8192])));
    assert_eq!(store.read("status.json").unwrap().unwrap(), b"{\"old\":true}");
    assert!(full(store.rotate("base")));

    // A shutdown's worth of lines, and a restart in the middle of it.
    let line = format!("{{\"event\":\"begun\",\"pad\":\"{}\"}}", "x".repeat(200));
    (0..1000).for_each(|_| store.append(&line).unwrap());
    drop(store);
    let store = FileStore::open(&folder).unwrap();
    (0..1000).for_each(|_| store.append(&line).unwrap());
    assert_eq!(store.journal().unwrap().len(), 2001);

    // The reserve ends some time; what is there stays, and whole.
    let mut written = 2001;
    let end = loop {
        match store.append(&line) {
            Ok(()) => written += 1,
            Err(error) => break error,
        }
        assert!(written < 10_000, "the disk was not full");
    };
    assert!(matches!(end, StoreError::Full { .. }), "{end:?}");
    assert_eq!(store.journal().unwrap().len(), written);

    fs::remove_file(ballast).unwrap();
    store.append("{\"event\":\"after\"}").unwrap();
    assert_eq!(store.journal().unwrap().last().unwrap(), "{\"event\":\"after\"}");
    store.rotate("{\"event\":\"base\"}").unwrap();
    store.write("status.json", b"{}").unwrap();
    drop(lock);
}

/// Fills the disk to its last block.
fn fill(ballast: &Path) {
    let mut file = File::create(ballast).unwrap();
    let block = [0; 4096];
    let blocks = (0..4096).take_while(|_| file.write_all(&block).is_ok()).count();
    assert!(blocks < 4096, "the disk is larger than thought");
}
