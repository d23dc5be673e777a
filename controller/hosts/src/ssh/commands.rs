//! The closed list of commands as command lines, and what their ends mean. Every line has its rule
//! in `systemd/sudoers.d/ananke`.

use ananke_core::step::Service;
use ananke_crds::policy::Distribution;
use ananke_ports::HostCommand;

use super::exchange::Answer;
use crate::process::quote;

/// The names of things on a host.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Names {
    /// Service of the control plane.
    pub(crate) server: &'static str,
    /// Service of the agent.
    pub(crate) agent: &'static str,
    /// Ends containers; absent where the distribution has no such script.
    pub(crate) kill_all: Option<&'static str>,
    /// The program with `etcd-snapshot`; absent where the distribution has none.
    pub(crate) snapshots: Option<&'static str>,
}

impl Names {
    /// The names that a distribution uses, as its installer lays them out.
    pub(crate) const fn of(distribution: Distribution) -> Self {
        match distribution {
            Distribution::K3s => Self {
                server: "k3s",
                agent: "k3s-agent",
                kill_all: Some("/usr/local/bin/k3s-killall.sh"),
                snapshots: Some("/usr/local/bin/k3s"),
            },
            Distribution::Rke2 => Self {
                server: "rke2-server",
                agent: "rke2-agent",
                kill_all: Some("/usr/local/bin/rke2-killall.sh"),
                snapshots: Some("/usr/local/bin/rke2"),
            },
            Distribution::Systemd => {
                Self { server: "kubelet", agent: "kubelet", kill_all: None, snapshots: None }
            }
        }
    }

    const fn service(self, service: Service) -> &'static str {
        match service {
            Service::Server => self.server,
            Service::Agent => self.agent,
        }
    }
}

/// How the root commands of a host begin: `-n` never asks for a password.
const SUDO: [&str; 2] = ["sudo", "-n"];

/// systemd's tool; sudo rules name programs by their path.
const SYSTEMCTL: &str = "/usr/bin/systemctl";

/// The command line.
///
/// # Errors
/// Why this distribution, or the snapshot's name, has none.
pub(crate) fn line(names: Names, command: &HostCommand) -> Result<Vec<String>, String> {
    let words: Vec<&str> = match command {
        HostCommand::Start(service) => {
            vec![SYSTEMCTL, "start", "--no-block", names.service(*service)]
        }
        HostCommand::Stop(service) => vec![SYSTEMCTL, "stop", names.service(*service)],
        HostCommand::Kill(service) => {
            vec![SYSTEMCTL, "kill", "--signal=SIGKILL", names.service(*service)]
        }
        HostCommand::EndContainers => vec![names.kill_all.ok_or_else(|| none("kill-all script"))?],
        HostCommand::TakeSnapshot { name } => {
            let program = names.snapshots.ok_or_else(|| none("etcd-snapshot command"))?;
            vec![program, "etcd-snapshot", "save", "--name", snapshot_name(name)?]
        }
        HostCommand::PowerOff => vec![SYSTEMCTL, "poweroff"],
    };
    Ok(SUDO.into_iter().chain(words).map(str::to_owned).collect())
}

fn none(what: &str) -> String {
    format!("distribution `systemd` has no {what} that ananke knows; this is done by hand there")
}

/// Only names that the sudo rule lets through.
fn snapshot_name(name: &str) -> Result<&str, String> {
    let fits = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-');
    match name.strip_prefix("ananke-") {
        Some(rest) if !rest.is_empty() && rest.len() <= 128 && rest.chars().all(fits) => Ok(name),
        _ => Err(format!("`{name}` is not the name of a snapshot of ananke's")),
    }
}

/// The question whether sudo permits a command line: `-l` names it and runs nothing.
pub(crate) fn question(line: &[String]) -> Vec<&str> {
    let command = line.iter().skip(SUDO.len()).map(String::as_str);
    SUDO.into_iter().chain(["-l"]).chain(command).collect()
}

/// That sudo has no rule for a command line, and what to do about it.
pub(crate) fn not_permitted(line: &[String], stderr: &str) -> String {
    let (shown, said) = (line.join(" "), quote(stderr));
    let said = if stderr.trim().is_empty() { String::new() } else { format!(" ({said})") };
    format!(
        "sudo does not permit `{shown}`{said}; install ananke's sudoers file there as \
         /etc/sudoers.d/ananke and check it with `visudo -c`"
    )
}

/// What the end of a command means.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// It said yes. (A `stop` that had to kill says yes too: only a look at the unit tells.)
    Done,
    /// sudo has no rule for it.
    Refused(String),
    /// It said no.
    Failed(String),
    /// Its end says nothing.
    Unknown(String),
}

