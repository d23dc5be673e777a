//! Metrics that alerts rest on: is the loop alive, what was proven when, what did people ask for.

use std::{
    collections::BTreeSet,
    sync::{Mutex, PoisonError, atomic::AtomicU64},
    time::Duration,
};

use ananke_core::unit::Kind;
use prometheus_client::{
    encoding::EncodeLabelSet,
    metrics::{family::Family, gauge::Gauge},
    registry::{Registry, Unit},
};

use super::Scene;

#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, EncodeLabelSet)]
struct StageLabels {
    unit: String,
    stage: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct FlagLabels {
    supply: String,
    flag: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct OverrideLabels {
    kind: String,
    name: String,
}

type FloatGauge = Gauge<f64, AtomicU64>;

/// The gauges.
#[derive(Default)]
pub(super) struct Gauges {
    turned: FloatGauge,
    verified: Family<StageLabels, FloatGauge>,
    verified_of: Mutex<BTreeSet<StageLabels>>,
    flags: Family<FlagLabels, Gauge>,
    overrides: Family<OverrideLabels, Gauge>,
    mirror_differs: Gauge,
}

impl Gauges {
    pub(super) fn register(&self, registry: &mut Registry) {
        registry.register_with_unit(
            "turn_timestamp",
            "When the loop made its last turn, by the world's clock",
            Unit::Seconds,
            self.turned.clone(),
        );
        registry.register_with_unit(
            "verified_timestamp",
            "When a unit was last proven up or down (its stage), by this process",
            Unit::Seconds,
            self.verified.clone(),
        );
        registry.register("supply_flag", "1 for each word of ups.status", self.flags.clone());
        registry.register(
            "override",
            "1 for what a person asked for that stands: hold, mask, maintenance, suspend",
            self.overrides.clone(),
        );
        registry.register(
            "mirror_differs",
            "1 while somebody else holds on to the spec of the policy's mirror in the cluster",
            self.mirror_differs.clone(),
        );
    }

    /// One turn. Nothing here is finer than a second, and turns may follow one another faster.
    pub(super) fn passed(&self, scene: &Scene<'_>) {
        let now = before(scene, Duration::ZERO);
        if self.turned.set(now).to_bits() == now.to_bits() {
            return;
        }
        self.verify(scene);
        self.flag(scene);
        self.overrule(scene);
    }

    /// The mirror was applied, or is held by somebody else.
    pub(super) fn mirror(&self, differs: bool) {
        self.mirror_differs.set(i64::from(differs));
    }

    /// A state between up and down proves neither, and an unknown one nothing. What was proven
    /// stays on record until its unit is no longer in the policy.
    fn verify(&self, scene: &Scene<'_>) {
        let units = &scene.decision.units;
        let names: BTreeSet<&str> = units.iter().map(|unit| unit.name.as_str()).collect();
        let mut verified = self.verified_of.lock().unwrap_or_else(PoisonError::into_inner);
        verified.retain(|labels| {
            let stays = names.contains(labels.unit.as_str());
            if !stays {
                self.verified.remove(labels);
            }
            stays
        });
        let proven = units.iter().filter(|unit| {
            matches!(unit.state.as_str(), "up" | "down") && is_looked_at(&unit.name)
        });
        for unit in proven {
            let labels = StageLabels { unit: unit.name.clone(), stage: unit.state.clone() };
            self.verified.get_or_create(&labels).set(before(scene, age(scene, &unit.name)));
            verified.insert(labels);
        }
    }

    fn flag(&self, scene: &Scene<'_>) {
        self.flags.clear();
        for (supply, seen) in &scene.snapshot.supplies {
            for flag in seen.value().into_iter().flat_map(|reading| &reading.status) {
                let labels = FlagLabels { supply: supply.clone(), flag: flag.clone() };
                self.flags.get_or_create(&labels).set(1);
            }
        }
    }

    fn overrule(&self, scene: &Scene<'_>) {
        self.overrides.clear();
        let asked = &scene.snapshot.requests;
        let hold = asked.hold.iter().map(|_| ("hold", ""));
        let suspend = scene.in_force.plant.suspended.then_some(("suspend", ""));
        let masks = asked.masks.iter().map(|mask| ("mask", mask.signal.as_str()));
        let maintenance = asked.maintenance.iter().map(|host| ("maintenance", host.as_str()));
        for (kind, name) in hold.chain(suspend).chain(masks).chain(maintenance) {
            let labels = OverrideLabels { kind: kind.into(), name: name.into() };
            self.overrides.get_or_create(&labels).set(1);
        }
    }
}

/// The world's time so long ago, in seconds since 1970.
fn before(scene: &Scene<'_>, ago: Duration) -> f64 {
    let now = u64::try_from(scene.unix_seconds).unwrap_or(0);
    Duration::from_secs(now.saturating_sub(ago.as_secs())).as_secs_f64()
}

/// How old the proof of a unit's state is. A host is asked now and then: its last answer is the
/// proof. Watches and proofs by silence are of now.
fn age(scene: &Scene<'_>, unit: &str) -> Duration {
    let answered = unit
        .split_once('/')
        .filter(|(kind, _)| {
            [Kind::Host, Kind::Server, Kind::Agent].iter().any(|of| of.as_str() == *kind)
        })
        .and_then(|(_, host)| scene.snapshot.hosts.get(host)?.at());
    answered.map(|at| scene.snapshot.now.since(at)).unwrap_or_default()
}

/// A supply has no state of its own, and a path without a host is taken to be up.
fn is_looked_at(unit: &str) -> bool {
    let kind = unit.split('/').next();
    kind != Some(Kind::Supply.as_str()) && kind != Some(Kind::Path.as_str())
}
