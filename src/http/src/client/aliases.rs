//! Room aliases.

use hearth_base::Result;
use ruma::api::client::alias::{create_alias, delete_alias, get_alias};
use ruma::api::client::room::aliases;

use crate::App;
use crate::edge::Rate;
use crate::route::{Endpoint, Ruma};

/// The endpoints of this file. Requests that may query another server have a rate limit, since any client can cause
/// them.
pub(super) fn endpoints() -> Vec<Endpoint> {
    vec![
        Endpoint::new(find).rate(Rate::Other),
        Endpoint::new(add).rate(Rate::Other).appservices(),
        Endpoint::new(remove).rate(Rate::Other).appservices(),
        Endpoint::new(of_room).all_but_locked(),
    ]
}

async fn find(app: App, request: Ruma<get_alias::v3::Request>) -> Result<get_alias::v3::Response> {
    let (room_id, servers) = app.domain.actions.find_alias(&request.room_alias).await?;
    Ok(get_alias::v3::Response::new(room_id, servers))
}

async fn add(app: App, request: Ruma<create_alias::v3::Request>) -> Result<create_alias::v3::Response> {
    let (alias, room_id) = (request.room_alias.clone(), request.room_id.clone());
    app.domain.rooms.add_alias(request.user()?, alias, room_id).await?;
    Ok(create_alias::v3::Response::new())
}

async fn remove(app: App, request: Ruma<delete_alias::v3::Request>) -> Result<delete_alias::v3::Response> {
    app.domain.rooms.remove_alias(request.user()?, request.room_alias.clone()).await?;
    Ok(delete_alias::v3::Response::new())
}

async fn of_room(app: App, request: Ruma<aliases::v3::Request>) -> Result<aliases::v3::Response> {
    Ok(aliases::v3::Response::new(app.domain.rooms.aliases(request.user()?, request.room_id.clone()).await?))
}
