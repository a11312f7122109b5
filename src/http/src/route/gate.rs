//! The checks that every request passes before its handler; cheap ones first, so that unauthenticated requests cost
//! little.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::{RawPathParams, Request};
use axum::response::Response;
use bytes::Bytes;
use hearth_base::{Error, Reason, Result, limits};
use hearth_domain::{Requester, answering};
use http::{Version, header};

use super::bodies::BodyShare;
use super::{Call, Depth, Endpoint, RequestBody, drain};
use crate::admin::Caller;
use crate::app::{App, ClientAddress, ConnectionAuth};
use crate::auth::{self, Authentication};
use crate::federation::auth as server_auth;
use crate::federation::auth::RequestingServer;
use crate::{edge, json};

/// Answers one request: authenticates it, checks that the account may call the endpoint, applies the rate limit, reads
/// the body within its limits, and runs the handler.
///
/// A long poll waits in the handler, often ten thousand at once. So everything before has a future of its own, which is gone
/// by then, and the request is moved into it at once: what an `async` function takes as an argument stays in its future.
pub(super) fn serve(
    app: App,
    endpoint: Arc<Endpoint>,
    params: RawPathParams,
    request: Request,
) -> impl Future<Output = Result<Response>> + Send {
    let prepared = Box::pin(prepare(app.clone(), Arc::clone(&endpoint), params, request));
    async move {
        // The share of the memory for bodies is held until the request is answered: the handler has the body that long.
        let (call, stream, _share) = prepared.await?;
        match call.requester.as_ref().filter(|_| endpoint.precedes_sync).map(|requester| requester.device) {
            None => (endpoint.handler)(app, *call, stream).await,
            Some(device) => {
                let answering = app.domain.core.answering.begin(device);
                (endpoint.handler)(app, *call, stream).await.map(|response| until_sent(response, answering))
            }
        }
    }
}

/// Ends the wait of the device's syncs when the response is written: hyper drops the extensions with the head. Ended by the
/// handler, it is over before the response is serialized and its connection has its turn, which may be milliseconds later
/// than the sync's on a busy machine.
fn until_sent(mut response: Response, answering: answering::Request) -> Response {
    response.extensions_mut().insert(Arc::new(answering));
    response
}

/// The checks before the handler.
async fn prepare(
    app: App,
    endpoint: Arc<Endpoint>,
    params: RawPathParams,
    request: Request,
) -> Result<(Box<Call>, Body, Option<BodyShare>)> {
    if params.iter().any(|(_, value)| value.contains('\0')) {
        return Err(Error::invalid("A NUL character is not allowed in a path."));
    }
    let (mut parts, mut body) = request.into_parts();
    // Set by the edge; requests on the admin socket have none.
    let client = parts.extensions.remove::<ClientAddress>().unwrap_or_default();
    let caller = parts.extensions.remove::<Caller>();
    let requester = match admit(&app, &endpoint, &parts, client).await {
        Ok(requester) => requester,
        Err(error) => return refuse_rest(error, &parts, body, limits::REFUSED_STRANGER_BODY_DRAIN_BYTES_MAX).await,
    };
    let known = requester.is_some();
    let (raw, asker, share) = match take_body(&app, &endpoint, &parts, (client, known), &mut body).await {
        Ok(taken) => taken,
        Err(error) => {
            let is_known = known || endpoint.authentication == Authentication::Server;
            let bytes_max = match is_known {
                true => limits::REFUSED_BODY_DRAIN_BYTES_MAX,
                false => limits::REFUSED_STRANGER_BODY_DRAIN_BYTES_MAX,
            };
            return refuse_rest(error, &parts, body, bytes_max).await;
        }
    };
    check_depth(&endpoint, &raw)?;
    let (mut raw, mut auth, mut target) = (raw, None, String::new());
    if endpoint.uia {
        target = format!("{} {}", parts.method, parts.uri.path());
        let (rest, proof) = app.domain.uia.split(&raw, &target);
        (raw, auth) = (rest.into(), proof);
    }
    let http::request::Parts { method, uri, version, headers, .. } = parts;
    let call = Call { method, uri, version, headers, params, client, requester, asker, caller, raw, target, auth };
    if endpoint.authentication == Authentication::AdminSocket {
        // Fails closed: on a public listener this endpoint would answer no request, because no caller is set there.
        call.operator()?;
    }
    Ok((Box::new(call), body, share))
}

