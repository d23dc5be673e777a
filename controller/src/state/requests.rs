//! What commands ask of the daemon: one JSON file each in `requests/`, answered beside it.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use ananke_core::{
    observe::{Hold, Mask, Requests},
    signals::{SupplyMemory, Trigger},
    time::Tick,
};
use ananke_ports::{Store, StoreError};
use serde::{Deserialize, Serialize};

use super::{OVERRIDE, plain};
use crate::publish::span;

/// The folder.
pub const FOLDER: &str = "requests";

/// One request.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(
    rename_all = "camelCase",
    rename_all_fields = "camelCase",
    deny_unknown_fields,
    tag = "request"
)]
pub enum Request {
    /// Begin no new step.
    Hold {
        /// Why.
        reason: String,
        /// Whether the signals of the supplies are held too.
        even_on_battery: bool,
    },
    /// Go on.
    Release,
    /// Overrule the live cause of one signal for a while.
    Mask {
        /// `ups/NAME`.
        signal: String,
        /// For how long, in seconds.
        for_seconds: u64,
        /// Why.
        reason: String,
    },
    /// Take a mask off.
    Clear {
        /// `ups/NAME`.
        signal: String,
    },
    /// Hands in the case.
    Maintenance {
        /// The host.
        host: String,
        /// On or off.
        on: bool,
    },
    /// Bring back what was lost in steady state.
    Startup {
        /// Why.
        reason: String,
    },
}

/// The answer to a request.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Answer {
    /// Whether it was taken.
    pub ok: bool,
    /// Whether it was not, because it names something that is not there.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub usage: bool,
    /// What it did, or why not.
    pub message: String,
}

/// Why a request is not taken.
enum Refusal {
    /// It names something that is not there.
    Usage(String),
    /// It cannot be had now.
    Guard(String),
}

/// What people asked for and what still stands.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Standing {
    /// A hold.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hold: Option<Hold>,
    /// Masks by signal.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub masks: BTreeMap<String, StandingMask>,
    /// Hosts with hands in the case.
    #[serde(skip_serializing_if = "BTreeSet::is_empty")]
    pub maintenance: BTreeSet<String>,
    /// Counts explicit starts.
    pub startups: u64,
}

/// A mask that outlives this boot, so its end is a time of the wall clock.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct StandingMask {
    /// The cause it covers, and milder ones.
    pub cause: Trigger,
    /// Whether the supply was not heard when it was set: then what it feeds may be started.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub unheard: bool,
    /// Its end, seconds since 1970.
    pub until_unix_seconds: i64,
    /// Why.
    pub reason: String,
}

/// What a request is judged against.
pub struct Scene<'a> {
    /// The supplies' memories.
    pub supplies: &'a BTreeMap<String, Arc<SupplyMemory>>,
    /// The supplies that are not heard.
    pub unheard: &'a BTreeSet<String>,
    /// The hosts of the policy.
    pub hosts: &'a [String],
    /// The wall clock, seconds since 1970.
    pub unix_seconds: i64,
}

impl Standing {
    /// Reads them back; a damaged file is set aside, and what was asked must be asked again.
    pub fn open(store: &dyn Store) -> Result<(Self, Option<String>), StoreError> {
        let Some(bytes) = store.read(OVERRIDE)? else { return Ok((Self::default(), None)) };
        match serde_json::from_slice(&bytes) {
            Ok(standing) => Ok((standing, None)),
            Err(error) => {
                let aside = store.set_aside(OVERRIDE)?;
                let message = format!(
                    "{OVERRIDE} is damaged ({}), kept as {aside}: holds, masks and \
                     maintenance must be set again",
                    plain(&error.to_string())
                );
                Ok((Self::default(), Some(message)))
            }
        }
    }

    /// Takes every request that lies in the folder, answers it, and keeps what stands.
    pub fn take_all(&mut self, store: &dyn Store, scene: &Scene<'_>) -> Result<bool, StoreError> {
        let before = self.clone();
        for name in store.list(FOLDER)? {
            let Some(id) = name.strip_suffix(".json").filter(|id| !id.ends_with(".answer")) else {
                continue;
            };
            let path = format!("{FOLDER}/{name}");
            let answer = match store.read(&path)?.map(|bytes| serde_json::from_slice(&bytes)) {
                None => continue,
                Some(Ok(request)) => self.take(request, scene),
                Some(Err(error)) => Err(Refusal::Usage(format!("not a request: {error}"))),
            };
            let (ok, usage, message) = match answer {
                Ok(message) => (true, false, message),
                Err(Refusal::Usage(message)) => (false, true, message),
                Err(Refusal::Guard(message)) => (false, false, message),
            };
            let answer = Answer { ok, usage, message: plain(&message) };
            tracing::info!(request = id, ok = answer.ok, "{}", answer.message);
            let text = serde_json::to_vec(&answer).unwrap_or_default();
            if *self != before {
                self.save(store)?;
            }
            store.write(&format!("{FOLDER}/{id}.answer.json"), &text)?;
            store.remove(&path)?;
        }
        Ok(*self != before)
    }

