//! The port, put together.

use std::{sync::Arc, time::Duration};

use ananke_core::{
    marks::Mark,
    observe::{ApiHealth, ClusterFacts, GitopsRef},
    step::PodRef,
};
use ananke_ports::{Cluster, ClusterError, EventNote, Publication};
use async_trait::async_trait;
use tokio::{
    sync::{Notify, Semaphore},
    task::JoinSet,
    time::Instant,
};

use crate::{
    call::until,
    config::{KubeConfig, KubeConfigError},
    drain, events,
    facts::{Facts, Starter},
    feed::Shared,
    fleet::Fleet,
    lease,
    marks::{self, Field},
    mirror::Mirror,
};

/// The real Kubernetes API.
pub struct KubeCluster {
    identity: String,
    policy: String,
    fleet: Arc<Fleet>,
    bell: Arc<Notify>,
    facts: Facts,
    mirror: Mirror,
    /// The watches; they end with this.
    _tasks: JoinSet<()>,
}

impl KubeCluster {
    /// Begins to watch. Neither the API nor the kubeconfig need be there yet.
    ///
    /// Must be called within a tokio runtime.
    ///
    /// # Errors
    ///
    /// When a URL or a selector in `config` is none.
    pub fn new(config: KubeConfig) -> Result<Self, KubeConfigError> {
        let carriers = config.carrier_selectors()?;
        let fleet = Arc::new(Fleet::new(config.kubeconfig.clone(), config.server_urls()?));
        let bell = Arc::new(Notify::new());
        let shared = Shared {
            fleet: Arc::clone(&fleet),
            bell: Arc::clone(&bell),
            lists: Arc::new(Semaphore::new(1)),
        };
        let mut tasks = JoinSet::new();
        let mut starter = Starter { shared: &shared, tasks: &mut tasks };
        let facts = Facts::start(&mut starter, carriers, config.source.as_ref());
        let mirror = Mirror::start(&mut starter, &config.policy);
        let KubeConfig { identity, policy, .. } = config;
        Ok(Self { identity, policy, fleet, bell, facts, mirror, _tasks: tasks })
    }
}

#[async_trait]
impl Cluster for KubeCluster {
    async fn health(&self, deadline: Duration) -> Result<ApiHealth, ClusterError> {
        self.fleet.health(until(deadline)).await
    }

    async fn facts(&self, deadline: Duration) -> Result<ClusterFacts, ClusterError> {
        self.fleet.heartbeat(until(deadline)).await?;
        self.facts.look(Instant::now())
    }

    async fn changed(&self) {
        self.bell.notified().await;
    }

    async fn cordon(
        &self,
        node: &str,
        mark: &Mark,
        deadline: Duration,
    ) -> Result<(), ClusterError> {
        marks::set(&self.fleet, &Field::of_node(node), mark, until(deadline)).await
    }

    async fn uncordon(&self, node: &str, deadline: Duration) -> Result<(), ClusterError> {
        marks::undo(&self.fleet, &Field::of_node(node), until(deadline)).await
    }

    async fn suspend(
        &self,
        object: &GitopsRef,
        mark: &Mark,
        deadline: Duration,
    ) -> Result<(), ClusterError> {
        marks::set(&self.fleet, &Field::of_gitops(object), mark, until(deadline)).await
    }

    async fn resume(&self, object: &GitopsRef, deadline: Duration) -> Result<(), ClusterError> {
        marks::undo(&self.fleet, &Field::of_gitops(object), until(deadline)).await
    }

    async fn evict(&self, pod: &PodRef, deadline: Duration) -> Result<(), ClusterError> {
        if self.facts.has_ended(pod) {
            return Ok(());
        }
        drain::evict(&self.fleet, pod, until(deadline)).await
    }

    async fn delete_pod(
        &self,
        pod: &PodRef,
        grace_seconds: Option<u32>,
        deadline: Duration,
    ) -> Result<(), ClusterError> {
        drain::delete(&self.fleet, pod, grace_seconds, until(deadline)).await
    }

    async fn publish(
        &self,
        publication: &Publication,
        deadline: Duration,
    ) -> Result<(), ClusterError> {
        self.mirror.publish(&self.fleet, publication, until(deadline)).await
    }

    async fn event(&self, note: &EventNote, deadline: Duration) -> Result<(), ClusterError> {
        let uid = self.mirror.uid();
        events::write(&self.fleet, note, uid.as_deref(), &self.identity, until(deadline)).await
    }

    async fn renew_lease(&self, deadline: Duration) -> Result<(), ClusterError> {
        lease::renew(&self.fleet, &self.policy, &self.identity, until(deadline)).await
    }
}
