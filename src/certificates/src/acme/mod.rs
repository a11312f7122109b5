//! Certificates from an authority (RFC 8555): when to order one, and whether to put it into service.
//!
//! An order itself is made by one of two clients behind [`Client`]: `plain` (rustls-acme), and `bound` (instant-acme) where the
//! authority wants an account bound to a customer of its own (EAB), or names are proven in the DNS. Each has an account
//! of its own in the folder.
//!
//! The certificate in service is only ever replaced by one that is better: see [`crate::Facts::may_replace`]. What goes wrong is
//! remembered by [`History`], shown to the operator, and tried again when that allows it.

pub mod answers;
mod bound;
mod client;
mod dns;
mod plain;
mod prover;
mod run;
#[cfg(test)]
mod tests;

use std::path::Path;
use std::sync::Arc;

use hearth_base::config::{Acme as Settings, AcmeChallenge, Config};
use hearth_base::{Error, Millis, Result, Seams};
use parking_lot::Mutex;
use rcgen_acme::{CertificateParams, DistinguishedName, KeyPair};
use tokio::sync::Notify;

use crate::expiry::Nearness;
use crate::guard::{Failure, FailureKind, History};
use crate::storage::Folder;
use crate::{CertSource, Certificate, Report};
use answers::Answers;
use client::Client;
use prover::Prover;

const CERTIFICATE: &str = "certificate.pem";
const HISTORY: &str = "history.json";

/// The certificate from an authority.
pub struct Acme {
    directory: String,
    names: Vec<String>,
    folder: Folder,
    seams: Seams,
    client: Box<dyn Client>,
    answers: Arc<Answers>,
    state: Mutex<State>,
    /// Wakes the task that orders.
    wake: Notify,
}

#[derive(Debug, Default)]
struct State {
    current: Option<Arc<Certificate>>,
    history: History,
    /// A person has asked for an order.
    forced: bool,
    /// An order is under way.
    busy: bool,
    /// The nearness of the end that was logged last.
    warned: Option<Nearness>,
}

impl Acme {
    /// Reads what is stored of the authority that the configuration names. Nothing is ordered before [`Acme::run`].
    ///
    /// # Errors
    /// When the folder cannot be read, or the certificates of `acme.ca_file` cannot.
    pub fn open(config: &Config, seams: Seams) -> Result<Self> {
        let settings = &config.acme;
        let directory = settings.directory.as_str().to_owned();
        let folder = Folder::new(config.certificates_dir().join("acme").join(folder_of(&directory)));
        let answers = Arc::<Answers>::default();
        let prover = Prover::new(settings, &answers, &seams)?;
        let client: Box<dyn Client> = match settings {
            Settings { challenge: AcmeChallenge::Dns01, .. } | Settings { eab_key_id: Some(_), .. } => {
                Box::new(bound::Bound::new(config, folder.clone(), prover)?)
            }
            _ => Box::new(plain::Plain::new(config, folder.clone(), prover)?),
        };
        Self::with(config, seams, folder, client, answers)
    }

    fn with(
        config: &Config,
        seams: Seams,
        folder: Folder,
        client: Box<dyn Client>,
        answers: Arc<Answers>,
    ) -> Result<Self> {
        let mut state = State { history: stored_history(&folder)?, ..State::default() };
        state.history.reopened();
        if let Some(pem) = folder.read(CERTIFICATE)? {
            let file = folder.path(CERTIFICATE);
            state.current = Certificate::from_pem(&pem, &pem)
                .inspect_err(|error| tracing::error!(%error, file = %file.display(), "A stored certificate is lost."))
                .ok()
                .map(Arc::new);
        }
        Ok(Self {
            directory: config.acme.directory.as_str().to_owned(),
            names: config.certificate_names(),
            folder,
            seams,
            client,
            answers,
            state: Mutex::new(state),
            wake: Notify::new(),
        })
    }

    /// The answers to the authority's questions, for the listeners that it connects to.
    #[must_use]
    pub fn answers(&self) -> Arc<Answers> {
        Arc::clone(&self.answers)
    }

    /// Whether the certificate in service is of today's names, and not to be renewed yet.
    fn is_good(&self, certificate: &Certificate, now_ms: Millis) -> bool {
        certificate.facts.missing(&self.names).is_empty() && now_ms < certificate.facts.renewal_ms()
    }

