//! A tunnel to an SFU that clients cannot reach directly: a WebSocket, and an endpoint that explains why it failed.

use axum::body::Body;
use axum::response::{IntoResponse, Response};
use hearth_base::{Error, Reason, Result, error::refuse};
use hearth_domain::ports::{RemoteResponse, Switched};
use hearth_domain::rtc::PASSAGE_PATH;
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header};
use serde::Deserialize;

use crate::app::{App, ClientAddress};
use crate::auth::Authentication;
use crate::edge::{Onward, Rate};
use crate::route::{Call, Endpoint};

/// Request headers that are forwarded to the SFU.
const TO_THE_SFU: [HeaderName; 7] = [
    header::AUTHORIZATION,
    header::UPGRADE,
    header::SEC_WEBSOCKET_KEY,
    header::SEC_WEBSOCKET_VERSION,
    header::SEC_WEBSOCKET_PROTOCOL,
    header::SEC_WEBSOCKET_EXTENSIONS,
    header::USER_AGENT,
];
/// Response headers that are forwarded to the client.
const TO_THE_CLIENT: [HeaderName; 4] =
    [header::UPGRADE, header::SEC_WEBSOCKET_ACCEPT, header::SEC_WEBSOCKET_PROTOCOL, header::SEC_WEBSOCKET_EXTENSIONS];

/// The endpoints of this file.
pub(super) fn endpoints() -> Vec<Endpoint> {
    vec![
        Endpoint::plain(Method::GET, [format!("{PASSAGE_PATH}/{{*target}}")], Authentication::None, pass)
            .rate(Rate::Other),
    ]
}

#[derive(Deserialize)]
struct Query {
    #[serde(default)]
    access_token: Option<String>,
}

async fn pass(app: App, call: Call) -> Result<Response> {
    let target = call.uri.path_and_query().map_or("", |target| target.as_str());
    let target = target.strip_prefix(PASSAGE_PATH).and_then(|rest| rest.strip_prefix('/')).unwrap_or_default();
    let token = token(&call).ok_or_else(|| refuse(Reason::MissingToken, "This needs a token for the SFU."))?;
    let headers = headers(&call.headers, call.client);
    if !asks_for_websocket(&call.headers) {
        return Ok(plain(app.domain.rtc.ask(&token, target, headers).await?));
    }
    if call.version != http::Version::HTTP_11 {
        return Err(Error::invalid("A WebSocket begins with HTTP/1.1."));
    }
    match app.domain.rtc.pass(&token, target, headers).await? {
        (Switched::No(answer), _) => Ok(plain(answer)),
        (Switched::Yes(head, stream), pass) => {
            let mut response = StatusCode::SWITCHING_PROTOCOLS.into_response();
            copy(&TO_THE_CLIENT, &head.headers, response.headers_mut());
            response.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("upgrade"));
            response.extensions_mut().insert(Onward::new(stream, pass));
            Ok(response)
        }
    }
}

/// The access token from the query, since browsers cannot set headers on a WebSocket.
fn token(call: &Call) -> Option<String> {
    let query: Option<Query> = call.query().ok();
    let in_header = || {
        let value = call.headers.get(header::AUTHORIZATION)?.to_str().ok()?;
        value.strip_prefix("Bearer ").map(str::to_owned)
    };
    query.and_then(|query| query.access_token).or_else(in_header)
}

fn asks_for_websocket(headers: &HeaderMap) -> bool {
    headers.get(header::UPGRADE).is_some_and(|value| value.as_bytes().eq_ignore_ascii_case(b"websocket"))
}

fn headers(from: &HeaderMap, client: ClientAddress) -> HeaderMap {
    let mut to = HeaderMap::new();
    copy(&TO_THE_SFU, from, &mut to);
    if asks_for_websocket(from) {
        to.insert(header::CONNECTION, HeaderValue::from_static("upgrade"));
    }
    if let Some(Ok(address)) = client.0.map(|address| HeaderValue::try_from(address.to_string())) {
        to.insert(HeaderName::from_static("x-forwarded-for"), address);
    }
    to
}

fn copy(names: &[HeaderName], from: &HeaderMap, to: &mut HeaderMap) {
    for name in names {
        to.extend(from.get(name).map(|value| (name.clone(), value.clone())));
    }
}

/// The SFU's refusal. Always as plain text, whatever its content type is.
fn plain(answer: RemoteResponse) -> Response {
    let status = StatusCode::from_u16(answer.status).unwrap_or(StatusCode::BAD_GATEWAY);
    let kind = [(header::CONTENT_TYPE, "text/plain"), (header::X_CONTENT_TYPE_OPTIONS, "nosniff")];
    (status, kind, Body::from_stream(answer.body)).into_response()
}
