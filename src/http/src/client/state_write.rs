//! State events, now or later.

use hearth_base::Result;
use hearth_domain::rooms::StateChange;
use ruma::api::client::state::send_state_event;

use super::appservice::overridden_timestamp;
use super::delayed_events::{SentOrDelayed, answer, delay};
use crate::App;
use crate::edge::Rate;
use crate::respond::Json;
use crate::route::{Endpoint, Ruma};

/// The paths without a state key, which mean the empty key.
const KEYLESS: &[&str] = &[
    "/_matrix/client/r0/rooms/{room_id}/state/{event_type}",
    "/_matrix/client/r0/rooms/{room_id}/state/{event_type}/",
    "/_matrix/client/v3/rooms/{room_id}/state/{event_type}",
    "/_matrix/client/v3/rooms/{room_id}/state/{event_type}/",
];

/// The endpoints of this file.
pub(super) fn endpoints() -> Vec<Endpoint> {
    vec![Endpoint::new(set).also_at(KEYLESS).rate(Rate::Message).guests().appservices().precedes_sync()]
}

async fn set(app: App, request: Ruma<send_state_event::v3::Request>) -> Result<Json<SentOrDelayed>> {
    let who = request.user()?;
    let change = StateChange {
        room_id: request.room_id.clone(),
        kind: request.event_type.to_string(),
        state_key: request.state_key.clone(),
        content: request.body.body.json().get().to_owned(),
        timestamp_ms: overridden_timestamp(who, request.timestamp),
    };
    answer(app.domain.actions.set_state(who, change, delay(&request.call.uri)?).await)
}
