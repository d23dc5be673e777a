//! `ananke-fuzz TARGET FILE…` gives files to a target. Built with the feature
//! `fuzzer`, as `tests/run fuzz` does, it is the fuzzer of the target that `ANANKE_FUZZ_TARGET`
//! names.

#![cfg_attr(feature = "fuzzer", no_main)]

#[cfg(feature = "fuzzer")]
mod fuzzer {
    #![allow(clippy::panic, reason = "nothing can be fuzzed then")]

    use std::{env, sync::LazyLock};

    use ananke_fuzz::{Target, target};

    static TARGET: LazyLock<&Target> = LazyLock::new(|| {
        let name = env::var("ANANKE_FUZZ_TARGET").unwrap_or_default();
        target(&name).unwrap_or_else(|| panic!("ANANKE_FUZZ_TARGET={name} is no target"))
    });

    libfuzzer_sys::fuzz_target!(|bytes: &[u8]| (TARGET.run)(bytes));
}

#[cfg(not(feature = "fuzzer"))]
fn main() -> anyhow::Result<()> {
    use anyhow::Context as _;

    let mut arguments = std::env::args().skip(1);
    let name = arguments.next().unwrap_or_default();
    let target = ananke_fuzz::target(&name).with_context(|| {
        let names: Vec<_> = ananke_fuzz::TARGETS.iter().map(|target| target.name).collect();
        format!("there is no target `{name}`; there are: {}", names.join(", "))
    })?;
    for file in arguments {
        let bytes = std::fs::read(&file).with_context(|| file.clone())?;
        (target.run)(&bytes);
    }
    Ok(())
}
