//! Every input that is kept is given to its target.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "counts are told aloud, and what is not as it should be ends a run"
)]

use std::{
    fs,
    panic::catch_unwind,
    path::{Path, PathBuf},
};

use ananke_fuzz::{TARGETS, Target};

/// The corpus is for reading and for every run of the tests: what is larger belongs elsewhere.
const LARGEST_BYTES: u64 = 400 * 1024;

fn corpus() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus")
}

/// The inputs of a target, in order.
fn inputs(target: &Target) -> Vec<PathBuf> {
    let entries = fs::read_dir(corpus().join(target.name)).unwrap();
    let mut inputs: Vec<PathBuf> = entries.map(|entry| entry.unwrap().path()).collect();
    inputs.sort();
    inputs
}

/// Whether every input goes through; each that does not is named with the command that shows it.
fn all_go_through(target: &Target) -> bool {
    let inputs = inputs(target);
    println!("fuzz corpus: {}: {} inputs", target.name, inputs.len());
    assert!(!inputs.is_empty(), "{} has no inputs", target.name);
    let failed = inputs.iter().filter(|input| {
        let bytes = fs::read(input).unwrap();
        catch_unwind(|| (target.run)(&bytes)).is_err()
    });
    let failed: Vec<_> = failed.collect();
    for input in &failed {
        let (name, input) = (target.name, input.display());
        println!("again: cargo run --quiet -p ananke-fuzz -- {name} {input}");
    }
    failed.is_empty()
}

#[test]
fn every_input_that_is_kept_goes_through() {
    let failed: Vec<_> =
        TARGETS.iter().filter(|target| !all_go_through(target)).map(|target| target.name).collect();
    assert!(failed.is_empty(), "targets that fail: {failed:?}");
}

#[test]
fn the_corpus_is_small_and_of_targets_that_there_are() {
    let mut folders: Vec<String> = fs::read_dir(corpus())
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    folders.sort();
    let mut names: Vec<&str> = TARGETS.iter().map(|target| target.name).collect();
    names.sort_unstable();
    assert_eq!(folders, names);
    let sizes = TARGETS.iter().flat_map(inputs).map(|input| fs::metadata(input).unwrap().len());
    let bytes: u64 = sizes.sum();
    assert!(bytes <= LARGEST_BYTES, "{bytes} bytes");
}
