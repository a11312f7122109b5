//! State that every handler receives.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use hearth_domain::Domain;

use crate::route::BodyBudgets;

/// Handed to every handler; cheap to clone.
#[derive(Debug, Clone)]
pub struct App {
    /// The use cases: handlers translate HTTP to and from calls of these.
    pub domain: Arc<Domain>,
    /// Memory for request bodies.
    pub bodies: Arc<BodyBudgets>,
}

impl App {
    /// Everything that handlers need, over the use cases.
    #[must_use]
    pub fn new(domain: Arc<Domain>) -> Self {
        Self { domain, bodies: Arc::default() }
    }
}

/// Whether a connection has carried a request with a valid access token. The listener adds one per connection to the
/// extensions of its requests. At the connection limit, connections without a token are closed first.
#[derive(Debug, Clone, Default)]
pub struct ConnectionAuth(Arc<AtomicBool>);

impl ConnectionAuth {
    /// Marks the connection as authenticated.
    pub fn set(&self) {
        self.0.store(true, Ordering::Relaxed);
    }

    /// Whether any request of the connection was authenticated.
    #[must_use]
    pub fn is_authenticated(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}

/// The client's address, after the listener has evaluated trusted proxies. `None` for a Unix socket whose proxy sent
/// no `X-Forwarded-For`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct ClientAddress(pub Option<std::net::IpAddr>);
