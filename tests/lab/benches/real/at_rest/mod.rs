//! The daemon over a cluster in which nothing happens: memory and CPU of its whole control group,
//! and what it asks of the API.

mod account;
mod audit;
mod world;

use std::{
    fs::{self, File},
    path::Path,
    thread,
    time::{Duration, Instant},
};

use ananke_lab::HubProcess;
use anyhow::{Context, Result, ensure};
use rustix::fs::{Advice, fadvise};

use self::{
    account::{Account, Memory},
    world::{POLICY, World},
};

#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// How long to look, in seconds.
    #[arg(long, default_value_t = 600)]
    seconds: u64,
    /// Hosts, the server included.
    #[arg(long, default_value_t = 10)]
    hosts: usize,
    /// Pods that run.
    #[arg(long, default_value_t = 300)]
    pods: usize,
}

/// What the start and its first writes leave behind is over by then: connections kept for 10 s,
/// hosts asked once a minute.
const SETTLE: Duration = Duration::from_secs(90);
const READY: Duration = Duration::from_secs(180);
const LOOK: Duration = Duration::from_millis(500);

/// The highest that was seen.
#[derive(Debug, Default)]
struct Highest {
    resident: u64,
    group: u64,
    helpers: usize,
    helpers_resident: u64,
}

pub(crate) fn run(arguments: &Arguments) -> Result<()> {
    let world = World::begin(arguments.hosts, arguments.pods)?;
    // On a disk, as a coordinator's state is: the lab's own folders lie in memory.
    let folder = tempfile::Builder::new().prefix("ananke-bench-").tempdir_in("/var/tmp")?;
    let account = Account::open(&world.lab)?;
    let mut daemon = start(&world, &account, folder.path())?;
    let ready = format!("powerpolicy/{POLICY}");
    world.wait("the daemon says Ready", READY, |world| {
        let wait = ["wait", "--for=condition=Ready", &ready, "--timeout=1s"];
        Ok(world.lab.kubectl(&wait)?.ok())
    })?;
    let start = account.cpu()?;
    thread::sleep(SETTLE);
    let from = audit::length(&world.lab)?;
    let (cpu, own, began) = (account.cpu()?, own_cpu(daemon.pid())?, Instant::now());
    let mut highest = Highest::default();
    while began.elapsed() < Duration::from_secs(arguments.seconds) {
        highest.look(daemon.pid(), &account)?;
        thread::sleep(LOOK);
    }
    let (cpu, took) = (account.cpu()?.saturating_sub(cpu), began.elapsed());
    let own = own_cpu(daemon.pid())?.saturating_sub(own);
    let memory = account.memory()?;
    ensure!(daemon.is_running(), "the daemon has ended:\n{}", daemon.log());
    let requests = audit::read(&world.lab, from)?;
    let pods = world.pods()?;
    println!("\nat rest for {:.0} s, {} hosts, {pods} pods", took.as_secs_f64(), arguments.hosts);
    tell_memory(&memory, &highest);
    let share = |cpu: Duration| {
        format!("{:.2} % of a core", cpu.as_secs_f64() / took.as_secs_f64() * 100.0)
    };
    say("CPU, ssh included", &share(cpu), "0.5 %");
    say("  of it the process itself", &share(own), "");
    say("  from its start to Ready", &format!("{:.2} s", start.as_secs_f64()), "");
    tell_requests(&requests);
    daemon.kill()?;
    drop(folder);
    let World { lab, .. } = world;
    let down = lab.down();
    drop(account);
    down
}

