//! The lab does what it says: the stories stand on this.
#![expect(clippy::unwrap_used, reason = "the helpers of tests fail as tests do")]

use std::process::Command;
use std::time::Duration;

use ananke_lab::{
    HostAction, HostSpec, Lab, LabName, LabSpec, OnAcReturn, PowerChange, PoweredBy, Role, Story,
    UpsAction, UpsSpec,
};
use anyhow::Result;

/// A stand-in of a few lines for k3s: these tests are about hosts, not about Kubernetes.
const STACK: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/host-machinery");
/// Longer than anything here takes; a deadline, not a pause.
const SOON: Duration = Duration::from_secs(60);

fn spec() -> LabSpec {
    LabSpec::new(LabName::unique()).stack(STACK)
}

fn ssh(lab: &Lab, host: &str, command: &str) -> (Option<i32>, String) {
    let output = lab.ssh(host, command).unwrap();
    (output.code, format!("{}{}", output.stdout, output.stderr).trim_end().to_owned())
}

fn changes(lab: &Lab, host: &str) -> Vec<PowerChange> {
    lab.power_log(host).unwrap().into_iter().map(|event| event.change).collect()
}

/// Sends a magic packet to the whole network of the lab, as `ananke` does.
fn wake(lab: &Lab, host: &str) {
    let mac = lab.host(host).unwrap().mac();
    let packet = [vec![0xff; 6], mac.repeat(16)].concat();
    let sent = lab.enter(|| {
        let socket = std::net::UdpSocket::bind("0.0.0.0:0")?;
        socket.set_broadcast(true)?;
        socket.send_to(&packet, "10.77.0.255:9")
    });
    assert_eq!(sent.unwrap().unwrap(), packet.len());
}

fn active(lab: &Lab, host: &str, unit: &str) -> Result<Option<()>> {
    Ok((lab.unit(host, unit)?.active == "active").then_some(()))
}

#[test]
fn three_hosts_serve_ananke_with_exactly_its_rights() {
    let story = Story::begin("hosts and rights");
    let lab = Lab::up(spec().server("n1").agent("n2").agent("n3")).unwrap();
    story.tell("three hosts are up");
    for (host, unit) in [("n1", "k3s"), ("n2", "k3s-agent"), ("n3", "k3s-agent")] {
        assert_eq!(ssh(&lab, host, "id -un; hostname"), (Some(0), format!("ananke\n{host}")));
        story.wait_until(&format!("{unit} on {host}"), SOON, || active(&lab, host, unit)).unwrap();
    }
    let config = lab.inside("n2", &["cat", "/etc/rancher/k3s/config.yaml"]).unwrap();
    assert!(config.contains("server: [\"https://10.77.0.11:6443\"]"), "{config}");

    // The keys of the cluster are there before its first start.
    assert!(
        lab.inside_ok("n1", &["test", "-s", "/var/lib/rancher/k3s/server/tls/ca.key"]).unwrap()
    );
    assert!(
        lab.inside_ok("n2", &["grep", "-q", "n2", "/etc/rancher/k3s/agent.kubeconfig"]).unwrap()
    );

    let allowed = [
        "systemctl stop k3s",
        "systemctl start --no-block k3s",
        "systemctl start --no-block k3s-agent",
        "systemctl kill --signal=SIGKILL k3s-agent",
        "systemctl poweroff",
        "/usr/local/bin/k3s-killall.sh",
        "/usr/local/bin/k3s etcd-snapshot save --name ananke-2026-01-02T03.04.05",
        "/usr/local/bin/k3s etcd-snapshot ls -o json",
    ];
    let refused = [
        "systemctl stop ssh",
        "systemctl stop k3s ssh",
        "systemctl stop k3s-agentx",
        "systemctl start k3s-agent.service",
        "systemctl disable k3s",
        "systemctl kill k3s",
        "systemctl kill --signal=SIGKILL k3s --kill-whom=all",
        "systemctl poweroff --force",
        "systemctl reboot",
        "systemctl edit k3s",
        "/usr/local/bin/k3s-killall.sh now",
        "/usr/local/bin/k3s etcd-snapshot save --name other-1",
        "/usr/local/bin/k3s etcd-snapshot save --name ananke-1 --dir /etc",
        "/usr/local/bin/k3s etcd-snapshot delete ananke-1",
        "/usr/local/bin/k3s server",
        "/bin/sh",
    ];
    // `sudo -l COMMAND` tells whether it would run, without running it.
    let ask =
        |command: &&str| format!("sudo -n -l {command} >/dev/null 2>&1 && echo 'may {command}'");
    let questions: Vec<String> = allowed.iter().chain(&refused).map(ask).collect();
    let (_, answers) = ssh(&lab, "n1", &questions.join("\n"));
    let expected: Vec<String> = allowed.iter().map(|command| format!("may {command}")).collect();
    assert_eq!(answers.lines().collect::<Vec<_>>(), expected);
    let (code, words) = ssh(&lab, "n1", "sudo -n systemctl stop ssh");
    assert_eq!((code, words.contains("password is required")), (Some(1), true), "{words}");
    story.tell("sudo allows what ananke does, and refuses the rest");
    lab.down().unwrap();
}

