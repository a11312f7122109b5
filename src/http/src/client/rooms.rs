//! Making rooms, and which ones the user is in.

use axum::Router;
use hearth_base::Result;
use ruma::api::client::membership::joined_rooms;
use ruma::api::client::room::create_room;

use crate::App;
use crate::edge::Rate;
use crate::route::{Bounds, RouterExt, Ruma};

/// The routes of this file.
pub(super) fn routes() -> Router<App> {
    Router::new().endpoint(Bounds::rate(Rate::Other), create).endpoint(Bounds::default(), joined)
}

async fn create(app: App, request: Ruma<create_room::v3::Request>) -> Result<create_room::v3::Response> {
    let room_id = app.domain.rooms.create(request.user()?, request.body.clone()).await?;
    Ok(create_room::v3::Response::new(room_id))
}

async fn joined(app: App, request: Ruma<joined_rooms::v3::Request>) -> Result<joined_rooms::v3::Response> {
    Ok(joined_rooms::v3::Response::new(app.domain.rooms.joined(request.user()?).await?))
}
