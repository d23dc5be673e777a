use std::collections::{BTreeMap, BTreeSet};

use crate::{
    Actor, Happening, Millis, NOT_GONE_YET, NOT_HEARD_YET, Picture, Power, Role, Service, What,
    supply::SupplyThen,
};

/// The world as the happenings told so far leave it.
pub(super) struct Replay {
    pub(super) supplies: BTreeMap<String, SupplyThen>,
    pub(super) hosts: BTreeMap<String, HostThen>,
    pub(super) gitops: BTreeMap<String, GitopsThen>,
    pub(super) nodes: BTreeMap<String, NodeThen>,
    pub(super) own_host: Option<String>,
    pub(super) quorum: usize,
    pub(super) api_up: bool,
    /// Whether an etcd snapshot was taken since we last suspended something.
    pub(super) has_snapshot: bool,
}

pub(super) struct HostThen {
    pub(super) supplies: Vec<String>,
    pub(super) role: Option<Role>,
    pub(super) service: Service,
    pub(super) off: bool,
    /// Since when nobody can hear it although it is on.
    unheard_since: Option<Millis>,
    /// From when to when nobody could, before it could be heard again.
    was_unheard: Option<(Millis, Millis)>,
    /// When its service ended with its power, and not by us.
    lost_at: Option<Millis>,
    /// It boots.
    boots: bool,
    /// When it had booted last.
    booted: Option<Millis>,
    /// Pods running on it that a drain has to end.
    pub(super) pods: BTreeSet<String>,
}

pub(super) struct GitopsThen {
    pub(super) parent: Option<String>,
    pub(super) suspended: bool,
    /// When a person resumed it last.
    pub(super) resumed_by_hand: Option<Millis>,
    /// Suspended before the run, or by a person in it.
    pub(super) theirs: bool,
}

pub(super) struct NodeThen {
    /// Cordoned before the run, or by a person in it.
    pub(super) theirs: bool,
}

impl HostThen {
    /// Whether its service is active or on its way there, as far as anybody can know.
    pub(super) fn is_up(&self, at: Millis) -> bool {
        let seemed = self.lost_at.is_some_and(|lost| at <= lost.saturating_add(NOT_GONE_YET));
        self.serves() || seemed
    }

    const fn serves(&self) -> bool {
        matches!(self.service, Service::Active | Service::Starting)
    }

    /// Whether it is on and whoever looks has to take it for off: it was off until a moment ago, or
    /// nobody heard it for too long.
    pub(super) fn is_taken_for_off(&self, at: Millis, after: Millis) -> bool {
        let is_long = |since: Millis, until: Millis| until >= since.saturating_add(after);
        let is_new = |since: Millis| at <= since.saturating_add(NOT_HEARD_YET);
        self.booted.is_some_and(is_new)
            || self.unheard_since.is_some_and(|since| is_long(since, at))
            || self.was_unheard.is_some_and(|(since, until)| is_long(since, until) && is_new(until))
    }
}

impl Replay {
    pub(super) fn new(before: &Picture, held_for: Millis) -> Self {
        let supplies = before
            .supplies
            .iter()
            .map(|(name, supply)| (name.clone(), SupplyThen::new(supply, before.at, held_for)));
        let hosts = before.hosts.iter().map(|(name, host)| {
            let then = HostThen {
                supplies: host.supplies.clone(),
                role: host.role,
                service: host.service,
                off: host.power == Power::Off,
                unheard_since: None,
                was_unheard: None,
                lost_at: None,
                boots: false,
                booted: None,
                pods: host.drained(),
            };
            (name.clone(), then)
        });
        let gitops = before.gitops.iter().map(|(object, gitops)| {
            let then = GitopsThen {
                parent: gitops.parent.clone(),
                suspended: gitops.suspend.held,
                resumed_by_hand: None,
                theirs: gitops.suspend.is_theirs(),
            };
            (object.clone(), then)
        });
        let nodes = before
            .nodes
            .iter()
            .map(|(name, node)| (name.clone(), NodeThen { theirs: node.is_theirs() }));
        Self {
            supplies: supplies.collect(),
            hosts: hosts.collect(),
            gitops: gitops.collect(),
            nodes: nodes.collect(),
            own_host: before.own_host.clone(),
            quorum: before.quorum(),
            api_up: before.api_ready,
            has_snapshot: false,
        }
    }

    /// Whether all supplies of a host are known to be on battery, or not to be heard.
    pub(super) fn is_known_unpowered(&self, host: &str, at: Millis) -> bool {
        let Some(host) = self.hosts.get(host) else { return false };
        let is_bad = |name: &String| self.supplies.get(name).is_some_and(|s| s.is_known_bad(at));
        !host.supplies.is_empty() && host.supplies.iter().all(is_bad)
    }

    /// Whether mains are behind a host.
    pub(super) fn on_mains(&self, host: &HostThen) -> bool {
        host.supplies.is_empty()
            || host.supplies.iter().any(|s| self.supplies.get(s).is_some_and(|s| s.mains))
    }

