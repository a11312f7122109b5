//! What every handler gets.

use std::sync::Arc;

use hearth_domain::Domain;

/// Handed to every handler; cheap to clone.
#[derive(Debug, Clone)]
pub struct App {
    /// The use cases.
    pub domain: Arc<Domain>,
}

/// Where a request came from, as far as that can be trusted: the listener has looked at trusted proxies. None for a Unix socket
/// without a proxy's header.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct ClientAddress(pub Option<std::net::IpAddr>);
