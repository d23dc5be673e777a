//! How far what a supply tells is believed, and what a person can do about it.

use serde::{Deserialize, Serialize};

use super::{
    SupplyMemory,
    words::{Says, Unclear, tells, unclear},
};
use crate::{
    conditions::Reason,
    observe::SupplyReading,
    seen::{Seen, Unseen},
};

/// How far a supply is believed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Trust {
    /// It answers, and tells what a decision needs.
    Fresh,
    /// It answers, and tells neither charge nor runtime.
    StatusOnly,
    /// What it tells cannot all be so.
    Contradicting,
    /// Its server answers, and says nothing new of it.
    Stale,
    /// Not heard because we powered the host off that its server runs on.
    HostOff,
    /// No answer.
    Silent,
    /// Its server answers, and refuses us.
    Refused,
    /// It is another device than it should be, or its server knows none of that name.
    WrongDevice,
    /// It was not heard since this daemon or this host began.
    NeverHeard,
}

impl Trust {
    /// The word in the status and in metrics.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Fresh => "fresh",
            Self::StatusOnly => "status-only",
            Self::Contradicting => "contradicting",
            Self::Stale => "stale",
            Self::HostOff => "host-off",
            Self::Silent => "silent",
            Self::Refused => "refused",
            Self::WrongDevice => "wrong-device",
            Self::NeverHeard => "never-heard",
        }
    }

    /// Whether its readings count at all.
    pub const fn is_heard(self) -> bool {
        matches!(self, Self::Fresh | Self::StatusOnly | Self::Contradicting)
    }

    /// The reason that a condition carries; none where nobody needs to be told.
    pub const fn reason(self) -> Option<Reason> {
        match self {
            Self::Fresh | Self::StatusOnly | Self::HostOff => None,
            Self::Contradicting => Some(Reason::TelemetryDoubtful),
            Self::Stale | Self::Silent | Self::NeverHeard => Some(Reason::PowerUnknown),
            Self::Refused => Some(Reason::AccessDenied),
            Self::WrongDevice => Some(Reason::WrongDevice),
        }
    }
}

/// From this charge on a battery is full, and `LB` beside it is not its charge: a worn or
/// disconnected battery, or a driver that errs.
const FULL: u8 = 90;

/// How far `supply` is believed, and a sentence for a person; empty where there is nothing to say.
/// `seen` is what its source told, before anything was taken out of it.
pub fn trust(supply: &str, seen: &Seen<SupplyReading>, memory: &SupplyMemory) -> (Trust, String) {
    match seen {
        Seen::Known { value, .. } => of_reading(supply, value, memory),
        Seen::Unknown { why, .. } => of_silence(supply, *why, memory),
    }
}

fn of_reading(supply: &str, reading: &SupplyReading, memory: &SupplyMemory) -> (Trust, String) {
    if reading.device.is_another(&memory.device) {
        let (told, known) = (&reading.device, &memory.device);
        let was = match told.is_named {
            Some(_) => "the host configuration names another serial number".to_owned(),
            None => format!("it was {known}"),
        };
        let message = format!(
            "{supply} is {told}, and {was}: its readings are not believed. Check `supplies.{supply}.ups`; \
             if the UPS was replaced, write its `serial` there"
        );
        return (Trust::WrongDevice, message);
    }
    let status = reading.status.as_slice();
    match unclear(status) {
        Some(Unclear::Waiting) if memory.last_heard.is_none() => {
            return (Trust::NeverHeard, format!("{supply} {}", Unclear::Waiting.text()));
        }
        Some(what @ Unclear::Waiting) => {
            return (Trust::Stale, format!("{supply} {}", what.text()));
        }
        Some(what @ Unclear::Both) => {
            return (Trust::Contradicting, format!("{supply} {}", what.text()));
        }
        _ if reading.status.is_empty() => {
            let message = format!("{supply} tells no status: look at its driver");
            return (Trust::Stale, message);
        }
        _ => {}
    }
    if let Some(what) = contradiction(reading) {
        return (Trust::Contradicting, format!("{supply} {what}"));
    }
    if reading.charge_percent.is_none() && reading.runtime_seconds.is_none() {
        let message = format!(
            "{supply} tells neither charge nor runtime: only its LB and FSD, and the time on \
             battery, take its hosts down"
        );
        return (Trust::StatusOnly, message);
    }
    (Trust::Fresh, String::new())
}

