//! The lab's stories of what a UPS tells, under the same names and the same policy. There is no
//! wire here: what TLS and passwords keep from being told is refused.

use ananke_sim::world::{Actor, TelemetryFault, What};

use crate::{
    scenes::Scene,
    site::{Course, Feed, Site, policy, world},
    stage::{Stage, play},
};

const BATTERY: &str = "OB DISCHRG";
const LOW: &str = "OB DISCHRG LB";

const TRIGGERS: [Feed; 10] = [
    ("mains", &["mains"], ""),
    // Less than all its outages together, more than each of them.
    ("flapping", &["flapping"], ", maxOnBattery: 20s"),
    ("runtime", &["runtime"], ""),
    ("charge", &["charge"], ""),
    ("low", &["low"], ""),
    ("forced", &["forced"], ""),
    ("silence", &["silence"], ""),
    ("time", &["time"], ", maxOnBattery: 5s"),
    ("fast", &["fast"], ""),
    ("slow", &["slow"], ""),
];
const TRIGGERED: [&str; 10] =
    ["mains", "flapping", "runtime", "charge", "low", "forced", "silence", "time", "fast", "slow"];

#[test]
fn every_trigger_by_itself_and_none_on_mains() {
    let scene = Scene {
        world: |seed| world(seed, &TRIGGERED, &TRIGGERS),
        document: || policy(&TRIGGERED, &TRIGGERS),
    };
    play("every_trigger_by_itself_and_none_on_mains", scene, async |stage: &mut Stage| {
        let mut site = Site::begin(stage, &TRIGGERS).await;
        let least = site.budget() * 5 / 4;
        site.set("mains", |told| {
            (told.words, told.charge, told.runtime) = ("FSD OL LB", 5, 1);
        });
        // A UPS that says `LB` at 5 % of charge, on mains, is believed and asks for nothing.
        site.heard_charge("mains", 5).await;

        for ups in TRIGGERED.into_iter().filter(|ups| !matches!(*ups, "mains" | "flapping")) {
            site.set(ups, |told| told.words = BATTERY);
        }
        site.set("runtime", |told| told.runtime = least + 2);
        site.set("charge", |told| told.charge = 20);
        let courses = [
            ("fast", Course::Falls(24)),
            ("slow", Course::Falls(7)),
            ("flapping", Course::Flaps(2)),
        ];
        site.run(&courses);
        site.goes_off("time", "time", "timeOnBattery").await;
        site.heard_charge("charge", 20).await;
        site.untouched(&["runtime", "charge", "low", "forced", "silence"]);

        site.set("runtime", |told| told.runtime = least - 2);
        site.goes_off("runtime", "runtime", "runtime").await;
        site.set("charge", |told| told.charge = 19);
        site.goes_off("charge", "charge", "charge").await;
        // Some tell no runtime any more once the battery is low.
        site.set("low", |told| (told.words, told.runtime) = (LOW, 0));
        site.goes_off("low", "low", "lowBattery").await;
        site.set("forced", |told| told.words = "FSD OB DISCHRG");
        site.goes_off("forced", "forced", "forcedShutdown").await;

        // A runtime that nobody heard lately is believed to four fifths.
        site.untouched(&["silence"]);
        site.set("silence", |told| (told.runtime, told.charge) = (least * 5 / 4 + 20, 40));
        site.heard_charge("silence", 40).await;
        site.fails("silence", TelemetryFault::NotConnected);
        site.goes_off("silence", "silence", "silence").await;

        site.set("mains", |told| {
            (told.words, told.charge, told.runtime) = ("FSD OB DISCHRG", 100, 3_600);
        });
        site.heard("mains", "fresh", "FSD OB").await;
        // Over a minute at least, and not in the first half.
        site.goes_off("fast", "fast", "chargeFalling").await;
        let outages = site.outages("flapping");
        site.stage.check(outages >= 10, &format!("{outages} outages where the mains flapped"));
        site.untouched(&["mains", "flapping", "slow"]);
        site.stage.expect.lost = ["time", "runtime", "charge", "low", "forced", "silence", "fast"]
            .map(str::to_owned)
            .into();
        // The mains still come and go where they flap.
        site.stage.rests = false;
    });
}

const FAILING: [Feed; 5] = [
    ("tls", &["tls"], ""),
    ("stranger", &["stranger"], ""),
    ("password", &["password"], ""),
    ("driver", &["driver"], ""),
    ("renamed", &["renamed"], ""),
];
const FAILED: [&str; 5] = ["tls", "stranger", "password", "driver", "renamed"];

/// Each fault has its name, and takes nothing down; `words` are those of the time before it.
async fn faults(site: &mut Site<'_>, words: &str) {
    site.fails("driver", TelemetryFault::Stale);
    site.heard("driver", "stale", "").await;
    site.set("driver", |_| {});
    site.heard("driver", "fresh", words).await;
    site.fails("driver", TelemetryFault::NotConnected);
    site.heard("driver", "silent", "").await;
    site.set("driver", |_| {});
    site.heard("driver", "fresh", words).await;
    for ups in ["tls", "driver", "renamed"] {
        site.fails(ups, TelemetryFault::Silent);
    }
    site.heard("tls", "silent", "").await;
    site.fails("driver", TelemetryFault::Wait);
    site.heard("driver", "stale", "").await;
    for ups in ["tls", "driver", "renamed"] {
        site.set(ups, |_| {});
        site.heard(ups, "fresh", words).await;
    }
    site.untouched(&FAILED);
}

