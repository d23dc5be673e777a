//! Spans: how long a unit takes, how long it may take, and the longest chain below it.

use std::time::Duration;

use ananke_crds::policy::{Target, WayBack};

use super::{Row, Scope, Walk, down::battery_of};
use crate::{
    assess::{Drain, View},
    budget::{Ahead, Path, Share, Spans, declared},
    graph::EdgeKind,
    journal::Journal,
    observe::Snapshot,
    plant::Plant,
    table::Wanted,
    unit::{Kind, Unit, UnitId},
};

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
    let spans = Spans::new(walk.view.plant, walk.view.journal, Path::Emergency);
    let mut rests: Vec<Duration> = vec![Duration::ZERO; walk.rows.len()];
    // By when what is above a unit must be settled.
    let mut begins: Vec<Option<Duration>> = vec![None; walk.rows.len()];
    for id in walk.view.plant.graph.upwards() {
        let tail = longest_below(walk.view.plant, id, &rests);
        let open = |row: &&Row| row.wanted == Wanted::Down && !row.is_settled_down();
        let unit = walk.unit(id).filter(|_| walk.row(id).is_some_and(|row| open(&row)));
        let own = unit
            .zip(walk.row(id))
            .map_or(Duration::ZERO, |(unit, row)| spans.of(unit, spans.ahead(unit, &row.state)));
        let runs = unit.filter(|unit| matches!(unit.kind, Kind::Host | Kind::Own));
        let lasts = runs.and_then(|unit| battery_of(walk, unit.host?));
        let first = below(walk.view.plant, id).filter_map(|to| *begins.get(to.index())?);
        let due = first.chain(lasts).min();
        if let Some((rest, begin)) = rests.get_mut(id.index()).zip(begins.get_mut(id.index())) {
            (*rest, *begin) = (own + tail, due.map(|due| due.saturating_sub(own)));
        }
        if let Some(row) = walk.row_mut(id) {
            (row.tail, row.due) = (tail, due);
        }
    }
}

/// How long it takes from here to everything off, on the critical path: in an emergency, and if a
/// person asks for it.
pub(crate) fn budgets(view: &View<'_>) -> [Duration; 2] {
    let ahead = ahead(view);
    Path::ALL.map(|path| {
        let rests = rests(view.plant, &Spans::new(view.plant, view.journal, path), &ahead);
        rests.into_iter().max().unwrap_or_default()
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
    let spans = Spans::new(plant, view.journal, Path::Emergency);
    let rests = longest(plant, |id, unit| {
        let counts = next.binary_search(&id).is_ok() || !is_settled(view, unit, revives);
        if counts { spans.of(unit, Ahead::Steps) } else { Duration::ZERO }
    });
    step + rests.into_iter().max().unwrap_or_default()
}

/// Whether nothing of the way down is left to do for a unit.
fn is_settled(view: &View<'_>, unit: &Unit, revives: bool) -> bool {
    crate::table::wanted(unit.kind, Target::Poweroff) != Wanted::Down
        || view.state(unit, Wanted::Down, Drain::OF_ALL) == crate::assess::State::Down
        || (view.is_moot(unit) && !revives)
}

/// The critical path from here to everything off: the steps in their order, and how long each of
/// them takes by what.
pub fn critical_path(
    plant: &Plant,
    journal: &Journal,
    snapshot: &Snapshot,
    path: Path,
) -> Vec<Share> {
    let view = View::new(plant, snapshot, journal);
    let ahead = ahead(&view);
    let spans = Spans::new(plant, journal, path);
    let rests = rests(plant, &spans, &ahead);
    let rest = |id: UnitId| rests.get(id.index()).copied().unwrap_or_default();
    let slowest = |ids: &mut dyn Iterator<Item = UnitId>| ids.max_by_key(|id| (rest(*id), *id));
    let mut here = slowest(&mut plant.graph.upwards());
    let mut shares = Vec::new();
    while let Some(id) = here.filter(|id| !rest(*id).is_zero()) {
        if let Some((unit, ahead)) = plant.graph.unit(id).zip(ahead.get(id.index())) {
            shares.extend(spans.shares(unit, *ahead));
        }
        here = slowest(&mut below(plant, id));
    }
    shares
}

/// What each unit has before it, if everything is to be off.
fn ahead(view: &View<'_>) -> Vec<Ahead> {
    let spans = Spans::new(view.plant, view.journal, Path::Emergency);
    let units = view.plant.graph.units().iter().zip(&view.plant.wanted_off);
    let ahead = |(unit, wanted): (&Unit, &Wanted)| {
        let wanted = *wanted;
        if wanted == Wanted::Down && !view.is_moot(unit) {
            spans.ahead(unit, &view.state(unit, wanted, Drain::OF_ALL))
        } else {
            Ahead::Nothing
        }
    };
    units.map(ahead).collect()
}

/// What is wanted of each unit if everything is to be off.
pub(crate) fn wanted_off(plant: &Plant) -> Vec<Wanted> {
    let targets = Scope::everything_off(plant).targets(plant);
    let units = plant.graph.units().iter().zip(targets);
    units.map(|(unit, target)| crate::table::wanted(unit.kind, target)).collect()
}

/// The policy declares a budget for the whole way; the units' spans are shares of it.
pub(crate) fn span_scale(plant: &Plant) -> f64 {
    let full = longest(plant, |_, unit| declared(plant, unit.kind, Path::Emergency));
    let full = full.into_iter().max().unwrap_or_default();
    if full.is_zero() {
        1.0
    } else {
        plant.shutdown.emergency_budget.as_secs_f64() / full.as_secs_f64()
    }
}

fn rests(plant: &Plant, spans: &Spans<'_>, ahead: &[Ahead]) -> Vec<Duration> {
    longest(plant, |id, unit| {
        ahead.get(id.index()).map_or(Duration::ZERO, |ahead| spans.of(unit, *ahead))
    })
}

/// The longest chain from each unit down, itself included.
fn longest(plant: &Plant, own: impl Fn(UnitId, &Unit) -> Duration) -> Vec<Duration> {
    let mut rests: Vec<Duration> = vec![Duration::ZERO; plant.graph.units().len()];
    for id in plant.graph.upwards() {
        let Some(unit) = plant.graph.unit(id) else { continue };
        let rest = own(id, unit) + longest_below(plant, id, &rests);
        if let Some(slot) = rests.get_mut(id.index()) {
            *slot = rest;
        }
    }
    rests
}

fn longest_below(plant: &Plant, id: UnitId, rests: &[Duration]) -> Duration {
    below(plant, id).filter_map(|to| rests.get(to.index()).copied()).max().unwrap_or_default()
}

/// What goes down after a unit; a supply takes no time, so that nothing waits for it.
fn below(plant: &Plant, id: UnitId) -> impl Iterator<Item = UnitId> + '_ {
    plant.graph.below(id).iter().map(|edge| edge.to)
}
