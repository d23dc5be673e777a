//! From a change of the UPS to the first decision that knows it, and to the first step begun;
//! beside NUT's own `upsmon`.
//!
//! Every device has its own daemon, its own policy and its own two `upsmon`: trials must not share
//! a poll or a decision. One change of a device's file is one trial of all three, so that they are
//! compared over the same changes. All stamps are taken by this process, on one monotonic clock:
//! when the journal's line is written, when the log's line of the step arrives, when the
//! `NOTIFYCMD` of `upsmon` has written to a pipe.
//!
//! The world is one in which nothing else happens: the policy wants the cluster down and it is
//! (its one host runs no k3s), so the daemon is at rest on mains, and the trigger's first step is
//! the host's poweroff. It is sent over real SSH; the host has `poweroff.target` masked and says no.

mod daemon;
mod figures;
mod follow;
mod trial;
mod upsmon;

use std::{
    fs::{self, Permissions},
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
    sync::mpsc,
    thread,
    time::Duration,
};

use ananke_lab::{HostSpec, Lab, LabName, LabSpec, Role, UpsSpec};
use anyhow::{Context, Result, anyhow};

use self::{daemon::Daemon, follow::Sighting, trial::Device};

#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// Trials per row of the table, at least.
    #[arg(long, default_value_t = 200)]
    trials: usize,
    /// Devices side by side.
    #[arg(long, default_value_t = 16, value_parser = clap::value_parser!(u16).range(2..=64))]
    devices: u16,
    /// Draws the pauses between trials.
    #[arg(long, default_value_t = 1)]
    seed: u64,
}

/// Hosts are shared by so many daemons: sshd drops some logins when more than ten come at once.
const DAEMONS_PER_HOST: usize = 4;

/// One reading, and what a policy says that is silent about it.
const DEBOUNCES: [u32; 2] = [1, 3];

/// A supply, the host that it feeds, and how many readings its trigger takes.
#[derive(Debug, Clone)]
pub(crate) struct Place {
    pub(crate) at: usize,
    pub(crate) ups: String,
    pub(crate) host: String,
    pub(crate) debounce: u32,
}

pub(crate) fn run(arguments: &Arguments) -> Result<()> {
    let places = places(arguments);
    let lab = lab(&places)?;
    // On a disk, as a coordinator's state is: the lab's own folders lie in memory.
    let folder = tempfile::Builder::new().prefix("ananke-bench-").tempdir_in("/var/tmp")?;
    fs::set_permissions(folder.path(), Permissions::from_mode(0o700))?;
    let (sightings, devices) = channels(&places);
    let pipe = upsmon::listen(folder.path(), sightings.clone())?;
    let mut journals = follow::Journals::new()?;
    let mut daemons = Vec::new();
    let mut monitors = Vec::new();
    for place in &places {
        let own = folder.path().join(&place.ups);
        let (daemon, log) = Daemon::start(&lab, place, &own)?;
        journals.add(place, &own)?;
        follow::log(place.at, log, sightings.clone());
        daemons.push(daemon);
        for frequency in upsmon::FREQUENCIES {
            monitors.push(upsmon::start(&lab, place, frequency, folder.path(), &pipe)?);
        }
    }
    journals.follow(sightings);
    for daemon in &daemons {
        daemon.wait_for_rest()?;
    }
    println!("{} devices at rest, seed {}", places.len(), arguments.seed);
    let trials = arguments.trials.div_ceil(places.len() / DEBOUNCES.len());
    let results = thread::scope(|scope| {
        let lab = &lab;
        let runs: Vec<_> = places
            .iter()
            .zip(devices)
            .map(|(place, seen)| {
                scope.spawn(move || {
                    let mut device = Device::new(lab, place.clone(), seen, arguments.seed);
                    let changed = device.by_file(trials)?;
                    let set = device.by_upsd(trials)?;
                    Ok::<_, anyhow::Error>((place.clone(), changed, set))
                })
            })
            .collect();
        let ends =
            runs.into_iter().map(|run| run.join().map_err(|_| anyhow!("a trial panicked"))?);
        ends.collect::<Result<Vec<_>>>()
    })?;
    drop((daemons, monitors));
    figures::print(&results);
    drop(folder);
    lab.down()
}

fn places(arguments: &Arguments) -> Vec<Place> {
    let place = |at: usize| Place {
        at,
        ups: format!("ups{at}"),
        host: format!("n{}", at / DAEMONS_PER_HOST + 1),
        debounce: DEBOUNCES[at % DEBOUNCES.len()],
    };
    let even = usize::from(arguments.devices).next_multiple_of(DEBOUNCES.len());
    (0..even).map(place).collect()
}

fn lab(places: &[Place]) -> Result<Lab> {
    let mut spec = LabSpec::new(LabName::unique());
    for place in places {
        if spec.hosts.iter().all(|host| host.name != place.host) {
            spec = spec.host(HostSpec::new(&place.host, Role::None));
        }
        spec = spec.ups(UpsSpec::new(&place.ups));
    }
    let lab = Lab::up(spec)?;
    for host in &lab.spec().hosts {
        lab.inside(&host.name, &["systemctl", "mask", "--runtime", "poweroff.target"])
            .with_context(|| format!("{} would be powered off by its trials", host.name))?;
    }
    Ok(lab)
}

/// Where each device hears what was seen of it.
type Channels = (Vec<mpsc::Sender<Sighting>>, Vec<mpsc::Receiver<Sighting>>);

fn channels(places: &[Place]) -> Channels {
    places.iter().map(|_| mpsc::channel()).unzip()
}

/// Writes a file that only root may read.
pub(crate) fn private(file: &Path, text: &str) -> Result<PathBuf> {
    fs::write(file, text).with_context(|| format!("cannot write {}", file.display()))?;
    fs::set_permissions(file, Permissions::from_mode(0o600))?;
    Ok(file.to_owned())
}

/// Longest wait for something that takes seconds.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);
