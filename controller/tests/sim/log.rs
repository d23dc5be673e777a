//! Happenings as sentences, so that a story reads like one.

use ananke_sim::world::{Actor, Happening, What};

/// A happening as a line; nothing for what a story does not need.
pub fn line(happening: &Happening) -> Option<String> {
    let text = sentence(&happening.what)?;
    let who = match happening.who {
        Actor::Ananke => "ananke",
        Actor::Person => "person",
        Actor::World => "",
    };
    Some(format!("{} {who:<7} {text}", clock(happening.at)))
}

/// `  123.4 s`, in the world's own time.
pub fn clock(millis: u64) -> String {
    format!("{:>7}.{} s ", millis / 1000, millis % 1000 / 100)
}

/// What happened, without who and when; nothing for what a story does not need.
pub fn sentence(what: &What) -> Option<String> {
    Some(match what {
        What::MainsLost { supply } => format!("the mains of {supply} are gone"),
        What::MainsBack { supply } => format!("the mains of {supply} are back"),
        What::OutputLost { supply } => format!("the output of {supply} is off"),
        What::OutputBack { supply } => format!("the output of {supply} is back"),
        What::Telemetry { supply, fault: Some(fault) } => format!("{supply} tells: {fault:?}"),
        What::Telemetry { supply, fault: None } => format!("{supply} tells the truth again"),
        What::ForcedShutdown { supply } => format!("sets forced shutdown on {supply}"),
        What::CutOrdered { supply } => format!("tells {supply} to cut its output"),
        What::WakeAlarmSet { host, at } => {
            format!("sets the wake alarm of {host} to {}", clock(*at).trim())
        }
        What::DisksSynced { host } => format!("writes the disks of {host}"),
        What::WakeSent { host } => format!("wakes {host}"),
        What::HostBooting { host } => format!("{host} boots"),
        What::HostOn { host, .. } => format!("{host} is on"),
        What::HostHalting { host, reboots, containers, volumes, .. } => {
            let what = if *reboots { "reboots" } else { "powers off" };
            format!("{what} {host} ({containers} containers, {volumes} volumes on it)")
        }
        What::HostOff { host } => format!("{host} is off"),
        What::HostCut { host, containers } => {
            format!("{host} loses its power, with {containers} containers")
        }
        What::HostFaulty { host, fault } => format!("{host}: {}", fault.name()),
        What::HostRepaired { host } => format!("{host} is repaired"),
        What::CommandsFaulty { host, fault, times } => {
            format!("the next {times} commands to {host}: {}", fault.name())
        }
        What::ApiFaulty { fault: Some(fault) } => format!("the API: {}", fault.name()),
        What::ApiFaulty { fault: None } => "the API is well again".into(),
        What::ServiceStarting { host, service } => format!("{service:?} of {host} starts"),
        What::ServiceActive { host, service } => format!("{service:?} of {host} is active"),
        What::ServiceStopping { host, service, .. } => format!("stops the {service:?} of {host}"),
        What::ServiceDown { host, service, result } => {
            format!("{service:?} of {host} is down ({result})")
        }
        What::ContainersEnded { host, containers } => {
            format!("ends {containers} containers on {host}")
        }
        What::SnapshotTaken { host, .. } => format!("takes a snapshot on {host}"),
        What::ApiUp => "the API answers".into(),
        What::ApiDown => "the API is gone".into(),
        What::Cordoned { node } => format!("cordons {node}"),
        What::Uncordoned { node } => format!("uncordons {node}"),
        What::Suspended { object } => format!("suspends {object}"),
        What::Resumed { object } => format!("resumes {object}"),
        What::PodEnding { pod, node: Some(node), evicted: true } => {
            format!("evicts {pod} from {node}")
        }
        What::PodEnding { pod, node: Some(node), .. } => format!("deletes {pod} on {node}"),
        What::PodEnding { node: None, .. }
        | What::PodStarted { .. }
        | What::PodEnded { .. }
        | What::Published { .. } => return None,
    })
}
