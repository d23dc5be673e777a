//! Power: batteries that run empty, hosts that boot, halt and are cut.

use ananke_core::observe::ActiveState;

use super::{Actor, Host, HostFault, Millis, OnAcReturn, Power, What, World};

impl World {
    /// Each supply delivers an equal share to the hosts that it and others feed.
    pub(super) fn settle_loads(&mut self) {
        for supply in self.supplies.values_mut() {
            supply.load_watts = if supply.output { supply.own_watts } else { 0 };
        }
        for host in self.hosts.values() {
            let watts = host.watts();
            let feeding = host.supplies.iter().filter(|s| self.gives_power(s)).count() as u64;
            if watts == 0 || feeding == 0 {
                continue;
            }
            for name in &host.supplies {
                if let Some(supply) = self.supplies.get_mut(name)
                    && supply.output
                {
                    supply.load_watts += watts.div_ceil(feeding);
                }
            }
        }
    }

    fn gives_power(&self, supply: &str) -> bool {
        self.supplies.get(supply).is_some_and(|s| s.output)
    }

    /// Whether a host has power at its plug.
    pub fn is_fed(&self, host: &Host) -> bool {
        host.supplies.is_empty() || host.supplies.iter().any(|s| self.gives_power(s))
    }

    /// How long the batteries behind a host last; `None` while mains are behind it.
    pub fn runtime_left(&self, host: &Host) -> Option<Millis> {
        let supplies = || host.supplies.iter().filter_map(|s| self.supplies.get(s));
        if host.supplies.is_empty() || supplies().any(|s| s.mains) {
            return None;
        }
        supplies().filter(|s| s.output).map(super::Supply::runtime).max().or(Some(0))
    }

    pub(super) fn drain_batteries(&mut self) {
        let empty: Vec<String> = self
            .supplies
            .iter()
            .filter(|(_, s)| s.empties_in() == Some(0))
            .map(|(name, _)| name.clone())
            .collect();
        for name in empty {
            if let Some(supply) = self.supplies.get_mut(&name) {
                supply.output = false;
            }
            self.tell(Actor::World, What::OutputLost { supply: name });
            self.cut_unfed_hosts(Actor::World);
            self.settle_loads();
        }
    }

    pub(super) fn cut_unfed_hosts(&mut self, who: Actor) {
        let unfed: Vec<String> = self
            .hosts
            .iter()
            .filter(|(_, h)| !h.is_off() && !self.is_fed(h))
            .map(|(name, _)| name.clone())
            .collect();
        for name in unfed {
            self.cut(who, &name);
        }
    }

    /// Takes a host's power away.
    pub(super) fn cut(&mut self, who: Actor, name: &str) {
        let now = self.now;
        let Some(host) = self.hosts.get_mut(name).filter(|h| !h.is_off()) else { return };
        host.was_on = true;
        host.faults.remove(&HostFault::Frozen);
        let containers = host.container_count();
        go_dark(host, now);
        self.tell(who, What::HostCut { host: name.to_owned(), containers });
    }

    /// Mains of a supply go or come back.
    pub(super) fn set_mains(&mut self, name: &str, present: bool) {
        let Some(supply) = self.supplies.get_mut(name).filter(|s| s.mains != present) else {
            return;
        };
        supply.mains = present;
        // One that cut its output with mains present gives it back in its own time.
        let output_returns = present && !supply.output && supply.returns_at.is_none();
        let supply = name.to_owned();
        if present {
            self.tell(Actor::World, What::MainsBack { supply });
        } else {
            self.tell(Actor::World, What::MainsLost { supply });
        }
        if output_returns {
            self.give_output(name);
        }
        // Nothing sees mains go before everything that follows has been told.
        self.settle();
    }

    pub(super) fn give_output(&mut self, name: &str) {
        if let Some(supply) = self.supplies.get_mut(name) {
            supply.output = true;
        }
        self.tell(Actor::World, What::OutputBack { supply: name.to_owned() });
        self.return_power(name);
    }

    fn return_power(&mut self, supply: &str) {
        let booting: Vec<String> = self
            .hosts
            .iter()
            .filter(|(_, h)| h.is_off() && h.supplies.iter().any(|s| s == supply))
            .filter(|(_, h)| match h.on_ac_return {
                OnAcReturn::Boot => true,
                OnAcReturn::LastState => h.was_on,
                OnAcReturn::StayOff => false,
            })
            .map(|(name, _)| name.clone())
            .collect();
        for name in booting {
            self.boot(Actor::World, &name);
        }
    }

