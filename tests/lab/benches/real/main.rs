//! Benchmarks over real parts: hosts under systemd, `upsd`, sshd, a control plane, `upsmon` for
//! comparison. They print figures and judge nothing.
//!
//! `cargo bench -p ananke-lab --bench real -- at-rest --seconds 600`
//! `cargo bench -p ananke-lab --bench real -- detection --trials 200`
//!
//! The program under test is the release build beside the bench: `cargo build --release -p ananke
//! -p ananke-lab` first.

#![expect(clippy::print_stdout, reason = "a bench prints its figures")]
#![expect(clippy::indexing_slicing, reason = "a JSON value that is not there is null")]

mod at_rest;
mod detection;
#[path = "../../tests/stories/tools.rs"]
mod tools;

use clap::{Parser, Subcommand};

#[derive(Debug, Parser)]
struct Arguments {
    #[command(subcommand)]
    bench: Bench,
    /// Cargo says this to every bench.
    #[arg(long = "bench", global = true, hide = true)]
    by_cargo: bool,
}

#[derive(Debug, Subcommand)]
enum Bench {
    /// What the daemon costs over a cluster in which nothing happens.
    AtRest(at_rest::Arguments),
    /// How long it takes from a change of the UPS to the first decision, and to the first step.
    Detection(detection::Arguments),
}

fn main() -> anyhow::Result<()> {
    let arguments = Arguments::parse();
    match arguments.bench {
        Bench::AtRest(arguments) => at_rest::run(&arguments),
        Bench::Detection(arguments) => detection::run(&arguments),
    }
}
