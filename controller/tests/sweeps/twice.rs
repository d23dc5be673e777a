//! Every step run twice is the step run once.

use std::time::Duration;

use ananke_crds::policy::Target;
use ananke_sim::world::Fate;

use crate::{
    across::{Run, across},
    stage::{Stage, all_off, all_on, is_stopped, is_up},
    world::{Came, NINE},
};

/// Down to the hosts, up, off in an outage, and up again.
async fn every_step(stage: &mut Stage) {
    stage.arrives(Target::Running, 60).await;
    stage.declare(Target::ClusterOnlyDown);
    stage.until("every service is stopped", 600, |w| is_stopped(w) && all_on(w)).await;
    stage.arrives(Target::ClusterOnlyDown, 60).await;
    stage.declare(Target::Running);
    stage.arrives(Target::Running, 600).await;
    stage.fate(&Fate::Mains { supply: None, present: false });
    stage.until("every host is off", 600, all_off).await;
    stage.pass(Duration::from_secs(30)).await;
    stage.fate(&Fate::Mains { supply: None, present: true });
    stage.until("the cluster works again", 900, is_up).await;
    stage.arrives(Target::Running, 300).await;
}

#[test]
fn every_step_twice_is_once() {
    let play = |twice: bool| {
        let which = if twice { "twice" } else { "once" }.to_owned();
        let run = Run { sweep: "every_step_twice_is_once", which, point: None, twice };
        run.play(NINE, &every_step)
    };
    let once = play(false);
    let came = Came::to(&once);
    let outcome = across(&["twice"], |which| {
        came.assert_same(&Came::to(&play(true)), which);
    });
    outcome.tell(&format!("each of {} effects made twice", once.effects.len()));
}
