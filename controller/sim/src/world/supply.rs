use ananke_core::observe::{Device, SupplyReading};
use serde::{Deserialize, Serialize};

use super::{Millis, TelemetryFault};

/// A UPS with its battery.
#[expect(clippy::struct_excessive_bools, reason = "facts that do not exclude one another")]
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Supply {
    /// What the full battery holds, in millijoules (1 Wh = 3 600 000 mJ).
    pub capacity_millijoules: u64,
    /// What it holds now.
    pub energy_millijoules: u64,
    /// Power with which it charges, in watts.
    pub charge_watts: u64,
    /// What the UPS itself draws from its battery, in watts.
    pub own_watts: u64,
    /// What it can deliver, in watts: `ups.load` is relative to it.
    pub nominal_watts: u64,
    /// `battery.charge.low`, in percent.
    pub low_percent: u64,
    /// Whether mains are present.
    pub mains: bool,
    /// Whether its outlets give power.
    pub output: bool,
    /// A forced shutdown was ordered. It latches: only a restart of upsd ends it, not mains.
    pub forced_shutdown: bool,
    /// When it cuts its output, if it was told to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cut_at: Option<Millis>,
    /// When its output returns after a cut with mains present.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub returns_at: Option<Millis>,
    /// It does not cut its output while mains are present, whatever it is told.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub never_cuts_on_mains: bool,
    /// What is wrong with what it tells.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub telemetry: Option<TelemetryFault>,
    /// The host that its upsd runs on, if it is one of this world.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub via: Option<String>,
    /// What it delivers now, itself included, in watts.
    #[serde(default)]
    pub load_watts: u64,
}

/// What a full battery yields for each minute of discharge it takes to charge again, in minutes
/// (vendors: recharge takes about ten times the discharge).
const RECHARGE_RATIO: u64 = 10;

impl Supply {
    /// A full UPS on mains that lasts about `minutes` under `load_watts`.
    pub fn lasting(minutes: u64, load_watts: u64) -> Self {
        let capacity = load_watts.saturating_mul(minutes).saturating_mul(60_000);
        Self {
            capacity_millijoules: capacity,
            energy_millijoules: capacity,
            charge_watts: (load_watts / RECHARGE_RATIO).max(1),
            own_watts: 8,
            nominal_watts: load_watts.saturating_mul(2).max(1),
            low_percent: 20,
            mains: true,
            output: true,
            forced_shutdown: false,
            cut_at: None,
            returns_at: None,
            never_cuts_on_mains: false,
            telemetry: None,
            via: None,
            load_watts: 0,
        }
    }

    /// Charge in percent, rounded down.
    pub fn charge_percent(&self) -> u64 {
        match self.capacity_millijoules {
            0 => 0,
            capacity => (u128::from(self.energy_millijoules) * 100 / u128::from(capacity))
                .try_into()
                .unwrap_or(100),
        }
    }

    /// How long the battery lasts under the present load.
    pub const fn runtime(&self) -> Millis {
        match self.load_watts {
            0 => Millis::MAX,
            load => self.energy_millijoules / load,
        }
    }

    /// Lets time flow: the battery drains under its load without mains, and charges with them.
    pub(super) fn flow(&mut self, span: Millis) {
        if self.mains {
            let charged = self.charge_watts.saturating_mul(span);
            self.energy_millijoules =
                self.energy_millijoules.saturating_add(charged).min(self.capacity_millijoules);
        } else if self.output {
            let drained = self.load_watts.saturating_mul(span);
            self.energy_millijoules = self.energy_millijoules.saturating_sub(drained);
        }
    }

    /// How long until the battery is empty, if it is emptying.
    pub(super) fn empties_in(&self) -> Option<Millis> {
        (!self.mains && self.output && self.load_watts > 0)
            .then(|| self.energy_millijoules.div_ceil(self.load_watts))
    }

    /// When it is due to switch its output.
    pub(super) fn switches_at(&self) -> Option<Millis> {
        self.cut_at.into_iter().chain(self.returns_at).min()
    }

    /// What it tells of itself when nothing is wrong with its telemetry.
    pub fn truth(&self) -> SupplyReading {
        let mut status: Vec<&str> = Vec::new();
        if self.forced_shutdown {
            status.push("FSD");
        }
        if !self.output {
            status.push("OFF");
        }
        if self.mains {
            status.push("OL");
            if self.energy_millijoules < self.capacity_millijoules {
                status.push("CHRG");
            }
        } else {
            status.extend(["OB", "DISCHRG"]);
            if self.charge_percent() <= self.low_percent {
                status.push("LB");
            }
        }
        let load = self.load_watts.saturating_mul(100) / self.nominal_watts.max(1);
        SupplyReading {
            status: status.into_iter().map(str::to_owned).collect(),
            charge_percent: u8::try_from(self.charge_percent()).ok(),
            // A UPS that delivers nothing has no runtime to tell.
            runtime_seconds: (self.load_watts > 0).then(|| self.runtime() / 1000),
            load_percent: u16::try_from(load).ok(),
            nominal_watts: u32::try_from(self.nominal_watts).ok(),
            garbled: Vec::new(),
            device: device("1"),
        }
    }