fn start(world: &World, account: &Account, folder: &Path) -> Result<HubProcess> {
    let config = world.documents(folder)?;
    let ananke = ananke_lab::ananke()?;
    // Pages of a program are counted where they are first read: here, not where it was built.
    for program in [ananke.as_path(), Path::new("/usr/bin/ssh")] {
        let file =
            File::open(program).with_context(|| format!("missing: {}", program.display()))?;
        fadvise(&file, 0, None, Advice::DontNeed)?;
    }
    let doors: Vec<String> =
        account.doors().iter().map(|door| door.display().to_string()).collect();
    let mut command = world.lab.command("sh")?;
    command.args(["-c", r#"for door in $0; do echo $$ >"$door"; done; exec "$@""#]);
    command.arg(doors.join(" ")).arg(ananke).arg("--config").arg(config).arg("run");
    command.env("RUNTIME_DIRECTORY", world.lab.scratch()?.join("run"));
    command.env("HOME", "/nonexistent");
    world.lab.spawn("ananke", &mut command)
}

impl Highest {
    fn look(&mut self, daemon: u32, account: &Account) -> Result<()> {
        self.resident = self.resident.max(resident(daemon));
        self.group = self.group.max(account.memory()?.current);
        let helpers: Vec<u32> =
            account.processes().into_iter().filter(|pid| *pid != daemon).collect();
        self.helpers = self.helpers.max(helpers.len());
        let together = helpers.into_iter().map(resident).sum();
        self.helpers_resident = self.helpers_resident.max(together);
        Ok(())
    }
}

/// CPU that a process has used, user and system, without its children.
fn own_cpu(pid: u32) -> Result<Duration> {
    let text = fs::read_to_string(format!("/proc/{pid}/stat")).context("the daemon has ended")?;
    // After the name, which may hold anything: the state, and 11 and 12 places on, in ticks of
    // 10 ms, the CPU of it.
    let fields = text.rsplit_once(") ").map(|(_, fields)| fields).unwrap_or_default();
    let ticks = fields.split(' ').skip(11).take(2).map(str::parse::<u64>);
    Ok(Duration::from_millis(10 * ticks.sum::<Result<u64, _>>()?))
}

/// Resident memory of a process, in bytes; nothing when it is gone.
fn resident(pid: u32) -> u64 {
    let text = fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
    let line = text.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let kib: Option<u64> = line.and_then(|line| line.trim().trim_end_matches(" kB").parse().ok());
    kib.unwrap_or_default() * 1024
}

fn tell_memory(memory: &Memory, highest: &Highest) {
    say("control group: peak since its start", &megabytes(memory.peak), "40 MB");
    say("  highest at rest (every 0.5 s)", &megabytes(highest.group), "");
    say("  at the end", &megabytes(memory.current), "");
    say("    anonymous", &megabytes(memory.anonymous), "");
    say("    page cache", &megabytes(memory.file), "");
    say("    kernel", &megabytes(memory.kernel), "");
    say("resident memory of the process, highest", &megabytes(highest.resident), "25 MB");
    let helpers = format!("{}, {}", highest.helpers, megabytes(highest.helpers_resident));
    say("other processes (ssh): most, resident", &helpers, "");
}

fn tell_requests(requests: &audit::Requests) {
    let is_lease = |what: &&String| what.ends_with(" leases");
    let leases: usize =
        requests.writes.iter().filter(|(what, _)| is_lease(what)).map(|(_, count)| count).sum();
    let others = requests.writes.iter().filter(|(what, _)| !is_lease(what));
    let others = others.map(|(what, count)| (what.clone(), *count)).collect();
    let again = requests.lists.iter().filter(|(_, count)| **count > 1);
    let again = again.map(|(kind, count)| (kind.clone(), count - 1)).collect();
    say("writes to the API but the Lease", &audit::told(&others), "none");
    say("  renewals of the Lease", &leases.to_string(), "");
    say("lists beyond the first of each feed, from its start", &audit::told(&again), "none");
    let kinds = requests.watched.len();
    say("watches begun at rest, kinds", &format!("{}, {kinds}", requests.watches), "");
    say("  looks for kinds that the API does not have", &audit::told(&requests.absent), "");
    say("other requests at rest", &audit::told(&requests.others), "");
}

fn megabytes(bytes: u64) -> String {
    #[expect(clippy::cast_precision_loss, reason = "far below 2^52")]
    let megabytes = bytes as f64 / 1e6;
    format!("{megabytes:.1} MB")
}

fn say(what: &str, figure: &str, aim: &str) {
    let aim = if aim.is_empty() { String::new() } else { format!("   (aim: {aim})") };
    println!("{what:<52} {figure}{aim}");
}
