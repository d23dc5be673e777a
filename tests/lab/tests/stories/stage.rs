//! A stage: a lab with a cluster, Flux, workloads, what persons did before, and the daemon.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
    time::{Duration, SystemTime},
};

use ananke_audit::{Expect, Wanted, audit};
use ananke_lab::{
    BatterySpec, HubProcess, Journals, Lab, LabName, LabSpec, Output, Story, UpsAction, UpsSpec,
    Watch, check, run,
};
use anyhow::{Context, Result, ensure};

use crate::{chaos::Chaos, documents, tools};

/// Server and workers.
pub(crate) const SERVER: &str = "n1";
pub(crate) const WORKERS: [&str; 2] = ["n2", "n3"];

const BRIEF: Duration = Duration::from_secs(30);
const CLUSTER: Duration = Duration::from_secs(180);

pub(crate) struct Stage {
    pub(crate) story: Story,
    pub(crate) lab: Lab,
    stack: PathBuf,
    folder: PathBuf,
    watch: Option<Watch>,
    expect: Expect,
    evidence: PathBuf,
    journals: Journals,
    daemon: Option<HubProcess>,
    _git: HubProcess,
    chaos: Chaos,
}

/// What the audit of a story of the lab measures against: `documents` hold mains for seconds, and
/// the UPS calls 15 s of runtime low.
fn expect() -> Expect {
    Expect { snapshots: true, spent_below: 15_000, held_for: 30_000, ..Expect::running() }
}

impl Stage {
    /// Brings everything up, with a person's cordon and a person's suspend in place.
    pub(crate) fn begin(title: &str) -> Result<Self> {
        let story = Story::begin(title);
        let stack = tools::stack()?;
        let mut ups = UpsSpec::new("ups");
        // Two minutes of battery: a story, not a night.
        ups.battery = BatterySpec {
            full_runtime_s: 150.0,
            recharge_s: 120.0,
            low_charge: 10.0,
            low_runtime_s: 15.0,
            ..BatterySpec::default()
        };
        let spec = LabSpec::new(LabName::unique()).server(SERVER);
        let spec = WORKERS.iter().fold(spec, |spec, worker| spec.agent(worker));
        let lab = Lab::up(spec.ups(ups).stack(stack.join("bin")))?;
        story.tell("three hosts are on, upsd answers");
        let folder = lab.scratch()?;
        let git = serve_git(&lab, &stack, &folder)?;
        let chaos = Chaos::new();
        story.tell(format!("ANANKE_SEED={}", chaos.seed()));
        // It outlives the lab, for whoever asks why.
        let evidence = Path::new(env!("CARGO_TARGET_TMPDIR"))
            .join(format!("{}.json", title.replace(' ', "-")));
        let journals = Journals::beside(&folder)?;
        let mut stage = Self {
            story,
            lab,
            stack,
            folder,
            watch: None,
            expect: expect(),
            evidence,
            journals,
            daemon: None,
            _git: git,
            chaos,
        };
        stage.cluster()?;
        documents::write(&stage.lab, &stage.folder)?;
        let zero = SystemTime::now() - stage.story.elapsed();
        stage.watch = Some(Watch::begin(&stage.lab, zero)?);
        stage.start()?;
        Ok(stage)
    }

    fn cluster(&mut self) -> Result<()> {
        let look = |s: &Self| Ok((s.ready_nodes()? == 3).then_some(()));
        self.quietly("three nodes are Ready", CLUSTER, look)?;
        let crd = tools::root().join("crds/powerpolicy.yaml");
        self.kubectl_ok(&["apply", "--server-side", "-f", &crd.display().to_string()])?;
        let install = tools::root().join("tests/lab/stack/flux/install");
        let mut install = self.lab.command(&install)?;
        install.arg(&self.stack).args(["/opt/stack/bin", "/var/tmp/flux"]);
        install.arg("http://10.77.0.1:8080/fleet.git").env("KUBECONFIG", self.lab.kubeconfig());
        check(&mut install, Duration::from_secs(90)).context("Flux was not installed")?;
        self.quietly("Flux has applied what is in Git", CLUSTER, |s| s.flux_is_ready(&[]))?;
        self.kubectl_ok(&["cordon", "n3"])?;
        // As `flux suspend` does it: Flux takes back what a manager called kubectl has changed.
        self.kubectl_ok(&[
            "-n",
            "flux-system",
            "patch",
            "kustomization",
            "database",
            "--type=merge",
            "--field-manager=flux",
            "-p",
            r#"{"spec":{"suspend":true}}"#,
        ])?;
        self.story.tell("a person has cordoned n3 and suspended Kustomization database");
        Ok(())
    }

    /// Starts the daemon.
    pub(crate) fn start(&mut self) -> Result<()> {
        let mut ananke = self.lab.command(ananke_lab::ananke()?)?;
        ananke.arg("--config").arg(self.folder.join("ananke.yaml")).arg("run");
        ananke.env("RUNTIME_DIRECTORY", self.folder.join("run")).env("HOME", "/nonexistent");
        self.daemon = Some(self.lab.spawn("ananke", &mut ananke)?);
        Ok(())
    }

    /// Declares a target, as a person does.
    pub(crate) fn declare(&mut self, target: &str) -> Result<()> {
        let wanted = match target {
            "running" => Wanted::Running,
            "cluster-only-down" => Wanted::ClusterOnlyDown,
            _ => Wanted::Poweroff,
        };
        let now = self.watch.as_ref().context("nobody watches")?.now();
        self.expect = self.expect.clone().declared(now, wanted);
        let mut set = self.lab.command(ananke_lab::ananke()?)?;
        set.arg("--config").arg(self.folder.join("ananke.yaml"));
        set.args(["set-target", target, "--yes", "--reason", "a story"]);
        let output = run(&mut set, BRIEF)?;
        ensure!(output.ok(), "set-target {target}: {}", output.stderr);
        self.story.tell(format!("set-target {target}"));
        Ok(())
    }

