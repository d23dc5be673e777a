//! The commands: one file each.

mod args;
mod budget;
mod client;
mod config;
mod doctor;
mod documents;
mod exit;
mod explain;
mod host;
mod logs;
mod output;
mod plan;
mod replay;
mod requests;
mod run;
mod set_target;
mod shell;
mod signal;
mod simulate;
mod status;
mod world;

use std::process::ExitCode;

use clap::Parser;

use args::{Args, Command};
use exit::{Exit, Failure};

/// Runs one command.
pub fn main() -> ExitCode {
    let args = match Args::try_parse() {
        Ok(args) => args,
        Err(error) => {
            // Help and version are asked for; anything else is a usage error.
            let _ = error.print();
            return if error.use_stderr() { Exit::Usage.into() } else { Exit::Done.into() };
        }
    };
    args.color.write_global();
    match dispatch(&args) {
        Ok(exit) => exit.into(),
        Err(failure) => failure.print().into(),
    }
}

fn dispatch(args: &Args) -> Result<Exit, Failure> {
    match &args.command {
        Command::Run(run) => run::run(args, run),
        Command::Observe => run::observe(args),
        Command::Status(status) => status::status(args, status),
        Command::SetTarget(set) => set_target::set_target(args, set),
        Command::Plan(plan) => plan::plan(args, plan),
        Command::Simulate(simulate) => simulate::simulate(args, simulate),
        Command::Explain(explain) => explain::explain(args, explain),
        Command::Doctor => doctor::doctor(args),
        Command::Hold(hold) => requests::hold(args, hold),
        Command::Release => requests::release(args),
        Command::Signal(signal) => signal::signal(args, signal),
        Command::Host(host) => host::host(args, host),
        Command::World(world) => world::world(args, world),
        Command::Replay(replay) => replay::replay(args, replay),
        Command::Validate(validate) => documents::validate(args, validate),
        Command::Crd => Ok(documents::crd()),
        Command::Schema(schema) => documents::schema(schema),
        Command::Completions(shell) => Ok(shell::completions(shell)),
        Command::Man(man) => shell::man(man),
    }
}
