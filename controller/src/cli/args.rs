//! The command line.

use std::path::PathBuf;

use ananke_crds::{policy::Target, value::GoDuration};
use clap::{Parser, Subcommand, ValueEnum};

use crate::simulate::Load;

/// Keep a bare-metal Kubernetes cluster and its hosts in the power state that a document declares,
/// through outages too.
#[derive(Debug, Parser)]
#[command(name = "ananke", version, max_term_width = 100, disable_help_subcommand = true)]
pub(crate) struct Args {
    /// The host configuration [default: /etc/ananke/ananke.yaml, else a running embedded world's]
    #[arg(long, global = true, env = "ANANKE_CONFIG", value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,

    /// Another PowerPolicy document than the configured one
    #[arg(long, global = true, value_name = "FILE")]
    pub(crate) policy: Option<PathBuf>,

    /// How to print results
    #[arg(short, long, global = true, value_enum, default_value_t, value_name = "FORMAT")]
    pub(crate) output: Output,

    /// When to colour
    #[arg(long, global = true, value_enum, default_value_t, value_name = "WHEN")]
    pub(crate) color: Color,

    #[command(subcommand)]
    pub(crate) command: Command,
}

/// How results are printed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum Output {
    /// For people.
    #[default]
    Table,
    /// JSON.
    Json,
    /// YAML.
    Yaml,
}

/// When to colour.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum Color {
    /// On a terminal.
    #[default]
    Auto,
    /// Always.
    Always,
    /// Never.
    Never,
}

impl Color {
    pub(crate) fn write_global(self) {
        match self {
            Self::Auto => anstream::ColorChoice::Auto,
            Self::Always => anstream::ColorChoice::Always,
            Self::Never => anstream::ColorChoice::Never,
        }
        .write_global();
    }
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Run the daemon
    Run(Run),
    /// Run the same reconciler without acting: publish conditions only
    Observe,
    /// Show what is going on, why, and what to do next
    Status(Status),
    /// Declare another target in the document
    SetTarget(SetTarget),
    /// Show what would be done now; changes nothing
    Plan(Plan),
    /// Try an outage many times over on a virtual copy of the policy's world; changes nothing
    Simulate(Simulate),
    /// Tell why a unit is not where it should be, or what a policy field means
    Explain(Explain),
    /// Check what must be true of this host and of what it reaches; changes nothing
    Doctor,
    /// Begin no new step until `release`
    Hold(Hold),
    /// Go on after `hold`
    Release,
    /// List what asks for less than running, and overrule one cause for a while
    Signal(Signal),
    /// Say that hands are in a host's case
    Host(Host),
    /// Play fate for a running embedded world
    World(World),
    /// Make every recorded decision of a journal again, and say where it would differ
    Replay(Replay),
    /// Check documents
    Validate(Validate),
    /// Print the custom resource definition
    Crd,
    /// Print the JSON schema of a document
    Schema(Schema),
    /// Print completions for a shell
    Completions(Completions),
    /// Write man pages
    Man(Man),
}

#[derive(Debug, clap::Args)]
pub(crate) struct Run {
    /// Which world to run in
    #[arg(long, value_enum, default_value_t)]
    pub(crate) world: Which,
    /// The embedded world's state directory [default: under the user's state directory]
    #[arg(long, value_name = "DIR")]
    pub(crate) state: Option<PathBuf>,
    /// Make the embedded world's time run this many times faster
    #[arg(long, default_value_t = 1.0, value_name = "N")]
    pub(crate) speed: f64,
    /// Throw an earlier embedded world away and begin with a new one
    #[arg(long)]
    pub(crate) fresh: bool,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum Which {
    /// The hosts, UPSes and API of the host configuration
    #[default]
    Real,
    /// A built-in virtual cluster and UPS: no cluster, no root
    Embedded,
}

#[derive(Debug, clap::Args)]
pub(crate) struct Status {
    /// Keep showing it until Ctrl-C
    #[arg(short, long)]
    pub(crate) watch: bool,
}

#[derive(Debug, clap::Args)]
pub(crate) struct SetTarget {
    /// running, cluster-only-down or poweroff
    pub(crate) target: Target,
    /// Why, for the document, the log and the status
    #[arg(long, value_name = "TEXT")]
    pub(crate) reason: Option<String>,
    /// Follow it to the end
    #[arg(long)]
    pub(crate) wait: bool,
    /// How long to follow it, like 20m
    #[arg(long, default_value = "30m", value_name = "DURATION")]
    pub(crate) timeout: GoDuration,
    /// Do not ask
    #[arg(short, long)]
    pub(crate) yes: bool,
}

#[derive(Debug, clap::Args)]
pub(crate) struct Plan {
    /// For another target than the declared one
    #[arg(long, value_name = "TARGET")]
    pub(crate) target: Option<Target>,
    /// As if every UPS said now that its battery is low
    #[arg(long, conflicts_with = "target")]
    pub(crate) emergency: bool,
}

#[derive(Debug, clap::Args)]
pub(crate) struct Simulate {
    /// The supply whose mains go and stay away [default: all of them]
    #[arg(long, visible_alias = "ups", value_name = "NAME")]
    pub(crate) supply: Option<String>,
    /// Its charge when they go, from 0 to 100 [default: as read last, else 100]
    #[arg(
        long,
        visible_alias = "soc",
        value_name = "PERCENT",
        value_parser = clap::value_parser!(u8).range(0..=100)
    )]
    pub(crate) charge: Option<u8>,
    /// Its load, like 45% or 440W [default: as read last, else an ordinary one]
    #[arg(long, value_name = "LOAD")]
    pub(crate) load: Option<Load>,
    /// How many times
    #[arg(
        long,
        default_value_t = 100,
        value_name = "N",
        value_parser = clap::value_parser!(u32).range(1..=10_000)
    )]
    pub(crate) runs: u32,
    /// Where chance begins: the same number gives the same answer
    #[arg(long, default_value_t = 1, value_name = "N")]
    pub(crate) seed: u64,
}

