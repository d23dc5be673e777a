//! What a UPS tells, does not tell, or tells wrongly: real `upsd`, real drivers, the real daemon,
//! and hosts that are really off in the end, or really untouched.
//!
//! Power logs of the hosts judge. That the right trigger took a host down, and that a fault was
//! known for what it was, is read from the journal and the status: a second proof, never the first.

#![expect(clippy::indexing_slicing, reason = "a JSON value that is not there is null")]

#[path = "supplies/documents.rs"]
mod documents;
#[path = "supplies/hand.rs"]
mod hand;
#[path = "supplies/site.rs"]
mod site;
#[path = "supplies/tap.rs"]
mod tap;
#[path = "supplies/upsmon.rs"]
mod upsmon;

use ananke_lab::{NutUser, PowerChange, PoweredBy, UpsAction};
use anyhow::{Result, ensure};

use crate::{
    documents::Supply,
    hand::{Course, meanwhile},
    site::Site,
    tap::Tap,
    upsmon::Upsmon,
};

const BATTERY: (&str, &str) = ("ups.status", "OB DISCHRG");
const LOW: (&str, &str) = ("ups.status", "OB DISCHRG LB");

#[test]
fn every_trigger_by_itself_and_none_on_mains() -> Result<()> {
    // Each feeds the host of its own name.
    let on_battery = ["runtime", "charge", "low", "forced", "silence", "time", "fast", "slow"];
    let all = [&["mains", "flapping"], on_battery.as_slice()].concat();
    let mut site =
        Site::begin("every trigger by itself, and none on mains", site::lab(&all, &all))?;
    let supply = |name: &&'static str| match *name {
        "time" => Supply::new(name).trigger(", maxOnBattery: 5s"),
        // Less than all its outages together, more than each of them.
        "flapping" => Supply::new(name).trigger(", maxOnBattery: 20s"),
        _ => Supply::new(name),
    };
    site.start(&all.iter().map(supply).collect::<Vec<_>>())?;
    site.rests()?;
    let budget = site.budget()?;
    let least = budget * 5 / 4;
    site.story.tell(format!("the way down takes {budget} s; 1.25 times that is {least} s"));

    site.force_shutdown("mains")?;
    let worst = ("ups.status", "OL LB");
    site.set("mains", &[worst, ("battery.charge", "5"), ("battery.runtime", "1")])?;
    site.heard("mains", "fresh", "FSD OL LB")?;
    site.story.tell("on mains: FSD, LB, 5 % charge, 1 s of runtime");

    for ups in on_battery {
        site.set(ups, &[BATTERY])?;
    }
    site.set("runtime", &[("battery.runtime", &(least + 2).to_string())])?;
    site.set("charge", &[("battery.charge", "20")])?;
    site.story.tell("the mains are lost; every figure is just good enough, or comes and goes");
    let courses =
        [("fast", Course::Falls(24)), ("slow", Course::Falls(7)), ("flapping", Course::Flaps(2))];
    meanwhile(&site.lab, &courses, || {
        site.goes_off("time", "time", "timeOnBattery")?;
        site.heard_charge("charge", 20)?;
        site.untouched(&["runtime", "charge", "low", "forced", "silence"])?;

        site.set("runtime", &[("battery.runtime", &(least - 2).to_string())])?;
        site.goes_off("runtime", "runtime", "runtime")?;
        site.set("charge", &[("battery.charge", "19")])?;
        site.goes_off("charge", "charge", "charge")?;
        // Some tell no runtime any more once the battery is low.
        site.set("low", &[LOW, ("battery.runtime", "0")])?;
        site.goes_off("low", "low", "lowBattery")?;
        site.force_shutdown("forced")?;
        site.goes_off("forced", "forced", "forcedShutdown")?;

        // A runtime that nobody heard lately is believed to four fifths.
        site.untouched(&["silence"])?;
        let left = (least * 5 / 4 + 20).to_string();
        site.set("silence", &[("battery.runtime", &left), ("battery.charge", "40")])?;
        site.heard_charge("silence", 40)?;
        site.lab.ups_action("silence", UpsAction::DriverKill)?;
        site.upsd_says("silence", "Driver not connected")?;
        site.goes_off("silence", "silence", "silence")?;

        site.set("mains", &[("battery.charge", "100"), ("battery.runtime", "3600"), BATTERY])?;
        site.heard("mains", "fresh", "FSD OB")?;
        site.story.tell("the mains are lost there too; its FSD is of before");

        // Over a minute at least, and not in the first half.
        site.goes_off("fast", "fast", "chargeFalling")
    })?;
    let outages = site.outages("flapping")?;
    ensure!(outages >= 10, "the daemon saw {outages} outages where the mains flapped");
    site.story.tell(format!("{outages} outages were seen where the mains flap"));
    site.untouched(&["mains", "flapping", "slow"])?;
    site.end()
}

