//! What alerts rest on is true.

use std::time::Duration;

use ananke::state::Request;
use ananke_crds::policy::Target;
use ananke_sim::world::Fate;

use crate::{
    scenes::SMALL,
    stage::{Stage, play},
};

const HOLD: &str = r#"ananke_override{kind="hold",name=""}"#;
const MAINTENANCE: &str = r#"ananke_override{kind="maintenance",name="agent-0"}"#;
const DIFFERS: &str = "ananke_mirror_differs";
const TURNED: &str = "ananke_turn_timestamp_seconds";
const UP: &str = r#"ananke_verified_timestamp_seconds{unit="host/agent-0",stage="up"}"#;
const DOWN: &str = r#"ananke_verified_timestamp_seconds{unit="host/agent-0",stage="down"}"#;

/// The value of a series, if there is one.
fn value(stage: &Stage, series: &str) -> Option<f64> {
    let text = stage.metrics();
    let mut lines = text.lines().filter_map(|line| line.rsplit_once(' '));
    lines.find(|(name, _)| *name == series).map(|(_, value)| value.parse().unwrap())
}

/// An edit of the mirror stays, and shows until it is gone.
#[test]
fn small_mirror_edited_by_a_person() {
    play("small_mirror_edited_by_a_person", SMALL, async |stage: &mut Stage| {
        stage.arrives(Target::Running, 30).await;
        stage.pass(Duration::from_secs(5)).await;
        stage.check(value(stage, DIFFERS) == Some(0.0), "a mirror that nobody edited differs");
        let edit = |edited: bool| {
            move |world: &mut ananke_sim::world::World| {
                world.cluster.published.as_mut().unwrap().edited = edited;
            }
        };
        stage.change(edit(true));
        stage.fate(&Fate::Mains { supply: None, present: false });
        stage.pass(Duration::from_secs(10)).await;
        stage.check(value(stage, DIFFERS) == Some(1.0), "an edited mirror does not show");
        stage.fate(&Fate::Mains { supply: None, present: true });
        stage.pass(Duration::from_secs(60)).await;
        stage.check(value(stage, DIFFERS) == Some(1.0), "an edit that stands no longer shows");
        stage.change(edit(false));
        stage.pass(Duration::from_secs(30)).await;
        stage.check(value(stage, DIFFERS) == Some(0.0), "an edit that is gone still shows");
    });
}

/// A silent host is neither up nor down until it is proven off.
#[test]
fn small_a_state_is_dated_by_its_proof() {
    play("small_a_state_is_dated_by_its_proof", SMALL, async |stage: &mut Stage| {
        stage.arrives(Target::Running, 30).await;
        stage.pass(Duration::from_secs(10)).await;
        let age = value(stage, TURNED).unwrap() - value(stage, UP).unwrap();
        stage.check(age <= 30.0, &format!("a host that runs was proven up {age} s ago"));
        stage.check(value(stage, DOWN).is_none(), "a host that runs was proven down");
        stage.fate(&Fate::PressPower { host: "agent-0".into() });
        stage.until("agent-0 is off", 60, |w| w.hosts["agent-0"].is_off()).await;
        stage.pass(Duration::from_secs(60)).await;
        let last = value(stage, UP).unwrap();
        let age = value(stage, TURNED).unwrap() - last;
        stage.check(age >= 60.0, &format!("proven up {age} s ago, off for longer"));
        stage.check(value(stage, DOWN).is_none(), "a minute of silence proves nothing");
        stage.pass(Duration::from_secs(120)).await;
        let down = value(stage, DOWN) == value(stage, TURNED);
        stage.check(
            down && value(stage, UP) == Some(last),
            "more silence than a boot takes proves it off",
        );
        stage.expect.lost.insert("agent-0".into());
    });
}

#[test]
fn small_what_people_asked_for_shows() {
    play("small_what_people_asked_for_shows", SMALL, async |stage: &mut Stage| {
        stage.arrives(Target::Running, 30).await;
        stage.check(!stage.metrics().contains("ananke_override{"), "nobody asked for anything");
        stage.ask(&Request::Hold { reason: String::new(), even_on_battery: false }).await;
        stage.ask(&Request::Maintenance { host: "agent-0".into(), on: true }).await;
        stage.pass(Duration::from_secs(10)).await;
        let shown = value(stage, HOLD).is_some() && value(stage, MAINTENANCE).is_some();
        stage.check(shown, "a hold and a host in maintenance do not show");
        stage.ask(&Request::Release).await;
        stage.ask(&Request::Maintenance { host: "agent-0".into(), on: false }).await;
        stage.pass(Duration::from_secs(10)).await;
        stage.check(!stage.metrics().contains("ananke_override{"), "what is over still shows");
    });
}
