//! Shows the authority the proofs of names.

use std::sync::Arc;
use std::time::Duration;

use hearth_base::config::{Acme as Settings, AcmeChallenge};
use hearth_base::{Result, Seams};
use rcgen_acme::{CertificateParams, CustomExtension, KeyPair};
use rustls::crypto::ring::sign::any_supported_type;
use rustls::sign::CertifiedKey;
use rustls_pki_types::PrivateKeyDer;
use sha2::{Digest, Sha256};

use super::answers::Answers;
use super::dns::{DnsUpdates, Record};
use crate::guard::Failure;

/// Where proofs are shown.
pub(super) enum Prover {
    /// On port 443.
    TlsAlpn(Arc<Answers>),
    /// On port 80.
    Http(Arc<Answers>),
    /// In the DNS, with the time that it takes to reach all of its servers.
    Dns(DnsUpdates, Duration),
}

impl Prover {
    pub(super) fn new(settings: &Settings, answers: &Arc<Answers>, seams: &Seams) -> Result<Self> {
        Ok(match settings.challenge {
            AcmeChallenge::TlsAlpn01 => Self::TlsAlpn(Arc::clone(answers)),
            AcmeChallenge::Http01 => Self::Http(Arc::clone(answers)),
            AcmeChallenge::Dns01 => {
                let propagation = Duration::from_millis(settings.dns_propagation_ms);
                Self::Dns(DnsUpdates::new(settings, seams.clone())?, propagation)
            }
        })
    }

    /// Shows the proof of a name: `authorization` is the key authorization of the challenge with this token.
    pub(super) async fn show(&self, name: &str, token: &str, authorization: &str) -> Result<Shown, Failure> {
        match self {
            Self::Http(answers) => answers.show_http(token, authorization),
            Self::TlsAlpn(answers) => answers.show_tls(name, Arc::new(proof(name, authorization)?)),
            Self::Dns(updates, _) => {
                let record = Record::challenge(name, authorization);
                updates.add(&record).await?;
                return Ok(Shown(Some(record)));
            }
        }
        Ok(Shown(None))
    }

    /// Waits until the authority can see what was shown.
    pub(super) async fn settle(&self) {
        if let Self::Dns(_, propagation) = self {
            tokio::time::sleep(*propagation).await;
        }
    }

    /// Takes down what was shown.
    pub(super) async fn clear(&self, shown: Vec<Shown>) {
        match self {
            Self::Http(answers) | Self::TlsAlpn(answers) => answers.clear(),
            Self::Dns(updates, _) => {
                for record in shown.into_iter().filter_map(|shown| shown.0) {
                    if let Err(failure) = updates.remove(&record).await {
                        tracing::warn!(error = failure.reason, "A record of a proof stays in the DNS.");
                    }
                }
            }
        }
    }
}

/// A proof that is shown, to be taken down.
pub(super) struct Shown(Option<Record>);

/// The certificate that proves a name by TLS-ALPN-01: self-signed, with the hash of the key authorization in it.
fn proof(name: &str, authorization: &str) -> Result<CertifiedKey, Failure> {
    let failed = |error: String| Failure::refused(format!("the proof for {name} cannot be made: {error}"));
    let made = || {
        let mut params = CertificateParams::new(vec![name.to_owned()])?;
        params.custom_extensions = vec![CustomExtension::new_acme_identifier(&Sha256::digest(authorization))];
        let key = KeyPair::generate()?;
        let certificate = params.self_signed(&key)?;
        Ok((certificate.der().clone(), PrivateKeyDer::Pkcs8(key.serialize_der().into())))
    };
    let (certificate, key) = made().map_err(|error: rcgen_acme::Error| failed(error.to_string()))?;
    let key = any_supported_type(&key).map_err(|error| failed(error.to_string()))?;
    // Not `from_der`, which compares the two: it refuses the critical extension that is the proof.
    Ok(CertifiedKey::new(vec![certificate], key))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_hash_is_in_a_critical_extension() {
        let certified = proof("a.b", "token.thumb").unwrap();
        let (_, parsed) = x509_parser::parse_x509_certificate(&certified.cert[0]).unwrap();
        let extension = parsed.extensions().iter().find(|one| one.oid.to_id_string() == "1.3.6.1.5.5.7.1.31").unwrap();
        assert!(extension.critical);
        // An OCTET STRING of 32 bytes.
        assert_eq!(extension.value, [&[4, 32], &Sha256::digest("token.thumb")[..]].concat());
    }
}
