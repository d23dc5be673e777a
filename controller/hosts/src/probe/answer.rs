use std::{collections::BTreeMap, str::FromStr};

use ananke_core::observe::{ActiveState, HostFacts, ServiceState, SnapshotFacts, SystemState};

use super::{LONGEST_ANSWER, snapshots};

/// Version of the answer's form; the script and this parser are shipped together, so another one
/// means that something else answered.
const VERSION: &str = "1";

/// Every key that the answer may have.
const KEYS: [&str; 18] = [
    "boot_id",
    "uptime",
    "wall",
    "system",
    "server.LoadState",
    "server.ActiveState",
    "server.Result",
    "server.Job",
    "agent.LoadState",
    "agent.ActiveState",
    "agent.Result",
    "agent.Job",
    "processes",
    "containers",
    "volumes",
    "chrony",
    "timedatectl",
    "snapshots",
];

/// How the listing of snapshots ended, beside the list itself.
const LISTING_EXIT: &str = "snapshots_exit";

/// What a host answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Answer {
    /// What it says of itself; its snapshot is in `snapshots`.
    pub(crate) facts: HostFacts,
    /// What it says of its snapshots.
    pub(crate) snapshots: Listing,
}

/// What came of listing snapshots.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Listing {
    /// It was not asked, or its control plane does not run.
    NotListed,
    /// The newest one, if there is any.
    Newest(Option<SnapshotFacts>),
    /// The command failed (124: it took too long).
    Failed {
        /// Its exit code.
        exit: i32,
    },
    /// The list cannot be understood.
    Unreadable {
        /// Why.
        why: String,
    },
}

/// Why an answer cannot be understood.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum ProbeError {
    /// Longer than any answer is.
    #[error("its answer is longer than {LONGEST_ANSWER} bytes")]
    TooLong,
    /// Something else answered, or before us.
    #[error(
        "its answer begins with `{0}` instead of `ananke-probe=1`; what prints at login there?"
    )]
    NotOurs(String),
    /// The last line is missing.
    #[error("its answer is cut short after {0} lines")]
    CutShort(usize),
    /// A line that is no `key=value`, or has a key that is not asked for.
    #[error("its answer has a line that was not asked for: `{0}`")]
    Unexpected(String),
    /// A key stands there twice.
    #[error("its answer says `{0}` twice")]
    Twice(String),
    /// A key is missing.
    #[error("its answer does not say `{0}`; does systemd answer there?")]
    Missing(&'static str),
    /// A value is none of those that it may be.
    #[error("its answer says `{key}={value}`, which means nothing")]
    Meaningless {
        /// The key.
        key: &'static str,
        /// Its value, shortened.
        value: String,
    },
    /// Processes of other users cannot be seen.
    #[error("its /proc is mounted with hidepid: our user cannot see whether containers are left")]
    ProcessesHidden,
}

/// Reads a host's answer.
///
/// # Errors
/// [`ProbeError`] for anything but a whole answer of the right form.
pub(crate) fn parse(answer: &[u8]) -> Result<Answer, ProbeError> {
    if answer.len() > LONGEST_ANSWER {
        return Err(ProbeError::TooLong);
    }
    let text = String::from_utf8_lossy(answer);
    let fields = Fields::read(&text)?;
    if fields.get("processes")? != "visible" {
        return Err(ProbeError::ProcessesHidden);
    }
    let facts = HostFacts {
        boot_id: fields.boot_id()?,
        uptime_seconds: fields.number("uptime")?,
        wall_unix_seconds: fields.number("wall")?,
        system: fields.system()?,
        server: fields.service(&SERVER)?,
        agent: fields.service(&AGENT)?,
        containers: fields.number("containers")?,
        volumes: fields.number("volumes")?,
        snapshot: None,
        clock_synchronised: fields.clock()?,
    };
    Ok(Answer { facts, snapshots: fields.snapshots()? })
}

/// The keys of one service.
struct ServiceKeys {
    load: &'static str,
    active: &'static str,
    result: &'static str,
    job: &'static str,
}

