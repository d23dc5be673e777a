//! The keeper of a lab: one process that owns its hosts and its UPS server. It takes requests on a
//! socket, and takes everything down when asked to, or when the process that wanted the lab dies.

mod battery;
mod clock;
pub(crate) mod host;
pub(crate) mod nut;
mod nut_tls;
mod supply;
mod switch;
mod wake;

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{BufReader, Write as _};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::mpsc::{self, Sender};
use std::thread;

use anyhow::{Context, Result, ensure};
use serde::{Deserialize, Serialize};

use crate::cgroup::Cgroup;
use crate::hub::{Hub, labs_lock};
use crate::paths::Paths;
use crate::protocol::{Reply, Request, receive, send};
use crate::spec::LabSpec;
use crate::{cluster, disk, teardown};
use host::Host;
use supply::Supplies;
use switch::DeadMansSwitch;

/// What the keeper is told on its first line of input.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Order {
    pub(crate) spec: LabSpec,
    pub(crate) image: PathBuf,
    /// Whether the end of its input is the end of the lab.
    pub(crate) lifeline: bool,
}

/// Who wants the lab to end, and is told how that went.
type Farewell = Option<UnixStream>;

#[derive(Debug)]
struct Keeper {
    hosts: BTreeMap<String, Arc<Host>>,
    supplies: Option<Arc<Supplies>>,
    _switch: DeadMansSwitch,
}

/// Runs a lab: reads its order from stdin, says on stdout how bringing it up went, and keeps it
/// until it is to end. The program `lab` calls this in a process of its own.
///
/// # Errors
/// The order is none, or something was left behind at the end.
pub fn keep() -> Result<()> {
    let mut input = BufReader::new(std::io::stdin());
    let order: Order = receive(&mut input)?;
    let paths = Paths::of(&order.spec);
    let (end, ended) = mpsc::channel::<Farewell>();
    let up = bring_up(&order, &paths, &end);
    let mut stdout = std::io::stdout();
    let keeper = match up {
        Ok(keeper) => {
            send(&mut stdout, &Reply::Done)?;
            keeper
        }
        Err(error) => {
            let swept = teardown::sweep(&paths);
            send(&mut stdout, &Reply::Failed(format!("{error:#}")))?;
            return swept;
        }
    };
    if order.lifeline {
        thread::spawn(move || {
            std::io::copy(&mut input, &mut std::io::sink()).ok();
            end.send(None).ok();
        });
    }
    let farewell = ended.recv().context("nobody is left to end the lab")?;
    let result = keeper.take_down(&paths);
    if let Some(mut stream) = farewell {
        let reply = match &result {
            Ok(()) => Reply::Done,
            Err(error) => Reply::Failed(format!("{error:#}")),
        };
        send(&mut stream, &reply).ok();
    }
    result
}

/// A line for the keeper's log, which is its stderr.
fn note(message: &str) {
    writeln!(std::io::stderr(), "{message}").ok();
}

fn bring_up(order: &Order, paths: &Paths, end: &Sender<Farewell>) -> Result<Arc<Keeper>> {
    let hub = Hub::new(paths);
    let group = Cgroup::lab(paths)?;
    {
        let _guard = labs_lock()?;
        group.child("hub").create()?;
        hub.create()?;
    }
    let switch = DeadMansSwitch::arm(&group)?;
    disk::make_identity(paths)?;
    cluster::make_keys(&order.spec, paths)?;
    let mut hosts = Vec::new();
    for host in &order.spec.hosts {
        disk::make(&order.spec, paths, &order.image, host)?;
        let stack = order.spec.stack.clone();
        hosts.push(Arc::new(Host::new(host, paths, order.image.clone(), stack)?));
    }
    let log = File::create(paths.logs().join("wake.log")).context("cannot make the wake log")?;
    wake::listen(&hub, hosts.clone(), log)?;
    clock::serve(&hub)?;
    for host in hosts.iter().filter(|host| host.spec().on) {
        host.boot(crate::power_log::PoweredBy::Hand)?;
    }
    let supplies = if order.spec.supplies.is_empty() {
        None
    } else {
        Some(Supplies::start(&order.spec, paths, &hosts)?)
    };
    let hosts = hosts.into_iter().map(|host| (host.spec().name.clone(), host)).collect();
    let keeper = Arc::new(Keeper { hosts, supplies, _switch: switch });
    listen(&keeper, &paths.control(), end)?;
    Ok(keeper)
}

