use crate::world::{Host, Role, Workload, WorkloadKind, World};

impl World {
    /// One server and two agents on one UPS of 15 minutes: the smallest world in which every story
    /// can be told.
    ///
    /// A person has cordoned nothing and suspended nothing; the stories do that themselves.
    pub fn small(seed: u64) -> Self {
        let mut world = Self::empty(seed);
        for (name, role) in
            [("server-0", Role::Server), ("agent-0", Role::Agent), ("agent-1", Role::Agent)]
        {
            world.add_host(name, Host::new(role, &["ups"]));
        }
        world.add_supply("ups", 15);
        world.add_system_workloads();
        world.add_flux("ssh://git@git.example.org/homelab.git", "main");
        world.add_kustomization("flux-system", None);
        world.add_kustomization("infrastructure", Some("flux-system"));
        world.add_kustomization("apps", Some("flux-system"));
        world.add_workload("web", "site", Workload::new(WorkloadKind::Deployment, 2));
        let database = Workload { volume: true, ..Workload::new(WorkloadKind::StatefulSet, 1) };
        world.add_workload("data", "postgres", database);
        world.raised()
    }
}
