//! How a command learns what the daemon knows, and how it asks for something.

use std::{
    fs,
    path::Path,
    thread,
    time::{Duration, Instant},
};

use ananke_crds::host_config::HostConfiguration;
use ananke_hosts::{lock_holder, room_in};

use super::{
    exit::{Exit, Failure},
    output::tell,
};
use crate::{
    publish::Published,
    state::{Answer, Line, REQUESTS, Request, STATUS},
};

/// What the daemon told last, how long ago, and who is there to tell more.
pub(crate) struct Told {
    pub(crate) published: Published,
    age_seconds: u64,
    daemon: Option<String>,
    /// Why nothing newer can be written here, if that is so.
    unwritable: Option<String>,
    page: String,
}

/// A daemon writes its status at least every 30 s.
const ALIVE_SECONDS: u64 = 60;

impl Told {
    /// Why what was told is not the present state, and what to do; `None` while a daemon is at
    /// work.
    pub(crate) fn dead(&self) -> Option<String> {
        let age = crate::publish::span(self.age_seconds);
        match &self.daemon {
            None => Some(format!(
                "no daemon is running: this was told {age} ago\n  try: systemctl status ananke"
            )),
            Some(process) if self.age_seconds > ALIVE_SECONDS => Some(match &self.unwritable {
                Some(why) => format!(
                    "the daemon ({process}) cannot write its state ({why}): this was told {age} \
                     ago\n  try: {} for what is so now, and mend the disk",
                    self.page
                ),
                None => format!(
                    "the daemon ({process}) is stuck: this was told {age} ago\n  \
                 try: systemctl restart ananke"
                ),
            }),
            Some(_) => None,
        }
    }
}

/// Reads what the daemon told last; works with a dead daemon.
pub(crate) fn told(config: &HostConfiguration) -> Result<Told, Failure> {
    let path = config.state.join(STATUS);
    let shown = path.display();
    let bytes = fs::read(&path).map_err(|error| {
        Failure::new(Exit::Unreachable, format!("{shown}: {error}"))
            .remedy("systemctl status ananke  (no daemon has told anything here yet)")
    })?;
    let published: Published = serde_json::from_slice(&bytes).map_err(|error| {
        Failure::new(Exit::Failed, format!("{shown} is damaged: {error}"))
            .remedy("systemctl restart ananke")
    })?;
    let age = now().saturating_sub(published.live.turned_unix_seconds);
    Ok(Told {
        published,
        age_seconds: u64::try_from(age).unwrap_or(0),
        daemon: lock_holder(&config.state),
        unwritable: unwritable(&config.state),
        page: format!("http://{}/", config.listen),
    })
}

/// Why a state directory takes nothing, if that is so.
fn unwritable(folder: &Path) -> Option<String> {
    match room_in(folder) {
        Ok(free) => (free < ananke_hosts::RESERVE).then(|| format!("{free} bytes are free")),
        Err(error) => Some(error.to_string()),
    }
}

/// The same, for a command that shows no more than a part: a dead daemon is told beside it.
pub(crate) fn told_or_warned(config: &HostConfiguration) -> Result<Told, Failure> {
    let told = told(config)?;
    if let Some(dead) = told.dead() {
        tell!("{dead}");
    }
    Ok(told)
}

/// Seconds since 1970.
pub(crate) fn now() -> i64 {
    jiff::Timestamp::now().as_second()
}

/// The last decision in the journal with its inputs, and the journal up to there.
pub(crate) fn last_decision(
    config: &HostConfiguration,
) -> Result<(ananke_core::observe::Snapshot, ananke_core::journal::Journal), Failure> {
    let store = ananke_hosts::FileStore::open(&config.state)?;
    let mut journal = ananke_core::journal::Journal::default();
    let mut inputs = None;
    for text in ananke_ports::Store::journal(&store)? {
        match serde_json::from_str(&text) {
            Ok(Line::State { journal: state }) => journal = state.into_owned(),
            Ok(Line::Event { event, .. }) => journal.apply(&event),
            Ok(Line::Decision { inputs: seen, .. }) => inputs = Some(seen.into_owned()),
            Ok(Line::Policy { .. }) => {}
            Err(_) => break,
        }
    }
    inputs.map(|inputs| (inputs, journal)).ok_or_else(|| {
        Failure::new(Exit::Unreachable, "no daemon has looked at this world yet")
            .remedy("systemctl start ananke")
    })
}

/// How long an answer may take: the daemon looks every half second.
const PATIENCE: Duration = Duration::from_secs(10);
const LOOK: Duration = Duration::from_millis(50);

/// Asks the daemon, and prints its answer.
pub(crate) fn ask(config: &HostConfiguration, request: &Request) -> Result<String, Failure> {
    if lock_holder(&config.state).is_none() {
        return Err(Failure::new(Exit::Unreachable, "no daemon is running, so nobody was asked")
            .remedy("systemctl start ananke"));
    }
    let folder = config.state.join(REQUESTS);
    let id = format!("{}-{}", now(), std::process::id());
    let path = folder.join(format!("{id}.json"));
    let answer_path = folder.join(format!("{id}.answer.json"));
    place(&folder, &path, request)?;
    let began = Instant::now();
    while began.elapsed() < PATIENCE {
        if let Ok(bytes) = fs::read(&answer_path) {
            // The daemon leaves the answer to whoever asked.
            let _ = fs::remove_file(&answer_path);
            let answer: Answer = serde_json::from_slice(&bytes)?;
            return match answer {
                Answer { ok: true, message, .. } => Ok(message),
                Answer { usage: true, message, .. } => Err(Failure::new(Exit::Usage, message)),
                Answer { message, .. } => Err(Failure::new(Exit::Blocked, message)),
            };
        }
        thread::sleep(LOOK);
    }
    let taken_back = fs::remove_file(&path).is_ok();
    let state = if taken_back { "it was taken back" } else { "it may still act" };
    Err(Failure::new(Exit::Unreachable, format!("no daemon answers the request; {state}"))
        .remedy("systemctl status ananke"))
}

fn place(folder: &Path, path: &Path, request: &Request) -> Result<(), Failure> {
    let refused = |error: std::io::Error| {
        Failure::new(Exit::Failed, format!("{}: {error}", folder.display()))
            .remedy("run it as the user that runs the daemon (root)")
    };
    fs::create_dir_all(folder).map_err(refused)?;
    let mut file = tempfile::Builder::new().prefix(".").tempfile_in(folder).map_err(refused)?;
    serde_json::to_writer(&mut file, request)?;
    file.as_file().sync_all().map_err(refused)?;
    file.persist(path).map_err(|error| refused(error.error))?;
    Ok(())
}