const SERVER: ServiceKeys = ServiceKeys {
    load: "server.LoadState",
    active: "server.ActiveState",
    result: "server.Result",
    job: "server.Job",
};

const AGENT: ServiceKeys = ServiceKeys {
    load: "agent.LoadState",
    active: "agent.ActiveState",
    result: "agent.Result",
    job: "agent.Job",
};

/// The lines of an answer by their keys.
struct Fields<'a>(BTreeMap<&'a str, &'a str>);

impl<'a> Fields<'a> {
    fn read(text: &'a str) -> Result<Self, ProbeError> {
        let mut lines = text.lines();
        match lines.next().and_then(|line| line.strip_prefix("ananke-probe=")) {
            Some(VERSION) => {}
            _ => return Err(ProbeError::NotOurs(short(text.lines().next().unwrap_or_default()))),
        }
        let mut fields = BTreeMap::new();
        let mut count = 1;
        for line in lines.by_ref() {
            if line == "end=1" {
                return match lines.next() {
                    Some(more) => Err(ProbeError::Unexpected(short(more))),
                    None => Ok(Self(fields)),
                };
            }
            let (key, value) =
                line.split_once('=').ok_or_else(|| ProbeError::Unexpected(short(line)))?;
            if !KEYS.contains(&key) && key != LISTING_EXIT {
                return Err(ProbeError::Unexpected(short(line)));
            }
            if fields.insert(key, value).is_some() {
                return Err(ProbeError::Twice(short(key)));
            }
            count += 1;
        }
        Err(ProbeError::CutShort(count))
    }

