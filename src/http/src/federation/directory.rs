//! The public room directory, for other servers.

use hearth_base::Result;
use hearth_domain::rooms::directory::DirectoryQuery;
use ruma::api::federation::directory::{get_public_rooms, get_public_rooms_filtered};

use crate::App;
use crate::directory_page::Page;
use crate::respond::Json;
use crate::route::{Endpoint, Ruma};

/// Registers `publicRooms` for GET and POST.
pub(super) fn endpoints() -> Vec<Endpoint> {
    vec![Endpoint::new(list), Endpoint::new(search)]
}

async fn list(app: App, request: Ruma<get_public_rooms::v1::Request>) -> Result<Json<Page>> {
    let question = DirectoryQuery {
        limit: request.limit.map(Into::into),
        since: request.since.clone(),
        network: request.room_network.clone(),
        ..DirectoryQuery::default()
    };
    let listing = app.domain.federation.serve_directory(question).await?;
    Ok(Json(Page::from(listing)))
}

async fn search(app: App, request: Ruma<get_public_rooms_filtered::v1::Request>) -> Result<Json<Page>> {
    let question = DirectoryQuery {
        server: None,
        limit: request.limit.map(Into::into),
        since: request.since.clone(),
        filter: request.filter.clone(),
        network: request.room_network.clone(),
    };
    let listing = app.domain.federation.serve_directory(question).await?;
    Ok(Json(Page::from(listing)))
}
