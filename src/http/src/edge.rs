//! The layer around every handler: rate limits, request ids, CORS, unknown paths.

mod cors;
mod counters;
mod matched;
mod onward;
mod request_id;
mod serve;
mod slow_body;

pub use cors::SameOriginOnly;
pub use counters::{Count, Counters};
pub use onward::Onward;
pub use serve::Edge;

use hearth_base::Result;
use hearth_domain::Requester;
pub use hearth_domain::rates::Rate;
use hearth_domain::rates::RateSubject;

use crate::app::{App, ClientAddress};

/// Counts the request against its user, or against its client address when no user is authenticated. Fails with
/// `M_LIMIT_EXCEEDED`.
pub fn rate_limit(app: &App, rate: Rate, client: ClientAddress, requester: Option<&Requester>) -> Result<()> {
    match requester {
        Some(requester) => app.domain.rates.take_of(rate, requester),
        None => app.domain.rates.take(rate, RateSubject::address(client.0)),
    }
}
