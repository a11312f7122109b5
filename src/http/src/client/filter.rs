//! Filters.

use hearth_base::{Error, Result, limits};
use ruma::OwnedUserId;
use ruma::api::client::filter::{create_filter, get_filter};
use serde_json::value::RawValue;

use crate::App;
use crate::loose::Loose;
use crate::respond::Json;
use crate::route::{Endpoint, Ruma};

/// The endpoints of this file. Both are loose: a filter is stored with the fields that ruma does not know.
pub(super) fn endpoints() -> Vec<Endpoint> {
    vec![
        Endpoint::new(create).body_bytes_max(limits::FILTER_BYTES_MAX).all_but_locked(),
        Endpoint::new(get).all_but_locked(),
    ]
}

async fn create(app: App, request: Ruma<Loose<create_filter::v3::Request>>) -> Result<create_filter::v3::Response> {
    let (who, user_id): (_, OwnedUserId) = (request.user()?, request.id(0)?);
    who.must_be(&user_id)?;
    // Parsed as an object first, to distinguish invalid JSON (`M_NOT_JSON`) from an invalid filter.
    request.object()?;
    Ok(create_filter::v3::Response::new(app.domain.personal.filters.create(who, request.text_body()?).await?))
}

async fn get(app: App, request: Ruma<Loose<get_filter::v3::Request>>) -> Result<Json<Box<RawValue>>> {
    let (who, user_id): (_, OwnedUserId) = (request.user()?, request.id(0)?);
    who.must_be(&user_id)?;
    let json = app.domain.personal.filters.definition(who, request.text(1)).await?;
    let json = RawValue::from_string(json).map_err(|error| Error::fault("reading a stored filter", error))?;
    Ok(Json(json))
}
