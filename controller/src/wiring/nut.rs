//! The supplies over NUT: one kept connection each.

use std::{collections::BTreeMap, fs, path::Path, time::Duration};

use ananke_core::observe::{Device, SupplyReading};
use ananke_crds::{host_config::SupplyEndpoint, value::Name};
use ananke_nut::{Ca, Client, Credentials, Endpoint, NutError, Secret, Tls};
use ananke_ports::{Supplies, SupplyError};
use async_trait::async_trait;
use tokio::{sync::Mutex, time::Instant};

/// What is asked for, in one round trip.
const VARIABLES: [&str; 8] = [
    "ups.status",
    "battery.charge",
    "battery.runtime",
    "ups.load",
    "ups.realpower.nominal",
    "ups.mfr",
    "ups.model",
    "ups.serial",
];

/// A name that a device tells is cut after so many characters: it ends up in sentences.
const LONGEST_NAME: usize = 60;

/// How long a goodbye may take.
const LOGOUT: Duration = Duration::from_secs(1);

/// Why the supplies cannot be spoken to as they are configured.
#[derive(Debug, thiserror::Error)]
pub enum NutSetupError {
    /// The credentials file.
    #[error("supplies.{supply}.credentials: {path}: {message}")]
    Credentials {
        /// The supply.
        supply: String,
        /// The file.
        path: String,
        /// What is wrong.
        message: String,
    },
    /// TLS is asked for and nothing says whom to trust.
    #[error(
        "supplies.{supply}.tls.ca is missing: name the CA's PEM file that upsd's certificate comes from"
    )]
    NoCa {
        /// The supply.
        supply: String,
    },
}

/// The supplies of a host configuration.
pub struct NutSupplies {
    supplies: BTreeMap<String, Supply>,
}

struct Supply {
    ups: String,
    serial: Option<String>,
    endpoint: Endpoint,
    credentials: Option<Credentials>,
    client: Mutex<Option<Client>>,
}

impl NutSupplies {
    /// One kept connection each; none is opened yet.
    pub(super) fn new(endpoints: &BTreeMap<Name, SupplyEndpoint>) -> Result<Self, NutSetupError> {
        let supply = |(name, endpoint)| Ok((Name::to_string(name), of(name.as_str(), endpoint)?));
        Ok(Self { supplies: endpoints.iter().map(supply).collect::<Result<_, _>>()? })
    }

    /// Whether our user may act as the primary of a supply: nothing is done.
    pub async fn may_be_primary(
        &self,
        supply: &str,
        deadline: Duration,
    ) -> Result<(), SupplyError> {
        let asked = self.known(supply)?.may_be_primary(Instant::now() + deadline);
        asked.await.map_err(|error| told(supply, &error))
    }

    fn known(&self, supply: &str) -> Result<&Supply, SupplyError> {
        self.supplies.get(supply).ok_or_else(|| SupplyError::NoSuchDevice {
            supply: supply.into(),
            message: format!("the host configuration has no supplies.{supply}"),
        })
    }
}

fn of(name: &str, endpoint: &SupplyEndpoint) -> Result<Supply, NutSetupError> {
    let tls = endpoint.tls.as_ref().map(|tls| {
        let ca = tls.ca.clone().map(Ca::File);
        let ca = ca.ok_or_else(|| NutSetupError::NoCa { supply: name.into() })?;
        Ok(Tls { required: tls.required, ca, server_name: None })
    });
    let credentials = endpoint.credentials.as_deref().map(|path| read_credentials(name, path));
    Ok(Supply {
        ups: endpoint.ups.ups.clone(),
        serial: endpoint.serial.clone(),
        endpoint: Endpoint {
            host: endpoint.ups.host.to_string(),
            port: endpoint.ups.port,
            tls: tls.transpose()?,
        },
        credentials: credentials.transpose()?,
        client: Mutex::new(None),
    })
}

/// Two lines, `username: …` and `password: …`.
fn read_credentials(supply: &str, path: &Path) -> Result<Credentials, NutSetupError> {
    let wrong = |message: String| NutSetupError::Credentials {
        supply: supply.into(),
        path: path.display().to_string(),
        message,
    };
    let text = fs::read_to_string(path).map_err(|error| wrong(error.to_string()))?;
    let field = |key: &str| {
        let found = text.lines().find_map(|line| line.trim().strip_prefix(key)?.strip_prefix(':'));
        found
            .map(|value| value.trim().to_owned())
            .filter(|value| !value.is_empty())
            .ok_or_else(|| wrong(format!("a line `{key}: …` is missing")))
    };
    Ok(Credentials { username: field("username")?, password: Secret::new(field("password")?) })
}

