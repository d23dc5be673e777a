//! Flux: parents apply their children again and again, and the source is looked at.
//!
//! Only what would change something is due, so a world at rest has nothing to do.

use ananke_core::observe::GitopsRef;

use super::{Actor, Gitops, Millis, What, World};

/// The controllers whose pods are Flux, where the world has them.
const CONTROLLERS: [&str; 2] =
    ["flux-system/kustomize-controller", "flux-system/source-controller"];

impl World {
    pub(super) fn settle_flux(&mut self) {
        let runs = self.api_ready()
            && CONTROLLERS
                .iter()
                .all(|c| !self.cluster.workloads.contains_key(*c) || self.workload_runs(c));
        if !runs {
            self.cluster.flux_since = None;
        } else if self.cluster.flux_since.is_none() {
            self.cluster.flux_since = Some(self.now);
        }
    }

    fn find(&self, object: &GitopsRef) -> Option<&Gitops> {
        self.cluster.gitops.iter().find(|g| g.object == *object)
    }

    /// When the parent of a child whose `spec.suspend` is not Git's sets it again: at its next
    /// interval, or at once when it was resumed or Flux came up since.
    fn reapplied_at(&self, child: &Gitops, flux_since: Millis) -> Option<Millis> {
        if child.suspended == child.suspended_in_git {
            return None;
        }
        let parent = self.find(child.parent.as_ref()?).filter(|p| !p.suspended)?;
        let woken = parent.changed.max(flux_since).saturating_add(self.laws.flux_first);
        if woken > child.changed {
            return Some(woken);
        }
        let interval = parent.interval.max(1);
        let passed = child.changed.saturating_sub(woken) / interval + 1;
        Some(woken.saturating_add(passed.saturating_mul(interval)))
    }

    fn source_looked_at(&self, flux_since: Millis) -> Option<Millis> {
        let source = self.cluster.source.as_ref()?;
        let first = flux_since.saturating_add(self.laws.flux_first);
        if source.observed < first {
            return Some(first);
        }
        (source.facts.ready != source.reachable)
            .then(|| source.observed.saturating_add(source.interval.max(1)))
    }

    pub(super) fn next_due_in_flux(&self) -> Option<Millis> {
        let since = self.cluster.flux_since?;
        self.cluster
            .gitops
            .iter()
            .filter_map(|child| self.reapplied_at(child, since))
            .chain(self.source_looked_at(since))
            .min()
    }

    pub(super) fn reconcile_flux(&mut self) {
        let Some(since) = self.cluster.flux_since else { return };
        let now = self.now;
        let due: Vec<GitopsRef> = self
            .cluster
            .gitops
            .iter()
            .filter(|child| self.reapplied_at(child, since).is_some_and(|at| at <= now))
            .map(|child| child.object.clone())
            .collect();
        for object in due {
            let Some(wanted) = self.find(&object).map(|g| g.suspended_in_git) else { continue };
            self.set_suspended(Actor::World, &object, wanted);
        }
        if self.source_looked_at(since).is_some_and(|at| at <= now)
            && let Some(source) = &mut self.cluster.source
        {
            source.observed = now;
            source.facts.ready = source.reachable;
            source.facts.message = if source.reachable {
                String::new()
            } else {
                "failed to checkout and determine revision: connection refused".into()
            };
        }
    }

    pub(super) fn set_suspended(&mut self, who: Actor, object: &GitopsRef, suspended: bool) {
        let now = self.now;
        let Some(found) = self
            .cluster
            .gitops
            .iter_mut()
            .find(|g| g.object == *object && g.suspended != suspended)
        else {
            return;
        };
        found.suspended = suspended;
        found.changed = now;
        let object = object.clone();
        self.tell(
            who,
            if suspended { What::Suspended { object } } else { What::Resumed { object } },
        );
    }
}