const TAPPED: u16 = 3593;
const TAPPED_STRANGER: u16 = 3594;
const TAPPED_DRIVER: u16 = 3595;

#[test]
fn a_server_that_refuses_and_devices_that_fail() -> Result<()> {
    let names = ["tls", "stranger", "password", "driver", "renamed"];
    let mut spec = site::lab(&names, &names);
    spec.nut_tls = true;
    let mut site = Site::begin("a server that refuses, and devices that fail", spec)?;
    let ca = site.lab.nut_ca();
    // A certificate that signed nothing of upsd's.
    let other = ca.with_file_name("server.pem");
    let tls = Tap::open(&site.lab, TAPPED)?;
    let stranger = Tap::open(&site.lab, TAPPED_STRANGER)?;
    let driver = Tap::open(&site.lab, TAPPED_DRIVER)?;
    let right = [
        Supply { ca: Some(ca.clone()), port: TAPPED, ..Supply::new("tls") },
        Supply { ca: Some(ca), port: TAPPED_STRANGER, ..Supply::new("stranger") },
        Supply::new("password"),
        Supply { port: TAPPED_DRIVER, ..Supply::new("driver") },
        Supply::new("renamed"),
    ];
    let mut wrong = right.clone();
    wrong[1].ca = Some(other);
    wrong[2].user = NutUser { password: "wrong", ..wrong[2].user };
    site.start(&wrong)?;
    refusals(&site, &tls, &stranger)?;
    faults_on_mains(&site, &driver)?;

    for ups in names {
        site.set(ups, &[BATTERY])?;
    }
    site.story.tell("the mains are lost; the batteries are full");
    for ups in ["tls", "driver", "renamed"] {
        site.heard(ups, "fresh", "OB")?;
    }
    faults_on_battery(&site)?;

    for ups in ["tls", "driver", "stranger", "password"] {
        site.set(ups, &[LOW])?;
    }
    site.story.tell("their batteries are low");
    site.goes_off("tls", "tls", "lowBattery")?;
    site.goes_off("driver", "driver", "lowBattery")?;
    site.untouched(&["stranger", "password"])?;
    site.start(&right)?;
    site.story.tell("a person has mended `tls` and `credentials`");
    site.goes_off("stranger", "stranger", "lowBattery")?;
    site.goes_off("password", "password", "lowBattery")?;
    ensure!(!stranger.asked().contains("PASSWORD"), "the password went over the wire in clear");
    drop((tls, stranger, driver));
    site.end()
}

fn refusals(site: &Site, tls: &Tap, stranger: &Tap) -> Result<()> {
    site.heard("tls", "fresh", "OL")?;
    let asked = tls.asked();
    ensure!(asked.starts_with("STARTTLS"), "{asked}");
    ensure!(!asked.contains("PASSWORD") && !tls.told().contains("VAR"), "{asked}");
    site.story.tell("TLS is required and there: nothing can be read on the wire");

    site.heard("stranger", "refused", "")?;
    let asked = stranger.asked();
    ensure!(asked.starts_with("STARTTLS"), "{asked}");
    ensure!(!asked.contains("USERNAME") && !asked.contains("PASSWORD"), "{asked}");
    site.story.tell("a server with a certificate of somebody else's was told no password");

    site.heard("password", "refused", "")?;
    let advice = site.advice("password")?;
    ensure!(advice.contains("`credentials`"), "{advice}");
    site.story.tell(format!("a wrong password is told: {advice}"));
    site.heard("driver", "fresh", "OL")?;
    site.heard("renamed", "fresh", "OL")
}

