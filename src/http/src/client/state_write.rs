//! Setting the state of rooms, now or later.

use hearth_base::Result;
use hearth_domain::rooms::StateChange;
use hearth_domain::rooms::delayed::Later;
use ruma::api::client::state::send_state_event;

use super::appservice::overridden_timestamp;
use super::delayed_events::{self, SentOrDelayed};
use crate::App;
use crate::edge::Rate;
use crate::respond::Json;
use crate::route::{Endpoint, Ruma};

/// Without a state key it is the empty one.
const KEYLESS: &[&str] = &[
    "/_matrix/client/r0/rooms/{room_id}/state/{event_type}",
    "/_matrix/client/r0/rooms/{room_id}/state/{event_type}/",
    "/_matrix/client/v3/rooms/{room_id}/state/{event_type}",
    "/_matrix/client/v3/rooms/{room_id}/state/{event_type}/",
];

/// The endpoints of this file.
pub(super) fn endpoints() -> Vec<Endpoint> {
    vec![Endpoint::new(set).also_at(KEYLESS).rate(Rate::Message).guests().appservices()]
}

async fn set(app: App, request: Ruma<send_state_event::v3::Request>) -> Result<Json<SentOrDelayed>> {
    if let Some(delay) = delayed_events::delay(&request.call.uri)? {
        let later = Later {
            room_id: request.room_id.clone(),
            kind: request.event_type.to_string(),
            state_key: Some(request.state_key.clone()),
            content: request.body.body.json().get().to_owned(),
            delay,
            txn: None,
            timestamp_ms: overridden_timestamp(request.user()?, request.timestamp),
        };
        return delayed_events::later(&app, &request, later).await;
    }
    let change = StateChange {
        room_id: request.room_id.clone(),
        kind: request.event_type.to_string(),
        state_key: request.state_key.clone(),
        content: request.body.body.json().get().to_owned(),
        timestamp_ms: overridden_timestamp(request.user()?, request.timestamp),
    };
    let event_id = app.domain.federation.set_state(request.user()?, change).await?;
    Ok(Json(SentOrDelayed::Now { event_id }))
}
