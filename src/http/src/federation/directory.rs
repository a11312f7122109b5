//! The public directory of rooms, for other servers.

use hearth_base::Result;
use hearth_domain::rooms::directory::{DirectoryListing, DirectoryQuery};
use ruma::UInt;
use ruma::api::federation::directory::{get_public_rooms, get_public_rooms_filtered};

use crate::App;
use crate::route::{Endpoint, Ruma};

/// The endpoints of this file.
pub(super) fn endpoints() -> Vec<Endpoint> {
    vec![Endpoint::new(list), Endpoint::new(search)]
}

async fn list(app: App, request: Ruma<get_public_rooms::v1::Request>) -> Result<get_public_rooms::v1::Response> {
    let question = DirectoryQuery {
        limit: request.limit.map(Into::into),
        since: request.since.clone(),
        network: request.room_network.clone(),
        ..DirectoryQuery::default()
    };
    let DirectoryListing { cards, next, previous, total } = app.domain.rooms.directory(question).await?;
    let mut response = get_public_rooms::v1::Response::new();
    (response.chunk, response.next_batch, response.prev_batch) = (cards, next, previous);
    response.total_room_count_estimate = Some(UInt::new_saturating(total));
    Ok(response)
}

async fn search(
    app: App,
    request: Ruma<get_public_rooms_filtered::v1::Request>,
) -> Result<get_public_rooms_filtered::v1::Response> {
    let question = DirectoryQuery {
        server: None,
        limit: request.limit.map(Into::into),
        since: request.since.clone(),
        filter: request.filter.clone(),
        network: request.room_network.clone(),
    };
    let DirectoryListing { cards, next, previous, total } = app.domain.rooms.directory(question).await?;
    let mut response = get_public_rooms_filtered::v1::Response::new();
    (response.chunk, response.next_batch, response.prev_batch) = (cards, next, previous);
    response.total_room_count_estimate = Some(UInt::new_saturating(total));
    Ok(response)
}
