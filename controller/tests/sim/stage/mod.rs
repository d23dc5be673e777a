//! The stage: a world, a state directory, a document, and the daemon that lives and dies there.

mod hand;
pub mod play;

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use ananke::{
    daemon::Daemon,
    publish::{Published, Publisher, Told, metrics::Metrics},
    run::Mode,
    state::{Answer, REQUESTS, Request, replay},
    wiring::policy::InForce,
};
use ananke_audit::{Expect, Wanted, audit, audit_rest};
use ananke_crds::policy::{ConditionStatus, Target};
use ananke_ports::Store as _;
use ananke_sim::{
    ports::{Death, MemoryStore, MemoryWorld, WorldHandle as _},
    record::{record, work},
    world::{Fate, World},
};
pub use hand::Point;
use hand::{Effects, Hand};
use play::Take;
pub use play::{play, same_every_time, survives};
use tokio::{sync::watch, task::JoinHandle};
use tokio_util::sync::CancellationToken;

use crate::{log, scenes::Scene};

/// How often the stage looks, in virtual time.
const LOOK: Duration = Duration::from_millis(100);
/// A command waits so long for its answer, in milliseconds of the world.
const ANSWER_MILLIS: u64 = 10_000;
/// Within this the objects of the API are looked at, at rest too.
const SEEN: Duration = Duration::from_secs(6);
/// `RestartSec` of the unit.
const RESTART: Duration = Duration::from_secs(2);
/// The last word about what was done is told by then.
const SETTLE: Duration = Duration::from_secs(60);
/// What is watched for rest at the end of each story.
const REST: Duration = Duration::from_secs(120);

/// A daemon that lives.
struct Life {
    hand: Arc<Hand>,
    daemon: JoinHandle<anyhow::Result<()>>,
    told: watch::Receiver<Option<Arc<Told>>>,
    metrics: Arc<Metrics>,
}

/// Where a story is played.
pub struct Stage {
    /// The state directory.
    pub store: Arc<MemoryStore>,
    /// What the audit at the end expects beyond the targets.
    pub expect: Expect,
    /// Whether the end is at rest.
    pub rests: bool,
    world: Arc<MemoryWorld>,
    before: World,
    document: String,
    policies: watch::Sender<Arc<InForce>>,
    effects: Arc<Effects>,
    take: Take,
    point: Option<Point>,
    deaths: Vec<Option<Death>>,
    life: Option<Life>,
    told_until: u64,
    asked: u32,
}

impl Stage {
    fn new(scene: Scene, take: &Take) -> Self {
        let before = (scene.world)(take.seed);
        let document = (scene.document)();
        let in_force = InForce::of(&document, "desired/story.yaml").unwrap();
        let store = Arc::new(MemoryStore::new());
        let effects = Arc::new(Effects::default());
        match take.point {
            Some(Point::Write(at, how)) => store.die_at(at, how),
            Some(Point::Poll(number)) => effects.die_at_poll(number),
            _ => {}
        }
        Self {
            told_until: before.trace.len(),
            world: Arc::new(MemoryWorld::new(before.clone())),
            expect: Expect::running(),
            rests: true,
            policies: watch::Sender::new(Arc::new(in_force)),
            effects,
            life: None,
            asked: 0,
            store,
            before,
            document,
            point: take.point,
            take: take.clone(),
            deaths: Vec::new(),
        }
    }

    /// Begins a paragraph of the story.
    pub fn tell(&mut self, text: &str) {
        self.catch_up();
        if self.take.loud {
            println!("{}-- {text}", log::clock(self.now()));
        }
    }

    /// Now, in milliseconds of the world.
    pub fn now(&self) -> u64 {
        self.world.now_millis()
    }

    /// Looks at the world.
    pub fn look<T>(&self, look: impl FnOnce(&World) -> T) -> T {
        self.world.look(look).unwrap()
    }

    /// Changes the world in a way that fate has no word for.
    pub fn change(&self, change: impl FnOnce(&mut World)) {
        self.world
            .act(|world| {
                change(world);
                world.touch();
            })
            .unwrap();
    }

    /// How often calls met each fault of each part of the world.
    pub fn faults_met(&self) -> BTreeMap<(&'static str, &'static str), u64> {
        self.world.faults_met()
    }

