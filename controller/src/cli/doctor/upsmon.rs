//! A local `upsmon`, and what of NUT would power this host, or its UPS, off in an order of its own.

use std::{
    fs, io,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
};

use super::finding::{Finding, Report};

/// Where distributions put NUT's configuration; NUT itself looks at `NUT_CONFPATH` first.
const FOLDERS: [&str; 2] = ["/etc/nut", "/etc/ups"];

/// NUT's own hook at the end of a halt.
const NUTSHUTDOWN: [&str; 2] =
    ["/usr/lib/systemd/system-shutdown/nutshutdown", "/lib/systemd/system-shutdown/nutshutdown"];

/// What distributions call the unit of `upsmon`.
const UNITS: [&str; 3] = ["nut-monitor.service", "nut-client.service", "upsmon.service"];

const MASK_IT: &str = "leave it so (`systemctl mask nut-monitor`), or give it power value 0";

const STOP_IT: &str =
    "`systemctl disable --now nut-monitor`; upsd and the drivers go on without it";

/// What NUT is configured to do on a host.
pub(super) struct Nut {
    folder: PathBuf,
    processes: PathBuf,
    units: PathBuf,
    hooks: Vec<PathBuf>,
}

/// Whether `upsmon` is there to act.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Presence {
    /// It runs.
    Runs,
    /// Its unit starts it at the next boot.
    Starts,
    /// Its unit is not enabled; whoever starts it has it act.
    Sleeps,
}

/// What `upsmon.conf` says.
#[derive(Debug, Default, PartialEq, Eq)]
struct Upsmon {
    monitors: Vec<Monitor>,
    shutdown_command: Option<String>,
    power_down_flag: Option<PathBuf>,
}

/// A `MONITOR` line, its password aside.
#[derive(Debug, PartialEq, Eq)]
struct Monitor {
    ups: String,
    is_primary: bool,
}

impl Nut {
    /// This host's.
    pub(super) fn of_this_host() -> Self {
        let told = std::env::var_os("NUT_CONFPATH").map(PathBuf::from);
        let usual = FOLDERS.map(PathBuf::from).into_iter().find(|folder| folder.is_dir());
        Self {
            folder: told.or(usual).unwrap_or_else(|| PathBuf::from("/etc/nut")),
            processes: "/proc".into(),
            units: "/etc/systemd/system".into(),
            hooks: NUTSHUTDOWN.map(PathBuf::from).into(),
        }
    }

    pub(super) fn look(&self, report: &mut Report) {
        report.checked("upsmon");
        let mode = self.mode();
        let file = self.folder.join("upsmon.conf");
        let upsmon = match fs::read_to_string(&file) {
            Ok(text) => parse(&text),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Upsmon::default(),
            Err(error) => {
                let message = format!("{}: {error}: nobody knows what it would do", file.display());
                report.add(Finding::warning("upsmon", message).remedy("run doctor as root"));
                Upsmon::default()
            }
        };
        if let Some(presence) = self.presence(&mode) {
            self.own_order(&upsmon, presence, report);
        }
        self.cut_at_every_halt(&mode, report);
        leftover_flag(&upsmon, report);
    }

    /// `MODE` of `nut.conf`: which of NUT's services start at boot.
    fn mode(&self) -> String {
        let text = fs::read_to_string(self.folder.join("nut.conf")).unwrap_or_default();
        let value = text.lines().filter_map(|line| line.trim().strip_prefix("MODE=")).next_back();
        let value = value.unwrap_or("none").split('#').next().unwrap_or_default();
        value.trim().trim_matches(['"', '\'']).to_ascii_lowercase()
    }

    /// The packages' unit starts nothing with `MODE=none`.
    fn presence(&self, mode: &str) -> Option<Presence> {
        let may_start = matches!(mode, "standalone" | "netserver" | "netclient");
        match () {
            () if self.is_running() => Some(Presence::Runs),
            () if may_start && self.is_enabled() => Some(Presence::Starts),
            () => may_start.then_some(Presence::Sleeps),
        }
    }

