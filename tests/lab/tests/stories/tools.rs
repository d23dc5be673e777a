//! Where the stack is.

use std::{
    path::{Path, PathBuf},
    process::Command,
    time::Duration,
};

use ananke_lab::check;
use anyhow::{Context, Result, ensure};

/// The repository.
pub(crate) fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// The built stack: its folder, with `bin` and `crds` in it.
pub(crate) fn stack() -> Result<PathBuf> {
    let build = root().join("tests/lab/stack/build");
    let text = check(&mut Command::new(build), Duration::from_secs(3600))?;
    let bin = PathBuf::from(text.lines().last().context("the stack's build says nothing")?);
    let folder = bin.parent().context("the stack has no folder")?;
    ensure!(bin.join("kube-apiserver").exists(), "missing: kube-apiserver ≥ 1.33");
    Ok(folder.to_owned())
}
