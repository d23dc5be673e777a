//! `SshHosts` against a real `sshd`: what works, and every way in which it can fail.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stdout,
    reason = "a test that cannot go on fails"
)]

mod sshd;

use std::{
    fs,
    path::Path,
    process::{Child, Command},
    time::{Duration, Instant},
};

use ananke_core::{
    observe::{ActiveState, SystemState},
    step::Service,
};
use ananke_crds::{
    host_config::{JumpHost, SshAccess},
    policy::Distribution,
};
use ananke_hosts::SshHosts;
use ananke_ports::{HostCommand, HostError, Hosts};

use self::sshd::{Place, Sshd, until};

/// Ample for anything that works.
const AMPLE: Duration = Duration::from_secs(30);

fn hosts(place: &Place, access: &SshAccess) -> SshHosts {
    SshHosts::new(access, Distribution::K3s, &place.path("run")).unwrap()
}

/// One server, reached as `titan-04`.
fn one() -> (Place, Sshd, SshHosts) {
    let place = Place::new();
    let server = place.sshd("titan");
    let hosts = hosts(&place, &place.access(&[("titan-04", &server)]));
    (place, server, hosts)
}

/// A process that has a shim's name and, for Docker's, its namespace.
struct Shim(Child);

impl Shim {
    fn start(program: &Path, namespace: &str) -> Self {
        let script = "read -r _";
        let mut command = Command::new(program);
        command.args(["-c", script, "-namespace", namespace]).stdin(std::process::Stdio::piped());
        Self(command.spawn().unwrap())
    }
}

impl Drop for Shim {
    fn drop(&mut self) {
        self.0.kill().unwrap();
        self.0.wait().unwrap();
    }
}

#[tokio::test]
async fn a_probe_tells_everything() {
    let (place, server, hosts) = one();
    let shim = place.path("containerd-shim-runc-v2");
    fs::copy("/bin/sh", &shim).unwrap();
    let before = hosts.probe("titan-04", AMPLE).await.unwrap();
    let _shims =
        [Shim::start(&shim, "k8s.io"), Shim::start(&shim, "k8s.io"), Shim::start(&shim, "moby")];
    let facts = hosts.probe("titan-04", AMPLE).await.unwrap();

    let boot_id = fs::read_to_string("/proc/sys/kernel/random/boot_id").unwrap();
    assert_eq!(facts.boot_id, boot_id.trim());
    assert!(facts.uptime_seconds > 0 && facts.wall_unix_seconds > 1_704_067_200);
    assert_eq!(facts.system, SystemState::Running);
    let service = facts.server.unwrap();
    assert_eq!(
        (service.active, service.result.as_str(), service.job),
        (ActiveState::Active, "success", false)
    );
    assert_eq!(facts.agent, None);
    assert_eq!(facts.clock_synchronised, Some(true));
    let snapshot = facts.snapshot.unwrap();
    assert_eq!((snapshot.name.as_str(), snapshot.size_bytes), ("ananke-7", 4096));
    // Other shims may come and go on this machine; Docker's is not among ours.
    assert!(facts.containers >= 2, "{} after {}", facts.containers, before.containers);
    assert_eq!(server.logins(), 1, "probes in a row share a connection");
}

#[tokio::test]
async fn sudo_is_asked_what_it_permits_and_runs_nothing() {
    let (place, _server, hosts) = one();
    hosts.permits("titan-04", &HostCommand::PowerOff, AMPLE).await.unwrap();
    let stop = HostCommand::Stop(Service::Server);
    let refused = hosts.permits("titan-04", &stop, AMPLE).await.unwrap_err();
    assert!(matches!(refused, HostError::Refused { .. }), "{refused}");
    assert!(refused.to_string().contains("`sudo -n /usr/bin/systemctl stop k3s`"), "{refused}");
    let asked = place.asked_of_root();
    assert!(asked.lines().all(|line| line.starts_with("<-n><-l>")), "{asked}");
    assert_eq!(asked.lines().count(), 2, "{asked}");
}

#[tokio::test]
async fn shims_of_docker_are_not_counted() {
    let (place, _server, hosts) = one();
    let shim = place.path("containerd-shim");
    fs::copy("/bin/sh", &shim).unwrap();
    let _shims: Vec<Shim> = (0..40).map(|_| Shim::start(&shim, "plugins.moby")).collect();
    let containers = hosts.probe("titan-04", AMPLE).await.unwrap().containers;
    assert!(containers < 40, "{containers}");
}

