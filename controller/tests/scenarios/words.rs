//! The words of fate, as a script says them.

use ananke_sim::world::{ApiFault, HostFault, TelemetryFault};

/// `host NAME …`
pub const HOSTS: [(&str, HostFault); 13] = [
    ("is broken", HostFault::Broken),
    ("freezes", HostFault::Frozen),
    ("loses its cable", HostFault::Unplugged),
    ("refuses ssh", HostFault::RefusesSsh),
    ("refuses our key", HostFault::RefusesKey),
    ("shows another key", HostFault::OtherHostKey),
    ("hangs in stop", HostFault::StopHangs),
    ("reboots instead of going off", HostFault::RebootsInsteadOfOff),
    ("hangs in halt", HostFault::HangsInHalt),
    ("never boots", HostFault::NeverBoots),
    ("hears no wake", HostFault::IgnoresWake),
    ("fails its snapshots", HostFault::SnapshotFails),
    ("has no wake alarm", HostFault::NoWakeAlarm),
];

/// `ups NAME …`
pub const SUPPLIES: [(&str, TelemetryFault); 13] = [
    ("falls silent", TelemetryFault::Silent),
    ("loses its driver", TelemetryFault::NotConnected),
    ("goes stale", TelemetryFault::Stale),
    ("is renamed", TelemetryFault::Renamed),
    ("is another device", TelemetryFault::OtherDevice),
    ("tells mains and battery", TelemetryFault::BothSources),
    ("always tells low", TelemetryFault::AlwaysLow),
    ("tells a charge that is no number", TelemetryFault::GarbledCharge),
    ("tells its status only", TelemetryFault::StatusOnly),
    ("tests itself", TelemetryFault::SelfTest),
    ("tells WAIT", TelemetryFault::Wait),
    ("refuses our login", TelemetryFault::Refused),
    ("tells half its runtime", TelemetryFault::Lies { percent: 50 }),
];

/// `api …`
pub const API: [(&str, ApiFault); 6] = [
    ("freezes", ApiFault::Frozen),
    ("cuts its watches", ApiFault::WatchesCut),
    ("is overloaded", ApiFault::Overloaded),
    ("fails", ApiFault::Errors),
    ("forbids every change", ApiFault::Forbidden),
    ("loses its answers", ApiFault::AnswersLost),
];

/// Finds what a script says in such a table, or says what could be said.
pub fn find<T: Clone>(table: &[(&str, T)], what: &str, said: &[&str]) -> Result<T, String> {
    let said = said.join(" ");
    let found = table.iter().find(|(words, _)| *words == said);
    found.map(|(_, meant)| meant.clone()).ok_or_else(|| {
        let words: Vec<&str> = table.iter().map(|(words, _)| *words).collect();
        format!("`{said}`: {what} cannot; it: {}", words.join(", "))
    })
}

/// A name that is in the world, or the names that are.
pub fn known<'a>(
    what: &str,
    name: &str,
    names: impl Iterator<Item = &'a String>,
) -> Result<String, String> {
    let names: Vec<&str> = names.map(String::as_str).collect();
    if names.contains(&name) {
        return Ok(name.to_owned());
    }
    Err(format!("there is no {what} `{name}` in this scene; there are: {}", names.join(", ")))
}