#[derive(Debug, clap::Args)]
pub(crate) struct Explain {
    /// A unit like `node/titan-04`, or a field like `policy.spec.shutdown.drain`
    pub(crate) what: Option<String>,
}

#[derive(Debug, clap::Args)]
pub(crate) struct Hold {
    /// Why
    #[arg(long, default_value = "", value_name = "TEXT")]
    pub(crate) reason: String,
    /// Hold even what a UPS asks for
    #[arg(long)]
    pub(crate) even_on_battery: bool,
}

#[derive(Debug, clap::Args)]
pub(crate) struct Signal {
    #[command(subcommand)]
    pub(crate) what: SignalCommand,
}

#[derive(Debug, Subcommand)]
pub(crate) enum SignalCommand {
    /// List signals
    List,
    /// Overrule the live cause of one signal; a graver one still acts
    Mask {
        /// The signal, like ups/pyrphoros
        name: String,
        /// For how long, like 30m
        #[arg(long = "for", value_name = "DURATION")]
        span: GoDuration,
        /// Why
        #[arg(long, value_name = "TEXT")]
        reason: String,
    },
    /// Take a mask off
    Clear {
        /// The signal, like ups/pyrphoros
        name: String,
    },
}

#[derive(Debug, clap::Args)]
pub(crate) struct Host {
    /// The host
    pub(crate) name: String,
    #[command(subcommand)]
    pub(crate) what: HostCommand,
}

#[derive(Debug, Subcommand)]
pub(crate) enum HostCommand {
    /// Hands in the case: never woken, started or waited for
    Maintenance {
        /// On or off
        #[arg(value_enum)]
        switch: Switch,
    },
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Switch {
    /// On
    On,
    /// Off
    Off,
}

#[derive(Debug, clap::Args)]
pub(crate) struct World {
    #[command(subcommand)]
    pub(crate) what: WorldCommand,
}

#[derive(Debug, Subcommand)]
pub(crate) enum WorldCommand {
    /// Show the virtual world as it is, whatever the daemon says of it
    Show,
    /// Take the mains away, or bring them back
    Mains {
        /// On or off
        #[arg(value_enum)]
        switch: Switch,
        /// Of one supply only
        supply: Option<String>,
    },
    /// Break a host: it never answers and never boots until it is repaired
    Break {
        /// The host
        host: String,
    },
    /// Repair a broken or frozen host
    Repair {
        /// The host
        host: String,
    },
    /// Freeze a host: it is on and answers nothing
    Freeze {
        /// The host
        host: String,
    },
    /// Make a UPS fall silent, or speak again
    Telemetry {
        /// On or off
        #[arg(value_enum)]
        switch: Switch,
        /// The supply
        supply: String,
    },
}

#[derive(Debug, clap::Args)]
pub(crate) struct Replay {
    /// A segment of a journal, or the folder of them: /var/lib/ananke/journal
    #[arg(value_name = "JOURNAL")]
    pub(crate) journal: PathBuf,
}

#[derive(Debug, clap::Args)]
pub(crate) struct Validate {
    /// Documents: `PowerPolicy` or `HostConfiguration`
    #[arg(required = true, value_name = "FILE")]
    pub(crate) files: Vec<PathBuf>,
}

#[derive(Debug, clap::Args)]
pub(crate) struct Schema {
    /// Of which document
    #[arg(value_enum, default_value_t)]
    pub(crate) of: Document,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum Document {
    /// `PowerPolicy`
    #[default]
    Policy,
    /// `HostConfiguration`
    HostConfiguration,
    /// The output of `status -o json`
    Status,
    /// The output of `simulate -o json`
    Simulation,
    /// The output of `doctor -o json`
    Doctor,
}

#[derive(Debug, clap::Args)]
pub(crate) struct Completions {
    /// The shell
    pub(crate) shell: clap_complete::Shell,
}

#[derive(Debug, clap::Args)]
pub(crate) struct Man {
    /// The folder to write to; the main page goes to stdout without it
    pub(crate) folder: Option<PathBuf>,
}
