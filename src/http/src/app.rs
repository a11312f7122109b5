//! What every handler gets.

use std::sync::Arc;

use hearth_domain::Domain;

/// Handed to every handler; cheap to clone.
#[derive(Debug, Clone)]
pub struct App {
    /// The use cases.
    pub domain: Arc<Domain>,
}

/// Where a request came from. Put into the request's extensions by the listener, after it has looked at trusted proxies.
#[derive(Debug, Clone)]
pub struct ClientAddress {
    /// The client's address as far as it can be trusted; none for a Unix socket without a proxy header.
    pub address: Option<std::net::IpAddr>,
}
