//! The public room directory.

use hearth_base::{Error, Result};
use hearth_domain::rooms::directory::DirectoryQuery;
use ruma::api::client::directory::{
    get_public_rooms, get_public_rooms_filtered, get_room_visibility, set_room_visibility,
};
use ruma::api::client::room::Visibility;

use crate::App;
use crate::directory_page::Page;
use crate::edge::Rate;
use crate::respond::Json;
use crate::route::{Endpoint, Ruma};

/// The endpoints of this file. Requests that may query another server have a rate limit, since any client can cause
/// them.
pub(super) fn endpoints() -> Vec<Endpoint> {
    vec![
        Endpoint::new(list).rate(Rate::Other),
        Endpoint::new(search).rate(Rate::Other).all_but_locked(),
        Endpoint::new(visibility),
        Endpoint::new(set_visibility).rate(Rate::Other).appservices(),
    ]
}

async fn list(app: App, request: Ruma<get_public_rooms::v3::Request>) -> Result<Json<Page>> {
    let question = DirectoryQuery {
        server: request.server.clone(),
        limit: request.limit.map(Into::into),
        since: request.since.clone(),
        ..DirectoryQuery::default()
    };
    let listing = app.domain.actions.public_rooms(question).await?;
    Ok(Json(Page::from(listing)))
}

async fn search(app: App, request: Ruma<get_public_rooms_filtered::v3::Request>) -> Result<Json<Page>> {
    let question = DirectoryQuery {
        server: request.server.clone(),
        limit: request.limit.map(Into::into),
        since: request.since.clone(),
        filter: request.filter.clone(),
        network: request.room_network.clone(),
    };
    let listing = app.domain.actions.public_rooms(question).await?;
    Ok(Json(Page::from(listing)))
}

async fn visibility(
    app: App,
    request: Ruma<get_room_visibility::v3::Request>,
) -> Result<get_room_visibility::v3::Response> {
    let published = app.domain.rooms.is_published(request.room_id.clone()).await?;
    let visibility = if published { Visibility::Public } else { Visibility::Private };
    Ok(get_room_visibility::v3::Response::new(visibility))
}

async fn set_visibility(
    app: App,
    request: Ruma<set_room_visibility::v3::Request>,
) -> Result<set_room_visibility::v3::Response> {
    let published = is_public(&request.visibility)?;
    app.domain.rooms.publish(request.user()?, request.room_id.clone(), published).await?;
    Ok(set_room_visibility::v3::Response::new())
}

/// Whether a room is to be listed in the directory.
pub(super) fn is_public(visibility: &Visibility) -> Result<bool> {
    match visibility {
        Visibility::Public => Ok(true),
        Visibility::Private => Ok(false),
        _ => Err(Error::invalid("`visibility` must be public or private.")),
    }
}
