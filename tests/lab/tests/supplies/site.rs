//! A site: hosts behind UPSes, one real `upsd`, and the daemon.

use std::{fs, path::PathBuf, time::Duration};

use ananke_lab::{
    BatterySpec, HUB_ADDRESS, HostSpec, HubProcess, Journals, Lab, LabName, LabSpec, NUT_PORT,
    NutSession, PRIMARY, PowerChange, PoweredBy, Role, Story, UpsSpec, check,
};
use anyhow::{Context, Result, ensure};
use serde_json::Value;

use crate::documents::{self, Supply};

/// Longer than anything here takes; a deadline, not a pause.
const SOON: Duration = Duration::from_secs(120);

pub(crate) struct Site {
    pub(crate) story: Story,
    pub(crate) lab: Lab,
    folder: PathBuf,
    journals: Journals,
    daemon: Option<HubProcess>,
}

/// A lab with these hosts and UPSes. Nothing runs on the hosts.
pub(crate) fn lab(hosts: &[&str], supplies: &[&str]) -> LabSpec {
    let spec = LabSpec::new(LabName::unique());
    let spec = hosts.iter().fold(spec, |spec, host| spec.host(HostSpec::new(host, Role::None)));
    supplies.iter().fold(spec, |spec, name| {
        let battery = BatterySpec { full_runtime_s: 3600.0, ..BatterySpec::default() };
        spec.ups(UpsSpec { battery, ..UpsSpec::new(name) })
    })
}

impl Site {
    /// Brings hosts and `upsd` up.
    pub(crate) fn begin(title: &str, spec: LabSpec) -> Result<Self> {
        let story = Story::begin(title);
        let lab = Lab::up(spec)?;
        let (hosts, supplies) = (lab.spec().hosts.len(), lab.spec().supplies.len());
        story.tell(format!("{hosts} hosts are on, upsd answers for {supplies} UPSes"));
        let folder = lab.scratch()?;
        let journals = Journals::beside(&folder)?;
        Ok(Self { story, lab, folder, journals, daemon: None })
    }

    /// Starts the daemon over these supplies, anew if it runs.
    pub(crate) fn start(&mut self, supplies: &[Supply]) -> Result<()> {
        self.stop()?;
        documents::write(&self.lab, &self.folder, supplies)?;
        // A status of before is none of this daemon's.
        fs::remove_file(self.folder.join("state/status.json")).ok();
        let mut ananke = self.lab.command(ananke_lab::ananke()?)?;
        ananke.arg("--config").arg(self.folder.join("ananke.yaml")).arg("run");
        ananke.env("RUNTIME_DIRECTORY", self.folder.join("run")).env("HOME", "/nonexistent");
        self.daemon = Some(self.lab.spawn("ananke", &mut ananke)?);
        Ok(())
    }

    fn stop(&mut self) -> Result<()> {
        let Some(mut daemon) = self.daemon.take() else { return Ok(()) };
        daemon.kill()?;
        self.journals.keep()
    }

    /// Makes every decision again and takes everything down; what is left behind fails the story.
    pub(crate) fn end(mut self) -> Result<()> {
        self.stop()?;
        let decisions = self.journals.replay()?;
        self.story.tell(format!("replay: {decisions} decisions made again, none differs"));
        self.lab.down()
    }

    /// Waits until a look from outside finds what it looks for; if it does not, shows what the
    /// daemon said.
    pub(crate) fn wait<T>(
        &self,
        description: &str,
        look: impl FnMut() -> Result<Option<T>>,
    ) -> Result<T> {
        let found = self.story.wait_until(description, SOON, look);
        if found.is_err() {
            self.show();
        }
        found
    }

    fn show(&self) {
        let log = self.daemon.as_ref().map(HubProcess::log).unwrap_or_default();
        let tail: Vec<&str> = log.lines().rev().take(30).collect();
        for line in tail.into_iter().rev() {
            self.story.tell(format!("  | {line}"));
        }
        let status = self.status().unwrap_or_default();
        self.story.tell(format!("  > {:#}", status["status"]["supplies"]));
        self.story.tell(format!("  > {:#}", status["live"]));
        for unit in status["status"]["units"].as_array().into_iter().flatten() {
            self.story.tell(format!("  > {unit}"));
        }
    }

    // What upsd tells.

    /// Changes what a UPS tells.
    pub(crate) fn set(&self, ups: &str, values: &[(&str, &str)]) -> Result<()> {
        self.lab.ups_set(ups, values.iter().copied())
    }

    /// Sets `FSD` as the primary of a UPS does.
    pub(crate) fn force_shutdown(&self, ups: &str) -> Result<()> {
        let mut primary = NutSession::begin(&self.lab, PRIMARY)?;
        for command in ["LOGIN", "PRIMARY", "FSD", "LOGOUT"] {
            let line =
                if command == "LOGOUT" { command.into() } else { format!("{command} {ups}") };
            let answer = primary.ask(&line)?;
            ensure!(answer.starts_with("OK"), "{line}: {answer}");
        }
        Ok(())
    }

    /// Waits until `upsd` answers whoever asks for a UPS with such an error.
    pub(crate) fn upsd_says(&self, ups: &str, error: &str) -> Result<()> {
        self.wait(&format!("upsd says of {ups}: {error}"), || {
            let said = self.lab.ups_get(ups, "ups.status").err().map(|error| error.to_string());
            Ok(said.filter(|said| said.contains(error)).map(drop))
        })
    }

    /// How many clients are logged in to a UPS.
    pub(crate) fn clients(&self, ups: &str) -> Result<usize> {
        let mut upsc = self.lab.command("upsc")?;
        upsc.args(["-c", &format!("{ups}@{HUB_ADDRESS}:{NUT_PORT}")]);
        Ok(check(&mut upsc, SOON)?.lines().count())
    }

