//! Every subset of the supplies fails, wherever the host of ananke hangs.

use std::{fmt, time::Duration};

use ananke_crds::policy::Target;
use ananke_sim::world::{Fate, Host, OnAcReturn, Role, World};

use crate::{
    across::{Run, across},
    scenes::Scene,
    stage::Stage,
    world::{self, NINE},
};

/// Where the host of ananke hangs.
#[derive(Clone, Copy)]
enum Own {
    /// No host of the document.
    Outside,
    /// On power that never fails.
    Apart,
    /// With the servers.
    Left,
    /// With three agents.
    Right,
    /// On both.
    Both,
}

impl Own {
    const ALL: [Self; 5] = [Self::Outside, Self::Apart, Self::Left, Self::Right, Self::Both];

    const fn name(self) -> &'static str {
        match self {
            Self::Outside => "outside",
            Self::Apart => "on power that never fails",
            Self::Left => "on left",
            Self::Right => "on right",
            Self::Both => "on both",
        }
    }

    fn scene(self) -> Scene {
        match self {
            Self::Outside => NINE,
            Self::Apart => Scene { world: |seed| on(&[], seed), document: || document(&[]) },
            Self::Left => {
                Scene { world: |seed| on(&["left"], seed), document: || document(&["left"]) }
            }
            Self::Right => {
                Scene { world: |seed| on(&["right"], seed), document: || document(&["right"]) }
            }
            Self::Both => Scene {
                world: |seed| on(&["left", "right"], seed),
                document: || document(&["left", "right"]),
            },
        }
    }
}

fn on(supplies: &[&str], seed: u64) -> World {
    let mut world = world::hosts(seed, |world| {
        let own = Host { on_ac_return: OnAcReturn::Boot, ..Host::new(Role::None, supplies) };
        world.add_host("own", own);
        world.own_host = Some("own".into());
    });
    for supply in supplies {
        if let Some(ups) = world.supplies.get_mut(*supply) {
            ups.via = Some("own".into());
        }
    }
    world
}

fn document(supplies: &[&str]) -> String {
    // What nothing feeds, no UPS can switch on again.
    let off = match supplies {
        [] => "{when: never, wayBack: none}",
        _ => "{when: last-moment, wayBack: ups-cut}",
    };
    let own = format!("    - {{name: own, role: none, self: true, off: {off}}}\n");
    let mut text = world::policy(&own);
    for (supply, last) in [("left", "agent-2]"), ("right", "agent-5]")] {
        if supplies.contains(&supply) {
            text = text.replace(last, &last.replace(']', ", own]"));
        }
    }
    text
}

/// One run.
struct Failing {
    own: Own,
    supplies: &'static [&'static str],
}

impl fmt::Display for Failing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let failing =
            if self.supplies.is_empty() { "none".into() } else { self.supplies.join("+") };
        write!(f, "{failing} fails, own host {}", self.own.name())
    }
}

/// Whether a host is fed by a supply that is not failing.
fn is_fed(host: &Host, failing: &[&str]) -> bool {
    host.supplies.is_empty() || host.supplies.iter().any(|name| !failing.contains(&name.as_str()))
}

async fn outage(stage: &mut Stage, failing: &'static [&'static str]) {
    let switch = |supply: &str, present| Fate::Mains { supply: Some(supply.into()), present };
    stage.arrives(Target::Running, 60).await;
    for supply in failing {
        stage.fate(&switch(supply, false));
    }
    let rests = move |world: &World| {
        let others = world.hosts.iter().filter(|(name, _)| Some(*name) != world.own_host.as_ref());
        others.into_iter().all(|(_, host)| host.is_off() != is_fed(host, failing))
    };
    stage.until("what hangs on them alone is off, and nothing else", 900, rests).await;
    stage.pass(Duration::from_secs(120)).await;
    let still = stage.look(rests);
    stage.check(still, "something came up, or went down, that should not");
    // Now the batteries of those that fail are nearly empty: an own host without another goes too.
    let charged = |supply: &str, percent| Fate::Battery { supply: supply.into(), percent };
    for supply in failing {
        stage.fate(&charged(supply, 21));
    }
    stage.pass(Duration::from_secs(240)).await;
    let still = stage.look(rests);
    stage.check(still, "something came up, or went down, with the batteries nearly empty");
    for supply in failing {
        stage.fate(&switch(supply, true));
    }
    stage.pass(Duration::from_secs(60)).await;
    for supply in failing {
        stage.fate(&charged(supply, 60));
    }
    stage.arrives(Target::Running, 900).await;
}

#[test]
fn every_subset_of_supplies_wherever_the_own_host_hangs() {
    let subsets: [&'static [&'static str]; 4] = [&[], &["left"], &["right"], &["left", "right"]];
    let of = |own| subsets.map(|supplies| Failing { own, supplies });
    let runs: Vec<Failing> = Own::ALL.into_iter().flat_map(of).collect();
    let outcome = across(&runs, |failing| {
        let sweep = "every_subset_of_supplies_wherever_the_own_host_hangs";
        let which = failing.to_string();
        let run = Run { sweep, which, point: None, twice: false };
        run.play(failing.own.scene(), &async |stage: &mut Stage| {
            outage(stage, failing.supplies).await;
        });
    });
    outcome.tell("every subset of two supplies, at five places of the own host");
}
