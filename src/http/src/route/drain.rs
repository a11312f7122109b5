//! Reads and discards, within limits, what a client sends after its request was refused.

use std::time::Duration;

use axum::body::Body;
use http_body_util::BodyExt;

/// Reads and discards up to so many bytes for up to so many milliseconds. Closing the connection instead would often lose the
/// refusal in transit, and HTTP/1 has no other way to stop the client.
///
/// Not for a client that waits for `100 Continue`, nor for HTTP/2, which can refuse the rest of one body.
pub(crate) async fn drain(body: &mut Body, bytes_max: u64, ms_max: u64) {
    let draining = async {
        let mut left_bytes = bytes_max;
        while let Some(Ok(frame)) = body.frame().await {
            let bytes = frame.data_ref().map_or(0, |chunk| chunk.len() as u64);
            match left_bytes.checked_sub(bytes) {
                Some(left) => left_bytes = left,
                None => return,
            }
        }
    };
    // Reaching the time limit equals reaching the byte limit: the refusal is sent in either case.
    let _ = tokio::time::timeout(Duration::from_millis(ms_max), draining).await;
}
