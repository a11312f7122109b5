//! A certificate with its key, and the facts about it that people and the guard need.

use std::net::IpAddr;
use std::sync::Arc;

use hearth_base::limits::certificates::RENEW_LEFT_DIVISOR;
use hearth_base::{Error, Millis, Result};
use rustls::sign::CertifiedKey;
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};
use sha2::{Digest, Sha256};
use x509_parser::extensions::GeneralName;
use x509_parser::prelude::{FromDer, X509Certificate};

/// A chain with its private key, which belong together.
#[derive(Debug)]
pub struct Certificate {
    /// For handshakes.
    pub key: Arc<CertifiedKey>,
    /// About the first certificate of the chain.
    pub facts: Arc<Facts>,
}

/// What a certificate states.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Facts {
    /// The names and addresses it is for, in lower case.
    pub names: Vec<String>,
    /// The beginning of its validity, in milliseconds since the epoch.
    pub not_before_ms: Millis,
    /// The end of its validity.
    pub not_after_ms: Millis,
    /// Its authority's distinguished name.
    pub issuer: String,
    /// The SHA-256 hash of it, as bytes in hexadecimal with colons between them.
    pub fingerprint: String,
}

impl Certificate {
    /// Puts a chain and its key together.
    ///
    /// # Errors
    /// When they cannot be read, or the key is not that of the first certificate.
    pub fn new(chain: Vec<CertificateDer<'static>>, key: PrivateKeyDer<'static>) -> Result<Self> {
        let first = chain.first().ok_or_else(|| Error::broken("there is no certificate in it"))?;
        let facts = Arc::new(Facts::of(first)?);
        let key = CertifiedKey::from_der(chain, key, &rustls::crypto::ring::default_provider())
            .map_err(|error| Error::fault("the private key is not that of the certificate", error))?;
        Ok(Self { key: Arc::new(key), facts })
    }

    /// Reads a chain and a key from texts in PEM format. They may be the same text.
    ///
    /// # Errors
    /// As [`Certificate::new`].
    pub fn from_pem(chain: &[u8], key: &[u8]) -> Result<Self> {
        let chain = CertificateDer::pem_slice_iter(chain)
            .collect::<std::result::Result<Vec<_>, _>>()
            .map_err(|error| Error::fault("reading the certificate", error))?;
        let key = PrivateKeyDer::from_pem_slice(key).map_err(|error| Error::fault("reading the private key", error))?;
        Self::new(chain, key)
    }
}

impl Facts {
    fn of(certificate: &CertificateDer<'_>) -> Result<Self> {
        let unreadable = |error| Error::fault("reading the certificate", error);
        let (_, parsed) = X509Certificate::from_der(certificate).map_err(unreadable)?;
        let names = parsed.subject_alternative_name().ok().flatten();
        let names = names.map(|names| names.value.general_names.iter().filter_map(name).collect()).unwrap_or_default();
        let ms = |time: x509_parser::time::ASN1Time| u64::try_from(time.timestamp()).unwrap_or(0).saturating_mul(1_000);
        let hash = Sha256::digest(certificate);
        let hash: Vec<String> = hash.iter().map(|byte| format!("{byte:02X}")).collect();
        Ok(Self {
            names,
            not_before_ms: ms(parsed.validity().not_before),
            not_after_ms: ms(parsed.validity().not_after),
            issuer: parsed.issuer().to_string(),
            fingerprint: hash.join(":"),
        })
    }

    /// Its lifetime, in milliseconds.
    #[must_use]
    pub fn lifetime_ms(&self) -> Millis {
        self.not_after_ms.saturating_sub(self.not_before_ms)
    }

    /// When to renew it: after two thirds of its lifetime.
    #[must_use]
    pub fn renewal_ms(&self) -> Millis {
        self.not_after_ms - self.lifetime_ms() / RENEW_LEFT_DIVISOR
    }

    /// Those of `names` that it is not for.
    #[must_use]
    pub fn missing(&self, names: &[String]) -> Vec<String> {
        names.iter().filter(|name| !self.covers(name)).cloned().collect()
    }

