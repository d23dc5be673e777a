//! A watch over what nobody notes: what lives on the hosts, and what the UPS drivers' files say.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use ananke_audit::{Millis, Picture};
use anyhow::{Context, Result};
use serde::Deserialize;

use super::facts::{Facts, Life, Reading};
use super::{Evidence, collect, picture};
use crate::facts::HostProcess;
use crate::lab::Lab;

/// Pause between two looks. What is shorter is not seen; what is decided after it was seen takes
/// longer.
const LOOK: Duration = Duration::from_millis(100);

/// Watches a lab from [`Watch::begin`] until it is dropped.
#[derive(Debug)]
pub struct Watch {
    /// Milliseconds since 1970 that the times of all facts are counted from.
    zero: Millis,
    before: Picture,
    seen: Arc<Mutex<Seen>>,
    ended: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

/// What the looks saw, by host or supply.
#[derive(Debug, Clone, Default)]
struct Seen {
    containers: BTreeMap<String, Vec<Life>>,
    volumes: BTreeMap<String, Vec<Life>>,
    supplies: BTreeMap<String, Vec<Reading>>,
    looked: Millis,
}

impl Watch {
    /// Begins to watch, and keeps how things stand. Times count from `zero`.
    ///
    /// # Errors
    /// The lab is not up, or something in it does not answer.
    pub fn begin(lab: &Lab, zero: SystemTime) -> Result<Self> {
        let zero = millis(zero);
        let (seen, ended) = (Arc::new(Mutex::new(Seen::default())), Arc::default());
        let mut watch = Self {
            zero,
            before: Picture::default(),
            seen: Arc::clone(&seen),
            ended: Arc::clone(&ended),
            thread: None,
        };
        let eye = Lab::attach(&lab.spec().name)?;
        let mut names = BTreeMap::new();
        let mut look = move || {
            let at = since(zero);
            let found = Found::look(&eye, zero, &mut names);
            seen.lock().unwrap_or_else(PoisonError::into_inner).add(at, found);
        };
        look();
        let looks = move || {
            while !ended.load(Ordering::Relaxed) {
                thread::sleep(LOOK);
                look();
            }
        };
        let thread = thread::Builder::new().name("watch".to_owned()).spawn(looks);
        watch.thread = Some(thread.context("cannot start the thread that watches")?);
        watch.before = picture::take(lab, zero)?;
        Ok(watch)
    }

    /// What was found out so far, with how things stand now.
    ///
    /// # Errors
    /// A log is damaged, or something does not answer that is up.
    pub fn evidence(&self, lab: &Lab) -> Result<Evidence> {
        let after = picture::take(lab, self.zero)?;
        let seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let noted = collect::collect(lab, self.zero)?;
        let facts = Facts {
            supplies: seen.supplies,
            containers: seen.containers,
            volumes: seen.volumes,
            looked: seen.looked,
            ..noted
        };
        Ok(Evidence { before: self.before.clone(), facts, after })
    }

    /// Milliseconds since the time that everything is counted from.
    pub fn now(&self) -> Millis {
        since(self.zero)
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        self.ended.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            thread.join().ok();
        }
    }
}

/// What one look finds: host or supply, and what is there.
struct Found {
    containers: Vec<(String, Vec<(String, String)>)>,
    volumes: Vec<(String, Vec<(String, String)>)>,
    supplies: Vec<(String, Reading)>,
}

impl Found {
    /// `names` keeps the names of pods by UID.
    fn look(lab: &Lab, zero: Millis, names: &mut BTreeMap<String, String>) -> Self {
        let (mut containers, mut volumes) = (Vec::new(), Vec::new());
        for host in lab.spec().hosts.iter().map(|host| &host.name) {
            let shims = lab.shims(host).unwrap_or_default();
            containers.push((host.clone(), pods(&shims, names)));
            // A host that goes off while it is looked at has none.
            let mounts = lab.pod_mounts(host).unwrap_or_default();
            let mounts = mounts.iter().map(|m| m.display().to_string());
            volumes.push((host.clone(), mounts.map(|m| (m.clone(), m)).collect()));
        }
        let supplies = lab.spec().supplies.iter().filter_map(|ups| {
            let file = lab.paths().nut().join(format!("etc/{}.dev", ups.name));
            Some((ups.name.clone(), reading(&file, zero)?))
        });
        Self { containers, volumes, supplies: supplies.collect() }
    }
}

