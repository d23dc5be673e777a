//! Decide: one snapshot, one decision. Synchronous and total.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use ananke_crds::policy::Target;

use crate::{
    assess::{State, View, evidence},
    conditions::Reason,
    decision::{Blocked, Decision, Effective, Telemetry, UnitReport, Waiting},
    episode::{Episode, EpisodePhase},
    journal::Journal,
    ladder::{self, Barrier, Offer},
    observe::{ActiveState, Snapshot},
    plant::{Plant, Role},
    seen::{Seen, Unseen},
    signals::{Gate, Phase, SupplyMemory},
    step::PlannedStep,
    supplies::{self, Supplies},
    table::{self, Wanted},
    text::Text,
    turns::{Turns, way},
    unit::{Kind, Unit, UnitId},
    walk::{self, Row, Scope, Walk},
};

/// At rest.
const LOOK_AGAIN_CALM: Duration = Duration::from_secs(5);
/// While something moves.
const LOOK_AGAIN_BUSY: Duration = Duration::from_secs(1);
/// While anything moves a host is asked two seconds after its last answer.
const OF_LATE: Duration = Duration::from_secs(5);

/// What to do now, and why nothing else.
pub fn decide(plant: &Plant, journal: &Journal, snapshot: &Snapshot) -> Decision {
    let believed = supplies::without_strangers(snapshot, journal);
    let view = View::new(plant, believed.as_ref().unwrap_or(snapshot), journal);
    let [budget, full_budget] = walk::budgets(&view);
    let Supplies { mut memories, gates, tried, telemetry } = Supplies::new(&view, snapshot, budget);
    let mut scope = Scope::new(plant, &memories, &gates, tried);
    walk::remember_last_replicas(&view, &mut scope, &mut memories);
    let walk = Walk::new(&view, &gates, &scope);
    supplies::settle(&mut memories, &walk);
    let episode = episode(&walk, &memories);
    let mut draft = Draft::new(&walk, &episode, &telemetry);
    draft.go();
    let turns = Turns::of(&walk, &draft.free, &draft.steps);
    let on_battery = memories.values().any(|memory| memory.on_battery_since.is_some());
    let moves = !draft.steps.is_empty() || !draft.waiting.is_empty();
    let busy = moves || on_battery || !scope.live.is_empty();
    Decision {
        at: snapshot.now,
        effective: effective(&walk, &memories),
        units: reports(&walk, &draft),
        steps: draft.steps,
        waiting: draft.waiting,
        blocked: draft.blocked,
        budget,
        full_budget,
        seconds_left: walk::seconds_left(&walk),
        own_wanted_up: journal.own_off && walk.own_target() != Some(Target::Poweroff),
        supplies: memories,
        telemetry,
        batteries: supplies::by_name(&view, |believed| Some(believed.memory.clone())),
        estimates: supplies::by_name(&view, |believed| believed.estimate.clone()),
        episode,
        began: turns.began,
        ended: turns.ended,
        paused: turns.paused,
        off: evidence::news(&walk),
        back: evidence::back(&view),
        lasted: turns.lasted,
        way: way(&walk),
        look_again: if busy { LOOK_AGAIN_BUSY } else { LOOK_AGAIN_CALM },
    }
}

fn effective(walk: &Walk<'_>, supplies: &BTreeMap<String, Arc<SupplyMemory>>) -> Effective {
    let plant = walk.view.plant;
    let asked: Vec<&Row> = walk
        .iter()
        .filter(|(_, unit, _)| matches!(unit.kind, Kind::Host | Kind::Own | Kind::Api))
        .map(|(_, _, row)| row)
        .collect();
    let target = asked.iter().map(|row| row.target).max().unwrap_or(plant.declared);
    let mut effective = Effective {
        declared: plant.declared,
        target,
        by: "operator".into(),
        cause: None,
        hosts: Vec::new(),
        scope: walk::sentences(walk),
        held: false,
    };
    if let Some((supply, phase)) = walk.scope.gravest()
        && let Some(plan) = plant.supplies.get(supply)
    {
        effective.by = format!("ups/{}", plan.name);
        effective.held = phase == Phase::Held;
        let cause = supplies.get(&plan.name).and_then(|memory| memory.cause.as_ref());
        effective.cause = cause.map(|cause| format!("{}: {}", plan.name, cause.figures));
        let covered = |row: &Row| row.target == target;
        let hosts: Vec<_> = walk
            .iter()
            .filter(|(_, unit, _)| matches!(unit.kind, Kind::Host | Kind::Own))
            .collect();
        if !hosts.iter().all(|(_, _, row)| covered(row)) {
            effective.hosts = hosts
                .iter()
                .filter(|(_, _, row)| covered(row))
                .map(|(_, unit, _)| unit.short_name().to_owned())
                .collect();
        }
    }
    effective
}

