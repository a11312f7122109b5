//! Orders by rustls-acme: names are proven by TLS-ALPN-01 or HTTP-01, at an authority whose accounts are open to all.
//!
//! Its own loop is not used. It orders anew at every refused nonce, without a limit, and puts what it gets into service unseen.

use std::future::Future;
use std::sync::Arc;

use async_trait::async_trait;
use hearth_base::Result;
use hearth_base::config::Config;
use hearth_base::limits::certificates::{ACME_NONCES_MAX, ACME_REQUEST_MAX};
use rustls::ClientConfig;
use rustls_acme::acme::{
    Account, AcmeError, Auth, AuthStatus, Challenge, ChallengeType, Directory, Identifier, OrderStatus,
};

use super::client::{Client, Looks, Problem};
use super::prover::{Prover, Shown};
use crate::guard::Failure;
use crate::storage::Folder;

/// The private key of the account, in PKCS #8.
const ACCOUNT: &str = "account.key";

pub(super) struct Plain {
    tls: Arc<ClientConfig>,
    directory: String,
    contact: Vec<String>,
    folder: Folder,
    prover: Prover,
}

impl Plain {
    pub(super) fn new(config: &Config, folder: Folder, prover: Prover) -> Result<Self> {
        let tls = hearth_remote::tls_client_config(&super::outgoing(config))?;
        let contact = config.acme.email.iter().map(|address| format!("mailto:{address}")).collect();
        Ok(Self { tls, directory: config.acme.directory.as_str().to_owned(), contact, folder, prover })
    }

    /// The key of the account. It is stored before it is used, so that no account is made twice.
    fn account_key(&self) -> Result<Vec<u8>> {
        if let Some(key) = self.folder.read(ACCOUNT)? {
            return Ok(key);
        }
        let key = Account::generate_key_pair();
        self.folder.write(ACCOUNT, &key)?;
        Ok(key)
    }

    async fn account(&self) -> Result<Account, Failure> {
        let key = self.account_key().map_err(|error| Failure::unreachable(error.to_string()))?;
        let directory = repeated(|| Directory::discover(&self.tls, &self.directory)).await?;
        repeated(|| Account::create_with_keypair(&self.tls, directory.clone(), &self.contact, &key)).await
    }

    /// Proves all names of an order that are not proven yet.
    async fn prove(&self, account: &Account, authorizations: &[String], shown: &mut Vec<Shown>) -> Result<(), Failure> {
        let mut asked = Vec::new();
        for url in authorizations {
            let authorization = repeated(|| account.auth(&self.tls, url)).await?;
            if matches!(authorization.status, AuthStatus::Valid) {
                continue;
            }
            let name = name(&authorization);
            let challenge = self.challenge(&authorization)?;
            let key_authorization = key_authorization(account, challenge)?;
            shown.push(self.prover.show(&name, &challenge.token, &key_authorization).await?);
            asked.push((url, challenge.url.clone()));
        }
        for (_, challenge) in &asked {
            repeated(|| account.challenge(&self.tls, challenge)).await?;
        }
        for (url, _) in &asked {
            self.proven(account, url).await?;
        }
        Ok(())
    }

    /// The challenge of the configured kind.
    fn challenge<'a>(&self, authorization: &'a Auth) -> Result<&'a Challenge, Failure> {
        let kind =
            if matches!(self.prover, Prover::Http(_)) { ChallengeType::Http01 } else { ChallengeType::TlsAlpn01 };
        authorization.challenges.iter().find(|challenge| challenge.typ == kind).ok_or_else(|| {
            Failure::refused(format!(
                "the authority does not prove {} in this way; try another `acme.challenge`",
                name(authorization)
            ))
        })
    }

    /// Waits until the authority has looked at the proof.
    async fn proven(&self, account: &Account, url: &str) -> Result<(), Failure> {
        let mut looks = Looks::new();
        loop {
            looks.wait().await;
            let authorization = repeated(|| account.auth(&self.tls, url)).await?;
            match authorization.status {
                AuthStatus::Valid => return Ok(()),
                AuthStatus::Pending => {}
                AuthStatus::Invalid | AuthStatus::Revoked | AuthStatus::Expired | AuthStatus::Deactivated => {
                    return Err(refusal(&authorization));
                }
            }
        }
    }

    async fn issue(&self, names: &[String], request: &[u8], shown: &mut Vec<Shown>) -> Result<String, Failure> {
        let account = self.account().await?;
        let (url, mut order) = repeated(|| account.new_order(&self.tls, names.to_vec())).await?;
        self.prove(&account, &order.authorizations, shown).await?;
        let mut looks = Looks::new();
        loop {
            match order.status {
                OrderStatus::Ready => {
                    let finalize = order.finalize.clone();
                    order = repeated(|| account.finalize(&self.tls, &finalize, request)).await?;
                    continue;
                }
                OrderStatus::Valid { certificate } => {
                    return repeated(|| account.certificate(&self.tls, &certificate)).await;
                }
                OrderStatus::Invalid => {
                    let problem = order.error.map(|error| Problem::new(error.typ, error.detail)).unwrap_or_default();
                    return Err(Failure::refused(problem.failure(None).reason));
                }
                OrderStatus::Pending | OrderStatus::Processing => looks.wait().await,
            }
            order = repeated(|| account.order(&self.tls, &url)).await?;
        }
    }
}

