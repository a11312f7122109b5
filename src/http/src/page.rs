//! The few web pages that the protocol requires of a homeserver: plain, self-contained, and with a content security
//! policy that loads nothing else.

use axum::response::{Html, IntoResponse, Response};
use http::{HeaderValue, header};

use crate::App;

/// The style of all pages: readable on a phone, light or dark as the device prefers.
const STYLE: &str = "body{font:1.1em/1.5 system-ui,sans-serif;max-width:24em;margin:3em auto;padding:0 1em;\
     color-scheme:light dark}input,button{font:inherit;padding:.5em;width:100%;box-sizing:border-box;margin:.5em 0}";

/// A page with `content`, which must be HTML with all untrusted text escaped, and `script`, which must be constant.
pub(crate) fn page(app: &App, content: &str, script: &'static str) -> Response {
    let nonce = app.domain.core.seams.random.alphanumeric(24);
    let html = format!(
        "<!doctype html><html lang=\"en\"><meta charset=\"utf-8\"><meta name=\"viewport\" \
         content=\"width=device-width\"><title>{}</title><style nonce=\"{nonce}\">{STYLE}</style>{content}\
         <script nonce=\"{nonce}\">{script}</script></html>",
        escape(app.domain.core.server_name.as_str()),
    );
    let policy = format!(
        "default-src 'none'; style-src 'nonce-{nonce}'; script-src 'nonce-{nonce}'; connect-src 'self'; \
         form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    );
    let mut response = Html(html).into_response();
    let headers = response.headers_mut();
    if let Ok(policy) = HeaderValue::from_str(&policy) {
        headers.insert(header::CONTENT_SECURITY_POLICY, policy);
    }
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(header::REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    response
}

/// Escapes untrusted text for HTML, including quoted attributes.
pub(crate) fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            c => out.push(c),
        }
    }
    out
}
