//! Push gateways (push gateway API). Users choose their URLs, so the guard applies, and redirects are not followed: they
//! would let a gateway choose another target after the check of the URL.

use std::time::Duration;

use bytes::Bytes;
use hearth_base::config::Config;
use hearth_base::{Error, Reason, Result, error::refuse};
use hearth_domain::ports::{Eventually, PushGateways, RemoteResponse};
use http::{HeaderValue, Request, header};
use http_body_util::Full;
use tokio::time::{Instant, timeout_at};

use crate::connect::body;
use crate::web::Web;

/// The client for push gateways.
#[derive(Debug, Clone)]
pub struct Gateways {
    web: Web,
}

impl Gateways {
    /// A client with the timeouts and allowed addresses of the configuration.
    pub fn new(config: &Config) -> Result<Self> {
        Ok(Self { web: Web::gateways(&config.outgoing, &config.push.allowed_ranges)? })
    }
}

impl PushGateways for Gateways {
    fn notify(&self, url: String, body: Bytes, wait: Duration) -> Eventually<Result<RemoteResponse>> {
        let (web, until) = (self.web.clone(), Instant::now() + wait);
        Box::pin(async move {
            let json = HeaderValue::from_static("application/json");
            let request = Request::post(url).header(header::CONTENT_TYPE, json).body(Full::new(body));
            let request = request.map_err(|error| silent(format!("its URL cannot be used: {error}")))?;
            let late = |_| silent("it takes too long to answer".to_owned());
            let response = timeout_at(until, web.send(request)).await.map_err(late)?;
            let response = response.map_err(|words| silent(words.0))?;
            let (status, content_type) = (response.status().as_u16(), body::content_type(response.headers()));
            Ok(RemoteResponse { status, content_type, body: body::pieces(response.into_body(), Some(until), silent) })
        })
    }
}

fn silent(why: String) -> Error {
    refuse(Reason::ConnectionFailed, why)
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::TcpListener;

    use super::*;

    const WAIT: Duration = Duration::from_secs(5);

    async fn notify(allowed: &[&str], url: String) -> Result<RemoteResponse> {
        let mut config = Config::default();
        config.push.allowed_ranges = allowed.iter().map(|range| range.parse().expect("a range")).collect();
        let gateways = Gateways::new(&config).expect("a client");
        gateways.notify(url, Bytes::from_static(b"{}"), WAIT).await
    }

    #[tokio::test]
    async fn private_addresses_are_refused_unless_the_operator_allows_them() {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let port = listener.local_addr().expect("an address").port();
        let url = |host: &str| format!("http://{host}:{port}/_matrix/push/v1/notify");
        for host in ["127.0.0.1", "localhost", "127.1", "[::ffff:127.0.0.1]"] {
            let error = notify(&[], url(host)).await.expect_err("refused");
            assert!(error.for_operator().contains("may not connect"), "{host}: {}", error.for_operator());
        }
        let answering = async {
            let (mut stream, _) = listener.accept().await.expect("a connection");
            let mut request = [0; 4_096];
            let length = stream.read(&mut request).await.expect("a request");
            let answer = b"HTTP/1.1 302 Found\r\nlocation: http://10.0.0.1/\r\ncontent-length: 0\r\n\r\n";
            stream.write_all(answer).await.expect("written");
            String::from_utf8_lossy(&request[..length]).into_owned()
        };
        let (answer, request) = tokio::join!(notify(&["127.0.0.0/8"], url("127.0.0.1")), answering);
        assert_eq!(answer.expect("an answer").status, 302, "redirects stay answers");
        assert!(request.starts_with("POST /_matrix/push/v1/notify HTTP/1.1\r\n"), "{request}");
    }

    #[tokio::test]
    async fn the_internet_is_reached_over_tls_only() {
        let error = notify(&[], "http://192.0.9.1/_matrix/push/v1/notify".to_owned()).await.expect_err("refused");
        assert!(error.for_operator().contains("only https"), "{}", error.for_operator());
    }
}