    /// Fate does something.
    pub fn fate(&mut self, fate: &Fate) {
        self.tell(&format!("fate: {fate}"));
        self.world.act(|world| world.suffer(fate)).unwrap().unwrap();
    }

    /// The operator edits the target.
    pub fn declare(&mut self, target: Target) {
        self.tell(&format!("the operator declares {target}"));
        let wanted = match target {
            Target::Running => Wanted::Running,
            Target::ClusterOnlyDown => Wanted::ClusterOnlyDown,
            Target::Poweroff => Wanted::Poweroff,
        };
        self.expect = self.expect.clone().declared(self.now(), wanted);
        self.edit("target", &target.to_string());
    }

    /// The operator edits the value of a key that stands on a line of its own.
    pub fn edit(&mut self, key: &str, value: &str) {
        let is_it = |line: &str| line.trim_start().starts_with(&format!("{key}:"));
        assert!(self.document.lines().any(is_it), "the document has no {key}");
        let line = |line: &str| {
            let indent = line.len() - line.trim_start().len();
            if is_it(line) { format!("{:indent$}{key}: {value}", "") } else { line.to_owned() }
        };
        self.document = self.document.lines().map(line).collect::<Vec<_>>().join("\n");
        let in_force = InForce::of(&self.document, "desired/story.yaml");
        self.policies.send_replace(Arc::new(in_force.unwrap()));
    }

    /// The operator leaves a text where the document is: the last good one stays in force instead
    /// of a bad one.
    pub fn write_document(&mut self, text: &str) {
        let before = Arc::clone(&self.policies.borrow());
        let in_force = match InForce::of(text, "desired/story.yaml") {
            Ok(good) => {
                text.clone_into(&mut self.document);
                good
            }
            Err(refused) => before.with_problem(&refused),
        };
        self.policies.send_replace(Arc::new(in_force));
    }

    /// The document that is in force.
    pub fn document(&self) -> &str {
        &self.document
    }

    /// The daemon dies at a poll, counted from now.
    pub fn dies_at_poll(&mut self, from_now: u64) {
        self.effects.die_at_poll(self.effects.polls() + from_now);
    }

    /// The daemon dies in a write of the store, counted from now.
    pub fn dies_in_write(&mut self, from_now: u64, how: Death) {
        self.store.die_at(self.store.writes() + from_now, how);
    }

    /// It does not die of itself any more.
    pub fn is_spared(&mut self) {
        self.effects.die_at_poll(0);
        if !self.store.is_dead() {
            self.store.revive();
        }
    }

    /// Asks something of the daemon, and waits for its answer.
    pub async fn ask(&mut self, request: &Request) -> Answer {
        self.tell(&format!("a command asks: {request:?}"));
        self.asked += 1;
        let name = format!("{REQUESTS}/r{}", self.asked);
        self.store.put(&format!("{name}.json"), &serde_json::to_vec(request).unwrap());
        let answer = format!("{name}.answer.json");
        let until = self.now() + ANSWER_MILLIS;
        let bytes = loop {
            if let Some(bytes) = self.store.take(&answer) {
                break bytes;
            }
            if self.now() > until {
                self.fail("the request is not answered");
            }
            self.pass(LOOK).await;
        };
        self.tell("the request is answered");
        serde_json::from_slice(&bytes).unwrap()
    }

    /// Waits for something in the world, in seconds of the world.
    pub async fn until(&mut self, what: &str, within: u64, done: impl Fn(&World) -> bool) {
        let until = self.now() + within * 1000;
        while !self.look(&done) {
            if self.now() > until {
                self.fail(&format!("not within {within} s: {what}"));
            }
            self.pass(LOOK).await;
        }
        self.tell(what);
    }

    /// Waits until the daemon tells something.
    pub async fn until_told(
        &mut self,
        what: &str,
        within: u64,
        done: impl Fn(&Published) -> bool,
    ) -> Arc<Published> {
        let until = self.now() + within * 1000;
        loop {
            if let Some(told) = self.told().filter(|told| done(told)) {
                self.tell(what);
                return told;
            }
            if self.now() > until {
                self.fail(&format!("not told within {within} s: {what}"));
            }
            self.pass(LOOK).await;
        }
    }

