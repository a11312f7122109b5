//! What browsers want to see before a web client may speak to this server (client-server API, "Web Browser Clients").

use axum::response::{IntoResponse, Response};
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};

/// Every request that clients make; a browser asks for each by name.
const METHODS: HeaderValue = HeaderValue::from_static("GET, POST, PUT, PATCH, DELETE, OPTIONS");
const HEADERS: HeaderValue =
    HeaderValue::from_static("X-Requested-With, Content-Type, Authorization, If-Match, If-None-Match, Range");
/// What scripts may read of an answer beside the few that browsers always show.
const EXPOSED: HeaderValue = HeaderValue::from_static("x-request-id, ETag, Retry-After, Accept-Ranges, Content-Range");
/// How long a browser need not ask again, in seconds; Chromium takes no more than two hours.
const AGE_S: HeaderValue = HeaderValue::from_static("7200");

/// Lets any web page read an answer: who may do what is decided by access tokens, never by cookies.
pub(super) fn allow(headers: &mut HeaderMap) {
    const WANTED: [(HeaderName, HeaderValue); 4] = [
        (header::ACCESS_CONTROL_ALLOW_ORIGIN, HeaderValue::from_static("*")),
        (header::ACCESS_CONTROL_ALLOW_METHODS, METHODS),
        (header::ACCESS_CONTROL_ALLOW_HEADERS, HEADERS),
        (header::ACCESS_CONTROL_EXPOSE_HEADERS, EXPOSED),
    ];
    headers.extend(WANTED);
}

/// The answer to `OPTIONS` on any path: browsers ask before they send what a form could not.
pub(super) fn preflight() -> Response {
    (StatusCode::OK, [(header::ACCESS_CONTROL_MAX_AGE, AGE_S)]).into_response()
}