#[test]
fn a_server_that_refuses_and_devices_that_fail() {
    let scene = Scene {
        world: |seed| world(seed, &FAILED, &FAILING),
        document: || policy(&FAILED, &FAILING),
    };
    play("a_server_that_refuses_and_devices_that_fail", scene, async |stage: &mut Stage| {
        let mut site = Site::begin(stage, &FAILING).await;
        for ups in ["stranger", "password"] {
            site.fails(ups, TelemetryFault::Refused);
            site.heard(ups, "refused", "").await;
        }
        faults(&mut site, "OL").await;
        site.fails("renamed", TelemetryFault::Renamed);
        site.heard("renamed", "wrong-device", "").await;
        site.set("renamed", |_| {});
        site.heard("renamed", "fresh", "OL").await;

        for ups in ["tls", "driver", "renamed"] {
            site.set(ups, |told| told.words = BATTERY);
            site.heard(ups, "fresh", "OB").await;
        }
        faults(&mut site, "OB").await;
        // What is short of runtime when its name is gone is silent on battery, and goes.
        let left = site.budget() * 5 / 4 * 5 / 4 + 10;
        site.set("renamed", |told| (told.runtime, told.charge) = (left, 40));
        site.heard_charge("renamed", 40).await;
        site.fails("renamed", TelemetryFault::Renamed);
        site.goes_off("renamed", "renamed", "silence").await;

        for ups in ["tls", "driver"] {
            site.set(ups, |told| told.words = LOW);
            site.goes_off(ups, ups, "lowBattery").await;
        }
        site.untouched(&["stranger", "password"]);
        for ups in ["stranger", "password"] {
            site.set(ups, |told| told.words = LOW);
            site.goes_off(ups, ups, "lowBattery").await;
        }
        site.stage.expect.lost = FAILED.map(str::to_owned).into();
    });
}

const ONE: [Feed; 1] = [("ups", &["n1"], "")];
const ALONE: Scene =
    Scene { world: |seed| world(seed, &["n1"], &ONE), document: || policy(&["n1"], &ONE) };

#[test]
fn a_server_without_tls_is_told_nothing() {
    play("a_server_without_tls_is_told_nothing", ALONE, async |stage: &mut Stage| {
        let mut site = Site::begin(stage, &ONE).await;
        site.fails("ups", TelemetryFault::Refused);
        site.heard("ups", "refused", "").await;
        site.untouched(&["n1"]);
        site.set("ups", |told| told.words = LOW);
        site.goes_off("n1", "ups", "lowBattery").await;
        site.stage.expect.lost = [String::from("n1")].into();
    });
}

const TWO: [Feed; 2] = [("pyrphoros", &["n1", "n3"], ""), ("statera", &["n2", "n3"], "")];

#[test]
fn two_supplies_one_fails() {
    let scene = Scene {
        world: |seed| world(seed, &["n1", "n2", "n3"], &TWO),
        document: || policy(&["n1", "n2", "n3"], &TWO),
    };
    play("two_supplies_one_fails", scene, async |stage: &mut Stage| {
        let mut site = Site::begin(stage, &TWO).await;
        site.set("statera", |told| told.words = LOW);
        site.goes_off("n2", "statera", "lowBattery").await;
        site.set("pyrphoros", |told| told.words = BATTERY);
        site.heard("pyrphoros", "fresh", "OB").await;
        site.untouched(&["n1", "n3"]);
        site.set("pyrphoros", |told| told.words = LOW);
        site.goes_off("n1", "pyrphoros", "lowBattery").await;
        site.goes_off("n3", "pyrphoros", "lowBattery").await;
        site.stage.expect.lost = ["n1", "n2", "n3"].map(str::to_owned).into();
    });
}

/// What `upsmon` does to us: it sets `FSD` at a low battery, and nobody takes that back.
#[test]
fn a_real_upsmon_beside_us() {
    play("a_real_upsmon_beside_us", ALONE, async |stage: &mut Stage| {
        let mut site = Site::begin(stage, &ONE).await;
        site.set("ups", |told| (told.words, told.charge) = (BATTERY, 21));
        site.heard_charge("ups", 21).await;
        site.untouched(&["n1"]);
        site.set("ups", |told| told.charge = 19);
        site.goes_off("n1", "ups", "charge").await;

        site.set("ups", |told| (told.words, told.charge) = ("OL", 100));
        site.lifted().await;
        site.boot("n1").await;
        site.set("ups", |told| told.words = "FSD OB DISCHRG LB");
        site.goes_off("n1", "ups", "").await;

        site.set("ups", |told| told.words = "FSD OL");
        site.heard("ups", "fresh", "FSD OL").await;
        site.lifted().await;
        site.boot("n1").await;
        site.set("ups", |told| told.words = "FSD OB DISCHRG");
        site.heard("ups", "fresh", "FSD OB").await;
        site.set("ups", |told| told.charge = 98);
        site.heard_charge("ups", 98).await;
        site.set("ups", |told| told.words = "FSD OL");
        site.heard("ups", "fresh", "FSD OL").await;
        site.lifted().await;
        let halts = site.changes("n1").into_iter().filter(|(who, what)| {
            *who == Actor::Ananke && matches!(what, What::HostHalting { .. })
        });
        let count = halts.count();
        site.stage.check(count == 2, &format!("n1 went off {count} times, not for FSD of before"));
    });
}
