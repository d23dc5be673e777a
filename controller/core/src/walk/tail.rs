//! Spans: how long a unit takes, how long it may take, and the longest chain below it.

use std::time::Duration;

use ananke_crds::policy::{Target, WayBack};

use super::{Scope, Walk};
use crate::{
    assess::{Drain, View},
    graph::EdgeKind,
    plant::Plant,
    table::Wanted,
    unit::{Kind, Unit, UnitId},
};

/// The declared span of one unit on the way down, in an emergency. The shares of the policy's
/// emergency budget, which is declared for the whole.
fn own_span(plant: &Plant, kind: Kind) -> Duration {
    let down = &plant.shutdown;
    match kind {
        Kind::Gitops => Duration::from_secs(5),
        Kind::Quiesce => Duration::from_secs(30),
        Kind::Snapshot if !down.emergency_skips_snapshot => Duration::from_secs(20),
        Kind::Node if !down.emergency_skips_drain => down.drain_emergency_timeout,
        Kind::Storage => Duration::from_secs(10),
        Kind::Agent | Kind::Server => Duration::from_secs(15),
        Kind::Host => down.longest_halt,
        Kind::Own => Duration::from_secs(10),
        _ => Duration::ZERO,
    }
}

/// For calls that the API answers at once.
const OBJECTS: Duration = Duration::from_secs(120);
/// The attach-detach controller detaches by force after 6 minutes.
const DETACH: Duration = Duration::from_secs(7 * 60);
/// No battery lasts longer under a host that stays on until it is empty.
const BATTERY: Duration = Duration::from_secs(24 * 3600);
/// Three tries of two minutes.
const SNAPSHOT: Duration = Duration::from_secs(6 * 60);

/// How long a unit may take once its turn has come, before a person is called.
pub(crate) fn bound(plant: &Plant, kind: Kind, wanted: Wanted) -> Duration {
    let (down, up) = (&plant.shutdown, &plant.startup);
    match (kind, wanted) {
        (Kind::Host, Wanted::Up) => up.longest_boot,
        (Kind::Host, _) => down.longest_halt.max(down.verify_off_timeout),
        (Kind::Server | Kind::Agent, Wanted::Up) => up.service_timeout,
        (Kind::Server | Kind::Agent, _) => down.service_timeout * 3,
        (Kind::Api | Kind::Clock | Kind::Source, _) => up.service_timeout,
        (Kind::Node, Wanted::Down) => down.drain_timeout + down.pod_grace * 2,
        (Kind::Storage, _) => DETACH,
        (Kind::Own, Wanted::Down) if down.own_way_back == WayBack::None => BATTERY,
        (Kind::Snapshot, _) => SNAPSHOT,
        (Kind::Layer | Kind::Vault | Kind::Images | Kind::Gate | Kind::Soak, _) => {
            up.service_timeout * 5
        }
        _ => OBJECTS,
    }
}

/// Fills in every unit's tail, for this walk's own targets.
pub(super) fn forwards(walk: &mut Walk<'_>) {
    let scale = walk.view.plant.span_scale;
    let mut rests: Vec<Duration> = vec![Duration::ZERO; walk.rows.len()];
    for id in walk.view.plant.graph.upwards() {
        let tail = longest_below(walk.view.plant, id, &rests);
        let Some(row) = walk.row_mut(id) else { continue };
        row.tail = tail;
        let (open, kind) = (row.wanted == Wanted::Down && !row.is_settled_down(), walk.unit(id));
        let own = kind
            .filter(|_| open)
            .map_or(Duration::ZERO, |unit| own_span(walk.view.plant, unit.kind).mul_f64(scale));
        if let Some(rest) = rests.get_mut(id.index()) {
            *rest = own + tail;
        }
    }
}

/// How long it takes from here to everything off, on the critical path.
pub(crate) fn budget(view: &View<'_>) -> Duration {
    let scope = Scope::everything_off(view.plant);
    let targets = scope.targets(view.plant);
    let scale = view.plant.span_scale;
    let units = view.plant.graph.units();
    longest(view.plant, |id| {
        let (Some(unit), Some(target)) = (units.get(id.index()), targets.get(id.index())) else {
            return Duration::ZERO;
        };
        let wanted = crate::table::wanted(unit.kind, *target);
        let settled = wanted != Wanted::Down
            || view.state(unit, wanted, Drain::OF_ALL) == crate::assess::State::Down
            || view.is_moot(unit);
        if settled { Duration::ZERO } else { own_span(view.plant, unit.kind).mul_f64(scale) }
    })
}

