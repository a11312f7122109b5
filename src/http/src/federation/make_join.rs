//! Event templates: `make_join`, `make_knock` and `make_leave`. And the complexity of a room, which Synapse requests
//! before its users join.

use hearth_base::Result;
use ruma::OwnedRoomId;
use ruma::api::federation::event::get_room_state_ids;
use ruma::api::federation::membership::{prepare_join_event, prepare_knock_event, prepare_leave_event};
use serde::Serialize;

use crate::App;
use crate::loose::Loose;
use crate::respond::Json;
use crate::route::{Endpoint, Ruma};

/// Not specified; Synapse's path.
const COMPLEXITY: &[&str] = &["/_matrix/federation/unstable/rooms/{roomId}/complexity"];

/// Registers the template endpoints and room complexity.
pub(super) fn endpoints() -> Vec<Endpoint> {
    vec![Endpoint::new(join), Endpoint::new(knock), Endpoint::new(leave), Endpoint::new(complexity).at(COMPLEXITY)]
}

async fn join(app: App, request: Ruma<prepare_join_event::v1::Request>) -> Result<prepare_join_event::v1::Response> {
    let (room_id, user, versions) = (request.room_id.clone(), request.user_id.clone(), request.ver.clone());
    let template = app.domain.federation.make_join(request.origin()?, room_id, user, versions).await?;
    let mut response = prepare_join_event::v1::Response::new(template.event);
    response.room_version = Some(template.room_version);
    Ok(response)
}

async fn knock(app: App, request: Ruma<prepare_knock_event::v1::Request>) -> Result<prepare_knock_event::v1::Response> {
    let (room_id, user, versions) = (request.room_id.clone(), request.user_id.clone(), request.ver.clone());
    let template = app.domain.federation.make_knock(request.origin()?, room_id, user, versions).await?;
    Ok(prepare_knock_event::v1::Response::new(template.room_version, template.event))
}

async fn leave(app: App, request: Ruma<prepare_leave_event::v1::Request>) -> Result<prepare_leave_event::v1::Response> {
    let (room_id, user) = (request.room_id.clone(), request.user_id.clone());
    let template = app.domain.federation.make_leave(request.origin()?, room_id, user).await?;
    Ok(prepare_leave_event::v1::Response::new(Some(template.room_version), template.event))
}

/// Room complexity, with the only measure that Synapse has defined so far.
#[derive(Serialize)]
struct Complexity {
    v1: f64,
}

// Borrows the method and the authentication from another endpoint, since ruma has no type for this one.
async fn complexity(app: App, request: Ruma<Loose<get_room_state_ids::v1::Request>>) -> Result<Json<Complexity>> {
    let room_id: OwnedRoomId = request.id(0)?;
    Ok(Json(Complexity { v1: app.domain.federation.complexity(request.origin()?, room_id).await? }))
}
