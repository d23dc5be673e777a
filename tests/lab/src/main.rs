//! `lab`: brings labs up and down by hand, and plays fate in them.

use std::collections::BTreeMap;
use std::io::Write as _;
use std::path::PathBuf;
use std::process::{Command, ExitCode};
use std::time::Duration;

use ananke_lab::{
    HostAction, HostSpec, Lab, LabName, LabSpec, Leftovers, Role, UpsAction, UpsSpec, ensure_image,
    keep,
};
use anyhow::{Context, Result};
use clap::{Args, Parser, Subcommand, ValueEnum};

/// Real hosts, a real UPS server and a real cluster to try ananke on.
#[derive(Debug, Parser)]
#[command(name = "lab", version)]
struct Arguments {
    /// Which lab (one to six of a-z, 0-9).
    #[arg(long, global = true, env = "LAB_NAME", default_value = "lab")]
    name: String,
    #[command(subcommand)]
    command: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Build the hosts' image, or find it in the cache; prints its folder.
    Image,
    /// Bring a lab up; it lives until `lab down`.
    Up(Up),
    /// Take a lab down, whatever state it is in.
    Down,
    /// Show the hosts: name, address, MAC, on or off.
    State,
    /// Switch a host on.
    Boot(Host),
    /// Cut a host's power.
    Cut(Host),
    /// Press a host's power button.
    PoweroffButton(Host),
    /// Hang a host: it takes connections, but nothing in it runs.
    Freeze(Host),
    /// End a `freeze`.
    Thaw(Host),
    /// Pull a host's network cable.
    Unplug(Host),
    /// Plug it in again.
    Plug(Host),
    /// Run a command in the hub.
    Exec {
        /// The command.
        #[arg(trailing_var_arg = true, required = true, allow_hyphen_values = true)]
        command: Vec<String>,
    },
    /// Run a command on a host over SSH, as ananke would.
    Ssh {
        /// The host.
        host: String,
        /// The command; none: a shell.
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        command: Vec<String>,
    },
    /// Watch or change a UPS.
    Ups(Ups),
    /// List what labs have on this machine; ends with 1 if there is anything.
    Leftovers,
    /// Own a lab (started by `up`, not by hand).
    #[command(hide = true)]
    Keep,
}

#[derive(Debug, Args)]
struct Up {
    /// The hosts.
    #[arg(long, value_delimiter = ',', default_value = "n1,n2,n3")]
    hosts: Vec<String>,
    /// Which of them are servers; the others are agents.
    #[arg(long, value_delimiter = ',', default_value = "n1")]
    servers: Vec<String>,
    /// The supplies, as NAME or NAME=HOST+HOST.
    #[arg(long, value_delimiter = ',', default_value = "ups")]
    supplies: Vec<String>,
    /// Battery time per wall time.
    #[arg(long, default_value_t = 1.0)]
    battery_speed: f64,
    /// Offer STARTTLS.
    #[arg(long)]
    nut_tls: bool,
    /// Folder with `k3s`, `k3s-killall.sh` and `kubectl`; without it the hosts have no cluster.
    #[arg(long)]
    stack: Option<PathBuf>,
}

#[derive(Debug, Args)]
struct Host {
    /// The host.
    host: String,
}

#[derive(Debug, Args)]
struct Ups {
    /// Which supply; the lab's first one if not given.
    #[arg(long)]
    ups: Option<String>,
    #[command(subcommand)]
    command: UpsCommand,
}

#[derive(Debug, Subcommand)]
enum UpsCommand {
    /// Show all variables, or one.
    Get {
        /// Its name.
        variable: Option<String>,
    },
    /// Change variables by hand.
    Set {
        /// As NAME=VALUE.
        #[arg(required = true)]
        values: Vec<String>,
    },
    /// Take the mains away or bring them back; the battery follows.
    Mains {
        /// on or off.
        mains: Mains,
    },
    /// Stop the driver's clock.
    Stale,
    /// Let it run on.
    Unstale,
    /// Kill the driver.
    DriverKill,
    /// Start it again.
    DriverStart,
    /// Give the device another name in the server.
    Rename {
        /// The name.
        to: String,
    },
    /// Kill the server.
    UpsdKill,
    /// Start it again.
    UpsdStart,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Mains {
    On,
    Off,
}

fn main() -> ExitCode {
    match run(Arguments::parse()) {
        Ok(code) => code,
        Err(error) => {
            writeln!(std::io::stderr(), "lab: {error:#}").ok();
            ExitCode::FAILURE
        }
    }
}

fn run(arguments: Arguments) -> Result<ExitCode> {
    let name = LabName::new(&arguments.name)?;
    let host = |host: Host, action| Lab::attach(&name)?.host_action(&host.host, action);
    match arguments.command {
        Action::Image => say(&ensure_image()?.display().to_string()),
        Action::Up(up) => Lab::up_detached(up.spec(name)?)?,
        Action::Down => Lab::remove(&name)?,
        Action::State => state(&Lab::attach(&name)?)?,
        Action::Boot(of) => boot(&Lab::attach(&name)?, &of.host)?,
        Action::Cut(of) => host(of, HostAction::Cut)?,
        Action::PoweroffButton(of) => host(of, HostAction::PowerButton)?,
        Action::Freeze(of) => host(of, HostAction::Freeze)?,
        Action::Thaw(of) => host(of, HostAction::Thaw)?,
        Action::Unplug(of) => host(of, HostAction::Unplug)?,
        Action::Plug(of) => host(of, HostAction::Plug)?,
        Action::Exec { command } => return exec(&Lab::attach(&name)?, &command),
        Action::Ssh { host, command } => {
            return become_code(Lab::attach(&name)?.ssh_command(&host)?.args(command));
        }
        Action::Ups(ups) => return ups.run(&Lab::attach(&name)?),
        Action::Leftovers => {
            let left = Leftovers::capture().of_labs();
            say(left.to_string().trim_end());
            return Ok(if left.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE });
        }
        Action::Keep => keep()?,
    }
    Ok(ExitCode::SUCCESS)
}

