//! A real upsd with a real driver, on 127.0.0.1, all state in a directory that goes with it.

mod certificates;

use std::fs::{self, File};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use ananke_nut::{Ca, Client, Credentials, Endpoint, NutError, Secret, Tls};
use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;
use tokio::time::{Instant, sleep};

pub(crate) use self::certificates::{Certificates, SERVER_NAME};

/// The device of [`Upsd`].
pub(crate) const UPS: &str = "dev";

/// Password of the users of [`Upsd`]: every character that means something to NUT or a shell.
pub(crate) const PASSWORD: &str = r#"p@ss "w$rd" #1=\o/ '&"#;

/// Not `/sbin/upsd`, a wrapper of Debian that exits with 0 and starts nothing when `MODE=none`.
const UPSD: &str = "/lib/nut/upsd";
const UPSMON: &str = "/lib/nut/upsmon";
const DRIVER: &str = "/lib/nut/dummy-ups";

/// Longest wait for something that takes about a second on a quiet machine.
const PATIENCE: Duration = Duration::from_secs(30);

/// A deadline that only a hang can miss.
pub(crate) fn ample() -> Instant {
    Instant::now() + PATIENCE
}

/// The path of a program, or a failure that says which package has it.
pub(crate) fn program<'a>(path: &'a str, package: &str) -> &'a str {
    let in_path = std::env::var_os("PATH").unwrap_or_default();
    let found = Path::new(path).is_file()
        || std::env::split_paths(&in_path).any(|folder| folder.join(path).is_file());
    assert!(found, "missing: {path} (apt-get install {package})");
    path
}

/// A process that ends with its owner, by its own pid.
struct Process(Child);

