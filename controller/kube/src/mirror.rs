//! The mirror of the document in the cluster: applied without force, so that an edit by a person is
//! reported and never overridden; and its status, which is ours alone.

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use ananke_crds::policy::{GROUP, KIND, PowerPolicyStatus, VERSION};
use ananke_ports::{ClusterError, Publication};
use kube::core::{
    Request,
    params::{Patch, PatchParams},
};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use tokio::{sync::Mutex as AsyncMutex, time::Instant};

use crate::{
    call::{self, Call},
    facts::Starter,
    fleet::Fleet,
    marks::MANAGER,
    store::{Key, Store},
    wire::{Meta, Wire},
};

/// The plural of the custom resource.
const PLURAL: &str = "powerpolicies";

/// A conflict is tried again after this, should the watch of the mirror have missed its end.
const CONFLICT: Duration = Duration::from_secs(60);

/// Versions of the mirror that we wrote and the watch may still have to tell of.
const OURS: usize = 8;

/// The mirror as far as it is read.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct MirrorWire {
    metadata: Meta,
}

impl Wire for MirrorWire {
    /// Its `resourceVersion`.
    type Kept = String;

    fn meta(&self) -> &Meta {
        &self.metadata
    }
}

/// What was applied last.
#[derive(Debug, Default)]
struct Memory {
    epoch: u64,
    name: String,
    spec: Option<Arc<Value>>,
    status: Option<PowerPolicyStatus>,
    generation: Option<i64>,
    conflict: Option<(Instant, String)>,
    ours: VecDeque<String>,
}

impl Memory {
    /// The mirror may not be as we left it. Which generation of its spec was ours stays true.
    fn forget(&mut self, epoch: u64, name: &str) {
        let generation = self.generation.filter(|_| self.name == name);
        *self = Self { epoch, name: name.to_owned(), generation, ..Self::default() };
    }
}

/// The mirror of one document.
pub(crate) struct Mirror {
    watched: Arc<Store<String>>,
    memory: AsyncMutex<Memory>,
    uid: Mutex<Option<String>>,
}

impl Mirror {
    /// Watches the mirror, to know when somebody else changes it.
    pub(crate) fn start(starter: &mut Starter<'_>, policy: &str) -> Self {
        let fields = Some(format!("metadata.name={policy}"));
        let keep = |mirror: &MirrorWire| Some(mirror.metadata.resource_version.clone());
        Self {
            watched: starter.start(PLURAL, collection(), true, fields, keep),
            memory: AsyncMutex::default(),
            uid: Mutex::new(None),
        }
    }

