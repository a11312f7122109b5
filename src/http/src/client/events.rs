//! Single events and room state.

use axum::response::Response;
use hearth_base::Result;
use ruma::api::client::room::{get_event_by_timestamp, get_room_event};
use ruma::api::client::state::get_state_event_for_key::v3::StateEventFormat;
use ruma::api::client::state::{get_state_event_for_key, get_state_events};

use crate::App;
use crate::completed::completed;
use crate::route::{Endpoint, Ruma};

/// The paths of a state event with an empty state key, which ruma parses and does not list.
const EMPTY_KEY_PATHS: &[&str] = &[
    "/_matrix/client/r0/rooms/{room_id}/state/{event_type}",
    "/_matrix/client/r0/rooms/{room_id}/state/{event_type}/",
    "/_matrix/client/v3/rooms/{room_id}/state/{event_type}",
    "/_matrix/client/v3/rooms/{room_id}/state/{event_type}/",
];

/// The endpoints of this file.
pub(super) fn endpoints() -> Vec<Endpoint> {
    vec![
        Endpoint::new(event).all_but_locked(),
        Endpoint::new(state).all_but_locked(),
        Endpoint::new(state_event).also_at(EMPTY_KEY_PATHS).all_but_locked(),
        Endpoint::new(by_timestamp).all_but_locked(),
    ]
}

async fn event(app: App, request: Ruma<get_room_event::v3::Request>) -> Result<get_room_event::v3::Response> {
    let (room, event) = (request.room_id.clone(), request.event_id.clone());
    let event = app.domain.actions.event(request.user()?, room, event).await?;
    Ok(get_room_event::v3::Response::new(event))
}

async fn state(app: App, request: Ruma<get_state_events::v3::Request>) -> Result<Response> {
    let who = request.user()?;
    let state = app.domain.rooms.state(who, request.room_id.clone()).await?;
    completed(&app, who, get_state_events::v3::Response::new(state), |event| event)
}

async fn state_event(
    app: App,
    request: Ruma<get_state_event_for_key::v3::Request>,
) -> Result<get_state_event_for_key::v3::Response> {
    let part = (request.event_type.to_string(), request.state_key.clone());
    let whole = request.format == StateEventFormat::Event;
    let found = app.domain.rooms.state_event(request.user()?, request.room_id.clone(), part, whole).await?;
    Ok(get_state_event_for_key::v3::Response::new(found))
}

async fn by_timestamp(
    app: App,
    request: Ruma<get_event_by_timestamp::v1::Request>,
) -> Result<get_event_by_timestamp::v1::Response> {
    let (room, ts, direction) = (request.room_id.clone(), request.ts, request.dir);
    let (event, at) = app.domain.actions.event_at(request.user()?, room, ts, direction).await?;
    Ok(get_event_by_timestamp::v1::Response::new(event, at))
}
