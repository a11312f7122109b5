//! Sending events that are not state.

use axum::Router;
use hearth_base::Result;
use hearth_domain::rooms::Message;
use ruma::api::client::message::send_message_event;

use crate::App;
use crate::edge::Rate;
use crate::route::{Bounds, RouterExt, Ruma};

/// The routes of this file.
pub(super) fn routes() -> Router<App> {
    Router::new().endpoint(Bounds::rate(Rate::Message), send)
}

async fn send(app: App, request: Ruma<send_message_event::v3::Request>) -> Result<send_message_event::v3::Response> {
    let message = Message {
        room_id: request.room_id.clone(),
        kind: request.event_type.to_string(),
        content: request.body.body.json().get().to_owned(),
        txn: request.txn_id.to_string(),
        timestamp_ms: None,
    };
    let event_id = app.domain.rooms.send(request.user()?, message).await?;
    Ok(send_message_event::v3::Response::new(event_id))
}