    /// Switches a host on, if it is off, fed and not broken.
    pub(super) fn boot(&mut self, who: Actor, name: &str) {
        let Some(host) = self.hosts.get(name) else { return };
        if !host.is_off() || host.has(HostFault::Broken) || !self.is_fed(host) {
            return;
        }
        let span = self.rng.around(host.boot_millis);
        let until = (!host.has(HostFault::NeverBoots)).then(|| self.now.saturating_add(span));
        if let Some(host) = self.hosts.get_mut(name) {
            host.power = Power::Booting { since: self.now, until };
        }
        self.tell(who, What::HostBooting { host: name.to_owned() });
    }

    /// A person presses the power button: on if it is off, an orderly halt if it is on.
    pub fn press_power(&mut self, name: &str) {
        if self.hosts.get(name).is_some_and(Host::is_off) {
            self.boot(Actor::Person, name);
        } else {
            self.halt(Actor::Person, name, false);
        }
        self.settle();
    }

    pub(super) fn move_hosts(&mut self) {
        let due: Vec<String> = self
            .hosts
            .iter()
            .filter(|(_, h)| !h.has(HostFault::Frozen))
            .filter(|(_, h)| match h.power {
                Power::Booting { until, .. } | Power::Halting { until, .. } => {
                    until.is_some_and(|until| until <= self.now)
                }
                Power::Off { .. } | Power::On { .. } => false,
            })
            .map(|(name, _)| name.clone())
            .collect();
        for name in due {
            match self.hosts.get(&name).map(|h| h.power.clone()) {
                Some(Power::Booting { .. }) => self.come_up(&name),
                Some(Power::Halting { reboots, by, .. }) => self.go_off(&name, reboots, by),
                _ => {}
            }
        }
    }

    fn come_up(&mut self, name: &str) {
        let (now, boot_id) = (self.now, self.rng.uuid());
        let wall = self.wall_unix_seconds();
        let Some(host) = self.hosts.get_mut(name) else { return };
        host.power = Power::On { since: now };
        host.boot_id.clone_from(&boot_id);
        if host.has(HostFault::ForgetsTime) {
            // It begins at 1970 again.
            host.clock_ahead_millis = wall.saturating_mul(-1000);
        }
        self.restart_upsd(name);
        let Some(host) = self.hosts.get(name) else { return };
        let starts = host.service.as_ref().is_some_and(|s| s.enabled);
        self.tell(Actor::World, What::HostOn { host: name.to_owned(), boot_id });
        if starts {
            self.start_service(Actor::World, name);
        }
    }

    fn go_off(&mut self, name: &str, reboots: bool, by: Actor) {
        if !reboots && self.run_hook(by, name) {
            return;
        }
        let now = self.now;
        let Some(host) = self.hosts.get_mut(name) else { return };
        host.was_on = false;
        let killed: Vec<String> = host.containers.values().map(|c| c.pod.clone()).collect();
        go_dark(host, now);
        for pod in killed {
            let node = name.to_owned();
            self.tell(by, What::PodEnded { pod, node, graceful: false });
        }
        self.tell(by, What::HostOff { host: name.to_owned() });
        if reboots {
            self.boot(Actor::World, name);
        }
    }

    /// `systemctl poweroff` or `reboot`: systemd stops the service first, and kills what is left.
    /// Gives back when the host is off, if it will be.
    pub(super) fn halt(&mut self, by: Actor, name: &str, reboots: bool) -> Option<Millis> {
        let host = self.hosts.get(name).filter(|h| h.is_on())?;
        let runtime_left = self.runtime_left(host);
        let service_runs = host.service.as_ref().is_some_and(super::ServiceUnit::runs);
        let mut span = self.rng.around(host.halt_millis);
        // A service that hangs, or a process that ignores SIGTERM, delays a halt until systemd
        // kills it (measured: a hanging stop delays the poweroff by its TimeoutStopSec).
        if service_runs && host.has(HostFault::StopHangs) {
            span = span.saturating_add(self.laws.stop_timeout);
        }
        let reboots = reboots || host.has(HostFault::RebootsInsteadOfOff);
        let until = (!host.has(HostFault::HangsInHalt)).then(|| self.now.saturating_add(span));
        let what = What::HostHalting {
            host: name.to_owned(),
            reboots,
            containers: host.container_count(),
            volumes: host.volumes(),
            service_runs,
            runtime_left,
        };
        self.tell(by, what);
        self.stop_service(Actor::World, name);
        if let Some(host) = self.hosts.get_mut(name) {
            host.power = Power::Halting { since: self.now, until, reboots, by };
        }
        until
    }
}

/// Nothing runs without power; what is on disk stays.
fn go_dark(host: &mut Host, now: Millis) {
    host.power = Power::Off { since: now };
    host.cuts.clear();
    host.containers.clear();
    if let Some(service) = &mut host.service {
        service.land(ActiveState::Inactive, "success");
        service.start_queued = false;
    }
}
