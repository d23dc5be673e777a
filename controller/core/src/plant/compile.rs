//! A policy's documents compiled into a plant.

use ananke_crds::{
    policy::{
        ClockMode, Heal, OffWhen, OnPowerRestored, OnSilence, PowerPolicySpec,
        Role as DocumentRole, SkippableStep, SnapshotKind, UnmanagedPods,
    },
    value::HostSelector,
};

use super::{
    HostPlan, LayerPlan, PathPlan, Plant, Role, Sections, ShutdownPlan, StartupPlan, SupplyPlan,
};
use crate::{
    graph::{self, Cycle},
    walk,
};

impl Plant {
    /// Compiles a valid policy. Names that point nowhere are validation's to refuse; here they are
    /// passed over. A cycle is refused again, because a graph with one cannot be walked.
    pub fn compile(name: &str, spec: &PowerPolicySpec) -> Result<Self, Cycle> {
        let places = Places { spec };
        let supplies = places.supplies();
        let hosts = places.hosts(&supplies);
        let paths = places.paths();
        let sections = places.sections();
        let graph = graph::build(&graph::Parts {
            supplies: &supplies,
            paths: &paths,
            hosts: &hosts,
            sections: &sections,
        })?;
        let mut plant = Self {
            name: name.to_owned(),
            declared: spec.target,
            suspended: spec.suspend,
            supplies,
            paths,
            hosts,
            shutdown: shutdown(spec),
            startup: startup(spec),
            sections,
            graph,
            span_scale: 1.0,
            wanted_off: Vec::new(),
        };
        plant.span_scale = walk::span_scale(&plant);
        plant.wanted_off = walk::wanted_off(&plant);
        Ok(plant)
    }
}

struct Places<'a> {
    spec: &'a PowerPolicySpec,
}

