//! `ananke`: keeps a cluster and its hosts in the power state that a document declares.

use std::process::ExitCode;

fn main() -> ExitCode {
    ananke::cli::main()
}
