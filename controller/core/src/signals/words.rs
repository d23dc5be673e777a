//! What the words of `ups.status` mean.

use serde::{Deserialize, Serialize};

/// Where a supply's power comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Power {
    /// Mains.
    Mains,
    /// Battery, because the mains are away.
    Battery,
    /// The words do not tell; [`Unclear`] says why.
    Unknown,
}

/// Why the words do not tell where power comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Unclear {
    /// `WAIT`: upsd has the driver, and not yet its first answer (NUT 2.8, `sock-protocol`).
    Waiting,
    /// `CAL`, `TEST`: it discharges on purpose, which is no outage.
    Testing,
    /// `OL` and `OB` at once.
    Both,
    /// `OFF`, and neither `OL` nor `OB`.
    Off,
    /// Neither `OL` nor `OB`.
    Neither,
}

impl Unclear {
    /// What it is, as half a sentence for a person.
    pub const fn text(self) -> &'static str {
        match self {
            Self::Waiting => "has told nothing yet: its driver is just starting (WAIT)",
            Self::Testing => "tests its battery (CAL, TEST): wait until it is done",
            Self::Both => "says mains and battery at once (OL OB): look at its own display",
            Self::Off => "says that its outlets are off (OFF): turn it on",
            Self::Neither => "says neither mains (OL) nor battery (OB): look at its own display",
        }
    }
}

/// What one word says to a decision.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Says {
    /// Mains are there.
    OnMains,
    /// Mains are away.
    OnBattery,
    /// The battery is low, by the UPS's own measure.
    BatteryLow,
    /// The battery is high.
    BatteryHigh,
    /// A forced shutdown is ordered. Latched: upsd keeps it until it is restarted.
    ForcedShutdown,
    /// The battery is being tested or calibrated.
    Testing,
    /// Nothing is known yet.
    NoData,
    /// The outlets are off.
    OutletsOff,
    /// Something of the device that moves no decision.
    Nothing,
}

/// Every word of NUT (`docs/new-drivers.txt`, "Status data") and what it says.
const WORDS: [(&str, Says); 18] = [
    ("OL", Says::OnMains),
    ("OB", Says::OnBattery),
    ("LB", Says::BatteryLow),
    ("HB", Says::BatteryHigh),
    ("RB", Says::Nothing),
    ("CHRG", Says::Nothing),
    // Some drivers say it on mains while a test runs.
    ("DISCHRG", Says::Nothing),
    // Fed from the mains, past the battery: `OL` or `OB` stands beside it.
    ("BYPASS", Says::Nothing),
    ("CAL", Says::Testing),
    ("TEST", Says::Testing),
    ("OFF", Says::OutletsOff),
    ("OVER", Says::Nothing),
    ("TRIM", Says::Nothing),
    ("BOOST", Says::Nothing),
    ("FSD", Says::ForcedShutdown),
    ("ALARM", Says::Nothing),
    ("ECO", Says::Nothing),
    ("WAIT", Says::NoData),
];

/// What a word says; a word that NUT does not know says nothing.
pub fn says(word: &str) -> Says {
    WORDS.iter().find(|(known, _)| *known == word).map_or(Says::Nothing, |(_, says)| *says)
}

/// Whether any of the words says so. Their order does not matter.
pub fn tells(status: &[String], what: Says) -> bool {
    status.iter().any(|word| says(word) == what)
}

/// Where power comes from, by the words of `ups.status`.
pub fn power_of(status: &[String]) -> Power {
    match (unclear(status), tells(status, Says::OnMains)) {
        (Some(_), _) => Power::Unknown,
        (None, true) => Power::Mains,
        (None, false) => Power::Battery,
    }
}