/// Refuses a request whose body has not been read. Reads the rest first, within limits, so that the client gets to read the
/// answer; except of a body that is too slow, and where the client would only begin to send it.
async fn refuse_rest<T>(error: Error, parts: &http::request::Parts, mut body: Body, bytes_max: u64) -> Result<T> {
    let is_slow = error.reason() == Some(Reason::Unknown);
    if !is_slow && parts.version < Version::HTTP_2 && !parts.headers.contains_key(header::EXPECT) {
        drain(&mut body, bytes_max, limits::REFUSED_BODY_DRAIN_MS_MAX).await;
    }
    Err(error)
}

/// The authenticated user or application service, after the access rules and the rate limit.
async fn admit(
    app: &App,
    endpoint: &Endpoint,
    parts: &http::request::Parts,
    client: ClientAddress,
) -> Result<Option<Requester>> {
    let requester = auth::authenticate(app, endpoint.authentication, &parts.headers, parts.uri.query(), client).await?;
    if let Some(requester) = &requester {
        // Marks the connection as authenticated, so that it is not closed for others at the connection limit.
        if let Some(connection) = parts.extensions.get::<ConnectionAuth>() {
            connection.set();
        }
        endpoint.callers.check(requester)?;
    }
    // Other servers are counted by name, after their signature is verified.
    if endpoint.authentication != Authentication::Server {
        edge::rate_limit(app, endpoint.rate, client, requester.as_ref())?;
    }
    Ok(requester)
}

/// Checks the nesting depth of a JSON body.
fn check_depth(endpoint: &Endpoint, raw: &[u8]) -> Result<()> {
    match (endpoint.depth, endpoint.authentication) {
        (Depth::Parts, _) => Ok(()),
        // A PDU that nests too deeply must not fail the other PDUs of its transaction.
        (Depth::Whole, Authentication::Server) => json::check_depth_within(raw, limits::FEDERATION_JSON_DEPTH_MAX),
        (Depth::Whole, _) => json::check_depth(raw),
    }
}

/// Reads the body unless the handler streams it, in the budget of its kind of senders. For servers, also verifies the
/// signature, which covers the body.
async fn take_body(
    app: &App,
    endpoint: &Endpoint,
    parts: &http::request::Parts,
    (client, is_user): (ClientAddress, bool),
    body: &mut Body,
) -> Result<(Bytes, Option<RequestingServer>, Option<BodyShare>)> {
    let bytes_max = match endpoint.body {
        RequestBody::Streamed => return Ok((Bytes::new(), None, None)),
        RequestBody::AtMost(bytes_max) => bytes_max,
    };
    if endpoint.authentication != Authentication::Server {
        let budget = if is_user { &app.bodies.users } else { &app.bodies.strangers };
        let (raw, share) = budget.read(client, body, bytes_max).await?;
        return Ok((raw, None, Some(share)));
    }
    let claim = server_auth::claim(app, parts, client).await?;
    let (raw, share) = app.bodies.servers.read(client, body, bytes_max).await?;
    let asker = claim.prove(app, parts, &raw, client, endpoint.rate).await?;
    Ok((raw, Some(asker), Some(share)))
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_sync_waits_until_the_response_is_sent() {
        let requests = Arc::<answering::Answering>::default();
        let response = until_sent(Response::default(), requests.begin(answering::DeviceSn(1)));
        let sync = requests.answered(answering::DeviceSn(1));
        tokio::pin!(sync);
        let early = tokio::time::timeout(Duration::from_millis(20), &mut sync).await;
        assert!(early.is_err(), "the response is not sent yet");
        drop(response);
        let ended = tokio::time::Instant::now();
        sync.await;
        assert!(ended.elapsed() < Duration::from_millis(20));
    }
}