/// A host may take this long from its wake to its first answer, its firmware's self-test included.
/// `longestBoot` is when a person is called, not what a boot takes.
const BOOT: Duration = Duration::from_secs(120);
/// A service of Kubernetes that starts.
const SERVICE: Duration = Duration::from_secs(15);

/// How long a battery must last for the next step up and the way down from there: what may go up
/// next counts as up.
pub(crate) fn next_step_and_back(view: &View<'_>) -> Duration {
    let plant = view.plant;
    let (units, graph) = (plant.graph.units(), &plant.graph);
    let is_up: Vec<bool> = units
        .iter()
        .map(|unit| view.state(unit, Wanted::Up, Drain::OF_ALL) == crate::assess::State::Up)
        .collect();
    let is_next = |id: UnitId| {
        let up = |id: UnitId| is_up.get(id.index()).copied().unwrap_or(false);
        let required = graph.below(id).iter().filter(|edge| edge.kind == EdgeKind::Requires);
        let kind = units.get(id.index()).map(|unit| unit.kind);
        kind.is_some_and(|kind| crate::table::wanted(kind, plant.declared) == Wanted::Up)
            && !up(id)
            && required.into_iter().all(|edge| up(edge.to))
    };
    let span_up = |kind| match kind {
        Kind::Host => plant.startup.longest_boot.min(BOOT),
        Kind::Server | Kind::Agent => plant.startup.service_timeout.min(SERVICE),
        _ => Duration::ZERO,
    };
    let mut next: Vec<UnitId> = graph.upwards().filter(|id| is_next(*id)).collect();
    next.sort_unstable();
    let kind = |id: &UnitId| units.get(id.index()).map(|unit| unit.kind);
    // A control plane brings up by itself what is moot while it is away.
    let revives = next.iter().any(|id| kind(id) == Some(Kind::Server));
    let step = next.iter().filter_map(kind).map(span_up).max().unwrap_or_default();
    let down = longest(plant, |id| match units.get(id.index()) {
        Some(unit) if next.binary_search(&id).is_ok() || !is_settled(view, unit, revives) => {
            own_span(plant, unit.kind).mul_f64(plant.span_scale)
        }
        _ => Duration::ZERO,
    });
    step + down
}

/// Whether nothing of the way down is left to do for a unit.
fn is_settled(view: &View<'_>, unit: &Unit, revives: bool) -> bool {
    crate::table::wanted(unit.kind, Target::Poweroff) != Wanted::Down
        || view.state(unit, Wanted::Down, Drain::OF_ALL) == crate::assess::State::Down
        || (view.is_moot(unit) && !revives)
}

/// The policy declares a budget for the whole way; the units' spans are shares of it.
pub(crate) fn span_scale(plant: &Plant) -> f64 {
    let full = longest(plant, |id| {
        plant.graph.unit(id).map_or(Duration::ZERO, |unit| own_span(plant, unit.kind))
    });
    if full.is_zero() {
        1.0
    } else {
        plant.shutdown.emergency_budget.as_secs_f64() / full.as_secs_f64()
    }
}

fn longest(plant: &Plant, own: impl Fn(UnitId) -> Duration) -> Duration {
    let mut rests: Vec<Duration> = vec![Duration::ZERO; plant.graph.units().len()];
    for id in plant.graph.upwards() {
        let rest = own(id) + longest_below(plant, id, &rests);
        if let Some(slot) = rests.get_mut(id.index()) {
            *slot = rest;
        }
    }
    rests.into_iter().max().unwrap_or_default()
}

fn longest_below(plant: &Plant, id: UnitId, rests: &[Duration]) -> Duration {
    // A path waits for the hosts behind it as they do for anything else.
    let chains = plant.graph.below(id).iter().filter(|edge| {
        !matches!(edge.kind, EdgeKind::KOfN { .. })
            || plant.graph.unit(edge.to).is_some_and(|unit| unit.kind != Kind::Supply)
    });
    chains.filter_map(|edge| rests.get(edge.to.index()).copied()).max().unwrap_or_default()
}
