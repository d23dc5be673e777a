//! The supplies over NUT: one kept connection each.

use std::{collections::BTreeMap, fs, path::Path, time::Duration};

use ananke_core::observe::SupplyReading;
use ananke_crds::{host_config::SupplyEndpoint, value::Name};
use ananke_nut::{Ca, Client, Credentials, Endpoint, NutError, Secret, Tls};
use ananke_ports::{Supplies, SupplyError};
use async_trait::async_trait;
use tokio::{sync::Mutex, time::Instant};

/// What is asked for, in one round trip.
const VARIABLES: [&str; 4] = ["ups.status", "battery.charge", "battery.runtime", "ups.load"];

/// How long a goodbye may take.
const LOGOUT: Duration = Duration::from_secs(1);

/// Why the supplies cannot be spoken to as they are configured.
#[derive(Debug, thiserror::Error)]
pub(super) enum NutSetupError {
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
pub(super) struct NutSupplies {
    supplies: BTreeMap<String, Supply>,
}

struct Supply {
    ups: String,
    endpoint: Endpoint,
    credentials: Option<Credentials>,
    client: Mutex<Option<Client>>,
}

impl NutSupplies {
    pub(super) fn new(endpoints: &BTreeMap<Name, SupplyEndpoint>) -> Result<Self, NutSetupError> {
        let supply = |(name, endpoint)| Ok((Name::to_string(name), of(name.as_str(), endpoint)?));
        Ok(Self { supplies: endpoints.iter().map(supply).collect::<Result<_, _>>()? })
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
        Ok(reading)
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

/// Numbers come as text, some drivers write `87.0`; what is no number was not told.
fn take(reading: &mut SupplyReading, name: &str, value: &str) {
    let number = || value.trim().split('.').next().unwrap_or("").parse::<u64>().ok();
    match name {
        "ups.status" => reading.status = value.split_whitespace().map(Into::into).collect(),
        "battery.charge" => {
            reading.charge_percent =
                number().and_then(|n| u8::try_from(n).ok()).filter(|n| *n <= 100);
        }
        "battery.runtime" => reading.runtime_seconds = number(),
        "ups.load" => reading.load_percent = number().and_then(|n| u16::try_from(n).ok()),
        _ => {}
    }
}

#[async_trait]
impl Supplies for NutSupplies {
    async fn read(&self, supply: &str, deadline: Duration) -> Result<SupplyReading, SupplyError> {
        let Some(known) = self.supplies.get(supply) else {
            return Err(SupplyError::NoSuchDevice {
                supply: supply.into(),
                message: format!("the host configuration has no supplies.{supply}"),
            });
        };
        known.read(Instant::now() + deadline).await.map_err(|error| told(supply, &error))
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
        NutError::DataStale { .. } | NutError::DriverNotConnected { .. } => {
            SupplyError::Stale { supply, message }
        }
        NutError::UnknownUps { .. } => SupplyError::NoSuchDevice { supply, message },
        NutError::Protocol { .. } | NutError::Unsendable { .. } => {
            SupplyError::Garbage { supply, message }
        }
        NutError::LoginRefused { .. }
        | NutError::Refused { .. }
        | NutError::TlsRefused { .. }
        | NutError::TlsHandshake { .. }
        | NutError::CaUnreadable { .. }
        | NutError::CaInvalid { .. }
        | NutError::ServerNameInvalid { .. } => SupplyError::Refused { supply, message },
        _ => SupplyError::Silent { supply, message },
    }
}
