//! Plays a script, and compares what happens with its transcript.

use std::{cell::RefCell, env, fs, time::Duration};

use crate::{
    deed::Deed,
    fact::{Fact, Sight},
    folder,
    script::{Line, Script, Statement, Time, When},
    stage::{
        Stage,
        play::{Take, take},
    },
    transcript::Transcript,
};

/// One script is one run.
const SEED: u64 = 20_260_101;
/// How often is looked, in virtual time.
const LOOK: Duration = Duration::from_millis(100);

/// Plays the script of this name; its transcript must be as it was.
#[track_caller]
pub fn play(name: &str) {
    let text = fs::read_to_string(folder().join(format!("{name}.scenario"))).unwrap();
    let transcript = perform(name, &text);
    let file = folder().join(format!("{name}.transcript"));
    if env::var_os("ANANKE_UPDATE").is_some() {
        fs::write(&file, &transcript).unwrap();
    }
    let known = fs::read_to_string(&file).unwrap_or_default();
    let same = known.lines().zip(transcript.lines()).take_while(|(was, is)| was == is).count();
    let line = |text: &str| text.lines().nth(same).unwrap_or("(the end)").to_owned();
    assert!(
        known == transcript,
        "{name}.transcript:{}: it goes another way:\n  was: {}\n  is:  {}\nif that is right: \
         ANANKE_UPDATE=1 cargo test -p ananke --test scenarios {name}",
        same + 1,
        line(&known),
        line(&transcript),
    );
}

/// Plays a script, under the audit, and tells what happened.
#[track_caller]
pub fn perform(name: &str, text: &str) -> String {
    let script = Script::read(text, SEED)
        .unwrap_or_else(|(line, why)| panic!("{name}.scenario:{line}: {why}"));
    let again = format!("cargo test -p ananke --test scenarios {name} -- --nocapture");
    let how = Take { seed: SEED, point: None, twice: false, loud: true, again };
    let written = RefCell::new(None);
    take(script.scene, &how, &async |stage: &mut Stage| {
        let mut performance = Performance::begin(name, &script, stage);
        for line in &script.lines {
            performance.line(line).await;
        }
        written.replace(Some(performance.transcript));
    });
    // Whoever comes here has passed the audit.
    written.take().unwrap().end("The audit of the world finds nothing that should not have been.")
}

/// A script while it is played.
struct Performance<'a> {
    name: &'a str,
    stage: &'a mut Stage,
    transcript: Transcript,
    /// How much of the trace was there before the last thing that happened.
    since: u64,
}

impl<'a> Performance<'a> {
    fn begin(name: &'a str, script: &Script, stage: &'a mut Stage) -> Self {
        stage.expect.energy_fits = !script.allowed.empty_battery;
        stage.expect.lost.clone_from(&script.allowed.lost);
        let transcript = Transcript::begin(&script.head, script.begins, stage);
        let since = transcript.seen();
        Self { name, stage, transcript, since }
    }

    async fn line(&mut self, line: &Line) {
        match &line.statement {
            Statement::Happens(at, deed) => {
                if let Some(at) = at {
                    let at = self.instant(line, *at);
                    while self.stage.now() < at {
                        self.pass().await;
                    }
                }
                self.happens(line, deed).await;
            }
            Statement::Expect(when, fact) => {
                self.expect(line, *when, fact).await;
                self.transcript.line(self.stage.now(), "expected", told_of(&line.text));
            }
        }
    }

    async fn happens(&mut self, line: &Line, deed: &Deed) {
        self.since = self.transcript.seen();
        self.transcript.line(self.stage.now(), "happens", told_of(&line.text));
        let answer = deed.happens(self.stage).await;
        self.transcript.look(self.stage);
        if let Some(answer) = answer {
            self.transcript.line(self.stage.now(), "answers", &answer);
        }
    }

    async fn expect(&mut self, line: &Line, when: When, fact: &Fact) {
        let end = match when {
            When::Now => self.stage.now(),
            When::By(time) | When::Until(time) => self.instant(line, time),
        };
        loop {
            let is_over = self.stage.now() >= end;
            match (self.look(fact), when) {
                (Ok(()), When::Now | When::By(_)) => return,
                (Ok(()), When::Until(_)) if is_over => return,
                (Err(_), When::By(_)) if !is_over => {}
                (Ok(()), When::Until(_)) => {}
                (Err(instead), _) => {
                    let why = format!("expected: {}; {instead}", told_of(&line.text));
                    self.fail(line, &why);
                }
            }
            self.pass().await;
        }
    }

    fn look(&self, fact: &Fact) -> Result<(), String> {
        let (told, since) = (self.stage.told(), self.since);
        self.stage.look(|world| fact.look(&Sight { world, told: told.as_deref(), since }))
    }

    async fn pass(&mut self) {
        self.stage.pass(LOOK).await;
        self.transcript.look(self.stage);
    }

    /// A time of the story in milliseconds of the world; it must not be over.
    #[track_caller]
    fn instant(&mut self, line: &Line, time: Time) -> u64 {
        let instant = self.transcript.instant(time);
        if self.transcript.time(self.stage.now()) > time {
            self.fail(line, &format!("{time} is over"));
        }
        instant
    }

    #[track_caller]
    fn fail(&mut self, line: &Line, why: &str) -> ! {
        let time = self.transcript.time(self.stage.now());
        self.stage.fail(&format!("{}.scenario:{}: at {time}: {why}", self.name, line.number));
    }
}

/// A line without its first word, and without the time of what happens.
fn told_of(text: &str) -> &str {
    let (first, rest) = text.split_once(' ').unwrap_or(("", text));
    if first == "at" { rest.split_once(' ').map_or(rest, |(_, what)| what) } else { rest }
}

#[cfg(test)]
mod tests {
    use std::panic::catch_unwind;

    use super::*;

    fn refused(lines: &str) -> String {
        let text = format!("# A title\n\nscene small from 02:00\n{lines}\n");
        let panic = catch_unwind(|| perform("refused", &text)).unwrap_err();
        panic.downcast_ref::<String>().unwrap().clone()
    }

    #[test]
    fn what_is_not_as_expected_is_told_with_its_line_and_how_it_is_instead() {
        let told = refused("\nat 02:01 mains off\nexpect by 02:02 host agent-0 off");
        let why = "refused.scenario:6: at 02:02:00: expected: by 02:02 host agent-0 off; it is On";
        assert!(told.starts_with(why), "{told}");
        let told = refused("expect until 02:03 host agent-0 on\nexpect every host off");
        let why = "refused.scenario:5: at 02:03:00: expected: every host off; not off: agent-0, \
                   agent-1, server-0";
        assert!(told.starts_with(why), "{told}");
    }

    #[test]
    fn what_ends_otherwise_than_it_should_is_found_by_the_audit() {
        let told = refused(
            "at 02:01 a person presses the button of agent-0\nexpect by 02:10 host agent-0 off",
        );
        assert!(told.contains("the audit of the world"), "{told}");
        assert!(told.contains("agent-0 is not on at the end"), "{told}");
    }
}