    fn is_enabled(&self) -> bool {
        let folders = fs::read_dir(&self.units).into_iter().flatten().filter_map(Result::ok);
        let wants = folders.map(|entry| entry.path());
        wants
            .filter(|path| path.extension().is_some_and(|kind| kind == "wants"))
            .any(|wants| UNITS.iter().any(|unit| fs::symlink_metadata(wants.join(unit)).is_ok()))
    }

    fn is_running(&self) -> bool {
        let entries = fs::read_dir(&self.processes).into_iter().flatten().filter_map(Result::ok);
        entries
            .map(|entry| entry.path().join("comm"))
            .any(|comm| fs::read_to_string(comm).is_ok_and(|name| name.trim() == "upsmon"))
    }

    /// `upsmon` powers its host off when a UPS that feeds it is low or told to shut down.
    fn own_order(&self, upsmon: &Upsmon, presence: Presence, report: &mut Report) {
        let command = upsmon.shutdown_command.as_deref().unwrap_or_default();
        let ends = !is_harmless(command);
        let cuts = upsmon.power_down_flag.is_some() && self.hook().is_some();
        for Monitor { ups, is_primary } in &upsmon.monitors {
            let host = format!("powers this host off in its own order (SHUTDOWNCMD \"{command}\")");
            let parts = [
                ends.then_some(host),
                is_primary.then(|| "as its primary sends all who are logged in there away".into()),
                (ends && *is_primary && cuts).then(|| "has the UPS cut its output".to_owned()),
            ];
            let parts: Vec<String> = parts.into_iter().flatten().collect();
            let Some((last, before)) = parts.split_last() else { continue };
            let all = match before {
                [] => last.clone(),
                more => format!("{}, and {last}", more.join(", ")),
            };
            let on = format!("watches {ups}: on its low battery or FSD it {all}");
            report.add(
                match presence {
                    Presence::Runs if ends => Finding::error("upsmon", format!("it runs and {on}")),
                    Presence::Starts if ends => {
                        Finding::error("upsmon", format!("it starts at boot and {on}"))
                    }
                    Presence::Runs | Presence::Starts => {
                        Finding::warning("upsmon", format!("it {on}"))
                    }
                    Presence::Sleeps => {
                        Finding::note("upsmon", format!("it does not run; once started it {on}"))
                    }
                }
                .remedy(if presence == Presence::Sleeps {
                    MASK_IT
                } else {
                    STOP_IT
                }),
            );
        }
    }

    /// Debian's wrapper says yes to `upsmon -K` with `MODE=none`, flag or no flag.
    fn cut_at_every_halt(&self, mode: &str, report: &mut Report) {
        let Some(hook) = self.hook().filter(|_| mode == "none") else { return };
        if !self.folder.join("ups.conf").exists() {
            return;
        }
        let shown = hook.display();
        let message = format!(
            "{shown} has every UPS of ups.conf cut its output at every halt, for MODE=none"
        );
        let remedy =
            "MODE=netserver in nut.conf with nut-monitor disabled, or `chmod -x` on that file";
        report.add(Finding::error("nutshutdown", message).remedy(remedy));
    }

    fn hook(&self) -> Option<&Path> {
        let is_executable = |hook: &&PathBuf| {
            fs::metadata(hook).is_ok_and(|found| found.permissions().mode() & 0o111 != 0)
        };
        self.hooks.iter().find(is_executable).map(PathBuf::as_path)
    }
}

/// A flag of a halt that never came to its end cuts the UPS at the next one.
fn leftover_flag(upsmon: &Upsmon, report: &mut Report) {
    if let Some(flag) = upsmon.power_down_flag.as_ref().filter(|flag| flag.exists()) {
        let shown = flag.display();
        let message =
            format!("{shown} (POWERDOWNFLAG) lies there: the next halt has the UPS cut its output");
        report.add(Finding::warning("upsmon", message).remedy(format!("rm {shown}")));
    }
}

