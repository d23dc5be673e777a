//! The words of `ups.status`, as flags.

use std::collections::BTreeSet;
use std::fmt;

/// One row per flag: what it means, its name here, its word in `ups.status`.
macro_rules! status_flags {
    ($($(#[doc = $doc:literal])+ $flag:ident, $word:literal;)+) => {
        /// A word of `ups.status` (`docs/new-drivers.txt`, "Status data").
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum StatusFlag {
            $($(#[doc = $doc])+ $flag,)+
        }

        impl StatusFlag {
            /// All flags.
            pub const ALL: &[Self] = &[$(Self::$flag),+];

            /// Reads one word; `None` if it is not a known one.
            pub fn from_word(word: &str) -> Option<Self> {
                match word {
                    $($word => Some(Self::$flag),)+
                    _ => None,
                }
            }

            /// The word in `ups.status`.
            pub const fn as_str(self) -> &'static str {
                match self {
                    $(Self::$flag => $word,)+
                }
            }
        }
    };
}

status_flags! {
    /// On line: mains are present.
    OnLine, "OL";
    /// On battery: mains are not present.
    OnBattery, "OB";
    /// The battery is low, by the device's or the driver's own threshold.
    LowBattery, "LB";
    /// The battery is high.
    HighBattery, "HB";
    /// The battery needs to be replaced.
    ReplaceBattery, "RB";
    /// The battery is charging.
    Charging, "CHRG";
    /// The battery is discharging.
    Discharging, "DISCHRG";
    /// The bypass is active: no battery protection.
    Bypass, "BYPASS";
    /// A runtime calibration is under way, on battery.
    Calibration, "CAL";
    /// The outlets are off: the load is not fed.
    Off, "OFF";
    /// The load is too high.
    Overload, "OVER";
    /// The input voltage is being lowered.
    Trim, "TRIM";
    /// The input voltage is being raised.
    Boost, "BOOST";
    /// Forced shutdown, set by a primary. Latched: it stays over `OL` until upsd is restarted.
    ForcedShutdown, "FSD";
    /// An alarm is raised, see `ups.alarm`.
    Alarm, "ALARM";
    /// High-efficiency mode.
    Eco, "ECO";
    /// A self-test is under way (some drivers only).
    Test, "TEST";
    /// upsd has the driver but not yet its data: nothing is known, neither `OL` nor `OB`.
    Wait, "WAIT";
}

impl fmt::Display for StatusFlag {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// The value of `ups.status`: a set of flags, in whatever order they came.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct StatusFlags {
    known: BTreeSet<StatusFlag>,
    unknown: BTreeSet<String>,
}

impl StatusFlags {
    /// Reads the value of `ups.status`. Never fails: a word that is not known is kept as it is.
    pub fn parse(value: &str) -> Self {
        let mut flags = Self::default();
        for word in value.split_ascii_whitespace() {
            match StatusFlag::from_word(word) {
                Some(flag) => {
                    flags.known.insert(flag);
                }
                None => {
                    flags.unknown.insert(word.to_owned());
                }
            }
        }
        flags
    }

    /// True if the flag is set.
    pub fn contains(&self, flag: StatusFlag) -> bool {
        self.known.contains(&flag)
    }

    /// The known flags, in the order of [`StatusFlag::ALL`].
    pub fn iter(&self) -> impl Iterator<Item = StatusFlag> {
        self.known.iter().copied()
    }

    /// The words that are not known, sorted.
    pub fn unknown(&self) -> impl Iterator<Item = &str> {
        self.unknown.iter().map(String::as_str)
    }

    /// True if there was no word at all.
    pub fn is_empty(&self) -> bool {
        self.known.is_empty() && self.unknown.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::StatusFlag as F;
    use super::*;

    #[test]
    fn every_word_is_its_flag() {
        let rows = [
            ("OL", F::OnLine),
            ("OB", F::OnBattery),
            ("LB", F::LowBattery),
            ("HB", F::HighBattery),
            ("RB", F::ReplaceBattery),
            ("CHRG", F::Charging),
            ("DISCHRG", F::Discharging),
            ("BYPASS", F::Bypass),
            ("CAL", F::Calibration),
            ("OFF", F::Off),
            ("OVER", F::Overload),
            ("TRIM", F::Trim),
            ("BOOST", F::Boost),
            ("FSD", F::ForcedShutdown),
            ("ALARM", F::Alarm),
            ("ECO", F::Eco),
            ("TEST", F::Test),
            ("WAIT", F::Wait),
        ];
        for (word, flag) in rows {
            let flags = StatusFlags::parse(word);
            assert_eq!(flags.iter().collect::<Vec<_>>(), [flag], "{word}");
            assert_eq!(flags.unknown().count(), 0, "{word}");
            assert_eq!(flag.to_string(), word);
        }
        assert_eq!(rows.map(|(_, flag)| flag).as_slice(), F::ALL);
    }

    #[test]
    fn values_are_sets() {
        let rows: [(&str, &[F], &[&str]); 9] = [
            ("", &[], &[]),
            ("   ", &[], &[]),
            ("OL CHRG", &[F::OnLine, F::Charging], &[]),
            ("CHRG OL", &[F::OnLine, F::Charging], &[]),
            ("OB  DISCHRG\tLB", &[F::OnBattery, F::LowBattery, F::Discharging], &[]),
            ("OL OL", &[F::OnLine], &[]),
            ("FSD OL", &[F::OnLine, F::ForcedShutdown], &[]),
            ("ALARM OB ZZZ HE", &[F::OnBattery, F::Alarm], &["HE", "ZZZ"]),
            ("ol Ob OLB", &[], &["OLB", "Ob", "ol"]),
        ];
        for (value, known, unknown) in rows {
            let flags = StatusFlags::parse(value);
            assert_eq!(flags.iter().collect::<Vec<_>>(), known, "{value:?}");
            assert_eq!(flags.unknown().collect::<Vec<_>>(), unknown, "{value:?}");
            assert_eq!(flags.is_empty(), known.is_empty() && unknown.is_empty(), "{value:?}");
            assert!(F::ALL.iter().all(|flag| flags.contains(*flag) == known.contains(flag)));
        }
    }
}
