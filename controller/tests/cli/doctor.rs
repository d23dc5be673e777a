//! `doctor`: what is wrong is found before the lights go out, and nothing is changed by looking.

use std::{
    fs,
    net::TcpListener,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
};

use serde_json::Value;

use super::stage::{Ran, Stage, until};

const POLICY: &str = r#"
apiVersion: ananke.dev/v1alpha1
kind: PowerPolicy
metadata: {name: home}
spec:
  target: running
  supplies:
    - {name: rack, powers: ["*"]}
  hosts:
    - {name: n1, role: server}
    - {name: own, role: none, self: true, off: {when: last-moment, wayBack: ups-cut}}
"#;

const SECRET: &str = "hunter2";

/// A configuration of a real world in which nothing answers.
struct Home {
    stage: Stage,
    config: PathBuf,
}

impl Home {
    fn new() -> Self {
        let stage = Stage::new();
        fs::write(stage.path("desired/home.yaml"), POLICY).unwrap();
        let folder = stage.path("");
        let folder = folder.to_str().unwrap().trim_end_matches('/');
        let secret = stage.path("nut-credentials");
        fs::write(&secret, format!("username: ananke\npassword: {SECRET}\n")).unwrap();
        fs::set_permissions(&secret, fs::Permissions::from_mode(0o644)).unwrap();
        let config = stage.path("home-host.yaml");
        let document = format!(
            "apiVersion: ananke.dev/v1alpha1\nkind: HostConfiguration\nrole: coordinator\n\
             policy: home\ndesired: {folder}/desired\nstate: {folder}/home-state\n\
             listen: 0.0.0.0:9560\nkubernetes: {{kubeconfig: {folder}/kubeconfig}}\n\
             ssh: {{identity: {folder}/key, knownHosts: {folder}/known, \
             hosts: {{n1: {{address: 127.0.0.1}}}}, port: {}}}\n\
             supplies:\n  rack: {{ups: rack@localhost:{}, credentials: {folder}/nut-credentials}}\n",
            nobodys_port(),
            nobodys_port(),
        );
        fs::write(&config, document).unwrap();
        fs::create_dir(stage.path("nut")).unwrap();
        fs::write(stage.path("nut/nut.conf"), "MODE=standalone\n").unwrap();
        let upsmon = format!(
            "MONITOR rack@localhost 1 upsmon \"{SECRET}\" primary\n\
             SHUTDOWNCMD \"/sbin/shutdown -h +0\"\nPOWERDOWNFLAG /etc/killpower\n"
        );
        fs::write(stage.path("nut/upsmon.conf"), upsmon).unwrap();
        Self { stage, config }
    }

    fn doctor(&self, arguments: &[&str]) -> Ran {
        let mut command = self.stage.command(&["doctor", "--config"]);
        command.arg(&self.config).args(arguments).env("NUT_CONFPATH", self.stage.path("nut"));
        command.output().unwrap().into()
    }

    fn findings(&self, code: i32) -> Vec<Value> {
        let ran = self.doctor(&["-o", "json"]);
        assert_eq!(ran.code, code, "{ran:?}");
        assert!(!ran.out.contains(SECRET) && !ran.err.contains(SECRET), "{ran:?}");
        let report: Value = serde_json::from_str(&ran.out).unwrap();
        assert_eq!(report["apiVersion"], "ananke.dev/v1alpha1");
        report["findings"].as_array().unwrap().clone()
    }
}

/// A port at which nobody listens.
fn nobodys_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

fn about<'f>(findings: &'f [Value], subject: &str) -> Vec<&'f Value> {
    findings.iter().filter(|finding| finding["about"] == subject).collect()
}

fn names(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).unwrap();
    let mut names: Vec<_> =
        entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

#[test]
fn an_embedded_world_lacks_nothing() {
    let told = Stage::new().run(&["doctor"]).done();
    assert!(told.starts_with("nothing found; looked at: documents"), "{told}");
}

#[test]
fn everything_that_is_wrong_is_told_with_its_remedy() {
    let home = Home::new();
    let before = names(&home.stage.path(""));
    let findings = home.findings(1);
    for subject in ["supply/rack", "host/n1", "api", "system-shutdown"] {
        let found = about(&findings, subject);
        assert!(
            found.iter().any(|finding| finding["severity"] == "error"),
            "{subject}: {findings:#?}"
        );
    }
    assert_eq!(about(&findings, "listen")[0]["severity"], "note");
    assert_eq!(about(&findings, "supplies.rack.credentials")[0]["severity"], "warning");
    // How grave it is depends on the units of the machine that the test runs on.
    let upsmon = about(&findings, "upsmon")[0]["message"].as_str().unwrap();
    assert!(
        upsmon.contains("rack@localhost") && upsmon.contains("/sbin/shutdown -h +0"),
        "{upsmon}"
    );
    for finding in &findings {
        let line = |key: &str| finding[key].as_str().unwrap().to_owned();
        assert!(!line("remedy").is_empty() && !line("remedy").contains('\n'), "{finding}");
        assert!(!line("message").contains('\n'), "{finding}");
    }
    let grave = |finding: &Value| match finding["severity"].as_str().unwrap() {
        "error" => 0,
        "warning" => 1,
        _ => 2,
    };
    assert!(findings.is_sorted_by_key(grave), "{findings:#?}");
    assert_eq!(names(&home.stage.path("")), before, "it changed something");
}

#[test]
fn people_read_a_line_and_a_remedy_of_each() {
    let home = Home::new();
    let ran = home.doctor(&[]);
    assert_eq!(ran.code, 1, "{ran:?}");
    let findings = home.findings(1).len();
    let tries = ran.out.lines().filter(|line| line.starts_with("  try: ")).count();
    assert_eq!((tries, ran.out.lines().count()), (findings, 2 * findings + 1), "{}", ran.out);
    assert!(ran.out.starts_with("error: "), "{}", ran.out);
}

