//! Certificate verification of outbound connections.

use std::sync::Arc;

use hearth_base::config::Outgoing;
use hearth_base::{Error, Result};
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use rustls::{ClientConfig, RootCertStore};
use tokio_rustls::TlsConnector;

/// A connector that trusts the public authorities and the configured extra one. `protocols` are offered by ALPN,
/// preferred first.
pub(crate) fn connector(config: &Outgoing, protocols: &[&str]) -> Result<TlsConnector> {
    let mut config = verifying(config)?;
    config.alpn_protocols = protocols.iter().map(|protocol| protocol.as_bytes().to_vec()).collect();
    Ok(TlsConnector::from(Arc::new(config)))
}

/// What a [`connector`] trusts, for a library that makes connections of its own.
pub fn client_config(config: &Outgoing) -> Result<Arc<ClientConfig>> {
    verifying(config).map(Arc::new)
}

fn verifying(config: &Outgoing) -> Result<ClientConfig> {
    let mut roots = RootCertStore { roots: webpki_roots::TLS_SERVER_ROOTS.to_vec() };
    if let Some(path) = &config.extra_ca_file {
        let unreadable = |error| Error::fault(format!("reading the certificates in {}", path.display()), error);
        let certificates = CertificateDer::pem_file_iter(path).map_err(unreadable)?;
        for certificate in certificates {
            let certificate = certificate.map_err(unreadable)?;
            roots
                .add(certificate)
                .map_err(|error| Error::fault(format!("trusting the certificates in {}", path.display()), error))?;
        }
    }
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| Error::fault("setting up TLS", error))?;
    Ok(config.with_root_certificates(roots).with_no_client_auth())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_missing_authority_file_is_named() {
        let config = Outgoing { extra_ca_file: Some("/nowhere/ca.pem".into()), ..Outgoing::default() };
        let error = connector(&config, &[]).err().expect("there is no such file").to_string();
        assert!(error.contains("/nowhere/ca.pem"), "{error}");
    }
}
