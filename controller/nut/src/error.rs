//! What can go wrong between this machine and upsd, and what to do about it.

use std::io;
use std::path::PathBuf;
use std::time::Duration;

use crate::codec::{CodecError, ErrCode};

/// Why an exchange with upsd gave no answer. After every error but a refusal by upsd itself
/// ([`NutError::keeps_connection`]) the connection is closed and the client has to be made anew.
#[derive(Debug, thiserror::Error)]
pub enum NutError {
    /// The CA file cannot be read.
    #[error("cannot read the CA file {}: check its path and permissions", path.display())]
    CaUnreadable {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The CA holds no usable certificate.
    #[error("the CA for upsd at {endpoint} holds no usable PEM certificate: {reason}")]
    CaInvalid {
        /// The server.
        endpoint: String,
        /// What is wrong with it.
        reason: String,
    },
    /// The name to verify is neither a DNS name nor an IP address.
    #[error("`{name}` cannot be verified in the certificate of upsd: give a DNS name or an IP")]
    ServerNameInvalid {
        /// The name.
        name: String,
    },
    /// No TCP connection.
    #[error(
        "cannot connect to upsd at {endpoint}: check that nut-server runs, that upsd.conf has a \
         LISTEN for this address, and the firewall"
    )]
    Connect {
        /// The server.
        endpoint: String,
        /// What the system said.
        source: io::Error,
    },
    /// The deadline passed. What was asked may have happened or not.
    #[error(
        "upsd at {endpoint} did not finish `{asked}` within {} ms: check the network, the load of \
         that host, and its upsd",
        waited.as_millis()
    )]
    Timeout {
        /// The server.
        endpoint: String,
        /// What was asked.
        asked: String,
        /// How long it was waited for.
        waited: Duration,
    },
    /// The server ended the connection before it answered.
    #[error(
        "upsd at {endpoint} closed the connection before it answered `{asked}`: it does so when it \
         restarts, and after a minute without a request"
    )]
    Closed {
        /// The server.
        endpoint: String,
        /// What was asked.
        asked: String,
    },
    /// The connection broke.
    #[error("the connection to upsd at {endpoint} broke during `{asked}`")]
    Io {
        /// The server.
        endpoint: String,
        /// What was asked.
        asked: String,
        /// What the system said.
        source: io::Error,
    },
    /// TLS is required and the server does not offer it. No credentials were sent.
    #[error(
        "upsd at {endpoint} answered `{answer}` to STARTTLS and TLS is required: give upsd a \
         certificate (CERTFILE, or CERTPATH and CERTIDENT, in upsd.conf)"
    )]
    TlsRefused {
        /// The server.
        endpoint: String,
        /// What it answered.
        answer: String,
    },
    /// The handshake failed, most often over the certificate. No credentials were sent.
    #[error(
        "the TLS handshake with upsd at {endpoint} failed: check that its certificate is signed by \
         the configured CA, is in date and names `{server_name}`"
    )]
    TlsHandshake {
        /// The server.
        endpoint: String,
        /// The name that the certificate must have.
        server_name: String,
        /// What rustls said.
        source: io::Error,
    },
    /// LOGIN was refused: a wrong password shows only here.
    #[error(
        "upsd at {endpoint} refused the login of user `{user}` to `{ups}` (ACCESS-DENIED): check \
         the password file and upsd.users (the user needs `upsmon secondary` or `upsmon primary`)"
    )]
    LoginRefused {
        /// The server.
        endpoint: String,
        /// The user.
        user: String,
        /// The device.
        ups: String,
    },
    /// PRIMARY or FSD was refused: the user is a secondary, or none.
    #[error(
        "upsd at {endpoint} does not take user `{user}` as the primary of `{ups}` \
         (ACCESS-DENIED): write `upsmon primary` at that user in upsd.users"
    )]
    NotPrimary {
        /// The server.
        endpoint: String,
        /// The user.
        user: String,
        /// The device.
        ups: String,
    },
    /// The driver gives no fresh data: the state of the UPS is unknown.
    #[error(
        "upsd at {endpoint} has only stale data of `{ups}` (DATA-STALE): its driver lost the UPS, \
         check its cable or network, then the driver's log"
    )]
    DataStale {
        /// The server.
        endpoint: String,
        /// The device.
        ups: String,
    },
    /// upsd has no driver: the state of the UPS is unknown.
    #[error(
        "upsd at {endpoint} has no driver for `{ups}` (DRIVER-NOT-CONNECTED): start it (upsdrvctl, \
         or its nut-driver unit)"
    )]
    DriverNotConnected {
        /// The server.
        endpoint: String,
        /// The device.
        ups: String,
    },
    /// upsd has no such device.
    #[error(
        "upsd at {endpoint} does not know `{ups}` (UNKNOWN-UPS): `upsc -l` on that host lists the \
         names"
    )]
    UnknownUps {
        /// The server.
        endpoint: String,
        /// The device.
        ups: String,
    },
    /// upsd refused for another reason.
    #[error("upsd at {endpoint} answered {code} to `{asked}`: {}", code.advice())]
    Refused {
        /// The server.
        endpoint: String,
        /// What was asked.
        asked: String,
        /// Its answer.
        code: ErrCode,
    },
    /// The request cannot be put into words of the protocol. Nothing was sent.
    #[error("`{asked}` cannot be sent to upsd at {endpoint}: check the configured names")]
    Unsendable {
        /// The server.
        endpoint: String,
        /// What was to be asked.
        asked: String,
        /// What is wrong with it.
        source: CodecError,
    },
    /// The server does not speak the protocol, or answered something else.
    #[error("upsd at {endpoint} gave no valid answer to `{asked}`: its connection was dropped")]
    Protocol {
        /// The server.
        endpoint: String,
        /// What was asked.
        asked: String,
        /// What is wrong with the answer.
        source: CodecError,
    },
    /// The connection was given up after an earlier error or a cancelled exchange.
    #[error(
        "the connection to upsd at {endpoint} was given up after an earlier error: connect anew"
    )]
    Poisoned {
        /// The server.
        endpoint: String,
    },
}

