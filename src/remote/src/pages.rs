//! Web pages and pictures for URL previews. Users choose their URLs, and then the pages do, so the guard applies to each.
//! Redirects are not followed here: the domain decides about the next URL, and asks for it.

use std::time::Duration;

use bytes::Bytes;
use hearth_base::config::Outgoing;
use hearth_base::{Error, Reason, Result, error::refusal};
use hearth_domain::ports::{Eventually, WebPages, WebResponse};
use http::{HeaderMap, HeaderName, HeaderValue, Request, header};
use http_body_util::Full;
use tokio::time::{Instant, timeout_at};

use crate::connect::body;
use crate::web::Web;

/// The client for web pages.
#[derive(Debug, Clone)]
pub struct Pages {
    web: Web,
}

impl Pages {
    /// A client with the timeouts and allowed addresses of the configuration.
    pub fn new(config: &Outgoing) -> Result<Self> {
        Ok(Self { web: Web::pages(config)? })
    }
}

impl WebPages for Pages {
    fn get(
        &self,
        url: String,
        accept: &'static str,
        encoding: &'static str,
        wait: Duration,
    ) -> Eventually<Result<WebResponse>> {
        let (web, until) = (self.web.clone(), Instant::now() + wait);
        Box::pin(async move {
            let request = Request::get(url)
                .header(header::ACCEPT, HeaderValue::from_static(accept))
                .header(header::ACCEPT_ENCODING, HeaderValue::from_static(encoding))
                .header(header::ACCEPT_LANGUAGE, HeaderValue::from_static("en"));
            let request = request.body(Full::<Bytes>::default());
            let request = request.map_err(|error| silent(format!("its URL cannot be used: {error}")))?;
            let late = |_| silent("it takes too long to answer".to_owned());
            let response = timeout_at(until, web.send(request)).await.map_err(late)?;
            let response = response.map_err(|words| silent(words.0))?;
            let text = |name: HeaderName| text(response.headers(), &name);
            Ok(WebResponse {
                status: response.status().as_u16(),
                location: text(header::LOCATION),
                content_type: text(header::CONTENT_TYPE),
                content_encoding: text(header::CONTENT_ENCODING),
                bytes: text(header::CONTENT_LENGTH).and_then(|length| length.parse().ok()),
                body: body::pieces(response.into_body(), Some(until), silent),
            })
        })
    }
}

fn text(headers: &HeaderMap, name: &HeaderName) -> Option<String> {
    headers.get(name).and_then(|value| value.to_str().ok()).map(str::to_owned)
}

/// The user reads this error. It tells the same of an address that must not be reached as of one that does not answer:
/// otherwise previews would be a way to explore the network of the server.
fn silent(why: String) -> Error {
    refusal(Reason::ConnectionFailed, "The page cannot be fetched.").because(why).into()
}

#[cfg(test)]
mod tests {
    use tokio::net::TcpListener;

    use super::*;

    #[tokio::test]
    async fn private_addresses_are_refused_in_every_spelling_and_not_named() {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let port = listener.local_addr().expect("an address").port();
        let pages = Pages::new(&Outgoing::default()).expect("a client");
        for host in ["127.0.0.1", "localhost", "127.1", "2130706433", "[::1]", "[::ffff:127.0.0.1]", "0.0.0.0"] {
            for scheme in ["http", "https"] {
                let url = format!("{scheme}://{host}:{port}/");
                let error =
                    pages.get(url.clone(), "*/*", "identity", Duration::from_secs(5)).await.expect_err("refused");
                assert!(error.for_operator().contains("may not connect"), "{url}: {}", error.for_operator());
                assert!(!error.to_string().contains("127"), "{error}");
            }
        }
        let waiting = tokio::time::timeout(Duration::from_millis(50), listener.accept()).await;
        assert!(waiting.is_err(), "the guard let a connection through");
    }
}
