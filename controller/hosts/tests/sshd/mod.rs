//! A real `sshd` on 127.0.0.1, and stand-ins for what a host would run behind it.

use std::{
    fs,
    net::{TcpListener, TcpStream},
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use ananke_crds::host_config::{SshAccess, SshHost};
use rustix::process::{Pid, Signal, kill_process};

/// The server under test.
const SSHD: &str = "/usr/sbin/sshd";

/// Longest that anything here is waited for.
const PATIENCE: Duration = Duration::from_secs(30);

/// What the hosts of a test share: keys, programs, the log of what was run as root.
pub(crate) struct Place {
    folder: tempfile::TempDir,
}

impl Place {
    pub(crate) fn new() -> Self {
        assert!(Path::new(SSHD).exists(), "missing: {SSHD} (apt-get install openssh-server)");
        let place = Self { folder: tempfile::Builder::new().prefix("ssh").tempdir().unwrap() };
        fs::create_dir_all("/run/sshd").unwrap();
        for key in ["user", "other"] {
            place.make_key(key);
        }
        for (name, text) in PROGRAMS {
            let file = place.path("bin").join(name);
            fs::create_dir_all(file.parent().unwrap()).unwrap();
            let text = text.replace("FOLDER", place.folder.path().to_str().unwrap());
            fs::write(&file, format!("#!/bin/sh\n{text}")).unwrap();
            fs::set_permissions(&file, fs::Permissions::from_mode(0o755)).unwrap();
        }
        place
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Every command that was asked of root so far, one a line, its words in `<>`.
    pub(crate) fn asked_of_root(&self) -> String {
        fs::read_to_string(self.path("sudo.log")).unwrap_or_default()
    }

    /// Starts a server with a host key of its own.
    pub(crate) fn sshd(&self, name: &str) -> Sshd {
        self.make_key(name);
        for _ in 0..5 {
            if let Some(server) = self.try_sshd(name) {
                return server;
            }
        }
        panic!("{}", fs::read_to_string(self.path(&format!("{name}.log"))).unwrap_or_default());
    }

    /// One try: somebody may take the port before the server does.
    fn try_sshd(&self, name: &str) -> Option<Sshd> {
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let log = self.path(&format!("{name}.log"));
        let config = self.path(&format!("{name}.conf"));
        let folder = self.folder.path().display();
        let text = format!(
            "Port {port}\nListenAddress 127.0.0.1\nHostKey {folder}/{name}\n\
             AuthorizedKeysFile {folder}/user.pub\nStrictModes no\nUsePAM no\nPidFile none\n\
             PasswordAuthentication no\nKbdInteractiveAuthentication no\nPermitRootLogin yes\n\
             MaxStartups 100\n\
             SetEnv PATH={folder}/bin:/usr/local/bin:/usr/bin:/bin\nLogLevel VERBOSE\n"
        );
        fs::write(&config, text).unwrap();
        let child = Command::new(SSHD)
            .args(["-D", "-E"])
            .arg(&log)
            .arg("-f")
            .arg(&config)
            .stdin(Stdio::null())
            .spawn()
            .unwrap();
        let mut server = Sshd { child, port, log, host_key: self.host_key(name) };
        let until = Instant::now() + PATIENCE;
        while Instant::now() < until {
            if TcpStream::connect(("127.0.0.1", port)).is_ok() {
                return Some(server);
            }
            if server.child.try_wait().unwrap().is_some() {
                return None;
            }
            std::thread::sleep(Duration::from_millis(10));
        }
        None
    }

    fn make_key(&self, name: &str) {
        let done = Command::new("ssh-keygen")
            .args(["-q", "-t", "ed25519", "-N", "", "-f"])
            .arg(self.path(name))
            .status()
            .expect("missing: ssh-keygen (apt-get install openssh-client)");
        assert!(done.success());
    }

    fn host_key(&self, name: &str) -> String {
        let text = fs::read_to_string(self.path(&format!("{name}.pub"))).unwrap();
        text.split(' ').take(2).collect::<Vec<_>>().join(" ")
    }

    /// How these servers are reached, with their keys pinned.
    pub(crate) fn access(&self, servers: &[(&str, &Sshd)]) -> SshAccess {
        let pins: Vec<String> = servers.iter().map(|(_, server)| server.pin()).collect();
        fs::write(self.path("known_hosts"), pins.concat()).unwrap();
        let host = |server: &Sshd| SshHost {
            address: Some("127.0.0.1".parse().unwrap()),
            port: Some(server.port),
            user: None,
        };
        let user = Command::new("id").arg("-un").output().unwrap().stdout;
        SshAccess {
            identity: self.path("user"),
            known_hosts: self.path("known_hosts"),
            user: String::from_utf8(user).unwrap().trim().to_owned(),
            hosts: servers
                .iter()
                .map(|(name, server)| (name.parse().unwrap(), host(server)))
                .collect(),
            ..SshAccess::default()
        }
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        // Far commands that were cut off from their server live on, as on a real host.
        let pids = fs::read_to_string(self.path("pids")).unwrap_or_default();
        pids.lines().filter_map(|line| line.parse().ok()).for_each(|pid| signal(pid, Signal::KILL));
    }
}

/// A running server.
pub(crate) struct Sshd {
    child: Child,
    pub(crate) port: u16,
    log: PathBuf,
    host_key: String,
}

impl Sshd {
    fn pin(&self) -> String {
        format!("[127.0.0.1]:{} {}\n", self.port, self.host_key)
    }

    /// How many logins it has seen.
    pub(crate) fn logins(&self) -> usize {
        fs::read_to_string(&self.log).unwrap().matches("Accepted publickey").count()
    }

    /// Stops the server and its connections where they are, as a hung host does.
    pub(crate) fn freeze(&self) {
        self.family().into_iter().for_each(|pid| signal(pid, Signal::STOP));
    }

    /// Ends the connections; the server goes on.
    pub(crate) fn cut(&self) {
        let children = self.family().into_iter().filter(|pid| *pid != self.pid());
        children.for_each(|pid| signal(pid, Signal::KILL));
    }

    /// Ends the server and its connections.
    pub(crate) fn kill(&mut self) {
        self.family().into_iter().for_each(|pid| signal(pid, Signal::KILL));
        self.child.wait().unwrap();
    }

    fn pid(&self) -> i32 {
        i32::try_from(self.child.id()).unwrap()
    }

    /// The server and the processes of its connections, but not what they run.
    fn family(&self) -> Vec<i32> {
        let mut family = vec![self.pid()];
        let mut next = 0;
        while let Some(parent) = family.get(next).copied() {
            let children = format!("/proc/{parent}/task/{parent}/children");
            let children = fs::read_to_string(children).unwrap_or_default();
            for child in children.split_whitespace().filter_map(|pid| pid.parse().ok()) {
                let name = fs::read_to_string(format!("/proc/{child}/comm")).unwrap_or_default();
                if name.starts_with("sshd") {
                    family.push(child);
                }
            }
            next += 1;
        }
        family
    }
}

impl Drop for Sshd {
    fn drop(&mut self) {
        if self.child.try_wait().is_ok_and(|ended| ended.is_none()) {
            self.kill();
        }
    }
}

fn signal(pid: i32, signal: Signal) {
    kill_process(Pid::from_raw(pid).unwrap(), signal).ok();
}

/// Waits until something is true.
pub(crate) async fn until(what: &str, mut is_true: impl FnMut() -> bool) {
    let end = Instant::now() + PATIENCE;
    while !is_true() {
        assert!(Instant::now() < end, "never: {what}");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

/// Stand-ins for what needs systemd or root. They know the calls that they expect and no others.
const PROGRAMS: [(&str, &str); 3] = [
    (
        "systemctl",
        r#"case "$*" in
is-system-running) echo running ;;
"show -p LoadState,ActiveState,Result,Job k3s")
    printf 'Result=success\nLoadState=loaded\nActiveState=active\n' ;;
"show -p LoadState,ActiveState,Result,Job k3s-agent")
    printf 'Result=success\nLoadState=not-found\nActiveState=inactive\n' ;;
"-q is-active k3s") ;;
*) echo "not expected: $*" >&2; exit 99 ;;
esac
"#,
    ),
    ("chronyc", "echo '0A4D0001,10.77.0.1,9,1790000000.1,0,0,0,0,0,0,0,0,1.0,Normal'\n"),
    (
        "sudo",
        r#"line=; for word; do line="$line<$word>"; done; echo "$line" >>FOLDER/sudo.log
case "$*" in
"-n /usr/bin/systemctl stop k3s-agent") ;;
"-n /usr/bin/systemctl start --no-block k3s") echo 'sudo: a password is required' >&2; exit 1 ;;
"-n /usr/bin/systemctl stop k3s") echo 'Failed to stop k3s.service: Unit not loaded.' >&2; exit 5 ;;
"-n /usr/bin/systemctl kill --signal=SIGKILL k3s") echo $$ >>FOLDER/pids; exec sleep 600 ;;
"-n /usr/bin/systemctl poweroff") exit 255 ;;
"-n -l /usr/bin/systemctl poweroff") echo /usr/bin/systemctl poweroff ;;
"-n -l /usr/bin/systemctl stop k3s") exit 1 ;;
"-n /usr/local/bin/k3s etcd-snapshot save --name ananke-7") ;;
"-n /usr/local/bin/k3s etcd-snapshot ls -o json")
    printf '{\n    "items": [{"spec": {"snapshotName": "ananke-7"},\n'
    printf '"status": {"size": "4096", "creationTime": "2026-01-02T00:00:00Z"}}]\n}\n' ;;
*) echo "not expected: $*" >&2; exit 99 ;;
esac
"#,
    ),
];