#[tokio::test]
async fn snapshots_are_listed_once_a_minute_and_after_each_of_ours() {
    let (place, _server, hosts) = one();
    let lists = || place.asked_of_root().matches("<ls>").count();
    for _ in 0..3 {
        assert!(hosts.probe("titan-04", AMPLE).await.unwrap().snapshot.is_some());
    }
    assert_eq!(lists(), 1);
    let take = HostCommand::TakeSnapshot { name: "ananke-7".to_owned() };
    hosts.run("titan-04", &take, AMPLE).await.unwrap();
    assert!(hosts.probe("titan-04", AMPLE).await.unwrap().snapshot.is_some());
    assert_eq!(lists(), 2);
}

#[tokio::test]
async fn commands_arrive_word_by_word_and_their_ends_are_told() {
    let (place, _server, hosts) = one();
    let run = async |command: HostCommand| hosts.run("titan-04", &command, AMPLE).await;

    run(HostCommand::Stop(Service::Agent)).await.unwrap();
    assert_eq!(place.asked_of_root(), "<-n></usr/bin/systemctl><stop><k3s-agent>\n");
    let refused = run(HostCommand::Start(Service::Server)).await.unwrap_err();
    assert!(matches!(refused, HostError::Refused { .. }), "{refused:?}");
    assert!(refused.to_string().contains("/etc/sudoers.d/ananke"), "{refused}");
    let failed = run(HostCommand::Stop(Service::Server)).await.unwrap_err();
    assert!(matches!(failed, HostError::Failed { .. }), "{failed:?}");
    assert!(failed.to_string().contains("ended with 5: Failed to stop"), "{failed}");
    let unknown = run(HostCommand::PowerOff).await.unwrap_err();
    assert!(unknown.is_unknown(), "{unknown:?}");
}

#[tokio::test]
async fn hosts_of_others_are_only_looked_at() {
    let place = Place::new();
    let server = place.sshd("titan");
    let mut access = place.access(&[("titan-04", &server)]);
    access.managed = vec!["titan-05".parse().unwrap()];
    let hosts = hosts(&place, &access);
    hosts.probe("titan-04", AMPLE).await.unwrap();
    let error = hosts.run("titan-04", &HostCommand::PowerOff, AMPLE).await.unwrap_err();
    assert!(error.to_string().contains("ssh.managed"), "{error}");
    assert!(!place.asked_of_root().contains("poweroff"));
}

#[tokio::test]
async fn a_host_key_that_is_not_pinned_is_not_talked_to() {
    let place = Place::new();
    let server = place.sshd("titan");
    let access = place.access(&[("titan-04", &server)]);
    fs::write(&access.known_hosts, "").unwrap();
    let error = hosts(&place, &access).probe("titan-04", AMPLE).await.unwrap_err();
    assert!(matches!(error, HostError::HostKey { .. }), "{error:?}");
    assert!(error.to_string().contains("is pinned in"), "{error}");
    assert_eq!(fs::read_to_string(&access.known_hosts).unwrap(), "", "nothing was learned");
    assert_eq!(server.logins(), 0);
}

#[tokio::test]
async fn a_host_key_that_changed_is_not_talked_to() {
    let place = Place::new();
    let server = place.sshd("titan");
    let access = place.access(&[("titan-04", &server)]);
    let other = fs::read_to_string(place.path("other.pub")).unwrap();
    fs::write(&access.known_hosts, format!("[127.0.0.1]:{} {other}", server.port)).unwrap();
    let error = hosts(&place, &access).probe("titan-04", AMPLE).await.unwrap_err();
    assert!(matches!(error, HostError::HostKey { .. }), "{error:?}");
    assert!(error.to_string().contains("another host key"), "{error}");
    assert_eq!(server.logins(), 0);
}

#[tokio::test]
async fn a_key_that_is_not_let_in_is_named() {
    let place = Place::new();
    let server = place.sshd("titan");
    let mut access = place.access(&[("titan-04", &server)]);
    access.identity = place.path("other");
    let error = hosts(&place, &access).probe("titan-04", AMPLE).await.unwrap_err();
    assert!(matches!(error, HostError::Refused { .. }), "{error:?}");
    let expected = format!("{} for user {}", access.identity.display(), access.user);
    assert!(error.to_string().contains(&expected), "{error}");
}

