//! The `ssh_config` that ananke owns: everything that `ssh` is to do, in one file, so that a jump
//! host is spoken to by the same rules (`-J` would not hand on options of the command line).

use std::{
    fmt::Write as _,
    path::{Path, PathBuf},
};

use ananke_crds::host_config::{JumpHost, SshAccess, SshHost};

/// Why no `ssh` can be started for hosts: something to mend in the host configuration, or in the
/// folder of the runtime files.
#[derive(Debug, thiserror::Error)]
pub enum SshSetupError {
    /// A path that has no meaning in a file of OpenSSH's.
    #[error("ssh.{field}: `{path}` must be absolute, without quotes, `${{` and line breaks", path = path.display())]
    Path {
        /// The field of the host configuration.
        field: &'static str,
        /// Its value.
        path: PathBuf,
    },
    /// A user that is no word.
    #[error("ssh: `{user}` is not the name of a user")]
    User {
        /// The user.
        user: String,
    },
    /// The socket of a connection would have too long a path.
    #[error("{folder}: this path is too long for a socket; use one of at most {longest} bytes", folder = folder.display())]
    TooLong {
        /// The folder of the sockets.
        folder: PathBuf,
        /// The longest that it may be.
        longest: usize,
    },
    /// The files cannot be written.
    #[error("{path}: cannot write the files of ssh", path = path.display())]
    Io {
        /// The file or folder.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: std::io::Error,
    },
}

/// What must hold for every connection, whatever the operator's file says: the first value wins.
///
/// - Keepalive: a far host that is frozen is noticed within 3 s (`ServerAlive*`); without it a
///   command there hangs for ever.
/// - curve25519 first: with `sntrup761x25519`, the default of OpenSSH 9, a connection costs 180 ms
///   of CPU (Debian 12, amd64) instead of 18 ms, which at one probe a minute is the whole budget.
const FIXED: &str = "\
    StrictHostKeyChecking yes
    GlobalKnownHostsFile none
    UpdateHostKeys no
    VerifyHostKeyDNS no
    BatchMode yes
    PasswordAuthentication no
    KbdInteractiveAuthentication no
    PreferredAuthentications publickey
    IdentitiesOnly yes
    IdentityAgent none
    AddKeysToAgent no
    ForwardAgent no
    ForwardX11 no
    ClearAllForwardings yes
    PermitLocalCommand no
    RemoteCommand none
    RequestTTY no
    ControlMaster no
    ControlPath none
    ConnectTimeout 3
    ConnectionAttempts 1
    ServerAliveInterval 1
    ServerAliveCountMax 2
    KexAlgorithms ^curve25519-sha256
    LogLevel ERROR
";

/// The file's text; `jump` is the jump host to go through, if any.
///
/// What `ssh.hosts` says of one host comes first, then what may not be changed, then the operator's
/// file, then the port and user that hold for all others.
///
/// # Errors
/// If a path or a user cannot be written in such a file.
pub(crate) fn render(access: &SshAccess, jump: Option<&JumpHost>) -> Result<String, SshSetupError> {
    let mut text = String::from("# Written by ananke at its start. Changes here are lost.\n");
    for (name, host) in &access.hosts {
        let direct = jump.is_none_or(|jump| is_jump(jump, name.as_str(), host));
        push_host(&mut text, name.as_str(), host, direct && access.jump.is_some())?;
    }
    if let Some(jump) = jump {
        push(&mut text, &format!("Host {}\n    ProxyJump none\n", jump.host));
    }
    push(&mut text, "Host *\n");
    push(&mut text, FIXED);
    push(&mut text, &format!("    IdentityFile {}\n", quoted("identity", &access.identity)?));
    let known_hosts = quoted("knownHosts", &access.known_hosts)?;
    push(&mut text, &format!("    UserKnownHostsFile {known_hosts}\n"));
    if access.jump.is_some() {
        let way = jump.map_or_else(|| Ok("none".to_owned()), proxy)?;
        push(&mut text, &format!("    ProxyJump {way}\n"));
    }
    if let Some(config) = &access.config {
        push(&mut text, &format!("    Include {}\n", quoted("config", config)?));
    }
    let user = user(&access.user)?;
    push(&mut text, &format!("Host *\n    Port {}\n    User {user}\n", access.port));
    Ok(text)
}

fn push(text: &mut String, lines: &str) {
    text.push_str(lines);
}

fn push_host(
    text: &mut String,
    name: &str,
    host: &SshHost,
    direct: bool,
) -> Result<(), SshSetupError> {
    let mut block = String::new();
    let mut line = |keyword: &str, value: &str| {
        // Writing into a `String` cannot fail.
        writeln!(block, "    {keyword} {value}").ok();
    };
    if let Some(address) = &host.address {
        line("HostName", address.as_str());
    }
    if let Some(port) = host.port {
        line("Port", &port.to_string());
    }
    if let Some(name) = &host.user {
        line("User", user(name)?);
    }
    if direct {
        line("ProxyJump", "none");
    }
    if !block.is_empty() {
        push(text, &format!("Host {name}\n{block}"));
    }
    Ok(())
}

/// Whether the jump host is this host, by name or by address: it is not reached through itself.
pub(crate) fn is_jump(jump: &JumpHost, name: &str, host: &SshHost) -> bool {
    jump.host == *name || host.address.as_ref().is_some_and(|address| *address == jump.host)
}