#[test]
fn an_upsmon_that_does_not_start_is_left_alone() {
    let home = Home::new();
    fs::write(home.stage.path("nut/nut.conf"), "MODE=none\n").unwrap();
    // Somebody else's may run on the machine of the tests.
    let idle = |finding: &&Value| !finding["message"].as_str().unwrap().starts_with("it runs");
    assert_eq!(about(&home.findings(1), "upsmon").iter().filter(|f| idle(f)).count(), 0);
}

#[test]
fn documents_that_do_not_hold_are_a_usage_error() {
    let home = Home::new();
    let good = fs::read_to_string(&home.config).unwrap();
    for (from, to, words) in [
        ("role: coordinator", "role: king", "role"),
        ("policy: home", "policy: away", "away"),
        ("  rack: {ups", "  attic: {ups", "rack"),
    ] {
        fs::write(&home.config, good.replace(from, to)).unwrap();
        let findings = home.findings(2);
        assert_eq!(findings.len(), 1, "{findings:#?}");
        let finding = &findings[0];
        assert!(finding["message"].as_str().unwrap().contains(words), "{finding}");
        assert!(!finding["remedy"].as_str().unwrap().is_empty(), "{finding}");
    }
    let ran = home.stage.run(&["doctor", "--config", "/nowhere.yaml"]);
    assert!(ran.told(2).contains("/nowhere.yaml: No such file"));
}

#[test]
fn its_output_has_a_schema() {
    let schema = Stage::new().run(&["schema", "doctor"]).json();
    for key in ["apiVersion", "checked", "findings"] {
        assert!(schema["properties"][key].is_object(), "{key}: {schema}");
    }
}

/// A real upsd with a dummy driver; both end with this.
struct Upsd {
    programs: Vec<Child>,
    folder: tempfile::TempDir,
    port: u16,
}

impl Drop for Upsd {
    fn drop(&mut self) {
        for program in &mut self.programs {
            let _ = program.kill();
            let _ = program.wait();
        }
    }
}

impl Upsd {
    /// With the users `prim` and `sec`, who have the same password.
    fn start() -> Self {
        let folder = tempfile::Builder::new().prefix("nut").tempdir().unwrap();
        let (shown, port) = (folder.path().display(), nobodys_port());
        for (name, text) in [
            (
                "ups.conf",
                format!("[rack]\ndriver = dummy-ups\nmode = dummy-once\nport = {shown}/dev.dev\n"),
            ),
            ("dev.dev", "ups.status: OL\nbattery.charge: 100\nbattery.runtime: 900\n".to_owned()),
            ("upsd.conf", format!("LISTEN 127.0.0.1 {port}\n")),
            (
                "upsd.users",
                format!(
                    "[prim]\npassword = {SECRET}\nupsmon primary\n[sec]\npassword = {SECRET}\nupsmon secondary\n"
                ),
            ),
        ] {
            fs::write(folder.path().join(name), text).unwrap();
        }
        let mut upsd = Self { programs: Vec::new(), folder, port };
        upsd.spawn("/lib/nut/dummy-ups", &["-a", "rack"]);
        let socket = upsd.folder.path().join("dummy-ups-rack");
        until("the driver listens", || socket.exists().then_some(()).ok_or_else(String::new));
        upsd.spawn("/lib/nut/upsd", &[]);
        upsd
    }

    fn spawn(&mut self, program: &str, arguments: &[&str]) {
        let user = Command::new("id").arg("-un").output().unwrap().stdout;
        let folder = self.folder.path();
        let child = Command::new(program)
            .args(["-D", "-u", String::from_utf8(user).unwrap().trim()])
            .args(arguments)
            .env("NUT_CONFPATH", folder)
            .env("NUT_STATEPATH", folder)
            .env("NUT_ALTPIDPATH", folder)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap_or_else(|error| panic!("{program}: {error} (apt-get install nut-server)"));
        self.programs.push(child);
    }
}

/// The login, and what is asked of the UPS at the last step, are tried before they are needed.
#[test]
fn a_real_upsd_is_logged_in_to() {
    let (home, upsd) = (Home::new(), Upsd::start());
    let mut document = fs::read_to_string(&home.config).unwrap();
    let at = document.find("rack@localhost:").unwrap();
    document.replace_range(
        at..,
        &format!(
            "rack@127.0.0.1:{}, credentials: {}}}\n",
            upsd.port,
            home.stage.path("nut-credentials").display()
        ),
    );
    let local = document.replace("rack@127.0.0.1", "rack@localhost");
    fs::write(&home.config, &local).unwrap();
    let said = |user: &str, password: &str| {
        let text = format!("username: {user}\npassword: {password}\n");
        fs::write(home.stage.path("nut-credentials"), text).unwrap();
        let findings = home.findings(1);
        let about = about(&findings, "supply/rack");
        about.iter().map(|f| f["message"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    // upsd hears of its driver a moment after its start.
    until("all is well", || match said("prim", SECRET) {
        none if none.is_empty() => Ok(()),
        some => Err(some.join("\n")),
    });
    assert_eq!(said("sec", SECRET).len(), 1, "a secondary cannot have the UPS cut");
    assert_eq!(said("prim", "wrong").len(), 1);
    assert_eq!(said("nobody", SECRET).len(), 1);
    fs::write(&home.config, local.replace("rack@", "attic@")).unwrap();
    assert_eq!(said("prim", SECRET).len(), 1, "there is no such device");
}