    /// Whether mains are behind a host, and are known to have been there for long enough.
    pub(super) fn on_lasting_mains(&self, host: &HostThen, at: Millis) -> bool {
        let lasting = |supply: &SupplyThen| supply.is_on_lasting_mains(at);
        host.supplies.is_empty()
            || host.supplies.iter().any(|s| self.supplies.get(s).is_some_and(lasting))
    }

    /// Whether enough servers for an API have been heard of late.
    pub(super) fn may_serve(&self, at: Millis, unheard_is_off: Millis) -> bool {
        let servers = self.hosts.values().filter(|h| h.role == Some(Role::Server));
        servers.filter(|h| !h.is_taken_for_off(at, unheard_is_off)).count() >= self.quorum
    }

    /// Servers whose service is active or on its way there, as far as anybody can know.
    pub(super) fn servers_up(&self, at: Millis) -> usize {
        let servers = self.hosts.values().filter(|h| h.role == Some(Role::Server));
        servers.filter(|h| h.is_up(at)).count()
    }

    pub(super) fn apply(&mut self, happening: &Happening) {
        let at = happening.at;
        let person = happening.who == Actor::Person;
        match &happening.what {
            What::MainsLost { supply } => self.supply(supply, |s| s.mains(false, at)),
            What::MainsBack { supply } => self.supply(supply, |s| s.mains(true, at)),
            What::PowerHidden { supply, hidden } => self.supply(supply, |s| s.hidden(*hidden, at)),
            What::HostUnheard { host, unheard } => self.host(host, |h| {
                if !unheard {
                    h.was_unheard = h.unheard_since.map(|since| (since, at));
                }
                h.unheard_since = unheard.then(|| h.unheard_since.unwrap_or(at));
            }),
            What::HostBooting { host } => self.host(host, |h| (h.off, h.boots) = (false, true)),
            What::HostOff { host } | What::HostCut { host, .. } => self.host(host, |h| {
                h.lost_at = (happening.who != Actor::Ananke && h.serves()).then_some(at);
                h.off = true;
                h.service = Service::Down;
                h.pods.clear();
            }),
            What::ServiceStarting { host } => self.host(host, |h| {
                h.service = Service::Starting;
                // It is enabled at boot.
                if std::mem::take(&mut h.boots) {
                    h.booted = Some(at);
                }
            }),
            What::ServiceActive { host } => self.host(host, |h| h.service = Service::Active),
            What::ServiceStopping { host, runtime_left } => {
                self.lasts(host, *runtime_left);
                self.host(host, |h| h.service = Service::Stopping);
            }
            What::HostHalting { host, runtime_left, .. } => self.lasts(host, *runtime_left),
            What::ServiceDown { host } => self.host(host, |h| h.service = Service::Down),
            What::PodStarted { pod, node, daemon: false } => self.host(node, |h| {
                h.pods.insert(pod.clone());
            }),
            What::PodEnded { pod, node } => self.host(node, |h| {
                h.pods.remove(pod);
            }),
            What::SnapshotTaken { .. } => self.has_snapshot = true,
            What::ApiUp => self.api_up = true,
            What::ApiDown => self.api_up = false,
            What::Suspended { object } => {
                self.has_snapshot &= happening.who != Actor::Ananke;
                self.gitops(object, |g| {
                    g.suspended = true;
                    g.theirs |= person;
                });
            }
            // What Flux itself takes back is no longer anybody's.
            What::Resumed { object } => self.gitops(object, |g| {
                g.suspended = false;
                g.resumed_by_hand = person.then_some(at);
                g.theirs &= happening.who == Actor::Ananke;
            }),
            What::Cordoned { node } if person => self.node(node, true),
            What::Uncordoned { node } if person => self.node(node, false),
            _ => {}
        }
    }

    fn supply(&mut self, name: &str, change: impl FnOnce(&mut SupplyThen)) {
        if let Some(supply) = self.supplies.get_mut(name) {
            change(supply);
        }
    }

    /// What is left behind a host is told by its supply, if it has but one.
    fn lasts(&mut self, host: &str, runtime_left: Option<Millis>) {
        let feeds = self.hosts.get(host).map(|host| host.supplies.as_slice());
        if let (Some([feed]), Some(left)) = (feeds, runtime_left) {
            self.supply(&feed.clone(), |supply| supply.lasts(left));
        }
    }

    fn host(&mut self, name: &str, change: impl FnOnce(&mut HostThen)) {
        if let Some(host) = self.hosts.get_mut(name) {
            change(host);
        }
    }

    fn gitops(&mut self, object: &str, change: impl FnOnce(&mut GitopsThen)) {
        if let Some(found) = self.gitops.get_mut(object) {
            change(found);
        }
    }

    fn node(&mut self, name: &str, theirs: bool) {
        if let Some(node) = self.nodes.get_mut(name) {
            node.theirs = theirs;
        }
    }
}