    /// The UID of the mirror, once it was applied.
    pub(crate) fn uid(&self) -> Option<String> {
        self.uid.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Applies what is not known to stand there already.
    pub(crate) async fn publish(
        &self,
        fleet: &Fleet,
        publication: &Publication,
        until: Instant,
    ) -> Result<(), ClusterError> {
        let mut memory = self.memory.lock().await;
        // A way to the API first: finding one begins a new epoch.
        fleet.server(until).await?;
        let epoch = fleet.epoch();
        if memory.epoch != epoch || memory.name != publication.name || self.is_foreign(&memory) {
            memory.forget(epoch, &publication.name);
        }
        let spec = self.apply_spec(fleet, publication, &mut memory, until).await;
        if !matches!(spec, Ok(()) | Err(ClusterError::Conflict { .. })) {
            return spec;
        }
        // A spec that a person holds on to does not keep the status from being told.
        self.apply_status(fleet, publication, &mut memory, until).await?;
        spec
    }

    /// Whether the mirror is not as we left it.
    fn is_foreign(&self, memory: &Memory) -> bool {
        if !self.watched.is_live() {
            return false;
        }
        let key = Key::new("", &memory.name);
        let version = self.watched.read(|found| found.get(&key).map(|entry| entry.kept.clone()));
        !version.is_some_and(|version| memory.ours.contains(&version))
    }

    async fn apply_spec(
        &self,
        fleet: &Fleet,
        publication: &Publication,
        memory: &mut Memory,
        until: Instant,
    ) -> Result<(), ClusterError> {
        if memory.spec.as_ref() == Some(&publication.spec) {
            return Ok(());
        }
        if let Some((at, message)) = &memory.conflict
            && at.elapsed() < CONFLICT
        {
            return Err(ClusterError::Conflict { message: message.clone() });
        }
        let body = document(&publication.name, "spec", &*publication.spec);
        let call = Call::writes(format!("patch {PLURAL}/{}", publication.name));
        let patch = Patch::Apply(&body);
        let request = Request::new(collection()).patch(
            &publication.name,
            &PatchParams::apply(MANAGER),
            &patch,
        );
        match call::send_if_there::<MirrorWire>(fleet, &call, request, until).await {
            Ok(Some(mirror)) => {
                memory.spec = Some(Arc::clone(&publication.spec));
                memory.generation = Some(mirror.metadata.generation);
                memory.conflict = None;
                self.remember(&mirror, memory);
                Ok(())
            }
            Ok(None) => Err(ClusterError::Failed {
                message: format!(
                    "the API does not know the kind {KIND}: apply crds/powerpolicy.yaml \
                     (`ananke crd | kubectl apply -f -`)"
                ),
            }),
            Err(ClusterError::Conflict { message }) => {
                memory.conflict = Some((Instant::now(), message.clone()));
                Err(ClusterError::Conflict { message })
            }
            Err(error) => Err(error),
        }
    }

    async fn apply_status(
        &self,
        fleet: &Fleet,
        publication: &Publication,
        memory: &mut Memory,
        until: Instant,
    ) -> Result<(), ClusterError> {
        let status = observed(&publication.status, memory.generation);
        if memory.status.as_ref() == Some(&status) {
            return Ok(());
        }
        let body = document(&publication.name, "status", &status);
        let call = Call::writes(format!("patch {PLURAL}/status {}", publication.name));
        let params = PatchParams::apply(MANAGER).force();
        let request = Request::new(collection()).patch_subresource(
            "status",
            &publication.name,
            &params,
            &Patch::Apply(&body),
        );
        let Some(mirror) = call::send_if_there::<MirrorWire>(fleet, &call, request, until).await?
        else {
            memory.spec = None;
            let message = format!("{PLURAL}/{} was deleted just now", publication.name);
            return Err(ClusterError::Conflict { message });
        };
        memory.status = Some(status);
        self.remember(&mirror, memory);
        Ok(())
    }

    fn remember(&self, mirror: &MirrorWire, memory: &mut Memory) {
        let Meta { uid, resource_version, .. } = &mirror.metadata;
        memory.ours.push_back(resource_version.clone());
        while memory.ours.len() > OURS {
            memory.ours.pop_front();
        }
        *self.uid.lock().unwrap_or_else(PoisonError::into_inner) = Some(uid.clone());
    }
}

fn collection() -> String {
    format!("/apis/{GROUP}/{VERSION}/{PLURAL}")
}

/// The document with one of its halves.
fn document(name: &str, half: &str, value: &impl Serialize) -> Value {
    json!({
        "apiVersion": format!("{GROUP}/{VERSION}"),
        "kind": KIND,
        "metadata": {"name": name},
        half: value,
    })
}

/// The status, said of the generation of the spec that it is about: `kubectl wait` takes no
/// condition of an older one. Only the API counts generations, so only here are they known.
fn observed(status: &PowerPolicyStatus, generation: Option<i64>) -> PowerPolicyStatus {
    let mut status = status.clone();
    if generation.is_some() {
        status.observed_generation = generation;
        for condition in &mut status.conditions {
            condition.observed_generation = generation;
        }
    }
    status
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_status_is_said_of_the_generation_that_was_applied() {
        let read = |status: Value| serde_json::from_value::<PowerPolicyStatus>(status).unwrap();
        let ready = |generation: Option<i64>| {
            json!({
                "type": "Ready", "status": "True", "reason": "ReconciliationSucceeded",
                "message": "", "lastTransitionTime": "2026-01-01T00:00:00Z",
                "observedGeneration": generation
            })
        };
        let status = read(json!({"state": "Running", "conditions": [ready(None)]}));
        let wanted = read(json!({
            "state": "Running", "observedGeneration": 3, "conditions": [ready(Some(3))]
        }));
        assert_eq!(observed(&status, Some(3)), wanted);
        assert_eq!(observed(&status, None), status);
    }
}