/// A `SHUTDOWNCMD` that does nothing.
fn is_harmless(command: &str) -> bool {
    let program = command.split_whitespace().next().unwrap_or(":");
    matches!(program.rsplit('/').next(), Some("true" | ":"))
}

/// The lines that matter. A UPS with power value 0 is only watched.
fn parse(text: &str) -> Upsmon {
    let mut upsmon = Upsmon::default();
    for line in text.lines() {
        let words = words(line);
        let words: Vec<&str> = words.iter().map(String::as_str).collect();
        match words.as_slice() {
            ["MONITOR", ups, value, _user, _password, role, ..] if *value != "0" => {
                let is_primary = matches!(*role, "primary" | "master");
                upsmon.monitors.push(Monitor { ups: (*ups).into(), is_primary });
            }
            ["SHUTDOWNCMD", command, ..] => upsmon.shutdown_command = Some((*command).into()),
            ["POWERDOWNFLAG", flag, ..] => upsmon.power_down_flag = Some((*flag).into()),
            _ => {}
        }
    }
    upsmon
}

/// The words of a line, as NUT's parser reads it: quotes, backslashes, comments.
fn words(line: &str) -> Vec<String> {
    let mut words: Vec<String> = Vec::new();
    let mut word: Option<String> = None;
    let mut is_quoted = false;
    let mut characters = line.chars();
    while let Some(character) = characters.next() {
        match character {
            '\\' => word.get_or_insert_default().extend(characters.next()),
            '"' => {
                is_quoted = !is_quoted;
                word.get_or_insert_default();
            }
            '#' if !is_quoted => break,
            space if space.is_whitespace() && !is_quoted => words.extend(word.take()),
            other => word.get_or_insert_default().push(other),
        }
    }
    words.extend(word);
    words
}

#[cfg(test)]
mod tests {
    use super::{super::finding::Severity, *};

    struct Stage(tempfile::TempDir);

    impl Stage {
        fn new(mode: &str, upsmon: &str) -> Self {
            let folder = tempfile::tempdir().unwrap();
            fs::write(folder.path().join("nut.conf"), format!("# modes\nMODE={mode}\n")).unwrap();
            fs::write(folder.path().join("upsmon.conf"), upsmon).unwrap();
            Self(folder)
        }

        /// With its unit enabled.
        fn enabled(self) -> Self {
            self.with("units/multi-user.target.wants/nut-monitor.service", "", 0o644)
        }

        fn with(self, file: &str, text: &str, mode: u32) -> Self {
            let file = self.0.path().join(file);
            fs::create_dir_all(file.parent().unwrap()).unwrap();
            fs::write(&file, text).unwrap();
            fs::set_permissions(&file, fs::Permissions::from_mode(mode)).unwrap();
            self
        }

        fn found(&self) -> Vec<(Severity, String)> {
            let folder = self.0.path();
            let nut = Nut {
                folder: folder.into(),
                processes: folder.join("proc"),
                units: folder.join("units"),
                hooks: vec![folder.join("nutshutdown")],
            };
            let mut report = Report::default();
            nut.look(&mut report);
            report.findings().iter().map(|f| (f.severity, f.message.clone())).collect()
        }
    }

    const PRIMARY: &str = r#"
# MONITOR nobody@localhost 1 x y primary
MONITOR rack@localhost:3493 1 upsmon "pass \"word\" # 1" primary
MONITOR "attic@titan-24" 0 upsmon secret secondary
MINSUPPLIES 1
SHUTDOWNCMD "/sbin/shutdown -h +0"
POWERDOWNFLAG /nowhere/killpower
"#;

    #[test]
    fn one_that_starts_at_boot_has_an_order_of_its_own() {
        for mode in ["standalone", "netserver", "\"netclient\""] {
            let found = Stage::new(mode, PRIMARY).enabled().found();
            let [(Severity::Error, message)] = found.as_slice() else { panic!("{found:?}") };
            assert!(message.contains("rack@localhost:3493"), "{message}");
            assert!(message.contains("/sbin/shutdown -h +0"), "{message}");
            assert!(!message.contains("word") && !message.contains("secret"), "{message}");
            assert!(!message.contains("cut its output"), "no hook would: {message}");
        }
    }

