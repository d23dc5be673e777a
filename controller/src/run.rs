//! The only loop.

use std::{
    collections::BTreeSet,
    sync::Arc,
    time::{Duration, Instant},
};

use ananke_core::{
    decide::decide,
    decision::Decision,
    journal::{Event, Journal},
    observe::Snapshot,
    plant::Plant,
    step::{Action, Outcome, PlannedStep},
    time::Tick,
};
use ananke_ports::{Ports, StoreError};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use crate::{
    act::{self, Run},
    board::{Board, Pace, is_complete},
    publish::{Publisher, Scene as PublishedScene},
    state::{History, Recorder, Scene, Standing},
    wiring::policy::InForce,
};

/// Decisions are at least this far apart, however fast events come.
const SHORTEST: Duration = Duration::from_millis(100);

/// What is seen within this long is decided on together: two supplies asked in the same second, a
/// node and its pods.
const TOGETHER: Duration = Duration::from_millis(10);

/// How old the decision recorded last may be.
const RECORD_ANEW: Duration = Duration::from_secs(300);

/// How often a disk that did not take the journal is tried again.
const DISK_RETRY: Duration = Duration::from_secs(5);

/// Whether the loop acts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// It does what it decides.
    Act,
    /// It decides and tells, and never acts.
    Observe,
}

/// The loop over one world and one shape of policy.
pub struct Loop<'a> {
    ports: Ports,
    mode: Mode,
    plant: Arc<Plant>,
    shape: String,
    board: Arc<Board>,
    recorder: &'a mut Recorder,
    standing: &'a mut Standing,
    history: &'a mut History,
    publisher: &'a mut Publisher,
    run: Run,
    returns: (mpsc::UnboundedSender<Return>, mpsc::UnboundedReceiver<Return>),
    last: Option<Arc<Decision>>,
    /// When a decision was recorded last, whether everything had been looked at then, and what
    /// people had asked for.
    recorded: Option<(Tick, bool, Standing)>,
    /// What keeps the disk from taking the journal.
    disk: Option<String>,
    disk_tried: Tick,
    /// What was wrong with requests in the turn before.
    requests_said: Vec<String>,
}

/// A step's call came back.
struct Return {
    id: u64,
    step: PlannedStep,
    outcome: Outcome,
}

/// Why the loop came to its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum End {
    /// It was asked to stop.
    Cancelled,
    /// The policy names other hosts, supplies or ways to them: the world is to be wired anew.
    Rewire,
}

/// What the loop lives on.
pub struct Parts<'a> {
    /// The world.
    pub ports: Ports,
    /// Whether to act.
    pub mode: Mode,
    /// The journal.
    pub recorder: &'a mut Recorder,
    /// What people asked for.
    pub standing: &'a mut Standing,
    /// What past runs took.
    pub history: &'a mut History,
    /// Where it is told.
    pub publisher: &'a mut Publisher,
}

impl<'a> Loop<'a> {
    /// A loop for this policy.
    pub fn new(parts: Parts<'a>, in_force: &InForce, board: Arc<Board>) -> Self {
        let plant = Arc::clone(&in_force.plant);
        let own = plant.hosts.iter().find(|host| host.is_self);
        let feeds = own.map(|own| own.supplies.as_slice()).unwrap_or_default();
        let own_supplies = feeds
            .iter()
            .filter_map(|supply| plant.supplies.get(*supply))
            .map(|supply| supply.name.clone())
            .collect();
        let run = Run { id: format!("{:x}", parts.ports.clock.wall_unix_seconds()), own_supplies };
        Self {
            ports: parts.ports,
            mode: parts.mode,
            plant,
            shape: in_force.shape.clone(),
            board,
            recorder: parts.recorder,
            standing: parts.standing,
            history: parts.history,
            publisher: parts.publisher,
            run,
            returns: mpsc::unbounded_channel(),
            last: None,
            recorded: None,
            disk: None,
            disk_tried: Tick::default(),
            requests_said: Vec::new(),
        }
    }

    /// Runs until it is cancelled or must be wired anew.
    pub async fn run(
        mut self,
        policies: &mut tokio::sync::watch::Receiver<Arc<InForce>>,
        cancel: &CancellationToken,
    ) -> End {
        let mut rest = Duration::ZERO;
        while self.sleep(rest, policies, cancel).await {
            self.ports.clock.sleep(TOGETHER).await;
            self.board.taken();
            while let Ok(back) = self.returns.1.try_recv() {
                self.land(back);
            }
            let in_force = Arc::clone(&policies.borrow_and_update());
            if in_force.shape != self.shape {
                return End::Rewire;
            }
            self.plant = Arc::clone(&in_force.plant);
            self.recorder.under(&in_force);
            rest = self.turn(&in_force);
        }
        self.ports.supplies.close().await;
        End::Cancelled
    }

