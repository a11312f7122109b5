//! Sending events that are not state, and removing what was sent.

use axum::Router;
use hearth_base::Result;
use hearth_domain::rooms::Message;
use ruma::api::client::message::send_message_event;
use ruma::api::client::redact::redact_event;

use super::appservice::massaged;
use crate::App;
use crate::edge::Rate;
use crate::route::{Bounds, RouterExt, Ruma};

/// The routes of this file.
pub(super) fn routes() -> Router<App> {
    Router::new().endpoint(Bounds::rate(Rate::Message), send).endpoint(Bounds::rate(Rate::Message), redact)
}

async fn send(app: App, request: Ruma<send_message_event::v3::Request>) -> Result<send_message_event::v3::Response> {
    let _answering = app.domain.core.answering.begin(request.user()?.device);
    let message = Message {
        room_id: request.room_id.clone(),
        kind: request.event_type.to_string(),
        content: request.body.body.json().get().to_owned(),
        txn: request.txn_id.to_string(),
        timestamp_ms: massaged(request.user()?, request.timestamp),
    };
    let who = request.user()?;
    let event_id = app.domain.rooms.send(who, message).await?;
    app.domain.presence.active(who.user).await;
    Ok(send_message_event::v3::Response::new(event_id))
}

async fn redact(app: App, request: Ruma<redact_event::v3::Request>) -> Result<redact_event::v3::Response> {
    let _answering = app.domain.core.answering.begin(request.user()?.device);
    let (room, target) = (request.room_id.clone(), request.event_id.clone());
    let (txn, reason) = (request.txn_id.to_string(), request.reason.clone());
    let event_id = app.domain.rooms.redact(request.user()?, room, target, txn, reason).await?;
    Ok(redact_event::v3::Response::new(event_id))
}
