//! The UPS server: Debian's `upsd` with one `dummy-ups` per supply, in the hub.

use std::collections::BTreeMap;
use std::fs::{self, File, OpenOptions};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};
use std::thread;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use anyhow::{Context, Result};
use rustix::process::Signal;

use super::host::signal;
use super::nut_tls;
use crate::command::{run, spawn, tail};
use crate::hub::Hub;
use crate::nut::{ADMIN, PRIMARY, SECONDARY};
use crate::paths::Paths;
use crate::spec::{HUB_ADDRESS, LabSpec, NUT_PORT, UpsSpec};

/// The daemons themselves: `/sbin/upsd` is a wrapper that ends with 0 and starts nothing while
/// `/etc/nut/nut.conf` says `MODE=none`.
pub(crate) const UPSD: &str = "/lib/nut/upsd";
/// The driver that serves what a file says.
pub(crate) const DRIVER: &str = "/lib/nut/dummy-ups";
/// Seconds without news from a driver after which `upsd` calls its data stale.
const MAX_AGE_S: u32 = 3;
const START_DEADLINE: Duration = Duration::from_secs(10);

/// `upsd` and its drivers.
#[derive(Debug)]
pub(crate) struct Nut {
    folder: PathBuf,
    logs: PathBuf,
    hub: Hub,
    upsd: Option<Child>,
    supplies: BTreeMap<String, Supply>,
}

#[derive(Debug)]
struct Supply {
    /// What it is called in `upsd`.
    called: String,
    driver: Option<Child>,
    /// Whether the driver's clock is stopped.
    is_frozen: bool,
    variables: BTreeMap<String, String>,
    /// Whole seconds since 1970 of the last write of the driver's file.
    written: u64,
}

impl Nut {
    /// Writes the configuration and starts everything; ready when each supply has a status.
    pub(crate) fn start(lab: &LabSpec, paths: &Paths) -> Result<Self> {
        let supplies = lab.supplies.iter().map(|ups| {
            let supply = Supply {
                called: ups.name.clone(),
                driver: None,
                is_frozen: false,
                variables: first_variables(ups),
                written: 0,
            };
            (ups.name.clone(), supply)
        });
        let mut nut = Self {
            folder: paths.nut(),
            logs: paths.logs(),
            hub: Hub::new(paths),
            upsd: None,
            supplies: supplies.collect(),
        };
        nut.configure(lab)?;
        for name in lab.supplies.iter().map(|ups| &ups.name) {
            nut.start_driver(name)?;
        }
        nut.start_upsd()?;
        Ok(nut)
    }

    /// Changes variables in one pass of the driver, which takes up to a second.
    pub(crate) fn set(&mut self, ups: &str, values: BTreeMap<String, String>) -> Result<()> {
        self.supply(ups)?.variables.extend(values);
        self.write_variables(ups)
    }

    pub(crate) fn stop_driver(&mut self, ups: &str) -> Result<()> {
        let supply = self.supply(ups)?;
        end(supply.driver.take());
        supply.is_frozen = false;
        // The driver died without clearing its socket, on which the next one would stumble.
        fs::remove_file(self.socket(ups)?).ok();
        Ok(())
    }

    pub(crate) fn start_driver(&mut self, ups: &str) -> Result<()> {
        self.stop_driver(ups)?;
        self.write_variables(ups)?;
        let log = format!("ups-{ups}.log");
        let called = self.supply(ups)?.called.clone();
        let driver = self.daemon(DRIVER, &["-a", &called], &log)?;
        self.supply(ups)?.driver = Some(driver);
        let socket = self.socket(ups)?;
        self.wait(&log, || Ok(socket.exists()))
    }

    /// Stops the driver's clock, or lets it run on.
    pub(crate) fn set_stale(&mut self, ups: &str, stale: bool) -> Result<()> {
        let supply = self.supply(ups)?;
        let driver = supply.driver.as_ref().context("the driver does not run")?;
        signal(driver.id(), if stale { Signal::STOP } else { Signal::CONT })?;
        supply.is_frozen = stale;
        Ok(())
    }

    /// Gives a device another name, as a person does who edits `ups.conf` and reloads `upsd`.
    pub(crate) fn rename(&mut self, ups: &str, to: String) -> Result<()> {
        self.stop_driver(ups)?;
        self.supply(ups)?.called = to;
        self.write_devices()?;
        self.start_driver(ups)?;
        let upsd = self.upsd.as_ref().context("upsd does not run")?;
        signal(upsd.id(), Signal::HUP)?;
        self.settle(ups)
    }

    pub(crate) fn stop_upsd(&mut self) {
        end(self.upsd.take());
    }

    /// Kills the server and all drivers.
    pub(crate) fn stop(&mut self) {
        self.stop_upsd();
        for supply in self.supplies.values_mut() {
            end(supply.driver.take());
        }
    }

    /// Starts the server, anew if it runs; each supply whose driver runs has a status then. One
    /// whose driver is frozen is `WAIT`.
    pub(crate) fn start_upsd(&mut self) -> Result<()> {
        self.stop_upsd();
        self.upsd = Some(self.daemon(UPSD, &[], "upsd.log")?);
        let names: Vec<&String> = self.supplies.keys().collect();
        for name in names {
            self.settle(name)?;
        }
        Ok(())
    }

    /// Waits until a supply has a status: a driver that has just connected is `WAIT`.
    pub(crate) fn settle(&self, ups: &str) -> Result<()> {
        let tells = |supply: &&Supply| supply.driver.is_some() && !supply.is_frozen;
        let Some(supply) = self.supplies.get(ups).filter(tells) else { return Ok(()) };
        self.wait("upsd.log", || {
            let mut upsc = self.hub.command("upsc")?;
            let called = &supply.called;
            upsc.args([&format!("{called}@{HUB_ADDRESS}:{NUT_PORT}"), "ups.status"]);
            let output = run(&mut upsc, Duration::from_secs(5))?;
            Ok(output.ok() && !output.stdout.contains("WAIT"))
        })
    }