impl Up {
    fn spec(self, name: LabName) -> Result<LabSpec> {
        let mut spec = LabSpec::new(name);
        for server in &self.servers {
            anyhow::ensure!(self.hosts.contains(server), "server `{server}` is not in --hosts");
        }
        for host in &self.hosts {
            let role = if self.servers.contains(host) { Role::Server } else { Role::Agent };
            spec = spec.host(HostSpec::new(host, role));
        }
        for supply in self.supplies.iter().filter(|supply| !supply.is_empty()) {
            let (name, powers) = supply.split_once('=').unwrap_or((supply, ""));
            let mut ups = UpsSpec::new(name);
            ups.powers = powers.split('+').filter(|h| !h.is_empty()).map(str::to_owned).collect();
            ups.battery.speed = self.battery_speed;
            spec = spec.ups(ups);
        }
        spec.nut_tls = self.nut_tls;
        spec.stack = self.stack;
        Ok(spec)
    }
}

impl Ups {
    fn run(self, lab: &Lab) -> Result<ExitCode> {
        let first = || lab.spec().supplies.first().map(|ups| ups.name.clone());
        let ups = self.ups.clone().or_else(first).context("this lab has no supplies")?;
        let action = match self.command {
            UpsCommand::Get { variable } => {
                let output = lab.upsc(&ups, variable.as_deref())?;
                say(output.stdout.trim_end());
                if !output.ok() {
                    anyhow::bail!("{}", output.stderr.trim_end());
                }
                return Ok(ExitCode::SUCCESS);
            }
            UpsCommand::Set { values } => UpsAction::Set(pairs(&values)?),
            UpsCommand::Mains { mains } => UpsAction::Mains(mains == Mains::On),
            UpsCommand::Stale => UpsAction::Stale,
            UpsCommand::Unstale => UpsAction::Unstale,
            UpsCommand::DriverKill => UpsAction::DriverKill,
            UpsCommand::DriverStart => UpsAction::DriverStart,
            UpsCommand::Rename { to } => UpsAction::Rename(to),
            UpsCommand::UpsdKill => UpsAction::UpsdKill,
            UpsCommand::UpsdStart => UpsAction::UpsdStart,
        };
        lab.ups_action(&ups, action)?;
        Ok(ExitCode::SUCCESS)
    }
}

fn pairs(values: &[String]) -> Result<BTreeMap<String, String>> {
    let pair = |value: &String| {
        let (name, value) = value.split_once('=').with_context(|| format!("not K=V: `{value}`"))?;
        Ok((name.to_owned(), value.to_owned()))
    };
    values.iter().map(pair).collect()
}

fn boot(lab: &Lab, host: &str) -> Result<()> {
    lab.boot(host)?;
    lab.wait_ssh(host, Duration::from_secs(90))
}

fn state(lab: &Lab) -> Result<()> {
    for host in lab.state()? {
        let power = if host.on { "on" } else { "off" };
        let ac = if host.ac { "" } else { " no-ac" };
        let cable = if host.plugged { "" } else { " unplugged" };
        say(&format!("{} {} {} {power}{ac}{cable}", host.name, host.address, host.mac));
    }
    Ok(())
}

fn exec(lab: &Lab, command: &[String]) -> Result<ExitCode> {
    let (program, arguments) = command.split_first().context("no command")?;
    become_code(lab.command(program)?.args(arguments))
}

/// Runs a command on this terminal and ends as it ends.
fn become_code(command: &mut Command) -> Result<ExitCode> {
    let status = command.status().context("cannot start the command")?;
    let code = status.code().and_then(|code| u8::try_from(code).ok());
    Ok(code.map_or(ExitCode::FAILURE, ExitCode::from))
}

fn say(text: &str) {
    writeln!(std::io::stdout(), "{text}").ok();
}