fn episode(walk: &Walk<'_>, supplies: &BTreeMap<String, Arc<SupplyMemory>>) -> Episode {
    let before = &walk.view.journal.episode;
    let asked = walk.view.snapshot.requests.startups;
    let going_down = walk.rows.iter().any(|row| row.target != Target::Running);
    let all_up = walk.rows.iter().all(Row::has_arrived);
    let lost_in_outage = walk.iter().any(|(_, unit, row)| {
        let feeds = unit.host.and_then(|host| walk.view.plant.hosts.get(host));
        row.wanted == Wanted::Up
            && row.state != State::Up
            && feeds.is_some_and(|host| {
                let plans = host.supplies.iter().filter_map(|s| walk.view.plant.supplies.get(*s));
                let mut memories = plans.filter_map(|plan| supplies.get(&plan.name));
                memories.any(|memory| memory.unsettled)
            })
    });
    let phase = match before.phase {
        _ if going_down || asked > before.startups => EpisodePhase::Recovering,
        EpisodePhase::Holding if lost_in_outage => EpisodePhase::Recovering,
        EpisodePhase::Recovering if all_up => EpisodePhase::Holding,
        phase => phase,
    };
    let since = if phase == before.phase { before.since } else { walk.view.snapshot.now };
    Episode { phase, since, startups: asked }
}

/// A decision in the making.
struct Draft<'w, 'a> {
    walk: &'w Walk<'a>,
    episode: &'w Episode,
    telemetry: &'w BTreeMap<String, Telemetry>,
    steps: Vec<PlannedStep>,
    waiting: Vec<Waiting>,
    blocked: Vec<Blocked>,
    /// Units that nothing holds back: their time runs.
    free: Vec<UnitId>,
    barrier: Barrier,
    /// What the supplies alone ask of every unit, while an operator holds all else.
    asked_by_supplies: Option<Vec<Target>>,
    /// Servers that may still be stopped while the API is to stay up.
    spare_servers: u32,
}

impl<'w, 'a> Draft<'w, 'a> {
    fn new(
        walk: &'w Walk<'a>,
        episode: &'w Episode,
        telemetry: &'w BTreeMap<String, Telemetry>,
    ) -> Self {
        Self {
            walk,
            episode,
            telemetry,
            steps: Vec::new(),
            waiting: Vec::new(),
            blocked: Vec::new(),
            free: Vec::new(),
            barrier: Barrier::new(walk),
            asked_by_supplies: asked_by_supplies(walk),
            spare_servers: spare_servers(walk),
        }
    }

    fn go(&mut self) {
        self.hold();
        let walk = self.walk;
        for (id, unit, row) in walk.iter() {
            if !row.has_arrived() {
                self.unit(id, unit, row);
            }
        }
    }

    /// What holds everything.
    fn hold(&mut self) {
        let view = self.walk.view;
        if view.plant.suspended {
            self.blocked.push(Blocked {
                unit: None,
                reason: Reason::Suspended,
                message: "spec.suspend is true: set it to false to go on".into(),
            });
        }
        if let Some(hold) = &view.snapshot.requests.hold {
            let why =
                if hold.reason.is_empty() { String::new() } else { format!(" ({})", hold.reason) };
            self.blocked.push(Blocked {
                unit: None,
                reason: Reason::OnHold,
                message: format!("held by an operator{why}: `ananke release` goes on").into(),
            });
        }
    }

    fn unit(&mut self, id: UnitId, unit: &Unit, row: &Row) {
        if let Some(supply) = row.shut.filter(|_| row.wanted == Wanted::Up) {
            return self.behind_gate(unit, row, supply);
        }
        if !row.blockers.is_empty() {
            if self.may_cordon_early(id, unit, row) && !self.is_held(id, unit, row) {
                match ladder::offer_cordon(self.walk, unit, row) {
                    Offer::Step(step) => return self.steps.push(step),
                    Offer::Wait(reason, message) => return self.leaf(unit, row, reason, message),
                }
            }
            return self.behind(unit, row);
        }
        if let Some((reason, message)) = self.not_now(id, unit, row) {
            return self.leaf(unit, row, reason, message);
        }
        self.free.push(id);
        match ladder::offer(self.walk, id, unit, row) {
            Offer::Step(step) => self.steps.push(step),
            Offer::Wait(reason, message) => self.leaf(unit, row, reason, message),
        }
        if row.stuck {
            self.overdue(unit);
        }
    }

