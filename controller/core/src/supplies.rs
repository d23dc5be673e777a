//! The supplies in one decision: what is believed of them, what they ask for, what they allow.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use crate::{
    assess::View,
    battery::Believed,
    conditions::Reason,
    decision::Telemetry,
    journal::Journal,
    observe::{Snapshot, SupplyReading},
    plant::SupplyPlan,
    seen::{Seen, Unseen},
    signals::{self, Context, Energy, Gate, Power, SupplyMemory, Trust, Unheard},
    table::Wanted,
    time::Tick,
    walk::{self, Row, Walk},
};

static NOT_YET: Seen<SupplyReading> = Seen::unknown(Unseen::NotYet, Tick::from_millis(0));

/// The snapshot without readings of devices that are not the ones they should be: what a stranger
/// tells is no reading of ours. `None` if there is none, which is always but once in a lifetime.
pub(crate) fn without_strangers(snapshot: &Snapshot, journal: &Journal) -> Option<Snapshot> {
    let is_stranger = |name: &String, seen: &Seen<SupplyReading>| {
        let known = journal.supplies.get(name).map(|memory| &memory.device);
        seen.value().is_some_and(|reading| {
            known.map_or(reading.device.is_named == Some(false), |known| {
                reading.device.is_another(known)
            })
        })
    };
    let strangers: Vec<&String> = snapshot
        .supplies
        .iter()
        .filter(|(name, seen)| is_stranger(name, seen))
        .map(|(name, _)| name)
        .collect();
    if strangers.is_empty() {
        return None;
    }
    let mut believed = snapshot.clone();
    for name in strangers {
        let heard = journal.supplies.get(name).and_then(|memory| memory.last_heard);
        let since = heard.unwrap_or(snapshot.now);
        believed.supplies.insert(name.clone(), Seen::unknown(Unseen::WrongDevice, since));
    }
    Some(believed)
}

/// What is believed of each supply, by its name.
pub(crate) fn by_name<T>(
    view: &View<'_>,
    of: impl Fn(&Believed) -> Option<T>,
) -> BTreeMap<String, T> {
    let supplies = view.plant.supplies.iter().zip(view.supplies());
    supplies.filter_map(|(plan, believed)| Some((plan.name.clone(), of(believed)?))).collect()
}

/// All supplies of a plant, in one decision.
pub(crate) struct Supplies {
    /// What is remembered of each from now on.
    pub(crate) memories: BTreeMap<String, Arc<SupplyMemory>>,
    /// Their gates, in the order of the plant.
    pub(crate) gates: Vec<Gate>,
    /// The host of an unheard one's `upsd` that is started, or left on, so that it is heard again;
    /// in the order of the plant.
    pub(crate) tried: Vec<Option<usize>>,
    /// How far each is believed.
    pub(crate) telemetry: BTreeMap<String, Telemetry>,
}

impl Supplies {
    /// Looks at all of them. `told` is the snapshot with strangers in it, for what is said of them.
    pub(crate) fn new(view: &View<'_>, told: &Snapshot, budget: Duration) -> Self {
        // On battery nothing goes up, whatever is stored.
        let may_rise = view.supplies().iter().filter_map(|believed| believed.seen.value());
        let may_rise = may_rise.map(|reading| signals::power_of(&reading.status));
        let span = if may_rise.into_iter().all(|power| power == Power::Battery) {
            Duration::ZERO
        } else {
            walk::next_step_and_back(view)
        };
        let mut all = Self {
            memories: BTreeMap::new(),
            gates: Vec::new(),
            tried: Vec::new(),
            telemetry: BTreeMap::new(),
        };
        let supplies = view.plant.supplies.iter().zip(view.supplies());
        let unheard: Vec<Option<Unheard>> = supplies
            .map(|(plan, believed)| {
                let why = signals::unheard(view, plan, &before(view, plan));
                all.look(view, told, (plan, &believed.seen, why), budget, span);
                why
            })
            .collect();
        all.tried = (0..unheard.len()).map(|at| all.try_host(view, at, &unheard)).collect();
        all
    }

