//! Which server asks: the signature that every request of the server-server API carries ("Request Authentication").
//!
//! What costs little comes first: a request that claims to come from a server which this one does not talk to, or from
//! an address that has sent many false ones, is refused before its body is read; keys are asked for only once the rest
//! of the claim is right. Fetching keys needs no signature on either side, so that two servers which do not know one
//! another yet never wait for each other in a circle.

use std::time::Duration;

use axum::body::Body;
use bytes::Bytes;
use hearth_base::{Error, Reason, Result, error::refuse, limits};
use hearth_domain::federation::gate::RequestPermit;
use hearth_domain::rates::{Rate, RateSubject};
use http::request::Parts;
use http::{Method, header};
use ruma::api::federation::authentication::{ServerSignatures, XMatrix};
use ruma::signatures::{PublicKeyMap, verify_canonical_json_bytes};
use ruma::{OwnedServerName, ServerName, SigningKeyAlgorithm};
use tokio::sync::OwnedSemaphorePermit;

use super::x_matrix;
use crate::app::ClientAddress;
use crate::auth::{Authentication, Scheme};
use crate::{App, route};

impl Scheme for ServerSignatures {
    const AUTHENTICATION: Authentication = Authentication::Server;
}

/// A request that says which server it is from, and the keys to check that with.
#[derive(Debug)]
pub struct ServerClaim {
    says: XMatrix,
    keys: PublicKeyMap,
    bytes_max: usize,
    room: Option<OwnedSemaphorePermit>,
}

/// The server that a request is from.
#[derive(Debug)]
pub struct RequestingServer {
    /// The server.
    pub name: OwnedServerName,
    /// Its turn, until the request is answered.
    _turn: RequestPermit,
    /// The room that the request's body takes, for as long.
    _room: Option<OwnedSemaphorePermit>,
}

/// Reads the claim of a request, gets the keys to check it with, and makes room for its body, of at most `bytes_max`.
///
/// Refuses with `M_UNAUTHORIZED` (401) claims that cannot be true, with `M_FORBIDDEN` servers that this one does not
/// talk to, with `M_LIMIT_EXCEEDED` addresses that have sent many false claims.
pub async fn claim(app: &App, parts: &Parts, client: ClientAddress, bytes_max: usize) -> Result<ServerClaim> {
    let whose = RateSubject::address(client.0);
    app.domain.rates.peek(Rate::FederationUnproven, whose)?;
    let claim = read(app, parts, bytes_max).await;
    if claim.as_ref().is_err_and(|error| error.reason() == Some(Reason::Unauthorized)) {
        app.domain.rates.take(Rate::FederationUnproven, whose)?;
    }
    claim
}

async fn read(app: &App, parts: &Parts, bytes_max: usize) -> Result<ServerClaim> {
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
    let bytes_max = body_bytes_max(parts, bytes_max);
    let room = gate.reserve(bytes_max).await?;
    Ok(ServerClaim { says, keys, bytes_max, room })
}

/// Reads a body of at most what there is room for, and not for longer than room is kept.
pub async fn read_body(claim: &ServerClaim, body: Body) -> Result<Bytes> {
    let reading = route::read_body(body, claim.bytes_max);
    match tokio::time::timeout(Duration::from_millis(limits::FEDERATION_BODY_MS_MAX), reading).await {
        Ok(read) => read,
        Err(_) => Err(refuse(Reason::Unknown, "The request's body took too long to come.")),
    }
}

/// How large a request's body may be: as large as it says, or as the endpoint allows if it does not say. Questions that
/// are asked by GET have next to none.
fn body_bytes_max(parts: &Parts, bytes_max: usize) -> usize {
    if parts.method == Method::GET {
        return bytes_max.min(limits::FEDERATION_SMALL_BODY_BYTES);
    }
    let length = parts.headers.get(header::CONTENT_LENGTH).and_then(|value| value.to_str().ok()?.parse().ok());
    // What says that it is too large is refused when it is read.
    length.unwrap_or(bytes_max).min(bytes_max)
}

impl ServerClaim {
    /// Checks the signature over the request, counts it for its server, and waits for the server's turn.
    ///
    /// Refuses with `M_UNAUTHORIZED` (401) what the server has not signed, with `M_LIMIT_EXCEEDED` a server that asks
    /// too much.
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
            // What has no canonical form has no signature either, and the sender should learn which of the two is
            // wrong.
            canonical(body)?;
            return Err(unauthorized(format!("The signature is not one of {} over this request.", self.says.origin)));
        }
        let Self { says: XMatrix { origin, .. }, room, .. } = self;
        // Whatever it wants: it is there, so what waits for it need wait no longer.
        app.domain.federation.alive(&origin);
        app.domain.rates.take(rate, RateSubject::name(origin.as_str()))?;
        let turn = app.domain.federation.gate.enter(&origin).await?;
        Ok(RequestingServer { name: origin, _turn: turn, _room: room })
    }

    fn is_true(&self, us: &ServerName, parts: &Parts, body: &[u8]) -> bool {
        // Most servers send bodies in the form in which they sign them. Then nothing need be parsed to check the
        // signature, which matters for transactions. The bytes are what was signed, so nothing rests on what they mean.
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

/// The object that a request's signature is over, in canonical JSON if the body is.
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

/// Refuses with `M_NOT_JSON` or `M_BAD_JSON` a body that could not have been signed.
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
