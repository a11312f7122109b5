//! One request and its response, on a connection of its own.

use std::path::Path;
use std::time::Duration;

use bytes::Bytes;
use http::{Method, Request, StatusCode, header};
use http_body_util::{BodyExt, Full, Limited};
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use tokio::net::UnixStream;
use tokio::time::timeout;

use super::error::{self, ClientError};

/// Longest response that is read. The longest valid one, a page of 1,000 log lines, is below a tenth of it.
const ANSWER_BYTES_MAX: usize = 16 * 1024 * 1024;

/// How long a response may take: longer than the longest long poll and the slowest password hash on a Raspberry
/// Pi.
const ANSWER_WAIT: Duration = Duration::from_secs(60);

pub(super) async fn exchange(
    socket: &Path,
    method: Method,
    path: &str,
    body: Option<Vec<u8>>,
) -> Result<(StatusCode, Bytes), ClientError> {
    let stream = UnixStream::connect(socket).await.map_err(|cause| error::unreachable(socket, &cause))?;
    timeout(ANSWER_WAIT, send_request(stream, method, path, body)).await.map_err(|_| error::timed_out(ANSWER_WAIT))?
}

async fn send_request(
    stream: UnixStream,
    method: Method,
    path: &str,
    body: Option<Vec<u8>>,
) -> Result<(StatusCode, Bytes), ClientError> {
    let (mut sender, connection) =
        http1::handshake(TokioIo::new(stream)).await.map_err(|cause| error::broken(&cause))?;
    let answer = async move {
        let request = Request::builder()
            .method(method)
            .uri(path)
            .header(header::HOST, "localhost")
            .header(header::CONTENT_TYPE, "application/json")
            .header(header::CONNECTION, "close")
            .body(Full::new(Bytes::from(body.unwrap_or_default())))
            .map_err(|cause| error::broken(&cause))?;
        let answer = sender.send_request(request).await.map_err(|cause| error::broken(&cause))?;
        let status = answer.status();
        let body = Limited::new(answer.into_body(), ANSWER_BYTES_MAX).collect().await;
        Ok((status, body.map_err(|cause| error::broken(&cause))?.to_bytes()))
    };
    // The connection's future does the reading and writing, so it must be polled along with the request. It
    // ends when `sender` is dropped; its errors also reach the request.
    tokio::join!(answer, connection).0
}