    /// Takes the mains away, or brings them back.
    pub(crate) fn mains(&mut self, present: bool) -> Result<()> {
        self.lab.mains("ups", present)?;
        self.story.tell(if present { "the mains are back" } else { "the mains are off" });
        Ok(())
    }

    /// Gives the battery this charge in percent. An empty one takes the power from what is on it.
    pub(crate) fn charge(&mut self, percent: f64) -> Result<()> {
        self.lab.ups_action("ups", UpsAction::Charge(percent))?;
        self.story.tell(format!("the battery holds {percent} %"));
        Ok(())
    }

    /// Waits, and meanwhile kills the daemon at drawn points.
    pub(crate) fn wait(
        &mut self,
        description: &str,
        deadline: Duration,
        look: impl Fn(&Self) -> Result<Option<()>>,
    ) -> Result<()> {
        let begun = std::time::Instant::now();
        loop {
            let found = look(self);
            if matches!(found, Ok(Some(()))) {
                let took = begun.elapsed().as_secs_f64();
                self.story.tell(format!("{description} (after {took:.1} s)"));
                return Ok(());
            }
            if begun.elapsed() >= deadline {
                self.story.tell(format!("NOT: {description}"));
                self.show()?;
                found.with_context(|| format!("waited {deadline:?} for: {description}"))?;
                anyhow::bail!("waited {deadline:?} for: {description}");
            }
            self.strike()?;
            std::thread::sleep(Duration::from_millis(200));
        }
    }

    fn strike(&mut self) -> Result<()> {
        let log = self.daemon.as_ref().map(HubProcess::log).unwrap_or_default();
        if let Some(why) = self.chaos.strikes(&log) {
            if let Some(mut daemon) = self.daemon.take() {
                daemon.kill()?;
                self.journals.keep()?;
            }
            self.story.tell(format!("kill -9 {why}"));
            self.start()?;
        }
        Ok(())
    }

    /// Waits without killing anybody.
    fn quietly(
        &self,
        description: &str,
        deadline: Duration,
        look: impl Fn(&Self) -> Result<Option<()>>,
    ) -> Result<()> {
        self.story.wait_until(description, deadline, || look(self))
    }

    /// The log of the daemon and its status, when a story fails.
    fn show(&self) -> Result<()> {
        let log = self.daemon.as_ref().map(HubProcess::log).unwrap_or_default();
        let tail: Vec<&str> = log.lines().rev().take(40).collect();
        for line in tail.into_iter().rev() {
            self.story.tell(format!("  | {line}"));
        }
        let mut status = self.lab.command(ananke_lab::ananke()?)?;
        status.arg("--config").arg(self.folder.join("ananke.yaml")).arg("status");
        for line in run(&mut status, BRIEF)?.stdout.lines() {
            self.story.tell(format!("  > {line}"));
        }
        Ok(())
    }

    /// Judges what has happened so far, and how it stands now.
    pub(crate) fn audit(&mut self, end: Wanted) -> Result<()> {
        self.expect.end = end;
        let evidence = self.watch.as_ref().context("nobody watches")?.evidence(&self.lab)?;
        fs::write(&self.evidence, serde_json::to_vec_pretty(&evidence)?)?;
        let record = evidence.record();
        let violations = audit(&record, &self.expect);
        self.story.tell(format!(
            "the audit of {} happenings finds {} violations",
            record.happenings.len(),
            violations.len()
        ));
        for violation in &violations {
            self.story.tell(format!("  ! {violation}"));
        }
        ensure!(violations.is_empty(), "{violations:#?}; evidence: {}", self.evidence.display());
        Ok(())
    }

    /// The document, byte for byte.
    pub(crate) fn document(&self) -> Result<String> {
        Ok(fs::read_to_string(self.folder.join("desired/lab.yaml"))?)
    }

    /// The UPS must not edit the operator's document.
    pub(crate) fn tell_unchanged(&self, before: &str) -> Result<()> {
        ensure!(self.document()? == before, "the document was changed");
        Ok(())
    }

    pub(crate) fn kubectl(&self, arguments: &[&str]) -> Result<Output> {
        self.lab.kubectl(arguments)
    }

    pub(crate) fn kubectl_ok(&self, arguments: &[&str]) -> Result<String> {
        let output = self.kubectl(arguments)?;
        ensure!(output.ok(), "kubectl {arguments:?}: {}", output.stderr);
        Ok(output.stdout)
    }

    /// Makes every decision again and takes everything down; what is left behind fails the story.
    pub(crate) fn end(mut self) -> Result<()> {
        self.story.tell(format!("the daemon was killed {} times by the clock", self.chaos.kills()));
        if let Some(mut daemon) = self.daemon.take() {
            daemon.kill()?;
        }
        let decisions = self.journals.replay()?;
        self.story.tell(format!("replay: {decisions} decisions made again, none differs"));
        drop(self.watch.take());
        self.lab.down()
    }
}

fn serve_git(lab: &Lab, stack: &std::path::Path, folder: &std::path::Path) -> Result<HubProcess> {
    let repository = folder.join("git/fleet.git");
    fs::create_dir_all(folder.join("git"))?;
    let make = tools::root().join("tests/lab/stack/flux/make-repository");
    check(Command::new(make).arg(&repository), BRIEF)?;
    let mut serve = lab.command(stack.join("bin/gitserve"))?;
    serve.args(["--listen", "10.77.0.1:8080", "--root"]).arg(folder.join("git"));
    lab.spawn("git", &mut serve)
}
