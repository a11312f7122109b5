//! Connects to a homeserver: its addresses, and a certificate for its name, whatever host an SRV record names.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use hearth_base::config::Outgoing;
use hearth_base::{Result, limits};
use http::Uri;
use tokio::sync::Semaphore;
use tokio_rustls::TlsConnector;

use super::authority::Authority;
use super::locate;
use crate::connect::dns::Dns;
use crate::connect::link::Link;
use crate::connect::words::Words;
use crate::connect::{self, tls};
use crate::guard::Guard;

/// The connector of hyper's client: connects to the authority of a URL. Cheap to clone.
#[derive(Debug, Clone)]
pub(super) struct Dial(Arc<Inner>);

struct Inner {
    guard: Guard,
    dns: Arc<dyn Dns>,
    tls: TlsConnector,
    wait: Duration,
    /// One permit for each open connection.
    places: Arc<Semaphore>,
}

impl Dial {
    pub(super) fn new(config: &Outgoing, guard: Guard, dns: Arc<dyn Dns>) -> Result<Self> {
        let tls = tls::connector(config, &["h2", "http/1.1"])?;
        let wait = Duration::from_millis(config.connect_timeout_ms);
        let places = Arc::new(Semaphore::new(limits::FEDERATION_CONNECTIONS_MAX));
        Ok(Self(Arc::new(Inner { guard, dns, tls, wait, places })))
    }
}

impl Inner {
    async fn connect(&self, to: Uri) -> Result<Link, Words> {
        let authority = Authority::parse(to.authority().map_or("", |authority| authority.as_str()))?;
        let in_time = tokio::time::timeout(self.wait, async {
            let places = Arc::clone(&self.places);
            let place = places.acquire_owned().await.map_err(|_| Words::new("this server is stopping"))?;
            // When few permits are left, connections do not return to the pool, so that idle ones do not block others.
            let once = self.places.available_permits() < limits::FEDERATION_CONNECTIONS_MAX / 2;
            Ok(self.secured(&authority).await?.holding(place, once))
        });
        let late = |_| Words(format!("no connection stood after {} s", self.wait.as_secs_f32()));
        in_time.await.map_err(late)?
    }

    async fn secured(&self, authority: &Authority) -> Result<Link, Words> {
        let groups = locate::locate(&*self.dns, authority).await?;
        let (stream, address) = connect::connect(&self.guard, groups).await?;
        connect::secure(&self.tls, &authority.certified(), stream, address).await.map(Link::secure)
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
