//! `send_join`, `send_knock` and `send_leave`: member events of remote users, with this server as the resident server.

use axum::response::Response;
use hearth_base::Result;
use hearth_domain::federation::resident::JoinResponseFormat;
use ruma::api::federation::membership::{create_join_event, create_knock_event, create_leave_event};
use ruma::{OwnedEventId, OwnedRoomId};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use super::events::pieces;
use crate::App;
use crate::loose::Loose;
use crate::respond::Json;
use crate::route::{Endpoint, Ruma};

/// The v1 endpoints, whose responses are arrays of HTTP status and body.
const JOIN_BEFORE: &[&str] = &["/_matrix/federation/v1/send_join/{roomId}/{eventId}"];
const LEAVE_BEFORE: &[&str] = &["/_matrix/federation/v1/send_leave/{roomId}/{eventId}"];

/// Registers `send_join`, `send_knock` and `send_leave`. All are loose, because events must be taken as they are
/// signed.
pub(super) fn endpoints() -> Vec<Endpoint> {
    vec![
        Endpoint::new(join),
        Endpoint::new(join_before).at(JOIN_BEFORE),
        Endpoint::new(knock),
        Endpoint::new(leave),
        Endpoint::new(leave_before).at(LEAVE_BEFORE),
    ]
}

/// The room id, the event id and the event of a request.
fn event<E>(request: &Ruma<Loose<E>>) -> Result<(OwnedRoomId, OwnedEventId, &RawValue)> {
    let pdu = request.call.json()?;
    Ok((request.id(0)?, request.id(1)?, pdu))
}

/// The query of version 2 of `send_join`.
#[derive(Deserialize)]
struct JoinQuery {
    #[serde(default)]
    omit_members: bool,
}

async fn join(app: App, request: Ruma<Loose<create_join_event::v2::Request>>) -> Result<Response> {
    let JoinQuery { omit_members } = request.call.query()?;
    joined(app, request, JoinResponseFormat::V2 { omit_members }).await
}

async fn join_before(app: App, request: Ruma<Loose<create_join_event::v2::Request>>) -> Result<Response> {
    joined(app, request, JoinResponseFormat::V1).await
}

async fn joined(
    app: App,
    request: Ruma<Loose<create_join_event::v2::Request>>,
    format: JoinResponseFormat,
) -> Result<Response> {
    let (room_id, event_id, pdu) = event(&request)?;
    let federation = &app.domain.federation;
    let lists = federation.receive_join(request.origin()?, room_id, &event_id, pdu, format).await?;
    Ok(pieces(&app, lists))
}

/// The stripped state that a knocking user sees of the room.
#[derive(Serialize)]
struct KnockResponse {
    knock_room_state: Vec<Box<RawValue>>,
}

async fn knock(app: App, request: Ruma<Loose<create_knock_event::v1::Request>>) -> Result<Json<KnockResponse>> {
    let (room_id, event_id, pdu) = event(&request)?;
    let shown = app.domain.federation.receive_knock(request.origin()?, room_id, &event_id, pdu).await?;
    Ok(Json(KnockResponse { knock_room_state: shown }))
}

async fn leave(
    app: App,
    request: Ruma<Loose<create_leave_event::v2::Request>>,
) -> Result<create_leave_event::v2::Response> {
    let (room_id, event_id, pdu) = event(&request)?;
    app.domain.federation.receive_leave(request.origin()?, room_id, &event_id, pdu).await?;
    Ok(create_leave_event::v2::Response::new())
}

/// An empty response in the v1 format.
#[derive(Serialize)]
struct EmptyResponse {}

async fn leave_before(
    app: App,
    request: Ruma<Loose<create_leave_event::v2::Request>>,
) -> Result<Json<(u16, EmptyResponse)>> {
    leave(app, request).await?;
    Ok(Json((200, EmptyResponse {})))
}