    /// Whether the certificate in service is to be renewed for its age alone.
    fn is_due(&self, state: &State, now_ms: Millis) -> bool {
        state.current.as_ref().is_some_and(|current| now_ms >= current.facts.renewal_ms())
    }

    /// Orders a certificate, checks it, stores it, and returns it.
    async fn order(&self) -> std::result::Result<Certificate, Failure> {
        let (key, request) = request(&self.names)?;
        let chain = self.client.order(&self.names, &request).await?;
        let unfit =
            |why: String| Failure::new(FailureKind::Unfit, format!("the certificate that was issued is unfit: {why}"));
        let pem = format!("{}{chain}", key.serialize_pem());
        let new = Certificate::from_pem(pem.as_bytes(), pem.as_bytes()).map_err(|error| unfit(error.to_string()))?;
        // A new certificate has no fault at all, whatever the old one has.
        new.facts.may_replace(None, &self.names, self.seams.clock.now_ms()).map_err(unfit)?;
        if let Err(error) = self.folder.write(CERTIFICATE, pem.as_bytes()) {
            // It is in service until the next start, which is better than the old one.
            tracing::error!(%error, "The new certificate is in service and was not stored.");
        }
        Ok(new)
    }
}

/// A new key, and the request for a certificate for it.
fn request(names: &[String]) -> std::result::Result<(KeyPair, Vec<u8>), Failure> {
    let made = || {
        let mut params = CertificateParams::new(names.to_vec())?;
        params.distinguished_name = DistinguishedName::new();
        let key = KeyPair::generate()?;
        let request = params.serialize_request(&key)?.der().to_vec();
        Ok((key, request))
    };
    made().map_err(|error: rcgen_acme::Error| Failure::refused(format!("the request cannot be made: {error}")))
}

/// The name of the folder for what belongs to an authority.
fn folder_of(directory: &str) -> String {
    let rest = directory.split_once("://").map_or(directory, |(_, rest)| rest);
    rest.chars().map(|c| if c.is_ascii_alphanumeric() || c == '.' { c } else { '-' }).collect()
}

fn stored_history(folder: &Folder) -> Result<History> {
    let Some(json) = folder.read(HISTORY)? else { return Ok(History::default()) };
    serde_json::from_slice(&json).or_else(|error| {
        let file = folder.path(HISTORY);
        tracing::error!(%error, file = %file.display(), "The history of orders cannot be read; it begins anew.");
        Ok(History::default())
    })
}

impl CertSource for Acme {
    fn current(&self) -> Option<Arc<Certificate>> {
        self.state.lock().current.clone()
    }

    fn report(&self) -> Report {
        let state = self.state.lock();
        let history = &state.history;
        let facts = state.current.as_ref().map(|current| Arc::clone(&current.facts));
        let missing = facts.as_ref().map_or_else(|| self.names.clone(), |facts| facts.missing(&self.names));
        Report {
            source: "acme",
            place: self.directory.clone(),
            renewal_ms: facts.as_ref().map(|facts| facts.renewal_ms()),
            facts,
            missing,
            attempt_ms: history.attempt_ms,
            failure: history.failure.clone(),
            failures: history.failures,
            next_ms: (history.next_ms > 0).then_some(history.next_ms),
        }
    }

    fn renew(&self) -> Result<String> {
        let mut state = self.state.lock();
        let now_ms = self.seams.clock.now_ms();
        if state.busy {
            return Err(Error::invalid("An order is under way; `hearth ctl certificates` tells how it ends."));
        }
        let due = self.is_due(&state, now_ms);
        if let Err(wait) = state.history.may_begin(&self.names, now_ms, due, true) {
            let minutes = wait.until_ms.saturating_sub(now_ms).div_ceil(60_000);
            return Err(Error::invalid(format!(
                "The authority allows no further order before {minutes} minutes have passed; the certificate in service stays."
            )));
        }
        state.forced = true;
        self.wake.notify_one();
        Ok("The certificate is being ordered; `hearth ctl certificates` tells how it ends.".to_owned())
    }
}

impl std::fmt::Debug for Acme {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Acme").field("directory", &self.directory).field("names", &self.names).finish_non_exhaustive()
    }
}

/// What is trusted when talking to the authority: its own file in place of the general one.
fn outgoing(config: &Config) -> hearth_base::config::Outgoing {
    let mut outgoing = config.outgoing.clone();
    if let Some(file) = &config.acme.ca_file {
        outgoing.extra_ca_file = Some(Path::new(file).to_owned());
    }
    outgoing
}
