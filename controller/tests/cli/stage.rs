//! A folder with an embedded world, the daemon over it, and commands beside it.

use std::{
    fs,
    io::{BufRead, BufReader, Write},
    path::{Path, PathBuf},
    process::{Child, Command, Output, Stdio},
    sync::{Arc, Mutex},
    thread,
    time::{Duration, Instant},
};

use ananke_sim::build::{EMBEDDED_HOST_CONFIGURATION, EMBEDDED_POLICY};
use serde_json::Value;

/// How many times faster than this machine's the world's time runs.
const SPEED: &str = "30";
/// Far beyond what anything here takes; a wait that comes to it is a failure.
pub(crate) const PATIENCE: Duration = Duration::from_secs(90);

/// How a command ended.
#[derive(Debug)]
pub(crate) struct Ran {
    /// Exit code.
    pub(crate) code: i32,
    /// Results.
    pub(crate) out: String,
    /// Everything else.
    pub(crate) err: String,
}

impl From<Output> for Ran {
    fn from(output: Output) -> Self {
        Self {
            code: output.status.code().unwrap_or(-1),
            out: String::from_utf8(output.stdout).unwrap(),
            err: String::from_utf8(output.stderr).unwrap(),
        }
    }
}

impl Ran {
    /// The results, of a command that must have ended well.
    pub(crate) fn done(self) -> String {
        assert_eq!(self.code, 0, "{self:?}");
        self.out
    }

    /// The results as JSON, of a command that must have ended well.
    pub(crate) fn json(self) -> Value {
        serde_json::from_str(&self.done()).unwrap()
    }

    /// What a person is told by a command that must have ended with this code.
    pub(crate) fn told(self, code: i32) -> String {
        assert_eq!(self.code, code, "{self:?}");
        self.err
    }
}

/// The daemon; it is gone when this is dropped.
pub(crate) struct Daemon {
    child: Child,
    log: Arc<Mutex<String>>,
}

impl Daemon {
    /// All that it said so far.
    pub(crate) fn log(&self) -> String {
        self.log.lock().unwrap().clone()
    }