/// Why the words do not tell where power comes from; `None` if they do.
pub fn unclear(status: &[String]) -> Option<Unclear> {
    let tells = |what| tells(status, what);
    if tells(Says::NoData) {
        return Some(Unclear::Waiting);
    }
    if tells(Says::Testing) {
        return Some(Unclear::Testing);
    }
    match (tells(Says::OnMains), tells(Says::OnBattery)) {
        (true, true) => Some(Unclear::Both),
        (false, false) if tells(Says::OutletsOff) => Some(Unclear::Off),
        (false, false) => Some(Unclear::Neither),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::{
        Power::{self, Battery, Mains, Unknown},
        Unclear, power_of, unclear,
    };

    fn words(text: &str) -> Vec<String> {
        text.split_whitespace().map(Into::into).collect()
    }

    fn holds_in_every_order(text: &str, power: Power, why: Option<Unclear>) {
        let mut status = words(text);
        for _ in 0..status.len().max(1) {
            for _ in ["as it is", "reversed"] {
                assert_eq!((power_of(&status), unclear(&status)), (power, why), "{status:?}");
                status.reverse();
            }
            let places = status.len().min(1);
            status.rotate_left(places);
        }
    }

    /// One test a row.
    macro_rules! rows {
        ($($test:ident: $words:literal => $power:ident $($why:ident)?;)+) => {
            $(#[test] fn $test() {
                let why: &[Unclear] = &[$(Unclear::$why)?];
                holds_in_every_order($words, $power, why.first().copied());
            })+
        };
    }

    rows! {
        ol: "OL" => Mains;
        ol_charging: "OL CHRG" => Mains;
        ol_discharging_is_a_test: "OL DISCHRG" => Mains;
        ol_low: "OL LB" => Mains;
        ol_high: "OL HB" => Mains;
        ol_replace_battery: "OL RB" => Mains;
        ol_bypass: "OL BYPASS" => Mains;
        ol_over: "OL OVER" => Mains;
        ol_trim: "OL TRIM" => Mains;
        ol_boost: "OL BOOST" => Mains;
        ol_forced: "OL FSD" => Mains;
        ol_alarm: "OL ALARM" => Mains;
        ol_eco: "OL ECO" => Mains;
        ol_off: "OL OFF" => Mains;
        ol_new_word: "OL SOMETHINGNEW" => Mains;
        ol_everything: "ALARM OL RB CHRG TRIM" => Mains;
        ob: "OB" => Battery;
        ob_discharging: "OB DISCHRG" => Battery;
        ob_charging: "OB CHRG" => Battery;
        ob_low: "OB LB" => Battery;
        ob_forced_low: "OB FSD LB" => Battery;
        ob_replace_battery: "OB RB" => Battery;
        ob_over: "OB OVER" => Battery;
        ob_alarm: "OB ALARM" => Battery;
        ob_bypass: "OB BYPASS" => Battery;
        ob_off: "OB OFF" => Battery;
        ob_new_word: "OB SOMETHINGNEW" => Battery;
        wait: "WAIT" => Unknown Waiting;
        wait_forced: "FSD WAIT" => Unknown Waiting;
        wait_ol: "WAIT OL" => Unknown Waiting;
        calibration: "CAL" => Unknown Testing;
        ol_calibration: "OL CAL" => Unknown Testing;
        ob_calibration: "CAL OB DISCHRG LB" => Unknown Testing;
        ol_test: "OL TEST" => Unknown Testing;
        ob_test: "OB TEST DISCHRG" => Unknown Testing;
        both: "OL OB" => Unknown Both;
        both_low: "OL OB LB" => Unknown Both;
        off: "OFF" => Unknown Off;
        off_alarm: "OFF ALARM" => Unknown Off;
        nothing: "" => Unknown Neither;
        bypass_alone: "BYPASS" => Unknown Neither;
        low_alone: "LB" => Unknown Neither;
        forced_alone: "FSD" => Unknown Neither;
        eco_alone: "ECO" => Unknown Neither;
        new_word_alone: "SOMETHINGNEW" => Unknown Neither;
        lower_case_is_no_word: "ol" => Unknown Neither;
    }
}
