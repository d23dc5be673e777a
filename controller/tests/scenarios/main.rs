//! Scenarios: stories as scripts, each with the transcript of what happens in it.
//!
//! `NAME.scenario` says what befalls a virtual world and what is expected of it; [`script`] has the
//! words. The real daemon runs in it, in virtual time, and the audit judges the end. What happened
//! is compared with `NAME.transcript`, line by line; `ANANKE_UPDATE=1 cargo test -p ananke --test
//! scenarios` writes the transcripts anew. `docs/scenarios.md` lists them all.

#![expect(unreachable_pub, reason = "nothing outside can reach into a test")]
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stdout,
    reason = "a story is told aloud, and what is not as it should be ends it"
)]

mod deed;
mod fact;
#[path = "../sim/log.rs"]
mod log;
mod play;
#[path = "../sim/scenes.rs"]
#[allow(dead_code, reason = "a scenario needs few of the scenes")]
mod scenes;
mod script;
#[path = "../sim/stage/mod.rs"]
#[allow(dead_code, unused_imports, reason = "a scenario needs a part of the stage")]
mod stage;
mod transcript;
mod words;

use std::{collections::BTreeSet, fs, path::PathBuf};

/// Where the scripts are, each beside its transcript.
fn folder() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/scenarios")
}

/// One test for each script, under its name.
macro_rules! scenarios {
    ($($name:ident)+) => {
        const PLAYED: &[&str] = &[$(stringify!($name)),+];
        $(#[test]
        fn $name() {
            play::play(stringify!($name));
        })+
    };
}

scenarios! {
    a_short_dip
    a_long_outage
    back_half_way_down
    back_at_nine_percent
    silent_on_battery
    one_of_two_supplies
    what_a_person_did
    hold_and_then_battery
    an_agent_hangs_in_stop
    a_host_never_comes_back
    api_frozen_throughout
    killed_half_way
    a_second_outage
    reboots_instead_of_off
    an_evening_of_maintenance
    this_host_goes_last
}

/// Every script is played, and `docs/scenarios.md` has a line with its title for each.
#[test]
fn every_script_is_played_and_listed() {
    let files = fs::read_dir(folder()).unwrap().map(|entry| entry.unwrap().path());
    let scripts: BTreeSet<String> = files
        .filter(|file| file.extension().is_some_and(|kind| kind == "scenario"))
        .map(|file| file.file_stem().unwrap().to_string_lossy().into_owned())
        .collect();
    let played: BTreeSet<String> = PLAYED.iter().map(|name| (*name).to_owned()).collect();
    assert_eq!(scripts, played, "scripts in the folder, and scripts that have a test");
    let list = fs::read_to_string(folder().join("../../../docs/scenarios.md")).unwrap();
    for name in &scripts {
        let text = fs::read_to_string(folder().join(format!("{name}.scenario"))).unwrap();
        let title = text.lines().next().unwrap().trim_start_matches("# ");
        let line = format!(
            "[{title}](../controller/tests/scenarios/{name}.transcript) \
             ([script](../controller/tests/scenarios/{name}.scenario))"
        );
        assert!(list.contains(&line), "docs/scenarios.md has no `{line}`");
    }
    println!("scenarios: {} scripts, each with its transcript", scripts.len());
}
