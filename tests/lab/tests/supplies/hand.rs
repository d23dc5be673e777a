//! A hand that changes what UPSes tell as time goes by, while the story goes on.

use std::{
    sync::atomic::{AtomicBool, Ordering},
    thread,
    time::{Duration, Instant},
};

use ananke_lab::Lab;
use anyhow::{Result, anyhow};

const MAINS: &str = "OL";
const BATTERY: &str = "OB DISCHRG";

/// What one UPS tells, by the seconds since the mains were lost.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Course {
    /// Its charge falls by so many percent a minute, from 100.
    Falls(u64),
    /// Mains that come and go, each for so many seconds.
    Flaps(u64),
}

impl Course {
    fn at(self, seconds: u64) -> (&'static str, String) {
        match self {
            Self::Falls(per_minute) => {
                ("battery.charge", 100_u64.saturating_sub(seconds * per_minute / 60).to_string())
            }
            Self::Flaps(span) => {
                let is_away = (seconds / span).is_multiple_of(2);
                ("ups.status", if is_away { BATTERY } else { MAINS }.to_owned())
            }
        }
    }
}

/// Lets these courses run while `story` is told, and ends with it.
pub(crate) fn meanwhile(
    lab: &Lab,
    courses: &[(&str, Course)],
    story: impl FnOnce() -> Result<()>,
) -> Result<()> {
    let is_over = AtomicBool::new(false);
    thread::scope(|scope| {
        let hand = scope.spawn(|| move_on(lab, courses, &is_over));
        let told = story();
        is_over.store(true, Ordering::Relaxed);
        let moved = hand.join().map_err(|_| anyhow!("the hand panicked"))?;
        told.and(moved)
    })
}

fn move_on(lab: &Lab, courses: &[(&str, Course)], is_over: &AtomicBool) -> Result<()> {
    let begun = Instant::now();
    let mut told = vec![String::new(); courses.len()];
    while !is_over.load(Ordering::Relaxed) {
        for ((ups, course), told) in courses.iter().zip(&mut told) {
            let (variable, value) = course.at(begun.elapsed().as_secs());
            if value != *told {
                lab.ups_set(ups, [(variable, value.as_str())])?;
                *told = value;
            }
        }
        thread::sleep(Duration::from_millis(200));
    }
    Ok(())
}
