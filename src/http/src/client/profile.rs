//! Profiles: complete, and by field.

use hearth_base::{Reason, Result, error::refuse};
use hearth_domain::personal::profiles::ProfileField;
use ruma::OwnedUserId;
use ruma::api::client::profile::{delete_profile_field, get_profile, get_profile_field, set_profile_field};
use serde_json::{Map, Value};

use crate::App;
use crate::edge::Rate;
use crate::loose::Loose;
use crate::respond::Json;
use crate::route::{Endpoint, Ruma};

/// The endpoints of this file. Requests that may query another server have a rate limit, since any client can cause
/// them.
pub(super) fn endpoints() -> Vec<Endpoint> {
    vec![
        Endpoint::new(profile).rate(Rate::Other),
        Endpoint::new(field).rate(Rate::Other),
        Endpoint::new(set_field).rate(Rate::Other).guests().appservices(),
        Endpoint::new(delete_field).rate(Rate::Other).guests().appservices(),
    ]
}

async fn profile(app: App, request: Ruma<get_profile::v3::Request>) -> Result<Json<Map<String, Value>>> {
    Ok(Json(app.domain.actions.profile(&request.user_id).await?))
}

async fn field(app: App, request: Ruma<get_profile_field::v3::Request>) -> Result<Json<Map<String, Value>>> {
    let name = request.field.as_str();
    let value = app.domain.actions.profile_field(&request.user_id, name).await?;
    Ok(Json(value.into_iter().map(|value| (name.to_owned(), value)).collect()))
}

// Loose, because clients set a null display name, which ruma rejects.
async fn set_field(
    app: App,
    request: Ruma<Loose<set_profile_field::v3::Request>>,
) -> Result<set_profile_field::v3::Response> {
    let (user_id, name): (OwnedUserId, _) = (request.id(0)?, request.text(1));
    let missing = || refuse(Reason::MissingParam, format!("The body must have the field {name:?}."));
    let value = request.object()?.remove(name).ok_or_else(missing)?;
    app.domain.actions.set_profile_field(request.user()?, &user_id, ProfileField::set(name, Some(value))?).await?;
    Ok(set_profile_field::v3::Response::new())
}

async fn delete_field(
    app: App,
    request: Ruma<delete_profile_field::v3::Request>,
) -> Result<delete_profile_field::v3::Response> {
    let field = ProfileField::removed(request.field.as_str())?;
    app.domain.actions.set_profile_field(request.user()?, &request.user_id, field).await?;
    Ok(delete_profile_field::v3::Response::new())
}
