use std::collections::VecDeque;

use ananke_core::{observe::GitopsRef, step::Service};
use serde::{Deserialize, Serialize};

use super::{ApiFault, CommandFault, HostFault, Millis, TelemetryFault};

/// Who did it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Actor {
    /// The daemon, through a port.
    Ananke,
    /// A person.
    Person,
    /// Nature, a UPS, systemd, a controller.
    World,
}

/// Something that happened in the world.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Happening {
    /// When, in milliseconds of the world.
    pub at: Millis,
    /// Who did it.
    pub who: Actor,
    /// What.
    pub what: What,
}

/// What can happen. Only changes are told; a wake at a host that is on is one of a try, not of
/// the host.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", rename_all_fields = "camelCase", tag = "what")]
#[expect(missing_docs, reason = "the names of the fields are those of the things")]
pub enum What {
    /// Mains of a supply went.
    MainsLost { supply: String },
    /// They are back.
    MainsBack { supply: String },
    /// Its output is off: its battery is empty, or it was told to cut it.
    OutputLost { supply: String },
    /// Its output is back.
    OutputBack { supply: String },
    /// What the supply tells of itself changed; `None` is the truth.
    Telemetry { supply: String, fault: Option<TelemetryFault> },
    /// Forced shutdown was set on it.
    ForcedShutdown { supply: String },
    /// It was told to cut its output.
    CutOrdered { supply: String },
    /// The host's clock is to switch it on then.
    WakeAlarmSet { host: String, at: Millis },
    /// Its disks were written.
    DisksSynced { host: String },
    /// A wake was sent.
    WakeSent { host: String },
    /// The host draws power and boots.
    HostBooting { host: String },
    /// It is up.
    HostOn { host: String, boot_id: String },
    /// It was told to power off (or to reboot) with this alive on it.
    HostHalting {
        host: String,
        reboots: bool,
        containers: u32,
        volumes: u32,
        service_runs: bool,
        /// What the batteries behind it still held then; `None` on mains.
        runtime_left: Option<Millis>,
    },
    /// It is off.
    HostOff { host: String },
    /// Its power went while it was not off.
    HostCut { host: String, containers: u32 },
    /// A fault of a host began.
    HostFaulty { host: String, fault: HostFault },
    /// All faults of a host are mended.
    HostRepaired { host: String },
    /// Commands to a host go wrong from now on.
    CommandsFaulty { host: String, fault: CommandFault, times: u32 },
    /// The API's fault changed.
    ApiFaulty { fault: Option<ApiFault> },
    /// A service was started, or starts by itself.
    ServiceStarting { host: String, service: Service },
    /// It is active.
    ServiceActive { host: String, service: Service },
    /// It was told to stop.
    ServiceStopping { host: String, service: Service, runtime_left: Option<Millis> },
    /// It is down, with this `Result` of systemd.
    ServiceDown { host: String, service: Service, result: String },
    /// Containers on a host were ended by force.
    ContainersEnded { host: String, containers: u32 },
    /// An etcd snapshot was taken.
    SnapshotTaken { host: String, name: String },
    /// The API answers `ok`.
    ApiUp,
    /// It does not any more.
    ApiDown,
    /// A node was cordoned.
    Cordoned { node: String },
    /// It was uncordoned.
    Uncordoned { node: String },
    /// A Flux object was suspended.
    Suspended { object: GitopsRef },
    /// It was resumed.
    Resumed { object: GitopsRef },
    /// A pod was told to end.
    PodEnding { pod: String, node: Option<String>, evicted: bool },
    /// A pod's container runs; a drain leaves a daemon's alone.
    PodStarted { pod: String, node: String, daemon: bool },
    /// It ended, by itself within its grace or killed.
    PodEnded { pod: String, node: String, graceful: bool },
    /// The daemon's status was published.
    Published { policy: String },
}

/// The trace of a world: append-only, its oldest part forgotten beyond a bound, its hash complete.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Trace {
    happenings: VecDeque<Happening>,
    limit: usize,
    forgotten: u64,
    hash: u64,
}

/// FNV-1a, 64 bits: offset basis and prime.
const FNV: (u64, u64) = (0xcbf2_9ce4_8422_2325, 0x0000_0100_0000_01b3);

impl Trace {
    /// A trace that keeps everything.
    pub const fn unbounded() -> Self {
        Self { happenings: VecDeque::new(), limit: usize::MAX, forgotten: 0, hash: FNV.0 }
    }

    /// Forgets the oldest beyond `limit` from now on.
    pub fn bound(&mut self, limit: usize) {
        self.limit = limit;
        self.forget();
    }

    /// What happened, oldest first.
    pub fn iter(&self) -> impl DoubleEndedIterator<Item = &Happening> {
        self.happenings.iter()
    }

    /// How many happenings there were, forgotten ones included.
    pub fn len(&self) -> u64 {
        self.forgotten + u64::try_from(self.happenings.len()).unwrap_or(u64::MAX)
    }

    /// Whether nothing has happened yet.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// A hash over everything that ever happened: two runs that differ anywhere differ here.
    pub const fn hash(&self) -> u64 {
        self.hash
    }

    pub(super) fn push(&mut self, happening: Happening) {
        // A happening is made of strings and numbers: it always has a text.
        for byte in serde_json::to_vec(&happening).unwrap_or_default() {
            self.hash = (self.hash ^ u64::from(byte)).wrapping_mul(FNV.1);
        }
        self.happenings.push_back(happening);
        self.forget();
    }

    fn forget(&mut self) {
        while self.happenings.len() > self.limit {
            self.happenings.pop_front();
            self.forgotten = self.forgotten.saturating_add(1);
        }
    }
}