fn faults_on_mains(site: &Site, driver: &Tap) -> Result<()> {
    site.lab.ups_action("driver", UpsAction::Stale)?;
    site.upsd_says("driver", "Data stale")?;
    site.heard("driver", "stale", "")?;
    site.lab.ups_action("driver", UpsAction::Unstale)?;
    site.heard("driver", "fresh", "OL")?;
    site.lab.ups_action("driver", UpsAction::DriverKill)?;
    site.upsd_says("driver", "Driver not connected")?;
    site.heard("driver", "silent", "")?;
    site.lab.ups_action("driver", UpsAction::DriverStart)?;
    site.heard("driver", "fresh", "OL")?;

    site.lab.ups_action("driver", UpsAction::UpsdKill)?;
    site.story.tell("upsd is killed");
    site.heard("tls", "silent", "")?;
    site.heard("renamed", "silent", "")?;
    site.lab.ups_action("driver", UpsAction::Stale)?;
    site.lab.ups_action("driver", UpsAction::UpsdStart)?;
    site.story.tell("upsd is back, and the driver tells it nothing yet");
    site.wait("WAIT went over the wire", || {
        Ok(driver.told().contains(r#"ups.status "WAIT""#).then_some(()))
    })?;
    site.lab.ups_action("driver", UpsAction::Unstale)?;
    for ups in ["tls", "driver", "renamed"] {
        site.heard(ups, "fresh", "OL")?;
    }

    site.lab.ups_action("renamed", UpsAction::Rename("other".into()))?;
    site.upsd_says("renamed", "Unknown UPS")?;
    site.heard("renamed", "wrong-device", "")?;
    site.story.tell(format!("a person is told: {}", site.advice("renamed")?));
    site.lab.ups_action("renamed", UpsAction::Rename("renamed".into()))?;
    site.heard("renamed", "fresh", "OL")?;
    site.untouched(&["tls", "stranger", "password", "driver", "renamed"])
}

/// The same in an outage: the batteries are full, so nothing of it is a reason to go down. What is
/// short of runtime when its name is gone is silent on battery, and goes.
fn faults_on_battery(site: &Site) -> Result<()> {
    site.lab.ups_action("driver", UpsAction::Stale)?;
    site.heard("driver", "stale", "")?;
    site.lab.ups_action("driver", UpsAction::Unstale)?;
    site.heard("driver", "fresh", "OB")?;
    site.lab.ups_action("driver", UpsAction::DriverKill)?;
    site.heard("driver", "silent", "")?;
    site.lab.ups_action("driver", UpsAction::DriverStart)?;
    site.heard("driver", "fresh", "OB")?;
    site.lab.ups_action("driver", UpsAction::UpsdKill)?;
    site.heard("tls", "silent", "")?;
    site.lab.ups_action("driver", UpsAction::UpsdStart)?;
    site.story.tell("upsd was killed and started");
    for ups in ["tls", "driver", "renamed"] {
        site.heard(ups, "fresh", "OB")?;
    }
    site.untouched(&["tls", "stranger", "password", "driver", "renamed"])?;

    let least = site.budget()? * 5 / 4;
    let left = (least * 5 / 4 + 10).to_string();
    site.set("renamed", &[("battery.runtime", &left), ("battery.charge", "40")])?;
    site.heard_charge("renamed", 40)?;
    site.lab.ups_action("renamed", UpsAction::Rename("other".into()))?;
    site.upsd_says("renamed", "Unknown UPS")?;
    site.goes_off("renamed", "renamed", "silence")
}

/// A CA that signed nothing here.
const UNUSED_CA: &str =
    concat!(env!("CARGO_MANIFEST_DIR"), "/../../controller/nut/tests/support/unused-ca.pem");

#[test]
fn a_server_without_tls_is_told_nothing() -> Result<()> {
    let spec = site::lab(&["n1"], &["ups"]);
    let mut site = Site::begin("a server without TLS, where TLS is required", spec)?;
    let tap = Tap::open(&site.lab, TAPPED)?;
    let clear = Supply { powers: vec!["n1"], port: TAPPED, ..Supply::new("ups") };
    site.start(&[Supply { ca: Some(UNUSED_CA.into()), ..clear.clone() }])?;
    site.heard("ups", "refused", "")?;
    site.set("ups", &[LOW])?;
    site.wait("upsd was asked for TLS again since", || {
        let asked = tap.asked();
        ensure!(!asked.contains("USERNAME") && !asked.contains("PASSWORD"), "{asked}");
        let is_low = site.lab.ups_get("ups", "ups.status")?.contains("LB");
        Ok((is_low && asked.matches("STARTTLS").count() > 3).then_some(()))
    })?;
    let told = tap.told();
    ensure!(told.contains("ERR FEATURE-NOT-CONFIGURED") && !told.contains("VAR"), "{told}");
    site.story.tell("it has none, and was told no password; nobody knows that the battery is low");
    site.untouched(&["n1"])?;
    site.start(&[clear])?;
    site.story.tell("a person does without TLS");
    site.goes_off("n1", "ups", "lowBattery")?;
    drop(tap);
    site.end()
}

#[test]
fn two_supplies_one_fails() -> Result<()> {
    let hosts = ["n1", "n2", "n3"];
    let spec = site::lab(&hosts, &["pyrphoros", "statera"]);
    let mut site = Site::begin("two supplies, one fails", spec)?;
    // n3 is fed by both.
    site.start(&[
        Supply { powers: vec!["n1", "n3"], ..Supply::new("pyrphoros") },
        Supply { powers: vec!["n2", "n3"], ..Supply::new("statera") },
    ])?;
    site.rests()?;
    site.set("statera", &[LOW])?;
    site.goes_off("n2", "statera", "lowBattery")?;
    site.set("pyrphoros", &[BATTERY])?;
    site.heard("pyrphoros", "fresh", "OB")?;
    site.story.tell("the other is on battery too, and full");
    site.untouched(&["n1", "n3"])?;
    site.set("pyrphoros", &[LOW])?;
    site.goes_off("n1", "pyrphoros", "lowBattery")?;
    site.goes_off("n3", "pyrphoros", "lowBattery")?;
    site.end()
}

#[test]
fn a_real_upsmon_beside_us() -> Result<()> {
    let mut site = Site::begin("a real upsmon beside us", site::lab(&["n1"], &["ups"]))?;
    site.start(&[Supply { powers: vec!["n1"], ..Supply::new("ups") }])?;
    site.rests()?;
    let upsmon = Upsmon::start(&site.lab, "ups")?;
    site.wait("upsmon and ananke are logged in", || Ok((site.clients("ups")? == 2).then_some(())))?;

    site.set("ups", &[("battery.charge", "21")])?;
    site.heard_charge("ups", 21)?;
    site.set("ups", &[BATTERY])?;
    site.wait("upsmon notifies of the outage", || {
        Ok(upsmon.notices().contains("ONBATT").then_some(()))
    })?;
    site.untouched(&["n1"])?;
    site.set("ups", &[("battery.charge", "19")])?;
    site.goes_off("n1", "ups", "charge")?;
    ensure!(!upsmon.has_shut_down(), "upsmon knows of no minimum of ours");
    site.story.tell("that was our policy's minimum: upsmon has done nothing");

    site.set("ups", &[("ups.status", "OL"), ("battery.charge", "100")])?;
    site.lifted()?;
    site.lab.boot("n1")?;
    site.story.tell("the mains are back, a person switches n1 on");
    site.set("ups", &[LOW])?;
    site.goes_off("n1", "ups", "")?;
    site.wait("upsmon runs its SHUTDOWNCMD", || Ok(upsmon.has_shut_down().then_some(())))?;
    let status = site.lab.ups_get("ups", "ups.status")?;
    ensure!(status.contains("FSD"), "upsmon is primary and left no FSD: {status}");

    site.set("ups", &[("ups.status", "OL")])?;
    site.heard("ups", "fresh", "FSD OL")?;
    site.lifted()?;
    site.lab.boot("n1")?;
    site.story.tell("the mains are back, a person switches n1 on; the FSD of upsmon stands");
    // Else the next outage would meet a recovery that is not over, and turn it round.
    site.rests()?;
    site.set("ups", &[BATTERY])?;
    site.heard("ups", "fresh", "FSD OB")?;
    site.set("ups", &[("battery.charge", "98")])?;
    site.heard_charge("ups", 98)?;
    site.set("ups", &[("ups.status", "OL")])?;
    site.heard("ups", "fresh", "FSD OL")?;
    site.lifted()?;
    let (on, off) = (PowerChange::On(PoweredBy::Hand), PowerChange::Exit(0));
    ensure!(site.changes("n1")? == [on, off, on, off, on], "{:?}", site.changes("n1")?);
    site.story.tell("n1 went off twice, and not for an FSD of before");
    site.end()
}