    /// Sleeps until a turn is worth its while, so long at most; false once it is cancelled.
    ///
    /// How a step ended is not worth one, but what it did: the look at that is asked for here, and
    /// wakes.
    async fn sleep(
        &mut self,
        rest: Duration,
        policies: &mut tokio::sync::watch::Receiver<Arc<InForce>>,
        cancel: &CancellationToken,
    ) -> bool {
        let clock = Arc::clone(&self.ports.clock);
        let begin = clock.now();
        let (earliest, latest) = (begin.plus(rest.min(SHORTEST)), begin.plus(rest));
        loop {
            let now = clock.now();
            let may_wake = now >= earliest;
            let left = if may_wake { latest.since(now) } else { earliest.since(now) };
            // In this order, not by chance: one seed is one run.
            tokio::select! {
                biased;
                () = cancel.cancelled() => return false,
                Some(back) = self.returns.1.recv() => self.land(back),
                _ = policies.changed(), if may_wake => return true,
                () = self.board.changed(), if may_wake => return true,
                () = clock.sleep(left) => if may_wake { return true },
            }
        }
    }

    /// One turn: look, decide, begin, tell.
    fn turn(&mut self, in_force: &Arc<InForce>) -> Duration {
        let now = self.ports.clock.now();
        let unix = self.ports.clock.wall_unix_seconds();
        self.retry_disk(now);
        self.take_requests(unix);
        let snapshot = Arc::new(self.board.snapshot(now, self.standing.requests(now, unix)));
        let began = Instant::now();
        let decision = Arc::new(decide(&self.plant, self.recorder.journal(), &snapshot));
        self.publisher.metrics().decided(began.elapsed());
        self.remember(&snapshot, &decision, unix);
        if self.mode == Mode::Act {
            for step in &decision.steps {
                self.begin(step.clone(), now, unix);
            }
        }
        let moves = !decision.waiting.is_empty() || !decision.steps.is_empty();
        let on_battery = decision.supplies.values().any(|s| s.on_battery_since.is_some());
        self.board.set_pace(if moves || on_battery { Pace::Busy } else { Pace::Calm });
        let scene = PublishedScene {
            in_force: Arc::clone(in_force),
            complete: is_complete(&snapshot),
            snapshot,
            decision: Arc::clone(&decision),
            in_flight: self.in_flight(),
            disk: self.disk.clone(),
            damage: self.standing.damage.clone(),
            unix_seconds: unix,
            turned_unix_seconds: jiff::Timestamp::now().as_second(),
        };
        let tell_again = self.publisher.publish(&self.ports, scene);
        let rest = tell_again.map_or(decision.look_again, |again| again.min(decision.look_again));
        self.last = Some(decision);
        rest
    }

    fn in_flight(&self) -> Vec<String> {
        let steps = self.recorder.journal().in_flight.values().map(|flight| &flight.step);
        steps
            .map(|step| format!("{}: {} (try {})", step.unit, step.rung.name(), step.attempt))
            .collect()
    }

    fn take_requests(&mut self, unix_seconds: i64) {
        let hosts: Vec<String> = self.plant.hosts.iter().map(|host| host.name.clone()).collect();
        let telemetry = self.last.iter().flat_map(|decision| &decision.telemetry);
        let unheard = telemetry.filter(|(_, told)| !told.trust.is_heard());
        let unheard: BTreeSet<String> = unheard.map(|(name, _)| name.clone()).collect();
        let supplies = &self.recorder.journal().supplies;
        let scene = Scene { supplies, unheard: &unheard, hosts: &hosts, unix_seconds };
        let wrong = self.standing.take_all(self.ports.store.as_ref(), &scene);
        for message in wrong.iter().filter(|message| !self.requests_said.contains(message)) {
            tracing::error!("requests: {message}");
        }
        self.requests_said = wrong;
    }

    /// Journals what a decision changed.
    fn remember(&mut self, snapshot: &Snapshot, decision: &Decision, unix: i64) {
        let event = Event::decided(self.recorder.journal(), decision);
        let telling = is_worth_a_sync(self.recorder.journal(), decision);
        let mut kept = Ok(());
        if self.is_worth_recording(snapshot, decision) {
            kept = self.recorder.decision(snapshot, decision, unix);
            let standing = self.standing.clone();
            self.recorded = Some((decision.at, is_complete(snapshot), standing));
        }
        if telling {
            kept = kept.and(self.recorder.event(event, unix));
        } else {
            // Readings that changed no verdict are not worth a sync to disk.
            self.recorder.note(&event);
        }
        self.disk_said(kept);
        if self.recorder.journal().run_over.is_some() {
            let store = Arc::clone(&self.ports.store);
            let kept = self.history.settle(store.as_ref(), self.recorder, unix);
            self.disk_said(kept);
        }
    }

