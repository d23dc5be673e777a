//! What the daemons do, seen from outside as it happens.

use std::{
    fs::{self, File},
    io::{BufRead as _, BufReader, Read as _, Seek as _, SeekFrom},
    mem::MaybeUninit,
    os::fd::OwnedFd,
    path::{Path, PathBuf},
    process::ChildStderr,
    sync::mpsc::Sender,
    thread,
    time::Instant,
};

use anyhow::Result;
use rustix::fs::inotify::{self, CreateFlags, WatchFlags};
use serde_json::Value;

use super::Place;

/// Something that one of the watchers did, and when.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Sighting {
    pub(crate) what: What,
    pub(crate) at: Instant,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum What {
    /// ananke's first decision that knows of the battery.
    OnBattery,
    /// ananke has begun a step.
    Step,
    /// ananke asks for nothing any more.
    Clear,
    /// `upsmon` with this poll, in seconds, was told to notify of it.
    Upsmon(u32, Notice),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Notice {
    OnBattery,
    LowBattery,
    OnLine,
}

/// The journals of all daemons.
pub(crate) struct Journals {
    inotify: OwnedFd,
    followed: Vec<(i32, Journal)>,
}

struct Journal {
    at: usize,
    ups: String,
    folder: PathBuf,
    segment: PathBuf,
    read_to: u64,
    was_on_battery: bool,
}

impl Journals {
    pub(crate) fn new() -> Result<Self> {
        Ok(Self { inotify: inotify::init(CreateFlags::CLOEXEC)?, followed: Vec::new() })
    }

    pub(crate) fn add(&mut self, place: &Place, folder: &Path) -> Result<()> {
        let folder = folder.join("state/journal");
        let flags = WatchFlags::MODIFY | WatchFlags::MOVED_TO;
        let watch = inotify::add_watch(&self.inotify, &folder, flags)?;
        let journal = Journal {
            at: place.at,
            ups: place.ups.clone(),
            folder,
            segment: PathBuf::new(),
            read_to: 0,
            was_on_battery: false,
        };
        self.followed.push((watch, journal));
        Ok(())
    }

    /// Stamps lines as they are written, for as long as anybody listens.
    pub(crate) fn follow(mut self, to: Vec<Sender<Sighting>>) {
        thread::spawn(move || {
            let mut buffer = [MaybeUninit::uninit(); 16 * 1024];
            let inotify = self.inotify;
            let mut events = inotify::Reader::new(&inotify, &mut buffer);
            while let Ok(event) = events.next() {
                let at = Instant::now();
                let watch = event.wd();
                let found = self.followed.iter_mut().find(|(of, _)| *of == watch);
                let Some((_, journal)) = found else { continue };
                for what in journal.news() {
                    let Some(to) = to.get(journal.at) else { continue };
                    if to.send(Sighting { what, at }).is_err() {
                        return;
                    }
                }
            }
        });
    }
}

impl Journal {
    /// What the lines say that were written since the last look.
    fn news(&mut self) -> Vec<What> {
        let newest = newest(&self.folder);
        if newest != self.segment {
            self.segment = newest;
            self.read_to = 0;
        }
        let mut text = Vec::new();
        let read = File::open(&self.segment).and_then(|mut file| {
            file.seek(SeekFrom::Start(self.read_to))?;
            file.read_to_end(&mut text)
        });
        if read.is_err() {
            return Vec::new();
        }
        // A line that is not whole yet is read again.
        let whole = text.iter().rposition(|byte| *byte == b'\n').map_or(0, |last| last + 1);
        text.truncate(whole);
        self.read_to += u64::try_from(whole).unwrap_or_default();
        let lines = text.split(|byte| *byte == b'\n');
        // A new segment tells once more what was in force; only events are news.
        let events = lines.filter(|line| line.starts_with(br#"{"line":"event""#));
        events.filter_map(|line| self.read(&serde_json::from_slice(line).ok()?)).collect()
    }

    fn read(&mut self, line: &Value) -> Option<What> {
        let memory = &line["event"]["supplies"][&self.ups];
        if line["event"]["event"] != "decided" || memory.is_null() {
            return None;
        }
        let on_battery = !memory["onBatterySince"].is_null();
        let began = on_battery && !self.was_on_battery;
        self.was_on_battery = on_battery;
        match () {
            () if began => Some(What::OnBattery),
            () if !on_battery && memory["phase"] == "clear" => Some(What::Clear),
            () => None,
        }
    }
}

fn newest(folder: &Path) -> PathBuf {
    let files = fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.path());
    files.filter(|path| path.extension().is_some_and(|e| e == "jsonl")).max().unwrap_or_default()
}

/// Stamps the steps that a daemon's log tells: each is told when it is journalled and begins.
pub(crate) fn log(at: usize, log: ChildStderr, to: Vec<Sender<Sighting>>) {
    thread::spawn(move || {
        for line in BufReader::new(log).lines().map_while(Result::ok) {
            let sighting = Sighting { what: What::Step, at: Instant::now() };
            let Some(to) = to.get(at).filter(|_| line.contains(": power-off (try ")) else {
                continue;
            };
            if to.send(sighting).is_err() {
                return;
            }
        }
    });
}
