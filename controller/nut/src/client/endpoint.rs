//! Where upsd is and how to speak to it.

use std::fmt;
use std::path::PathBuf;

use crate::Secret;

/// One upsd.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Endpoint {
    /// DNS name or IP address (IPv6 without brackets).
    pub host: String,
    /// TCP port, 3493 by default in NUT.
    pub port: u16,
    /// How to encrypt; `None` speaks in clear.
    pub tls: Option<Tls>,
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.host.contains(':') {
            write!(f, "[{}]:{}", self.host, self.port)
        } else {
            write!(f, "{}:{}", self.host, self.port)
        }
    }
}

/// How to encrypt a connection. upsd cannot be made to insist on TLS, so only the client can.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tls {
    /// True: never speak in clear. False: speak in clear if the server does not offer TLS (a
    /// certificate that fails is an error all the same).
    pub required: bool,
    /// Whom to trust. There is no default: certificates of upsd come from private CAs.
    pub ca: Ca,
    /// The name to look for in the certificate; `None` takes the host of the endpoint.
    pub server_name: Option<String>,
}

/// The certificates that may sign the server's.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Ca {
    /// A PEM file, read at every connect, so that a renewed CA needs no restart.
    File(PathBuf),
    /// PEM text.
    Pem(String),
}

/// A user of upsd.users.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Credentials {
    /// The name of the section in upsd.users.
    pub username: String,
    /// Its password.
    pub password: Secret,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn endpoints_are_shown_as_they_are_written() {
        let at = |host: &str| Endpoint { host: host.to_owned(), port: 3493, tls: None }.to_string();
        assert_eq!(at("10.0.0.5"), "10.0.0.5:3493");
        assert_eq!(at("fd00::5"), "[fd00::5]:3493");
    }

    #[test]
    fn credentials_hide_the_password() {
        let credentials =
            Credentials { username: "mon".to_owned(), password: Secret::new("hunter2") };
        let shown = format!("{credentials:?}");
        assert!(shown.contains("mon") && !shown.contains("hunter2"), "{shown}");
    }
}