/// The jump host as `ProxyJump` wants it.
fn proxy(jump: &JumpHost) -> Result<String, SshSetupError> {
    let host = jump.host.as_str();
    let host = if host.contains(':') { format!("[{host}]") } else { host.to_owned() };
    match &jump.user {
        Some(name) => Ok(format!("{}@{host}", user(name)?)),
        None => Ok(host),
    }
}

fn user(name: &str) -> Result<&str, SshSetupError> {
    let fits = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-' | '+');
    if !name.is_empty() && !name.starts_with('-') && name.chars().all(fits) {
        return Ok(name);
    }
    Err(SshSetupError::User { user: name.to_owned() })
}

/// A path in quotes. `%` would begin a token of OpenSSH's and is doubled.
fn quoted(field: &'static str, path: &Path) -> Result<String, SshSetupError> {
    let wrong = || SshSetupError::Path { field, path: path.to_owned() };
    let text = path.to_str().filter(|_| path.is_absolute()).ok_or_else(wrong)?;
    let breaks = |c: char| c.is_control() || matches!(c, '"' | '\'' | '\\');
    if text.contains(breaks) || text.contains("${") {
        return Err(wrong());
    }
    Ok(format!("\"{}\"", text.replace('%', "%%")))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn access() -> SshAccess {
        let host = |address: &str| SshHost {
            address: Some(address.parse().unwrap()),
            ..SshHost::default()
        };
        SshAccess {
            config: Some("/etc/ananke/ssh_config".into()),
            port: 2277,
            hosts: [
                ("titan-0a".parse().unwrap(), host("10.77.0.11")),
                (
                    "titan-24".parse().unwrap(),
                    SshHost {
                        user: Some("tethys".to_owned()),
                        port: Some(22),
                        ..host("10.77.0.24")
                    },
                ),
                ("titan-jh".parse().unwrap(), host("10.77.0.30")),
            ]
            .into(),
            ..SshAccess::default()
        }
    }

    fn jump(host: &str, user: Option<&str>) -> JumpHost {
        JumpHost { host: host.parse().unwrap(), user: user.map(str::to_owned) }
    }

    /// The lines of the file that are not fixed.
    fn lines(access: &SshAccess, jump: Option<&JumpHost>) -> Vec<String> {
        let text = render(access, jump).unwrap();
        let variable = |line: &&str| !FIXED.contains(*line) && !line.starts_with('#');
        text.lines().filter(variable).map(|line| line.trim().to_owned()).collect()
    }

    #[test]
    fn hosts_then_fixed_then_included_then_general() {
        let text = render(&access(), None).unwrap();
        let order =
            ["HostName 10.77.0.11", "Strict", "Include \"/etc/ananke/ssh_config\"", "Port 2277"];
        let places: Vec<usize> = order.iter().map(|part| text.find(part).unwrap()).collect();
        assert!(places.is_sorted(), "{places:?}\n{text}");
        assert!(!text.contains("ProxyJump"), "without `jump` the operator's file decides");
        assert!(
            text.contains("Host titan-24\n    HostName 10.77.0.24\n    Port 22\n    User tethys\n")
        );
    }

    #[test]
    fn through_the_jump_host_but_to_itself() {
        let mut access = access();
        access.jump = Some(jump("titan-jh", Some("ops")));
        let lines = lines(&access, access.jump.as_ref());
        assert!(lines.contains(&"ProxyJump ops@titan-jh".to_owned()), "{lines:?}");
        let jump = lines.iter().position(|line| line == "Host titan-jh").unwrap();
        assert_eq!(lines[jump + 2], "ProxyJump none");
    }

    #[test]
    fn a_jump_host_given_by_address_is_known_by_it() {
        let mut access = access();
        access.jump = Some(jump("10.77.0.30", None));
        let lines = lines(&access, access.jump.as_ref());
        assert_eq!(lines.iter().filter(|line| *line == "ProxyJump none").count(), 2, "{lines:?}");
        assert!(lines.contains(&"ProxyJump 10.77.0.30".to_owned()), "{lines:?}");
        access.jump = Some(jump("fd00::1", None));
        assert!(render(&access, access.jump.as_ref()).unwrap().contains("ProxyJump [fd00::1]\n"));
    }

    #[test]
    fn the_direct_file_overrules_a_jump_of_the_operators_file() {
        let mut access = access();
        access.jump = Some(jump("titan-jh", None));
        let text = render(&access, None).unwrap();
        assert!(text.find("Host *\n").unwrap() < text.rfind("ProxyJump none").unwrap());
        assert!(!text.contains("ProxyJump titan-jh"));
    }

    #[test]
    fn paths_and_users_that_would_break_out_are_refused() {
        for path in ["id", "~/id", "/a\"b", "/a\nProxyCommand x", "/a\\", "/${HOME}/x", "/a'b"] {
            let access = SshAccess { identity: path.into(), ..SshAccess::default() };
            let error = render(&access, None).unwrap_err().to_string();
            assert!(error.starts_with("ssh.identity: "), "{error}");
        }
        for user in ["", "a b", "-oProxyCommand=x", "a\nb", "a\"", "$x", "%r"] {
            let access = SshAccess { user: user.to_owned(), ..SshAccess::default() };
            assert!(matches!(render(&access, None), Err(SshSetupError::User { .. })), "{user}");
        }
        let access = SshAccess { identity: "/a b/100%".into(), ..SshAccess::default() };
        assert!(render(&access, None).unwrap().contains("IdentityFile \"/a b/100%%\"\n"));
    }
}
