//! Connecting: looks the addresses up, asks the guard about each, races them, and checks that who answers is who was meant.
//!
//! The addresses that the guard has seen are the ones that are connected to, so a name that leads elsewhere a moment later
//! gains nothing.

use std::future::Future;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use hearth_base::config::Outgoing;
use hearth_base::{Result, limits};
use http::Uri;
use rustls::pki_types::ServerName;
use tokio::net::TcpStream;
use tokio::sync::Semaphore;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use super::authority::Authority;
use super::dns::Dns;
use super::link::Link;
use super::words::{self, Words};
use super::{locate, race};
use crate::client::tls_config;
use crate::guard::Guard;

/// Makes connections to what the authority of a URL names. Cheap to clone.
#[derive(Debug, Clone)]
pub(super) struct Dial(Arc<Inner>);

struct Inner {
    guard: Guard,
    dns: Arc<dyn Dns>,
    tls: TlsConnector,
    wait: Duration,
    /// A place for each connection that is open.
    places: Arc<Semaphore>,
}

impl Dial {
    pub(super) fn new(config: &Outgoing, guard: Guard, dns: Arc<dyn Dns>) -> Result<Self> {
        let mut tls = tls_config(config)?;
        tls.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
        let wait = Duration::from_millis(config.connect_timeout_ms);
        let places = Arc::new(Semaphore::new(limits::FEDERATION_CONNECTIONS_MAX));
        Ok(Self(Arc::new(Inner { guard, dns, tls: TlsConnector::from(Arc::new(tls)), wait, places })))
    }
}

impl Inner {
    async fn connect(&self, to: Uri) -> Result<Link, Words> {
        let authority = Authority::parse(to.authority().map_or("", |authority| authority.as_str()))?;
        let in_time = tokio::time::timeout(self.wait, async {
            let places = Arc::clone(&self.places);
            let place = places.acquire_owned().await.map_err(|_| Words::new("this server is stopping"))?;
            // When there is little room, connections are not kept for later.
            let once = self.places.available_permits() < limits::FEDERATION_CONNECTIONS_MAX / 2;
            let stream = self.secured(&authority).await?;
            Ok(Link::new(stream, once, place))
        });
        let late = |_| Words(format!("no connection stood after {} s", self.wait.as_secs_f32()));
        in_time.await.map_err(late)?
    }

    async fn secured(&self, authority: &Authority) -> Result<TlsStream<TcpStream>, Words> {
        let addresses = self.permitted(locate::locate(&*self.dns, authority).await?)?;
        let (stream, address) = race::connect(addresses).await?;
        // Small requests, each waiting for its answer.
        if let Err(error) = stream.set_nodelay(true) {
            tracing::debug!(%error, "A connection keeps its delay.");
        }
        let name = authority.certified();
        let meant = ServerName::try_from(name.clone())
            .map_err(|_| Words(format!("no certificate can be for the name {name}")))?;
        self.tls.connect(meant, stream).await.map_err(|error| words::of_tls(&error, &name, address))
    }

    /// Leaves out the addresses that this server may not connect to.
    fn permitted(&self, mut groups: Vec<Vec<SocketAddr>>) -> Result<Vec<Vec<SocketAddr>>, Words> {
        let mut forbidden = None;
        for group in &mut groups {
            group.retain(|address| {
                let allowed = self.guard.allows(address.ip());
                if !allowed {
                    forbidden = Some(address.ip());
                }
                allowed
            });
        }
        groups.retain(|group| !group.is_empty());
        match forbidden {
            Some(address) if groups.is_empty() => Err(Words(format!(
                "it is at {address}, to which this server may not connect; `outgoing.allowed_ranges` opens it"
            ))),
            _ => Ok(groups),
        }
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

impl std::fmt::Debug for Inner {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Dial").field("guard", &self.guard).finish_non_exhaustive()
    }
}
