//! Sites with supplies that are heard through hosts which they feed: nobody hears such a supply
//! while its host is off.

use ananke_sim::world::World;

use super::site::{HOUSE, HUT, Site};
use crate::scenes::Scene;

/// After an outage of its own such a supply is waited for until its battery must be empty, by what
/// it told last: twenty minutes under the load of three hosts are an hour under that of one, and
/// one that lies tells more.
const BATTERY_MUST_BE_EMPTY: u64 = 3 * 3_600;

/// All of them, as likely as one another.
pub static VIA: [&Site; 4] = [&ONLY, &RIGHT, &LEFT, &BOTH];

/// No other supply tells of mains.
static ONLY: Site = Site {
    name: "one server, its supply via an agent",
    scene: Scene {
        world: |seed| world(&HUT, seed, &[("ups", "agent-0")]),
        document: || document(&HUT, &[("powers: [\"*\"]", "agent-0")]),
    },
    spare: &["agent-1"],
    heard_via: &["agent-0"],
    ..waits(&HUT)
};

/// The supply that leaves a quorum.
static RIGHT: Site = Site {
    name: "three servers, right via an agent",
    scene: Scene {
        world: |seed| world(&HOUSE, seed, &[("right", "agent-1")]),
        document: || document(&HOUSE, &[(RIGHT_POWERS, "agent-1")]),
    },
    spare: &["server-1", "server-2", "agent-0", "agent-2"],
    heard_via: &["agent-1"],
    ..waits(&HOUSE)
};

/// The supply that takes the quorum along.
static LEFT: Site = Site {
    name: "three servers, left via a server",
    scene: Scene {
        world: |seed| world(&HOUSE, seed, &[("left", "server-0")]),
        document: || document(&HOUSE, &[(LEFT_POWERS, "server-0")]),
    },
    heard_via: &["server-0"],
    ..waits(&HOUSE)
};

/// Neither tells of the other's mains.
static BOTH: Site = Site {
    name: "three servers, both via hosts",
    scene: Scene {
        world: |seed| world(&HOUSE, seed, &[("left", "server-0"), ("right", "agent-1")]),
        document: || document(&HOUSE, &[(LEFT_POWERS, "server-0"), (RIGHT_POWERS, "agent-1")]),
    },
    spare: &["server-1", "server-2", "agent-0", "agent-2"],
    heard_via: &["server-0", "agent-1"],
    ..waits(&HOUSE)
};

const LEFT_POWERS: &str = "powers: [server-0, server-1, agent-0, agent-2]";
const RIGHT_POWERS: &str = "powers: [server-2, agent-1, agent-2]";

/// The same site, with time for batteries to run down.
const fn waits(site: &Site) -> Site {
    Site { within: site.within + BATTERY_MUST_BE_EMPTY, ..*site }
}

fn world(site: &Site, seed: u64, heard: &[(&str, &str)]) -> World {
    let mut world = (site.scene.world)(seed);
    for (supply, host) in heard {
        world.supplies.get_mut(*supply).unwrap().via = Some((*host).into());
    }
    world.touch();
    world
}

fn document(site: &Site, heard: &[(&str, &str)]) -> String {
    let mut document = (site.scene.document)();
    for (powers, host) in heard {
        assert!(document.contains(powers), "no supply {powers}");
        document = document.replacen(powers, &format!("{powers}\n      via: host/{host}"), 1);
    }
    document
}
