//! What `FileStore` says is kept is on the disk: this program runs itself again under `strace`, and
//! looks whether anything is written and not synced whenever that one says that it has kept it.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stdout,
    reason = "a test that cannot go on fails"
)]

use std::{
    collections::BTreeSet,
    env, fs,
    path::{Path, PathBuf},
    process::Command,
};

use ananke_hosts::{FileStore, StateLock};
use ananke_ports::Store;

/// Says to the inner run where the state directory is.
const STATE: &str = "ANANKE_TEST_STATE";

/// The calls that change a file system, and those that put it on the disk.
const CALLS: &str = "write,pwrite64,writev,rename,renameat,renameat2,link,linkat,mkdir,mkdirat,\
                     unlink,unlinkat,truncate,ftruncate,fsync,fdatasync";

#[test]
fn nothing_is_kept_that_is_not_on_the_disk() {
    let folder = tempfile::tempdir().unwrap();
    let trace = folder.path().join("trace");
    let state = folder.path().join("lib/ananke");
    let status = Command::new("strace")
        .args(["-f", "-y", "-qq", "-s", "64", "-e", &format!("trace={CALLS}"), "-o"])
        .arg(&trace)
        .arg(env::current_exe().unwrap())
        .args(["--exact", "inner", "--ignored", "--nocapture", "--test-threads=1"])
        .env(STATE, &state)
        .status()
        .expect("strace is there");
    assert!(status.success());
    let mut disk = Disk { root: folder.path().to_owned(), ..Disk::default() };
    for line in fs::read_to_string(&trace).unwrap().lines() {
        disk.follow(line);
    }
    println!("synced: nothing un-synced at {} times that something was kept", disk.kept);
    assert_eq!(disk.kept, KEPT);
}

/// How often the inner run says that it has kept something.
const KEPT: usize = 9;

/// What would be lost now.
#[derive(Default)]
struct Disk {
    root: PathBuf,
    /// Files with bytes that are not on the disk.
    files: BTreeSet<PathBuf>,
    /// Names that are not in their folder on the disk, or still are.
    names: BTreeSet<PathBuf>,
    kept: usize,
}

impl Disk {
    /// `PID CALL(ARGUMENTS) = RESULT`.
    fn follow(&mut self, line: &str) {
        let Some((call, rest)) = line.split_once(' ').and_then(|(_, call)| call.split_once('('))
        else {
            return;
        };
        if rest.contains(") = -1 ") {
            return;
        }
        match call.trim() {
            "write" if rest.contains("kept ") => self.is_all_there(line),
            "write" | "pwrite64" | "writev" | "ftruncate" => {
                self.files.extend(opened(rest).filter(|path| path.starts_with(&self.root)));
            }
            "fsync" | "fdatasync" => {
                for path in opened(rest) {
                    self.names.retain(|name| name.parent() != Some(&path));
                    self.files.remove(&path);
                }
            }
            "rename" | "renameat" | "renameat2" | "link" | "linkat" => {
                let [from, to] = [0, 1].map(|which| named(rest).nth(which).unwrap());
                if self.files.remove(&from) {
                    self.files.insert(to.clone());
                }
                self.names.extend([from, to]);
            }
            _ => self.names.extend(named(rest)),
        }
    }

    fn is_all_there(&mut self, line: &str) {
        // A temporary file may be lost, and so may be that an old segment was removed.
        let matters = |path: &&PathBuf| {
            let name = path.file_name().unwrap().to_string_lossy();
            path.starts_with(self.root.join("lib")) && !name.starts_with(".new-") && name != "lock"
        };
        let lost: Vec<_> = self.files.iter().chain(&self.names).filter(matters).collect();
        assert!(lost.is_empty(), "a power cut would lose {lost:?} at {line}");
        self.kept += 1;
    }
}

/// The paths of open files: `4</path>`.
fn opened(arguments: &str) -> impl Iterator<Item = PathBuf> {
    arguments
        .split('<')
        .skip(1)
        .take(1)
        .filter_map(|rest| rest.split('>').next().map(PathBuf::from))
}

/// The paths that are named: `"/path"`.
fn named(arguments: &str) -> impl Iterator<Item = PathBuf> {
    arguments.split('"').skip(1).step_by(2).map(PathBuf::from)
}

#[test]
#[ignore = "run by the test above, under strace"]
fn inner() {
    let state = env::var_os(STATE).expect("this is run by the other test");
    let folder = Path::new(&state);
    let kept = |what: &str| println!("kept {what}");
    let store = FileStore::open(folder).unwrap();
    let _lock = StateLock::acquire(folder).unwrap();
    store.append("{\"first\":1}").unwrap();
    kept("a journal that was not there");
    store.append("{\"second\":2}").unwrap();
    kept("a line");
    store.rotate("{\"base\":3}").unwrap();
    kept("a segment");
    store.append("{\"third\":3}").unwrap();
    kept("a line of it");
    store.write("status.json", b"one").unwrap();
    kept("a document");
    store.write("status.json", b"two").unwrap();
    kept("another in its place");
    store.write("policy/last-good.yaml", b"kind: x").unwrap();
    kept("one in a folder that was not there");
    store.set_aside("status.json").unwrap();
    kept("one that is damaged");
    store.remove("policy/last-good.yaml").unwrap();
    kept("that one is gone");
}