    /// The host that is started, or left on, so that a supply is heard again.
    fn try_host(&self, view: &View<'_>, at: usize, unheard: &[Option<Unheard>]) -> Option<usize> {
        let plan = view.plant.supplies.get(at)?;
        let why = unheard.get(at).copied().flatten()?;
        let (host, _) = signals::host_of(view, plan)?;
        let memory_of = |plan: &SupplyPlan| self.memories.get(&plan.name).map(AsRef::as_ref);
        let others = view.plant.supplies.iter().zip(&self.gates);
        let others: Vec<_> = others
            .filter(|(other, _)| other.name != plan.name)
            .filter_map(|(other, gate)| Some((memory_of(other)?, gate)))
            .collect();
        signals::is_tried(view, plan, memory_of(plan)?, why, &others).then_some(host)
    }

    fn look(
        &mut self,
        view: &View<'_>,
        told: &Snapshot,
        (plan, seen, unheard): (&SupplyPlan, &Seen<SupplyReading>, Option<Unheard>),
        budget: Duration,
        span: Duration,
    ) {
        let (name, snapshot) = (&plan.name, view.snapshot);
        let before = before(view, plan);
        let host = signals::host_of(view, plan).map(|(_, host)| host.name.as_str());
        let off_by_us = unheard == Some(Unheard::HostAway { by_us: true });
        let signal = format!("ups/{name}");
        let sign = signals::second_sign(plan, &before, view.plant, view.journal, snapshot);
        let context = Context {
            plan,
            seen,
            budget,
            energy: signals::energy(plan, seen, span),
            second_sign: sign.as_deref(),
            away: host.filter(|_| matches!(unheard, Some(Unheard::HostAway { .. }))),
            off_by_us,
            forced_by_us: view.journal.own_fsd_since.contains_key(&plan.name),
            mask: snapshot.requests.masks.iter().find(|mask| mask.signal == signal),
            now: snapshot.now,
        };
        let memory = signals::advance(&before, &context);
        self.gates.push(signals::gate(&memory, &context));
        let raw = told.supplies.get(name).unwrap_or(&NOT_YET);
        let told = match host.filter(|_| off_by_us) {
            Some(host) => Telemetry {
                trust: Trust::HostOff,
                reason: Trust::HostOff.reason(),
                message: Gate::HostOff { host: host.to_owned() }.text(name),
            },
            None => telemetry(name, raw, &memory, context.energy),
        };
        self.telemetry.insert(name.clone(), told);
        self.memories.insert(name.clone(), Arc::new(memory));
    }
}

/// What was remembered of a supply until now.
fn before(view: &View<'_>, plan: &SupplyPlan) -> Arc<SupplyMemory> {
    view.journal.supplies.get(&plan.name).cloned().unwrap_or_default()
}

fn telemetry(
    name: &str,
    seen: &Seen<SupplyReading>,
    memory: &SupplyMemory,
    energy: Energy,
) -> Telemetry {
    let (trust, message) = signals::trust(name, seen, memory);
    let is_on_mains =
        seen.value().is_some_and(|reading| signals::power_of(&reading.status) == Power::Mains);
    match (trust.reason(), energy) {
        (None, Energy::NeverEnough { full_seconds, needed_seconds }) if is_on_mains => Telemetry {
            trust,
            reason: Some(Reason::EnergyNeverEnough),
            message: format!(
                "{name} lasts {full_seconds} s when it is full, and {needed_seconds} s are needed \
                 to come down in order: give it a bigger battery or less load"
            ),
        },
        (reason, _) => Telemetry { trust, reason, message },
    }
}

/// What only the whole picture tells of a supply: mains that nobody remembers are good enough if
/// nothing is to be started on them; and a recovery is over once all is up that can be.
pub(crate) fn settle(memories: &mut BTreeMap<String, Arc<SupplyMemory>>, walk: &Walk<'_>) {
    let all_up = walk.rows.iter().all(|row| row.wanted != Wanted::Down && row.has_arrived());
    let is_over = walk.rows.iter().all(|row: &Row| row.has_arrived() || row.stuck);
    for memory in memories.values_mut() {
        let unproven = memory.unproven && !(all_up && memory.mains_since.is_some());
        let lifted = memory.lifted && !is_over;
        if (unproven, lifted) != (memory.unproven, memory.lifted) {
            let memory = Arc::make_mut(memory);
            (memory.unproven, memory.lifted) = (unproven, lifted);
        }
    }
}
