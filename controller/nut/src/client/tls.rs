//! The TLS side of STARTTLS: whom to trust and which name to verify.

use std::sync::Arc;

use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use tokio_rustls::TlsConnector;

use super::endpoint::{Ca, Endpoint, Tls};
use crate::NutError;

/// What a handshake needs, ready before anything is sent.
pub(super) struct Handshake {
    pub(super) connector: TlsConnector,
    pub(super) server_name: ServerName<'static>,
}

impl Handshake {
    /// Reads the CA and the name.
    pub(super) async fn prepare(endpoint: &Endpoint, tls: &Tls) -> Result<Self, NutError> {
        let name = tls.server_name.as_ref().unwrap_or(&endpoint.host);
        let server_name = ServerName::try_from(name.clone())
            .map_err(|_| NutError::ServerNameInvalid { name: name.clone() })?;
        let pem = match &tls.ca {
            Ca::Pem(pem) => pem.clone().into_bytes(),
            Ca::File(path) => tokio::fs::read(path)
                .await
                .map_err(|source| NutError::CaUnreadable { path: path.clone(), source })?,
        };
        let config = client_config(&pem)
            .map_err(|reason| NutError::CaInvalid { endpoint: endpoint.to_string(), reason })?;
        Ok(Self { connector: TlsConnector::from(Arc::new(config)), server_name })
    }
}

/// A configuration that trusts the certificates of `pem` and nothing else. The error is a reason.
fn client_config(pem: &[u8]) -> Result<ClientConfig, String> {
    let mut roots = RootCertStore::empty();
    for certificate in CertificateDer::pem_slice_iter(pem) {
        let certificate = certificate.map_err(|error| error.to_string())?;
        roots.add(certificate).map_err(|error| error.to_string())?;
    }
    if roots.is_empty() {
        return Err("there is no CERTIFICATE section".to_owned());
    }
    // The provider is named because a process with two of them has no default.
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    Ok(ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| error.to_string())?
        .with_root_certificates(roots)
        .with_no_client_auth())
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn prepare(ca: Ca, server_name: Option<&str>) -> Result<Handshake, NutError> {
        let tls = Tls { required: true, ca, server_name: server_name.map(str::to_owned) };
        let endpoint = Endpoint { host: "10.0.0.5".to_owned(), port: 3493, tls: None };
        Handshake::prepare(&endpoint, &tls).await
    }

    #[tokio::test]
    async fn a_bad_ca_or_name_is_found_before_anything_is_sent() {
        let missing = Ca::File("/nonexistent/ca.pem".into());
        assert!(matches!(prepare(missing, None).await, Err(NutError::CaUnreadable { .. })));
        let broken = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
        for pem in ["", "no pem", broken] {
            let result = prepare(Ca::Pem(pem.to_owned()), None).await;
            assert!(matches!(result, Err(NutError::CaInvalid { .. })), "{pem}");
        }
        let result = prepare(Ca::Pem(String::new()), Some("not a name")).await;
        assert!(matches!(result, Err(NutError::ServerNameInvalid { .. })));
    }
}