fn contradiction(reading: &SupplyReading) -> Option<String> {
    let status = reading.status.as_slice();
    let is_low = tells(status, Says::BatteryLow);
    if !reading.garbled.is_empty() {
        let what = reading.garbled.join(", ");
        return Some(format!("tells {what} in a form that is no number: look at its driver"));
    }
    if is_low && tells(status, Says::BatteryHigh) {
        return Some("says low and high battery at once (LB HB): look at its own display".into());
    }
    // On battery the sentence would change nothing: LB takes its hosts down whatever the charge.
    match reading.charge_percent {
        Some(charge) if is_low && charge >= FULL && tells(status, Says::OnMains) => Some(format!(
            "says low battery (LB) at {charge} % charge: test the battery, it may be worn out"
        )),
        _ => None,
    }
}

fn of_silence(supply: &str, why: Unseen, memory: &SupplyMemory) -> (Trust, String) {
    let (trust, what) = match why {
        Unseen::Refused => {
            (Trust::Refused, "upsd refuses us: check its `credentials` and `tls`".to_owned())
        }
        Unseen::NoSuchDevice => (
            Trust::WrongDevice,
            format!("upsd knows no such device: was it renamed? Mend `supplies.{supply}.ups`"),
        ),
        Unseen::WrongDevice => (Trust::WrongDevice, why.text().to_owned()),
        Unseen::Stale | Unseen::BeforeBoot => {
            (Trust::Stale, "its driver says nothing new: check its cable and driver".to_owned())
        }
        _ => (Trust::Silent, "no answer: check that upsd and its driver run".to_owned()),
    };
    let trust = match (trust, memory.last_heard) {
        (Trust::Stale | Trust::Silent, None) => Trust::NeverHeard,
        (trust, _) => trust,
    };
    let since = if trust == Trust::NeverHeard { " was not heard yet" } else { "" };
    (trust, format!("{supply}{since}: {what}"))
}

#[cfg(test)]
mod tests {
    use super::{
        Trust::{
            Contradicting, Fresh, NeverHeard, Refused, Silent, Stale, StatusOnly, WrongDevice,
        },
        *,
    };
    use crate::{observe::Device, time::Tick};

    const THEN: Tick = Tick::from_millis(1_000);

    fn device(serial: &str) -> Device {
        Device {
            manufacturer: Some("Acme".into()),
            model: Some("X1".into()),
            serial: Some(serial.into()),
            is_named: None,
        }
    }

    fn reading(words: &str, charge: Option<u8>, runtime: Option<u64>) -> SupplyReading {
        SupplyReading {
            status: words.split_whitespace().map(Into::into).collect(),
            charge_percent: charge,
            runtime_seconds: runtime,
            device: device("1"),
            ..SupplyReading::default()
        }
    }

    fn heard() -> SupplyMemory {
        SupplyMemory { last_heard: Some(THEN), device: device("1"), ..SupplyMemory::default() }
    }

