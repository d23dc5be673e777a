//! What is believed of a supply's battery before its mains go: what a person says, what the daemon
//! heard, else what is ordinary.

use std::{fmt, str::FromStr, sync::Arc};

use ananke_core::{
    battery::{BatteryMemory, at_load, estimate},
    observe::SupplyReading,
    time::Tick,
};
use ananke_sim::world::World;
use schemars::JsonSchema;
use serde::Serialize;

/// Where a figure comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum Source {
    /// The command line.
    Asked,
    /// What the daemon read last.
    Read,
    /// Nothing tells it: an ordinary figure.
    Assumed,
}

impl Source {
    /// As half a sentence.
    pub const fn text(self) -> &'static str {
        match self {
            Self::Asked => "as asked",
            Self::Read => "as read last",
            Self::Assumed => "assumed",
        }
    }
}

/// A battery as it is believed to be when its mains go.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Battery {
    /// Its charge.
    pub charge_percent: u8,
    /// Where that comes from.
    pub charge_from: Source,
    /// Its load, in percent of what the UPS is built for.
    pub load_percent: u16,
    /// Where that comes from.
    pub load_from: Source,
    /// How long it would last full under that load: the more careful of what its UPS and its past
    /// discharges tell.
    pub full_seconds: u64,
    /// What its UPS would say full under that load.
    pub told_full_seconds: u64,
    /// Where those two come from.
    pub full_from: Source,
    /// How far the truth may be off, in percent of it; each run draws its own truth.
    pub margin_percent: u8,
}

/// A load as a person writes it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Load {
    /// `45%`, of what the UPS is built for.
    Percent(u16),
    /// `440W`.
    Watts(u64),
}

impl FromStr for Load {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || format!("`{text}` is no load: write it like 45% or 440W");
        let number = |digits: &str| digits.trim().parse::<u64>().ok().filter(|number| *number > 0);
        if let Some(percent) = text.strip_suffix('%') {
            let percent = number(percent).and_then(|percent| u16::try_from(percent).ok());
            return percent.map(Self::Percent).ok_or_else(wrong);
        }
        text.strip_suffix(['W', 'w']).and_then(number).map(Self::Watts).ok_or_else(wrong)
    }
}

/// As it is written.
impl fmt::Display for Load {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Percent(percent) => write!(f, "{percent}%"),
            Self::Watts(watts) => write!(f, "{watts}W"),
        }
    }
}

/// What a person asks for.
#[derive(Debug, Clone, Copy, Default)]
pub struct Wish {
    /// The charge.
    pub charge_percent: Option<u8>,
    /// The load.
    pub load: Option<Load>,
}

/// What the daemon heard of a supply.
#[derive(Debug, Clone, Default)]
pub struct Heard {
    /// Its last reading.
    pub reading: SupplyReading,
    /// When.
    pub at: Tick,
    /// What its past discharges taught.
    pub memory: Arc<BatteryMemory>,
}

/// A load that no such supply can have.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Impossible {
    /// More than it is built for.
    #[error("{supply} cannot carry {load}: it is built for {nominal_watts} W{}",
        if *assumed { " (assumed: nothing tells it)" } else { "" })]
    Overload {
        /// The supply.
        supply: String,
        /// The load.
        load: Load,
        /// What it is built for.
        nominal_watts: u64,
        /// Whether that is a guess.
        assumed: bool,
    },
    /// It tells its load in percent, and not of what.
    #[error(
        "{supply} does not tell what it is built for (ups.realpower.nominal): give its load in percent"
    )]
    NoNominal {
        /// The supply.
        supply: String,
    },
    /// Nothing happens when their mains go.
    #[error("no host has only {supplies} to power it: nothing happens when its mains go")]
    FeedsNothing {
        /// The supplies.
        supplies: String,
    },
}

/// What an ordinary UPS is like: the one of the virtual world.
struct Ordinary {
    full_seconds: u64,
    load_percent: u16,
    nominal_watts: u64,
}

