//! Facts, fetched from where they lie outside the hosts; works while hosts are off, too.

use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, UNIX_EPOCH};

use ananke_audit::Millis;
use anyhow::{Context, Result};
use serde::Deserialize;

use super::api;
use super::facts::{Facts, HostFact, HostNote, PowerFact, UnitChange, WakeFact};
use crate::command::check;
use crate::lab::Lab;
use crate::spec::{HostSpec, USER};

const DEADLINE: Duration = Duration::from_secs(20);

/// Everything that is noted somewhere, since `zero` (milliseconds since 1970).
pub(super) fn collect(lab: &Lab, zero: Millis) -> Result<Facts> {
    let mut facts = Facts::default();
    for host in &lab.spec().hosts {
        facts.power.insert(host.name.clone(), power(lab, host, zero)?);
        facts.hosts.insert(host.name.clone(), journal(lab, host, zero)?);
        facts.snapshots.insert(host.name.clone(), snapshots(lab, host, zero)?);
        let log = lab.paths().host(&host.name).upper().join(api::LOG);
        let log = fs::read_to_string(log).unwrap_or_default();
        facts.api.extend(api::changes(&log, zero)?);
    }
    facts.api.sort_by_key(|fact| fact.at);
    facts.wakes = lab.wake_log().iter().filter_map(|line| wake(line, zero)).collect();
    Ok(facts)
}

fn power(lab: &Lab, host: &HostSpec, zero: Millis) -> Result<Vec<PowerFact>> {
    let log = lab.power_log(&host.name)?;
    let since = log.iter().filter_map(|event| {
        let at = event.at.duration_since(UNIX_EPOCH).unwrap_or_default().as_millis();
        let at = u64::try_from(at).ok()?.checked_sub(zero)?;
        Some(PowerFact { at, change: event.change.to_string() })
    });
    Ok(since.collect())
}

/// When the etcd snapshots on a host's disk were last written to.
fn snapshots(lab: &Lab, host: &HostSpec, zero: Millis) -> Result<Vec<Millis>> {
    let folder = lab.paths().host(&host.name).rancher().join("k3s/server/db/snapshots");
    let mut times = Vec::new();
    for file in fs::read_dir(folder).into_iter().flatten() {
        let file = file?;
        if file.path().extension().is_some_and(|extension| extension == "part") {
            continue;
        }
        let written = file.metadata()?.modified()?.duration_since(UNIX_EPOCH)?.as_millis();
        times.extend(u64::try_from(written)?.checked_sub(zero));
    }
    times.sort_unstable();
    Ok(times)
}

/// `TIME MAC HOST ACTION`; nothing for a packet to nobody, and for what lies before `zero`.
fn wake(line: &str, zero: Millis) -> Option<WakeFact> {
    let mut words = line.split(' ');
    let at = words.next()?.replace('.', "").parse::<Millis>().ok()?.checked_sub(zero)?;
    let host = words.nth(1).filter(|host| *host != "-")?.to_owned();
    Some(WakeFact { at, host })
}

/// A line of `journalctl --output=json`, as far as it is needed here.
#[derive(Debug, Deserialize)]
struct Line {
    #[serde(rename = "__REALTIME_TIMESTAMP")]
    received: String,
    #[serde(rename = "_SOURCE_REALTIME_TIMESTAMP")]
    sent: Option<String>,
    #[serde(rename = "MESSAGE_ID")]
    id: Option<String>,
    #[serde(rename = "MESSAGE")]
    message: String,
}

