//! Why something is not as it is wanted: one enum for conditions, metrics, Events and docs.

use serde::{Deserialize, Serialize};

use crate::{seen::Unseen, signals::Gate, unit::Kind};

macro_rules! reasons {
    ($($(#[doc = $doc:literal])+ $name:ident),+ $(,)?) => {
        /// A reason, as conditions, metrics and Events carry it.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        pub enum Reason {
            $($(#[doc = $doc])+ $name),+
        }

        impl Reason {
            /// Every reason.
            pub const ALL: &'static [Self] = &[$(Self::$name),+];

            /// The reason's name.
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$name => stringify!($name)),+ }
            }

            /// What it means, for `docs/` and `ananke explain`.
            pub const fn doc(self) -> &'static str {
                match self { $(Self::$name => concat!($($doc),+)),+ }
            }
        }
    };
}

reasons! {
    /// The world is as the target says.
    ReconciliationSucceeded,
    /// Steps are under way and nothing has failed.
    Progressing,
    /// Steps are under way after failures.
    ProgressingWithRetry,
    /// A unit waits for another one; the message names the root.
    DependencyNotReady,
    /// Something answers and is not healthy, and ananke has no step for it.
    HealthCheckFailed,
    /// Nothing is started: a supply is on battery.
    OnBattery,
    /// Nothing is started: a supply is not seen, or says nothing that can be understood.
    PowerUnknown,
    /// Nothing is started: mains are back, not yet for as long as the policy wants.
    MainsNotStable,
    /// Nothing is started: too little energy is stored.
    EnergyLow,
    /// Even a full battery does not cover the way up and down again: a second outage cannot be
    /// ridden out in order. A bigger battery, or less load.
    EnergyNeverEnough,
    /// What a supply tells cannot all be so.
    TelemetryDoubtful,
    /// A UPS is another device than it should be, or its server knows none of that name: its
    /// readings are not believed until somebody mends the host configuration.
    WrongDevice,
    /// Mains are back half-way down: hosts that are on stay on.
    HeldInPlace,
    /// A host does not answer.
    HostUnreachable,
    /// A host shows another SSH key than the pinned one: somebody must look.
    HostKeyMismatch,
    /// A host, the API or a UPS server refuses our credentials: somebody must mend them.
    AccessDenied,
    /// The Kubernetes API does not answer.
    APIUnavailable,
    /// What answers cannot be understood.
    BadAnswer,
    /// Nothing was looked at yet.
    NotObserved,
    /// A unit was lost in steady state: reported, not repaired.
    LostWhileHolding,
    /// The bound of a wait is over: a person must act. The message says on what.
    ManualActionRequired,
    /// The document is invalid: the last good one stays in force.
    InvalidPolicy,
    /// `spec.suspend` is true.
    Suspended,
    /// `ananke hold` is in force.
    OnHold,
}

impl Reason {
    /// The reason behind a unit of this kind that is not seen.
    pub const fn of_unseen(why: Unseen, kind: Kind) -> Self {
        let is_on_host =
            matches!(kind, Kind::Host | Kind::Path | Kind::Clock | Kind::Server | Kind::Agent);
        match why {
            Unseen::NotYet | Unseen::BeforeBoot => Self::NotObserved,
            Unseen::Silent if !is_on_host => Self::APIUnavailable,
            Unseen::Silent | Unseen::PathDown | Unseen::Closed => Self::HostUnreachable,
            Unseen::Refused => Self::AccessDenied,
            Unseen::HostKey => Self::HostKeyMismatch,
            Unseen::Garbage | Unseen::NoSuchDevice | Unseen::WrongDevice => Self::BadAnswer,
            Unseen::Stale => Self::APIUnavailable,
        }
    }

    /// The reason behind a shut gate.
    pub const fn of_gate(gate: &Gate) -> Self {
        match gate {
            Gate::Open => Self::Progressing,
            Gate::OnBattery => Self::OnBattery,
            Gate::Unseen { why: Unseen::Refused } => Self::AccessDenied,
            Gate::Unseen { why: Unseen::NoSuchDevice | Unseen::WrongDevice } => Self::WrongDevice,
            Gate::Unseen { .. } | Gate::HostOff { .. } | Gate::Unclear { .. } => Self::PowerUnknown,
            Gate::NotStable { .. } => Self::MainsNotStable,
            Gate::EnergyLow { .. } | Gate::EnergyShort { .. } => Self::EnergyLow,
        }
    }

    /// Whether it never passes by itself.
    pub const fn needs_a_person(self) -> bool {
        matches!(
            self,
            Self::ManualActionRequired
                | Self::InvalidPolicy
                | Self::HostKeyMismatch
                | Self::AccessDenied
                | Self::WrongDevice
                | Self::LostWhileHolding
        )
    }
}
