//! HTTP to programs whose address the operator configures, such as the SFU of group calls. The guard does not apply,
//! because no remote party chooses these addresses. Redirects are not followed, so a program cannot send the server
//! elsewhere either.

use std::time::Duration;

use bytes::Bytes;
use hearth_base::config::Outgoing;
use hearth_base::{Error, Reason, Result, error::refusal, limits};
use hearth_domain::ports::{self, Eventually, RemoteResponse, Switched};
use http::{Request, Response, StatusCode};
use http_body_util::{BodyExt, Full, Limited};
use hyper::body::Incoming;
use hyper_util::rt::TokioIo;
use tokio::time::{Instant, timeout, timeout_at};

use crate::connect::body;
use crate::web::{HTTPS_PORT, Web};

/// The client for real connections.
#[derive(Debug, Clone)]
pub struct Appointed {
    web: Web,
}

impl Appointed {
    /// A client with the timeouts and certificate authorities of the configuration.
    pub fn new(config: &Outgoing) -> Result<Self> {
        Ok(Self { web: Web::direct(config)? })
    }

    /// Sends a request and returns the whole response, of at most `bytes_max` bytes, within `wait`.
    ///
    /// # Errors
    /// When nothing answers, or with more.
    pub async fn exchange(&self, request: Request<Bytes>, wait: Duration, bytes_max: usize) -> Result<Response<Bytes>> {
        let place = place(&request);
        let exchanged = async {
            let response = self.web.send(request.map(Full::new)).await.map_err(|words| silent(&place, words))?;
            let (head, body) = response.into_parts();
            let body = Limited::new(body, bytes_max).collect().await.map_err(|error| silent(&place, error))?;
            Ok(Response::from_parts(head, body.to_bytes()))
        };
        timeout(wait, exchanged).await.map_err(|_| late(&place))?
    }
}

impl ports::Appointed for Appointed {
    fn send(&self, request: Request<Bytes>, wait: Duration) -> Eventually<Result<RemoteResponse>> {
        let (web, until) = (self.web.clone(), Instant::now() + wait);
        Box::pin(async move {
            let place = place(&request);
            let response = timeout_at(until, web.send(request.map(Full::new))).await.map_err(|_| late(&place))?;
            let response = response.map_err(|words| silent(&place, words))?;
            let (status, content_type) = (response.status().as_u16(), body::content_type(response.headers()));
            let broken = move |why| silent(&place, why);
            Ok(RemoteResponse { status, content_type, body: body::pieces(response.into_body(), Some(until), broken) })
        })
    }

    fn switch(&self, request: Request<()>, wait: Duration) -> Eventually<Result<Switched>> {
        let web = self.web.clone();
        Box::pin(async move {
            let place = place(&request);
            timeout(wait, talk(&web, request, &place)).await.map_err(|_| late(&place))?
        })
    }
}

/// Host and port of a URL, for error messages.
fn place<B>(request: &Request<B>) -> String {
    let uri = request.uri();
    let port = uri.port_u16().unwrap_or(if uri.scheme_str() == Some("https") { HTTPS_PORT } else { 80 });
    format!("{}:{port}", uri.host().unwrap_or_default())
}

/// Sends one request and waits for the switch to another protocol (status 101).
async fn talk(web: &Web, request: Request<()>, place: &str) -> Result<Switched> {
    let response = web.send(request.map(|()| Full::default())).await.map_err(|words| silent(place, words))?;
    if response.status() != StatusCode::SWITCHING_PROTOCOLS {
        return answer(response, place).await.map(Switched::No);
    }
    let (head, body) = response.into_parts();
    let upgraded = hyper::upgrade::on(Response::from_parts(head.clone(), body)).await;
    let upgraded = upgraded.map_err(|error| silent(place, error))?;
    Ok(Switched::Yes(head, Box::new(TokioIo::new(upgraded))))
}

/// Reads a response that refuses the switch; its body is limited.
async fn answer(response: Response<Incoming>, place: &str) -> Result<RemoteResponse> {
    let (status, content_type) = (response.status().as_u16(), body::content_type(response.headers()));
    let body = Limited::new(response.into_body(), limits::SFU_REFUSAL_BYTES_MAX).collect().await;
    let body = body.map_err(|error| silent(place, error))?.to_bytes();
    let body = Box::pin(futures_util::stream::iter([Ok(body)]));
    Ok(RemoteResponse { status, content_type, body })
}

fn late(place: &str) -> Error {
    silent(place, "it takes too long to answer")
}

fn silent(place: &str, why: impl std::fmt::Display) -> Error {
    // Clients get this error too, and the address is often one of this machine.
    let message = "A service of this server does not answer. Tell its administrator, and try again later.";
    refusal(Reason::ConnectionFailed, message).because(format!("nothing answers at {place} as it should: {why}")).into()
}

#[cfg(test)]
mod tests {
    use hearth_domain::ports::Appointed as _;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::TcpListener;

    use super::*;

    const WAIT: Duration = Duration::from_secs(5);

    /// Answers one connection with fixed bytes, then echoes; returns the request.
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
            let text = error.for_operator();
            assert!(text.contains(&port.to_string()) && !text.contains("a=b"), "{text}");
        }
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let port = listener.local_addr().expect("an address").port();
        drop(listener);
        let error = line().send(request(port, Bytes::new()), WAIT).await.expect_err("nobody is there");
        assert!(!error.to_string().contains(&port.to_string()), "clients read where it is: {error}");
        let error = error.for_operator();
        assert!(error.contains(&port.to_string()) && !error.contains("a=b"), "{error}");
    }
}
