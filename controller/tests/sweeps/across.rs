//! Many runs on all cores.

use std::{
    any::Any,
    env,
    fmt::Display,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{
        Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    thread,
};

use crate::{
    scenes::Scene,
    stage::{
        Point, Stage,
        play::{Record, Take, seed, take},
    },
};

/// One run of a sweep, by the words after `ANANKE_ONLY`.
pub struct Run<'a> {
    /// The name of the test.
    pub sweep: &'a str,
    /// Which of its runs.
    pub which: String,
    /// Where the daemon is killed.
    pub point: Option<Point>,
    /// Whether each effect is made twice.
    pub twice: bool,
}

impl Run<'_> {
    /// Plays it.
    pub fn play(&self, scene: Scene, story: &impl AsyncFn(&mut Stage)) -> Record {
        let (seed, which, sweep) = (seed(), &self.which, self.sweep);
        let again = format!(
            "ANANKE_SEED={seed} ANANKE_ONLY='{which}' cargo test -p ananke --test sweeps {sweep} \
             -- --nocapture"
        );
        let loud = only().is_some();
        let (point, twice) = (self.point, self.twice);
        take(scene, &Take { seed, point, twice, loud, again }, story)
    }
}

/// The one run that is asked for.
fn only() -> Option<String> {
    env::var("ANANKE_ONLY").ok()
}

/// How a sweep went.
pub struct Outcome {
    /// How many runs there were.
    pub runs: usize,
    /// Those that failed, each with why.
    pub failed: Vec<String>,
}

impl Outcome {
    /// This sweep and another one.
    pub fn and(mut self, other: Self) -> Self {
        self.runs += other.runs;
        self.failed.extend(other.failed);
        self
    }

    /// Tells the count, and fails the test if a run failed.
    #[track_caller]
    pub fn tell(&self, what: &str) {
        println!("sweep: {what}: {}/{} as it should be", self.runs - self.failed.len(), self.runs);
        let shown: Vec<&str> = self.failed.iter().take(5).map(String::as_str).collect();
        assert!(
            self.failed.is_empty(),
            "{} failed, such as\n{}",
            self.failed.len(),
            shown.join("\n")
        );
    }
}

/// Runs a sweep over items, each by its name.
pub fn across<T: Display + Sync>(items: &[T], run: impl Fn(&T) + Sync) -> Outcome {
    let only = only();
    let asked = |item: &&T| only.as_ref().is_none_or(|only| item.to_string() == *only);
    let items: Vec<&T> = items.iter().filter(asked).collect();
    assert!(!items.is_empty(), "no run is called {only:?}");
    let (next, failed) = (AtomicUsize::new(0), Mutex::new(Vec::new()));
    let work = || {
        while let Some(item) = items.get(next.fetch_add(1, Ordering::Relaxed)) {
            if let Err(panic) = catch_unwind(AssertUnwindSafe(|| run(item))) {
                failed.lock().unwrap().push(format!("{item}: {}", words(panic.as_ref())));
            }
        }
    };
    let workers = thread::available_parallelism().map_or(1, usize::from);
    thread::scope(|scope| {
        for _ in 0..workers {
            scope.spawn(work);
        }
    });
    Outcome { runs: items.len(), failed: failed.into_inner().unwrap() }
}

fn words(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<String>().map(String::as_str);
    text.or_else(|| panic.downcast_ref::<&str>().copied()).unwrap_or_default().to_owned()
}
