//! How ananke's own host leaves and comes back: an alarm of its clock, a forced shutdown, a cut at
//! the end of its halt.

use super::{Actor, Host, HostFault, Millis, Power, Refusal, What, World};

impl World {
    /// `echo +SECONDS >/sys/class/rtc/rtc0/wakealarm`.
    pub fn set_wake_alarm(&mut self, who: Actor, name: &str, after: Millis) -> Result<(), Refusal> {
        let at = self.now.saturating_add(after);
        let host = self.hosts.get_mut(name).filter(|host| !host.has(HostFault::NoWakeAlarm));
        let Some(host) = host else {
            return Err(Refusal::Failed("/sys/class/rtc/rtc0/wakealarm: no such file".into()));
        };
        host.wake_alarm = Some(at);
        self.tell(who, What::WakeAlarmSet { host: name.to_owned(), at });
        self.settle();
        Ok(())
    }

    /// `sync`.
    pub fn sync_disks(&mut self, who: Actor, host: &str) {
        self.tell(who, What::DisksSynced { host: host.to_owned() });
    }

    /// `FSD` by a primary.
    pub fn force_shutdown(&mut self, who: Actor, name: &str) {
        let Some(supply) = self.supplies.get_mut(name) else { return };
        if !std::mem::replace(&mut supply.forced_shutdown, true) {
            self.tell(who, What::ForcedShutdown { supply: name.to_owned() });
        }
    }

    /// `systemctl poweroff`, and the hook at its end has these supplies cut their output.
    pub fn power_off_and_cut(&mut self, who: Actor, name: &str, cut: &[String]) {
        if let Some(host) = self.hosts.get_mut(name) {
            host.cuts = cut.to_vec();
        }
        self.power_off(who, name);
    }

    /// The hook at the end of a halt: tells the supplies to cut, and waits for that. Whether it
    /// took the halt over.
    pub(super) fn run_hook(&mut self, by: Actor, name: &str) -> bool {
        let (now, wait) = (self.now, self.laws.cut_wait);
        let Some(host) = self.hosts.get_mut(name).filter(|host| !host.cuts.is_empty()) else {
            return false;
        };
        let cuts = std::mem::take(&mut host.cuts);
        // Nothing but the hook is left of it.
        host.containers.clear();
        if let Power::Halting { until, reboots, .. } = &mut host.power {
            *until = Some(now.saturating_add(wait));
            // With an alarm set it may go off: its clock is the second way back.
            *reboots = host.wake_alarm.is_none();
        }
        for supply in cuts {
            self.order_cut(by, &supply);
        }
        true
    }

    fn order_cut(&mut self, by: Actor, name: &str) {
        let at = self.now.saturating_add(self.laws.cut_delay);
        let Some(supply) = self.supplies.get_mut(name) else { return };
        supply.cut_at = Some(at);
        self.tell(by, What::CutOrdered { supply: name.to_owned() });
    }

    /// UPSes that were told to cut do so, and give their output back with mains.
    pub(super) fn switch_outputs(&mut self) {
        let now = self.now;
        let due = |at: Option<Millis>| at.is_some_and(|at| at <= now);
        let names: Vec<String> = self.supplies.keys().cloned().collect();
        for name in names {
            let Some(supply) = self.supplies.get_mut(&name) else { continue };
            if due(supply.cut_at) {
                supply.cut_at = None;
                if supply.mains && supply.never_cuts_on_mains {
                    continue;
                }
                supply.returns_at = supply.mains.then(|| now.saturating_add(self.laws.cut_return));
                if std::mem::replace(&mut supply.output, false) {
                    self.tell(Actor::Ananke, What::OutputLost { supply: name.clone() });
                    self.cut_unfed_hosts(Actor::Ananke);
                    self.settle_loads();
                }
            } else if due(supply.returns_at) {
                supply.returns_at = None;
                if supply.mains {
                    self.give_output(&name);
                }
            }
        }
    }

    /// A clock wakes a host that is off and has power; one that rings in the dark rings once.
    pub(super) fn ring_alarms(&mut self) {
        let now = self.now;
        let due = |host: &Host| host.wake_alarm.is_some_and(|at| at <= now);
        let names: Vec<String> =
            self.hosts.iter().filter(|(_, host)| due(host)).map(|(name, _)| name.clone()).collect();
        for name in names {
            if let Some(host) = self.hosts.get_mut(&name) {
                host.wake_alarm = None;
            }
            self.boot(Actor::World, &name);
        }
    }

    /// `upsd` on a host that boots begins anew, and a forced shutdown ends with the old one.
    pub(super) fn restart_upsd(&mut self, host: &str) {
        for supply in self.supplies.values_mut() {
            if supply.via.as_deref() == Some(host) {
                supply.forced_shutdown = false;
            }
        }
    }
}