#[test]
fn containers_outlive_their_service_and_are_seen_from_outside() {
    let story = Story::begin("a service and its containers");
    let lab = Lab::up(spec().agent("n1")).unwrap();
    story.wait_until("agent active", SOON, || active(&lab, "n1", "k3s-agent")).unwrap();
    assert_eq!(lab.pod_mounts("n1").unwrap().len(), 1);

    assert_eq!(ssh(&lab, "n1", "sudo -n systemctl stop k3s-agent").0, Some(0));
    let unit = lab.unit("n1", "k3s-agent").unwrap();
    assert_eq!((unit.active.as_str(), unit.result.as_str()), ("inactive", "success"));
    assert_eq!((unit.job, unit.main_pid), (None, None));
    let shims = lab.shims("n1").unwrap();
    assert_eq!(shims.len(), 1, "{shims:?}");
    assert_eq!(shims[0].cgroup, "/system.slice/k3s-agent.service");

    assert_eq!(ssh(&lab, "n1", "sudo -n /usr/local/bin/k3s-killall.sh").0, Some(0));
    story
        .wait_until("containers gone", SOON, || Ok(lab.shims("n1")?.is_empty().then_some(())))
        .unwrap();
    assert!(lab.pod_mounts("n1").unwrap().is_empty());
    let journal = lab.journal("n1", "k3s-agent.service", 20).unwrap();
    assert!(journal.contains("Stopped"), "{journal}");
    // Containers could not live on an overlay.
    let kind = lab.inside("n1", &["stat", "-f", "-c", "%T", "/var/lib/rancher"]).unwrap();
    assert_ne!(kind.trim_end(), "overlayfs");
    lab.down().unwrap();
}

#[test]
fn power_goes_and_comes_by_every_way_there_is() {
    let story = Story::begin("power");
    let lab = Lab::up(spec().server("n1")).unwrap();
    assert_eq!(ssh(&lab, "n1", "echo here >note; sync").0, Some(0));

    // Its answer may be lost with the host: absence is the proof.
    let code = ssh(&lab, "n1", "sudo -n systemctl poweroff").0;
    assert!(matches!(code, Some(0 | 255)), "{code:?}");
    lab.wait_off("n1", SOON).unwrap();
    assert!(lab.is_gone("n1").unwrap());
    assert!(lab.processes("n1").unwrap().is_empty() && lab.init("n1").unwrap().is_none());
    story.tell("off by SSH");

    lab.host_action("n1", HostAction::Standby(false)).unwrap();
    wake(&lab, "n1");
    story
        .wait_until("packet not heard", SOON, || Ok((lab.wake_log().len() == 1).then_some(())))
        .unwrap();
    assert!(!lab.is_on("n1").unwrap());
    lab.host_action("n1", HostAction::Standby(true)).unwrap();
    wake(&lab, "n1");
    lab.wait_ssh("n1", SOON).unwrap();
    story.tell("woken by magic packet");
    assert_eq!(ssh(&lab, "n1", "cat note"), (Some(0), "here".to_owned()));
    // Its clock since boot is its own, not the machine's.
    let uptime = ssh(&lab, "n1", "cut -d. -f1 /proc/uptime").1.parse::<u64>().unwrap();
    assert!(uptime <= story.elapsed().as_secs() + 1, "{uptime}");
    wake(&lab, "n1");

    lab.inside("n1", &["systemctl", "reboot"]).unwrap();
    let rebooted = PowerChange::On(PoweredBy::Reboot);
    let seen = || Ok(changes(&lab, "n1").contains(&rebooted).then_some(()));
    story.wait_until("rebooting", SOON, seen).unwrap();
    lab.wait_ssh("n1", SOON).unwrap();
    story.tell("back from reboot");

    lab.host_action("n1", HostAction::PowerButton).unwrap();
    lab.wait_off("n1", SOON).unwrap();
    story.tell("off by its button");
    lab.boot("n1").unwrap();
    lab.wait_ssh("n1", SOON).unwrap();
    lab.cut("n1").unwrap();
    assert!(lab.is_gone("n1").unwrap());
    story.tell("cut");

    let hand = PowerChange::On(PoweredBy::Hand);
    let woken = PowerChange::On(PoweredBy::WakeOnLan);
    let (off, reboot) = (PowerChange::Exit(0), PowerChange::Exit(133));
    assert_eq!(
        changes(&lab, "n1"),
        [hand, off, woken, reboot, rebooted, off, hand, PowerChange::Cut]
    );
    let actions: Vec<String> = lab
        .wake_log()
        .iter()
        .filter_map(|line| line.split(' ').nth(3))
        .map(str::to_owned)
        .collect();
    assert_eq!(actions, ["not-heard", "boot", "already-on"]);
    lab.down().unwrap();
}

