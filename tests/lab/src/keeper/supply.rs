//! All supplies of a lab: the UPS server, the batteries behind it, and the hosts that go dark when
//! one is empty.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};

use super::battery::Battery;
use super::host::Host;
use super::nut::Nut;
use crate::paths::Paths;
use crate::protocol::UpsAction;
use crate::spec::LabSpec;

/// How often batteries are looked at: as often as their driver tells the server.
const TICK: Duration = Duration::from_secs(1);

/// The supplies of a lab.
#[derive(Debug)]
pub(crate) struct Supplies {
    inner: Mutex<Inner>,
}

#[derive(Debug)]
struct Inner {
    nut: Nut,
    feeds: BTreeMap<String, Feed>,
}

/// One supply and its hosts.
#[derive(Debug)]
struct Feed {
    battery: Battery,
    hosts: Vec<Arc<Host>>,
    /// Whether the battery, and not somebody's hand, decides what the server says.
    simulated: bool,
    /// Whether its outlets had power when last looked at.
    live: bool,
}

impl Feed {
    fn hosts_on(&self) -> usize {
        self.hosts.iter().filter(|host| host.is_on()).count()
    }

    fn variables(&self) -> BTreeMap<String, String> {
        let variables = self.battery.variables(self.hosts_on(), self.hosts.len());
        variables.map(|(name, value)| (name.to_owned(), value)).into()
    }
}

impl Supplies {
    /// Starts the UPS server and lets time pass for the batteries.
    pub(crate) fn start(lab: &LabSpec, paths: &Paths, hosts: &[Arc<Host>]) -> Result<Arc<Self>> {
        let feeds = lab.supplies.iter().map(|ups| {
            let fed = lab.powered_by(ups);
            let hosts = hosts.iter().filter(|h| fed.contains(&h.spec().name.as_str()));
            let battery = Battery::new(ups.battery);
            let hosts = hosts.map(Arc::clone).collect();
            (ups.name.clone(), Feed { battery, hosts, simulated: false, live: true })
        });
        let inner = Inner { feeds: feeds.collect(), nut: Nut::start(lab, paths)? };
        let supplies = Arc::new(Self { inner: Mutex::new(inner) });
        let ticking = Arc::downgrade(&supplies);
        thread::Builder::new()
            .name("batteries".to_owned())
            .spawn(move || {
                let mut last = Instant::now();
                loop {
                    thread::sleep(TICK);
                    let Some(supplies) = ticking.upgrade() else { return };
                    let now = Instant::now();
                    supplies.lock().tick((now - last).as_secs_f64());
                    last = now;
                }
            })
            .context("cannot start the thread of the batteries")?;
        Ok(supplies)
    }

    pub(crate) fn act(&self, ups: &str, action: UpsAction) -> Result<()> {
        let mut inner = self.lock();
        match action {
            UpsAction::Set(values) => {
                inner.feed(ups)?.simulated = false;
                inner.nut.set(ups, values)
            }
            UpsAction::Mains(present) => {
                let feed = inner.feed(ups)?;
                feed.battery.set_mains(present);
                feed.simulated = true;
                inner.apply(ups)
            }
            UpsAction::Charge(percent) => {
                let feed = inner.feed(ups)?;
                feed.battery.set_charge(percent);
                feed.simulated = true;
                inner.apply(ups)
            }
            UpsAction::Stale => inner.nut.set_stale(ups, true),
            UpsAction::Unstale => inner.nut.set_stale(ups, false),
            UpsAction::DriverKill => inner.nut.stop_driver(ups),
            UpsAction::DriverStart => {
                inner.nut.start_driver(ups)?;
                inner.nut.settle(ups)
            }
            UpsAction::Rename(to) => inner.nut.rename(ups, to),
            UpsAction::UpsdKill => {
                inner.nut.stop_upsd();
                Ok(())
            }
            UpsAction::UpsdStart => inner.nut.start_upsd(),
        }
    }

    /// Ends the UPS server; no battery does anything any more.
    pub(crate) fn stop(&self) {
        let mut inner = self.lock();
        inner.feeds.clear();
        inner.nut.stop();
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Inner {
    fn feed(&mut self, ups: &str) -> Result<&mut Feed> {
        self.feeds.get_mut(ups).with_context(|| format!("the lab has no supply `{ups}`"))
    }

    fn tick(&mut self, wall_s: f64) {
        let names: Vec<String> = self.feeds.keys().cloned().collect();
        for name in names {
            let Some(feed) = self.feeds.get_mut(&name).filter(|feed| feed.simulated) else {
                continue;
            };
            let (on, total) = (feed.hosts_on(), feed.hosts.len());
            feed.battery.pass(wall_s, on, total);
            if let Err(error) = self.apply(&name) {
                super::note(&format!("{name}: {error:#}"));
            }
        }
    }

    /// Makes the world what the battery says: outlets dead or live, and the server's variables.
    fn apply(&mut self, ups: &str) -> Result<()> {
        let feed = self.feed(ups)?;
        let live = feed.battery.feeds();
        if live != feed.live {
            feed.live = live;
            for host in &feed.hosts {
                if live { host.regain_ac() } else { host.lose_ac() }?;
            }
        }
        let variables = feed.variables();
        // At rest only a host that goes on or off changes anything; a full battery rests for good.
        feed.simulated = !(feed.battery.at_rest() && feed.battery.feeds());
        self.nut.set(ups, variables)
    }
}
