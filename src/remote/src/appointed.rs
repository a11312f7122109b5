//! The way to programs that the operator has named by their address, such as the SFU of group calls. The guard is not asked: no
//! stranger chooses these addresses. Redirects are not followed, so what answers there cannot send us elsewhere either.

use std::time::Duration;

use bytes::Bytes;
use hearth_base::config::Outgoing;
use hearth_base::{Error, Reason, Result, error::refuse, limits};
use hearth_domain::ports::{self, Eventually, RemoteResponse, Switched};
use http::{Request, StatusCode, header};
use http_body_util::{BodyExt, Empty, Limited};
use hyper::body::Incoming;
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;

use crate::client;

/// The real thing.
#[derive(Debug, Clone)]
pub struct Appointed {
    client: reqwest::Client,
    connect_max: Duration,
}

impl Appointed {
    /// A line as the configuration wants it.
    pub fn new(config: &Outgoing) -> Result<Self> {
        Ok(Self { client: client::direct(config)?, connect_max: Duration::from_millis(config.connect_timeout_ms) })
    }
}

impl ports::Appointed for Appointed {
    fn send(&self, request: Request<Bytes>, wait: Duration) -> Eventually<Result<RemoteResponse>> {
        let client = self.client.clone();
        Box::pin(async move {
            let (place, request) = (place(&request), reqwest::Request::try_from(request));
            let mut request = request.map_err(|error| Error::fault("writing a request", error))?;
            *request.timeout_mut() = Some(wait);
            let answer = client.execute(request).await.map_err(|error| silent(&place, error.without_url()))?;
            let content_type = answer.headers().get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
            let (status, content_type) = (answer.status().as_u16(), content_type.map(str::to_owned));
            let broken = move |error: reqwest::Error| silent(&place, error.without_url());
            let body = futures_util::TryStreamExt::map_err(answer.bytes_stream(), broken);
            Ok(RemoteResponse { status, content_type, body: Box::pin(body) })
        })
    }

    fn switch(&self, request: Request<()>, wait: Duration) -> Eventually<Result<Switched>> {
        let connect_max = self.connect_max.min(wait);
        Box::pin(async move {
            let place = place(&request);
            let late = || silent(&place, "it takes too long to answer");
            let connecting = tokio::time::timeout(connect_max, TcpStream::connect(&place));
            let stream = connecting.await.map_err(|_| late())?.map_err(|error| silent(&place, error))?;
            // Small messages, each of which is waited for.
            let _ = stream.set_nodelay(true);
            tokio::time::timeout(wait, talk(stream, request, &place)).await.map_err(|_| late())?
        })
    }
}

/// Host and port of a URL.
fn place<B>(request: &Request<B>) -> String {
    let uri = request.uri();
    let port = uri.port_u16().unwrap_or(if uri.scheme_str() == Some("https") { 443 } else { 80 });
    format!("{}:{port}", uri.host().unwrap_or_default())
}

/// One request on a connection of its own, up to where the other protocol begins.
async fn talk(stream: TcpStream, request: Request<()>, place: &str) -> Result<Switched> {
    let failed = |error| silent(place, error);
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await.map_err(failed)?;
    let exchange = async {
        let response = sender.send_request(written(request, place)?).await.map_err(failed)?;
        if response.status() != StatusCode::SWITCHING_PROTOCOLS {
            return answer(response, place).await.map(Switched::No);
        }
        let (head, body) = response.into_parts();
        let upgraded = hyper::upgrade::on(http::Response::from_parts(head.clone(), body)).await.map_err(failed)?;
        Ok(Switched::Yes(head, Box::new(TokioIo::new(upgraded))))
    };
    // Whoever waits for an answer has to turn the crank, too. When the connection ends, the answer is here or never comes.
    let cranked = async {
        let ended = connection.with_upgrades().await;
        match ended {
            Ok(()) => std::future::pending().await,
            Err(error) => failed(error),
        }
    };
    tokio::select! {
        biased;
        outcome = exchange => outcome,
        error = cranked => Err(error),
    }
}

/// With the target and the host as HTTP/1.1 has them on a connection.
fn written(request: Request<()>, place: &str) -> Result<Request<Empty<Bytes>>> {
    let (mut parts, ()) = request.into_parts();
    let unfit = |error| Error::fault("writing a request", error);
    let host = parts.uri.authority().map_or(place, |authority| authority.as_str());
    parts.headers.insert(header::HOST, host.parse().map_err(|error| Error::fault("writing a request", error))?);
    let target = parts.uri.path_and_query().map_or("/", |target| target.as_str()).to_owned();
    parts.uri = target.parse().map_err(unfit)?;
    Ok(Request::from_parts(parts, Empty::new()))
}