#[test]
fn a_hung_host_takes_connections_and_an_unplugged_one_does_not() {
    let story = Story::begin("hung and unplugged");
    let lab = Lab::up(spec().agent("n1")).unwrap();
    let address = (lab.host("n1").unwrap().address(), 22).into();
    let connect = || lab.connect(address, Duration::from_millis(700)).is_ok();
    let short = Duration::from_millis(600);

    lab.host_action("n1", HostAction::Freeze).unwrap();
    assert!(connect() && lab.wait_ssh("n1", short).is_err());
    lab.host_action("n1", HostAction::Thaw).unwrap();
    lab.wait_ssh("n1", SOON).unwrap();

    lab.host_action("n1", HostAction::Unplug).unwrap();
    assert!(!connect());
    assert!(lab.is_on("n1").unwrap() && lab.inside_ok("n1", &["true"]).unwrap());
    // The cable stays where it is when the host is switched off and on.
    for _ in 0..3 {
        lab.cut("n1").unwrap();
        wake(&lab, "n1");
        lab.boot("n1").unwrap();
        story.wait_until("sshd runs", SOON, || active(&lab, "n1", "ssh")).unwrap();
        assert!(!connect());
    }
    lab.host_action("n1", HostAction::Plug).unwrap();
    lab.wait_ssh("n1", SOON).unwrap();
    assert!(!changes(&lab, "n1").contains(&PowerChange::On(PoweredBy::WakeOnLan)));
    // A frozen host can be cut like any other.
    lab.host_action("n1", HostAction::Freeze).unwrap();
    lab.cut("n1").unwrap();
    lab.down().unwrap();
}

#[test]
fn the_ups_says_what_it_is_told_and_fails_as_told() {
    let story = Story::begin("UPS");
    let mut spec = spec().ups(UpsSpec::new("pyrphoros")).ups(UpsSpec::new("statera"));
    spec.nut_tls = true;
    let lab = Lab::up(spec).unwrap();
    let is = |ups: &'static str, status: &'static str| {
        let lab = &lab;
        move || Ok((lab.ups_get(ups, "ups.status")? == status).then_some(()))
    };
    assert_eq!(lab.ups_get("pyrphoros", "ups.status").unwrap(), "OL");
    // Two changes in one second: both must come through.
    lab.ups_set("pyrphoros", [("battery.charge", "71")]).unwrap();
    lab.ups_set("pyrphoros", [("ups.status", "OB DISCHRG"), ("ups.alarm", "x")]).unwrap();
    story.wait_until("on battery", SOON, is("pyrphoros", "OB DISCHRG")).unwrap();
    assert_eq!(lab.ups_get("pyrphoros", "battery.charge").unwrap(), "71");
    assert_eq!(lab.ups_get("statera", "ups.status").unwrap(), "OL");

    let fails = |with: &'static str| {
        let lab = &lab;
        move || {
            let error = lab.ups_get("pyrphoros", "ups.status").err().map(|e| e.to_string());
            Ok(error.filter(|error| error.contains(with)))
        }
    };
    lab.ups_action("pyrphoros", UpsAction::Stale).unwrap();
    story.wait_until("stale", SOON, fails("Data stale")).unwrap();
    lab.ups_action("pyrphoros", UpsAction::Unstale).unwrap();
    story.wait_until("fresh again", SOON, is("pyrphoros", "OB DISCHRG")).unwrap();
    lab.ups_action("pyrphoros", UpsAction::DriverKill).unwrap();
    story.wait_until("no driver", SOON, fails("Driver not connected")).unwrap();
    lab.ups_action("pyrphoros", UpsAction::DriverStart).unwrap();
    story.wait_until("driver back", SOON, is("pyrphoros", "OB DISCHRG")).unwrap();
    lab.ups_action("pyrphoros", UpsAction::UpsdKill).unwrap();
    story.wait_until("no server", SOON, fails("Connection fail")).unwrap();
    lab.ups_action("pyrphoros", UpsAction::UpsdStart).unwrap();
    story.wait_until("server back", SOON, is("pyrphoros", "OB DISCHRG")).unwrap();
    assert!(lab.nut_ca().is_file());
    lab.down().unwrap();
}

