use ananke_crds::{
    policy::{Host as PolicyHost, PowerPolicySpec, Role as PolicyRole, Supply as PolicySupply},
    value::HostSelector,
};

use super::POLICY_BATTERY_MINUTES;
use crate::world::{Host, Role, Workload, WorkloadKind, World};

impl World {
    /// A world that fits a policy: its hosts on its supplies, everything running.
    ///
    /// What a policy does not tell (watts, boot times, pods) is ordinary.
    pub fn from_policy(policy: &PowerPolicySpec, seed: u64) -> Self {
        let mut world = Self::empty(seed);
        let mut agents = 0;
        for host in &policy.hosts {
            agents += u32::from(host.role == PolicyRole::Agent);
            let supplies = supplies_of(host, &policy.supplies);
            let role = match host.role {
                PolicyRole::Server => Role::Server,
                PolicyRole::Agent => Role::Agent,
                PolicyRole::None => Role::None,
            };
            let machine = Host { wakes: host.wake.is_some(), ..Host::new(role, &supplies) };
            world.add_host(host.name.as_str(), machine);
            if host.is_self {
                world.own_host = Some(host.name.to_string());
            }
        }
        for supply in &policy.supplies {
            world.add_supply(supply.name.as_str(), POLICY_BATTERY_MINUTES);
            if let Some(via) = &supply.via
                && let Some(made) = world.supplies.get_mut(supply.name.as_str())
            {
                made.via = Some(via.name.to_string());
            }
        }
        world.add_system_workloads();
        if let Some(gitops) = &policy.startup.gitops {
            world.add_flux(gitops.source.url.as_str(), &gitops.source.branch);
            world.add_kustomization("flux-system", None);
            world.add_kustomization("infrastructure", Some("flux-system"));
            world.add_kustomization("apps", Some("flux-system"));
        }
        world.add_workload(
            "web",
            "site",
            Workload::new(WorkloadKind::Deployment, agents.max(1) * 2),
        );
        let database = Workload { volume: true, ..Workload::new(WorkloadKind::StatefulSet, 2) };
        world.add_workload("data", "postgres", database);
        world.raised()
    }
}

/// The supplies that feed a host: those that name it, else those that feed everything else.
fn supplies_of<'a>(host: &PolicyHost, supplies: &'a [PolicySupply]) -> Vec<&'a str> {
    let naming = |selects: &dyn Fn(&HostSelector) -> bool| -> Vec<&'a str> {
        supplies.iter().filter(|s| s.powers.iter().any(selects)).map(|s| s.name.as_str()).collect()
    };
    let named = naming(&|s| matches!(s, HostSelector::Host(name) if *name == host.name));
    if named.is_empty() { naming(&|s| *s == HostSelector::All) } else { named }
}