impl Seen {
    fn add(&mut self, at: Millis, found: Found) {
        for (host, present) in found.containers {
            live(self.containers.entry(host).or_default(), self.looked, at, present);
        }
        for (host, present) in found.volumes {
            live(self.volumes.entry(host).or_default(), self.looked, at, present);
        }
        for (supply, reading) in found.supplies {
            let readings = self.supplies.entry(supply).or_default();
            let same = |last: &Reading| {
                (&last.status, last.runtime_s) == (&reading.status, reading.runtime_s)
            };
            if !readings.last().is_some_and(same) {
                readings.push(reading);
            }
        }
        self.looked = at;
    }
}

/// Whatever the last look saw, too, lives on; the rest begins.
fn live(lives: &mut Vec<Life>, looked: Millis, at: Millis, present: Vec<(String, String)>) {
    for (id, name) in present {
        match lives.iter_mut().rfind(|life| life.id == id && life.until == looked) {
            Some(life) => life.until = at,
            None => lives.push(Life { id, name, from: at, until: at }),
        }
    }
}

/// The pods of shims, by UID, with their names.
pub(super) fn pods(
    shims: &[HostProcess],
    names: &mut BTreeMap<String, String>,
) -> Vec<(String, String)> {
    let pods = shims.iter().filter_map(|shim| {
        let uid = shim.command.split(' ').skip_while(|word| *word != "-id").nth(1)?;
        if !names.contains_key(uid) {
            names.insert(uid.to_owned(), name_of(shim.pid, uid)?);
        }
        Some((uid.to_owned(), names.get(uid)?.clone()))
    });
    pods.collect()
}

/// By what the shim itself keeps about its pod.
fn name_of(pid: u32, uid: &str) -> Option<String> {
    #[derive(Deserialize)]
    struct Record {
        namespace: String,
        name: String,
    }
    let text = fs::read(format!("/proc/{pid}/root/run/k3s/shims/{uid}.json")).ok()?;
    let record: Record = serde_json::from_slice(&text).ok()?;
    Some(format!("{}/{}", record.namespace, record.name))
}

/// What a UPS driver's file says. Its time of change cannot be set by hand, as its time stamp is.
pub(super) fn reading(file: &Path, zero: Millis) -> Option<Reading> {
    let text = fs::read_to_string(file).ok()?;
    let changed = fs::metadata(file).ok()?;
    let value = |name: &str| {
        let of = |line: &str| line.strip_prefix(name)?.strip_prefix(": ").map(str::to_owned);
        text.lines().find_map(of)
    };
    let at = changed.ctime().checked_mul(1000)?.checked_add(changed.ctime_nsec() / 1_000_000)?;
    Some(Reading {
        at: u64::try_from(at).ok()?.saturating_sub(zero),
        status: value("ups.status")?,
        runtime_s: value("battery.runtime")?.parse().ok()?,
    })
}

fn millis(time: SystemTime) -> Millis {
    let since = time.duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(Millis::MAX)
}

fn since(zero: Millis) -> Millis {
    millis(SystemTime::now()).saturating_sub(zero)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_two_looks_in_a_row_see_lives_on_and_what_comes_back_is_another_life() {
        let mut lives = Vec::new();
        let pod = || vec![("u1".to_owned(), "shop/web".to_owned())];
        live(&mut lives, 0, 100, pod());
        live(&mut lives, 100, 200, pod());
        live(&mut lives, 200, 300, Vec::new());
        live(&mut lives, 300, 400, pod());
        let spans: Vec<(Millis, Millis)> = lives.iter().map(|l| (l.from, l.until)).collect();
        assert_eq!(spans, [(100, 200), (400, 400)]);
        assert!(lives[0].spans(150) && !lives[0].spans(250));
    }
}
