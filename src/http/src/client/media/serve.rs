//! A file as a response: complete, in part (RFC 9110, "Range Requests"), or 304 when the client has it cached.

use axum::body::Body;
use axum::response::{IntoResponse, Response};
use futures_util::{StreamExt, stream};
use hearth_base::{Error, Reason, Result, error::refuse};
use hearth_domain::media::ranges::{self, ByteRange, RequestedRange};
use hearth_domain::media::serving::{SAFE_HEADERS, content_disposition};
use hearth_domain::media::{Contents, Media, MediaFile};
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header};

use crate::respond::Failure;
use crate::route::Call;

/// The content of a media id never changes, so a client need not revalidate; after a day it may notice a deletion.
/// `private`, because access required a token, so shared caches must not store it.
const CACHE: HeaderValue = HeaderValue::from_static("private, max-age=86400, immutable");
const RANGES: HeaderValue = HeaderValue::from_static("bytes");

/// The response to a request for a file.
pub(super) async fn serve(media: &Media, file: MediaFile, call: &Call) -> Result<Response> {
    let etag = file.etag();
    if etag.as_deref().is_some_and(|etag| has_already(&call.headers, etag)) {
        let mut response = StatusCode::NOT_MODIFIED.into_response();
        keep(response.headers_mut(), etag.as_deref())?;
        return Ok(response);
    }
    let range = match requested(call, file.bytes) {
        RequestedRange::All => None,
        RequestedRange::Part(range) => Some(range),
        RequestedRange::Unsatisfiable => return unsatisfiable(file.bytes),
    };
    // HEAD uses the same route, without a body.
    let body = if call.method == Method::HEAD { Body::empty() } else { body(media.contents(&file, range).await?) };
    let mut response = Response::new(body);
    describe(response.headers_mut(), &file, range)?;
    keep(response.headers_mut(), etag.as_deref())?;
    if range.is_some() {
        *response.status_mut() = StatusCode::PARTIAL_CONTENT;
    }
    Ok(response)
}

/// Whether `If-None-Match` contains this entity tag. Weak tags match, since the content is immutable.
fn has_already(headers: &HeaderMap, etag: &str) -> bool {
    let lists = headers.get_all(header::IF_NONE_MATCH).into_iter().filter_map(|value| value.to_str().ok());
    let mut tags = lists.flat_map(|list| list.split(',')).map(str::trim);
    tags.any(|tag| tag == "*" || tag.strip_prefix("W/").unwrap_or(tag) == etag)
}

fn requested(call: &Call, bytes: u64) -> RequestedRange {
    // RFC 9110 defines range requests for GET only.
    let header = call.headers.get(header::RANGE).filter(|_| call.method == Method::GET);
    ranges::parse(header.and_then(|value| value.to_str().ok()), bytes)
}

fn unsatisfiable(bytes: u64) -> Result<Response> {
    let message = format!("The file has {bytes} bytes, and none of those that were asked for.");
    let mut response = Failure(refuse(Reason::InvalidParam, message)).into_response();
    *response.status_mut() = StatusCode::RANGE_NOT_SATISFIABLE;
    response.headers_mut().insert(header::CONTENT_RANGE, value(&ranges::unsatisfied(bytes))?);
    Ok(response)
}

/// Headers that describe the content and restrict what a browser does with it.
fn describe(headers: &mut HeaderMap, file: &MediaFile, range: Option<ByteRange>) -> Result<()> {
    let disposition = content_disposition(file.disposition, file.file_name.as_deref());
    headers.insert(header::CONTENT_TYPE, value(&file.content_type)?);
    headers.insert(header::CONTENT_DISPOSITION, value(&disposition)?);
    headers.insert(header::CONTENT_LENGTH, range.map_or(file.bytes, ByteRange::len).into());
    if let Some(range) = range {
        headers.insert(header::CONTENT_RANGE, value(&range.content_range(file.bytes))?);
    }
    headers.insert(header::ACCEPT_RANGES, RANGES);
    for (name, text) in SAFE_HEADERS {
        headers.insert(HeaderName::from_static(name), HeaderValue::from_static(text));
    }
    Ok(())
}

/// Caching headers.
fn keep(headers: &mut HeaderMap, etag: Option<&str>) -> Result<()> {
    if let Some(etag) = etag {
        headers.insert(header::ETAG, value(etag)?);
    }
    headers.insert(header::CACHE_CONTROL, CACHE);
    Ok(())
}

/// A header value from text that was sanitised when it was stored.
fn value(text: &str) -> Result<HeaderValue> {
    HeaderValue::from_str(text).map_err(|error| Error::fault("writing a header about media", error))
}

/// The bytes of a file as a response body.
pub(crate) fn body(contents: Contents) -> Body {
    match contents {
        Contents::Whole(bytes) => bytes.into(),
        Contents::Chunks { first, rest } => {
            let rest = rest.into_stream().inspect(|chunk| {
                if let Err(error) = chunk {
                    // The status line is sent already; an error can only break the connection.
                    tracing::error!(%error, "Failed to read a media file.");
                }
            });
            Body::from_stream(stream::once(std::future::ready(Ok(first))).chain(rest))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn if_none_match_takes_lists_weak_tags_and_stars() {
        let headers =
            |text: &'static str| HeaderMap::from_iter([(header::IF_NONE_MATCH, HeaderValue::from_static(text))]);
        for text in ["\"a\"", "W/\"a\"", "\"b\", \"a\"", "*", "\"b\",W/\"a\""] {
            assert!(has_already(&headers(text), "\"a\""), "{text}");
        }
        for text in ["", "a", "\"b\"", "\"aa\"", "\"a", "W/a"] {
            assert!(!has_already(&headers(text), "\"a\""), "{text}");
        }
        assert!(!has_already(&HeaderMap::new(), "\"a\""));
    }
}