    /// Waits until the daemon says that it has arrived, and looks whether that is so.
    pub async fn arrives(&mut self, target: Target, within: u64) {
        let is_there = |told: &Published| {
            told.status.effective_target == Some(target) && condition(told, "Ready").is_some()
        };
        let is_so = move |world: &World| match target {
            Target::Running => is_up(world) && nothing_of_ours(world),
            Target::ClusterOnlyDown => is_stopped(world) && all_on(world),
            Target::Poweroff => all_off(world),
        };
        let until = self.now() + within * 1000;
        loop {
            let left = until.saturating_sub(self.now()) / 1000;
            self.until_told(&format!("ananke says: {target}, Ready"), left, is_there).await;
            if self.look(is_so) {
                return;
            }
            // A call that was given up long ago may land at this very instant: then it must be seen
            // within a look at rest, and no longer be told.
            self.pass(SEEN).await;
            let is_told = self.told().is_some_and(|told| is_there(&told));
            let is_so = self.look(is_so);
            self.check(
                is_so || !is_told,
                &format!("told Ready at {target} while the world is not"),
            );
        }
    }

    /// The same, in milliseconds.
    pub async fn pass_millis(&mut self, millis: u64) {
        self.pass(Duration::from_millis(millis)).await;
    }

    /// Time passes and nobody is started.
    pub async fn rests_dead(&mut self, seconds: u64) {
        tokio::time::sleep(Duration::from_secs(seconds)).await;
    }

    /// Lets time pass; whoever dies meanwhile is started again by systemd.
    pub async fn pass(&mut self, span: Duration) {
        let mut left = span;
        while !left.is_zero() {
            let nap = left.min(LOOK);
            tokio::time::sleep(nap).await;
            left -= nap;
            self.catch_up();
            if let Some(Point::At(at)) = self.point
                && self.now() >= at
                && let Some(life) = &self.life
            {
                self.point = None;
                life.hand.kill();
            }
            if self.life.as_ref().is_some_and(|life| life.hand.is_dead()) {
                self.deaths.push(self.store.death().filter(|_| self.store.is_dead()));
                self.kill_minus_9().await;
                tokio::time::sleep(RESTART).await;
            }
            self.live_with_the_own_host().await;
            if self.life.as_ref().is_some_and(|life| life.daemon.is_finished()) {
                self.fail("the daemon has ended by itself");
            }
        }
    }

    /// The daemon ends with its host, and is started again by systemd when that is on.
    async fn live_with_the_own_host(&mut self) {
        let own = |w: &World| w.own_host.as_ref().and_then(|own| w.hosts.get(own)).cloned();
        let is_on = self.look(own).is_none_or(|host| host.is_on());
        match &self.life {
            Some(_) if !is_on => {
                self.tell("the host of ananke ends its processes");
                let point = self.point;
                self.kill_minus_9().await;
                self.point = point;
            }
            None if is_on => self.start(),
            _ => {}
        }
    }

    /// Starts the daemon over the same world and the same state directory.
    pub fn start(&mut self) {
        self.tell("ananke starts");
        let hand = Hand::new(&self.effects, self.point, self.take.twice);
        let mut publisher = Publisher::new(Vec::new());
        let (told, metrics) = (publisher.told(), publisher.metrics());
        let mut policies = self.policies.subscribe();
        let (world, store) = (Arc::clone(&self.world), Arc::clone(&self.store));
        let held = Arc::clone(&hand);
        let daemon = tokio::spawn(async move {
            let wire = |_: &InForce| {
                Ok(held.hold(ananke_sim::ports::ports(&world, store.clone()), store.clone()))
            };
            let daemon = Daemon { wire, mode: Mode::Act, polls: BTreeMap::new() };
            daemon.run(&mut publisher, &mut policies, &CancellationToken::new()).await
        });
        self.life = Some(Life { hand, daemon, told, metrics });
    }

    /// Ends every task of the daemon without any goodbye, and makes its decisions again.
    pub async fn kill_minus_9(&mut self) {
        if self.life.is_some() {
            self.end_life().await;
            self.replays();
        }
    }

    /// Ends every task of the daemon without any goodbye.
    async fn end_life(&mut self) {
        let Some(life) = self.life.take() else { return };
        self.tell("ananke is killed with -9");
        life.hand.kill();
        life.daemon.abort();
        let _ = life.daemon.await;
        self.store.revive();
        // It dies once.
        self.point = None;
    }

