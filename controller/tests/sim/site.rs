//! A site as the lab has it: hosts that run nothing, each behind a UPS that tells what it is told
//! to tell.

use std::{collections::BTreeMap, fmt::Write as _, time::Duration};

use ananke::publish::Published;
use ananke_crds::policy::Target;
use ananke_ports::Store as _;
use ananke_sim::world::{Actor, Fate, Host, OnAcReturn, Role, TelemetryFault, What, World};
use serde_json::Value;

use crate::stage::Stage;

/// Longer than anything here takes, in seconds: a deadline, not a pause.
const SOON: u64 = 120;
const LOOK: Duration = Duration::from_millis(100);

/// A UPS of a site: its name, the hosts that it feeds, and more of its trigger.
pub type Feed = (&'static str, &'static [&'static str], &'static str);

/// Its world: hosts that are on, and no cluster.
pub fn world(seed: u64, hosts: &[&str], feeds: &[Feed]) -> World {
    let mut world = World::empty(seed);
    for name in hosts {
        let feeds: Vec<&str> =
            feeds.iter().filter(|(_, powers, _)| powers.contains(name)).map(|f| f.0).collect();
        let host = Host {
            boot_millis: 2_000,
            halt_millis: 2_000,
            on_ac_return: OnAcReturn::StayOff,
            ..Host::new(Role::None, &feeds)
        };
        world.add_host(name, host);
    }
    for (name, ..) in feeds {
        world.add_supply(name, 60);
    }
    world.raised()
}

/// The document of the lab's sites: wanted is what is there, so all that a supply takes down is its
/// hosts.
pub fn policy(hosts: &[&str], feeds: &[Feed]) -> String {
    let mut text = String::from(
        "apiVersion: ananke.dev/v1alpha1\nkind: PowerPolicy\nmetadata:\n  name: site\nspec:\n  \
         target: cluster-only-down\n  supplies:\n",
    );
    for (name, powers, trigger) in feeds {
        let powers = powers.join(", ");
        writeln!(
            text,
            "    - name: {name}\n      powers: [{powers}]\n      trigger: {{debounce: \
             2{trigger}}}\n      recover: {{minCharge: 25, stableFor: 2s}}"
        )
        .unwrap();
    }
    text.push_str("  hosts:\n");
    for (at, host) in hosts.iter().enumerate() {
        // A policy without any server is refused.
        let role = if at == 0 { "server" } else { "none" };
        writeln!(text, "    - {{name: {host}, role: {role}}}").unwrap();
    }
    text.push_str(
        "  shutdown:\n    emergency: {budget: 300s}\n    \
         verifyOff: {timeout: 60s, longestHalt: 40s}\n",
    );
    text
}

/// What a UPS tells.
#[derive(Debug, Clone)]
pub struct Tells {
    /// `ups.status`.
    pub words: &'static str,
    /// `battery.charge`.
    pub charge: u8,
    /// `battery.runtime`, in seconds.
    pub runtime: u64,
}

/// What one UPS tells by the seconds since the mains were lost.
#[derive(Debug, Clone, Copy)]
pub enum Course {
    /// Its charge falls by so many percent a minute, from 100.
    Falls(u64),
    /// Mains that come and go, each for so many seconds.
    Flaps(u64),
}

/// A site while its story is told.
pub struct Site<'a> {
    /// Where it is told.
    pub stage: &'a mut Stage,
    tells: BTreeMap<&'static str, Tells>,
    courses: Vec<(&'static str, Course)>,
    begun: u64,
}

impl<'a> Site<'a> {
    /// Every UPS tells of mains and a full battery, and the daemon is at rest.
    pub async fn begin(stage: &'a mut Stage, feeds: &[Feed]) -> Self {
        stage.expect = stage.expect.clone().declared(0, ananke_audit::Wanted::ClusterOnlyDown);
        let mains = Tells { words: "OL", charge: 100, runtime: 3_600 };
        let tells = feeds.iter().map(|(name, ..)| (*name, mains.clone())).collect();
        let mut site = Self { stage, tells, courses: Vec::new(), begun: 0 };
        for (name, ..) in feeds {
            site.set(name, |_| {});
        }
        site.stage.arrives(Target::ClusterOnlyDown, 30).await;
        site
    }

    /// Changes what a UPS tells; one that was faulty tells again.
    pub fn set(&mut self, ups: &'static str, change: impl FnOnce(&mut Tells)) {
        change(self.tells.get_mut(ups).unwrap());
        let fault = Some(self.stuck(ups));
        self.stage.fate(&Fate::Telemetry { supply: ups.into(), fault });
    }

    /// A UPS fails to tell.
    pub fn fails(&mut self, ups: &str, fault: TelemetryFault) {
        self.stage.fate(&Fate::Telemetry { supply: ups.into(), fault: Some(fault) });
    }

    fn stuck(&self, ups: &str) -> TelemetryFault {
        let Tells { words, charge, runtime } = &self.tells[ups];
        let mut reading = self.stage.look(|world| world.supplies[ups].truth());
        reading.status = words.split(' ').map(str::to_owned).collect();
        reading.charge_percent = Some(*charge);
        reading.runtime_seconds = Some(*runtime);
        TelemetryFault::Stuck { reading }
    }

    /// Lets these courses run from now on.
    pub fn run(&mut self, courses: &[(&'static str, Course)]) {
        self.begun = self.stage.now();
        self.courses = courses.to_vec();
    }

    async fn pass(&mut self) {
        let seconds = (self.stage.now() - self.begun) / 1000;
        for (ups, course) in self.courses.clone() {
            let tells = self.tells.get_mut(ups).unwrap();
            match course {
                Course::Falls(pace) => {
                    let fallen = u8::try_from(seconds * pace / 60).unwrap_or(100);
                    tells.charge = 100_u8.saturating_sub(fallen);
                }
                Course::Flaps(span) => {
                    let is_away = (seconds / span).is_multiple_of(2);
                    tells.words = if is_away { "OB DISCHRG" } else { "OL" };
                }
            }
            let told = self.stuck(ups);
            self.stage.change(|world| {
                world.supplies.get_mut(ups).unwrap().telemetry = Some(told);
            });
        }
        self.stage.pass(LOOK).await;
    }

    /// Waits until a look finds what it looks for.
    async fn wait(&mut self, what: &str, look: impl Fn(&Self) -> bool) {
        let until = self.stage.now() + SOON * 1000;
        while !look(self) {
            if self.stage.now() > until {
                self.stage.fail(&format!("not within {SOON} s: {what}"));
            }
            self.pass().await;
        }
        self.stage.tell(what);
    }

    /// Waits until a host has gone off in order, and for the right reason.
    pub async fn goes_off(&mut self, host: &str, ups: &str, trigger: &str) {
        let is_off = |site: &Self| site.stage.look(|world| world.hosts[host].is_off());
        self.wait(&format!("{host} is off"), is_off).await;
        let last = self.changes(host).last().cloned();
        let in_order = matches!(last, Some((Actor::Ananke, What::HostHalting { .. })));
        self.stage.check(in_order, &format!("{host} did not go off in order: {last:?}"));
        let mut causes = self.memories(ups).into_iter().map(|mut memory| memory["cause"].take());
        let cause = causes.rfind(|cause| !cause.is_null()).unwrap_or_default();
        let is_it = cause["trigger"].as_str().unwrap_or_default().contains(trigger);
        self.stage.check(is_it, &format!("{host} went off for {cause}, not for {trigger}"));
    }

    /// Nothing happened to these hosts since they were switched on first.
    pub fn untouched(&mut self, hosts: &[&str]) {
        for host in hosts {
            let is_on = self.stage.look(|world| world.hosts[*host].is_on());
            let changes = self.changes(host);
            let is_untouched = is_on && changes.is_empty();
            self.stage.check(is_untouched, &format!("{host} was touched: {changes:?}"));
        }
    }

    /// Orders and buttons of a host, the oldest first.
    pub fn changes(&self, host: &str) -> Vec<(Actor, What)> {
        let is_it = |what: &What| match what {
            What::HostHalting { host: name, .. }
            | What::HostBooting { host: name }
            | What::HostCut { host: name, .. } => name == host,
            _ => false,
        };
        self.stage.look(|world| {
            let found = world.trace.iter().filter(|happening| is_it(&happening.what));
            found.map(|happening| (happening.who, happening.what.clone())).collect()
        })
    }

    /// A person switches a host on.
    pub async fn boot(&mut self, host: &str) {
        self.stage.fate(&Fate::PressPower { host: host.into() });
        let is_on = |site: &Self| site.stage.look(|world| world.hosts[host].is_on());
        self.wait(&format!("{host} is on"), is_on).await;
    }

    // What the daemon tells; never more than a second proof.

    async fn told(&mut self, what: &str, done: impl Fn(&Published) -> bool) {
        self.wait(what, |site| site.stage.told().is_some_and(|told| done(&told))).await;
    }

    /// Waits until the daemon has heard such words of a UPS, or nothing.
    pub async fn heard(&mut self, ups: &str, trust: &str, words: &str) {
        self.told(&format!("ananke knows: {ups} is {trust}: {words}"), |told| {
            let supply = told.status.supplies.iter().find(|supply| supply.name == ups);
            supply.is_some_and(|supply| {
                supply.trust.as_deref() == Some(trust) && supply.status.contains(words)
            })
        })
        .await;
    }

    /// Waits until the daemon has heard this charge of a UPS.
    pub async fn heard_charge(&mut self, ups: &str, charge: u8) {
        self.told(&format!("ananke knows: {ups} is charged to {charge} %"), |told| {
            let supply = told.status.supplies.iter().find(|supply| supply.name == ups);
            let heard = supply.and_then(|supply| supply.charge);
            heard.is_some_and(|heard| heard == ananke_crds::value::Percent::saturating(charge))
        })
        .await;
    }

    /// Waits until no UPS asks for anything any more.
    pub async fn lifted(&mut self) {
        let clear = |told: &Published| told.status.phase.as_deref() == Some("clear");
        self.told("no UPS asks for anything any more", clear).await;
    }

    /// Seconds that it takes from here to everything off.
    pub fn budget(&self) -> u64 {
        self.stage.told().unwrap().live.budget_seconds
    }

    /// How often an outage of a UPS began, as the journal keeps it.
    pub fn outages(&self, ups: &str) -> usize {
        let on: Vec<bool> =
            self.memories(ups).iter().map(|memory| !memory["onBatterySince"].is_null()).collect();
        let before = std::iter::once(false).chain(on.iter().copied());
        before.zip(&on).filter(|(before, on)| !before && **on).count()
    }

    /// What was remembered of a UPS, the oldest first.
    fn memories(&self, ups: &str) -> Vec<Value> {
        let lines = self.stage.store.journal().unwrap();
        let line = |line: &String| serde_json::from_str::<Value>(line).unwrap_or_default();
        let memories = lines.iter().map(|text| line(text)["event"]["supplies"][ups].take());
        memories.filter(|memory| !memory.is_null()).collect()
    }
}
