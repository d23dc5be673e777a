//! The small ports: time, supplies, this machine.

use std::time::Duration;

use ananke_core::{observe::SupplyReading, time::Tick};
use ananke_ports::{Clock, Machine, MachineError, Supplies, SupplyError};
use async_trait::async_trait;

use super::{Sim, WorldHandle, hosts::millis};
use crate::world::{Actor, TelemetryFault, World};

/// One exchange with upsd on the same network, in milliseconds.
const NUT: (u64, u64) = (1, 3);

#[async_trait]
impl<W: WorldHandle> Clock for Sim<W> {
    fn now(&self) -> Tick {
        Tick::from_millis(self.world.now_millis())
    }

    fn wall_unix_seconds(&self) -> i64 {
        let look = |w: &World| (w.own_wall_unix_seconds(), w.wall_unix_seconds());
        let (own, true_one) = self.world.look(look).unwrap_or_default();
        if own != true_one {
            self.world.met("clock", "here");
        }
        own
    }

    async fn sleep(&self, span: Duration) {
        self.wait(span).await;
    }
}

/// What upsd answers.
enum Upsd {
    Tells(SupplyReading),
    Silent,
    NotConnected,
    Stale,
    Refused,
    NoSuchDevice,
}

#[async_trait]
impl<W: WorldHandle> Supplies for Sim<W> {
    async fn read(&self, supply: &str, deadline: Duration) -> Result<SupplyReading, SupplyError> {
        let silent = |message: String| SupplyError::Silent { supply: supply.into(), message };
        let until = self.world.now_millis().saturating_add(millis(deadline));
        let in_time = self.travel(supply, NUT, deadline).await.is_ok();
        let fault =
            |w: &World| w.supplies.get(supply)?.telemetry.as_ref().map(TelemetryFault::name);
        let (answer, fault) =
            self.world.look(|w| (ask(w, supply), fault(w))).map_err(|e| silent(e.to_string()))?;
        if let Some(fault) = fault {
            self.world.met("ups", fault);
        }
        match answer {
            Upsd::Tells(reading) if in_time => Ok(reading),
            Upsd::Tells(_) | Upsd::Silent => {
                self.wait_until(until).await;
                Err(silent(format!("upsd did not answer within {} s", deadline.as_secs_f32())))
            }
            Upsd::NotConnected => {
                Err(silent("ERR DRIVER-NOT-CONNECTED: no driver runs for it".into()))
            }
            Upsd::Stale => Err(SupplyError::Stale {
                supply: supply.into(),
                message: "ERR DATA-STALE: its driver says nothing new".into(),
            }),
            Upsd::Refused => Err(SupplyError::Refused {
                supply: supply.into(),
                message: "ERR ACCESS-DENIED: check the credentials file".into(),
            }),
            Upsd::NoSuchDevice => Err(SupplyError::NoSuchDevice {
                supply: supply.into(),
                message: "ERR UNKNOWN-UPS".into(),
            }),
        }
    }

    async fn force_shutdown(&self, supply: &str, deadline: Duration) -> Result<(), SupplyError> {
        self.read(supply, deadline).await?;
        self.world
            .act(|w| w.force_shutdown(Actor::Ananke, supply))
            .map_err(|e| SupplyError::Silent { supply: supply.into(), message: e.to_string() })
    }

    async fn close(&self) {}
}

fn ask(world: &World, name: &str) -> Upsd {
    let Some(supply) = world.supplies.get(name) else { return Upsd::NoSuchDevice };
    if !world.upsd_runs(name) {
        return Upsd::Silent;
    }
    match (&supply.telemetry, supply.told()) {
        (_, Some(reading)) => Upsd::Tells(reading),
        (Some(TelemetryFault::Stale), None) => Upsd::Stale,
        (Some(TelemetryFault::Refused), None) => Upsd::Refused,
        (Some(TelemetryFault::NotConnected), None) => Upsd::NotConnected,
        (Some(TelemetryFault::Renamed), None) => Upsd::NoSuchDevice,
        (_, None) => Upsd::Silent,
    }
}

#[async_trait]
impl<W: WorldHandle> Machine for Sim<W> {
    fn boot_id(&self) -> String {
        let own = |w: &World| w.own_host.as_ref().and_then(|h| w.hosts.get(h)).cloned();
        // Without a host of its own in the world, this machine never went off.
        self.world
            .look(|w| own(w).map_or_else(|| format!("world-{:016x}", w.seed), |h| h.boot_id))
            .unwrap_or_default()
    }

    async fn set_wake_alarm(
        &self,
        after: Duration,
        _deadline: Duration,
    ) -> Result<(), MachineError> {
        self.here(|w, own| w.set_wake_alarm(Actor::Ananke, own, millis(after)))?
            .map_err(|refusal| MachineError::NoWakeAlarm { message: refusal.to_string() })
    }

    async fn sync(&self, _deadline: Duration) -> Result<(), MachineError> {
        self.here(|w, own| w.sync_disks(Actor::Ananke, own))
    }

    async fn power_off(&self, cut: &[String], _deadline: Duration) -> Result<(), MachineError> {
        self.here(|w, own| w.power_off_and_cut(Actor::Ananke, own, cut))
    }

    async fn reboot(&self, _deadline: Duration) -> Result<(), MachineError> {
        self.here(|w, own| w.reboot(Actor::Ananke, own))
    }
}

impl<W: WorldHandle> Sim<W> {
    /// Does something to the machine that ananke runs on.
    fn here<R>(&self, act: impl FnOnce(&mut World, &str) -> R) -> Result<R, MachineError> {
        let failed = |message: String| MachineError::Failed { message };
        self.world
            .act(|w| {
                let own = w.own_host.clone()?;
                w.counters.host_commands += 1;
                Some(act(w, &own))
            })
            .map_err(|e| failed(e.to_string()))?
            .ok_or_else(|| failed("this world has no host that ananke runs on".into()))
    }
}
