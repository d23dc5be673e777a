//! What must never be, judged by the world alone: by what was there when a decision looked, and by
//! what an effect met.

use ananke_core::{
    journal::Journal,
    plant::{HostPlan, Plant, Role},
    signals::Phase,
    step::{Action, PlannedStep, Service as Which},
};
use ananke_crds::policy::Target;
use stateright::Property;

use super::{
    look::Lost,
    model::{Cluster, State},
    world::{
        Battery, EtcdSnapshot, Hold, Machine, OBJECTS, Pods, Power, Service, World, is_on_mains,
        place, quorum,
    },
};

/// A promise, by its number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Promise {
    /// 1.
    NothingStartsOnBattery,
    /// 2.
    OrderOnTheWayDown,
    /// 2.
    NothingGoesUpOnTheWayDown,
    /// 3.
    NothingRunsOnWhatIsPoweredOff,
    /// 4.
    QuorumStays,
    /// 6.
    ThisHostGoesLast,
    /// 7.
    NothingOfOthersIsTouched,
    /// 7, by the phase *held*.
    NoPowerOffOnceMainsAreBack,
    /// 9.
    OneStepAtATime,
}

macro_rules! never {
    ($($promise:ident: $name:literal;)+) => {
        /// All that is checked in every state, and two that show that there is something to check.
        pub(crate) fn properties() -> Vec<Property<Cluster>> {
            vec![
                $(Property::always($name, |_, state: &State| {
                    state.broken != Some(Promise::$promise)
                }),)+
                Property::always(IT_RESTS, |cluster: &Cluster, state: &State| {
                    cluster.avoid.is_empty() || !cluster.avoid.contains(&state.print())
                }),
                Property::sometimes(ALL_OFF, |cluster: &Cluster, state: &State| {
                    let plant = cluster.plant(state.declared);
                    state.world.is_at(plant, Target::Poweroff)
                }),
                Property::sometimes("and up again, at rest", |cluster: &Cluster, state: &State| {
                    let plant = cluster.plant(state.declared);
                    state.budget != cluster.budget
                        && state.looked
                        && !state.journal.hosts.is_empty()
                        && state.world.is_at(plant, Target::Running)
                }),
            ]
        }
    };
}

/// Met where all power may go, or a person declares it.
pub(crate) const ALL_OFF: &str = "everything is off";

/// Holds while no state is to be avoided: [`super::rest`] finds those.
pub(crate) const IT_RESTS: &str = "7: once nothing fails, the target is reached, and rest";

never! {
    NothingStartsOnBattery: "1: nothing is started on battery, or with its power unknown";
    OrderOnTheWayDown: "2: nothing stops before what needs it is down";
    NothingGoesUpOnTheWayDown: "2: on the way down nothing goes up";
    NothingRunsOnWhatIsPoweredOff: "3: no host is powered off with anything running on it";
    QuorumStays: "4: the quorum stays while the API is wanted";
    ThisHostGoesLast: "6: this host goes last, and reboots where mains are there";
    NothingOfOthersIsTouched: "7: nothing that a person cordoned or suspended is touched";
    NoPowerOffOnceMainsAreBack: "7: no host is powered off once mains are back";
    OneStepAtATime: "9: no unit has two steps in flight";
}

/// What a decision is asked.
pub(crate) struct Asks<'a> {
    /// With the declared target.
    pub(crate) plant: &'a Plant,
    /// The world when it was looked at.
    pub(crate) seen: &'a World,
    /// The part of it that the look did not reach.
    pub(crate) lost: Option<Lost>,
    /// What was remembered then.
    pub(crate) journal: &'a Journal,
}