    fn configure(&self, lab: &LabSpec) -> Result<()> {
        for folder in [self.folder.clone(), self.etc(), self.folder.join("run")] {
            fs::create_dir_all(&folder)?;
            fs::set_permissions(&folder, fs::Permissions::from_mode(0o700))?;
        }
        self.write_devices()?;
        let etc = self.etc();
        let mut upsd = format!("LISTEN {HUB_ADDRESS} {NUT_PORT}\nMAXAGE {MAX_AGE_S}\n");
        if lab.nut_tls {
            upsd.push_str(&nut_tls::make(&self.folder)?);
        }
        private(&etc.join("upsd.conf"), &upsd)?;
        let users = format!(
            "[{}]\n  password = {}\n  actions = SET FSD\n  instcmds = ALL\n\
             [{}]\n  password = {}\n  upsmon primary\n\
             [{}]\n  password = {}\n  upsmon secondary\n",
            ADMIN.name,
            ADMIN.password,
            PRIMARY.name,
            PRIMARY.password,
            SECONDARY.name,
            SECONDARY.password
        );
        private(&etc.join("upsd.users"), &users)
    }

    fn write_devices(&self) -> Result<()> {
        let device = |(name, supply): (&String, &Supply)| {
            format!(
                "[{}]\n  driver = dummy-ups\n  mode = dummy-once\n  port = {}\n  \
                 pollinterval = 1\n  desc = \"a UPS of the lab\"\n",
                supply.called,
                self.file(name).display()
            )
        };
        let devices: String = self.supplies.iter().map(device).collect();
        private(&self.etc().join("ups.conf"), &devices)
    }

    fn daemon(&self, program: &str, arguments: &[&str], log: &str) -> Result<Child> {
        let log = OpenOptions::new().create(true).append(true).open(self.logs.join(log))?;
        let mut command = self.hub.command(program)?;
        // -D: in the foreground. -u root: its folders belong to root.
        command.args(["-D", "-u", "root"]).args(arguments);
        command.env("NUT_CONFPATH", self.etc()).env("NUT_QUIET_INIT_SSL", "true");
        for variable in ["NUT_STATEPATH", "NUT_ALTPIDPATH"] {
            command.env(variable, self.folder.join("run"));
        }
        spawn(command.stdin(Stdio::null()).stdout(log.try_clone()?).stderr(log))
    }

    /// Rewrites the driver's file. It compares whole seconds of the time stamp, so a second change
    /// within one second would be lost: each gets a later stamp. It ends when the file is missing:
    /// so the file is replaced by renaming.
    fn write_variables(&mut self, ups: &str) -> Result<()> {
        let file = self.file(ups);
        let supply = self.supply(ups)?;
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
        supply.written = now.max(supply.written + 1);
        let stamp = UNIX_EPOCH + Duration::from_secs(supply.written);
        let lines = supply.variables.iter().map(|(name, value)| format!("{name}: {value}\n"));
        let new = file.with_extension("new");
        private(&new, &lines.collect::<String>())?;
        File::options().write(true).open(&new)?.set_modified(stamp)?;
        fs::rename(&new, &file).context("cannot replace a UPS driver's file")
    }

    fn wait(&self, log: &str, done: impl Fn() -> Result<bool>) -> Result<()> {
        let end = Instant::now() + START_DEADLINE;
        while !done()? {
            if Instant::now() >= end {
                let log = fs::read_to_string(self.logs.join(log)).unwrap_or_default();
                anyhow::bail!("the UPS server did not come up:\n{}", tail(&log, 5));
            }
            thread::sleep(Duration::from_millis(10));
        }
        Ok(())
    }

    fn supply(&mut self, ups: &str) -> Result<&mut Supply> {
        self.supplies.get_mut(ups).with_context(|| format!("the lab has no supply `{ups}`"))
    }

    fn etc(&self) -> PathBuf {
        self.folder.join("etc")
    }

    fn file(&self, ups: &str) -> PathBuf {
        self.etc().join(format!("{ups}.dev"))
    }

    fn socket(&mut self, ups: &str) -> Result<PathBuf> {
        let name = format!("dummy-ups-{}", self.supply(ups)?.called);
        Ok(self.folder.join("run").join(name))
    }
}

fn end(child: Option<Child>) {
    if let Some(mut child) = child {
        child.kill().ok();
        child.wait().ok();
    }
}

fn private(file: &Path, content: &str) -> Result<()> {
    fs::write(file, content).with_context(|| format!("cannot write {}", file.display()))?;
    fs::set_permissions(file, fs::Permissions::from_mode(0o600))
        .with_context(|| format!("cannot set the mode of {}", file.display()))
}

fn first_variables(ups: &UpsSpec) -> BTreeMap<String, String> {
    let battery = &ups.battery;
    [
        ("ups.mfr", "Ananke".to_owned()),
        ("ups.model", "Lab 1500".to_owned()),
        ("ups.status", "OL".to_owned()),
        ("ups.load", "25".to_owned()),
        ("input.voltage", "230.0".to_owned()),
        ("battery.charge", format!("{:.0}", battery.charge)),
        ("battery.charge.low", format!("{:.0}", battery.low_charge)),
        ("battery.runtime", format!("{:.0}", battery.full_runtime_s * battery.charge / 100.0)),
        ("battery.runtime.low", format!("{:.0}", battery.low_runtime_s)),
    ]
    .into_iter()
    .map(|(name, value)| (name.to_owned(), value))
    .collect()
}
