//! The federation client: discovery of, connections to and requests to other homeservers (server-server API, "Resolving
//! server names").
//!
//! A request takes four steps, each in its own file: `well_known` finds where a server name delegates to, `locate`
//! resolves that to addresses, `dial` connects to one of them and verifies its certificate, and `calls` sends the
//! request.
//!
//! The domain writes the requests, signs them and interprets the responses.

mod authority;
mod calls;
mod dial;
mod fetch;
mod lifetime;
mod locate;
#[cfg(test)]
mod tests;
mod told;
mod well_known;

use std::sync::Arc;
use std::time::Duration;

use hearth_base::config::Outgoing;
use hearth_base::{Result, Seams};
use hearth_domain::ports::{Call, Eventually, Network, RemoteResponse};
use ruma::ServerName;

use crate::connect::dns::{Dns, SystemDns};
use crate::guard::Guard;
use calls::Calls;
use dial::Dial;
use fetch::Fetcher;
use well_known::WellKnown;

/// The HTTPS port, for well-known documents and media.
const HTTPS_PORT: u16 = 443;

/// The client for other homeservers. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Homeservers(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    well_known: WellKnown,
    calls: Calls,
    fetcher: Fetcher,
}

impl Homeservers {
    /// A client with the limits of the configuration and the system's DNS servers.
    pub fn new(config: &Outgoing, seams: Seams) -> Result<Self> {
        Self::with_dns(config, Arc::new(SystemDns::default()), HTTPS_PORT, seams)
    }

    /// Like [`Self::new`] with another resolver and another HTTPS port, for tests.
    fn with_dns(config: &Outgoing, dns: Arc<dyn Dns>, https_port: u16, seams: Seams) -> Result<Self> {
        let fetcher = Fetcher::new(config, Arc::clone(&dns), https_port)?;
        let dial = Dial::new(config, Guard::new(config), dns)?;
        let well_known = WellKnown::new(Box::new(fetcher.clone()), seams);
        Ok(Self(Arc::new(Inner { well_known, calls: Calls::new(dial), fetcher })))
    }
}

impl Network for Homeservers {
    fn call(&self, call: Call) -> Eventually<Result<RemoteResponse>> {
        let inner = Arc::clone(&self.0);
        Box::pin(async move { inner.calls.call(&inner.well_known, call).await })
    }

    fn fetch(&self, url: String, wait: Duration) -> Eventually<Result<RemoteResponse>> {
        let inner = Arc::clone(&self.0);
        Box::pin(async move { inner.fetcher.file(&url, wait).await })
    }

    fn forget(&self, server: &ServerName) {
        self.0.well_known.forget(server.host());
        self.0.calls.forget();
    }
}
