//! Completions and man pages.

use clap::CommandFactory;

use super::{
    args::{Args, Completions, Man},
    exit::{Exit, Failure},
};

pub(crate) fn completions(of: &Completions) -> Exit {
    clap_complete::generate(of.shell, &mut Args::command(), "ananke", &mut std::io::stdout());
    Exit::Done
}

pub(crate) fn man(of: &Man) -> Result<Exit, Failure> {
    match &of.folder {
        None => clap_mangen::Man::new(Args::command()).render(&mut std::io::stdout())?,
        Some(folder) => {
            std::fs::create_dir_all(folder)?;
            clap_mangen::generate_to(Args::command(), folder)?;
        }
    }
    Ok(Exit::Done)
}
