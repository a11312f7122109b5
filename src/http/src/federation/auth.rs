//! Authentication of other servers by the signature on each request (server-server API, "Request Authentication").
//!
//! Cheap checks come first: a request from a server that this one does not federate with, or from an address that has
//! sent many invalid signatures, is refused before its body is read. Keys are fetched only after the rest of the header
//! is valid. Key requests are not signed by either side, so two servers that do not know each other's keys never wait
//! for each other in a circle.

use hearth_base::{Error, Reason, Result, error::refuse};
use hearth_domain::federation::gate::RequestPermit;
use hearth_domain::rates::{Rate, RateSubject};
use http::header;
use http::request::Parts;
use ruma::api::federation::authentication::{ServerSignatures, XMatrix};
use ruma::signatures::{PublicKeyMap, verify_canonical_json_bytes};
use ruma::{OwnedServerName, ServerName, SigningKeyAlgorithm};

use super::x_matrix;
use crate::App;
use crate::app::ClientAddress;
use crate::auth::{Authentication, Scheme};

impl Scheme for ServerSignatures {
    const AUTHENTICATION: Authentication = Authentication::Server;
}

/// A request's claimed origin, and the keys to verify its signature with.
#[derive(Debug)]
pub struct ServerClaim {
    says: XMatrix,
    keys: PublicKeyMap,
}

/// The authenticated origin of a request.
#[derive(Debug)]
pub struct RequestingServer {
    /// The origin's server name.
    pub name: OwnedServerName,
    /// The origin's concurrency permit, held until the request is answered.
    _turn: RequestPermit,
}

/// Parses the `Authorization` header of a request, and fetches the keys of the claimed origin.
///
/// Fails with `M_UNAUTHORIZED` (401) for claims that cannot be true, `M_FORBIDDEN` for servers that this one does not
/// federate with, `M_LIMIT_EXCEEDED` for addresses that have sent many invalid claims.
pub async fn claim(app: &App, parts: &Parts, client: ClientAddress) -> Result<ServerClaim> {
    let whose = RateSubject::address(client.0);
    app.domain.rates.peek(Rate::FederationUnproven, whose)?;
    let claim = read(app, parts).await;
    if claim.as_ref().is_err_and(|error| error.reason() == Some(Reason::Unauthorized)) {
        app.domain.rates.take(Rate::FederationUnproven, whose)?;
    }
    claim
}

async fn read(app: &App, parts: &Parts) -> Result<ServerClaim> {
    let missing = || unauthorized("Requests of other servers must be signed: the Authorization header is missing.");
    let header = parts.headers.get(header::AUTHORIZATION).ok_or_else(missing)?;
    let says = header.to_str().map_err(|error| error.to_string()).and_then(x_matrix::parse);
    let says = says.map_err(|why| unauthorized(format!("The Authorization header is not right: {why}.")))?;
    if says.destination.as_ref().is_some_and(|to| *to != app.domain.core.server_name) {
        let message = format!("This request is for another server: this one is {}.", app.domain.core.server_name);
        return Err(unauthorized(message));
    }
    app.domain.core.check_talks_to(&says.origin)?;
    let gate = &app.domain.federation.gate;
    let keys = gate.look_up(app.domain.federation.keyring.request_keys(&says.origin, says.key.as_str())).await;
    let keys = keys.map_err(|error| match error {
        Error::Refusal(why) if !matches!(why.reason, Reason::LimitExceeded { .. }) => {
            unauthorized(format!("The key {} of {} is not known: {}", says.key, says.origin, why.message))
        }
        other => other,
    })?;
    Ok(ServerClaim { says, keys })
}