    /// Steps that are not begun although nothing in the graph holds them back.
    fn not_now(&mut self, id: UnitId, unit: &Unit, row: &Row) -> Option<(Reason, String)> {
        if self.is_held(id, unit, row) {
            let reason =
                if self.walk.view.plant.suspended { Reason::Suspended } else { Reason::OnHold };
            return Some((reason, "no new step is begun".into()));
        }
        if self.is_left_alone(unit, row) {
            let message = "lost in steady state: `ananke set-target running` brings it back";
            return Some((Reason::LostWhileHolding, message.into()));
        }
        if unit.kind == Kind::Server && row.wanted == Wanted::Down && is_serving(self.walk, unit) {
            let Some(spare) = self.spare_servers.checked_sub(1) else {
                let message =
                    "stopping it would lose the etcd quorum while the cluster is to be up";
                return Some((Reason::DependencyNotReady, message.into()));
            };
            self.spare_servers = spare;
        }
        ladder::not_its_turn(self.walk, &self.barrier, id, unit, row)
    }

    /// Holds do not bind what a supply asks for, unless the operator said so.
    fn is_held(&self, id: UnitId, unit: &Unit, row: &Row) -> bool {
        let view = self.walk.view;
        let asked = self.asked_by_supplies.as_ref().and_then(|asked| asked.get(id.index()));
        let by_signal = row.wanted == Wanted::Down
            && asked.is_some_and(|asked| table::wanted(unit.kind, *asked) == Wanted::Down);
        let hold = view.snapshot.requests.hold.as_ref();
        let binds_signals = hold.is_some_and(|hold| hold.even_on_battery);
        (view.plant.suspended || hold.is_some()) && (!by_signal || binds_signals)
    }

    /// In steady state only our own marks are undone.
    fn is_left_alone(&self, unit: &Unit, row: &Row) -> bool {
        self.episode.phase == EpisodePhase::Holding
            && !self.walk.view.plant.startup.heals_always
            && row.wanted == Wanted::Up
            && !matches!(unit.kind, Kind::Node | Kind::Gitops | Kind::Quiesce)
            && !unit.kind.is_observed_only()
            && row.state != State::Unknown(Unseen::NotYet)
            && !self.is_hidden(unit)
    }

    /// An agent that runs, while the API does not tell of its Node: that is the API's loss.
    fn is_hidden(&self, unit: &Unit) -> bool {
        let view = self.walk.view;
        let facts = unit.host.and_then(|host| view.facts(host)).and_then(Seen::value);
        let service = facts.and_then(|facts| facts.agent.as_ref());
        unit.kind == Kind::Agent
            && view.cluster().is_err()
            && service.is_some_and(|service| service.active == ActiveState::Active)
    }

    /// A node is cordoned before its turn, or the barrier of those before it would never fall.
    fn may_cordon_early(&self, id: UnitId, unit: &Unit, row: &Row) -> bool {
        let plant = self.walk.view.plant;
        let is_open = row.state == State::Up;
        let others = plant.graph.above(id).iter().filter_map(|edge| {
            let unit = self.walk.unit(edge.to)?;
            (unit.kind != Kind::Node).then(|| self.walk.row(edge.to)).flatten()
        });
        unit.kind == Kind::Node
            && row.wanted == Wanted::Down
            && is_open
            && others.into_iter().all(|row| row.wanted != Wanted::Down || row.is_settled_down())
    }

    fn behind_gate(&mut self, unit: &Unit, row: &Row, supply: usize) {
        let gate = self.walk.gates.get(supply).unwrap_or(&Gate::OnBattery);
        let name = self.walk.view.plant.supplies.get(supply).map_or("", |s| s.name.as_str());
        let reason = Reason::of_gate(gate);
        // What says what to do about it, where somebody can do something.
        let doubt = self.telemetry.get(name).filter(|doubt| doubt.reason == Some(reason));
        let text = doubt.map_or_else(|| gate.text(name), |doubt| doubt.message.clone());
        let is_it = |told: &Blocked| told.reason == reason && *told.message == *text;
        if !self.blocked.iter().any(is_it) {
            self.blocked.push(Blocked { unit: None, reason, message: text.as_str().into() });
        }
        self.wait(unit, row, reason, format!("power gate: {text}").into());
    }

    fn behind(&mut self, unit: &Unit, row: &Row) {
        let on: Vec<Text> = row
            .blockers
            .iter()
            .filter_map(|id| self.walk.unit(id))
            .map(|unit| unit.name.clone())
            .collect();
        let more = if row.blockers.has_more() { " and more" } else { "" };
        self.waiting.push(Waiting {
            unit: unit.name.clone(),
            message: format!("waits on {}{more}", on.join(", ")).into(),
            on,
            more: row.blockers.has_more(),
            reason: Reason::DependencyNotReady,
            since: None,
            until: None,
        });
    }

    fn leaf(&mut self, unit: &Unit, row: &Row, reason: Reason, message: String) {
        let message = Text::from(message);
        if reason.needs_a_person() {
            self.blocked.push(Blocked {
                unit: Some(unit.name.clone()),
                reason,
                message: message.clone(),
            });
        }
        self.wait(unit, row, reason, message);
    }