#[async_trait]
impl Client for Plain {
    async fn order(&self, names: &[String], request: &[u8]) -> Result<String, Failure> {
        let mut shown = Vec::new();
        let issued = self.issue(names, request, &mut shown).await;
        self.prover.clear(shown).await;
        issued
    }
}

fn name(authorization: &Auth) -> String {
    let Identifier::Dns(name) = &authorization.identifier;
    name.clone()
}

/// Why a name was not proven, as the authority tells it.
fn refusal(authorization: &Auth) -> Failure {
    let problem = authorization.challenges.iter().find_map(|challenge| challenge.error.clone());
    let problem = problem.map(|problem| Problem::new(problem.typ, problem.detail)).unwrap_or_default();
    let name = name(authorization);
    Failure::refused(format!("{name} was not proven: {}", problem.failure(None).reason))
}

/// The key authorization of any challenge. rustls-acme makes it for HTTP-01 only, and it is the same for all.
fn key_authorization(account: &Account, challenge: &Challenge) -> Result<String, Failure> {
    let as_http = Challenge {
        typ: ChallengeType::Http01,
        url: challenge.url.clone(),
        token: challenge.token.clone(),
        error: None,
    };
    let made = account.http_01(std::slice::from_ref(&as_http)).map(|(_, authorization)| authorization);
    made.map_err(|error| Failure::refused(error.to_string()))
}

/// Makes a request, and again if its nonce was refused: that happens to honest clients, at any request.
async fn repeated<T, F>(mut request: impl FnMut() -> F) -> Result<T, Failure>
where
    F: Future<Output = Result<T, AcmeError>>,
{
    let mut refused = 0;
    loop {
        let Ok(done) = tokio::time::timeout(ACME_REQUEST_MAX, request()).await else {
            return Err(Failure::unreachable("the authority takes too long to answer"));
        };
        let error = match done {
            Ok(done) => return Ok(done),
            Err(error) => error,
        };
        let failure = match problem(&error) {
            Some((problem, _)) if problem.is_bad_nonce() && refused + 1 < ACME_NONCES_MAX => {
                refused += 1;
                continue;
            }
            Some((problem, status)) => problem.failure(Some(status)),
            None => unclear(&error),
        };
        return Err(failure);
    }
}

/// The error document of a response, with its status.
fn problem(error: &AcmeError) -> Option<(Problem, u16)> {
    // The type of the inner error is private to rustls-acme; its variant is not.
    let AcmeError::HttpRequest(error) = error else { return None };
    let text = error.to_string();
    let (status, body) = text.strip_prefix("non 2xx http status: ")?.split_once(' ')?;
    let body: String = serde_json::from_str(body).unwrap_or_default();
    Some((serde_json::from_str(&body).unwrap_or_default(), status.parse().ok()?))
}

fn unclear(error: &AcmeError) -> Failure {
    match error {
        AcmeError::Io(_) | AcmeError::HttpRequest(_) | AcmeError::Json(_) | AcmeError::MissingHeader(_) => {
            Failure::unreachable(format!("the authority does not answer as it should: {error}"))
        }
        _ => Failure::refused(error.to_string()),
    }
}