    fn maybe(&self, key: &'static str) -> Option<&'a str> {
        self.0.get(key).copied()
    }

    fn get(&self, key: &'static str) -> Result<&'a str, ProbeError> {
        self.maybe(key).ok_or(ProbeError::Missing(key))
    }

    fn number<N: FromStr>(&self, key: &'static str) -> Result<N, ProbeError> {
        let value = self.get(key)?;
        value.trim().parse().map_err(|_| meaningless(key, value))
    }

    fn boot_id(&self) -> Result<String, ProbeError> {
        let value = self.get("boot_id")?;
        let is_uuid = value.len() == 36 && value.chars().all(|c| c == '-' || c.is_ascii_hexdigit());
        if is_uuid { Ok(value.to_owned()) } else { Err(meaningless("boot_id", value)) }
    }

    /// `maintenance` is a person at the console: nothing of ours comes up under them.
    fn system(&self) -> Result<SystemState, ProbeError> {
        match self.get("system")? {
            "initializing" | "starting" | "maintenance" => Ok(SystemState::Starting),
            "running" | "degraded" => Ok(SystemState::Running),
            "stopping" => Ok(SystemState::Stopping),
            other => Err(meaningless("system", other)),
        }
    }

    /// A unit that is not there is `None`; one that is masked or broken is there, and not up.
    fn service(&self, keys: &ServiceKeys) -> Result<Option<ServiceState>, ProbeError> {
        if self.get(keys.load)? == "not-found" {
            return Ok(None);
        }
        let active = match self.get(keys.active)? {
            "active" | "reloading" | "refreshing" => ActiveState::Active,
            "activating" => ActiveState::Activating,
            "deactivating" => ActiveState::Deactivating,
            "inactive" => ActiveState::Inactive,
            "failed" => ActiveState::Failed,
            other => return Err(meaningless(keys.active, other)),
        };
        let result = self.get(keys.result)?.to_owned();
        let job = self.maybe(keys.job).is_some_and(|job| !matches!(job, "" | "0"));
        Ok(Some(ServiceState { active, result, job }))
    }

    /// chrony where it answers, since it says more than the kernel's flag; `None` if nobody does.
    fn clock(&self) -> Result<Option<bool>, ProbeError> {
        if let Some(tracking) = self.maybe("chrony") {
            let columns: Vec<&str> = tracking.split(',').collect();
            let (Some(stratum), Some(leap)) = (columns.get(2), columns.get(13)) else {
                return Err(meaningless("chrony", tracking));
            };
            return Ok(Some(*stratum != "0" && *leap != "Not synchronised"));
        }
        match self.maybe("timedatectl") {
            None => Ok(None),
            Some("yes") => Ok(Some(true)),
            Some("no") => Ok(Some(false)),
            Some(other) => Err(meaningless("timedatectl", other)),
        }
    }

    /// An unreadable list must not hide the host that it is of: it is told beside the facts.
    fn snapshots(&self) -> Result<Listing, ProbeError> {
        let Some(list) = self.maybe("snapshots") else { return Ok(Listing::NotListed) };
        match self.number(LISTING_EXIT)? {
            0 => Ok(match snapshots::newest(list) {
                Ok(newest) => Listing::Newest(newest),
                Err(why) => Listing::Unreadable { why },
            }),
            exit => Ok(Listing::Failed { exit }),
        }
    }
}

fn meaningless(key: &'static str, value: &str) -> ProbeError {
    ProbeError::Meaningless { key, value: short(value) }
}

/// At most 60 printable characters of what a host said.
fn short(text: &str) -> String {
    text.chars().filter(|c| !c.is_control()).take(60).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// A k3s server as Debian 12 answers.
    const SERVER_ANSWER: &str = "ananke-probe=1\n\
        boot_id=4a3e1c0e-6b0e-4f0a-9d3e-1f2a3b4c5d6e\nuptime=86400\nwall=1790000000\n\
        system=degraded\n\
        server.Result=success\nserver.LoadState=loaded\nserver.ActiveState=active\n\
        agent.Result=success\nagent.LoadState=not-found\nagent.ActiveState=inactive\n\
        processes=visible\ncontainers=12\nvolumes=31\n\
        chrony=0A4D0001,10.77.0.1,9,1790000000.1,0.000001,0.0,0.0,0.0,0.0,0.0,0.0,0.0,1.0,Normal\n\
        end=1\n";

    fn with(from: &str, to: &str) -> String {
        assert!(SERVER_ANSWER.contains(from), "{from}");
        SERVER_ANSWER.replace(from, to)
    }

    fn facts(answer: &str) -> HostFacts {
        parse(answer.as_bytes()).unwrap().facts
    }

    #[test]
    fn a_good_answer() {
        let answer = parse(SERVER_ANSWER.as_bytes()).unwrap();
        let expected = HostFacts {
            boot_id: "4a3e1c0e-6b0e-4f0a-9d3e-1f2a3b4c5d6e".to_owned(),
            uptime_seconds: 86400,
            wall_unix_seconds: 1_790_000_000,
            system: SystemState::Running,
            server: Some(ServiceState {
                active: ActiveState::Active,
                result: "success".to_owned(),
                job: false,
            }),
            agent: None,
            containers: 12,
            volumes: 31,
            snapshot: None,
            clock_synchronised: Some(true),
        };
        assert_eq!(answer, Answer { facts: expected, snapshots: Listing::NotListed });
    }

    #[test]
    fn states_of_systemd() {
        for (word, state) in [
            ("initializing", SystemState::Starting),
            ("starting", SystemState::Starting),
            ("maintenance", SystemState::Starting),
            ("running", SystemState::Running),
            ("stopping", SystemState::Stopping),
        ] {
            assert_eq!(facts(&with("degraded", word)).system, state, "{word}");
        }
        for word in ["offline", "unknown", ""] {
            assert!(parse(with("degraded", word).as_bytes()).is_err(), "{word}");
        }
    }

    #[test]
    fn states_of_a_service() {
        for (word, state) in [
            ("active", ActiveState::Active),
            ("reloading", ActiveState::Active),
            ("activating", ActiveState::Activating),
            ("deactivating", ActiveState::Deactivating),
            ("inactive", ActiveState::Inactive),
            ("failed", ActiveState::Failed),
        ] {
            let answer = with("server.ActiveState=active", &format!("server.ActiveState={word}"));
            assert_eq!(facts(&answer).server.unwrap().active, state, "{word}");
        }
        let job = with("server.Result=success", "server.Result=timeout\nserver.Job=4711");
        let server = facts(&job).server.unwrap();
        assert_eq!((server.result.as_str(), server.job), ("timeout", true));
        let masked = facts(&with("server.LoadState=loaded", "server.LoadState=masked"));
        assert!(masked.server.is_some());
    }

    #[test]
    fn clocks() {
        assert_eq!(facts(&with(",Normal", ",Not synchronised")).clock_synchronised, Some(false));
        assert_eq!(facts(&with(".1,9,", ".1,0,")).clock_synchronised, Some(false));
        let line = SERVER_ANSWER.lines().find(|line| line.starts_with("chrony")).unwrap();
        assert_eq!(facts(&with(line, "timedatectl=yes")).clock_synchronised, Some(true));
        assert_eq!(facts(&with(line, "timedatectl=no")).clock_synchronised, Some(false));
        assert_eq!(facts(&with(&format!("{line}\n"), "")).clock_synchronised, None);
    }

    #[test]
    fn snapshots_are_told_beside_the_facts() {
        let listing = |lines: &str| {
            parse(with("end=1\n", &format!("{lines}end=1\n")).as_bytes()).unwrap().snapshots
        };
        assert_eq!(listing("snapshots_exit=0\nsnapshots={\"items\":[]}\n"), Listing::Newest(None));
        assert_eq!(listing("snapshots_exit=124\nsnapshots=\n"), Listing::Failed { exit: 124 });
        let unreadable = listing("snapshots_exit=0\nsnapshots={\"ite\n");
        assert!(matches!(unreadable, Listing::Unreadable { .. }), "{unreadable:?}");
    }

    #[test]
    fn whatever_is_wrong_is_named() {
        for (answer, expected) in [
            (String::new(), "begins with `` instead"),
            (format!("Welcome!\n{SERVER_ANSWER}"), "begins with `Welcome!`"),
            (with("ananke-probe=1", "ananke-probe=2"), "begins with `ananke-probe=2`"),
            (with("end=1\n", ""), "cut short after 15 lines"),
            (with("end=1", "end=1\nmore"), "not asked for: `more`"),
            (with("volumes=31", "volumes=31\nvolumes=0"), "says `volumes` twice"),
            (with("volumes=31\n", ""), "does not say `volumes`"),
            (with("volumes=31", "volumes=-1"), "`volumes=-1`, which means nothing"),
            (with("containers=12", "containers=99999999999"), "means nothing"),
            (with("containers=12", "shells=12"), "not asked for: `shells=12`"),
            (with("server.LoadState=loaded\n", ""), "does not say `server.LoadState`"),
            (with("processes=visible", "processes=hidden"), "hidepid"),
            (with("4a3e1c0e-", "-"), "boot_id="),
        ] {
            let error = parse(answer.as_bytes()).expect_err(&answer).to_string();
            assert!(error.contains(expected), "{error}\n  does not contain: {expected}");
        }
        assert_eq!(parse(&vec![b'x'; LONGEST_ANSWER + 1]), Err(ProbeError::TooLong));
    }

    #[test]
    fn cut_anywhere_it_is_never_believed() {
        let whole = SERVER_ANSWER.trim_end().len();
        for end in 0..whole {
            assert!(parse(&SERVER_ANSWER.as_bytes()[..end]).is_err(), "cut at {end}");
        }
    }

    proptest! {
        #[test]
        fn any_bytes_give_a_verdict(bytes in proptest::collection::vec(any::<u8>(), 0..2000)) {
            prop_assert!(parse(&bytes).is_err());
        }

        #[test]
        fn a_damaged_answer_gives_a_verdict_with_a_short_message(
            at in 0..SERVER_ANSWER.len(),
            junk in proptest::collection::vec(any::<u8>(), 1..200),
        ) {
            let mut bytes = SERVER_ANSWER.as_bytes().to_vec();
            bytes.splice(at..at, junk);
            if let Err(error) = parse(&bytes) {
                let message = error.to_string();
                let is_clean = !message.chars().any(char::is_control);
                prop_assert!(is_clean && message.chars().count() < 200, "{message:?}");
            }
        }
    }
}
