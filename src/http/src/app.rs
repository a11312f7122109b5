//! What every handler gets.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use hearth_domain::Domain;

use crate::route::BodyBudget;

/// Handed to every handler; cheap to clone.
#[derive(Debug, Clone)]
pub struct App {
    /// The use cases.
    pub domain: Arc<Domain>,
    /// Memory for request bodies.
    pub bodies: Arc<BodyBudget>,
}

impl App {
    /// Everything that handlers need, over the use cases.
    #[must_use]
    pub fn new(domain: Arc<Domain>) -> Self {
        Self { domain, bodies: Arc::default() }
    }
}

/// Whether a connection has carried a request with a valid access token. The listener puts one for each connection into the
/// extensions of its requests; connections without a token give way when places run out.
#[derive(Debug, Clone, Default)]
pub struct ConnectionAuth(Arc<AtomicBool>);

impl ConnectionAuth {
    /// Notes that a request bore a valid token.
    pub fn set(&self) {
        self.0.store(true, Ordering::Relaxed);
    }

    /// Whether one has.
    #[must_use]
    pub fn is_authenticated(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}

/// Where a request came from, as far as that can be trusted: the listener has looked at trusted proxies. None for a Unix socket
/// without a proxy's header.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct ClientAddress(pub Option<std::net::IpAddr>);