impl Places<'_> {
    fn host(&self, name: &str) -> Option<usize> {
        self.spec.hosts.iter().position(|host| host.name == *name)
    }

    fn selected(&self, selectors: &[HostSelector]) -> Vec<usize> {
        let all = selectors.contains(&HostSelector::All);
        let named = |at: &usize| {
            self.spec.hosts.get(*at).is_some_and(|host| {
                selectors
                    .iter()
                    .any(|s| matches!(s, HostSelector::Host(name) if *name == host.name))
            })
        };
        (0..self.spec.hosts.len()).filter(|at| all || named(at)).collect()
    }

    /// `"*"` of a supply is every host that no other supply names.
    fn fed(&self, selectors: &[HostSelector]) -> Vec<usize> {
        let named: Vec<usize> = self
            .spec
            .supplies
            .iter()
            .filter(|supply| !supply.powers.contains(&HostSelector::All))
            .flat_map(|supply| self.selected(&supply.powers))
            .collect();
        let explicit: Vec<HostSelector> =
            selectors.iter().filter(|s| **s != HostSelector::All).cloned().collect();
        let mut fed = self.selected(&explicit);
        if selectors.contains(&HostSelector::All) {
            fed.extend((0..self.spec.hosts.len()).filter(|at| !named.contains(at)));
        }
        fed.sort_unstable();
        fed.dedup();
        fed
    }

    fn supplies(&self) -> Vec<SupplyPlan> {
        let plan = |supply: &ananke_crds::policy::Supply| SupplyPlan {
            name: supply.name.to_string(),
            hosts: self.fed(&supply.powers),
            via: supply.via.as_ref().and_then(|via| self.host(via.name.as_str())),
            runtime_factor: supply.trigger.runtime_factor,
            trigger_min_charge: supply.trigger.min_charge.get(),
            max_on_battery: Some(supply.trigger.max_on_battery.get()).filter(|d| !d.is_zero()),
            max_fall_percent_per_minute: supply.trigger.max_fall.get(),
            debounce: supply.trigger.debounce,
            extrapolate_silence: supply.trigger.on_silence == OnSilence::Extrapolate,
            recover_min_charge: supply.recover.min_charge.get(),
            stable_for: supply.recover.stable_for.get(),
            resume_by_itself: supply.on_power_restored == OnPowerRestored::Resume,
        };
        self.spec.supplies.iter().map(plan).collect()
    }

    fn hosts(&self, supplies: &[SupplyPlan]) -> Vec<HostPlan> {
        let plan = |(at, host): (usize, &ananke_crds::policy::Host)| HostPlan {
            name: host.name.to_string(),
            role: match host.role {
                DocumentRole::Server => Role::Server,
                DocumentRole::Agent => Role::Agent,
                DocumentRole::None => Role::None,
            },
            is_self: host.is_self,
            wakes: host.wake.is_some(),
            supplies: (0..supplies.len())
                .filter(|s| supplies.get(*s).is_some_and(|supply| supply.hosts.contains(&at)))
                .collect(),
        };
        self.spec.hosts.iter().enumerate().map(plan).collect()
    }

    fn paths(&self) -> Vec<PathPlan> {
        let supply = |name: &str| self.spec.supplies.iter().position(|s| s.name == *name);
        let plan = |path: &ananke_crds::policy::NetworkPath| PathPlan {
            name: path.name.to_string(),
            supply: path.supply.as_ref().and_then(|name| supply(name.as_str())),
            host: path.host.as_ref().and_then(|name| self.host(name.as_str())),
            reaches: self.selected(&path.reaches),
            has_alternative: path.alternative.is_some(),
        };
        self.spec.paths.iter().map(plan).collect()
    }

    fn sections(&self) -> Sections {
        let startup = &self.spec.startup;
        Sections {
            clock_quorum: startup.clock.as_ref().map(|clock| self.clock_quorum(clock)),
            snapshot: self
                .spec
                .shutdown
                .snapshot
                .as_ref()
                .is_some_and(|snapshot| snapshot.kind != SnapshotKind::External),
            quiesce: self.spec.shutdown.quiesce.iter().map(|q| q.name.to_string()).collect(),
            source: startup.gitops.is_some(),
            layers: startup
                .layers
                .iter()
                .map(|layer| LayerPlan {
                    name: layer.name.to_string(),
                    follows_previous: layer.after.is_none(),
                })
                .collect(),
            vaults: startup
                .vault
                .iter()
                .map(|v| (v.name.to_string(), v.layer.as_ref().map(ToString::to_string)))
                .collect(),
            images: startup
                .images
                .iter()
                .filter_map(|i| Some((i.name.to_string(), self.host(i.host.as_str())?)))
                .collect(),
            gates: startup.services.iter().map(|s| s.name.to_string()).collect(),
            soak: startup.soak.is_some(),
            after: self.after(),
        }
    }

    fn clock_quorum(&self, clock: &ananke_crds::policy::ClockCheck) -> u32 {
        let hosts = self.spec.hosts.iter().filter(|host| !host.is_self).count();
        let all = u32::try_from(hosts).unwrap_or(u32::MAX);
        match clock.mode {
            ClockMode::Strict => all,
            ClockMode::Quorum => clock.quorum.unwrap_or(all / 2 + 1).min(all),
        }
    }

    fn after(&self) -> Vec<(String, String)> {
        let spec = self.spec;
        let hosts = spec.hosts.iter().map(|h| (format!("host/{}", h.name), h.after.as_slice()));
        let layers = spec
            .startup
            .layers
            .iter()
            .map(|l| (format!("layer/{}", l.name), l.after.as_deref().unwrap_or_default()));
        let images =
            spec.startup.images.iter().map(|i| (format!("images/{}", i.name), i.after.as_slice()));
        let gates =
            spec.startup.services.iter().map(|s| (format!("gate/{}", s.name), s.after.as_slice()));
        hosts
            .chain(layers)
            .chain(images)
            .chain(gates)
            .flat_map(|(from, refs)| refs.iter().map(move |to| (from.clone(), to.to_string())))
            .collect()
    }
}

fn shutdown(spec: &PowerPolicySpec) -> ShutdownPlan {
    let down = &spec.shutdown;
    let own = spec.hosts.iter().find(|host| host.is_self);
    let own_off = own.map(|host| host.off.unwrap_or_default());
    let own_when = own_off.map(|off| off.when);
    ShutdownPlan {
        drain_timeout: down.drain.timeout.get(),
        drain_emergency_timeout: down.drain.emergency_timeout.get(),
        pod_grace: down.drain.pod_grace.get(),
        deletes_unmanaged: down.drain.unmanaged_pods == UnmanagedPods::Delete,
        snapshot_required: down.snapshot.as_ref().is_some_and(|snapshot| snapshot.required),
        emergency_skips_snapshot: down.emergency.skip.contains(&SkippableStep::Snapshot),
        emergency_skips_drain: down.emergency.skip.contains(&SkippableStep::Drain),
        emergency_budget: down.emergency.budget.get(),
        service_timeout: down.service_timeout.get(),
        longest_halt: down.verify_off.longest_halt.get(),
        verify_off_timeout: down.verify_off.timeout.get(),
        powers_self_off: own_when.is_some_and(|when| when != OffWhen::Never),
        powers_self_off_last_moment: own_when == Some(OffWhen::LastMoment),
        own_way_back: own_off.unwrap_or_default().way_back,
    }
}

fn startup(spec: &PowerPolicySpec) -> StartupPlan {
    let up = &spec.startup;
    StartupPlan {
        longest_boot: up.longest_boot.get(),
        service_timeout: up.service_timeout.get(),
        heals_always: up.heal == Heal::All,
        ignore_unavailable: up.ignore_unavailable.iter().map(ToString::to_string).collect(),
    }
}
