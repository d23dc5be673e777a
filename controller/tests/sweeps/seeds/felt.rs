//! What faults came to: a fault that nothing met has proven nothing.

use std::collections::{BTreeMap, BTreeSet};

use ananke_sim::{
    ports::Death,
    world::{Actor, HostFault, What, World},
};

use crate::stage::play::Record;

/// What is counted without being drawn by itself.
pub const FOLLOWS: [&str; 2] = ["second outage", "statuses of before a boot"];

/// The names of the faults that had an effect in a run, as far as it can be seen from outside.
pub fn felt(run: &Record) -> BTreeSet<String> {
    let mut felt: BTreeSet<String> =
        run.met.keys().map(|(part, fault)| format!("{part} {fault}")).collect();
    if felt.contains("ups silent") {
        felt.insert("ups flaps".into());
    }
    if felt.contains("ups lies") {
        felt.insert("ups lies upwards".into());
    }
    if run.refused_writes > 0 {
        felt.insert("disk full".into());
    }
    for how in &run.deaths {
        felt.insert(
            match how {
                Some(Death::Before) => "write lost",
                Some(Death::Torn) => "write torn",
                Some(Death::After) => "killed after a write",
                None => "killed at an await",
            }
            .into(),
        );
    }
    let mut seen = Seen::new(&run.before);
    for happening in run.after.trace.iter().skip(run.before.trace.iter().count()) {
        seen.take(happening.who, &happening.what);
    }
    felt.extend(seen.felt.into_iter().map(str::to_owned));
    felt
}

/// What a trace tells of faults that no call meets.
struct Seen {
    felt: BTreeSet<&'static str>,
    faults: BTreeMap<String, BTreeSet<HostFault>>,
    up: BTreeSet<String>,
    hosts: usize,
    outages: usize,
    booted: bool,
}

impl Seen {
    fn new(world: &World) -> Self {
        Self {
            felt: BTreeSet::new(),
            faults: BTreeMap::new(),
            up: world.hosts.keys().cloned().collect(),
            hosts: world.hosts.len(),
            outages: 0,
            booted: false,
        }
    }

    fn when(&mut self, is_so: bool, name: &'static str) {
        if is_so {
            self.felt.insert(name);
        }
    }

    fn has(&self, host: &str, fault: HostFault) -> bool {
        self.faults.get(host).is_some_and(|faults| faults.contains(&fault))
    }

    fn take(&mut self, who: Actor, what: &What) {
        match what {
            What::HostFaulty { host, fault } => {
                self.faults.entry(host.clone()).or_default().insert(*fault);
            }
            What::HostRepaired { host } => drop(self.faults.remove(host)),
            What::MainsLost { .. } => {
                self.outages += 1;
                self.when(true, "outage");
                self.when(self.outages > 2, "mains flap");
                self.when(self.outages > 1 && self.up.len() < self.hosts, "second outage");
            }
            What::Cordoned { .. } => self.when(who == Actor::Person, "person cordons"),
            What::Uncordoned { .. } => self.when(who == Actor::Person, "person uncordons"),
            What::Suspended { .. } => self.when(who == Actor::Person, "person suspends"),
            What::Resumed { .. } => self.when(who == Actor::Person, "person resumes"),
            What::ApiUp => self.when(self.booted, "statuses of before a boot"),
            What::PodEnding { .. } => {}
            What::PodEnded { graceful, .. } => self.when(!graceful, "pods ignore SIGTERM"),
            _ => self.take_of_host(who, what),
        }
    }

    fn take_of_host(&mut self, who: Actor, what: &What) {
        match what {
            What::ServiceDown { result, .. } => {
                self.when(result == "timeout", "host stop-hangs");
            }
            What::ServiceActive { host, .. } => drop(self.up.insert(host.clone())),
            What::ServiceStopping { host, .. } => drop(self.up.remove(host)),
            What::HostHalting { host, reboots, .. } => {
                self.when(*reboots, "host reboots-instead-of-off");
                self.when(self.has(host, HostFault::HangsInHalt), "host hangs-in-halt");
                self.when(who == Actor::Person, "power button");
            }
            What::HostCut { host, .. } => {
                self.up.remove(host);
                self.when(self.has(host, HostFault::Broken), "host broken");
                self.when(who == Actor::Person, "plug pulled");
            }
            What::HostBooting { host } => {
                self.when(self.has(host, HostFault::NeverBoots), "host never-boots");
                self.when(who == Actor::World, "host boots by itself");
            }
            What::WakeSent { host } => {
                self.when(self.has(host, HostFault::IgnoresWake), "host ignores-wake");
                self.when(self.has(host, HostFault::Broken), "host broken");
            }
            What::HostOn { host, .. } => {
                self.booted = true;
                self.when(self.has(host, HostFault::ForgetsTime), "host forgets-time");
            }
            _ => {}
        }
    }
}
