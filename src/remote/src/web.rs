//! HTTP to arbitrary URLs: the guard checks every address, including those of redirects.
//!
//! Uses the same pooled hyper client as federation, with connections of its own; there is no second HTTP stack.

use std::future::Future;
use std::net::{IpAddr, SocketAddr};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use hearth_base::config::{Cidr, Outgoing};
use hearth_base::limits::remote::{WEB_IDLE_MAX, WEB_REDIRECTS_MAX};
use hearth_base::net::is_public;
use hearth_base::{Result, limits};
use http::{HeaderValue, Request, Response, Uri, header};
use http_body_util::Full;
use hyper::body::Incoming;
use hyper_util::client::legacy::Client;
use hyper_util::rt::{TokioExecutor, TokioTimer};
use tokio_rustls::TlsConnector;
use url::Url;

use crate::connect::dns::{Dns, Miss, SystemResolver};
use crate::connect::link::Link;
use crate::connect::words::{self, Words};
use crate::connect::{self, USER_AGENT, tls};
use crate::guard::Guard;

/// The default port of `https` URLs.
pub(crate) const HTTPS_PORT: u16 = 443;
const HTTP_PORT: u16 = 80;

/// A web client. Cheap to clone.
#[derive(Debug, Clone)]
pub(crate) struct Web {
    http: Client<Dial, Full<Bytes>>,
}

/// Why a URL could not be fetched.
#[derive(Debug)]
pub(crate) enum GetError {
    /// No response arrived.
    Failed(Words),
    /// The response redirects to a target that this client does not follow.
    Redirect(Words),
}

impl Web {
    /// For URLs that others choose: only over TLS, and only to addresses that the guard permits. `port` replaces 443 in
    /// tests.
    pub(crate) fn guarded(config: &Outgoing, dns: Arc<dyn Dns>, port: u16) -> Result<Self> {
        Ok(Self::with(Inner {
            guard: Guard::new(config),
            dns,
            tls: tls::connector(config, &["h2", "http/1.1"])?,
            wait: Duration::from_millis(config.connect_timeout_ms),
            https_port: port,
            plain: Plain::Never,
        }))
    }

    /// For push gateways, whose URLs users choose: as [`Web::guarded`], with the addresses that the operator allows them
    /// besides. Those may be reached without TLS.
    pub(crate) fn gateways(config: &Outgoing, allowed: &[Cidr]) -> Result<Self> {
        Ok(Self::with(Inner {
            guard: Guard::new(config).allowing(allowed),
            dns: Arc::new(SystemResolver),
            tls: tls::connector(config, &["h2", "http/1.1"])?,
            wait: Duration::from_millis(config.connect_timeout_ms),
            https_port: HTTPS_PORT,
            plain: Plain::Private,
        }))
    }

    /// For pages whose URLs users choose: as [`Web::guarded`], and also without TLS, since nothing secret is sent.
    pub(crate) fn pages(config: &Outgoing) -> Result<Self> {
        Ok(Self::with(Inner {
            guard: Guard::new(config),
            dns: Arc::new(SystemResolver),
            tls: tls::connector(config, &["h2", "http/1.1"])?,
            wait: Duration::from_millis(config.connect_timeout_ms),
            https_port: HTTPS_PORT,
            plain: Plain::Always,
        }))
    }

    /// For URLs that the operator configures: also without TLS, and to any address. HTTP/1.1 only, since it can switch
    /// to another protocol (status 101).
    pub(crate) fn direct(config: &Outgoing) -> Result<Self> {
        Ok(Self::with(Inner {
            guard: Guard::everything(),
            dns: Arc::new(SystemResolver),
            tls: tls::connector(config, &["http/1.1"])?,
            wait: Duration::from_millis(config.connect_timeout_ms),
            https_port: HTTPS_PORT,
            plain: Plain::Always,
        }))
    }

    fn with(inner: Inner) -> Self {
        let http = Client::builder(TokioExecutor::new())
            .timer(TokioTimer::new())
            .pool_timer(TokioTimer::new())
            .pool_idle_timeout(WEB_IDLE_MAX)
            .pool_max_idle_per_host(limits::WEB_IDLE_PER_HOST_MAX)
            .build(Dial(Arc::new(inner)));
        Self { http }
    }

    /// Sends a request, without following redirects. Has no timeout of its own.
    pub(crate) async fn send(&self, mut request: Request<Full<Bytes>>) -> Result<Response<Incoming>, Words> {
        request.headers_mut().entry(header::USER_AGENT).or_insert(HeaderValue::from_static(USER_AGENT));
        self.http.request(request).await.map_err(|error| words::of_request(&error))
    }

    /// Fetches a URL, following redirects. Has no timeout of its own.
    pub(crate) async fn get(&self, url: &Url) -> Result<Response<Incoming>, GetError> {
        let mut at = url.clone();
        for _ in 0..=WEB_REDIRECTS_MAX {
            let response = self.send(get(&at).map_err(GetError::Redirect)?).await.map_err(GetError::Failed)?;
            match redirect(&response, &at).map_err(GetError::Redirect)? {
                Some(next) => at = next,
                None => return Ok(response),
            }
        }
        Err(GetError::Redirect(Words::new("it redirects too often")))
    }
}

