//! What must be true of this very host.

use std::{
    fs,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
};

use ananke_crds::{
    host_config::HostConfiguration,
    policy::{OwnHostOff, WayBack},
};
use ananke_hosts::{RESERVE, WAKE_ALARM, room_in};

use super::finding::{Finding, Report};

/// The hook as it is shipped.
const HOOK: &str = include_str!("../../../../systemd/system-shutdown/ananke");

/// Where systemd-shutdown looks for it: `/lib` is a link to `/usr/lib` on all but old systems.
const HOOKS: [&str; 2] = ["/usr/lib/systemd/system-shutdown", "/lib/systemd/system-shutdown"];

const INSTALL: &str =
    "install -m 0755 systemd/system-shutdown/ananke /lib/systemd/system-shutdown/";

pub(super) fn look(config: &HostConfiguration, report: &mut Report) {
    state(&config.state, report);
    listen(config, report);
    private("ssh.identity", &config.ssh.identity, report);
    for (name, endpoint) in &config.supplies {
        if let Some(file) = &endpoint.credentials {
            private(&format!("supplies.{name}.credentials"), file, report);
        }
    }
}

/// What this host needs if it goes off with the others.
pub(super) fn leaves(off: OwnHostOff, report: &mut Report) {
    way_back(off.way_back, Path::new(WAKE_ALARM), &HOOKS.map(PathBuf::from), report);
}

fn state(folder: &Path, report: &mut Report) {
    report.checked("state directory");
    let shown = folder.display();
    match room_in(folder) {
        Ok(free) if free < RESERVE => report.add(
            Finding::error(
                "state",
                format!("{shown}: {free} bytes are free, and the journal keeps {RESERVE} ahead"),
            )
            .remedy("make room: on a full disk no step up begins"),
        ),
        Ok(_) => {}
        Err(error) => report.add(
            Finding::error("state", format!("{shown} cannot be written: {error}")).remedy(
                "run doctor as the user that the daemon runs as; `StateDirectory=` makes it",
            ),
        ),
    }
}

fn listen(config: &HostConfiguration, report: &mut Report) {
    report.checked("listen");
    if !config.listen.ip().is_loopback() {
        let message = format!(
            "{} is read by whoever reaches it: status, hosts and metrics, without a password",
            config.listen
        );
        let remedy = "listen: 127.0.0.1:9560, or let a firewall say who may";
        report.add(Finding::note("listen", message).remedy(remedy));
    }
}

/// A secret that others can read is none.
fn private(about: &str, file: &Path, report: &mut Report) {
    // Missing ones are told by whoever needs them.
    let Ok(found) = fs::metadata(file) else { return };
    if found.permissions().mode() & 0o077 != 0 {
        let shown = file.display();
        report.add(
            Finding::warning(about, format!("others than its owner can use {shown}"))
                .remedy(format!("chmod 600 {shown}")),
        );
    }
}

/// What switches this host on again must be there before it goes off.
fn way_back(way: WayBack, alarm: &Path, hooks: &[PathBuf], report: &mut Report) {
    match way {
        WayBack::UpsCut => {
            hook(hooks, report);
            wake_alarm(alarm, report, |why| {
                Finding::note(
                    "wake alarm",
                    format!("{why}: mains that return before the UPS has cut wake nobody"),
                )
                .remedy("let the UPS cut with mains present, too")
            });
        }
        WayBack::Rtc => wake_alarm(alarm, report, |why| {
            Finding::error("wake alarm", format!("{why}: with `wayBack: rtc` this host stays on"))
                .remedy("enable the RTC alarm in the firmware, or take another `off.wayBack`")
        }),
        WayBack::Peer | WayBack::None => {}
    }
}

fn wake_alarm(alarm: &Path, report: &mut Report, finding: impl Fn(&str) -> Finding) {
    report.checked("wake alarm");
    if fs::read_to_string(alarm).is_err() {
        report.add(finding(&format!("the clock has none ({})", alarm.display())));
    }
}

fn hook(folders: &[PathBuf], report: &mut Report) {
    report.checked("system-shutdown hook");
    let file = folders.iter().map(|folder| folder.join("ananke")).find(|file| file.exists());
    let Some(file) = file else {
        let message = "the hook that has the UPS cut its output is not installed: after the halt \
                       mains wake nobody";
        report.add(Finding::error("system-shutdown", message).remedy(INSTALL));
        return;
    };
    let shown = file.display();
    let mode = fs::metadata(&file).map(|found| found.permissions().mode()).unwrap_or_default();
    if mode & 0o111 == 0 {
        let message = format!("{shown} is not executable, so systemd-shutdown passes it over");
        report
            .add(Finding::error("system-shutdown", message).remedy(format!("chmod 0755 {shown}")));
    }
    if fs::read_to_string(&file).is_ok_and(|text| text != HOOK) {
        let message = format!("{shown} is not the hook of this version");
        report.add(Finding::warning("system-shutdown", message).remedy(INSTALL));
    }
}

#[cfg(test)]
mod tests {
    use super::{super::finding::Severity, *};

    /// Severity and subject of each finding.
    fn found(way: WayBack, prepare: impl Fn(&Path)) -> Vec<(Severity, String)> {
        let folder = tempfile::tempdir().unwrap();
        prepare(folder.path());
        let mut report = Report::default();
        let hooks = [folder.path().join("usr"), folder.path().to_owned()];
        way_back(way, &folder.path().join("wakealarm"), &hooks, &mut report);
        report.findings().iter().map(|f| (f.severity, f.about.clone())).collect()
    }

    fn install(folder: &Path, text: &str, mode: u32) {
        let file = folder.join("ananke");
        fs::write(&file, text).unwrap();
        fs::set_permissions(&file, fs::Permissions::from_mode(mode)).unwrap();
    }

    fn clock(folder: &Path) {
        fs::write(folder.join("wakealarm"), "").unwrap();
    }

    #[test]
    fn each_way_back_needs_its_own() {
        let alarm = "wake alarm".to_owned();
        let hook = "system-shutdown".to_owned();
        for way in [WayBack::None, WayBack::Peer] {
            assert_eq!(found(way, |_| {}), []);
        }
        assert_eq!(found(WayBack::Rtc, |_| {}), [(Severity::Error, alarm.clone())]);
        assert_eq!(found(WayBack::Rtc, clock), []);
        let bare = [(Severity::Error, hook.clone()), (Severity::Note, alarm)];
        assert_eq!(found(WayBack::UpsCut, |_| {}), bare);
        let with = |text: &'static str, mode| {
            found(WayBack::UpsCut, move |folder| {
                clock(folder);
                install(folder, text, mode);
            })
        };
        assert_eq!(with(HOOK, 0o755), []);
        assert_eq!(with(HOOK, 0o644), [(Severity::Error, hook.clone())]);
        assert_eq!(with("#!/bin/sh\n", 0o755), [(Severity::Warning, hook)]);
    }

    #[test]
    fn secrets_are_for_their_owner() {
        let file = tempfile::NamedTempFile::new().unwrap();
        for (mode, warned) in [(0o600, false), (0o400, false), (0o640, true), (0o604, true)] {
            fs::set_permissions(file.path(), fs::Permissions::from_mode(mode)).unwrap();
            let mut report = Report::default();
            private("x", file.path(), &mut report);
            assert_eq!(report.has(Severity::Warning), warned, "{mode:o}");
        }
    }
}
