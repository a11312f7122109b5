//! Account data, global and per room.

use hearth_base::{Error, Result};
use ruma::api::client::config::{
    get_global_account_data, get_room_account_data, set_global_account_data, set_room_account_data,
};
use ruma::serde::Raw;
use serde_json::value::RawValue;

use crate::App;
use crate::edge::Rate;
use crate::route::{Endpoint, Ruma};

/// The endpoints of this file.
pub(super) fn endpoints() -> Vec<Endpoint> {
    vec![
        Endpoint::new(get).all_but_locked(),
        Endpoint::new(set).rate(Rate::Other).all_but_locked(),
        Endpoint::new(get_of_room).all_but_locked(),
        Endpoint::new(set_of_room).rate(Rate::Other).all_but_locked(),
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