impl ServerClaim {
    /// Verifies the signature, counts the request against its origin's rate limit, and waits for the origin's permit.
    ///
    /// Fails with `M_UNAUTHORIZED` (401) for an invalid signature, `M_LIMIT_EXCEEDED` for a server that sends too many
    /// requests.
    pub async fn prove(
        self,
        app: &App,
        parts: &Parts,
        body: &[u8],
        client: ClientAddress,
        rate: Rate,
    ) -> Result<RequestingServer> {
        let us = &app.domain.core.server_name;
        if !self.is_true(us, parts, body) {
            app.domain.rates.take(Rate::FederationUnproven, RateSubject::address(client.0))?;
            // A body without canonical form cannot be signed, and the sender should learn that the body is wrong, not
            // its key.
            canonical(body)?;
            return Err(unauthorized(format!("The signature is not one of {} over this request.", self.says.origin)));
        }
        let Self { says: XMatrix { origin, .. }, .. } = self;
        // A valid signature proves that the origin is up, whatever the request is, so queued PDUs and EDUs are retried
        // now.
        app.domain.federation.alive(&origin);
        app.domain.rates.take(rate, RateSubject::name(origin.as_str()))?;
        let turn = app.domain.federation.gate.enter(&origin).await?;
        Ok(RequestingServer { name: origin, _turn: turn })
    }

    fn is_true(&self, us: &ServerName, parts: &Parts, body: &[u8]) -> bool {
        // Most servers send the body in canonical form. Then the signature is verified over the received bytes without
        // parsing, which matters for transactions. Verification is over exact bytes, so it is safe not to interpret
        // them.
        if self.is_over(&signed_bytes(&self.says.origin, us, parts, body)) {
            return true;
        }
        let request = http::Request::builder().method(&parts.method).uri(&parts.uri).body(body);
        !body.is_empty() && request.is_ok_and(|request| self.says.verify_http_request(&request, us, &self.keys).is_ok())
    }

    fn is_over(&self, bytes: &[u8]) -> bool {
        let keys = self.keys.get(self.says.origin.as_str());
        let Some(key) = keys.and_then(|keys| keys.get(self.says.key.as_str())) else { return false };
        let (algorithm, signature) = (SigningKeyAlgorithm::Ed25519, self.says.sig.as_bytes());
        self.says.key.algorithm() == algorithm
            && verify_canonical_json_bytes(&algorithm, key.as_bytes(), signature, bytes).is_ok()
    }
}

/// The bytes that the signature covers; canonical JSON if `body` is.
fn signed_bytes(origin: &ServerName, us: &ServerName, parts: &Parts, body: &[u8]) -> Vec<u8> {
    let text = |text: &str| serde_json::Value::from(text).to_string();
    let target = parts.uri.path_and_query().map_or("/", |target| target.as_str());
    let rest = format!(
        r#""destination":{},"method":{},"origin":{},"uri":{}}}"#,
        text(us.as_str()),
        text(parts.method.as_str()),
        text(origin.as_str()),
        text(target)
    );
    let mut bytes = Vec::with_capacity(body.len() + rest.len() + 12);
    bytes.push(b'{');
    if !body.is_empty() {
        bytes.extend_from_slice(br#""content":"#);
        bytes.extend_from_slice(body);
        bytes.push(b',');
    }
    bytes.extend_from_slice(rest.as_bytes());
    bytes
}

/// Fails with `M_NOT_JSON` or `M_BAD_JSON` for a body without canonical form.
fn canonical(body: &[u8]) -> Result<()> {
    if body.is_empty() {
        return Ok(());
    }
    match serde_json::from_slice::<ruma::canonical_json::CanonicalJsonValue>(body) {
        Ok(_) => Ok(()),
        Err(error) => Err(crate::json::explain(body, &format!("it is not canonical JSON: {error}"))),
    }
}

fn unauthorized(message: impl Into<std::borrow::Cow<'static, str>>) -> Error {
    refuse(Reason::Unauthorized, message)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_signed_object_is_canonical_json() {
        let parts = |uri: &str| {
            let request = http::Request::builder().method("PUT").uri(uri).body(()).expect("a request");
            request.into_parts().0
        };
        let (us, them) = (ruma::server_name!("us.example"), ruma::server_name!("them.example:8448"));
        for (uri, body) in [
            ("/_matrix/federation/v1/send/1?a=%20b", r#"{"a":[1,"\u0007ö\"\\"],"b":{}}"#),
            ("/_matrix/federation/v1/version", ""),
            ("/a%22\"b", "{}"),
        ] {
            let parts = parts(uri);
            let request = http::Request::builder().method("PUT").uri(uri).body(body).expect("a request");
            let object = XMatrix::request_object(&request, them, us).expect("an object");
            let canonical = serde_json::to_vec(&object).expect("JSON");
            assert_eq!(signed_bytes(them, us, &parts, body.as_bytes()), canonical, "{uri}");
        }
    }
}
