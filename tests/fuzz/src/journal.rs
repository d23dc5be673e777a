//! The journal: any bytes as the segment in force. What stands before the first damaged line is
//! remembered, the damage is told with its line, and what is remembered is written so that it is
//! read as the same.

use std::{fs, path::Path, sync::Arc};

use ananke::state::{Line, Recorder, replay};
use ananke_core::{
    episode::EpisodePhase,
    journal::{Event, Journal},
    time::Tick,
};
use ananke_hosts::FileStore;
use ananke_ports::Store;

use crate::bytes::is_one_plain_line;

const BOOT: &str = "this boot";

pub(crate) fn run(bytes: &[u8]) {
    crate::state::in_a_folder(|folder| read(folder, bytes));
}

fn read(folder: &Path, bytes: &[u8]) {
    let segment = folder.join("journal/000001.jsonl");
    fs::create_dir_all(folder.join("journal")).unwrap();
    fs::write(&segment, bytes).unwrap();
    let store: Arc<dyn Store> = Arc::new(FileStore::open(folder).unwrap());
    let lines = store.journal().unwrap();
    let (expected, damaged) = believed(bytes);
    let (journal, complaint) = opened(&store);
    assert_eq!(journal, expected, "something before the damage is lost");
    match (damaged, complaint) {
        (None, None) => {}
        (Some(damage), Some(complaint)) => {
            is_one_plain_line(&complaint);
            assert!(complaint.contains(&damage), "{complaint}");
        }
        (damaged, complaint) => panic!("{damaged:?} is told as {complaint:?}"),
    }
    assert_eq!(fs::read(&segment).unwrap(), bytes, "the damaged segment is not kept");
    let (again, complaint) = opened(&store);
    assert_eq!(complaint, None, "what was written is not read");
    assert_eq!(again, after_a_start(journal), "what was written is read as something else");
    let replayed = replay(lines.iter().map(String::as_str));
    replayed.gaps.iter().for_each(|gap| is_one_plain_line(gap));
}

/// What a daemon remembers that starts now.
fn opened(store: &Arc<dyn Store>) -> (Journal, Option<String>) {
    let (recorder, complaint) = Recorder::open(Arc::clone(store), BOOT.to_owned(), START, 0);
    (recorder.journal().clone(), complaint)
}

const START: Tick = Tick::from_millis(7_000);

fn after_a_start(mut journal: Journal) -> Journal {
    journal.apply(&Event::Started { boot_id: BOOT.to_owned(), at: START });
    journal
}

/// What a file says up to its first damage, and what is told of that. What has no line end is a
/// write that was cut.
fn believed(bytes: &[u8]) -> (Journal, Option<String>) {
    let mut journal = Journal::default();
    let whole = bytes.iter().rposition(|byte| *byte == b'\n');
    let lines = whole.map(|end| bytes[..end].split(|byte| *byte == b'\n'));
    for (number, line) in lines.into_iter().flatten().enumerate() {
        match serde_json::from_slice(line) {
            Ok(Line::State { journal: state }) => journal = state.into_owned(),
            Ok(Line::Event { event, .. }) => journal.apply(&event),
            Ok(Line::Policy { .. } | Line::Decision { .. }) => {}
            Err(_) => {
                // What was steady before may not be so any more.
                journal.episode.phase = EpisodePhase::Recovering;
                let damage = format!("line {} is damaged", number + 1);
                return (after_a_start(journal), Some(damage));
            }
        }
    }
    if whole.is_some_and(|end| end + 1 == bytes.len()) || bytes.is_empty() {
        return (after_a_start(journal), None);
    }
    journal.episode.phase = EpisodePhase::Recovering;
    (after_a_start(journal), Some("a write was cut".into()))
}