    /// Ends it as a crash would.
    pub(crate) fn crash(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// Ends it as systemd does, and waits for its end.
    pub(crate) fn terminate(mut self) {
        let line = format!("kill -TERM {}", self.child.id());
        assert!(Command::new("sh").args(["-c", &line]).status().unwrap().success());
        let child = &mut self.child;
        let ended = until("the daemon ends", || {
            child.try_wait().unwrap().ok_or_else(|| "it still runs".to_owned())
        });
        assert!(ended.success(), "{ended}");
    }

    /// Waits until it says this, and returns the line.
    pub(crate) fn says(&self, words: &str) -> String {
        until(&format!("the daemon says `{words}`"), || {
            let log = self.log();
            log.lines().find(|line| line.contains(words)).map(str::to_owned).ok_or(log)
        })
    }

    /// Where its page is.
    pub(crate) fn address(&self) -> String {
        let line = self.says("listening on http://");
        let address = line.split("http://").nth(1).unwrap();
        address.trim_end_matches('/').to_owned()
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        // Ended already when it crashed.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Waits until `look` is content; the last thing it saw is in the failure.
pub(crate) fn until<T>(what: &str, mut look: impl FnMut() -> Result<T, String>) -> T {
    let began = Instant::now();
    loop {
        match look() {
            Ok(seen) => return seen,
            Err(seen) if began.elapsed() > PATIENCE => panic!("{what}: not so; last seen:\n{seen}"),
            Err(_) => thread::sleep(Duration::from_millis(50)),
        }
    }
}

/// A folder for one embedded world.
pub(crate) struct Stage {
    folder: tempfile::TempDir,
}

impl Stage {
    /// With the documents of `ananke run --world embedded`, but on a free port.
    pub(crate) fn new() -> Self {
        let stage = Self { folder: tempfile::tempdir().unwrap() };
        fs::create_dir(stage.path("desired")).unwrap();
        let config = EMBEDDED_HOST_CONFIGURATION.replace(":9560", ":0");
        let folder = stage.folder.path().display();
        let config = format!("{config}desired: {folder}/desired\nstate: {folder}/state\n");
        fs::write(stage.path("ananke.yaml"), config).unwrap();
        fs::write(stage.document(), EMBEDDED_POLICY).unwrap();
        stage
    }

    /// A stage on which everything runs, and its daemon.
    pub(crate) fn running() -> (Self, Daemon) {
        let stage = Self::new();
        let daemon = stage.daemon();
        stage.world_is("up", is_up);
        stage.is_ready("running");
        (stage, daemon)
    }

    /// A path in its folder.
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// The `PowerPolicy` document.
    pub(crate) fn document(&self) -> PathBuf {
        self.path("desired/embedded.yaml")
    }

    /// The binary, blind to the machine that it runs on.
    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_ananke"));
        command
            .args(arguments)
            .env_clear()
            .env("PATH", std::env::var_os("PATH").unwrap_or_default())
            .env("HOME", self.folder.path())
            .env("ANANKE_EMBEDDED", self.folder.path())
            .env("ANANKE_CONFIG", self.path("ananke.yaml"))
            .stdin(Stdio::null());
        command
    }

    /// Runs a command to its end.
    pub(crate) fn run(&self, arguments: &[&str]) -> Ran {
        self.command(arguments).output().unwrap().into()
    }

    /// Runs a command on a terminal, and answers it. All that it prints is in `out`.
    pub(crate) fn on_a_terminal(&self, arguments: &str, answer: &str) -> Ran {
        let line = format!("{} {arguments}", env!("CARGO_BIN_EXE_ananke"));
        let mut child = Command::new("script")
            .args(["--quiet", "--return", "--command", &line, "/dev/null"])
            .env("ANANKE_CONFIG", self.path("ananke.yaml"))
            .env("TERM", "xterm")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        // The end of the input would be the end of the terminal: it is kept open to the last.
        let mut input = child.stdin.take().unwrap();
        input.write_all(answer.as_bytes()).unwrap();
        let ended = child.wait_with_output().unwrap().into();
        drop(input);
        ended
    }

    /// Starts the daemon.
    pub(crate) fn daemon(&self) -> Daemon {
        self.daemon_with(&[])
    }

    /// Starts the daemon with more in its environment.
    pub(crate) fn daemon_with(&self, environment: &[(&str, &Path)]) -> Daemon {
        let mut command = self.command(&["run", "--world", "embedded", "--speed", SPEED]);
        command.envs(environment.iter().copied()).stderr(Stdio::piped()).stdout(Stdio::null());
        let mut child = command.spawn().unwrap();
        let log = Arc::new(Mutex::new(String::new()));
        let (lines, kept) = (BufReader::new(child.stderr.take().unwrap()), Arc::clone(&log));
        thread::spawn(move || {
            for line in lines.lines().map_while(Result::ok) {
                let mut log = kept.lock().unwrap();
                log.push_str(&line);
                log.push('\n');
            }
        });
        let daemon = Daemon { child, log };
        daemon.says("listening on");
        daemon
    }

    /// The world as it is.
    pub(crate) fn world(&self) -> Value {
        self.run(&["world", "show", "-o", "json"]).json()
    }

    /// Waits until the world is so.
    pub(crate) fn world_is(&self, what: &str, so: impl Fn(&Value) -> bool) -> Value {
        until(&format!("the world is {what}"), || {
            let ran = self.run(&["world", "show", "-o", "json"]);
            let world = serde_json::from_str(&ran.out).unwrap_or_default();
            if so(&world) { Ok(world) } else { Err(format!("{}{}", ran.out, ran.err)) }
        })
    }

    /// What the daemon tells.
    pub(crate) fn status(&self) -> Value {
        self.run(&["status", "-o", "json"]).json()
    }

    /// Waits until the daemon calls itself ready at this target.
    pub(crate) fn is_ready(&self, target: &str) -> Value {
        self.status_is(&format!("ready at {target}"), |status| {
            condition(status, "Ready") == "True" && status["status"]["effectiveTarget"] == target
        })
    }

    /// Waits until the status is so.
    pub(crate) fn status_is(&self, what: &str, so: impl Fn(&Value) -> bool) -> Value {
        until(&format!("the status is {what}"), || {
            let ran = self.run(&["status", "-o", "json"]);
            let status = serde_json::from_str(&ran.out).unwrap_or_default();
            if so(&status) { Ok(status) } else { Err(format!("{}{}", ran.out, ran.err)) }
        })
    }

    /// The sentence of the status.
    pub(crate) fn sentence(&self) -> String {
        self.status()["status"]["sentence"].as_str().unwrap().to_owned()
    }
}

/// The status of a condition; empty if it is not there.
pub(crate) fn condition<'s>(status: &'s Value, kind: &str) -> &'s str {
    let conditions = status["status"]["conditions"].as_array();
    let found = conditions.into_iter().flatten().find(|c| c["type"] == kind);
    found.and_then(|c| c["status"].as_str()).unwrap_or_default()
}

/// All hosts of a world.
pub(crate) fn hosts(world: &Value) -> &[Value] {
    world["hosts"].as_array().map(Vec::as_slice).unwrap_or_default()
}

/// Every host is on, its service runs, its Node is Ready, and the API answers.
pub(crate) fn is_up(world: &Value) -> bool {
    let up = |host: &Value| {
        host["power"] == "On"
            && host["service"] == "active"
            && host["node"].as_str().unwrap_or_default().starts_with("Ready")
            && !host["node"].as_str().unwrap_or_default().contains("ours")
    };
    let ours = |object: &Value| object["ours"] == true;
    !hosts(world).is_empty()
        && hosts(world).iter().all(up)
        && world["api"] == "Ready"
        && !world["gitops"].as_array().unwrap().iter().any(ours)
}

/// Every host is on, and nothing of the cluster is left on it.
pub(crate) fn is_cluster_down(world: &Value) -> bool {
    !hosts(world).is_empty()
        && hosts(world).iter().all(|host| host["power"] == "On" && is_idle(host))
}

/// Every host is off.
pub(crate) fn is_off(world: &Value) -> bool {
    !hosts(world).is_empty() && hosts(world).iter().all(|host| host["power"] == "Off")
}

fn is_idle(host: &Value) -> bool {
    host["service"] == "inactive" && host["containers"] == 0 && host["volumes"] == 0
}

/// What a person did before, and nobody else may undo: a cordon and a suspended Kustomization.
pub(crate) fn persons_marks_stand(world: &Value) {
    let node = hosts(world).iter().find(|host| host["name"] == "titan-05").unwrap();
    assert!(node["node"].as_str().unwrap().ends_with(",SchedulingDisabled"), "{node}");
    let objects = world["gitops"].as_array().unwrap();
    let object = objects.iter().find(|o| o["object"].as_str().unwrap().ends_with("/playground"));
    assert!(object.is_some_and(|o| o["suspended"] == true && o["ours"] == false), "{object:?}");
}