    /// Commands plan from the decision recorded last: it must not be one made before everything
    /// was looked at once, nor of a world long gone. What people asked for is told by it if the
    /// file that keeps it is damaged.
    fn is_worth_recording(&self, snapshot: &Snapshot, decision: &Decision) -> bool {
        let rests = |decision: &Decision| decision.steps.is_empty() && decision.waiting.is_empty();
        let differs = self.last.as_ref().is_none_or(|last| {
            // That steps were begun is an event of its own.
            (last.steps != decision.steps && !decision.steps.is_empty())
                || last.effective != decision.effective
                || last.blocked != decision.blocked
                || rests(last) != rests(decision)
        });
        differs
            || self.recorded.as_ref().is_none_or(|(at, complete, standing)| {
                *complete != is_complete(snapshot)
                    || decision.at.since(*at) >= RECORD_ANEW
                    || *standing != *self.standing
            })
    }

    /// Marks, then acts. With no room for the mark, steps down go on and are told, steps up wait.
    fn begin(&mut self, step: PlannedStep, at: Tick, unix: i64) {
        let id = self.recorder.journal().next_id;
        let up = is_up(&step.action);
        if up && self.disk.is_some() {
            return;
        }
        let kept = self.recorder.event(Event::Begun { id, at, step: step.clone() }, unix);
        let failed = kept.is_err();
        self.disk_said(kept);
        if failed && up {
            let outcome =
                Outcome::Refused { message: "not begun: it could not be journalled".into() };
            return self.land(Return { id, step, outcome });
        }
        tracing::info!("{}: {} (try {})", step.unit, step.rung.name(), step.attempt);
        let (ports, run, back) = (self.ports.clone(), self.run.clone(), self.returns.0.clone());
        tokio::spawn(async move {
            let outcome = act::perform(&ports, &run, &step).await;
            // The loop that asked may be gone: nobody waits for the answer then.
            let _ = back.send(Return { id, step, outcome });
        });
    }

    /// Journals how a step ended, and asks for a look at what it touched.
    fn land(&mut self, back: Return) {
        let Return { id, step, outcome } = back;
        match &outcome {
            Outcome::Done => tracing::debug!("{}: {} returned", step.unit, step.rung.name()),
            Outcome::Refused { message } | Outcome::Unknown { message } => {
                tracing::warn!("{}: {}: {message}", step.unit, step.rung.name());
            }
        }
        let took = self.recorder.journal().in_flight.get(&id).map(|flight| flight.since);
        let at = self.ports.clock.now();
        self.publisher.step_ended(&step, &outcome, took.map(|since| at.since(since)));
        let unix = self.ports.clock.wall_unix_seconds();
        let kept = self.recorder.event(Event::Ended { id, at, outcome }, unix);
        self.disk_said(kept);
        match host_of(&step.action) {
            Some(host) => self.board.poke_host(host),
            None => self.board.poke_cluster(),
        }
    }

    fn disk_said(&mut self, kept: Result<(), StoreError>) {
        if let Err(error) = kept {
            let message = match error {
                StoreError::Full { .. } => error.to_string(),
                StoreError::Io { .. } => {
                    format!("{error}; nothing up is begun until the journal can be written")
                }
            };
            if self.disk.as_ref() != Some(&message) {
                tracing::error!("{message}");
            }
            self.disk = Some(message);
        }
    }

    /// The disk takes the journal again once it takes all of it: a line that went into the reserve
    /// proves nothing, and lines are missing before it.
    fn retry_disk(&mut self, now: Tick) {
        if self.disk.is_none() || now.since(self.disk_tried) < DISK_RETRY {
            return;
        }
        self.disk_tried = now;
        match self.recorder.begin_segment() {
            Ok(()) => {
                self.disk = None;
                tracing::info!("the journal is written again");
            }
            Err(error) => self.disk_said(Err(error)),
        }
    }
}

/// Whether losing what a decision changes would cost more than another look at the world.
fn is_worth_a_sync(journal: &Journal, decision: &Decision) -> bool {
    journal.episode != decision.episode
        || !decision.began.is_empty()
        || !decision.ended.is_empty()
        || !decision.paused.is_empty()
        || !decision.lasted.is_empty()
        || !decision.off.is_empty()
        || !decision.back.is_empty()
        || decision.own_wanted_up
        || journal.run.as_ref().map(|run| run.path) != decision.way.map(|way| way.path)
        || decision.supplies.iter().any(|(name, memory)| {
            journal.supplies.get(name).is_none_or(|before| {
                before.phase != memory.phase
                    || before.on_battery_since != memory.on_battery_since
                    || before.lifted != memory.lifted
                    || before.device != memory.device
            })
        })
        || decision.batteries.iter().any(|(name, battery)| {
            journal.batteries.get(name).is_some_and(|before| battery.is_news_after(before))
        })
}

/// Whether an action brings something up.
const fn is_up(action: &Action) -> bool {
    matches!(
        action,
        Action::Resume { .. }
            | Action::Uncordon { .. }
            | Action::StartService { .. }
            | Action::Wake { .. }
    )
}

/// The host that an action touches.
fn host_of(action: &Action) -> Option<&str> {
    match action {
        Action::TakeSnapshot { host }
        | Action::StartService { host, .. }
        | Action::StopService { host, .. }
        | Action::KillService { host, .. }
        | Action::EndContainers { host }
        | Action::PowerOff { host }
        | Action::Wake { host } => Some(host),
        _ => None,
    }
}