    /// Whether it is for this name: itself, or with `*` for its first label.
    fn covers(&self, name: &str) -> bool {
        let star = name.split_once('.').map(|(_, rest)| format!("*.{rest}"));
        self.names.iter().any(|own| own == name || star.as_deref() == Some(own))
    }

    /// What is wrong with it for a server with these names, in words; empty if nothing is.
    #[must_use]
    pub fn faults(&self, names: &[String], now_ms: Millis) -> Vec<Flaw> {
        let mut faults = Vec::new();
        if now_ms >= self.not_after_ms {
            faults.push(Flaw::Expired);
        }
        if now_ms < self.not_before_ms {
            faults.push(Flaw::Early);
        }
        faults.extend(self.missing(names).into_iter().map(Flaw::Lacks));
        faults
    }

    /// Whether it may take the place of `old`: it has no fault that the other has not.
    ///
    /// # Errors
    /// The faults that the old one has not, in words.
    pub fn may_replace(&self, old: Option<&Self>, names: &[String], now_ms: Millis) -> std::result::Result<(), String> {
        let known = old.map(|old| old.faults(names, now_ms)).unwrap_or_default();
        let worse: Vec<String> = self
            .faults(names, now_ms)
            .into_iter()
            .filter(|flaw| old.is_none() || !known.contains(flaw))
            .map(|flaw| flaw.to_string())
            .collect();
        if worse.is_empty() { Ok(()) } else { Err(worse.join(", ")) }
    }
}

/// What makes a certificate unfit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Flaw {
    /// Its validity is over.
    Expired,
    /// Its validity has not begun.
    Early,
    /// It is not for this name.
    Lacks(String),
}

impl std::fmt::Display for Flaw {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Expired => f.write_str("it has expired"),
            Self::Early => f.write_str("it is not valid yet"),
            Self::Lacks(name) => write!(f, "it is not for {name}"),
        }
    }
}

fn name(name: &GeneralName<'_>) -> Option<String> {
    match name {
        GeneralName::DNSName(name) => Some(name.to_ascii_lowercase()),
        GeneralName::IPAddress(bytes) => match bytes.len() {
            4 => <[u8; 4]>::try_from(*bytes).ok().map(|bytes| IpAddr::from(bytes).to_string()),
            _ => <[u8; 16]>::try_from(*bytes).ok().map(|bytes| IpAddr::from(bytes).to_string()),
        },
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn facts(names: &[&str], from: Millis, to: Millis) -> Facts {
        let names = names.iter().map(|name| (*name).to_owned()).collect();
        Facts { names, not_before_ms: from, not_after_ms: to, ..Facts::default() }
    }

    #[test]
    fn two_thirds_of_any_lifetime() {
        assert_eq!(facts(&[], 0, 90).renewal_ms(), 60);
        assert_eq!(facts(&[], 1_000, 31_000).renewal_ms(), 21_000);
        assert_eq!(facts(&[], 5, 5).renewal_ms(), 5);
    }

    #[test]
    fn a_star_is_one_label() {
        let own = facts(&["*.a.b", "c.d"], 0, 1);
        let asked = ["x.a.b", "a.b", "x.y.a.b", "c.d", "*.a.b"].map(str::to_owned);
        assert_eq!(own.missing(&asked), ["a.b", "x.y.a.b"]);
    }

    #[test]
    fn a_worse_certificate_replaces_none() {
        let names = ["a.b".to_owned(), "c.d".to_owned()];
        let good = facts(&["a.b", "c.d"], 10, 100);
        let wider = facts(&["a.b", "c.d", "e.f"], 20, 200);
        assert_eq!(wider.may_replace(Some(&good), &names, 50), Ok(()));
        for (worse, why) in [
            (facts(&["a.b"], 10, 200), "it is not for c.d"),
            (facts(&["a.b", "c.d"], 10, 50), "it has expired"),
            (facts(&["a.b", "c.d"], 51, 200), "it is not valid yet"),
        ] {
            assert_eq!(worse.may_replace(Some(&good), &names, 50), Err(why.to_owned()));
            assert_eq!(worse.may_replace(None, &names, 50), Err(why.to_owned()));
            // What the other lacks as well is no reason to refuse a newer one.
            assert_eq!(worse.may_replace(Some(&worse), &names, 50), Ok(()));
        }
    }
}