#[tokio::test]
async fn a_host_whose_sshd_is_gone_is_on() {
    let (_place, mut server, hosts) = one();
    hosts.probe("titan-04", AMPLE).await.unwrap();
    server.kill();
    let error = hosts.probe("titan-04", AMPLE).await.unwrap_err();
    assert!(matches!(error, HostError::Closed { .. }), "{error:?}");
    assert!(error.to_string().contains("Connection refused"), "{error}");
    let error = hosts.run("titan-04", &HostCommand::PowerOff, AMPLE).await.unwrap_err();
    assert!(matches!(error, HostError::Closed { .. }), "nothing was sent: {error:?}");
}

#[tokio::test]
async fn a_host_that_freezes_is_silent_long_before_the_deadline() {
    let (_place, server, hosts) = one();
    hosts.probe("titan-04", AMPLE).await.unwrap();
    server.freeze();
    let began = Instant::now();
    let error = hosts.probe("titan-04", AMPLE).await.unwrap_err();
    assert!(matches!(error, HostError::Silent { .. }), "{error:?}");
    // Keepalive gives up on the connection, then a new one gets no banner: 3 s each.
    assert!(began.elapsed() < AMPLE / 2, "{:?}", began.elapsed());
}

#[tokio::test]
async fn a_deadline_holds_whatever_the_host_does() {
    let (place, server, hosts) = one();
    server.freeze();
    for deadline in [0, 300, 1000].map(Duration::from_millis) {
        let began = Instant::now();
        let error = hosts.probe("titan-04", deadline).await.unwrap_err();
        assert!(matches!(error, HostError::Silent { .. }), "{error:?}");
        assert!(began.elapsed() < deadline + Duration::from_secs(1), "{:?}", began.elapsed());
    }
    until("every `ssh` of ours is gone", || !is_there(&place.path("run"))).await;
}

/// Whether a process has a path like this among its words.
fn is_there(path: &Path) -> bool {
    let words = path.as_os_str().as_encoded_bytes();
    let processes = fs::read_dir("/proc").unwrap().flatten();
    let mut lines = processes.filter_map(|process| fs::read(process.path().join("cmdline")).ok());
    lines.any(|line| line.windows(words.len()).any(|part| part == words))
}

#[tokio::test]
async fn a_command_that_is_cut_off_is_unknown() {
    let (place, server, hosts) = one();
    let kill = HostCommand::Kill(Service::Server);
    let run = hosts.run("titan-04", &kill, AMPLE);
    let cut = async {
        until("the command runs", || place.asked_of_root().contains("<kill>")).await;
        server.cut();
    };
    let (result, ()) = tokio::join!(run, cut);
    let error = result.unwrap_err();
    assert!(error.is_unknown(), "{error:?}");
    assert!(error.to_string().contains("kill --signal=SIGKILL k3s` was sent"), "{error}");
    assert_eq!(place.asked_of_root().lines().count(), 1, "never sent twice");
    hosts.probe("titan-04", AMPLE).await.unwrap();
}

#[tokio::test]
async fn a_command_that_outlives_its_deadline_is_unknown() {
    let (place, _server, hosts) = one();
    hosts.probe("titan-04", AMPLE).await.unwrap();
    let kill = HostCommand::Kill(Service::Server);
    let error = hosts.run("titan-04", &kill, Duration::from_secs(1)).await.unwrap_err();
    assert!(error.is_unknown(), "{error:?}");
    assert_eq!(place.asked_of_root().matches("<kill>").count(), 1);
}

#[tokio::test]
async fn a_connection_that_was_cut_gives_way_to_a_new_one() {
    let (place, server, hosts) = one();
    hosts.probe("titan-04", AMPLE).await.unwrap();
    server.cut();
    hosts.probe("titan-04", AMPLE).await.unwrap();
    assert_eq!(server.logins(), 2);
    drop(hosts);
    let left = fs::read_dir(place.path("run")).unwrap().count();
    assert_eq!(left, 0, "the folder of the sockets is gone");
}