impl Ordinary {
    /// Nothing if the world has no such supply.
    fn of(world: &World, name: &str) -> Option<Self> {
        let supply = world.supplies.get(name)?;
        let full_seconds = supply.capacity_millijoules / 1000 / supply.load_watts.max(1);
        let load = supply.load_watts.saturating_mul(100) / supply.nominal_watts.max(1);
        let load_percent = u16::try_from(load).unwrap_or(u16::MAX).max(1);
        Some(Self { full_seconds, load_percent, nominal_watts: supply.nominal_watts })
    }
}

/// The battery of a supply as a person, the daemon and the virtual world tell it, in this order.
pub fn battery(
    world: &World,
    name: &str,
    wish: Wish,
    heard: Option<&Heard>,
) -> Result<Battery, Impossible> {
    let nothing = || Impossible::FeedsNothing { supplies: name.to_owned() };
    let ordinary = Ordinary::of(world, name).ok_or_else(nothing)?;
    let reading = heard.map(|heard| &heard.reading);
    let read_charge = reading.and_then(|reading| reading.charge_percent);
    let read_load = reading.and_then(|reading| reading.load_percent).filter(|load| *load > 0);
    let (charge_percent, charge_from) = first(wish.charge_percent, read_charge, 100);
    let wanted = wish.load.map(|load| percent_of(name, load, &ordinary, reading)).transpose()?;
    let (load_percent, load_from) = first(wanted, read_load, ordinary.load_percent);
    let full = heard.and_then(full);
    let full_from = if full.is_some() { Source::Read } else { Source::Assumed };
    let full = full.unwrap_or_else(|| Full::assumed(&ordinary));
    // What was read without a load was read under the one that there is.
    let then = full.load_percent.unwrap_or(load_percent);
    let now = |seconds: u64| at_load(seconds.saturating_mul(1000), then, load_percent) / 1000;
    Ok(Battery {
        charge_percent,
        charge_from,
        load_percent,
        load_from,
        full_seconds: now(full.seconds),
        told_full_seconds: now(full.told_seconds),
        full_from,
        margin_percent: full.margin_percent,
    })
}

fn first<T>(asked: Option<T>, read: Option<T>, ordinary: T) -> (T, Source) {
    match (asked, read) {
        (Some(asked), _) => (asked, Source::Asked),
        (None, Some(read)) => (read, Source::Read),
        (None, None) => (ordinary, Source::Assumed),
    }
}

fn percent_of(
    name: &str,
    load: Load,
    ordinary: &Ordinary,
    reading: Option<&SupplyReading>,
) -> Result<u16, Impossible> {
    let told = reading.and_then(|reading| reading.nominal_watts).map(u64::from);
    let is_heard = reading.is_some_and(|reading| reading.load_percent.is_some());
    let percent = match load {
        Load::Percent(percent) => u64::from(percent),
        Load::Watts(_) if told.is_none() && is_heard => {
            return Err(Impossible::NoNominal { supply: name.to_owned() });
        }
        Load::Watts(watts) => {
            let nominal = told.unwrap_or(ordinary.nominal_watts);
            watts.saturating_mul(100).div_ceil(nominal.max(1))
        }
    };
    let fits = u16::try_from(percent).ok().filter(|percent| *percent <= 100);
    fits.ok_or_else(|| Impossible::Overload {
        supply: name.to_owned(),
        load,
        nominal_watts: told.unwrap_or(ordinary.nominal_watts),
        assumed: told.is_none(),
    })
}

/// How long a full battery lasts.
struct Full {
    seconds: u64,
    told_seconds: u64,
    /// Under which load.
    load_percent: Option<u16>,
    margin_percent: u8,
}

impl Full {
    /// An ordinary UPS says what it holds, and nothing has checked it.
    fn assumed(ordinary: &Ordinary) -> Self {
        let told = SupplyReading {
            charge_percent: Some(100),
            runtime_seconds: Some(ordinary.full_seconds),
            load_percent: Some(ordinary.load_percent),
            ..SupplyReading::default()
        };
        let unchecked = estimate(&BatteryMemory::default(), &told, Tick::default());
        Self {
            seconds: ordinary.full_seconds,
            told_seconds: ordinary.full_seconds,
            load_percent: Some(ordinary.load_percent),
            margin_percent: unchecked.map_or(100, |estimate| estimate.margin_percent),
        }
    }
}

