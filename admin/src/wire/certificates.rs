//! The certificates of the listeners: `/api/v1/certificates`.

use serde::{Deserialize, Serialize};

/// A certificate, and where it comes from.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Certificate {
    /// Its source: `files`, `acme` or `self-signed`.
    pub source: String,
    /// The file, or the URL of the authority's directory.
    pub place: String,
    /// The names that it is for. Empty while there is none.
    pub names: Vec<String>,
    /// Names of this server that it is not for.
    pub missing: Vec<String>,
    /// The distinguished name of its authority.
    pub issuer: String,
    /// Its SHA-256 fingerprint.
    pub fingerprint: String,
    /// The beginning of its validity. Absent while there is none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub not_before_ms: Option<u64>,
    /// The end of its validity.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub not_after_ms: Option<u64>,
    /// When this server renews it. Absent if others replace its files.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub renewal_ms: Option<u64>,
    /// The last attempt to renew it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub attempt_ms: Option<u64>,
    /// Why that failed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failure: Option<String>,
    /// Attempts that have failed since the last one that did not.
    pub failures: u32,
    /// Before this time there is no further attempt.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next_ms: Option<u64>,
}

/// Response to `GET /api/v1/certificates`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct CertificateList {
    /// The certificates, each once.
    pub items: Vec<Certificate>,
}

/// Response to `POST /api/v1/certificates/renew`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct CertificatesRenewed {
    /// What happens now, one sentence for each certificate.
    pub messages: Vec<String>,
}
