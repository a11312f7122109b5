//! Orders by instant-acme: accounts that are bound to a customer of the authority (EAB, RFC 8555 section 7.3.4), and names that are
//! proven in the DNS.

use std::future::Future;
use std::pin::Pin;
use std::time::Duration;

use async_trait::async_trait;
use base64::Engine;
use base64::prelude::{BASE64_STANDARD, BASE64_URL_SAFE_NO_PAD};
use bytes::Bytes;
use hearth_base::config::{Acme as Settings, Config};
use hearth_base::limits::certificates::{ACME_ANSWER_BYTES_MAX, ACME_ORDER_MAX, ACME_REQUEST_MAX};
use hearth_base::{Error, Result};
use hearth_remote::Appointed;
use http::Request;
use http_body_util::BodyExt;
use instant_acme::{
    Account, AccountCredentials, AuthorizationState, AuthorizationStatus, BodyWrapper, BytesResponse, ChallengeType,
    Error as AcmeError, ExternalAccountKey, HttpClient, Identifier, NewAccount, NewOrder, Order, OrderStatus,
    RetryPolicy,
};

use super::client::{Client, Problem};
use super::prover::{Prover, Shown};
use crate::guard::Failure;
use crate::storage::Folder;

/// The account's URL and private key, as instant-acme writes them.
const ACCOUNT: &str = "account.json";

pub(super) struct Bound {
    http: Appointed,
    settings: Settings,
    folder: Folder,
    prover: Prover,
}

impl Bound {
    pub(super) fn new(config: &Config, folder: Folder, prover: Prover) -> Result<Self> {
        let http = Appointed::new(&super::outgoing(config))?;
        Ok(Self { http, settings: config.acme.clone(), folder, prover })
    }

    async fn account(&self) -> Result<Account, Failure> {
        let stored = self.folder.read(ACCOUNT).map_err(|error| Failure::unreachable(error.to_string()))?;
        let builder = Account::builder_with_http(Box::new(Http(self.http.clone())));
        if let Some(stored) = stored.and_then(|json| serde_json::from_slice::<AccountCredentials>(&json).ok()) {
            return builder.from_credentials(stored).await.map_err(failure);
        }
        let contact: Vec<String> = self.settings.email.iter().map(|address| format!("mailto:{address}")).collect();
        let contact: Vec<&str> = contact.iter().map(String::as_str).collect();
        let account = NewAccount { contact: &contact, terms_of_service_agreed: true, only_return_existing: false };
        let binding = external_account(&self.settings)?;
        let directory = self.settings.directory.as_str().to_owned();
        let (account, credentials) = builder.create(&account, directory, binding.as_ref()).await.map_err(failure)?;
        let written = serde_json::to_vec(&credentials)
            .map_err(|error| Error::fault("storing the account at the authority", error))
            .and_then(|json| self.folder.write(ACCOUNT, &json));
        // Without it the next order would make another account, of which authorities allow few.
        written.map_err(|error| Failure::refused(error.to_string()))?;
        Ok(account)
    }

    /// Shows the proofs of all names that are not proven yet, waits until they can be seen, and asks for a look.
    async fn prove(&self, order: &mut Order, shown: &mut Vec<Shown>) -> Result<(), Failure> {
        let kind = self.kind();
        let mut authorizations = order.authorizations();
        while let Some(authorization) = authorizations.next().await {
            let mut authorization = authorization.map_err(failure)?;
            if authorization.status != AuthorizationStatus::Pending {
                continue;
            }
            let name = name(&authorization);
            let challenge = authorization.challenge(kind.clone()).ok_or_else(|| {
                Failure::refused(format!(
                    "the authority does not prove {name} in this way; try another `acme.challenge`"
                ))
            })?;
            let key_authorization = challenge.key_authorization();
            shown.push(self.prover.show(&name, &challenge.token, key_authorization.as_str()).await?);
        }
        if !shown.is_empty() {
            self.prover.settle().await;
        }
        let mut authorizations = order.authorizations();
        while let Some(authorization) = authorizations.next().await {
            let mut authorization = authorization.map_err(failure)?;
            if authorization.status == AuthorizationStatus::Pending
                && let Some(mut challenge) = authorization.challenge(kind.clone())
            {
                challenge.set_ready().await.map_err(failure)?;
            }
        }
        Ok(())
    }

    fn kind(&self) -> ChallengeType {
        match self.prover {
            Prover::Http(_) => ChallengeType::Http01,
            Prover::TlsAlpn(_) => ChallengeType::TlsAlpn01,
            Prover::Dns(..) => ChallengeType::Dns01,
        }
    }