#[tokio::test]
async fn calls_side_by_side_share_one_connection() {
    let (_place, server, hosts) = one();
    let probe = || hosts.probe("titan-04", AMPLE);
    let (a, b, c) = tokio::join!(probe(), probe(), probe());
    assert!(a.is_ok() && b.is_ok() && c.is_ok());
    assert_eq!(server.logins(), 1);
}

#[tokio::test]
async fn through_the_jump_host_and_directly_when_it_is_dead() {
    let place = Place::new();
    let (target, mut jump) = (place.sshd("titan"), place.sshd("jump"));
    let mut access = place.access(&[("titan-04", &target), ("titan-jh", &jump)]);
    access.jump = Some(JumpHost { host: "titan-jh".parse().unwrap(), user: None });
    let hosts = hosts(&place, &access);

    hosts.probe("titan-04", AMPLE).await.unwrap();
    assert_eq!((jump.logins(), target.logins()), (1, 1));
    hosts.probe("titan-jh", AMPLE).await.unwrap();
    assert_eq!((jump.logins(), target.logins()), (2, 1), "itself it is reached directly");

    jump.kill();
    hosts.probe("titan-04", AMPLE).await.unwrap();
    assert_eq!(target.logins(), 2);
    let error = hosts.probe("titan-jh", AMPLE).await.unwrap_err();
    assert!(matches!(error, HostError::Closed { .. }), "{error:?}");
}

#[tokio::test]
async fn a_frozen_jump_host_leaves_time_for_the_direct_way() {
    let place = Place::new();
    let (target, jump) = (place.sshd("titan"), place.sshd("jump"));
    let mut access = place.access(&[("titan-04", &target), ("titan-jh", &jump)]);
    access.jump = Some(JumpHost { host: "titan-jh".parse().unwrap(), user: None });
    let hosts = hosts(&place, &access);
    jump.freeze();
    hosts.probe("titan-04", AMPLE).await.unwrap();
    assert_eq!(target.logins(), 1);
}

#[tokio::test]
async fn both_ways_dead_names_both() {
    let place = Place::new();
    let (mut target, mut jump) = (place.sshd("titan"), place.sshd("jump"));
    let mut access = place.access(&[("titan-04", &target), ("titan-jh", &jump)]);
    access.jump = Some(JumpHost { host: "titan-jh".parse().unwrap(), user: None });
    let hosts = hosts(&place, &access);
    target.kill();
    jump.kill();
    let error = hosts.probe("titan-04", AMPLE).await.unwrap_err();
    assert!(matches!(error, HostError::Closed { .. }), "the direct way is refused: {error:?}");
    let text = error.to_string();
    assert!(text.contains("through titan-jh: ") && text.contains("directly: "), "{text}");
}

#[tokio::test]
async fn the_operators_file_is_read_but_cannot_loosen_what_is_fixed() {
    let place = Place::new();
    let server = place.sshd("titan");
    let mut access = place.access(&[("titan-04", &server)]);
    // This host is known to the operator's file only.
    access.hosts.clear();
    let text = format!(
        "Host titan-04\n    HostName 127.0.0.1\n    Port {}\nHost *\n    StrictHostKeyChecking no\n",
        server.port
    );
    fs::write(place.path("ssh_config"), text).unwrap();
    access.config = Some(place.path("ssh_config"));
    hosts(&place, &access).probe("titan-04", AMPLE).await.unwrap();

    fs::write(&access.known_hosts, "").unwrap();
    let error = hosts(&place, &access).probe("titan-04", AMPLE).await.unwrap_err();
    assert!(matches!(error, HostError::HostKey { .. }), "{error:?}");

    fs::write(place.path("ssh_config"), "Hostnme x\n").unwrap();
    let error = hosts(&place, &access).probe("titan-04", AMPLE).await.unwrap_err();
    assert!(matches!(error, HostError::Failed { .. }), "{error:?}");
}

#[tokio::test]
async fn names_that_ssh_would_take_for_options_are_refused() {
    let (_place, server, hosts) = one();
    for name in ["-oProxyCommand=touch /tmp/x", "", "titan 04", "a@b"] {
        let error = hosts.probe(name, AMPLE).await.unwrap_err();
        assert!(matches!(error, HostError::Failed { .. }), "{error:?}");
    }
    assert_eq!(server.logins(), 0);
}
