//! Account data, global and per room.

use hearth_base::{Error, Result};
use hearth_domain::Requester;
use http::Method;
use ruma::api::client::config::{
    get_global_account_data, get_room_account_data, set_global_account_data, set_room_account_data,
};
use ruma::serde::Raw;
use ruma::{RoomId, UserId};
use serde_json::value::RawValue;
use serde_json::{Value, json};

use crate::App;
use crate::auth::Authentication;
use crate::edge::Rate;
use crate::respond::Json;
use crate::route::{Call, Endpoint, Ruma};

/// Deleting account data (MSC3391), which ruma lacks.
const DELETE: [&str; 2] = [
    "/_matrix/client/v3/user/{user_id}/account_data/{event_type}",
    "/_matrix/client/unstable/org.matrix.msc3391/user/{user_id}/account_data/{event_type}",
];
const DELETE_OF_ROOM: [&str; 2] = [
    "/_matrix/client/v3/user/{user_id}/rooms/{room_id}/account_data/{event_type}",
    "/_matrix/client/unstable/org.matrix.msc3391/user/{user_id}/rooms/{room_id}/account_data/{event_type}",
];

/// The endpoints of this file.
pub(super) fn endpoints() -> Vec<Endpoint> {
    vec![
        Endpoint::new(get).all_but_locked(),
        Endpoint::new(set).rate(Rate::Other).all_but_locked(),
        Endpoint::new(get_of_room).all_but_locked(),
        Endpoint::new(set_of_room).rate(Rate::Other).all_but_locked(),
        Endpoint::plain(Method::DELETE, DELETE, Authentication::Token, delete).rate(Rate::Other).all_but_locked(),
        Endpoint::plain(Method::DELETE, DELETE_OF_ROOM, Authentication::Token, delete_of_room)
            .rate(Rate::Other)
            .all_but_locked(),
    ]
}

fn raw<T>(json: String) -> Result<Raw<T>> {
    let json = RawValue::from_string(json).map_err(|error| Error::fault("reading stored account data", error))?;
    Ok(Raw::from_json(json))
}

async fn get(
    app: App,
    request: Ruma<get_global_account_data::v3::Request>,
) -> Result<get_global_account_data::v3::Response> {
    let (who, kind) = (request.user()?, request.event_type.to_string());
    who.must_be(&request.user_id)?;
    let content = app.domain.personal.account_data.get(who, None, kind).await?;
    Ok(get_global_account_data::v3::Response::new(raw(content)?))
}

async fn set(
    app: App,
    request: Ruma<set_global_account_data::v3::Request>,
) -> Result<set_global_account_data::v3::Response> {
    let (who, kind) = (request.user()?, request.event_type.to_string());
    who.must_be(&request.user_id)?;
    app.domain.personal.account_data.set(who, None, kind, request.data.json().get()).await?;
    Ok(set_global_account_data::v3::Response::new())
}

async fn get_of_room(
    app: App,
    request: Ruma<get_room_account_data::v3::Request>,
) -> Result<get_room_account_data::v3::Response> {
    let (who, kind) = (request.user()?, request.event_type.to_string());
    who.must_be(&request.user_id)?;
    let room = request.room_id.clone();
    let content = app.domain.personal.account_data.get(who, Some(room), kind).await?;
    Ok(get_room_account_data::v3::Response::new(raw(content)?))
}

async fn set_of_room(
    app: App,
    request: Ruma<set_room_account_data::v3::Request>,
) -> Result<set_room_account_data::v3::Response> {
    let (who, kind) = (request.user()?, request.event_type.to_string());
    who.must_be(&request.user_id)?;
    let room = request.room_id.clone();
    app.domain.personal.account_data.set(who, Some(room), kind, request.data.json().get()).await?;
    Ok(set_room_account_data::v3::Response::new())
}

async fn delete(app: App, call: Call) -> Result<Json<Value>> {
    let who = owner(&call)?;
    app.domain.personal.account_data.delete(who, None, call.param(1).to_owned()).await?;
    Ok(Json(json!({})))
}

async fn delete_of_room(app: App, call: Call) -> Result<Json<Value>> {
    let who = owner(&call)?;
    let room = RoomId::parse(call.param(1)).map_err(|_| Error::invalid("The path names no room by its id."))?;
    app.domain.personal.account_data.delete(who, Some(room), call.param(2).to_owned()).await?;
    Ok(Json(json!({})))
}

/// The requester, who must be the user in the path.
fn owner(call: &Call) -> Result<&Requester> {
    let (who, user) = (call.user()?, <&UserId>::try_from(call.param(0)));
    who.must_be(user.map_err(|_| Error::invalid("The path names no user by their id."))?)?;
    Ok(who)
}