    // What becomes of the hosts.

    /// Waits until each of these hosts has gone off in order, and for the right reason.
    pub(crate) fn goes_off(&self, host: &str, ups: &str, trigger: &str) -> Result<()> {
        self.wait(&format!("{host} is off"), || Ok((!self.lab.is_on(host)?).then_some(())))?;
        let last = self.changes(host)?.last().copied();
        ensure!(last == Some(PowerChange::Exit(0)), "{host} did not go off in order: {last:?}");
        let cause = self.cause(ups)?;
        ensure!(cause.contains(trigger), "{host} went off for `{cause}`, not for `{trigger}`");
        self.story.tell(format!("  in order, and the journal tells why: {cause}"));
        Ok(())
    }

    /// Each of these hosts was switched on once, and nothing happened to it since.
    pub(crate) fn untouched(&self, hosts: &[&str]) -> Result<()> {
        for host in hosts {
            let changes = self.changes(host)?;
            let is_untouched = changes == [PowerChange::On(PoweredBy::Hand)];
            if !is_untouched || !self.lab.is_on(host)? {
                self.show();
            }
            ensure!(is_untouched && self.lab.is_on(host)?, "{host} was touched: {changes:?}");
            // One that was told to go off may take a moment.
            let system = self.lab.inside(host, &["systemctl", "list-jobs", "--no-legend"])?;
            ensure!(!system.contains("poweroff"), "{host} is going off: {system}");
        }
        self.story.tell(format!("nothing happened to {}", hosts.join(", ")));
        Ok(())
    }

    /// The power log of a host, without its times.
    pub(crate) fn changes(&self, host: &str) -> Result<Vec<PowerChange>> {
        Ok(self.lab.power_log(host)?.into_iter().map(|event| event.change).collect())
    }

    // What the daemon tells; never more than a second proof.

    fn status(&self) -> Result<Value> {
        Ok(serde_json::from_slice(&fs::read(self.folder.join("state/status.json"))?)?)
    }

    /// Waits until the daemon has heard such words of a UPS, or nothing: `fresh: OL CHRG`.
    pub(crate) fn heard(&self, ups: &str, trust: &str, words: &str) -> Result<()> {
        self.wait(&format!("ananke knows: {ups} is {trust}: {words}"), || {
            let supply = self.supply(ups)?;
            Ok((supply["trust"] == trust && told(&supply, "status").contains(words)).then_some(()))
        })
    }

    /// Waits until the daemon has heard this charge of a UPS.
    pub(crate) fn heard_charge(&self, ups: &str, charge: u64) -> Result<()> {
        self.wait(&format!("ananke knows: {ups} is charged to {charge} %"), || {
            Ok((self.supply(ups)?["charge"] == charge).then_some(()))
        })
    }

    /// What the daemon tells a person about a UPS.
    pub(crate) fn advice(&self, ups: &str) -> Result<String> {
        Ok(told(&self.supply(ups)?, "message"))
    }

    fn supply(&self, ups: &str) -> Result<Value> {
        let status = self.status()?;
        let supplies = status["status"]["supplies"].as_array();
        let found = supplies.and_then(|all| all.iter().find(|supply| supply["name"] == ups));
        found.cloned().with_context(|| format!("the daemon does not know {ups}"))
    }

    /// Waits until all is as declared.
    pub(crate) fn rests(&self) -> Result<()> {
        self.wait("ananke is Ready", || {
            let status = self.status()?;
            let conditions = status["status"]["conditions"].as_array().cloned().unwrap_or_default();
            let ready = conditions.iter().any(|c| c["type"] == "Ready" && c["status"] == "True");
            Ok(ready.then_some(()))
        })
    }

    /// Waits until no UPS asks for anything any more.
    pub(crate) fn lifted(&self) -> Result<()> {
        self.wait("no UPS asks for anything any more", || {
            Ok((self.status()?["status"]["phase"] == "clear").then_some(()))
        })
    }

    /// Seconds that it takes from here to everything off.
    pub(crate) fn budget(&self) -> Result<u64> {
        let status = self.status()?;
        status["live"]["budgetSeconds"].as_u64().context("the status tells no budget")
    }

    /// Why a UPS took its hosts down, as the journal keeps it.
    fn cause(&self, ups: &str) -> Result<String> {
        let mut last = Value::Null;
        let memories = self.memories(ups)?;
        for memory in memories.into_iter().filter(|memory| !memory["cause"].is_null()) {
            last = memory["cause"].clone();
        }
        Ok(format!("{}: {}", told(&last, "trigger"), told(&last, "figures")))
    }

    /// How often an outage of a UPS began, as the journal keeps it.
    pub(crate) fn outages(&self, ups: &str) -> Result<usize> {
        let mut count = 0;
        let mut before = false;
        for memory in self.memories(ups)? {
            let on_battery = !memory["onBatterySince"].is_null();
            count += usize::from(on_battery && !before);
            before = on_battery;
        }
        Ok(count)
    }

    /// What was remembered of a UPS, the oldest first.
    fn memories(&self, ups: &str) -> Result<Vec<Value>> {
        let mut segments: Vec<PathBuf> =
            fs::read_dir(self.folder.join("state/journal"))?.flatten().map(|e| e.path()).collect();
        segments.sort();
        let mut memories = Vec::new();
        for segment in segments {
            for line in fs::read_to_string(segment)?.lines() {
                let line: Value = serde_json::from_str(line).unwrap_or_default();
                let memory = &line["event"]["supplies"][ups];
                if !memory.is_null() {
                    memories.push(memory.clone());
                }
            }
        }
        Ok(memories)
    }
}

fn told(value: &Value, field: &str) -> String {
    value[field].as_str().unwrap_or_default().to_owned()
}
