//! Creation and upgrades of rooms, and the rooms that the user has joined.

use hearth_base::{Error, Reason, Result, error::refuse};
use ruma::api::client::membership::{get_mutual_rooms, joined_rooms};
use ruma::api::client::room::{create_room, upgrade_room};
use ruma::{OwnedUserId, UInt};
use serde_json::Value;

use crate::App;
use crate::edge::Rate;
use crate::loose::Loose;
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
    let room_id = app.domain.actions.create_room(request.user()?, request.body.clone()).await?;
    Ok(create_room::v3::Response::new(room_id))
}

// Loose, because ruma rejects some unknown room versions as malformed.
async fn upgrade(app: App, request: Ruma<Loose<upgrade_room::v3::Request>>) -> Result<upgrade_room::v3::Response> {
    let mut body = request.object()?;
    let version = match body.remove("new_version") {
        Some(Value::String(version)) => version,
        Some(_) => return Err(Error::bad_json("`new_version` must be a string.")),
        None => return Err(refuse(Reason::MissingParam, "The body has no `new_version`.")),
    };
    let creators =
        body.remove("additional_creators").filter(|creators| !creators.is_null()).map(serde_json::from_value);
    let creators: Vec<OwnedUserId> = creators
        .transpose()
        .map_err(|error| Error::bad_json(format!("`additional_creators` must be a list of user ids: {error}.")))?
        .unwrap_or_default();
    let replacement = app.domain.actions.upgrade(request.user()?, request.id(0)?, version, creators).await?;
    Ok(upgrade_room::v3::Response::new(replacement))
}

async fn joined(app: App, request: Ruma<joined_rooms::v3::Request>) -> Result<joined_rooms::v3::Response> {
    Ok(joined_rooms::v3::Response::new(app.domain.rooms.joined(request.user()?).await?))
}

/// Refuses every pagination token: the response contains all rooms, so none was issued.
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