#[test]
fn an_empty_battery_takes_its_hosts_with_it_and_mains_bring_them_back() {
    let story = Story::begin("an empty battery");
    let mut statera = UpsSpec::new("statera");
    statera.powers = vec!["n2".into(), "n3".into()];
    statera.battery.full_runtime_s = 100.0;
    statera.battery.speed = 10.0;
    let mut boots = HostSpec::new("n2", Role::None);
    boots.on_ac_return = OnAcReturn::Boot;
    let spec = spec().server("n1").host(boots).host(HostSpec::new("n3", Role::None));
    let lab = Lab::up(spec.ups(UpsSpec::new("pyrphoros")).ups(statera)).unwrap();

    lab.mains("statera", false).unwrap();
    story.tell("mains lost");
    let on_battery = || Ok(lab.ups_get("statera", "ups.status")?.starts_with("OB").then_some(()));
    story.wait_until("on battery", SOON, on_battery).unwrap();
    let falls = || {
        let runtime: f64 = lab.ups_get("statera", "battery.runtime")?.parse()?;
        Ok((runtime < 90.0).then_some(()))
    };
    story.wait_until("runtime falls", SOON, falls).unwrap();
    story
        .wait_until("dark", SOON, || Ok((!lab.is_on("n2")? && !lab.is_on("n3")?).then_some(())))
        .unwrap();
    for host in ["n2", "n3"] {
        assert_eq!(changes(&lab, host).last(), Some(&PowerChange::Cut));
    }
    assert!(lab.is_on("n1").unwrap(), "the other supply feeds n1");
    assert!(lab.boot("n3").is_err(), "a dead outlet boots nothing");
    wake(&lab, "n3");
    // The packet is heard in its own time; later, with the mains back, it would wake.
    let came = || Ok((lab.wake_log().len() == 1).then_some(()));
    story.wait_until("packet not heard", SOON, came).unwrap();

    lab.mains("statera", true).unwrap();
    lab.wait_ssh("n2", SOON).unwrap();
    story.tell("mains back, n2 boots by itself");
    assert_eq!(changes(&lab, "n2").last(), Some(&PowerChange::On(PoweredBy::AcReturn)));
    assert!(!lab.is_on("n3").unwrap());
    let charging = || Ok((lab.ups_get("statera", "ups.status")? == "OL CHRG").then_some(()));
    story.wait_until("charging", SOON, charging).unwrap();
    lab.down().unwrap();
}

#[test]
fn hosts_follow_the_clock_of_the_hub() {
    let lab = Lab::up(spec().agent("n1")).unwrap();
    let within = "chronyc waitsync 60 0.1 0 0.5 >/dev/null";
    assert_eq!(ssh(&lab, "n1", within).0, Some(0));
    lab.down().unwrap();
}

#[test]
fn two_labs_with_the_same_addresses_do_not_know_of_each_other() {
    let one = Lab::up(spec().server("n1").ups(UpsSpec::new("ups"))).unwrap();
    let two = Lab::up(spec().server("n1").ups(UpsSpec::new("ups"))).unwrap();
    one.ups_set("ups", [("ups.status", "OB DISCHRG")]).unwrap();
    one.cut("n1").unwrap();
    assert!(two.is_on("n1").unwrap());
    assert_eq!(ssh(&two, "n1", "hostname"), (Some(0), "n1".to_owned()));
    assert_eq!(two.ups_get("ups", "ups.status").unwrap(), "OL");
    // What a lab leaves behind is looked for when it goes down, and is an error.
    one.down().unwrap();
    assert_eq!(ssh(&two, "n1", "hostname"), (Some(0), "n1".to_owned()));
    two.down().unwrap();
}

