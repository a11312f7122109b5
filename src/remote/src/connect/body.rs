//! A response body as a stream. The sender must not pause for longer than the limit.

use std::time::Duration;

use futures_util::StreamExt;
use hearth_base::{Error, limits};
use hearth_domain::ports::Pieces;
use http::HeaderMap;
use http::header::CONTENT_TYPE;
use http_body_util::BodyDataStream;
use hyper::body::Incoming;
use tokio::time::{Instant, timeout_at};

use super::words;

/// The body. `until` is the deadline for all of it, however steadily it arrives; `broken` turns a failure into an
/// error.
pub(crate) fn pieces(
    body: Incoming,
    until: Option<Instant>,
    broken: impl Fn(String) -> Error + Send + Sync + 'static,
) -> Pieces {
    let silence = Duration::from_millis(limits::BODY_SILENCE_MS_MAX);
    let start = (BodyDataStream::new(body), broken);
    let pieces = futures_util::stream::unfold(Some(start), move |state| async move {
        let (mut body, broken) = state?;
        let silent = Instant::now() + silence;
        let why = match timeout_at(until.map_or(silent, |until| until.min(silent)), body.next()).await {
            Ok(None) => return None,
            Ok(Some(Ok(piece))) => return Some((Ok(piece), Some((body, broken)))),
            Ok(Some(Err(error))) => words::of_request(&error).0,
            Err(_) if until.is_some_and(|until| until < silent) => "it took too long".to_owned(),
            Err(_) => "it fell silent".to_owned(),
        };
        Some((Err(broken(why)), None))
    });
    Box::pin(pieces)
}

/// The `Content-Type` of a response.
pub(crate) fn content_type(headers: &HeaderMap) -> Option<String> {
    headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).map(str::to_owned)
}
