//! The language of scenarios.
//!
//! A script begins with its title and its story, as comments. Then each line is one of
//!
//! ```text
//! scene small from 02:00            # which world, and what time it is in the story
//! allow …                           # what the audit is to put up with
//! at 02:10[:30] SOMETHING           # happens at that time
//! then SOMETHING                    # happens as soon as the line before is done
//! expect SOMETHING                  # is so now
//! expect by 02:20 SOMETHING         # is so by then; the story goes on as soon as it is
//! expect until 02:20 SOMETHING      # is so all the time until then
//! ```

use std::{collections::BTreeSet, fmt};

use ananke_sim::world::World;

use crate::{deed::Deed, fact::Fact, scenes, scenes::Scene, words::known};

/// The scenes that a script may name.
const SCENES: [(&str, Scene); 3] =
    [("small", scenes::SMALL), ("homelab", scenes::EMBEDDED), ("own-host", scenes::OWN_CUT)];

/// Seconds since midnight, in the story.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Time(pub u64);

/// A script.
pub struct Script {
    /// Title and story, as they stand in it.
    pub head: Vec<String>,
    /// Where it is played.
    pub scene: Scene,
    /// When it begins.
    pub begins: Time,
    /// What the audit is to put up with.
    pub allowed: Allowed,
    /// What happens and is expected.
    pub lines: Vec<Line>,
}

/// What the audit is to put up with.
#[derive(Default)]
pub struct Allowed {
    /// The battery runs empty.
    pub empty_battery: bool,
    /// Hosts that are lost at the end.
    pub lost: BTreeSet<String>,
}

/// One line.
pub struct Line {
    /// Its number, from 1.
    pub number: usize,
    /// Its words.
    pub text: String,
    /// What they mean.
    pub statement: Statement,
}

/// What a line says.
pub enum Statement {
    /// Something happens, at its time or at once.
    Happens(Option<Time>, Deed),
    /// Something is to be so.
    Expect(When, Fact),
}

/// When something is to be so.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum When {
    /// Now.
    Now,
    /// At some time until then.
    By(Time),
    /// All the time until then.
    Until(Time),
}

impl Script {
    /// Reads a script; an error names its line.
    pub fn read(text: &str, seed: u64) -> Result<Self, (usize, String)> {
        let is_head = |line: &&str| line.starts_with('#');
        let head: Vec<String> = text.lines().take_while(is_head).map(str::to_owned).collect();
        if head.is_empty() {
            return Err((1, "a script begins with `# TITLE` and its story".into()));
        }
        let mut said = statements(text);
        let (first, opening) = said.next().ok_or((1, "it says nothing".to_owned()))?;
        let (scene, begins) = open(&opening).map_err(|why| (first, why))?;
        let world = (scene.world)(seed);
        let mut script =
            Self { head, scene, begins, allowed: Allowed::default(), lines: Vec::new() };
        let mut last = begins;
        for (number, text) in said {
            script.line(number, text, &world, &mut last).map_err(|why| (number, why))?;
        }
        if script.lines.is_empty() {
            return Err((first, "nothing happens in it, and nothing is expected".into()));
        }
        Ok(script)
    }

    fn line(
        &mut self,
        number: usize,
        text: String,
        world: &World,
        last: &mut Time,
    ) -> Result<(), String> {
        let words: Vec<&str> = text.split_whitespace().collect();
        if let ["allow", what @ ..] = words.as_slice() {
            return self.allowed.allow(what, world);
        }
        let statement = Statement::read(&words, world)?;
        if let Some(time) = statement.time() {
            if time < *last {
                return Err(format!("{time} is before {last}, which is said above"));
            }
            // What is so sooner lets the story go on sooner.
            if !matches!(statement, Statement::Expect(When::By(_), _)) {
                *last = time;
            }
        }
        self.lines.push(Line { number, text, statement });
        Ok(())
    }
}

/// The lines that say something, without their comments.
fn statements(text: &str) -> impl Iterator<Item = (usize, String)> {
    (1..).zip(text.lines()).filter_map(|(number, line)| {
        let said = line.split('#').next().unwrap_or_default();
        let words: Vec<&str> = said.split_whitespace().collect();
        (!words.is_empty()).then(|| (number, words.join(" ")))
    })
}

fn open(text: &str) -> Result<(Scene, Time), String> {
    let words: Vec<&str> = text.split_whitespace().collect();
    let ["scene", name, "from", begins] = words.as_slice() else {
        return Err(format!("the first line is `scene NAME from HH:MM`, not `{text}`"));
    };
    let names: Vec<String> = SCENES.iter().map(|(name, _)| (*name).to_owned()).collect();
    known("scene", name, names.iter())?;
    let scene = SCENES.iter().find(|(known, _)| known == name).map(|(_, scene)| *scene);
    Ok((scene.unwrap(), Time::read(begins)?))
}