impl Supply {
    async fn read(&self, deadline: Instant) -> Result<SupplyReading, NutError> {
        let mut slot = self.client.lock().await;
        let mut client = match slot.take().filter(Client::is_connected) {
            Some(client) => client,
            None => self.connect(deadline).await?,
        };
        let values = client.get_vars(&self.ups, &VARIABLES, deadline).await;
        let keep = values.as_ref().err().is_none_or(NutError::keeps_connection);
        if keep {
            *slot = Some(client);
        }
        let mut reading = SupplyReading::default();
        for (name, value) in values? {
            if let Ok(value) = value {
                take(&mut reading, &name, &value);
            }
        }
        reading.device.is_named = is_named(self.serial.as_deref(), &reading.device);
        Ok(reading)
    }

    async fn force_shutdown(&self, deadline: Instant) -> Result<(), NutError> {
        let mut slot = self.client.lock().await;
        let mut client = match slot.take().filter(Client::is_connected) {
            Some(client) => client,
            None => self.connect(deadline).await?,
        };
        let done = client.force_shutdown(&self.ups, deadline).await;
        *slot = Some(client).filter(Client::is_connected);
        done
    }

    async fn may_be_primary(&self, deadline: Instant) -> Result<(), NutError> {
        let mut slot = self.client.lock().await;
        let mut client = match slot.take().filter(Client::is_connected) {
            Some(client) => client,
            None => self.connect(deadline).await?,
        };
        let may = client.primary(&self.ups, deadline).await;
        *slot = Some(client).filter(Client::is_connected);
        may
    }

    async fn connect(&self, deadline: Instant) -> Result<Client, NutError> {
        let mut client = Client::connect(&self.endpoint, deadline).await?;
        if let Some(credentials) = &self.credentials {
            client.authenticate(credentials, deadline).await?;
            client.login(&self.ups, deadline).await?;
        }
        Ok(client)
    }
}

fn take(reading: &mut SupplyReading, name: &str, value: &str) {
    match name {
        "ups.status" => reading.status = value.split_whitespace().map(Into::into).collect(),
        "battery.charge" => {
            reading.charge_percent = number(reading, name, value, 100);
        }
        "battery.runtime" => {
            reading.runtime_seconds = number(reading, name, value, LONGEST_RUNTIME);
        }
        "ups.load" => {
            reading.load_percent = number(reading, name, value, u16::MAX);
        }
        "ups.realpower.nominal" => {
            // No decision is made of it, so a bad one is no reason to trust the rest less.
            reading.nominal_watts = whole(value, u32::MAX);
        }
        "ups.mfr" => reading.device.manufacturer = text(value),
        "ups.model" => reading.device.model = text(value),
        "ups.serial" => reading.device.serial = text(value),
        _ => {}
    }
}

/// A runtime above a year is no runtime, in seconds.
const LONGEST_RUNTIME: u64 = 366 * 24 * 3600;

/// What is no number, or beyond what it can be, was not told, and is noted.
fn number<T: TryFrom<u64> + PartialOrd + Copy>(
    reading: &mut SupplyReading,
    name: &str,
    value: &str,
    most: T,
) -> Option<T> {
    let number = whole(value, most);
    if number.is_none() {
        reading.garbled.push(name.to_owned());
    }
    number
}

/// Numbers come as text, some drivers write `87.0`.
fn whole<T: TryFrom<u64> + PartialOrd + Copy>(value: &str, most: T) -> Option<T> {
    let (whole, fraction) = value.trim().split_once('.').unwrap_or((value.trim(), ""));
    let is_plain = |digits: &str| digits.bytes().all(|byte| byte.is_ascii_digit());
    let told = Some(whole).filter(|whole| is_plain(whole) && is_plain(fraction));
    let told = told.and_then(|whole| whole.parse::<u64>().ok()).and_then(|n| T::try_from(n).ok());
    told.filter(|number| *number <= most)
}

/// A name, if there is one: some drivers tell blanks.
fn text(value: &str) -> Option<String> {
    let printable = value.trim().chars().filter(|c| !c.is_control());
    Some(printable.take(LONGEST_NAME).collect::<String>()).filter(|text| !text.is_empty())
}

/// Whether the device is the one that the host configuration names, if both have a serial number.
fn is_named(serial: Option<&str>, device: &Device) -> Option<bool> {
    Some(device.serial.as_deref()? == serial?.trim())
}

