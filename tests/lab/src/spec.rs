//! What a lab consists of: hosts, supplies, and where the programs of the stack are.

use std::collections::BTreeMap;
use std::fmt;
use std::net::Ipv4Addr;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU32, Ordering};

use anyhow::{Result, ensure};
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// Address of the hub (the machine that the daemon under test runs on) in every lab.
pub const HUB_ADDRESS: Ipv4Addr = Ipv4Addr::new(10, 77, 0, 1);
/// The network of every lab; each lab has its own copy in its own network namespace.
pub const NETWORK: &str = "10.77.0.0/24";
/// TCP port of `upsd` at [`HUB_ADDRESS`]: NUT's registered port.
pub const NUT_PORT: u16 = 3493;
/// The user that the daemon logs in as on every host.
pub const USER: &str = "ananke";

/// Name of a lab: one to six of `a-z0-9`, so that several can live side by side.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct LabName(String);

impl LabName {
    /// Accepts a name.
    ///
    /// # Errors
    /// It is empty, longer than six characters, or has others than `a-z0-9`.
    pub fn new(name: &str) -> Result<Self> {
        let fits = (1..=6).contains(&name.len())
            && name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit());
        ensure!(fits, "lab name `{name}`: use one to six of a-z and 0-9");
        Ok(Self(name.to_owned()))
    }

    /// A name that no other lab of a living process has: made of the process id and a counter.
    pub fn unique() -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        // pid_max is at most 2^22: five digits to base 36, and one digit for the counter.
        let number =
            std::process::id() % 36_u32.pow(5) * 36 + COUNT.fetch_add(1, Ordering::Relaxed) % 36;
        Self(base36(number))
    }

    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

fn base36(mut number: u32) -> String {
    let mut digits = Vec::new();
    loop {
        digits.extend(char::from_digit(number % 36, 36));
        number /= 36;
        if number == 0 {
            return digits.into_iter().rev().collect();
        }
    }
}

impl fmt::Display for LabName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl TryFrom<String> for LabName {
    type Error = anyhow::Error;
    fn try_from(name: String) -> Result<Self> {
        Self::new(&name)
    }
}

impl From<LabName> for String {
    fn from(name: LabName) -> Self {
        name.0
    }
}

/// What a host does in the cluster; decides which unit is enabled on it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Role {
    /// `k3s.service`: control plane.
    Server,
    /// `k3s-agent.service`.
    Agent,
    /// Neither: a jump host, a database host.
    None,
}

impl Role {
    /// The unit of this role, if it has one.
    pub fn unit(self) -> Option<&'static str> {
        match self {
            Self::Server => Some("k3s.service"),
            Self::Agent => Some("k3s-agent.service"),
            Self::None => None,
        }
    }
}

/// The firmware's setting for the moment when power comes back to a host that lost it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum OnAcReturn {
    /// Boots.
    Boot,
    /// Stays off until it is woken.
    StayOff,
}

/// One host.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct HostSpec {
    /// Host name, unique in the lab.
    pub name: String,
    /// Its place in the cluster.
    pub role: Role,
    /// Last byte of its address and of its MAC; [`LabSpec::host`] gives the next free one.
    pub number: u8,
    /// What it does when power comes back.
    pub on_ac_return: OnAcReturn,
    /// Whether its network card listens for magic packets while the host is off.
    pub standby: bool,
    /// Whether it is on at first.
    pub on: bool,
    /// Keys for its `/etc/rancher/k3s/config.yaml`; they override what the lab writes by itself.
    pub k3s: BTreeMap<String, Value>,
}

impl HostSpec {
    /// A host that is on, armed for Wake-on-LAN, and stays off when power returns.
    pub fn new(name: &str, role: Role) -> Self {
        Self {
            name: name.to_owned(),
            role,
            number: 0,
            on_ac_return: OnAcReturn::StayOff,
            standby: true,
            on: true,
            k3s: BTreeMap::new(),
        }
    }