impl Process {
    fn pid(&self) -> Pid {
        Pid::from_child(&self.0)
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// One upsd with one dummy UPS, its users `admin`, `prim` and `sec`, and perhaps a certificate.
pub(crate) struct Upsd {
    // Dropped in this order: upsd, then its driver, then the folder they write to.
    server: Process,
    driver: Option<Process>,
    folder: TempDir,
    port: u16,
}

impl Upsd {
    /// Starts it in clear, and waits until the first data are there.
    pub(crate) async fn start() -> Self {
        Self::start_with(|_| String::new()).await
    }

    /// Starts it with STARTTLS.
    pub(crate) async fn start_with_tls(certificates: &Certificates) -> Self {
        Self::start_with(|folder| certificates.install(folder)).await
    }

    /// Starts it with the lines that `extra` adds to upsd.conf.
    async fn start_with(extra: impl Fn(&Path) -> String) -> Self {
        program(UPSD, "nut-server");
        program(DRIVER, "nut-server");
        let mut log = String::new();
        // Somebody else may take a free port before upsd does; then it takes another.
        for _ in 0..3 {
            let folder = tempfile::Builder::new().prefix("nut").tempdir().unwrap();
            let port = free_port();
            configure(folder.path(), port, &extra(folder.path()));
            let driver = Some(spawn(folder.path(), DRIVER, &["-a", UPS]));
            driver_listens(folder.path()).await;
            let server = spawn(folder.path(), UPSD, &[]);
            let mut started = Self { server, driver, folder, port };
            if started.has_data().await {
                return started;
            }
            log = fs::read_to_string(started.folder.path().join("log")).unwrap();
        }
        panic!("upsd does not start:\n{log}");
    }

    /// Waits for the first data of the driver; false if upsd exits instead.
    async fn has_data(&mut self) -> bool {
        let deadline = ample();
        while self.server.0.try_wait().unwrap().is_none() && Instant::now() < deadline {
            if let Ok(mut client) = Client::connect(&self.endpoint(), deadline).await
                && let Ok(status) = status(&mut client).await
                && !status.contains("WAIT")
            {
                return true;
            }
            sleep(PAUSE).await;
        }
        false
    }

    /// Where it is, in clear.
    pub(crate) fn endpoint(&self) -> Endpoint {
        Endpoint { host: "127.0.0.1".to_owned(), port: self.port, tls: None }
    }

    /// Where it is, with TLS required.
    pub(crate) fn tls_endpoint(&self, ca: &Path, server_name: Option<&str>) -> Endpoint {
        let server_name = server_name.map(str::to_owned);
        let tls = Tls { required: true, ca: Ca::File(ca.to_owned()), server_name };
        Endpoint { tls: Some(tls), ..self.endpoint() }
    }

    /// A connection in clear.
    pub(crate) async fn connect(&self) -> Client {
        Client::connect(&self.endpoint(), ample()).await.unwrap()
    }

    /// A connection in clear of a user.
    pub(crate) async fn connect_as(&self, user: &str) -> Client {
        let mut client = self.connect().await;
        client.authenticate(&credentials(user, PASSWORD), ample()).await.unwrap();
        client
    }

    /// Stops the driver as a hang would: its connection stays open.
    pub(crate) fn freeze_driver(&self) {
        kill_process(self.driver.as_ref().unwrap().pid(), Signal::STOP).unwrap();
    }

    /// Lets the driver go on.
    pub(crate) fn thaw_driver(&self) {
        kill_process(self.driver.as_ref().unwrap().pid(), Signal::CONT).unwrap();
    }

    /// Ends the driver at once.
    pub(crate) fn kill_driver(&mut self) {
        self.driver = None;
    }
}

/// A secondary `upsmon` of [`Upsd`], whose `SHUTDOWNCMD` leaves a file instead of halting.
pub(crate) struct Upsmon {
    _process: Process,
    left: PathBuf,
}

impl Upsmon {
    /// Whether it ran its `SHUTDOWNCMD`.
    pub(crate) fn has_shut_down(&self) -> bool {
        self.left.exists()
    }
}

impl Upsd {
    /// Starts one, and waits until it is logged in. NUT lets one `upsmon` run on a machine at a time.
    pub(crate) async fn start_upsmon(&self) -> Upsmon {
        program(UPSMON, "nut-client");
        let folder = self.folder.path();
        let left = folder.join("left");
        // A plain password: upsmon 2.8.0 sends it unquoted.
        let lines = format!(
            "MONITOR {UPS}@127.0.0.1:{} 1 mon plain secondary\nMINSUPPLIES 1\n\
             SHUTDOWNCMD \"touch {}\"\nPOLLFREQ 1\nPOLLFREQALERT 1\nFINALDELAY 0\n",
            self.port,
            left.display()
        );
        fs::write(folder.join("upsmon.conf"), lines).unwrap();
        let process = spawn(folder, UPSMON, &["-p"]);
        let (mut watcher, deadline) = (self.connect().await, ample());
        while watcher.num_logins(UPS, ample()).await.unwrap() == 0 {
            let log = || fs::read_to_string(folder.join("log")).unwrap();
            assert!(Instant::now() < deadline, "upsmon does not log in:\n{}", log());
            sleep(PAUSE).await;
        }
        Upsmon { _process: process, left }
    }
}

/// Between two looks at something that takes a while.
const PAUSE: Duration = Duration::from_millis(20);

/// A user with a password.
pub(crate) fn credentials(user: &str, password: &str) -> Credentials {
    Credentials { username: user.to_owned(), password: Secret::new(password) }
}

/// The value of `ups.status`.
pub(crate) async fn status(client: &mut Client) -> Result<String, NutError> {
    let mut values = client.get_vars(UPS, &["ups.status"], ample()).await?;
    Ok(values.remove(0).1.unwrap())
}

/// Reads `ups.status` until `is_expected` likes what it gives.
pub(crate) async fn status_until(
    client: &mut Client,
    is_expected: impl Fn(&Result<String, NutError>) -> bool,
) {
    let deadline = ample();
    loop {
        let seen = status(client).await;
        if is_expected(&seen) {
            return;
        }
        assert!(Instant::now() < deadline, "the status stays {seen:?}");
        sleep(PAUSE).await;
    }
}

/// Waits for the socket of the driver: a upsd that starts before it tries again only seconds later.
async fn driver_listens(folder: &Path) {
    let deadline = ample();
    while !folder.join(format!("dummy-ups-{UPS}")).exists() && Instant::now() < deadline {
        sleep(PAUSE).await;
    }
}

fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

/// Writes the configuration. MAXAGE is the seconds after which data are stale.
fn configure(folder: &Path, port: u16, extra: &str) {
    let shown = folder.display();
    let password = ananke_nut::codec::quote(PASSWORD).unwrap();
    let files = [
        (
            "ups.conf",
            format!(
                "[{UPS}]\n driver = dummy-ups\n mode = dummy-once\n port = {shown}/dev.dev\n \
                 pollinterval = 1\n desc = \"a \\\"test\\\" UPS\"\n"
            ),
        ),
        (
            "dev.dev",
            "ups.status: OL\nups.load: 25\nbattery.charge: 100\nbattery.charge.low: 20\n"
                .to_owned(),
        ),
        ("upsd.conf", format!("LISTEN 127.0.0.1 {port}\nMAXAGE 3\n{extra}")),
        (
            "upsd.users",
            format!(
                "[admin]\n password = {password}\n actions = SET\n instcmds = ALL\n\
                 [prim]\n password = {password}\n upsmon primary\n\
                 [sec]\n password = {password}\n upsmon secondary\n\
                 [mon]\n password = plain\n upsmon secondary\n"
            ),
        ),
    ];
    for (name, text) in files {
        fs::write(folder.join(name), text).unwrap();
    }
}

/// Starts a program of NUT in the foreground, as this user, with all its state in `folder`.
fn spawn(folder: &Path, program: &str, args: &[&str]) -> Process {
    let log = File::options().create(true).append(true).open(folder.join("log")).unwrap();
    let user = Command::new("id").arg("-un").output().unwrap().stdout;
    let child = Command::new(program)
        .args(["-D", "-u", String::from_utf8(user).unwrap().trim()])
        .args(args)
        .env("NUT_CONFPATH", folder)
        .env("NUT_STATEPATH", folder)
        .env("NUT_ALTPIDPATH", folder)
        .stdin(Stdio::null())
        .stdout(log.try_clone().unwrap())
        .stderr(log)
        .spawn()
        .unwrap();
    Process(child)
}