/// From a reading to the whole battery; nothing if nothing tells how long it lasts.
fn full(heard: &Heard) -> Option<Full> {
    let charge = heard.reading.charge_percent.filter(|charge| *charge > 0)?;
    let told = estimate(&heard.memory, &heard.reading, heard.at)?;
    let whole = |seconds: u64| seconds.saturating_mul(100) / u64::from(charge);
    Some(Full {
        seconds: whole(told.seconds),
        told_seconds: whole(told.firmware_seconds.unwrap_or(told.seconds)),
        load_percent: heard.reading.load_percent.filter(|load| *load > 0),
        margin_percent: told.margin_percent,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn world() -> World {
        World::small(1)
    }

    fn heard(charge: u8, runtime: u64, load: u16) -> Heard {
        let reading = SupplyReading {
            charge_percent: Some(charge),
            runtime_seconds: Some(runtime),
            load_percent: Some(load),
            ..SupplyReading::default()
        };
        Heard { reading, ..Heard::default() }
    }

    #[test]
    fn a_load_is_percent_or_watts() {
        assert_eq!("45%".parse(), Ok(Load::Percent(45)));
        assert_eq!("440W".parse(), Ok(Load::Watts(440)));
        for wrong in ["", "45", "W", "%", "-3W", "0%", "4.5W", "99999999999999999999W"] {
            let told = wrong.parse::<Load>().unwrap_err();
            assert!(told.contains("45% or 440W"), "{told}");
        }
    }

    #[test]
    fn with_nothing_heard_it_is_the_ordinary_one_and_says_so() {
        let battery = battery(&world(), "ups", Wish::default(), None).unwrap();
        assert_eq!((battery.charge_percent, battery.charge_from), (100, Source::Assumed));
        assert_eq!((battery.load_from, battery.full_from), (Source::Assumed, Source::Assumed));
        assert!((14 * 60..=15 * 60).contains(&battery.full_seconds), "{battery:?}");
        assert_eq!(battery.margin_percent, 50, "nothing has checked it");
    }

    #[test]
    fn what_was_read_is_taken_as_it_was_read() {
        let heard = heard(50, 600, 30);
        let read = battery(&world(), "ups", Wish::default(), Some(&heard)).unwrap();
        assert_eq!((read.charge_percent, read.load_percent, read.full_seconds), (50, 30, 1200));
        assert_eq!((read.charge_from, read.full_from), (Source::Read, Source::Read));
        let wish = Wish { charge_percent: Some(90), load: Some(Load::Percent(60)) };
        let asked = battery(&world(), "ups", wish, Some(&heard)).unwrap();
        assert_eq!((asked.charge_percent, asked.charge_from), (90, Source::Asked));
        // Twice the load costs more than half of the time.
        assert!((400..600).contains(&asked.full_seconds), "{asked:?}");
    }

    #[test]
    fn watts_need_a_nominal_power_that_was_told() {
        let wish = Wish { load: Some(Load::Watts(300)), ..Wish::default() };
        let mut heard = heard(100, 600, 30);
        let unknown = Impossible::NoNominal { supply: "ups".into() };
        assert_eq!(battery(&world(), "ups", wish, Some(&heard)), Err(unknown));
        heard.reading.nominal_watts = Some(600);
        assert_eq!(battery(&world(), "ups", wish, Some(&heard)).unwrap().load_percent, 50);
        let wish = Wish { load: Some(Load::Watts(700)), ..Wish::default() };
        let told = battery(&world(), "ups", wish, Some(&heard)).unwrap_err().to_string();
        assert_eq!(told, "ups cannot carry 700W: it is built for 600 W");
    }

    #[test]
    fn more_than_all_of_it_is_impossible() {
        let wish = Wish { load: Some(Load::Percent(101)), ..Wish::default() };
        let told = battery(&world(), "ups", wish, None).unwrap_err().to_string();
        assert!(told.contains("101%") && told.contains("assumed"), "{told}");
    }
}