    #[test]
    fn one_that_does_not_run_has_none() {
        assert_eq!(Stage::new("none", PRIMARY).enabled().found(), []);
        let watching = "MONITOR a@b 0 u p primary\n";
        assert_eq!(Stage::new("netserver", watching).enabled().found(), []);
        assert_eq!(Stage::new("netserver", "").enabled().found(), []);
        let disabled = Stage::new("netserver", PRIMARY).found();
        assert!(matches!(disabled.as_slice(), [(Severity::Note, _)]), "{disabled:?}");
    }

    #[test]
    fn one_that_was_started_by_hand_has_too() {
        let found = Stage::new("none", PRIMARY).with("proc/42/comm", "upsmon\n", 0o644).found();
        assert!(found[0].1.starts_with("it runs and watches rack@"), "{found:?}");
        let other = Stage::new("none", PRIMARY).with("proc/42/comm", "upsd\n", 0o644).found();
        assert_eq!(other, []);
    }

    #[test]
    fn a_primary_with_its_hook_cuts_the_ups() {
        let found =
            Stage::new("standalone", PRIMARY).enabled().with("nutshutdown", "", 0o755).found();
        assert!(found[0].1.ends_with(", and has the UPS cut its output"), "{found:?}");
        let secondary = PRIMARY.replace("1\" primary", "1\" secondary");
        let found =
            Stage::new("standalone", &secondary).enabled().with("nutshutdown", "", 0o755).found();
        assert!(found[0].1.ends_with("(SHUTDOWNCMD \"/sbin/shutdown -h +0\")"), "{found:?}");
    }

    #[test]
    fn a_shutdown_command_that_does_nothing_powers_nothing_off() {
        let harmless = PRIMARY.replace("/sbin/shutdown -h +0", "/bin/true");
        let found = Stage::new("standalone", &harmless).enabled().found();
        let [(Severity::Warning, message)] = found.as_slice() else { panic!("{found:?}") };
        assert!(message.contains("sends all who are logged in"), "{message}");
        let secondary = harmless.replace("1\" primary", "1\" secondary");
        assert_eq!(Stage::new("standalone", &secondary).enabled().found(), []);
    }

    #[test]
    fn nutshutdown_cuts_at_every_halt_with_mode_none() {
        let hook = |mode, bits| Stage::new(mode, "").with("nutshutdown", "", bits);
        assert_eq!(hook("none", 0o755).found(), [], "no UPS is driven here");
        let found = hook("none", 0o755).with("ups.conf", "[rack]\n", 0o644).found();
        assert!(matches!(found.as_slice(), [(Severity::Error, _)]), "{found:?}");
        assert_eq!(hook("none", 0o644).with("ups.conf", "", 0o644).found(), []);
        assert_eq!(hook("netserver", 0o755).with("ups.conf", "", 0o644).found(), []);
    }

    #[test]
    fn a_flag_that_was_left_is_found() {
        let stage = Stage::new("none", "").with("killpower", "upsmon\n", 0o600);
        let flag = stage.0.path().join("killpower");
        let conf = format!("POWERDOWNFLAG \"{}\"\n", flag.display());
        let found = stage.with("upsmon.conf", &conf, 0o600).found();
        assert!(matches!(found.as_slice(), [(Severity::Warning, _)]), "{found:?}");
    }

    #[test]
    fn words_as_nut_reads_them() {
        assert_eq!(words(r#"A "b c" d\ e "f\"g" # h"#), ["A", "b c", "d e", "f\"g"]);
        assert_eq!(words("  \t# all"), Vec::<String>::new());
        assert_eq!(words(r#"A """#), ["A", ""]);
    }
}