    /// Its address in the lab's network.
    pub fn address(&self) -> Ipv4Addr {
        Ipv4Addr::new(10, 77, 0, self.number)
    }

    /// Its MAC address.
    pub fn mac(&self) -> [u8; 6] {
        [0x02, 0x00, 0x5e, 0x77, 0x00, self.number]
    }

    /// Its MAC address as text, lower case with colons.
    pub fn mac_text(&self) -> String {
        self.mac().map(|byte| format!("{byte:02x}")).join(":")
    }
}

/// One uninterruptible power supply, served by the lab's `upsd`.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct UpsSpec {
    /// Name in `upsd`.
    pub name: String,
    /// Hosts that it feeds; empty: every host that no other supply names.
    pub powers: Vec<String>,
    /// How its battery behaves once [`crate::Lab::mains`] has been called.
    pub battery: BatterySpec,
}

impl UpsSpec {
    /// A supply that feeds every host that no other supply names.
    pub fn new(name: &str) -> Self {
        Self { name: name.to_owned(), powers: Vec::new(), battery: BatterySpec::default() }
    }
}

/// A battery: all times in seconds of its own clock, which runs `speed` times faster than ours.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct BatterySpec {
    /// How long a full battery lasts while all its hosts are on.
    pub full_runtime_s: f64,
    /// How long it charges from empty to full.
    pub recharge_s: f64,
    /// Share of the full load that is drawn with every host off (0 to 1): switches, the UPS itself.
    pub idle_load: f64,
    /// Charge in percent at or below which it says `LB`.
    pub low_charge: f64,
    /// Runtime at or below which it says `LB`.
    pub low_runtime_s: f64,
    /// Charge in percent at first.
    pub charge: f64,
    /// Seconds of battery time per second of wall time.
    pub speed: f64,
}

impl Default for BatterySpec {
    fn default() -> Self {
        Self {
            full_runtime_s: 1800.0,
            recharge_s: 4.0 * 3600.0,
            idle_load: 0.1,
            low_charge: 20.0,
            low_runtime_s: 300.0,
            charge: 100.0,
            speed: 1.0,
        }
    }
}

/// Everything about a lab.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct LabSpec {
    /// Its name.
    pub name: LabName,
    /// Its hosts, in the order of their addresses.
    pub hosts: Vec<HostSpec>,
    /// Its supplies; none: no `upsd` runs.
    pub supplies: Vec<UpsSpec>,
    /// Whether `upsd` offers STARTTLS (it cannot be made to require it).
    pub nut_tls: bool,
    /// Folder with `k3s`, `k3s-killall.sh` and `kubectl`, seen by the hosts as `/opt/stack/bin`.
    /// Without it the hosts have no Kubernetes units at all.
    pub stack: Option<PathBuf>,
    /// Where logs go to outlive the lab; without it they go with it.
    pub logs: Option<PathBuf>,
}

impl LabSpec {
    /// An empty lab.
    pub fn new(name: LabName) -> Self {
        Self {
            name,
            hosts: Vec::new(),
            supplies: Vec::new(),
            nut_tls: false,
            stack: None,
            logs: None,
        }
    }

    /// Adds a host; a `number` of 0 becomes the next free one, from 11.
    #[must_use]
    pub fn host(mut self, mut host: HostSpec) -> Self {
        if host.number == 0 {
            let last = self.hosts.iter().map(|h| h.number).max().unwrap_or(0);
            host.number = last.max(10).saturating_add(1);
        }
        self.hosts.push(host);
        self
    }

    /// Adds a server.
    #[must_use]
    pub fn server(self, name: &str) -> Self {
        self.host(HostSpec::new(name, Role::Server))
    }

    /// Adds an agent.
    #[must_use]
    pub fn agent(self, name: &str) -> Self {
        self.host(HostSpec::new(name, Role::Agent))
    }

    /// Adds a supply.
    #[must_use]
    pub fn ups(mut self, ups: UpsSpec) -> Self {
        self.supplies.push(ups);
        self
    }

