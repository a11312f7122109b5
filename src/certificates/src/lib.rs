//! The certificates of the listeners: where they come from, and that a good one is never given up for a worse one.
//!
//! [`CertSource`] is the seam: [`Files`] that the operator replaces, [`Acme`] for those of an authority, [`Lan`] for those that
//! this server makes itself. A source answers for every handshake and reports on itself; TLS is done by the listeners.
//!
//! An order is made by one of two clients: see [`acme`]. Whether one may be made at all is decided by
//! [`guard::History`], which is a pure function of what has happened, and is on disk before the authority is asked.

pub mod acme;
mod certificate;
pub mod expiry;
mod files;
pub mod guard;
mod lan;
mod sources;
mod storage;

use std::fmt::Debug;
use std::sync::Arc;

pub use acme::Acme;
pub use acme::answers::Answers;
pub use certificate::{Certificate, Facts};
pub use files::{Files, examine};
pub use lan::Lan;
pub use sources::Sources;

use hearth_base::{Millis, Result};

/// Where a certificate comes from.
pub trait CertSource: Send + Sync + Debug {
    /// The certificate for the next handshake; `None` while there is none yet.
    fn current(&self) -> Option<Arc<Certificate>>;

    /// The source, the certificate, and what was last tried to renew it.
    fn report(&self) -> Report;

    /// Looks at once for a new certificate: reads the files again, or orders one. Returns what happens next, in a sentence.
    ///
    /// # Errors
    /// When there is nothing to renew, or the authority must not be asked yet.
    fn renew(&self) -> Result<String>;
}

/// What an operator wants to know about a source.
#[derive(Debug, Clone, Default)]
pub struct Report {
    /// `files`, `acme` or `self-signed`.
    pub source: &'static str,
    /// The file of the certificate, or the URL of the authority's directory.
    pub place: String,
    /// The certificate in use; `None` while there is none.
    pub facts: Option<Arc<Facts>>,
    /// The names that it should have, and has not.
    pub missing: Vec<String>,
    /// When it is renewed, in milliseconds since the epoch; `None` if its files are replaced by others than Hearth.
    pub renewal_ms: Option<Millis>,
    /// The last attempt to renew it.
    pub attempt_ms: Option<Millis>,
    /// Why that failed; `None` if it did not.
    pub failure: Option<String>,
    /// Attempts that failed since the last one that did not.
    pub failures: u32,
    /// Before this moment there is no further attempt.
    pub next_ms: Option<Millis>,
}