    async fn issue(&self, names: &[String], request: &[u8], shown: &mut Vec<Shown>) -> Result<String, Failure> {
        let account = self.account().await?;
        let identifiers: Vec<Identifier> = names.iter().cloned().map(Identifier::Dns).collect();
        let mut order = account.new_order(&NewOrder::new(&identifiers)).await.map_err(failure)?;
        self.prove(&mut order, shown).await?;
        let patience = RetryPolicy::new().timeout(ACME_ORDER_MAX);
        let status = match order.poll_ready(&patience).await {
            Ok(status) => status,
            Err(error) => return Err(unproven(&mut order).await.unwrap_or_else(|| failure(error))),
        };
        if status == OrderStatus::Invalid {
            let unclear = || Failure::refused("the authority refuses the order, and does not tell why");
            return Err(unproven(&mut order).await.unwrap_or_else(unclear));
        }
        order.finalize_csr(request).await.map_err(failure)?;
        order.poll_certificate(&patience).await.map_err(failure)
    }
}

#[async_trait]
impl Client for Bound {
    async fn order(&self, names: &[String], request: &[u8]) -> Result<String, Failure> {
        let mut shown = Vec::new();
        let issued = self.issue(names, request, &mut shown).await;
        self.prover.clear(shown).await;
        let lost = |failure: &&Failure| failure.reason.ends_with("(accountDoesNotExist)");
        if issued.as_ref().err().filter(lost).is_some() {
            // An authority that has lost its accounts keeps that from no later order: the next one makes a new account.
            self.folder.set_aside(ACCOUNT);
        }
        issued
    }

    fn extra(&self) -> Duration {
        Duration::from_millis(self.settings.dns_propagation_ms)
    }
}

/// The key of the account at the authority that a new one here is bound to.
fn external_account(settings: &Settings) -> Result<Option<ExternalAccountKey>, Failure> {
    let (Some(id), Some(key)) = (&settings.eab_key_id, &settings.eab_hmac_key) else { return Ok(None) };
    let text = key.reveal().trim().trim_end_matches('=');
    let plain = || BASE64_STANDARD.decode(key.reveal().trim());
    let bytes = BASE64_URL_SAFE_NO_PAD.decode(text).or_else(|_| plain());
    let bytes = bytes.map_err(|_| Failure::refused("`acme.eab_hmac_key` is not base64url"))?;
    Ok(Some(ExternalAccountKey::new(id.clone(), &bytes)))
}

fn name(authorization: &AuthorizationState) -> String {
    match authorization.identifier().identifier {
        Identifier::Dns(name) => name.clone(),
        other => format!("{other:?}"),
    }
}

/// The name that was not proven, and why, as the authority tells it.
async fn unproven(order: &mut Order) -> Option<Failure> {
    let mut authorizations = order.authorizations();
    while let Some(Ok(mut authorization)) = authorizations.next().await {
        let Ok(state) = authorization.refresh().await else { continue };
        let problem = state.challenges.iter().find_map(|challenge| challenge.error.as_ref());
        let Some(problem) = problem.filter(|_| state.status != AuthorizationStatus::Valid) else { continue };
        let why = Problem::new(problem.r#type.clone(), problem.detail.clone()).failure(None).reason;
        return Some(Failure::refused(format!("{} was not proven: {why}", name(state))));
    }
    None
}

fn failure(error: AcmeError) -> Failure {
    match error {
        AcmeError::Api(problem) => {
            let (kind, status) = (problem.r#type.clone(), problem.status);
            Problem::new(kind, problem.detail.clone()).failure(status)
        }
        AcmeError::Timeout(_) => Failure::refused("the authority has not completed the order in time"),
        AcmeError::Json(_)
        | AcmeError::Http(_)
        | AcmeError::InvalidUri(_)
        | AcmeError::Other(_)
        | AcmeError::Str(_) => Failure::unreachable(format!("the authority does not answer as it should: {error}")),
        _ => Failure::refused(error.to_string()),
    }
}

/// This program's own HTTP client, as instant-acme wants it.
struct Http(Appointed);

impl HttpClient for Http {
    fn request(
        &self,
        request: Request<BodyWrapper<Bytes>>,
    ) -> Pin<Box<dyn Future<Output = Result<BytesResponse, AcmeError>> + Send>> {
        let client = self.0.clone();
        Box::pin(async move {
            let (head, body) = request.into_parts();
            let body = match body.collect().await {
                Ok(body) => body.to_bytes(),
                Err(never) => match never {},
            };
            let request = Request::from_parts(head, body);
            let response = client.exchange(request, ACME_REQUEST_MAX, ACME_ANSWER_BYTES_MAX).await;
            let response = response.map_err(|error| AcmeError::Other(error.for_operator().into()))?;
            let (parts, body) = response.into_parts();
            Ok(BytesResponse { parts, body: Box::new(body) })
        })
    }
}
