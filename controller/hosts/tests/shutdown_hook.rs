//! The hook at the end of a halt, with stand-ins for what it calls: the real ones would be obeyed.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::{
    env, fs,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    process::Command,
};

use tempfile::TempDir;

struct Halt {
    folder: TempDir,
}

impl Halt {
    fn new() -> Self {
        let halt = Self { folder: tempfile::tempdir().unwrap() };
        for program in ["upsdrvctl", "sleep", "systemctl"] {
            let (path, log) = (halt.at(program), halt.at("log"));
            let text = format!("#!/bin/sh\necho {program} \"$@\" >> {}\n", log.display());
            fs::write(&path, text).unwrap();
            fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
        }
        halt
    }

    fn at(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn with(self, name: &str, text: &str) -> Self {
        fs::write(self.at(name), text).unwrap();
        self
    }

    /// What it calls, in order, when systemd-shutdown runs it for this.
    fn runs(&self, verb: &str) -> Vec<String> {
        let root = Path::new(env!("CARGO_MANIFEST_DIR"));
        let hook = root.join("../../systemd/system-shutdown/ananke");
        let path = env::join_paths([self.folder.path(), Path::new("/usr/bin")]).unwrap();
        let status = Command::new(hook)
            .args([verb.as_ref(), self.at("killpower").as_os_str(), self.at("alarm").as_os_str()])
            .env("PATH", path)
            .status()
            .unwrap();
        // The last test of the script is its status; systemd-shutdown ignores it.
        assert!(status.code().is_some(), "{status}");
        let log = fs::read_to_string(self.at("log")).unwrap_or_default();
        log.lines().map(str::to_owned).collect()
    }
}

#[test]
fn a_halt_that_nobody_asked_to_cut_cuts_nothing() {
    for halt in [Halt::new(), Halt::new().with("killpower", "")] {
        assert_eq!(halt.runs("poweroff"), [""; 0]);
    }
}

#[test]
fn a_reboot_cuts_nothing() {
    let halt = Halt::new().with("killpower", "dev\n");
    assert_eq!(halt.runs("reboot"), [""; 0]);
    assert_eq!(halt.runs("kexec"), [""; 0]);
}

#[test]
fn only_the_named_are_cut_and_a_host_that_is_still_there_reboots() {
    let halt = Halt::new().with("killpower", "dev\nrack\n");
    let calls = [
        "upsdrvctl shutdown dev",
        "upsdrvctl shutdown rack",
        "sleep 60",
        "systemctl reboot --force --force",
    ];
    assert_eq!(halt.runs("poweroff"), calls);
}

#[test]
fn with_an_alarm_set_it_goes_off() {
    let halt = Halt::new().with("killpower", "dev\n").with("alarm", "1767225600\n");
    assert_eq!(halt.runs("halt"), ["upsdrvctl shutdown dev", "sleep 60"]);
}
