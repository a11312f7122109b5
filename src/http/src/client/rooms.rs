//! Making and upgrading rooms, and which ones the user is in.

use hearth_base::{Error, Result};
use ruma::UInt;
use ruma::api::client::membership::{get_mutual_rooms, joined_rooms};
use ruma::api::client::room::{create_room, upgrade_room};

use crate::App;
use crate::edge::Rate;
use crate::route::{Endpoint, Ruma};

/// The endpoints of this file.
pub(super) fn endpoints() -> Vec<Endpoint> {
    vec![
        Endpoint::new(create).rate(Rate::CreateRoom).appservices(),
        Endpoint::new(upgrade).rate(Rate::CreateRoom).appservices(),
        Endpoint::new(joined).all_but_locked(),
        Endpoint::new(mutual).all_but_locked(),
        Endpoint::new(mutual_unstable).all_but_locked(),
    ]
}

async fn create(app: App, request: Ruma<create_room::v3::Request>) -> Result<create_room::v3::Response> {
    let room_id = app.domain.federation.create_room(request.user()?, request.body.clone()).await?;
    Ok(create_room::v3::Response::new(room_id))
}

async fn upgrade(app: App, request: Ruma<upgrade_room::v3::Request>) -> Result<upgrade_room::v3::Response> {
    let (room, version) = (request.room_id.clone(), request.new_version.clone());
    let creators = request.additional_creators.clone();
    let replacement = app.domain.rooms.upgrade(request.user()?, room, version, creators).await?;
    Ok(upgrade_room::v3::Response::new(replacement))
}

async fn joined(app: App, request: Ruma<joined_rooms::v3::Request>) -> Result<joined_rooms::v3::Response> {
    Ok(joined_rooms::v3::Response::new(app.domain.rooms.joined(request.user()?).await?))
}

/// All rooms come in one answer, so there is no token that could be right.
fn no_token(from: Option<&str>) -> Result<()> {
    match from {
        None => Ok(()),
        Some(_) => Err(Error::invalid("`from` is not from an earlier answer; leave it out.")),
    }
}

async fn mutual(app: App, request: Ruma<get_mutual_rooms::v1::Request>) -> Result<get_mutual_rooms::v1::Response> {
    no_token(request.from.as_deref())?;
    let joined = app.domain.rooms.mutual(request.user()?, request.user_id.clone()).await?;
    Ok(get_mutual_rooms::v1::Response::new(UInt::new_saturating(joined.len() as u64), joined))
}

async fn mutual_unstable(
    app: App,
    request: Ruma<get_mutual_rooms::unstable::Request>,
) -> Result<get_mutual_rooms::unstable::Response> {
    no_token(request.from.as_deref())?;
    let joined = app.domain.rooms.mutual(request.user()?, request.user_id.clone()).await?;
    Ok(get_mutual_rooms::unstable::Response::new(joined))
}