/// A refusal, which is short.
async fn answer(response: http::Response<Incoming>, place: &str) -> Result<RemoteResponse> {
    let (head, body) = response.into_parts();
    let content_type = head.headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).map(str::to_owned);
    let body = Limited::new(body, limits::SFU_REFUSAL_BYTES_MAX).collect().await;
    let body = body.map_err(|error| silent(place, error))?.to_bytes();
    let body = Box::pin(futures_util::stream::iter([Ok(body)]));
    Ok(RemoteResponse { status: head.status.as_u16(), content_type, body })
}

fn silent(place: &str, why: impl std::fmt::Display) -> Error {
    refuse(Reason::ConnectionFailed, format!("Nothing answers at {place} as it should: {why}."))
}

#[cfg(test)]
mod tests {
    use hearth_domain::ports::Appointed as _;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::TcpListener;

    use super::*;

    const WAIT: Duration = Duration::from_secs(5);

    /// Answers one connection with some bytes, whatever it asks, then echoes; gives what was asked.
    async fn answering(bytes: &'static str) -> (u16, tokio::task::JoinHandle<String>) {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let port = listener.local_addr().expect("an address").port();
        #[expect(clippy::disallowed_methods, reason = "a test")]
        let task = tokio::spawn(async move {
            let (mut stream, _) = listener.accept().await.expect("a connection");
            let mut asked = Vec::new();
            while !asked.ends_with(b"\r\n\r\n") {
                asked.push(stream.read_u8().await.expect("a head"));
            }
            stream.write_all(bytes.as_bytes()).await.expect("written");
            let mut buffer = [0; 64];
            while let Ok(read @ 1..) = stream.read(&mut buffer).await {
                if stream.write_all(&buffer[..read]).await.is_err() {
                    break;
                }
            }
            String::from_utf8(asked).expect("text")
        });
        (port, task)
    }

    fn line() -> Appointed {
        Appointed::new(&Outgoing::default()).expect("a line")
    }

    fn request<B>(port: u16, body: B) -> Request<B> {
        let uri = format!("http://127.0.0.1:{port}/rtc?a=b");
        Request::get(uri).header("upgrade", "websocket").header("connection", "upgrade").body(body).expect("a request")
    }

    #[tokio::test]
    async fn another_protocol_begins_and_bytes_go_both_ways() {
        let head =
            "HTTP/1.1 101 Switching Protocols\r\nupgrade: websocket\r\nconnection: upgrade\r\nx-a: b\r\n\r\nfirst";
        let (port, asked) = answering(head).await;
        let switched = line().switch(request(port, ()), WAIT).await.expect("it answers");
        let Switched::Yes(head, mut stream) = switched else { panic!("{switched:?}") };
        assert_eq!(head.headers["x-a"], "b");
        let mut buffer = [0; 5];
        stream.read_exact(&mut buffer).await.expect("what came with the head");
        assert_eq!(&buffer, b"first");
        stream.write_all(b"hello").await.expect("written");
        stream.read_exact(&mut buffer).await.expect("an echo");
        assert_eq!(&buffer, b"hello");
        drop(stream);
        let asked = asked.await.expect("asked").to_ascii_lowercase();
        assert!(asked.starts_with("get /rtc?a=b http/1.1\r\n"), "{asked}");
        assert!(asked.contains(&format!("host: 127.0.0.1:{port}")), "{asked}");
    }

    #[tokio::test]
    async fn refusals_come_with_their_body_and_redirects_stay_answers() {
        let (port, _) = answering("HTTP/1.1 401 Unauthorized\r\ncontent-length: 7\r\n\r\ninvalid").await;
        let refused = line().switch(request(port, ()), WAIT).await.expect("it answers");
        let Switched::No(answer) = refused else { panic!("{refused:?}") };
        assert_eq!(answer.status, 401);
        assert_eq!(hearth_domain::federation::request::whole(answer, 100).await.expect("a body"), "invalid");
        let (port, _) =
            answering("HTTP/1.1 302 Found\r\nlocation: http://127.0.0.1:1/\r\ncontent-length: 0\r\n\r\n").await;
        assert_eq!(line().send(request(port, Bytes::new()), WAIT).await.expect("it answers").status, 302);
    }

    #[tokio::test]
    async fn what_does_not_answer_is_named_and_what_was_asked_is_not() {
        for bytes in ["", "SSH-2.0-OpenSSH_10\r\n", "HTTP/1.1 101 Switching Protocols\r\n"] {
            let (port, _) = answering(bytes).await;
            let short = Duration::from_millis(300);
            let error = line().switch(request(port, ()), short).await.expect_err("no answer");
            assert_eq!(error.reason(), Some(Reason::ConnectionFailed), "{bytes}");
            let text = error.to_string();
            assert!(text.contains(&port.to_string()) && !text.contains("a=b"), "{text}");
        }
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let port = listener.local_addr().expect("an address").port();
        drop(listener);
        let error = line().send(request(port, Bytes::new()), WAIT).await.expect_err("nobody is there").to_string();
        assert!(error.contains(&port.to_string()) && !error.contains("a=b"), "{error}");
    }
}