    fn wait(&mut self, unit: &Unit, row: &Row, reason: Reason, message: Text) {
        let bound = walk::bound(self.walk.view.plant, unit.kind, row.wanted);
        self.waiting.push(Waiting {
            unit: unit.name.clone(),
            on: Vec::new(),
            more: false,
            reason,
            message,
            since: row.turn,
            until: row.turn.map(|turn| turn.plus(bound)),
        });
    }

    fn overdue(&mut self, unit: &Unit) {
        let last = self.waiting.last().filter(|waiting| waiting.unit == unit.name);
        let why = last.map_or("tried again", |waiting| &*waiting.message);
        let message = format!("takes longer than it may; {why}. Look at it yourself").into();
        self.blocked.push(Blocked {
            unit: Some(unit.name.clone()),
            reason: Reason::ManualActionRequired,
            message,
        });
    }
}

/// What the supplies alone ask of every unit, if an operator holds all else and a battery runs.
fn asked_by_supplies(walk: &Walk<'_>) -> Option<Vec<Target>> {
    let view = walk.view;
    let is_held = view.plant.suspended || view.snapshot.requests.hold.is_some();
    (is_held && walk.scope.is_emergency())
        .then(|| walk.scope.without_document().targets(view.plant))
}

/// How many servers may be stopped while the API is to stay up: seen up of late, less a quorum.
fn spare_servers(walk: &Walk<'_>) -> u32 {
    let api_stays =
        walk.iter().any(|(_, unit, row)| unit.kind == Kind::Api && row.wanted == Wanted::Up);
    let servers = walk.view.plant.hosts.iter().filter(|host| host.role == Role::Server).count();
    if !api_stays {
        return u32::MAX;
    }
    let serving = walk
        .iter()
        .filter(|(_, unit, row)| {
            unit.kind == Kind::Server
                && serves_of_late(walk, unit)
                && !(row.in_flight && row.wanted == Wanted::Down)
        })
        .count();
    u32::try_from(serving.saturating_sub(servers / 2 + 1)).unwrap_or(u32::MAX)
}

/// What a server said longer ago is no quorum: a look at one that has just died takes seconds to
/// fail.
fn serves_of_late(walk: &Walk<'_>, unit: &Unit) -> bool {
    let seen = unit.host.and_then(|host| walk.view.facts(host));
    seen.is_some_and(|seen| seen.is_fresh(walk.view.snapshot.now, OF_LATE))
        && is_serving(walk, unit)
}

fn is_serving(walk: &Walk<'_>, unit: &Unit) -> bool {
    let facts = unit.host.and_then(|host| walk.view.facts(host)).and_then(Seen::value);
    let service = facts.and_then(|facts| facts.server.as_ref());
    service.is_some_and(|service| service.active == ActiveState::Active && !service.job)
}

fn reports(walk: &Walk<'_>, draft: &Draft<'_, '_>) -> Vec<UnitReport> {
    // Both lists stand in the order of the units, each of which is in one of them at most once.
    let mut waiting = draft.waiting.iter().peekable();
    let mut steps = draft.steps.iter().peekable();
    let mut report = |unit: &Unit, row: &Row| {
        let waits = waiting.next_if(|waiting| waiting.unit == unit.name);
        let step = steps.next_if(|step| step.unit == unit.name);
        let (reason, message) = told(walk, unit, row, waits, step);
        UnitReport {
            name: unit.name.clone(),
            state: Text::new_static(row.state.as_str()),
            wanted: row.wanted,
            arrived: row.has_arrived(),
            reason,
            message,
        }
    };
    walk.iter().map(|(_, unit, row)| report(unit, row)).collect()
}

/// What a unit's row in the table says.
fn told(
    walk: &Walk<'_>,
    unit: &Unit,
    row: &Row,
    waits: Option<&Waiting>,
    step: Option<&PlannedStep>,
) -> (Option<Reason>, Text) {
    match unit.supply.and_then(|supply| walk.gates.get(supply)) {
        Some(Gate::Open) => return (None, Text::default()),
        Some(gate) => return (Some(Reason::of_gate(gate)), gate.text(unit.short_name()).into()),
        None => {}
    }
    if let Some(step) = step {
        return (None, format!("{} (try {})", step.rung.name(), step.attempt).into());
    }
    if let Some(waits) = waits {
        return (Some(waits.reason), waits.message.clone());
    }
    // Whoever is not where it is wanted waits, or has a step: here are only those that have arrived.
    let message = match row.state {
        _ if row.left => "left: the battery does not allow to wait for it",
        State::Down => "",
        _ if row.moot => "moot: the API is gone, nobody could",
        State::Part(what) => what,
        _ => "",
    };
    (None, if message.is_empty() { Text::default() } else { message.into() })
}