impl Allowed {
    fn allow(&mut self, what: &[&str], world: &World) -> Result<(), String> {
        match what {
            ["an", "empty", "battery"] => self.empty_battery = true,
            ["host", name, "lost"] => {
                self.lost.insert(known("host", name, world.hosts.keys())?);
            }
            _ => {
                let said = what.join(" ");
                return Err(format!(
                    "`{said}` cannot be allowed; what can: an empty battery, host NAME lost"
                ));
            }
        }
        Ok(())
    }
}

impl Statement {
    fn read(words: &[&str], world: &World) -> Result<Self, String> {
        match *words {
            ["at", time, ref what @ ..] => {
                Ok(Self::Happens(Some(Time::read(time)?), Deed::read(what, world)?))
            }
            ["then", ref what @ ..] => Ok(Self::Happens(None, Deed::read(what, world)?)),
            ["expect", "by", time, ref what @ ..] => {
                Ok(Self::Expect(When::By(Time::read(time)?), Fact::read(what, world)?))
            }
            ["expect", "until", time, ref what @ ..] => {
                Ok(Self::Expect(When::Until(Time::read(time)?), Fact::read(what, world)?))
            }
            ["expect", ref what @ ..] => Ok(Self::Expect(When::Now, Fact::read(what, world)?)),
            _ => Err(format!(
                "`{}` is no line of a script; a line begins with at TIME, then, expect [by TIME | \
                 until TIME] or allow",
                words.join(" ")
            )),
        }
    }

    const fn time(&self) -> Option<Time> {
        match self {
            Self::Happens(time, _) => *time,
            Self::Expect(When::By(time) | When::Until(time), _) => Some(*time),
            Self::Expect(When::Now, _) => None,
        }
    }
}

impl Time {
    fn read(text: &str) -> Result<Self, String> {
        let wrong = || format!("`{text}` is no time: HH:MM or HH:MM:SS");
        let parts: Vec<&str> = text.split(':').collect();
        let number = |part: &str, end: u64| {
            let number: Option<u64> = part.parse().ok();
            number.filter(|number| part.len() == 2 && *number < end).ok_or_else(wrong)
        };
        let (hours, minutes, seconds) = match *parts {
            [hours, minutes] => (hours, minutes, "00"),
            [hours, minutes, seconds] => (hours, minutes, seconds),
            _ => return Err(wrong()),
        };
        let minutes = number(hours, 24)? * 60 + number(minutes, 60)?;
        Ok(Self(minutes * 60 + number(seconds, 60)?))
    }
}

impl fmt::Display for Time {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:02}:{:02}:{:02}", self.0 / 3600 % 24, self.0 / 60 % 60, self.0 % 60)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(text: &str) -> (usize, String) {
        Script::read(text, 1).map(drop).unwrap_err()
    }

    #[test]
    fn a_line_that_cannot_be_read_is_named_with_what_could_be_said() {
        let begin = "# A title\n\nscene small from 02:00\n";
        for (line, number, why) in [
            ("", 3, "nothing happens in it"),
            ("at 02:10 main off", 4, "`main off` cannot happen; what can: mains off|on"),
            ("at 02:1 mains off", 4, "`02:1` is no time: HH:MM or HH:MM:SS"),
            ("at 24:00 mains off", 4, "`24:00` is no time"),
            ("at 02:10 mains of", 4, "`of` is neither on nor off"),
            ("at 02:10 host titan freezes", 4, "there is no host `titan` in this scene; there are"),
            ("at 02:10 host agent-0 flies", 4, "`flies`: a host cannot; it: is broken, freezes"),
            ("\n\nexpect by 02:10 light", 6, "`light` is nothing to expect; what can be: running"),
            ("expect node agent-0 cordoned by me", 4, "`me` is neither `ananke` nor `a person`"),
            ("at 02:10 mains off\nat 02:09 mains on", 5, "02:09:00 is before 02:10:00"),
            ("at 01:59 mains off", 4, "01:59:00 is before 02:00:00"),
            ("mains off", 4, "`mains off` is no line of a script"),
            ("allow everything", 4, "`everything` cannot be allowed"),
        ] {
            let (at, told) = refused(&format!("{begin}{line}\n"));
            assert!(at == number && told.contains(why), "{line}: {at}: {told}");
        }
        assert_eq!(refused("scene small from 02:00\n").0, 1);
        assert!(refused("# A title\nscene moon from 02:00\n").1.contains("small, homelab"));
        assert!(refused("# A title\nat 02:00 mains off\n").1.contains("scene NAME from HH:MM"));
    }

    #[test]
    fn a_time_is_hours_minutes_and_perhaps_seconds() {
        assert_eq!(Time::read("02:10").unwrap(), Time(7_800));
        assert_eq!(Time::read("02:10:30").unwrap().to_string(), "02:10:30");
    }
}