/// What systemd says of the Kubernetes service, and what sudo says of the daemon's user.
fn journal(lab: &Lab, host: &HostSpec, zero: Millis) -> Result<Vec<HostFact>> {
    let folder = lab.paths().host(&host.name).upper().join("var/log/journal");
    let Some(unit) = host.role.unit().filter(|_| folder.exists()) else { return Ok(Vec::new()) };
    let text = check(&mut journalctl(&folder, unit, zero), DEADLINE)
        .with_context(|| format!("the journal of {}", host.name))?;
    let mut facts = Vec::new();
    for line in text.lines() {
        let line: Line = serde_json::from_str(line)
            .with_context(|| format!("no line of a journal: `{line}`"))?;
        let micros: u64 = line.sent.as_ref().unwrap_or(&line.received).parse()?;
        if let Some(note) = note(&line)
            && let Some(at) = (micros / 1000).checked_sub(zero)
        {
            facts.push(HostFact { at, note });
        }
    }
    facts.sort_by_key(|fact| fact.at);
    Ok(facts)
}

fn journalctl(folder: &Path, unit: &str, zero: Millis) -> Command {
    let mut journalctl = Command::new("journalctl");
    journalctl.arg("--directory").arg(folder).args(["--no-pager", "--quiet", "--output=json"]);
    journalctl.arg("--output-fields=MESSAGE,MESSAGE_ID,_SOURCE_REALTIME_TIMESTAMP");
    journalctl.arg(format!("--since=@{}", zero / 1000));
    journalctl.args(["_PID=1", &format!("UNIT={unit}"), "+", "SYSLOG_IDENTIFIER=sudo"]);
    journalctl
}

/// By systemd's catalogue of messages (`sd-messages.h`), and by sudo's own format.
fn note(line: &Line) -> Option<HostNote> {
    let change = match line.id.as_deref() {
        None => {
            let (user, command) = line.message.split_once("COMMAND=")?;
            let ours = user.trim_start().starts_with(&format!("{USER} :"));
            // Looks are no deeds.
            let deed = ours && !command.contains("etcd-snapshot ls");
            return deed.then(|| HostNote::Sudo(command.to_owned()));
        }
        Some("7d4958e842da4a758f6c1cdc7b36dcc5") => UnitChange::Starting,
        Some("39f53479d3a045ac8e11786248231fbf") => UnitChange::Started,
        Some("de5b426a63be47a7b6ac3eaac82e2f6f") => UnitChange::Stopping,
        // Stopped; a start that failed; ended by itself, well or not.
        Some(
            "9d1aaa27d60140bd96365438aad20286"
            | "be02cf6855d2428ba40df7e9d022f03d"
            | "7ad2d189f7e94e70a38c781354912448"
            | "d9b373ed55a64feb8242e02dbe79a49c",
        ) => UnitChange::Down,
        Some(_) => return None,
    };
    Some(HostNote::Unit(change))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_packet_is_a_fact_when_it_names_a_host() {
        let wake = |line| wake(line, 1_763_000_000_000);
        let fact = WakeFact { at: 42, host: "n2".into() };
        assert_eq!(wake("1763000000.042 02:00:5e:77:00:0c n2 boot"), Some(fact));
        assert_eq!(wake("1763000000.042 02:00:5e:00:00:01 - unknown"), None);
        assert_eq!(wake("1762999999.999 02:00:5e:77:00:0c n2 boot"), None);
    }

    #[test]
    fn of_a_journal_only_deeds_are_facts() {
        let note = |id: Option<&str>, message: &str| {
            let (id, message) = (id.map(str::to_owned), message.to_owned());
            note(&Line { received: String::new(), sent: None, id, message })
        };
        let sudo = |user: &str, command: &str| {
            format!("  {user} : PWD=/home/{user} ; USER=root ; COMMAND={command}")
        };
        let stop = "/usr/bin/systemctl stop k3s-agent";
        assert_eq!(note(None, &sudo("ananke", stop)), Some(HostNote::Sudo(stop.into())));
        assert_eq!(note(None, &sudo("somebody", stop)), None);
        let look = "/usr/local/bin/k3s etcd-snapshot ls -o json";
        assert_eq!(note(None, &sudo("ananke", look)), None);
        let down = Some("9d1aaa27d60140bd96365438aad20286");
        assert_eq!(note(down, "Stopped x."), Some(HostNote::Unit(UnitChange::Down)));
        assert_eq!(note(Some("5eb03494b6584870a536b337290809b3"), "Scheduled restart job"), None);
    }
}