/// Reads the end of a command that was run.
pub(crate) fn verdict(command: &HostCommand, line: &[String], answer: &Answer) -> Verdict {
    let shown = line.join(" ");
    let said = quote(&answer.stderr);
    match answer.code {
        0 => Verdict::Done,
        1 if is_sudo_refusal(&answer.stderr) => {
            Verdict::Refused(not_permitted(line, &answer.stderr))
        }
        // The connection's end and ssh's own 255 come by chance when a host goes off.
        255 if *command == HostCommand::PowerOff => {
            Verdict::Unknown(format!("`{shown}` ended with 255 ({said}): it may be going off"))
        }
        code => Verdict::Failed(format!("`{shown}` ended with {code}: {said}")),
    }
}

/// What sudo 1.8 and 1.9 say instead of running a command.
fn is_sudo_refusal(stderr: &str) -> bool {
    [
        "a password is required",
        "a terminal is required",
        "is not allowed to",
        "is not in the sudoers file",
        "may not run sudo",
    ]
    .iter()
    .any(|words| stderr.contains(words))
}

#[cfg(test)]
mod tests {
    use super::*;

    const K3S: Names = Names::of(Distribution::K3s);

    fn shown(names: Names, command: &HostCommand) -> String {
        line(names, command).unwrap().join(" ")
    }

    fn snapshot(name: &str) -> HostCommand {
        HostCommand::TakeSnapshot { name: name.to_owned() }
    }

    #[test]
    fn lines_of_k3s() {
        for (command, expected) in [
            (
                HostCommand::Start(Service::Server),
                "sudo -n /usr/bin/systemctl start --no-block k3s",
            ),
            (HostCommand::Stop(Service::Agent), "sudo -n /usr/bin/systemctl stop k3s-agent"),
            (
                HostCommand::Kill(Service::Server),
                "sudo -n /usr/bin/systemctl kill --signal=SIGKILL k3s",
            ),
            (HostCommand::EndContainers, "sudo -n /usr/local/bin/k3s-killall.sh"),
            (
                snapshot("ananke-7.a_B"),
                "sudo -n /usr/local/bin/k3s etcd-snapshot save --name ananke-7.a_B",
            ),
            (HostCommand::PowerOff, "sudo -n /usr/bin/systemctl poweroff"),
        ] {
            assert_eq!(shown(K3S, &command), expected);
        }
    }

    #[test]
    fn lines_of_others() {
        let rke2 = Names::of(Distribution::Rke2);
        let stop = shown(rke2, &HostCommand::Stop(Service::Server));
        assert_eq!(stop, "sudo -n /usr/bin/systemctl stop rke2-server");
        let systemd = Names::of(Distribution::Systemd);
        assert!(line(systemd, &HostCommand::EndContainers).unwrap_err().contains("by hand"));
        assert!(line(systemd, &snapshot("ananke-1")).is_err());
    }

    #[test]
    fn names_that_sudo_would_refuse_are_not_sent() {
        for name in ["", "ananke-", "nightly", "ananke-a b", "ananke-$(x)", "ananke-a/b", "--dir"] {
            assert!(line(K3S, &snapshot(name)).is_err(), "{name}");
        }
        assert!(line(K3S, &snapshot(&format!("ananke-{}", "x".repeat(129)))).is_err());
    }

    #[test]
    fn ends() {
        let stop = HostCommand::Stop(Service::Agent);
        let end = |command: &HostCommand, code: i32, stderr: &str| {
            let line = line(K3S, command).unwrap();
            verdict(command, &line, &Answer { code, stdout: vec![], stderr: stderr.to_owned() })
        };
        assert_eq!(end(&stop, 0, ""), Verdict::Done);
        assert_eq!(end(&HostCommand::PowerOff, 0, ""), Verdict::Done);
        assert!(matches!(end(&HostCommand::PowerOff, 255, ""), Verdict::Unknown(_)));
        assert!(matches!(end(&stop, 255, ""), Verdict::Failed(_)));
        let Verdict::Refused(why) = end(&stop, 1, "sudo: a password is required\n") else {
            panic!("not refused");
        };
        assert!(why.contains("`sudo -n /usr/bin/systemctl stop k3s-agent`"), "{why}");
        assert!(why.contains("/etc/sudoers.d/ananke"), "{why}");
        assert_eq!(
            end(&stop, 5, "Failed to stop k3s-agent.service: Unit not loaded.\n"),
            Verdict::Failed(
                "`sudo -n /usr/bin/systemctl stop k3s-agent` ended with 5: \
                 Failed to stop k3s-agent.service: Unit not loaded."
                    .to_owned()
            )
        );
        // The words alone do not make a refusal: a poweroff that was inhibited fails.
        assert!(matches!(
            end(&HostCommand::PowerOff, 1, "Operation inhibited"),
            Verdict::Failed(_)
        ));
    }
}