    /// Every decision in the journal comes out the same when it is made again.
    #[track_caller]
    fn replays(&mut self) {
        let lines = self.store.journal().unwrap();
        if lines.is_empty() {
            return;
        }
        let replayed = replay(lines.iter().map(String::as_str));
        self.check(replayed.is_same(), &format!("the journal does not replay: {replayed:#?}"));
    }

    /// What the daemon told last.
    pub fn told(&self) -> Option<Arc<Published>> {
        self.life
            .as_ref()
            .and_then(|life| life.told.borrow().as_ref().map(|told| Arc::clone(told.published())))
    }

    /// What Prometheus would read of the daemon.
    pub fn metrics(&self) -> String {
        self.life
            .as_ref()
            .map(|life| life.metrics.text(life.told.borrow().as_deref()))
            .unwrap_or_default()
    }

    /// Fails the story if something is not so.
    #[track_caller]
    pub fn check(&mut self, is_so: bool, otherwise: &str) {
        if !is_so {
            self.fail(otherwise);
        }
    }

    /// Ends the story: rest, and the audit of the world.
    async fn end(&mut self) {
        if let Some(Point::At(_)) = self.point {
            self.point = Some(Point::At(0));
        }
        self.pass(SETTLE).await;
        let (resting, quiet) = (self.world.snapshot(), self.rests);
        self.pass(REST).await;
        let after = self.world.snapshot();
        let mut violations = audit(&record(&self.before, &after), &self.expect);
        if quiet {
            violations.extend(audit_rest(after.now(), work(&resting), work(&after)));
        }
        self.tell(&format!("the end; the audit finds {} violations", violations.len()));
        if !violations.is_empty() {
            let lines: Vec<String> = violations.iter().map(ToString::to_string).collect();
            self.fail(&format!("the audit of the world:\n  {}", lines.join("\n  ")));
        }
    }

    /// Ends the story badly.
    #[track_caller]
    pub fn fail(&mut self, why: &str) -> ! {
        self.catch_up();
        let mut lines = vec![format!("{why}\n\n  again: {}", self.take.again)];
        if let Some(told) = self.told() {
            let sentence = told.status.sentence.clone().unwrap_or_default();
            lines.push(format!("  ananke says: {sentence}"));
            let live = told.live.steps.iter().chain(&told.live.leaves).chain(&told.live.blocked);
            lines.extend(live.map(|line| format!("    {line}")));
        }
        panic!("{}", lines.join("\n"));
    }

    /// Tells what has happened since.
    fn catch_up(&mut self) {
        if !self.take.loud {
            return;
        }
        let (lines, until) = self.look(|world| {
            let skip = usize::try_from(self.told_until).unwrap();
            let lines: Vec<String> = world.trace.iter().skip(skip).filter_map(log::line).collect();
            (lines, world.trace.len())
        });
        self.told_until = until;
        for line in lines {
            println!("{line}");
        }
    }
}

/// The message of a condition that is true.
pub fn condition(told: &Published, kind: &str) -> Option<String> {
    let is_true = |c: &&ananke_crds::policy::Condition| {
        c.status == ConditionStatus::True && c.condition_type == kind
    };
    told.status.conditions.iter().find(is_true).map(|c| c.message.clone())
}

/// Every host is on.
pub fn all_on(world: &World) -> bool {
    world.hosts.values().all(ananke_sim::world::Host::is_on)
}

/// Every host is off.
pub fn all_off(world: &World) -> bool {
    world.hosts.values().all(ananke_sim::world::Host::is_off)
}

/// No service runs, and no container lives.
pub fn is_stopped(world: &World) -> bool {
    world.hosts.values().all(|host| {
        host.containers.is_empty() && host.service.as_ref().is_none_or(|unit| !unit.runs())
    })
}

/// Every host is on, every service works, and the API answers.
pub fn is_up(world: &World) -> bool {
    all_on(world)
        && world.api_ready()
        && world.hosts.values().all(|host| host.service.is_none() || host.kubelet_works())
}

/// No mark of ours is left.
pub fn nothing_of_ours(world: &World) -> bool {
    world.cluster.nodes.values().all(|node| node.mark.is_none())
        && world.cluster.gitops.iter().all(|object| object.mark.is_none())
}