#[async_trait]
impl Supplies for NutSupplies {
    async fn read(&self, supply: &str, deadline: Duration) -> Result<SupplyReading, SupplyError> {
        let known = self.known(supply)?;
        known.read(Instant::now() + deadline).await.map_err(|error| told(supply, &error))
    }

    async fn force_shutdown(&self, supply: &str, deadline: Duration) -> Result<(), SupplyError> {
        let known = self.known(supply)?;
        known.force_shutdown(Instant::now() + deadline).await.map_err(|error| told(supply, &error))
    }

    async fn close(&self) {
        for supply in self.supplies.values() {
            if let Some(client) = supply.client.lock().await.take() {
                // upsd counts a client that is gone as gone, later.
                let _ = client.logout(Instant::now() + LOGOUT).await;
            }
        }
    }
}

fn told(supply: &str, error: &NutError) -> SupplyError {
    let supply = supply.to_owned();
    let mut message = error.to_string();
    let mut cause = std::error::Error::source(error);
    while let Some(source) = cause {
        message = format!("{message}: {source}");
        cause = source.source();
    }
    match error {
        NutError::DataStale { .. } => SupplyError::Stale { supply, message },
        NutError::UnknownUps { .. } => SupplyError::NoSuchDevice { supply, message },
        NutError::Protocol { .. } | NutError::Unsendable { .. } => {
            SupplyError::Garbage { supply, message }
        }
        NutError::LoginRefused { .. }
        | NutError::NotPrimary { .. }
        | NutError::Refused { .. }
        | NutError::TlsRefused { .. }
        | NutError::TlsHandshake { .. }
        | NutError::CaUnreadable { .. }
        | NutError::CaInvalid { .. }
        | NutError::ServerNameInvalid { .. } => SupplyError::Refused { supply, message },
        _ => SupplyError::Silent { supply, message },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reading(told: &[(&str, &str)]) -> SupplyReading {
        let mut reading = SupplyReading::default();
        for (name, value) in told {
            take(&mut reading, name, value);
        }
        reading
    }

    #[test]
    fn numbers_as_drivers_write_them() {
        for (value, charge) in [
            ("87", Some(87)),
            ("87.0", Some(87)),
            (" 87 ", Some(87)),
            ("100", Some(100)),
            ("0", Some(0)),
            ("101", None),
            ("-1", None),
            ("", None),
            ("NA", None),
            ("8x", None),
            ("87.x", None),
            ("nan", None),
            ("99999999999999999999", None),
        ] {
            let reading = reading(&[("battery.charge", value)]);
            assert_eq!(reading.charge_percent, charge, "{value:?}");
            assert_eq!(reading.garbled.is_empty(), charge.is_some(), "{value:?}");
        }
    }

    #[test]
    fn what_is_not_told_is_not_garbled() {
        let reading = reading(&[("ups.status", "OL CHRG"), ("ups.serial", "  ")]);
        assert_eq!(reading.status, ["OL", "CHRG"]);
        assert!(reading.garbled.is_empty() && reading.device.is_untold());
    }

    #[test]
    fn a_nominal_power_is_told_or_not_and_never_garbled() {
        for (value, watts) in [("900", Some(900)), ("900.0", Some(900)), ("NA", None)] {
            let reading = reading(&[("ups.realpower.nominal", value)]);
            assert_eq!((reading.nominal_watts, reading.garbled.len()), (watts, 0), "{value}");
        }
    }

    #[test]
    fn a_runtime_of_years_is_none() {
        let reading = reading(&[("battery.runtime", "4294967295"), ("ups.load", "12.5")]);
        assert_eq!((reading.runtime_seconds, reading.load_percent), (None, Some(12)));
        assert_eq!(reading.garbled, ["battery.runtime"]);
    }

    #[test]
    fn the_device_that_is_named() {
        let told =
            |serial: Option<&str>| Device { serial: serial.map(Into::into), ..Device::default() };
        for (named, serial, is) in [
            (None, Some("A1"), None),
            (Some("A1"), None, None),
            (Some("A1"), Some("A1"), Some(true)),
            (Some("A1"), Some("B2"), Some(false)),
        ] {
            assert_eq!(is_named(named, &told(serial)), is, "{named:?} {serial:?}");
        }
    }

    #[test]
    fn names_are_cut_and_printable() {
        let model = format!("X\u{7}{}", "y".repeat(200));
        let reading = reading(&[("ups.model", &model)]);
        assert_eq!(reading.device.model.unwrap().len(), LONGEST_NAME);
    }
}
