//! Room tags.

use hearth_base::Result;
use ruma::api::client::tag::{create_tag, delete_tag, get_tags};
use serde_json::{Value, json};

use crate::App;
use crate::edge::Rate;
use crate::respond::Json;
use crate::route::{Endpoint, Ruma};

/// The endpoints of this file.
pub(super) fn endpoints() -> Vec<Endpoint> {
    vec![
        Endpoint::new(get).all_but_locked(),
        Endpoint::new(set).rate(Rate::Other).suspended().appservices(),
        Endpoint::new(delete).rate(Rate::Other).suspended().appservices(),
    ]
}

async fn get(app: App, request: Ruma<get_tags::v3::Request>) -> Result<Json<Value>> {
    let who = request.user()?;
    who.must_be(&request.user_id)?;
    let tags = app.domain.personal.account_data.tags(who, request.room_id.clone()).await?;
    Ok(Json(json!({ "tags": tags })))
}

async fn set(app: App, request: Ruma<create_tag::v3::Request>) -> Result<create_tag::v3::Response> {
    let who = request.user()?;
    who.must_be(&request.user_id)?;
    // As received: ruma's type drops unknown fields.
    let (room, tag, info) = (request.room_id.clone(), request.tag.clone(), request.object()?);
    app.domain.personal.account_data.set_tag(who, room, tag, info).await?;
    Ok(create_tag::v3::Response::new())
}

async fn delete(app: App, request: Ruma<delete_tag::v3::Request>) -> Result<delete_tag::v3::Response> {
    let who = request.user()?;
    who.must_be(&request.user_id)?;
    let (room, tag) = (request.room_id.clone(), request.tag.clone());
    app.domain.personal.account_data.delete_tag(who, room, tag).await?;
    Ok(delete_tag::v3::Response::new())
}
