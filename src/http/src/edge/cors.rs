//! CORS headers, which browsers require before a web client may call this server (client-server API, "Web Browser
//! Clients").

use axum::response::{IntoResponse, Response};
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};

/// The methods of all endpoints; a browser checks each by name.
const METHODS: HeaderValue = HeaderValue::from_static("GET, POST, PUT, PATCH, DELETE, OPTIONS");
const HEADERS: HeaderValue =
    HeaderValue::from_static("X-Requested-With, Content-Type, Authorization, If-Match, If-None-Match, Range");
/// Response headers that scripts may read, in addition to those that browsers always expose.
const EXPOSED: HeaderValue = HeaderValue::from_static("x-request-id, ETag, Retry-After, Accept-Ranges, Content-Range");
/// How long a browser may cache the preflight response, in seconds; Chromium's maximum is two hours.
const AGE_S: HeaderValue = HeaderValue::from_static("7200");

/// Marks a response that other sites must not read, and that gets no CORS headers: a page with a form of its own.
#[derive(Debug, Clone, Copy)]
pub struct SameOriginOnly;

/// Allows every origin: access tokens decide who may do what, never cookies, so a foreign page gains nothing.
pub(super) fn allow(headers: &mut HeaderMap) {
    const WANTED: [(HeaderName, HeaderValue); 4] = [
        (header::ACCESS_CONTROL_ALLOW_ORIGIN, HeaderValue::from_static("*")),
        (header::ACCESS_CONTROL_ALLOW_METHODS, METHODS),
        (header::ACCESS_CONTROL_ALLOW_HEADERS, HEADERS),
        (header::ACCESS_CONTROL_EXPOSE_HEADERS, EXPOSED),
    ];
    headers.extend(WANTED);
}

/// The response to `OPTIONS` on any path, the preflight request of browsers.
pub(super) fn preflight() -> Response {
    (StatusCode::OK, [(header::ACCESS_CONTROL_MAX_AGE, AGE_S)]).into_response()
}
