//! `kill -9` wherever the daemon waits, in an outage and the way back from it.

use ananke_crds::policy::Target;
use ananke_sim::world::Fate;

use crate::{
    across::{Run, across},
    kill::At,
    scenes::SMALL,
    stage::{Point, Stage, all_off, play::Record},
};

const NAME: &str = "killed_wherever_it_waits";

async fn outage(stage: &mut Stage) {
    stage.edit("trigger", "{maxOnBattery: 20s, minCharge: 20}");
    stage.arrives(Target::Running, 60).await;
    stage.fate(&Fate::Mains { supply: None, present: false });
    stage.until("every host is off", 600, all_off).await;
    stage.fate(&Fate::Mains { supply: None, present: true });
    stage.arrives(Target::Running, 900).await;
}

fn play(point: Option<Point>) -> Record {
    let which = point.map_or_else(|| "whole".into(), |point| At(point).to_string());
    Run { sweep: NAME, which, point, twice: false }.play(SMALL, &outage)
}

#[test]
fn killed_wherever_it_waits() {
    let whole = play(None);
    let points: Vec<At> = (1..=whole.polls).map(|number| At(Point::Poll(number))).collect();
    let outcome = across(&points, |at| {
        let record = play(Some(at.0));
        assert_eq!(record.deaths.len(), 1, "the daemon was not killed {at}");
    });
    outcome.tell("kill -9 wherever it waits");
}