fn get(url: &Url) -> Result<Request<Full<Bytes>>, Words> {
    let unfit = |_| Words(format!("{} cannot be asked for", url.host_str().unwrap_or("a URL without a host")));
    let uri: Uri = url[..url::Position::AfterQuery].parse().map_err(unfit)?;
    let mut request = Request::new(Full::default());
    *request.uri_mut() = uri;
    Ok(request)
}

/// The target of a redirect; `None` for other responses.
fn redirect(response: &Response<Incoming>, from: &Url) -> Result<Option<Url>, Words> {
    let to = response.headers().get(header::LOCATION).filter(|_| {
        // A GET is repeated as a GET for each of these.
        matches!(response.status().as_u16(), 301 | 302 | 303 | 307 | 308)
    });
    let Some(to) = to else { return Ok(None) };
    let next = to.to_str().ok().and_then(|to| from.join(to).ok());
    let next = next.ok_or_else(|| Words::new("it redirects to something that is no URL"))?;
    // A redirect must not downgrade from TLS.
    if next.scheme() != "https" {
        return Err(Words::new("it redirects to a URL that is not https"));
    }
    if !next.username().is_empty() || next.password().is_some() {
        return Err(Words::new("it redirects to a URL with a user name"));
    }
    Ok(Some(next))
}

/// The connector of hyper's client: connects to the authority of a URL.
#[derive(Clone)]
struct Dial(Arc<Inner>);

struct Inner {
    guard: Guard,
    dns: Arc<dyn Dns>,
    tls: TlsConnector,
    wait: Duration,
    https_port: u16,
    plain: Plain,
}

/// Which addresses may be reached without TLS.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Plain {
    Never,
    /// Those that are not public, as far as the guard allows any.
    Private,
    Always,
}

impl Inner {
    async fn connect(&self, to: Uri) -> Result<Link, Words> {
        let late = |_| Words(format!("no connection stood after {} s", self.wait.as_secs_f32()));
        tokio::time::timeout(self.wait, self.linked(&to)).await.map_err(late)?
    }

    async fn linked(&self, to: &Uri) -> Result<Link, Words> {
        let is_secure = to.scheme_str() == Some("https");
        if !is_secure && self.plain == Plain::Never {
            return Err(Words::new("only https is spoken with strangers"));
        }
        let host = to.host().unwrap_or_default().trim_start_matches('[').trim_end_matches(']');
        let port = to.port_u16().unwrap_or(if is_secure { self.https_port } else { HTTP_PORT });
        let mut addresses = self.addresses(host).await?;
        if !is_secure && self.plain == Plain::Private {
            addresses.retain(|ip| !is_public(*ip));
            if addresses.is_empty() {
                return Err(Words::new("only https is spoken with what is on the internet"));
            }
        }
        let addresses = addresses.into_iter().map(|ip| SocketAddr::new(ip, port)).collect();
        let (stream, address) = connect::connect(&self.guard, vec![addresses]).await?;
        if !is_secure {
            return Ok(Link::plain(stream));
        }
        connect::secure(&self.tls, host, stream, address).await.map(Link::secure)
    }

    async fn addresses(&self, host: &str) -> Result<Vec<IpAddr>, Words> {
        if let Ok(ip) = host.parse() {
            return Ok(vec![ip]);
        }
        self.dns.addresses(host).await.map_err(|miss| match miss {
            Miss::None => Words(format!("there is no address of {host} in the DNS")),
            Miss::Failed(why) => Words(format!("{host} could not be looked up: {why}")),
        })
    }
}

impl tower::Service<Uri> for Dial {
    type Response = Link;
    type Error = Words;
    type Future = Pin<Box<dyn Future<Output = Result<Link, Words>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Words>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, to: Uri) -> Self::Future {
        let inner = Arc::clone(&self.0);
        Box::pin(async move { inner.connect(to).await })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn why(web: &Web, url: &str) -> String {
        match web.get(&url.parse().expect("a URL")).await {
            Err(GetError::Failed(words) | GetError::Redirect(words)) => words.0,
            Ok(response) => panic!("{url}: {response:?}"),
        }
    }

    fn web() -> Web {
        Web::guarded(&Outgoing::default(), Arc::new(SystemResolver), HTTPS_PORT).expect("a client")
    }

    #[tokio::test]
    async fn names_that_resolve_to_this_machine_are_not_connected_to() {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let port = listener.local_addr().expect("an address").port();
        let why = why(&web(), &format!("https://localhost:{port}/")).await;
        assert!(why.contains("may not connect"), "{why}");
        let waiting = tokio::time::timeout(Duration::from_millis(50), listener.accept()).await;
        assert!(waiting.is_err(), "the guard let a name of this machine through");
    }

    #[tokio::test]
    async fn addresses_are_seen_in_every_spelling() {
        for host in ["127.0.0.1", "2130706433", "0x7f.1", "0177.0.0.1", "127.1", "[::1]", "[::ffff:127.0.0.1]"] {
            let why = why(&web(), &format!("https://{host}/")).await;
            assert!(why.contains("may not connect"), "{host}: {why}");
        }
    }

    #[tokio::test]
    async fn without_tls_nothing_is_asked() {
        let why = why(&web(), "http://localhost/").await;
        assert!(why.contains("only https"), "{why}");
    }
}
