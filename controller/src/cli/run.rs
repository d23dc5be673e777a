//! `run` and `observe`: the daemon.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use ananke_crds::{
    host_config::{HostConfiguration, InstanceRole, SupplyEndpoint},
    parse_host_configuration,
    value::Name,
};
use ananke_hosts::{BootClock, FileStore, LockError, StateLock, lock_holder};
use ananke_ports::{Clock, Ports, Store};
use tokio::{
    signal::unix::{SignalKind, signal},
    sync::watch,
};
use tokio_util::sync::CancellationToken;

use super::{
    args::{Args, Run, Which},
    config,
    exit::{Exit, Failure},
    logs,
    output::tell,
};
use crate::{
    daemon::Daemon,
    publish::{Publisher, http},
    run::Mode,
    wiring::{
        self,
        embedded::{self, Embedded},
        policy::{InForce, Source},
    },
};

pub(crate) fn run(args: &Args, run: &Run) -> Result<Exit, Failure> {
    logs::begin();
    match run.world {
        Which::Real => {
            let config = config::load(args)?;
            let mode = match config.role {
                InstanceRole::Coordinator => Mode::Act,
                // A peer acts by hand-over only, and an observer never.
                InstanceRole::Peer | InstanceRole::Observer => Mode::Observe,
            };
            let lock = lock(&config)?;
            start(Instance { config, mode, world: World::Real, _lock: lock })
        }
        Which::Embedded => run_embedded(run),
    }
}

pub(crate) fn observe(args: &Args) -> Result<Exit, Failure> {
    logs::begin();
    let config = config::load(args)?;
    let lock = lock(&config)?;
    start(Instance { config, mode: Mode::Observe, world: World::Real, _lock: lock })
}

/// There is never a second one over the same state.
fn lock(config: &HostConfiguration) -> Result<StateLock, Failure> {
    StateLock::acquire(&config.state).map_err(|error| {
        let exit =
            if matches!(error, LockError::Held { .. }) { Exit::Blocked } else { Exit::Failed };
        Failure::from(error).exit(exit).remedy("end the other one first, or leave it to it")
    })
}

fn run_embedded(run: &Run) -> Result<Exit, Failure> {
    let folder = run.state.clone().or_else(embedded::folder).ok_or_else(|| {
        Failure::new(Exit::Usage, "there is no home directory for the embedded world")
            .remedy("--state DIR")
    })?;
    let embedded = Embedded::at(folder);
    if run.fresh {
        if let Some(process) = lock_holder(&embedded.state()) {
            let message = format!("{process} runs this embedded world");
            return Err(Failure::new(Exit::Blocked, message).remedy("end it first: Ctrl-C there"));
        }
        embedded.forget()?;
    }
    embedded.prepare()?;
    let path = embedded.config();
    let text = std::fs::read_to_string(&path)?;
    let config = parse_host_configuration(&text, &path.display().to_string())
        .map_err(|problems| Failure::new(Exit::Usage, problems.to_string()))?
        .value;
    let lock = lock(&config)?;
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "clamped")]
    let speed = run.speed.clamp(1.0, 1000.0) as u32;
    let world = embedded.open_or_create(speed)?;
    greet(&embedded.document(), &config, run.state.is_some());
    start(Instance { config, mode: Mode::Act, world: World::Embedded(world), _lock: lock })
}

fn greet(document: &std::path::Path, config: &HostConfiguration, elsewhere: bool) {
    let with = if elsewhere {
        let folder = document.parent().and_then(std::path::Path::parent);
        folder.map(|f| format!("--config {}/ananke.yaml ", f.display())).unwrap_or_default()
    } else {
        String::new()
    };
    tell!("a virtual cluster is running; in a second terminal:");
    tell!("  ananke {with}status --watch");
    tell!("  ananke {with}world mains off        and later: mains on");
    tell!("  ananke {with}set-target cluster-only-down");
    tell!("  edit {}", document.display());
    tell!("the page: http://{}/    Ctrl-C ends the daemon; the world lives on\n", config.listen);
}

enum World {
    Real,
    Embedded(Arc<ananke_sim::ports::FileWorld>),
}

struct Instance {
    config: HostConfiguration,
    mode: Mode,
    world: World,
    /// Given back when this ends.
    _lock: StateLock,
}

fn start(instance: Instance) -> Result<Exit, Failure> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(instance.run())
}

impl Instance {
    async fn run(self) -> Result<Exit, Failure> {
        let state = self.config.state.clone();
        let store: Arc<dyn Store> = Arc::new(FileStore::at(&state));
        let source = Source::new(config::place(&self.config), Arc::clone(&store));
        let first =
            source.first().map_err(|refused| Failure::new(Exit::Usage, refused.to_string()))?;
        let (policies, mut in_force) = watch::channel(Arc::new(first));
        let cancel = ends()?;
        let mut publisher = Publisher::new(self.config.notify.clone());
        let page = self.page(&publisher, &cancel).await?;
        let clock: Arc<dyn Clock> = Arc::new(BootClock);
        tokio::spawn(source.watch(clock, Arc::new(policies)));
        let daemon = Daemon {
            wire: |in_force: &InForce| self.ports(in_force, &store),
            mode: self.mode,
            polls: self.polls(),
        };
        let ended = daemon.run(&mut publisher, &mut in_force, &cancel).await;
        cancel.cancel();
        // A slow reader of the page must not keep the daemon from ending.
        let _ = tokio::time::timeout(Duration::from_secs(1), page).await;
        ended.map_err(|error| Failure::new(Exit::Failed, format!("{error:#}")))?;
        Ok(Exit::Done)
    }

    async fn page(
        &self,
        publisher: &Publisher,
        cancel: &CancellationToken,
    ) -> Result<tokio::task::JoinHandle<()>, Failure> {
        let stop = cancel.clone().cancelled_owned();
        let told = publisher.told();
        let (address, server) = http::serve(self.config.listen, told, publisher.metrics(), stop)
            .await
            .map_err(|error| {
                Failure::from(error).remedy("set `listen` in the host configuration to a free one")
            })?;
        tracing::info!("listening on http://{address}/");
        Ok(tokio::spawn(server))
    }

    fn ports(&self, in_force: &InForce, store: &Arc<dyn Store>) -> anyhow::Result<Ports> {
        match &self.world {
            World::Embedded(world) => Ok(embedded::ports(world, Arc::clone(store))),
            World::Real => wiring::real_ports(&self.config, &in_force.policy, Arc::clone(store)),
        }
    }

    fn polls(&self) -> BTreeMap<String, Duration> {
        let poll =
            |(name, endpoint): (&Name, &SupplyEndpoint)| (name.to_string(), endpoint.poll.get());
        self.config.supplies.iter().map(poll).collect()
    }
}

/// Ends with SIGTERM and SIGINT; a second one ends at once.
fn ends() -> Result<CancellationToken, Failure> {
    let cancel = CancellationToken::new();
    let token = cancel.clone();
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    tokio::spawn(async move {
        for last in [false, true] {
            tokio::select! {
                _ = terminate.recv() => {}
                _ = interrupt.recv() => {}
            }
            if last {
                std::process::exit(130);
            }
            token.cancel();
        }
    });
    Ok(cancel)
}