    fn save(&self, store: &dyn Store) -> Result<(), StoreError> {
        store.write(OVERRIDE, &serde_json::to_vec_pretty(self).unwrap_or_default())
    }

    fn take(&mut self, request: Request, scene: &Scene<'_>) -> Result<String, Refusal> {
        match request {
            Request::Hold { reason, even_on_battery } => {
                self.hold = Some(Hold { reason, even_on_battery });
                let ups = if even_on_battery { "" } else { "; UPS signals still act" };
                Ok(format!("no new step is begun until `ananke release`{ups}"))
            }
            Request::Release => match self.hold.take() {
                Some(_) => Ok("released: steps go on".into()),
                None => Ok("nothing was held".into()),
            },
            Request::Mask { signal, for_seconds, reason } => {
                self.mask(&signal, for_seconds, reason, scene)
            }
            Request::Clear { signal } => match self.masks.remove(&signal) {
                Some(_) => Ok(format!("{signal} is no longer masked")),
                None => Err(Refusal::Usage(format!(
                    "{signal} is not masked: `ananke signal list` shows all"
                ))),
            },
            Request::Maintenance { host, on } => self.maintain(host, on, scene),
            Request::Startup { .. } => {
                self.startups = self.startups.saturating_add(1);
                Ok("recovery begins: what is down is brought up".into())
            }
        }
    }

    fn mask(
        &mut self,
        signal: &str,
        for_seconds: u64,
        reason: String,
        scene: &Scene<'_>,
    ) -> Result<String, Refusal> {
        let name = signal.strip_prefix("ups/").unwrap_or(signal);
        let memory = scene.supplies.get(name).ok_or_else(|| {
            let known: Vec<_> = scene.supplies.keys().map(|name| format!("ups/{name}")).collect();
            Refusal::Usage(format!("there is no signal {signal}; there are {}", known.join(", ")))
        })?;
        let unheard = scene.unheard.contains(name);
        // A burnt-out UPS asks for nothing, and keeps everything on it from being started.
        let silence = unheard.then_some(Trigger::Silence);
        let cause = memory.cause.as_ref().map(|cause| cause.trigger).max(silence);
        let cause = cause.ok_or_else(|| {
            let message = format!("ups/{name} asks for nothing now, so there is nothing to mask");
            Refusal::Guard(message)
        })?;
        let length = i64::try_from(for_seconds).unwrap_or(i64::MAX);
        let also = if unheard {
            "; it is not heard, and what it feeds is started all the same"
        } else {
            ""
        };
        let message = format!(
            "{} of ups/{name} is masked for {}{also}; a graver cause still acts",
            cause.name(),
            span(for_seconds)
        );
        self.masks.insert(
            format!("ups/{name}"),
            StandingMask {
                cause,
                unheard,
                until_unix_seconds: scene.unix_seconds.saturating_add(length),
                reason,
            },
        );
        Ok(message)
    }

    fn maintain(&mut self, host: String, on: bool, scene: &Scene<'_>) -> Result<String, Refusal> {
        if !scene.hosts.contains(&host) {
            let known = scene.hosts.join(", ");
            return Err(Refusal::Usage(format!("there is no host {host}; there are {known}")));
        }
        if on {
            let message =
                format!("{host} is left as it is until `ananke host {host} maintenance off`");
            self.maintenance.insert(host);
            return Ok(message);
        }
        if self.maintenance.remove(&host) {
            Ok(format!("{host} is looked after again"))
        } else {
            Ok(format!("{host} was not in maintenance"))
        }
    }

    /// The requests as the core sees them; a mask that is over is none.
    pub fn requests(&self, now: Tick, unix_seconds: i64) -> Requests {
        let left = |mask: &StandingMask| {
            u64::try_from(mask.until_unix_seconds.saturating_sub(unix_seconds)).unwrap_or(0)
        };
        let masks =
            self.masks.iter().filter(|(_, mask)| left(mask) > 0).map(|(signal, mask)| Mask {
                signal: signal.clone(),
                cause: mask.cause,
                unheard: mask.unheard,
                until: now.plus(std::time::Duration::from_secs(left(mask))),
                reason: mask.reason.clone(),
            });
        Requests {
            hold: self.hold.clone(),
            masks: masks.collect(),
            maintenance: self.maintenance.clone(),
            startups: self.startups,
        }
    }
}
