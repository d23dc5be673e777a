//! The power log of a host: what an outside observer with an ammeter would have noted.

use std::fmt;
use std::fs::OpenOptions;
use std::io::Write as _;
use std::path::Path;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use anyhow::{Context, Result};
use serde::{Deserialize, Serialize};

/// Why a host was switched on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum PoweredBy {
    /// The lab, or a person at the power button.
    Hand,
    /// A magic packet.
    WakeOnLan,
    /// Power came back, and the firmware boots then.
    AcReturn,
    /// The host itself: a reboot.
    Reboot,
}

/// What happened to a host's power.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PowerChange {
    /// It was switched on.
    On(PoweredBy),
    /// It ended by itself: 0 after a poweroff, 133 before a reboot, others by an accident.
    Exit(i32),
    /// Its power was cut.
    Cut,
}

impl fmt::Display for PowerChange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::On(PoweredBy::Hand) => f.write_str("on hand"),
            Self::On(PoweredBy::WakeOnLan) => f.write_str("on wake-on-lan"),
            Self::On(PoweredBy::AcReturn) => f.write_str("on ac-return"),
            Self::On(PoweredBy::Reboot) => f.write_str("on reboot"),
            Self::Exit(code) => write!(f, "exit {code}"),
            Self::Cut => f.write_str("cut"),
        }
    }
}

impl PowerChange {
    fn parse(text: &str) -> Option<Self> {
        let change = match text {
            "on hand" => Self::On(PoweredBy::Hand),
            "on wake-on-lan" => Self::On(PoweredBy::WakeOnLan),
            "on ac-return" => Self::On(PoweredBy::AcReturn),
            "on reboot" => Self::On(PoweredBy::Reboot),
            "cut" => Self::Cut,
            _ => Self::Exit(text.strip_prefix("exit ")?.parse().ok()?),
        };
        Some(change)
    }
}

/// One line of a power log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PowerEvent {
    /// Wall time, to the millisecond.
    pub at: SystemTime,
    /// What happened.
    pub change: PowerChange,
}

impl fmt::Display for PowerEvent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let at = self.at.duration_since(UNIX_EPOCH).unwrap_or_default();
        write!(f, "{}.{:03} {}", at.as_secs(), at.subsec_millis(), self.change)
    }
}

impl PowerEvent {
    fn parse(line: &str) -> Option<Self> {
        let (at, change) = line.split_once(' ')?;
        let (seconds, millis) = at.split_once('.')?;
        let since_epoch = Duration::from_secs(seconds.parse().ok()?)
            + Duration::from_millis(millis.parse().ok()?);
        Some(Self { at: UNIX_EPOCH + since_epoch, change: PowerChange::parse(change)? })
    }
}

/// Adds a line with the time of now.
pub(crate) fn append(file: &Path, change: PowerChange) -> Result<()> {
    let event = PowerEvent { at: SystemTime::now(), change };
    let mut log = OpenOptions::new()
        .create(true)
        .append(true)
        .open(file)
        .with_context(|| format!("cannot open {}", file.display()))?;
    // One write, so that a line is there whole or not at all.
    log.write_all(format!("{event}\n").as_bytes())
        .with_context(|| format!("cannot write {}", file.display()))
}

/// Reads a power log; a host that was never on has none, which is empty.
///
/// # Errors
/// A line is none of a power log.
pub(crate) fn read(file: &Path) -> Result<Vec<PowerEvent>> {
    let text = std::fs::read_to_string(file).unwrap_or_default();
    text.lines()
        .map(|line| PowerEvent::parse(line).with_context(|| format!("no power event: `{line}`")))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_change_reads_back_as_it_was_written() {
        let at = UNIX_EPOCH + Duration::from_millis(1_763_000_000_007);
        for change in [
            PowerChange::On(PoweredBy::Hand),
            PowerChange::On(PoweredBy::WakeOnLan),
            PowerChange::On(PoweredBy::AcReturn),
            PowerChange::On(PoweredBy::Reboot),
            PowerChange::Exit(0),
            PowerChange::Exit(133),
            PowerChange::Cut,
        ] {
            let event = PowerEvent { at, change };
            assert_eq!(PowerEvent::parse(&event.to_string()), Some(event), "{event}");
        }
        assert_eq!(PowerEvent::parse("1763000000.007 exploded"), None);
    }
}