    #[test]
    fn of_what_it_tells() {
        let full = (Some(100), Some(600));
        for (words, (charge, runtime), trusted) in [
            ("OL", full, Fresh),
            ("OB DISCHRG", full, Fresh),
            ("OL", (Some(100), None), Fresh),
            ("OL", (None, Some(600)), Fresh),
            ("OL", (None, None), StatusOnly),
            ("OB LB", (None, None), StatusOnly),
            ("OL OB", full, Contradicting),
            ("OL LB", full, Contradicting),
            ("OL LB", (Some(90), None), Contradicting),
            ("OL LB", (Some(89), None), Fresh),
            ("OB LB", full, Fresh),
            ("OL LB HB", (Some(10), None), Contradicting),
            ("OL CAL", full, Fresh),
            ("OL FSD", full, Fresh),
            ("OFF", full, Fresh),
            ("WAIT", (None, None), Stale),
            ("", (None, None), Stale),
        ] {
            let seen = Seen::known(reading(words, charge, runtime), THEN);
            assert_eq!(trust("ups", &seen, &heard()).0, trusted, "{words} {charge:?} {runtime:?}");
        }
    }

    #[test]
    fn of_what_is_no_number() {
        let garbled = SupplyReading {
            garbled: vec!["battery.charge".into()],
            ..reading("OL", None, Some(600))
        };
        let (trusted, message) = trust("ups", &Seen::known(garbled, THEN), &heard());
        assert_eq!(trusted, Contradicting);
        assert!(message.contains("battery.charge"), "{message}");
    }

    #[test]
    fn of_who_it_is() {
        let told = |serial: Option<&str>, model: Option<&str>, is_named| Device {
            manufacturer: Some("Acme".into()),
            model: model.map(Into::into),
            serial: serial.map(Into::into),
            is_named,
        };
        for (device, trusted) in [
            (told(Some("1"), Some("X1"), None), Fresh),
            (told(Some("2"), Some("X1"), None), WrongDevice),
            // A driver that was updated spells the same device anew.
            (told(Some("1"), Some("X1 Pro"), None), Fresh),
            (told(None, Some("X2"), None), WrongDevice),
            (told(None, None, None), Fresh),
            // Replaced, and the host configuration says so; or not what it names.
            (told(Some("2"), Some("X2"), Some(true)), Fresh),
            (told(Some("1"), Some("X1"), Some(false)), WrongDevice),
        ] {
            let reading =
                SupplyReading { device: device.clone(), ..reading("OL", Some(100), Some(600)) };
            let seen = Seen::known(reading, THEN);
            assert_eq!(trust("ups", &seen, &heard()).0, trusted, "{device:?}");
        }
    }

    #[test]
    fn of_its_silence() {
        for (why, before, never) in [
            (Unseen::Stale, Stale, NeverHeard),
            (Unseen::Silent, Silent, NeverHeard),
            (Unseen::Garbage, Silent, NeverHeard),
            (Unseen::NotYet, Silent, NeverHeard),
            (Unseen::Refused, Refused, Refused),
            (Unseen::NoSuchDevice, WrongDevice, WrongDevice),
        ] {
            let seen = Seen::unknown(why, THEN);
            assert_eq!(trust("ups", &seen, &heard()).0, before, "{why:?}");
            assert_eq!(trust("ups", &seen, &SupplyMemory::default()).0, never, "{why:?}");
        }
        let waiting = Seen::known(reading("WAIT", None, None), THEN);
        assert_eq!(trust("ups", &waiting, &SupplyMemory::default()).0, NeverHeard);
    }

    /// Whoever is told that something is wrong is told what to do.
    #[test]
    fn every_doubt_has_its_sentence() {
        for seen in [
            Seen::known(reading("OL OB", Some(100), None), THEN),
            Seen::known(reading("OL", None, None), THEN),
            Seen::unknown(Unseen::Stale, THEN),
            Seen::unknown(Unseen::Silent, THEN),
            Seen::unknown(Unseen::Refused, THEN),
            Seen::unknown(Unseen::NoSuchDevice, THEN),
        ] {
            let (trusted, message) = trust("ups", &seen, &heard());
            assert!(message.starts_with("ups") && message.len() > 20, "{trusted:?}: {message}");
        }
        let fresh = Seen::known(reading("OL", Some(100), Some(600)), THEN);
        assert_eq!(trust("ups", &fresh, &heard()).1, "");
    }
}
