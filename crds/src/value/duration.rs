use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use super::{ValueError, string_value};

/// A span of time as Go writes it: `90s`, `15m`, `1h30m`, `500ms`.
///
/// A bare number has no unit and is refused, as is a sign. One year is the longest, so that sums of
/// a few durations can never overflow.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct GoDuration(pub Duration);

/// What a duration looks like, for messages.
const EXPECTED: &str = "write a number and a unit (h, m, s, ms, us, ns), as in `90s` or `1h30m`";

/// One year of 365 days, in nanoseconds.
const LONGEST_NANOS: u128 = 365 * 24 * 3600 * 1_000_000_000;

/// Units from the longest to the shortest, with their length in nanoseconds.
const UNITS: [(&str, u128); 6] = [
    ("h", 3_600_000_000_000),
    ("m", 60_000_000_000),
    ("s", 1_000_000_000),
    ("ms", 1_000_000),
    ("us", 1_000),
    ("ns", 1),
];

impl GoDuration {
    /// A duration of whole seconds.
    pub const fn from_secs(seconds: u64) -> Self {
        Self(Duration::from_secs(seconds))
    }

    /// A duration of whole minutes.
    pub const fn from_mins(minutes: u64) -> Self {
        Self(Duration::from_secs(minutes * 60))
    }

    /// A duration of whole milliseconds.
    pub const fn from_millis(millis: u64) -> Self {
        Self(Duration::from_millis(millis))
    }

    /// The standard library's duration.
    pub const fn get(self) -> Duration {
        self.0
    }

    /// Whether it is no time at all.
    pub const fn is_zero(self) -> bool {
        self.0.is_zero()
    }
}

impl From<GoDuration> for Duration {
    fn from(duration: GoDuration) -> Self {
        duration.0
    }
}

impl From<Duration> for GoDuration {
    fn from(duration: Duration) -> Self {
        Self(duration)
    }
}

/// Splits `text` behind its first characters that satisfy `keep`.
fn split_while(text: &str, keep: impl Fn(char) -> bool) -> (&str, &str) {
    let end = text.find(|c| !keep(c)).unwrap_or(text.len());
    text.split_at_checked(end).unwrap_or((text, ""))
}

/// Nanoseconds of one `number` of a unit that is `length` nanoseconds long.
fn nanos_of(number: &str, length: u128) -> Option<u128> {
    let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
    if whole.is_empty() || fraction.len() > 9 || (number.contains('.') && fraction.is_empty()) {
        return None;
    }
    let mut nanos = whole.parse::<u128>().ok()?.checked_mul(length)?;
    if !fraction.is_empty() {
        let scale = 10u128.checked_pow(u32::try_from(fraction.len()).ok()?)?;
        nanos = nanos.checked_add(fraction.parse::<u128>().ok()?.checked_mul(length)? / scale)?;
    }
    Some(nanos)
}

impl FromStr for GoDuration {
    type Err = ValueError;

    fn from_str(text: &str) -> Result<Self, ValueError> {
        let wrong =
            |why: String| ValueError::new(format!("`{text}` is not a duration: {why}"), EXPECTED);
        if text.is_empty() {
            return Err(wrong("it is empty".into()));
        }
        if text.starts_with(['-', '+']) {
            return Err(wrong("it has a sign".into()));
        }
        let mut nanos = 0u128;
        let mut rest = text;
        while !rest.is_empty() {
            let (number, tail) = split_while(rest, |c| c.is_ascii_digit() || c == '.');
            let (unit, tail) = split_while(tail, |c| !c.is_ascii_digit() && c != '.');
            if number.is_empty() {
                return Err(wrong("a number is missing".into()));
            }
            if unit.is_empty() {
                return Err(wrong("it has no unit".into()));
            }
            let Some((_, length)) = UNITS.iter().find(|(name, _)| *name == unit) else {
                return Err(wrong(format!("`{unit}` is not a unit")));
            };
            let part = nanos_of(number, *length)
                .ok_or_else(|| wrong(format!("`{number}` is not a number")))?;
            nanos = nanos.saturating_add(part);
            rest = tail;
        }
        if nanos > LONGEST_NANOS {
            return Err(wrong("it is longer than one year".into()));
        }
        u64::try_from(nanos)
            .map(|nanos| Self(Duration::from_nanos(nanos)))
            .map_err(|_| wrong("it is longer than one year".into()))
    }
}

impl fmt::Display for GoDuration {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.is_zero() {
            return f.write_str("0s");
        }
        let mut rest = self.0.as_nanos();
        for (unit, length) in UNITS {
            let count = rest / length;
            rest %= length;
            if count > 0 {
                write!(f, "{count}{unit}")?;
            }
        }
        Ok(())
    }
}

string_value!(
    GoDuration,
    format: "go-duration",
    pattern: r"^([0-9]+(\.[0-9]{1,9})?(h|m|s|ms|us|ns))+$",
    example: "90s"
);
