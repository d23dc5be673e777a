//! A battery that drains under load and charges on mains. Pure: time and load come from outside.

use crate::spec::BatterySpec;

/// A battery and what feeds it.
#[derive(Debug, Clone)]
pub(crate) struct Battery {
    spec: BatterySpec,
    /// 0 (empty) to 1 (full).
    charge: f64,
    mains: bool,
}

impl Battery {
    pub(crate) fn new(spec: BatterySpec) -> Self {
        Self { spec, charge: (spec.charge / 100.0).clamp(0.0, 1.0), mains: true }
    }

    pub(crate) fn set_mains(&mut self, present: bool) {
        self.mains = present;
    }

    pub(crate) fn set_charge(&mut self, percent: f64) {
        self.charge = (percent / 100.0).clamp(0.0, 1.0);
    }

    /// Whether its hosts have power.
    pub(crate) fn feeds(&self) -> bool {
        self.mains || self.charge > 0.0
    }

    /// Whether nothing changes any more by itself.
    pub(crate) fn at_rest(&self) -> bool {
        if self.mains { self.charge >= 1.0 } else { self.charge <= 0.0 }
    }

    /// Lets `wall_s` seconds pass while `on` of `total` hosts are on.
    pub(crate) fn pass(&mut self, wall_s: f64, on: usize, total: usize) {
        let seconds = wall_s * self.spec.speed;
        self.charge += if self.mains {
            seconds / self.spec.recharge_s
        } else {
            -seconds * self.load(on, total) / self.spec.full_runtime_s
        };
        self.charge = self.charge.clamp(0.0, 1.0);
    }

    /// NUT's variables of this moment.
    pub(crate) fn variables(&self, on: usize, total: usize) -> [(&'static str, String); 5] {
        let load = if self.feeds() { self.load(on, total) } else { 0.0 };
        let percent = self.charge * 100.0;
        let runtime_s = self.charge * self.spec.full_runtime_s / self.load(on, total);
        let low = percent <= self.spec.low_charge || runtime_s <= self.spec.low_runtime_s;
        let status = match (self.mains, low) {
            (true, _) if self.charge >= 1.0 => "OL",
            (true, _) => "OL CHRG",
            (false, false) => "OB DISCHRG",
            (false, true) => "OB DISCHRG LB",
        };
        [
            ("ups.status", status.to_owned()),
            ("battery.charge", format!("{percent:.0}")),
            ("battery.runtime", format!("{runtime_s:.0}")),
            ("ups.load", format!("{:.0}", load * 100.0)),
            ("input.voltage", if self.mains { "230.0" } else { "0.0" }.to_owned()),
        ]
    }

    /// Share of the full load, never quite none: a UPS feeds itself too.
    fn load(&self, on: usize, total: usize) -> f64 {
        let share = f64::from(count(on)) / f64::from(count(total).max(1));
        (self.spec.idle_load + (1.0 - self.spec.idle_load) * share).max(0.01)
    }
}

fn count(hosts: usize) -> u32 {
    u32::try_from(hosts).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn battery() -> Battery {
        let spec = BatterySpec {
            full_runtime_s: 1000.0,
            recharge_s: 2000.0,
            idle_load: 0.2,
            low_charge: 20.0,
            low_runtime_s: 150.0,
            charge: 100.0,
            speed: 10.0,
        };
        Battery::new(spec)
    }

    fn of(battery: &Battery, on: usize, name: &str) -> String {
        let variables = battery.variables(on, 4);
        variables.into_iter().find(|(n, _)| *n == name).unwrap().1
    }

    #[test]
    fn full_on_mains_is_at_rest() {
        let battery = battery();
        assert!(battery.at_rest() && battery.feeds());
        assert_eq!(of(&battery, 4, "ups.status"), "OL");
        assert_eq!(of(&battery, 4, "ups.load"), "100");
    }

    #[test]
    fn drains_by_the_hosts_that_are_on() {
        let mut battery = battery();
        battery.set_mains(false);
        battery.pass(50.0, 4, 4); // 500 s of its own time at full load
        assert_eq!(of(&battery, 4, "battery.charge"), "50");
        assert_eq!(of(&battery, 4, "battery.runtime"), "500");
        assert_eq!(of(&battery, 4, "ups.status"), "OB DISCHRG");
        // With one host of four the load is 0.2 + 0.8 / 4 = 0.4.
        assert_eq!(of(&battery, 1, "battery.runtime"), "1250");
        battery.pass(50.0, 1, 4);
        assert_eq!(of(&battery, 1, "battery.charge"), "30");
    }

    #[test]
    fn low_by_charge_or_by_runtime_then_empty_and_dark() {
        let mut battery = battery();
        battery.set_mains(false);
        battery.set_charge(21.0);
        assert_eq!(of(&battery, 0, "ups.status"), "OB DISCHRG");
        battery.set_charge(14.0);
        assert_eq!(of(&battery, 0, "ups.status"), "OB DISCHRG LB");
        battery.pass(1000.0, 4, 4);
        assert!(!battery.feeds() && battery.at_rest());
        assert_eq!(of(&battery, 4, "ups.load"), "0");
    }

    #[test]
    fn charges_when_mains_return() {
        let mut battery = battery();
        battery.set_mains(false);
        battery.set_charge(0.0);
        battery.set_mains(true);
        assert!(battery.feeds() && !battery.at_rest());
        battery.pass(100.0, 0, 4); // 1000 s of its own time
        assert_eq!(of(&battery, 0, "battery.charge"), "50");
        assert_eq!(of(&battery, 0, "ups.status"), "OL CHRG");
        battery.pass(200.0, 0, 4);
        assert!(battery.at_rest());
    }
}
