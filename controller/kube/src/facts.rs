//! All watches, and what they say together.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use ananke_core::{
    observe::{ClusterFacts, GitopsFacts, GitopsKind, NodeFacts, SourceFacts, VolumeFacts},
    step::PodRef,
};
use ananke_ports::ClusterError;
use kube::core::Selector;
use tokio::{task::JoinSet, time::Instant};

use crate::{
    config::SourceRef,
    feed::{Feed, Shared},
    flux::{self, SOURCE_LEASE},
    longhorn::{self, ReplicaKept},
    nodes::{self, AttachmentKept, NodeKept, is_fresh},
    pods::{self, PodKept},
    store::{Entry, Key, Store},
    wire::Wire,
};

/// Where kubelets renew their leases.
const NODE_LEASES: &str = "/apis/coordination.k8s.io/v1/namespaces/kube-node-lease/leases";

/// The objects of the cluster, kept in step by one task per kind.
pub(crate) struct Facts {
    nodes: Arc<Store<NodeKept>>,
    node_leases: Arc<Store<String>>,
    pods: Arc<Store<PodKept>>,
    attachments: Arc<Store<AttachmentKept>>,
    replicas: Arc<Store<ReplicaKept>>,
    kustomizations: Arc<Store<GitopsFacts>>,
    helm_releases: Arc<Store<GitopsFacts>>,
    source: Option<Source>,
}

/// The Git source, and the sign of life of the controller that writes its status.
struct Source {
    key: Key,
    objects: Arc<Store<SourceFacts>>,
    leases: Arc<Store<String>>,
}

/// Begins feeds.
pub(crate) struct Starter<'a> {
    pub shared: &'a Shared,
    pub tasks: &'a mut JoinSet<()>,
}

impl Starter<'_> {
    /// Begins a feed; it ends with the set of tasks.
    pub(crate) fn start<W: Wire>(
        &mut self,
        what: &'static str,
        path: String,
        optional: bool,
        fields: Option<String>,
        keep: impl Fn(&W) -> Option<W::Kept> + Send + Sync + 'static,
    ) -> Arc<Store<W::Kept>> {
        let store = Arc::new(Store::new(what, Instant::now()));
        let keep = Box::new(keep);
        let feed = Feed { path, fields, optional, keep, store: Arc::clone(&store) };
        self.tasks.spawn(feed.run(self.shared.clone()));
        store
    }

    fn gitops(&mut self, kind: GitopsKind) -> Arc<Store<GitopsFacts>> {
        let (group, plural) = flux::collection(kind);
        let keep = move |object: &flux::GitopsWire| Some(flux::keep(kind, object));
        self.start(plural, format!("{group}/{plural}"), true, None, keep)
    }

    fn source(&mut self, source: &SourceRef) -> Source {
        let SourceRef { namespace, name } = source;
        let objects = self.start(
            "gitrepositories",
            format!("/apis/source.toolkit.fluxcd.io/v1/namespaces/{namespace}/gitrepositories"),
            true,
            Some(format!("metadata.name={name}")),
            |source| Some(flux::keep_source(source)),
        );
        let leases = self.start(
            "the lease of source-controller",
            format!("/apis/coordination.k8s.io/v1/namespaces/{namespace}/leases"),
            false,
            Some(format!("metadata.name={SOURCE_LEASE}")),
            nodes::keep_lease,
        );
        Source { key: Key::new(namespace, name), objects, leases }
    }
}

impl Facts {
    /// Begins to watch.
    pub(crate) fn start(
        starter: &mut Starter<'_>,
        carriers: Vec<Selector>,
        source: Option<&SourceRef>,
    ) -> Self {
        let lease_path = NODE_LEASES.to_owned();
        let attachment_path = "/apis/storage.k8s.io/v1/volumeattachments".to_owned();
        let keep_pod = move |pod: &pods::PodWire| pods::keep(pod, &carriers);
        let fields = Some(pods::FIELDS.to_owned());
        Self {
            nodes: starter.start("nodes", "/api/v1/nodes".into(), false, None, nodes::keep_node),
            node_leases: starter.start("node leases", lease_path, false, None, nodes::keep_lease),
            pods: starter.start("pods", "/api/v1/pods".into(), false, fields, keep_pod),
            attachments: starter.start(
                "volumeattachments",
                attachment_path,
                false,
                None,
                nodes::keep_attachment,
            ),
            replicas: starter.start(
                "replicas of Longhorn",
                longhorn::REPLICAS.into(),
                true,
                None,
                longhorn::keep,
            ),
            kustomizations: starter.gitops(GitopsKind::Kustomization),
            helm_releases: starter.gitops(GitopsKind::HelmRelease),
            source: source.map(|source| starter.source(source)),
        }
    }

