//! Metrics that alerts rest on: is the loop alive, what was proven when, what did people ask for.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Mutex, PoisonError, atomic::AtomicU64},
    time::Duration,
};

use ananke_core::{decision::UnitReport, unit::Kind};
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
    /// When what is no longer so was last proven.
    past: Mutex<BTreeMap<StageLabels, f64>>,
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

    /// A turn follows another: what was proven in the last one and is no longer so stays on record.
    pub(super) fn passed(&self, last: &Scene, now: &Scene) {
        let pairs = last.decision.units.iter().zip(&now.decision.units);
        let left = pairs.filter(|(last, now)| last.state != now.state && is_proven(last));
        for (unit, _) in left {
            let labels = StageLabels { unit: unit.name.to_string(), stage: unit.state.to_string() };
            let mut past = self.past.lock().unwrap_or_else(PoisonError::into_inner);
            past.insert(labels, before(last, age(last, &unit.name)));
        }
    }

    /// Everything that is read off the last turn.
    pub(super) fn read(&self, scene: &Scene) {
        self.turned.set(before(scene, Duration::ZERO));
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
    fn verify(&self, scene: &Scene) {
        let units = &scene.decision.units;
        let names: BTreeSet<&str> = units.iter().map(|unit| unit.name.as_str()).collect();
        self.verified.clear();
        let mut past = self.past.lock().unwrap_or_else(PoisonError::into_inner);
        past.retain(|labels, _| names.contains(labels.unit.as_str()));
        for (labels, at) in past.iter() {
            self.verified.get_or_create(labels).set(*at);
        }
        for unit in units.iter().filter(|unit| is_proven(unit)) {
            let labels = StageLabels { unit: unit.name.to_string(), stage: unit.state.to_string() };
            self.verified.get_or_create(&labels).set(before(scene, age(scene, &unit.name)));
        }
    }

    fn flag(&self, scene: &Scene) {
        self.flags.clear();
        for (supply, seen) in &scene.snapshot.supplies {
            for flag in seen.value().into_iter().flat_map(|reading| &reading.status) {
                let labels = FlagLabels { supply: supply.clone(), flag: flag.clone() };
                self.flags.get_or_create(&labels).set(1);
            }
        }
    }

    fn overrule(&self, scene: &Scene) {
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
fn before(scene: &Scene, ago: Duration) -> f64 {
    let now = u64::try_from(scene.unix_seconds).unwrap_or(0);
    Duration::from_secs(now.saturating_sub(ago.as_secs())).as_secs_f64()
}

/// How old the proof of a unit's state is. A host is asked now and then: its last answer is the
/// proof. Watches and proofs by silence are of now.
fn age(scene: &Scene, unit: &str) -> Duration {
    let answered = unit
        .split_once('/')
        .filter(|(kind, _)| {
            [Kind::Host, Kind::Server, Kind::Agent].iter().any(|of| of.as_str() == *kind)
        })
        .and_then(|(_, host)| scene.snapshot.hosts.get(host)?.at());
    answered.map(|at| scene.snapshot.now.since(at)).unwrap_or_default()
}

/// Whether a unit is proven up or down now.
fn is_proven(unit: &UnitReport) -> bool {
    matches!(&*unit.state, "up" | "down") && is_looked_at(&unit.name)
}

/// A supply has no state of its own, and a path without a host is taken to be up.
fn is_looked_at(unit: &str) -> bool {
    let kind = unit.split('/').next();
    kind != Some(Kind::Supply.as_str()) && kind != Some(Kind::Path.as_str())
}