    /// What it tells, faults included; `None` when it tells nothing.
    pub fn told(&self) -> Option<SupplyReading> {
        let Some(fault) = &self.telemetry else { return Some(self.truth()) };
        let mut reading = self.truth();
        match fault {
            TelemetryFault::Stuck { reading } => return Some(reading.clone()),
            TelemetryFault::Wait => {
                reading = SupplyReading { status: vec!["WAIT".into()], ..SupplyReading::default() };
            }
            TelemetryFault::Lies { percent } => {
                let lie = |seconds: u64| seconds.saturating_mul(u64::from(*percent)) / 100;
                reading.runtime_seconds = reading.runtime_seconds.map(lie);
            }
            TelemetryFault::OtherDevice => reading.device = device("2"),
            TelemetryFault::BothSources => {
                reading.status = ["OL", "OB"].map(str::to_owned).into();
            }
            TelemetryFault::AlwaysLow => reading.status.push("LB".into()),
            TelemetryFault::GarbledCharge => {
                reading.charge_percent = None;
                reading.garbled = vec!["battery.charge".into()];
            }
            TelemetryFault::StatusOnly => {
                reading.charge_percent = None;
                reading.runtime_seconds = None;
            }
            TelemetryFault::SelfTest => {
                reading.status = ["OB", "DISCHRG", "CAL"].map(str::to_owned).into();
            }
            TelemetryFault::Silent
            | TelemetryFault::NotConnected
            | TelemetryFault::Stale
            | TelemetryFault::Renamed
            | TelemetryFault::Refused => return None,
        }
        Some(reading)
    }
}

/// What a virtual UPS says of itself.
fn device(serial: &str) -> Device {
    Device {
        manufacturer: Some("ananke".into()),
        model: Some("virtual".into()),
        serial: Some(serial.into()),
        is_named: None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn on_battery(minutes: u64, load: u64) -> Supply {
        Supply { mains: false, load_watts: load, ..Supply::lasting(minutes, load) }
    }

    #[test]
    fn a_battery_lasts_as_long_as_it_says() {
        let mut supply = on_battery(20, 300);
        assert_eq!(supply.runtime(), 20 * 60_000);
        assert_eq!(supply.empties_in(), Some(20 * 60_000));
        supply.flow(10 * 60_000);
        assert_eq!(supply.charge_percent(), 50);
        supply.flow(10 * 60_000);
        assert_eq!(supply.energy_millijoules, 0);
    }

    #[test]
    fn runtime_rises_as_load_falls() {
        let mut supply = on_battery(20, 300);
        supply.load_watts = 100;
        assert_eq!(supply.runtime(), 60 * 60_000);
    }

    /// Eaton's FAQ: recharge takes about ten times the discharge.
    #[test]
    fn it_charges_ten_times_slower_than_it_drains() {
        let mut supply = Supply { energy_millijoules: 0, ..Supply::lasting(10, 300) };
        supply.flow(50 * 60_000);
        assert_eq!(supply.charge_percent(), 50);
    }

    #[test]
    fn it_speaks_the_words_of_nut() {
        let mut supply = on_battery(10, 100);
        assert_eq!(supply.truth().status, ["OB", "DISCHRG"]);
        supply.flow(8 * 60_000);
        assert_eq!(supply.truth().status, ["OB", "DISCHRG", "LB"]);
        supply.mains = true;
        assert_eq!(supply.truth().status, ["OL", "CHRG"]);
        supply.forced_shutdown = true;
        assert_eq!(supply.truth().status, ["FSD", "OL", "CHRG"]);
    }

    /// Seen at a real upsd: a driver that has just connected tells `WAIT` and nothing else.
    #[test]
    fn a_driver_that_just_connected_tells_wait_and_nothing_else() {
        let supply = Supply { telemetry: Some(TelemetryFault::Wait), ..Supply::lasting(10, 100) };
        let told = supply.told().unwrap();
        assert_eq!(told.status, ["WAIT"]);
        assert_eq!((told.charge_percent, told.runtime_seconds), (None, None));
    }

    #[test]
    fn a_lying_ups_lies_about_its_runtime_only() {
        let supply =
            Supply { telemetry: Some(TelemetryFault::Lies { percent: 50 }), ..on_battery(20, 300) };
        assert_eq!(supply.told().unwrap().runtime_seconds, Some(600));
        assert_eq!(supply.told().unwrap().status, ["OB", "DISCHRG"]);
    }
}