fn listen(keeper: &Arc<Keeper>, socket: &Path, end: &Sender<Farewell>) -> Result<()> {
    let listener = UnixListener::bind(socket).context("cannot open the lab's socket")?;
    let (keeper, end) = (Arc::clone(keeper), end.clone());
    thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let (keeper, end) = (Arc::clone(&keeper), end.clone());
            thread::spawn(move || {
                if let Err(error) = keeper.serve(stream, &end) {
                    note(&format!("{error:#}"));
                }
            });
        }
    });
    Ok(())
}

impl Keeper {
    fn serve(&self, mut stream: UnixStream, end: &Sender<Farewell>) -> Result<()> {
        let request: Request = receive(&mut BufReader::new(&stream))?;
        let done = match request {
            Request::Down => {
                end.send(Some(stream)).ok();
                return Ok(());
            }
            Request::State => {
                let states = self.hosts.values().map(|host| host.state()).collect();
                return send(&mut stream, &Reply::State(states));
            }
            Request::Host { host, action } => self.host(&host).and_then(|host| host.act(action)),
            Request::Ups { ups, action } => {
                self.supplies().and_then(|supplies| supplies.act(&ups, action))
            }
        };
        let reply = match done {
            Ok(()) => Reply::Done,
            Err(error) => Reply::Failed(format!("{error:#}")),
        };
        send(&mut stream, &reply)
    }

    fn host(&self, name: &str) -> Result<&Arc<Host>> {
        self.hosts.get(name).with_context(|| format!("the lab has no host `{name}`"))
    }

    fn supplies(&self) -> Result<&Arc<Supplies>> {
        self.supplies.as_ref().context("the lab has no supplies")
    }

    /// Cuts all power and removes everything that the lab made.
    fn take_down(&self, paths: &Paths) -> Result<()> {
        if let Some(supplies) = &self.supplies {
            supplies.stop();
        }
        let cut: Vec<Result<()>> = thread::scope(|scope| {
            let cuts: Vec<_> =
                self.hosts.values().map(|host| scope.spawn(|| host.lose_ac())).collect();
            cuts.into_iter().filter_map(|cut| cut.join().ok()).collect()
        });
        let swept = teardown::sweep(paths);
        cut.into_iter().collect::<Result<()>>().and(swept)
    }
}

/// Starts the program of a keeper as a process of its own group, so that a Ctrl-C at a terminal
/// reaches whoever wanted the lab, and the lab ends in order after that.
pub(crate) fn start(program: &Path, order: &Order, log: File) -> Result<std::process::Child> {
    use std::os::unix::process::CommandExt as _;
    use std::process::{Command, Stdio};
    ensure!(program.is_file(), "missing: {} (cargo build -p ananke-lab)", program.display());
    let mut command = Command::new(program);
    command.arg("keep").process_group(0);
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(log);
    let mut child = crate::command::spawn(&mut command)?;
    let input = child.stdin.as_mut().context("the keeper has no input")?;
    send(input, order)?;
    Ok(child)
}

/// Process id and start time (clock ticks since boot), which together are never used twice.
pub(crate) fn identity_of(pid: u32) -> Option<String> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    let (_, fields) = stat.rsplit_once(") ")?;
    if fields.starts_with('Z') {
        return None;
    }
    Some(format!("{pid} {}", fields.split(' ').nth(19)?))
}
