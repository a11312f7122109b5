//! Single events, room state, auth chains, backfill and missing events.

use axum::body::Body;
use axum::response::Response;
use hearth_base::Result;
use hearth_domain::federation::serve::{EventListBody, Missing};
use http::{HeaderValue, header};
use ruma::MilliSecondsSinceUnixEpoch;
use ruma::api::federation::authorization::get_event_authorization;
use ruma::api::federation::backfill::get_backfill;
use ruma::api::federation::event::{
    get_event, get_event_by_timestamp, get_missing_events, get_room_state, get_room_state_ids,
};

use crate::App;
use crate::route::{Endpoint, Ruma};

/// Registers the event and state endpoints.
pub(super) fn endpoints() -> Vec<Endpoint> {
    vec![
        Endpoint::new(event),
        Endpoint::new(state),
        Endpoint::new(state_ids),
        Endpoint::new(event_auth),
        Endpoint::new(backfill),
        Endpoint::new(missing_events),
        Endpoint::new(event_at),
    ]
}

async fn event(app: App, request: Ruma<get_event::v1::Request>) -> Result<get_event::v1::Response> {
    let pdu = app.domain.federation.serve_event(request.origin()?, request.event_id.clone()).await?;
    Ok(get_event::v1::Response::new(app.domain.core.server_name.clone(), now(&app), pdu))
}

async fn state(app: App, request: Ruma<get_room_state::v1::Request>) -> Result<Response> {
    let (room_id, event_id) = (request.room_id.clone(), request.event_id.clone());
    Ok(pieces(&app, app.domain.federation.serve_state(request.origin()?, room_id, event_id).await?))
}

async fn state_ids(
    app: App,
    request: Ruma<get_room_state_ids::v1::Request>,
) -> Result<get_room_state_ids::v1::Response> {
    let (room_id, event_id) = (request.room_id.clone(), request.event_id.clone());
    let served = app.domain.federation.serve_state_ids(request.origin()?, room_id, event_id).await?;
    Ok(get_room_state_ids::v1::Response::new(served.auth_chain, served.state))
}

async fn event_auth(app: App, request: Ruma<get_event_authorization::v1::Request>) -> Result<Response> {
    let (room_id, event_id) = (request.room_id.clone(), request.event_id.clone());
    Ok(pieces(&app, app.domain.federation.serve_event_auth(request.origin()?, room_id, event_id).await?))
}

async fn backfill(app: App, request: Ruma<get_backfill::v1::Request>) -> Result<get_backfill::v1::Response> {
    let (room_id, from, limit) = (request.room_id.clone(), request.v.clone(), amount(request.limit));
    let pdus = app.domain.federation.serve_backfill(request.origin()?, room_id, from, limit).await?;
    Ok(get_backfill::v1::Response::new(app.domain.core.server_name.clone(), now(&app), pdus))
}

async fn missing_events(
    app: App,
    request: Ruma<get_missing_events::v1::Request>,
) -> Result<get_missing_events::v1::Response> {
    let missing = Missing {
        earliest: request.earliest_events.clone(),
        latest: request.latest_events.clone(),
        limit: amount(request.limit),
        min_depth: request.min_depth.into(),
    };
    let room_id = request.room_id.clone();
    let events = app.domain.federation.serve_missing_events(request.origin()?, room_id, missing).await?;
    Ok(get_missing_events::v1::Response::new(events))
}

async fn event_at(
    app: App,
    request: Ruma<get_event_by_timestamp::v1::Request>,
) -> Result<get_event_by_timestamp::v1::Response> {
    let (room_id, at, direction) = (request.room_id.clone(), request.ts, request.dir);
    let (event, at) = app.domain.federation.serve_event_at(request.origin()?, room_id, at, direction).await?;
    Ok(get_event_by_timestamp::v1::Response::new(event, at))
}

fn now(app: &App) -> MilliSecondsSinceUnixEpoch {
    MilliSecondsSinceUnixEpoch(ruma::UInt::new_saturating(app.domain.core.now_ms()))
}

fn amount(number: ruma::UInt) -> usize {
    usize::try_from(u64::from(number)).unwrap_or(usize::MAX)
}

/// A JSON response that is serialised while it is sent, so it is never in memory as a whole.
pub(super) fn pieces(app: &App, lists: EventListBody) -> Response {
    let mut response = Response::new(Body::from_stream(app.domain.federation.write_lists(lists)));
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response
}
