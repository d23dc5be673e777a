//! What `ssh` says when there is no connection, in terms of the port.

use std::path::PathBuf;

use ananke_ports::HostError;

use crate::process::quote;

/// Whom and what a failed connection is about, for the message.
#[derive(Debug, Clone)]
pub(crate) struct Target {
    /// The host's name in the policy.
    pub(crate) host: String,
    /// Where it was called: address and port.
    pub(crate) door: String,
    /// The same, and through what.
    pub(crate) place: String,
    /// As whom.
    pub(crate) user: String,
    /// With which key.
    pub(crate) identity: PathBuf,
    /// Where the host keys are pinned.
    pub(crate) known_hosts: PathBuf,
}

/// Reads what `ssh` wrote before it gave up.
pub(crate) fn classify(target: &Target, stderr: &str) -> HostError {
    let Target { place, door, .. } = target;
    let host = target.host.clone();
    let said = quote(stderr);
    if stderr.contains("IDENTIFICATION HAS CHANGED") {
        let message = format!(
            "{place} shows another host key than the one pinned in {pins}; if the host was \
             really installed anew, compare the fingerprint at its console and replace its line \
             there",
            pins = target.known_hosts.display()
        );
        return HostError::HostKey { host, message };
    }
    if stderr.contains("host key is known for") || stderr.contains("Host key verification failed") {
        let message = format!(
            "no host key of {place} is pinned in {pins}; compare the fingerprint at its console \
             and add its line there ({said})",
            pins = target.known_hosts.display()
        );
        return HostError::HostKey { host, message };
    }
    if stderr.contains("Permission denied (") || stderr.contains("Too many authentication") {
        let message = format!(
            "{place} refuses the key {key} for user {user}; its public half belongs into that \
             user's authorized_keys there ({said})",
            key = target.identity.display(),
            user = target.user
        );
        return HostError::Refused { host, message };
    }
    // Said of the host itself, by this machine or by the jump host; not of the jump host.
    if stderr.contains(&format!("connect to host {door}: Connection refused"))
        || stderr.contains("open failed: connect failed: Connection refused")
    {
        let message = format!("{place}: it is on and takes no connection; start its sshd ({said})");
        return HostError::Closed { host, message };
    }
    if stderr.contains("onfiguration option") || stderr.contains("Bad owner or permissions") {
        let message = format!("ssh does not accept its configuration: {said}");
        return HostError::Failed { host, message };
    }
    HostError::Silent { host, message: format!("no connection to {place}: {said}") }
}

/// Of two ways that failed, the error that a person needs: one that waiting does not mend before
/// one that it may.
pub(crate) fn graver(first: HostError, second: HostError) -> HostError {
    use HostError::{Closed, Silent};
    match (first, second) {
        (Silent { host, message: first }, Silent { message: second, .. }) => {
            Silent { host, message: format!("{first}; {second}") }
        }
        // By one of the ways it was heard.
        (
            Silent { host, message: first } | Closed { host, message: first },
            Silent { message: second, .. } | Closed { message: second, .. },
        ) => Closed { host, message: format!("{first}; {second}") },
        (Silent { .. } | Closed { .. }, second) => second,
        (first, _) => first,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn target() -> Target {
        Target {
            host: "titan-04".to_owned(),
            door: "10.77.0.14 port 2277".to_owned(),
            place: "10.77.0.14 port 2277 through jump".to_owned(),
            user: "ananke".to_owned(),
            identity: "/etc/ananke/id".into(),
            known_hosts: "/etc/ananke/known_hosts".into(),
        }
    }

    #[test]
    fn what_ssh_says() {
        let kind = |stderr: &str| match classify(&target(), stderr) {
            HostError::Silent { .. } => "silent",
            HostError::HostKey { .. } => "host key",
            HostError::Refused { .. } => "refused",
            HostError::Closed { .. } => "closed",
            HostError::Failed { .. } => "failed",
            _ => "other",
        };
        for (stderr, expected) in [
            (
                "@  WARNING: REMOTE HOST IDENTIFICATION HAS CHANGED!  @\nHost key verification failed.",
                "host key",
            ),
            (
                "No ED25519 host key is known for [10.77.0.14]:2277 and you have requested strict checking.\nHost key verification failed.",
                "host key",
            ),
            ("ananke@10.77.0.14: Permission denied (publickey).", "refused"),
            ("ssh: connect to host 10.77.0.14 port 2277: Connection refused", "closed"),
            (
                "channel 0: open failed: connect failed: Connection refused\nstdio forwarding failed\nConnection closed by UNKNOWN port 65535",
                "closed",
            ),
            (
                "ssh: connect to host 10.77.0.1 port 22: Connection refused\nConnection closed by UNKNOWN port 65535",
                "silent",
            ),
            ("channel 0: open failed: connect failed: No route to host", "silent"),
            ("ssh: connect to host 10.77.0.14 port 2277: Connection timed out", "silent"),
            ("ssh: connect to host 10.77.0.14 port 2277: No route to host", "silent"),
            ("Connection timed out during banner exchange", "silent"),
            ("ssh: Could not resolve hostname titan-04: Name or service not known", "silent"),
            ("/etc/ananke/ssh_config: line 3: Bad configuration option: hostnme\n", "failed"),
            ("", "silent"),
        ] {
            assert_eq!(kind(stderr), expected, "{stderr}");
        }
    }

    #[test]
    fn messages_say_what_to_do() {
        let message = classify(&target(), "HOST IDENTIFICATION HAS CHANGED!").to_string();
        assert!(message.contains("/etc/ananke/known_hosts"), "{message}");
        assert!(!message.contains("ssh-keygen -R"), "{message}");
        let message = classify(&target(), "x: Permission denied (publickey).").to_string();
        assert!(message.contains("/etc/ananke/id for user ananke"), "{message}");
    }

    #[test]
    fn of_two_errors_the_graver() {
        let silent = |m: &str| HostError::Silent { host: "h".into(), message: m.into() };
        let key = || HostError::HostKey { host: "h".into(), message: "k".into() };
        assert_eq!(graver(silent("a"), silent("b")).to_string(), "host h: a; b");
        assert!(matches!(graver(silent("a"), key()), HostError::HostKey { .. }));
        assert!(matches!(graver(key(), silent("a")), HostError::HostKey { .. }));
    }
}