#[test]
fn a_name_is_taken_once_and_a_process_of_a_story_ends_with_its_lab() {
    let lab = Lab::up(spec()).unwrap();
    let again = Lab::up(LabSpec::new(lab.spec().name.clone())).unwrap_err();
    assert!(again.to_string().contains("is up already"), "{again}");
    let mut command = lab.command("sh").unwrap();
    command.args(["-c", "sleep 600 & echo begun; wait"]);
    let mut daemon = lab.spawn("daemon", &mut command).unwrap();
    Story::begin("a process in the hub")
        .wait_until("it runs", SOON, || Ok(daemon.log().contains("begun").then_some(())))
        .unwrap();
    daemon.kill().unwrap();
    // Its orphan still sleeps in the lab's group, and is not left behind.
    lab.down().unwrap();
}

#[test]
fn what_is_left_behind_is_an_error() {
    let lab = Lab::up(spec()).unwrap();
    let name = lab.spec().name.clone();
    // Out of the lab's control group, in its network: nothing else would find this one.
    let mut stray = lab.command("sh").unwrap();
    let group = "$(ls /sys/fs/cgroup/cgroup.procs /sys/fs/cgroup/unified/cgroup.procs 2>&-)";
    stray.args(["-c", &format!("echo $$ >{group}; echo out; exec sleep 600")]);
    let stray = lab.spawn("stray", &mut stray).unwrap();
    Story::begin("a stray process")
        .wait_until("it is out", SOON, || Ok(stray.log().contains("out").then_some(())))
        .unwrap();
    let error = format!("{:#}", lab.down().unwrap_err());
    assert!(error.contains("left the lab's control group") && error.contains("sleep"), "{error}");
    Lab::remove(&name).unwrap();
    assert!(!Lab::names().contains(&name));
}

#[test]
fn a_lab_dies_with_the_process_that_wanted_it() {
    let mut holder = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "holds_a_lab_until_it_is_killed", "--ignored", "--nocapture"])
        .stdout(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = std::io::BufRead::lines(std::io::BufReader::new(holder.stdout.take().unwrap()));
    let name = lines.find_map(|line| line.unwrap().strip_prefix("held ").map(LabName::new));
    let name = name.unwrap().unwrap();
    holder.kill().unwrap();
    holder.wait().unwrap();
    Story::begin("an orphaned lab")
        .wait_until("lab gone", SOON, || Ok((!Lab::names().contains(&name)).then_some(())))
        .unwrap();
}

#[test]
#[ignore = "held by a_lab_dies_with_the_process_that_wanted_it"]
fn holds_a_lab_until_it_is_killed() {
    let lab = Lab::up(spec().agent("n1").ups(UpsSpec::new("ups"))).unwrap();
    println!("\nheld {}", lab.spec().name);
    std::thread::sleep(SOON);
}

#[test]
fn a_killed_keeper_takes_its_hosts_along_and_the_rest_can_be_swept() {
    let lab = |arguments: &[&str]| {
        let output = Command::new(env!("CARGO_BIN_EXE_lab")).args(arguments).output().unwrap();
        let text =
            String::from_utf8(output.stdout).unwrap() + &String::from_utf8_lossy(&output.stderr);
        (output.status.code().unwrap(), text)
    };
    let name = LabName::unique();
    let name = name.as_str();
    let up = ["up", "--name", name, "--hosts", "n1,n2", "--servers", "n1"];
    assert_eq!(lab(&up), (0, String::new()));
    let (_, state) = lab(&["state", "--name", name]);
    assert!(state.starts_with("n1 10.77.0.11 02:00:5e:77:00:0b on\nn2 "), "{state}");
    let echo = ["exec", "--name", name, "--", "sh", "-c", "echo in; exit 7"];
    assert_eq!(lab(&echo), (7, "in\n".to_owned()));
    assert_eq!(lab(&["ssh", "--name", name, "n2", "hostname"]), (0, "n2\n".to_owned()));
    assert_eq!(lab(&["ups", "--name", name, "get", "ups.status"]), (0, "OL\n".to_owned()));

    let attached = Lab::attach(&LabName::new(name).unwrap()).unwrap();
    let keeper = std::fs::read_to_string(format!("/run/ananke-lab/{name}/keeper")).unwrap();
    let pid = keeper.split(' ').next().unwrap();
    assert!(Command::new("kill").args(["-9", pid]).status().unwrap().success());
    Story::begin("a killed keeper")
        .wait_until("hosts gone", SOON, || {
            Ok((attached.is_gone("n1")? && attached.is_gone("n2")?).then_some(()))
        })
        .unwrap();
    assert_eq!(lab(&["leftovers"]).0, 1);
    assert_eq!(lab(&["down", "--name", name]), (0, String::new()));
    assert!(!Lab::names().contains(&LabName::new(name).unwrap()));
}
