use ananke_core::observe::SupplyReading;
use serde::{Deserialize, Serialize};

use super::Millis;

/// What is wrong with a host, until it is mended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum HostFault {
    /// Its mainboard is dead: off, and no way on.
    Broken,
    /// It hangs: draws power, accepts TCP, answers nothing. A cut of its power ends that.
    Frozen,
    /// Its cable is pulled: SYNs go unanswered, its kubelet reaches no API.
    Unplugged,
    /// Its SSH is cut, by a filter between: SYNs go unanswered, all else works.
    SshCut,
    /// sshd is not running: connection refused.
    RefusesSsh,
    /// sshd refuses our key.
    RefusesKey,
    /// sshd shows another host key than the pinned one.
    OtherHostKey,
    /// Its Kubernetes service hangs in stop until systemd kills it.
    StopHangs,
    /// It comes up again when told to power off.
    RebootsInsteadOfOff,
    /// It hangs at the very end of a halt and draws power until it is cut.
    HangsInHalt,
    /// It never gets through its boot.
    NeverBoots,
    /// It does not hear a wake.
    IgnoresWake,
    /// Its etcd snapshots fail.
    SnapshotFails,
    /// Its clock has no alarm.
    NoWakeAlarm,
    /// The battery of its clock is empty: it comes back with the wrong time.
    ForgetsTime,
}

impl HostFault {
    /// All of them, in order.
    pub const ALL: [Self; 15] = [
        Self::Broken,
        Self::Frozen,
        Self::Unplugged,
        Self::SshCut,
        Self::RefusesSsh,
        Self::RefusesKey,
        Self::OtherHostKey,
        Self::StopHangs,
        Self::RebootsInsteadOfOff,
        Self::HangsInHalt,
        Self::NeverBoots,
        Self::IgnoresWake,
        Self::SnapshotFails,
        Self::NoWakeAlarm,
        Self::ForgetsTime,
    ];

    /// The fault as a word of the command line.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Broken => "broken",
            Self::Frozen => "frozen",
            Self::Unplugged => "unplugged",
            Self::SshCut => "ssh-cut",
            Self::RefusesSsh => "refuses-ssh",
            Self::RefusesKey => "refuses-key",
            Self::OtherHostKey => "other-host-key",
            Self::StopHangs => "stop-hangs",
            Self::RebootsInsteadOfOff => "reboots-instead-of-off",
            Self::HangsInHalt => "hangs-in-halt",
            Self::NeverBoots => "never-boots",
            Self::IgnoresWake => "ignores-wake",
            Self::SnapshotFails => "snapshot-fails",
            Self::NoWakeAlarm => "no-wake-alarm",
            Self::ForgetsTime => "forgets-time",
        }
    }
}

/// What becomes of commands over SSH that change something.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum CommandFault {
    /// Done, but the connection is cut before the answer.
    CutAfter,
    /// Not done: the connection is cut before the command runs, and nobody can tell.
    CutBefore,
    /// sudo refuses.
    Refused,
    /// Answered with success, and not done.
    SaidDoneButNot,
    /// No answer within the deadline, and done later.
    Late,
}

impl CommandFault {
    /// All of them, in order.
    pub const ALL: [Self; 5] =
        [Self::CutAfter, Self::CutBefore, Self::Refused, Self::SaidDoneButNot, Self::Late];

    /// The fault as a word of the command line.
    pub const fn name(self) -> &'static str {
        match self {
            Self::CutAfter => "cut-after",
            Self::CutBefore => "cut-before",
            Self::Refused => "refused",
            Self::SaidDoneButNot => "said-done-but-not",
            Self::Late => "late",
        }
    }
}

/// A [`CommandFault`] that holds for so many commands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct CommandFaults {
    /// What becomes of them.
    pub fault: CommandFault,
    /// How many commands it still holds for.
    pub times: u32,
}

/// What is wrong with the Kubernetes API beyond its servers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum ApiFault {
    /// Accepts connections and answers nothing.
    Frozen,
    /// Answers, but its watches are cut: what they said grows old.
    WatchesCut,
    /// 429 to every change, for back-pressure.
    Overloaded,
    /// 500 to every change.
    Errors,
    /// 403 to every change.
    Forbidden,
    /// Every change is done, and its answer lost.
    AnswersLost,
    /// No change is answered within its deadline; each is made later.
    Late,
}

impl ApiFault {
    /// All of them, in order.
    pub const ALL: [Self; 7] = [
        Self::Frozen,
        Self::WatchesCut,
        Self::Overloaded,
        Self::Errors,
        Self::Forbidden,
        Self::AnswersLost,
        Self::Late,
    ];

    /// The fault as a word of the command line.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Frozen => "frozen",
            Self::WatchesCut => "watches-cut",
            Self::Overloaded => "overloaded",
            Self::Errors => "errors",
            Self::Forbidden => "forbidden",
            Self::AnswersLost => "answers-lost",
            Self::Late => "late",
        }
    }
}

/// What is wrong with what a UPS tells of itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", rename_all_fields = "camelCase")]
pub enum TelemetryFault {
    /// upsd does not answer.
    Silent,
    /// upsd answers `ERR DRIVER-NOT-CONNECTED`: its driver is gone.
    NotConnected,
    /// upsd answers `ERR DATA-STALE`: its driver hangs.
    Stale,
    /// upsd answers `ERR UNKNOWN-UPS`: somebody renamed the device.
    Renamed,
    /// Another device answers under its name: two changed places behind upsd.
    OtherDevice,
    /// `OL` and `OB` at once.
    BothSources,
    /// `LB`, whatever the charge.
    AlwaysLow,
    /// A charge that is no number.
    GarbledCharge,
    /// Neither charge nor runtime.
    StatusOnly,
    /// A self-test: it discharges on purpose, with mains present.
    SelfTest,
    /// `ups.status` is `WAIT`, with no other variable: the driver has just connected.
    Wait,
    /// upsd refuses the login.
    Refused,
    /// The driver repeats its last reading for ever, without a word of it.
    Stuck {
        /// That reading.
        reading: SupplyReading,
    },
    /// `battery.runtime` is this many percent of the truth.
    Lies {
        /// 100 is the truth.
        percent: u32,
    },
}

impl TelemetryFault {
    /// The fault as a word.
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Silent => "silent",
            Self::NotConnected => "not-connected",
            Self::Stale => "stale",
            Self::Renamed => "renamed",
            Self::OtherDevice => "other-device",
            Self::BothSources => "both-sources",
            Self::AlwaysLow => "always-low",
            Self::GarbledCharge => "garbled-charge",
            Self::StatusOnly => "status-only",
            Self::SelfTest => "self-test",
            Self::Wait => "wait",
            Self::Refused => "refused",
            Self::Stuck { .. } => "stuck",
            Self::Lies { .. } => "lies",
        }
    }

    /// Whether nobody can know by it where power comes from, for an audit.
    pub const fn hides_power(&self) -> bool {
        matches!(
            self,
            Self::Silent
                | Self::NotConnected
                | Self::Stale
                | Self::Renamed
                | Self::OtherDevice
                | Self::BothSources
                | Self::SelfTest
                | Self::Wait
                | Self::Refused
        )
    }
}

/// Something that fate does at its time.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Scheduled {
    /// When, in milliseconds of the world.
    pub at: Millis,
    /// What.
    pub fate: super::Fate,
}
