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
use ananke_ports::Store;
use serde::{Deserialize, Serialize};

use super::{Asked, OVERRIDE, parsed, plain, put_aside};
use crate::publish::span;

/// The folder.
pub const FOLDER: &str = "requests";

/// So much of a reason is told beside other things, in characters.
const REASON: usize = 60;

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

impl From<Result<String, Refusal>> for Answer {
    fn from(taken: Result<String, Refusal>) -> Self {
        let (ok, usage, message) = match taken {
            Ok(message) => (true, false, message),
            Err(Refusal::Usage(message)) => (false, true, message),
            Err(Refusal::Guard(message)) => (false, false, message),
        };
        Self { ok, usage, message: plain(&message) }
    }
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
    /// That this was lost or damaged, what is taken for it, and how to end the warning.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub damage: Option<String>,
    /// Whether it could not be written.
    #[serde(skip)]
    is_unsaved: bool,
    /// Requests that were taken and cannot be removed.
    #[serde(skip)]
    passed_over: BTreeSet<String>,
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

impl From<&Asked> for Standing {
    fn from(asked: &Asked) -> Self {
        let Requests { hold, masks, maintenance, startups } = asked.requests.clone();
        let until = |mask: &Mask| {
            let left = i64::try_from(mask.until.since(asked.at).as_secs()).unwrap_or(i64::MAX);
            asked.unix_seconds.saturating_add(left)
        };
        let mask = |mask: Mask| {
            let until_unix_seconds = until(&mask);
            let Mask { signal, cause, unheard, reason, .. } = mask;
            (signal, StandingMask { cause, unheard, until_unix_seconds, reason })
        };
        let masks = masks.into_iter().map(mask).collect();
        Self { hold, masks, maintenance, startups, ..Self::default() }
    }
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
    /// Reads them back. What a damaged or lost file said is taken from what the journal tells of
    /// the last decision, and people are told until one of them has seen to it.
    pub fn open(store: &dyn Store, asked: Option<&Asked>) -> (Self, Option<String>) {
        let damage = match parsed::<Self>(store, OVERRIDE) {
            Ok(Some(mut standing)) => {
                standing.damage = standing.damage.map(|damage| plain(&damage));
                let known = standing.damage.clone();
                return (standing, known);
            }
            Ok(None) if asked.is_none_or(|asked| asked.requests == Requests::default()) => {
                return (Self::default(), None);
            }
            Ok(None) => format!("{OVERRIDE} is gone"),
            Err(damage) => damage,
        };
        let mut standing = asked.map(Self::from).unwrap_or_default();
        let known = match asked {
            Some(_) => format!("see whether this is all: {}", standing.in_words()),
            None => "set holds, masks and maintenance again: none is known, and none is set".into(),
        };
        let message = plain(&format!(
            "{damage} (`ananke hold` or `ananke release` ends this warning); {known}"
        ));
        standing.damage = Some(message.clone());
        standing.save(store);
        (standing, Some(message))
    }

    /// What stands, in a few words.
    fn in_words(&self) -> String {
        let mut words = Vec::new();
        match &self.hold {
            Some(hold) if hold.reason.is_empty() => words.push("all is held".to_owned()),
            Some(hold) => {
                let reason: String = hold.reason.chars().take(REASON).collect();
                words.push(format!("all is held ({reason})"));
            }
            None => words.push("nothing is held".to_owned()),
        }
        words.extend(self.masks.keys().map(|signal| format!("{signal} is masked")));
        words.extend(self.maintenance.iter().map(|host| format!("{host} is in maintenance")));
        words.join(", ")
    }

    /// Takes every request that lies in the folder once, answers it, and keeps what stands. What
    /// is in the way of one is in the way of no other; what went wrong is said.
    pub fn take_all(&mut self, store: &dyn Store, scene: &Scene<'_>) -> Vec<String> {
        let mut wrong = Vec::new();
        if self.is_unsaved {
            wrong.extend(self.save(store));
        }
        let names = match store.list(FOLDER) {
            Ok(names) => names,
            Err(error) => {
                wrong.push(error.to_string());
                return wrong;
            }
        };
        self.passed_over.retain(|name| names.contains(name));
        for name in names {
            let is_one = |id: &&str| !id.ends_with(".answer");
            let Some(id) = name.strip_suffix(".json").filter(is_one) else { continue };
            if !self.passed_over.contains(&name) {
                wrong.extend(self.take_one(store, scene, id, &name));
            } else if store.remove(&format!("{FOLDER}/{name}")).is_ok() {
                self.passed_over.remove(&name);
            }
        }
        wrong
    }

    /// Takes one request, and says what went wrong.
    fn take_one(
        &mut self,
        store: &dyn Store,
        scene: &Scene<'_>,
        id: &str,
        name: &str,
    ) -> Vec<String> {
        let path = format!("{FOLDER}/{name}");
        let before = self.clone();
        let mut wrong = Vec::new();
        let taken = match store.read(&path) {
            // Whoever asked took it back.
            Ok(None) => return wrong,
            Ok(Some(bytes)) => match serde_json::from_slice(&bytes) {
                Ok(request) => self.take(request, scene),
                Err(error) => Err(Refusal::Usage(format!("not a request: {error}"))),
            },
            Err(error) => {
                let aside = put_aside(store, &path);
                wrong.push(format!("a request cannot be read ({error}), {aside}"));
                Err(Refusal::Guard(format!("it cannot be read: {error}")))
            }
        };
        if *self != before {
            wrong.extend(self.save(store));
        }
        let answer = Answer::from(taken);
        tracing::info!(request = id, ok = answer.ok, "{}", answer.message);
        let text = serde_json::to_vec(&answer).unwrap_or_default();
        let told = store.write(&format!("{FOLDER}/{id}.answer.json"), &text);
        wrong.extend(told.err().map(|error| error.to_string()));
        if let Err(error) = store.remove(&path) {
            // It is not taken a second time.
            self.passed_over.insert(name.to_owned());
            wrong.push(error.to_string());
        }
        wrong
    }

    /// Keeps what stands over a restart; what is not kept now is tried again.
    fn save(&mut self, store: &dyn Store) -> Option<String> {
        let text = serde_json::to_vec_pretty(self).unwrap_or_default();
        let kept = store.write(OVERRIDE, &text);
        self.is_unsaved = kept.is_err();
        kept.err().map(|error| error.to_string())
    }

    fn take(&mut self, request: Request, scene: &Scene<'_>) -> Result<String, Refusal> {
        match request {
            Request::Hold { reason, even_on_battery } => {
                self.hold = Some(Hold { reason, even_on_battery });
                self.damage = None;
                let ups = if even_on_battery { "" } else { "; UPS signals still act" };
                Ok(format!("no new step is begun until `ananke release`{ups}"))
            }
            Request::Release => {
                self.damage = None;
                match self.hold.take() {
                    Some(_) => Ok("released: steps go on".into()),
                    None => Ok("nothing was held".into()),
                }
            }
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

#[cfg(test)]
mod tests;