    /// Everything, or which watch is not in step.
    pub(crate) fn look(&self, now: Instant) -> Result<ClusterFacts, ClusterError> {
        self.nodes.check(now)?;
        self.node_leases.check(now)?;
        self.pods.check(now)?;
        self.attachments.check(now)?;
        self.kustomizations.check(now)?;
        self.helm_releases.check(now)?;
        let mut facts = ClusterFacts {
            nodes: self.look_at_nodes(now),
            gitops: values(&self.kustomizations),
            stray_attachments: 0,
            volumes: self.volumes(),
            source: self.source.as_ref().map(|source| source.look(now)).transpose()?,
        };
        facts.gitops.extend(values(&self.helm_releases));
        self.attachments.read(|attachments| {
            for attachment in attachments.values() {
                match facts.nodes.get_mut(&*attachment.kept.node) {
                    Some(node) => node.attachments += 1,
                    None => facts.stray_attachments += 1,
                }
            }
        });
        self.pods.read(|pods| {
            // In order of namespace and name, as the store has them.
            for PodKept { node, facts: pod } in pods.values().map(|entry| &entry.kept) {
                if let Some(node) = facts.nodes.get_mut(&**node) {
                    node.pods.push(pod.clone());
                }
            }
        });
        Ok(facts)
    }

    /// Where volumes have their replicas. While Longhorn does not tell, nothing waits for it: the
    /// way down must not hang on a storage that is in trouble.
    fn volumes(&self) -> Vec<VolumeFacts> {
        if !self.replicas.is_live() {
            return Vec::new();
        }
        let mut attached: BTreeMap<Box<str>, BTreeSet<String>> = BTreeMap::new();
        self.attachments.read(|attachments| {
            for AttachmentKept { node, volume } in attachments.values().map(|entry| &entry.kept) {
                attached.entry(volume.clone()).or_default().insert(node.to_string());
            }
        });
        self.replicas.read(|replicas| {
            longhorn::volumes(replicas.values().map(|entry| &entry.kept), &attached)
        })
    }

    /// Whether the watch has seen this pod end. Asked to evict one whose successor has its name,
    /// the API is busy with itself for 10 s.
    pub(crate) fn has_ended(&self, pod: &PodRef) -> bool {
        let key = Key::new(&pod.namespace, &pod.name);
        let is_it = |entry: &Entry<PodKept>| entry.kept.facts.uid == pod.uid;
        self.pods.is_live() && !self.pods.read(|pods| pods.get(&key).is_some_and(is_it))
    }

    fn look_at_nodes(&self, now: Instant) -> BTreeMap<String, NodeFacts> {
        let fresh: Vec<Key> = self.node_leases.read(|leases| {
            let fresh = leases.iter().filter(|(_, lease)| is_fresh(lease, now));
            fresh.map(|(key, _)| key.clone()).collect()
        });
        let facts = |key: &Key, node: &NodeKept| NodeFacts {
            unschedulable: node.unschedulable,
            mark: node.mark.clone(),
            ready: node.ready,
            lease_fresh: fresh.iter().any(|lease| lease.name == key.name),
            boot_id: node.boot_id.clone(),
            attachments: 0,
            pods: Vec::new(),
        };
        self.nodes.read(|nodes| {
            nodes.iter().map(|(k, node)| (k.name.to_string(), facts(k, &node.kept))).collect()
        })
    }
}

impl Source {
    /// After a start of the API, what the source says of itself is a memory until its writer has
    /// shown life: the leader's lease moves, or the object itself does.
    fn look(&self, now: Instant) -> Result<SourceFacts, ClusterError> {
        self.objects.check(now)?;
        self.leases.check(now)?;
        if self.objects.is_absent() {
            return Ok(lacking("the API has no GitRepositories: Flux is not installed"));
        }
        let listed = self.objects.listed();
        let alive = self.leases.read(|leases| leases.values().any(|lease| is_fresh(lease, now)));
        let look = |entry: &Entry<SourceFacts>| {
            let spoke = entry.moved.is_some_and(|moved| moved > listed);
            if entry.kept.ready && !alive && !spoke {
                let message = "source-controller has not shown life since".to_owned();
                return SourceFacts { ready: false, message, ..entry.kept.clone() };
            }
            entry.kept.clone()
        };
        let found = self.objects.read(|objects| objects.get(&self.key).map(look));
        Ok(found.unwrap_or_else(|| lacking("there is no such GitRepository")))
    }
}

fn lacking(message: &str) -> SourceFacts {
    SourceFacts { message: message.to_owned(), ..SourceFacts::default() }
}

fn values<K: Clone + PartialEq>(store: &Store<K>) -> Vec<K> {
    store.read(|objects| objects.values().map(|entry| entry.kept.clone()).collect())
}
