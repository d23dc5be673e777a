//! The Kubernetes services of the hosts, as systemd moves them.

use ananke_core::observe::ActiveState;

use super::{Actor, Host, HostFault, Millis, Role, ServiceUnit, What, World};

impl World {
    /// `systemctl start --no-block`.
    pub(super) fn start_service(&mut self, who: Actor, name: &str) {
        let (now, laws) = (self.now, self.laws.clone());
        let Some(host) = self.hosts.get_mut(name).filter(|h| h.is_on()) else { return };
        let span = match host.role {
            Role::Server => laws.server_start,
            Role::Agent | Role::None => laws.agent_start,
        };
        let Some(unit) = &mut host.service else { return };
        match unit.state {
            ActiveState::Active | ActiveState::Activating => return,
            // The start waits for the stop to end.
            ActiveState::Deactivating => {
                unit.start_queued = true;
                return;
            }
            ActiveState::Inactive | ActiveState::Failed => {
                begin(unit, now.saturating_add(span));
            }
        }
        let service = unit.service;
        self.tell(who, What::ServiceStarting { host: name.to_owned(), service });
    }

    /// `systemctl stop`. Gives back when it is down. Containers live on under their shims
    /// (measured: `KillMode=process`, service `inactive`, pod still there).
    pub(super) fn stop_service(&mut self, who: Actor, name: &str) -> Millis {
        let (now, laws) = (self.now, self.laws.clone());
        let Some(host) = self.hosts.get_mut(name).filter(|h| h.is_alive()) else { return now };
        let hangs = host.has(HostFault::StopHangs);
        let Some(unit) = &mut host.service else { return now };
        match unit.state {
            // rc 0: stopping a loaded but inactive unit.
            ActiveState::Inactive | ActiveState::Failed => return now,
            ActiveState::Deactivating => {
                unit.start_queued = false;
                return unit.due.unwrap_or(now);
            }
            ActiveState::Active | ActiveState::Activating => {}
        }
        let span = if hangs { laws.stop_timeout } else { laws.service_stop };
        let due = now.saturating_add(span);
        unit.state = ActiveState::Deactivating;
        unit.armed = false;
        unit.due = Some(due);
        let service = unit.service;
        let runtime_left = self.hosts.get(name).and_then(|host| self.runtime_left(host));
        let host = name.to_owned();
        self.tell(who, What::ServiceStopping { host, service, runtime_left });
        due
    }

    /// `systemctl kill --signal=SIGKILL`: ends a hanging stop, but `Restart=always` starts a
    /// service again that nobody told to stop.
    pub(super) fn kill_service(&mut self, who: Actor, name: &str) {
        let (now, restart) = (self.now, self.laws.restart_after);
        let Some(host) = self.hosts.get_mut(name).filter(|h| h.is_alive()) else { return };
        let Some(unit) = host.service.as_mut().filter(|u| u.runs()) else { return };
        let service = unit.service;
        if unit.state == ActiveState::Deactivating {
            unit.land(ActiveState::Failed, "signal");
        } else {
            begin(unit, now.saturating_add(restart));
        }
        let result = "signal".to_owned();
        self.tell(who, What::ServiceDown { host: name.to_owned(), service, result });
    }

    pub(super) fn move_services(&mut self) {
        let now = self.now;
        let due: Vec<String> = self
            .hosts
            .iter()
            .filter(|(_, h)| h.is_alive())
            .filter(|(_, h)| h.service.as_ref().and_then(|s| s.due).is_some_and(|d| d <= now))
            .map(|(name, _)| name.clone())
            .collect();
        for name in due {
            self.land_service(&name);
        }
    }

    fn land_service(&mut self, name: &str) {
        let Some(host) = self.hosts.get_mut(name) else { return };
        let hangs = host.has(HostFault::StopHangs);
        let Some(unit) = &mut host.service else { return };
        unit.due = None;
        match unit.state {
            ActiveState::Activating => unit.armed = true,
            ActiveState::Deactivating => {
                // Measured: a unit that had to be killed is `failed` with `timeout`, although
                // `systemctl stop` answered 0.
                let (state, result) = if hangs {
                    (ActiveState::Failed, "timeout")
                } else {
                    (ActiveState::Inactive, "success")
                };
                unit.land(state, result);
                let (service, again) = (unit.service, std::mem::take(&mut unit.start_queued));
                let what =
                    What::ServiceDown { host: name.to_owned(), service, result: result.to_owned() };
                self.tell(Actor::World, what);
                if again {
                    self.start_service(Actor::World, name);
                }
            }
            ActiveState::Active | ActiveState::Inactive | ActiveState::Failed => {}
        }
    }

    /// A server is active once etcd has its quorum; an agent once an API answers. Until then they
    /// are `activating`, for ever if need be (`TimeoutStartSec=0`).
    pub(super) fn settle_services(&mut self) {
        let (quorum, ready) = (self.cluster.api.quorum_since.is_some(), self.api_ready());
        let mut active = Vec::new();
        for (name, host) in &mut self.hosts {
            let connected = host.is_connected();
            let role = host.role;
            let Some(unit) = &mut host.service else { continue };
            let may = if role == Role::Server { quorum } else { ready };
            if connected && may && unit.armed && unit.state == ActiveState::Activating {
                unit.state = ActiveState::Active;
                "success".clone_into(&mut unit.result);
                active.push((name.clone(), unit.service));
            }
        }
        for (host, service) in active {
            self.tell(Actor::World, What::ServiceActive { host, service });
        }
    }
}

fn begin(unit: &mut ServiceUnit, due: Millis) {
    unit.state = ActiveState::Activating;
    unit.result.clear();
    unit.armed = false;
    unit.due = Some(due);
}

impl Host {
    /// Whether an etcd member of it takes part.
    pub(super) fn is_member(&self) -> bool {
        self.role == Role::Server
            && self.is_connected()
            && self.service.as_ref().is_some_and(|s| {
                s.state == ActiveState::Active || (s.state == ActiveState::Activating && s.armed)
            })
    }
}
