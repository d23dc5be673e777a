//! `FileStore` of a process that is killed with -9 while it writes: this program runs itself again
//! and kills that.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stdout,
    reason = "a test that cannot go on fails"
)]

use std::{
    env, fs,
    io::{BufRead, BufReader},
    path::Path,
    process::{Command, Stdio},
};

use ananke_hosts::{FileStore, StateLock};
use ananke_ports::Store;

/// Says to the inner run where the state directory is.
const STATE: &str = "ANANKE_TEST_STATE";

#[test]
fn killed_at_any_instant_it_keeps_what_it_said_it_kept() {
    let folder = tempfile::tempdir().unwrap();
    for round in 0_u32..10 {
        let mut child = Command::new(env::current_exe().unwrap())
            .args(["--exact", "inner", "--ignored", "--nocapture"])
            .env(STATE, folder.path())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let mut kept = lines.by_ref().map_while(Result::ok).filter_map(|line| number(&line));
        let enough = kept.by_ref().nth(usize::try_from(round * 7).unwrap()).unwrap();
        child.kill().unwrap();
        child.wait().unwrap();
        let last = kept.last().unwrap_or(enough);

        let _lock = StateLock::acquire(folder.path()).expect("given back by the kernel");
        let store = FileStore::open(folder.path()).unwrap();
        let journal = store.journal().unwrap();
        let newest: u32 = journal.last().unwrap().parse().unwrap();
        assert!(newest == last || newest == last + 1, "said {last}, has {newest}");
        let document = store.read("status.json").unwrap().unwrap();
        let document = String::from_utf8(document).unwrap();
        let words: Vec<&str> = document.split_whitespace().collect();
        assert!(words.len() == 2000 && words.iter().all(|word| *word == words[0]), "torn");
        let written: u32 = words[0].parse().unwrap();
        assert!(written == newest || written + 1 == newest, "{written} {newest}");
        let strange = fs::read_dir(folder.path().join("journal")).unwrap().count();
        assert!(strange <= 8 + 10, "{strange} files");
    }
}

/// `kept N` of the inner run's output, which the test harness puts words of its own around.
fn number(line: &str) -> Option<u32> {
    line.split("kept ").nth(1)?.parse().ok()
}

#[test]
#[ignore = "run by the test above, and killed"]
fn inner() {
    let state = env::var_os(STATE).expect("this is run by the other test");
    let folder = Path::new(&state);
    let _lock = StateLock::acquire(folder).unwrap();
    let store = FileStore::open(folder).unwrap();
    let before = store.journal().unwrap();
    let first = before.last().map_or(1, |last| last.parse::<u32>().unwrap() + 1);
    for number in first.. {
        let text = number.to_string();
        if number % 5 == 0 { store.rotate(&text) } else { store.append(&text) }.unwrap();
        store.write("status.json", format!("{text} ").repeat(2000).as_bytes()).unwrap();
        println!("kept {number}");
    }
}