impl NutError {
    /// True if upsd answered and only said no, or nothing was sent: the same client can go on.
    pub const fn keeps_connection(&self) -> bool {
        matches!(
            self,
            Self::LoginRefused { .. }
                | Self::NotPrimary { .. }
                | Self::DataStale { .. }
                | Self::DriverNotConnected { .. }
                | Self::UnknownUps { .. }
                | Self::Refused { .. }
                | Self::Unsendable { .. }
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_name_the_server_the_fault_and_what_to_check() {
        let endpoint = "10.0.0.5:3493".to_owned();
        let login = NutError::LoginRefused {
            endpoint: endpoint.clone(),
            user: "mon".to_owned(),
            ups: "rack".to_owned(),
        };
        assert_eq!(
            login.to_string(),
            "upsd at 10.0.0.5:3493 refused the login of user `mon` to `rack` (ACCESS-DENIED): \
             check the password file and upsd.users (the user needs `upsmon secondary` or \
             `upsmon primary`)"
        );
        let refused = NutError::Refused {
            endpoint: endpoint.clone(),
            asked: "FSD rack".to_owned(),
            code: ErrCode::UsernameRequired,
        };
        assert_eq!(
            refused.to_string(),
            "upsd at 10.0.0.5:3493 answered USERNAME-REQUIRED to `FSD rack`: configure a user of \
             upsd.users"
        );
        let timeout = NutError::Timeout {
            endpoint,
            asked: "LIST UPS".to_owned(),
            waited: Duration::from_millis(1500),
        };
        assert!(timeout.to_string().contains("did not finish `LIST UPS` within 1500 ms"));
    }
}