    /// Gives the folder with the programs of the stack.
    #[must_use]
    pub fn stack(mut self, folder: impl Into<PathBuf>) -> Self {
        self.stack = Some(folder.into());
        self
    }

    /// Keeps the logs in `folder`.
    #[must_use]
    pub fn logs(mut self, folder: impl Into<PathBuf>) -> Self {
        self.logs = Some(folder.into());
        self
    }

    /// Names of the hosts that `ups` feeds.
    pub fn powered_by(&self, ups: &UpsSpec) -> Vec<&str> {
        let named = |host: &str| self.supplies.iter().any(|u| u.powers.iter().any(|p| p == host));
        self.hosts
            .iter()
            .map(|host| host.name.as_str())
            .filter(|host| {
                if ups.powers.is_empty() {
                    !named(host)
                } else {
                    ups.powers.iter().any(|p| p == host)
                }
            })
            .collect()
    }

    /// Checks what types cannot: names unique and usable, every name points somewhere.
    ///
    /// # Errors
    /// The first thing that is wrong.
    pub fn validate(&self) -> Result<()> {
        for (i, host) in self.hosts.iter().enumerate() {
            let name = &host.name;
            ensure!(is_label(name), "host `{name}`: use a-z, 0-9 and `-` (a DNS label)");
            ensure!((2..=254).contains(&host.number), "host `{name}`: number out of 2..254");
            for other in self.hosts.iter().take(i) {
                ensure!(other.name != *name, "host `{name}` is there twice");
                ensure!(other.number != host.number, "`{name}` and `{}`: one number", other.name);
            }
        }
        for (i, ups) in self.supplies.iter().enumerate() {
            let name = &ups.name;
            ensure!(is_label(name), "supply `{name}`: use a-z, 0-9 and `-`");
            ensure!(
                !self.supplies.iter().take(i).any(|u| u.name == *name),
                "supply `{name}` is there twice"
            );
            for host in &ups.powers {
                ensure!(
                    self.hosts.iter().any(|h| h.name == *host),
                    "supply `{name}` powers `{host}`, which is no host of the lab"
                );
            }
        }
        Ok(())
    }
}

fn is_label(name: &str) -> bool {
    !name.is_empty()
        && name.len() <= 63
        && !name.starts_with('-')
        && name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lab() -> LabSpec {
        LabSpec::new(LabName::new("t").unwrap()).server("n1").agent("n2").agent("n3")
    }

    #[test]
    fn hosts_are_numbered_from_eleven() {
        let lab = lab();
        let addresses: Vec<String> = lab.hosts.iter().map(|h| h.address().to_string()).collect();
        assert_eq!(addresses, ["10.77.0.11", "10.77.0.12", "10.77.0.13"]);
        assert_eq!(lab.hosts[2].mac_text(), "02:00:5e:77:00:0d");
    }

    #[test]
    fn a_supply_without_a_list_feeds_what_no_other_names() {
        let mut second = UpsSpec::new("statera");
        second.powers = vec!["n3".into()];
        let lab = lab().ups(UpsSpec::new("pyrphoros")).ups(second);
        assert_eq!(lab.powered_by(&lab.supplies[0]), ["n1", "n2"]);
        assert_eq!(lab.powered_by(&lab.supplies[1]), ["n3"]);
        lab.validate().unwrap();
    }

    #[test]
    fn names_that_point_nowhere_or_repeat_are_refused() {
        let mut ups = UpsSpec::new("ups");
        ups.powers = vec!["n9".into()];
        assert!(lab().ups(ups).validate().is_err());
        assert!(lab().agent("n2").validate().is_err());
        assert!(lab().agent("N4").validate().is_err());
    }

    #[test]
    fn lab_names_are_short_and_unique_ones_differ() {
        for bad in ["", "toolong", "A", "a-b"] {
            assert!(LabName::new(bad).is_err(), "{bad}");
        }
        let (a, b) = (LabName::unique(), LabName::unique());
        assert_ne!(a, b);
        LabName::new(a.as_str()).unwrap();
    }
}
