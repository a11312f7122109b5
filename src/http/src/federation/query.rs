//! `GET /query/{queryType}`: aliases and profiles. The specification defines no other types.

use hearth_base::{Error, Result};
use ruma::api::federation::query::{get_custom_information, get_profile_information, get_room_information};
use serde_json::{Map, Value};

use crate::App;
use crate::respond::Json;
use crate::route::{Endpoint, Ruma};

/// Registers the directory and profile queries.
pub(super) fn endpoints() -> Vec<Endpoint> {
    vec![Endpoint::new(directory), Endpoint::new(profile), Endpoint::new(anything_else)]
}

async fn directory(
    app: App,
    request: Ruma<get_room_information::v1::Request>,
) -> Result<get_room_information::v1::Response> {
    let (room_id, servers) = app.domain.actions.find_own_alias(&request.room_alias).await?;
    Ok(get_room_information::v1::Response::new(room_id, servers))
}

async fn profile(app: App, request: Ruma<get_profile_information::v1::Request>) -> Result<Json<Map<String, Value>>> {
    app.domain.appservices.ask_for_user(&request.user_id).await;
    let profiles = &app.domain.personal.profiles;
    let Some(field) = &request.field else { return Ok(Json(profiles.get(&request.user_id).await?)) };
    let value = profiles.field(&request.user_id, field.as_str()).await?;
    Ok(Json(value.into_iter().map(|value| (field.to_string(), value)).collect()))
}

async fn anything_else(_: App, request: Ruma<get_custom_information::v1::Request>) -> Result<Json<()>> {
    Err(Error::not_found(format!("This server answers no queries of the type {:?}.", request.query_type)))
}