impl Asks<'_> {
    pub(crate) fn broken_by(&self, steps: &[PlannedStep]) -> Option<Promise> {
        let mut servers_stopped = 0;
        steps.iter().find_map(|step| {
            let (now, flights) = (super::normal::soon(3), self.journal.in_flight.values());
            let mut open = flights.filter(|flight| !flight.is_over(now));
            if open.any(|flight| flight.step.unit == step.unit) {
                return Some(Promise::OneStepAtATime);
            }
            let is_server = match &step.action {
                Action::StopService { host, service: Which::Server } => self.serves(host),
                _ => false,
            };
            servers_stopped += usize::from(is_server);
            self.broken_by_step(&step.action, servers_stopped)
        })
    }

    fn broken_by_step(&self, action: &Action, stops: usize) -> Option<Promise> {
        if let Some(promise) = self.goes_up(action) {
            return Some(promise);
        }
        match action {
            Action::Suspend { objects } => {
                objects.iter().find_map(|object| self.suspends(&object.name))
            }
            Action::Resume { objects } => {
                objects.iter().find_map(|object| self.resumes(&object.name))
            }
            Action::Cordon { node } => self.is_theirs(node),
            Action::Uncordon { node } => self.is_theirs(node),
            Action::StopService { host, service } => self.stops(host, *service, stops),
            Action::PowerOff { host } => self.powers_off(host),
            Action::ForceShutdown { .. } => self.leaves(),
            Action::PowerOffSelf { .. } if self.journal.own_fsd_since.is_empty() => self.leaves(),
            _ => None,
        }
    }

    fn host(&self, name: &str) -> (&HostPlan, &Machine) {
        self.seen.each(self.plant).nth(place(self.plant, name)).unwrap()
    }

    /// Nothing on a supply that is nearly empty waits for anything.
    fn is_spent(&self, host: &HostPlan) -> bool {
        host.supplies.iter().all(|at| {
            let supply = &self.seen.supplies[*at];
            !supply.mains && matches!(supply.battery, Battery::Spent | Battery::Empty)
        })
    }

    fn goes_up(&self, action: &Action) -> Option<Promise> {
        let servers = || {
            let hosts = self.plant.hosts.iter();
            hosts.filter(|host| host.role == Role::Server).map(|host| host.name.as_str())
        };
        let (on, is_wake): (Vec<&str>, bool) = match action {
            Action::Wake { host } => (vec![host], true),
            Action::StartService { host, .. } => (vec![host], false),
            Action::Uncordon { node } => (vec![node], false),
            Action::Resume { .. } => (servers().collect(), false),
            _ => return None,
        };
        let declared = self.plant.declared;
        if declared == Target::Poweroff || (declared == Target::ClusterOnlyDown && !is_wake) {
            return Some(Promise::NothingGoesUpOnTheWayDown);
        }
        let is_powered =
            |at: &usize| self.seen.supplies[*at].mains && self.lost != Some(Lost::Supply(*at));
        let powered = on.iter().filter(|name| {
            let feeds = &self.host(name).0.supplies;
            feeds.is_empty() || feeds.iter().any(is_powered)
        });
        let needed = if matches!(action, Action::Resume { .. }) { quorum(self.plant) } else { 1 };
        (powered.count() < needed).then_some(Promise::NothingStartsOnBattery)
    }

    fn is_theirs(&self, node: &str) -> Option<Promise> {
        let is_theirs = self.host(node).1.cordon == Hold::Theirs;
        is_theirs.then_some(Promise::NothingOfOthersIsTouched)
    }

    /// A parent that still reconciles would undo the suspend of its child.
    fn suspends(&self, object: &str) -> Option<Promise> {
        let [fleet, apps] = self.seen.suspends;
        if object == OBJECTS[0] {
            return (fleet == Hold::Theirs).then_some(Promise::NothingOfOthersIsTouched);
        }
        if apps == Hold::Theirs {
            return Some(Promise::NothingOfOthersIsTouched);
        }
        (fleet == Hold::No).then_some(Promise::OrderOnTheWayDown)
    }

    /// A parent that reconciles again must find its children as it left them.
    fn resumes(&self, object: &str) -> Option<Promise> {
        let [fleet, apps] = self.seen.suspends;
        let own = if object == OBJECTS[0] { fleet } else { apps };
        if own == Hold::Theirs {
            return Some(Promise::NothingOfOthersIsTouched);
        }
        (object == OBJECTS[0] && apps == Hold::Ours).then_some(Promise::OrderOnTheWayDown)
    }

    /// Servers that still serve and that a call under way stops.
    fn stopping(&self) -> usize {
        let flights = self.journal.in_flight.values();
        let stops = flights.filter(|flight| match &flight.step.action {
            Action::StopService { host, service: Which::Server } => self.serves(host),
            _ => false,
        });
        stops.count()
    }

    fn serves(&self, host: &str) -> bool {
        let (_, machine) = self.host(host);
        machine.power == Power::On && machine.service == Service::Active
    }

    fn stops(&self, host: &str, service: Which, stops: usize) -> Option<Promise> {
        let (plan, machine) = self.host(host);
        if self.is_spent(plan) || !self.seen.api(self.plant) {
            return None;
        }
        if machine.pods != Pods::None {
            return Some(Promise::OrderOnTheWayDown);
        }
        let left = self.seen.serving(self.plant).saturating_sub(stops + self.stopping());
        if service == Which::Agent || !self.serves(host) || left >= quorum(self.plant) {
            return None;
        }
        // This one takes the API away.
        if self.is_api_wanted() {
            return Some(Promise::QuorumStays);
        }
        let is_left = |(host, machine): (&HostPlan, &Machine)| {
            let runs = machine.power == Power::On
                && (machine.service != Service::Stopped || machine.containers);
            let agent = host.role == Role::Agent && runs;
            let pods = machine.power == Power::On && machine.pods != Pods::None;
            (agent || pods) && !self.is_spent(host)
        };
        let no_snapshot = self.plant.sections.snapshot
            && self.seen.snapshot == EtcdSnapshot::Older
            && !self.journal.tries.contains_key("snapshot");
        let is_early = self.seen.each(self.plant).any(is_left)
            || self.seen.suspends.contains(&Hold::No)
            || no_snapshot;
        is_early.then_some(Promise::OrderOnTheWayDown)
    }

    /// Declared, and on servers enough whose supplies ask for nothing.
    fn is_api_wanted(&self) -> bool {
        let asks = |at: &usize| {
            let name = &self.plant.supplies[*at].name;
            !self.seen.supplies[*at].mains
                || self.journal.supplies.get(name).is_some_and(|m| m.phase != Phase::Clear)
        };
        let stays = |host: &&HostPlan| {
            host.role == Role::Server
                && (host.supplies.is_empty() || !host.supplies.iter().all(asks))
        };
        let stay = self.plant.hosts.iter().filter(stays).count();
        self.plant.declared == Target::Running && stay >= quorum(self.plant)
    }

    fn powers_off(&self, host: &str) -> Option<Promise> {
        let (plan, machine) = self.host(host);
        let is_back = plan
            .supplies
            .iter()
            .any(|at| self.seen.supplies[*at].mains && self.lost != Some(Lost::Supply(*at)));
        if is_back && self.plant.declared != Target::Poweroff {
            return Some(Promise::NoPowerOffOnceMainsAreBack);
        }
        let runs = machine.service != Service::Stopped || machine.containers;
        let is_broken = machine.power == Power::On && runs && !self.is_spent(plan);
        is_broken.then_some(Promise::NothingRunsOnWhatIsPoweredOff)
    }

    /// This host, or the order to others to leave its supplies for good.
    fn leaves(&self) -> Option<Promise> {
        let is_asked = |host: &HostPlan| {
            self.plant.declared == Target::Poweroff || !is_on_mains(self.seen, host)
        };
        let stays = |(host, machine): (&HostPlan, &Machine)| {
            machine.power != Power::Off
                && !machine.is_secretly_on
                && is_asked(host)
                && !self.is_spent(host)
        };
        self.seen.each(self.plant).any(stays).then_some(Promise::ThisHostGoesLast)
    }
}

/// What an effect meets that its decision could not know.
pub(crate) fn broken_by_effect(
    plant: &Plant,
    world: &World,
    declared: Target,
    action: &Action,
) -> Option<Promise> {
    let Action::PowerOffSelf { reboot_if_mains, .. } = action else { return None };
    let stays_off = world.own_mains(plant) && declared != Target::Poweroff && !reboot_if_mains;
    stays_off.then_some(Promise::ThisHostGoesLast)
}
