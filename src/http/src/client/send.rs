//! Sending events that are not state, and removing what was sent; now or later.

use hearth_base::Result;
use hearth_domain::rooms::Message;
use hearth_domain::rooms::delayed::Later;
use ruma::api::client::message::send_message_event;
use ruma::api::client::redact::redact_event;
use serde_json::json;

use super::appservice::overridden_timestamp;
use super::delayed_events::{self, SentOrDelayed};
use crate::App;
use crate::edge::Rate;
use crate::respond::Json;
use crate::route::{Endpoint, Ruma};

/// The endpoints of this file.
pub(super) fn endpoints() -> Vec<Endpoint> {
    vec![
        Endpoint::new(send).rate(Rate::Message).guests().appservices(),
        Endpoint::new(redact).rate(Rate::Message).suspended().appservices(),
    ]
}

async fn send(app: App, request: Ruma<send_message_event::v3::Request>) -> Result<Json<SentOrDelayed>> {
    if let Some(delay) = delayed_events::delay(&request.call.uri)? {
        let later = Later {
            room_id: request.room_id.clone(),
            kind: request.event_type.to_string(),
            state_key: None,
            content: request.body.body.json().get().to_owned(),
            delay,
            txn: Some(request.txn_id.to_string()),
            timestamp_ms: overridden_timestamp(request.user()?, request.timestamp),
        };
        return delayed_events::later(&app, &request, later).await;
    }
    let _answering = app.domain.core.answering.begin(request.user()?.device);
    let message = Message {
        room_id: request.room_id.clone(),
        kind: request.event_type.to_string(),
        content: request.body.body.json().get().to_owned(),
        txn: request.txn_id.to_string(),
        timestamp_ms: overridden_timestamp(request.user()?, request.timestamp),
    };
    let who = request.user()?;
    let event_id = app.domain.rooms.send(who, message).await?;
    app.domain.presence.active(who.user).await;
    Ok(Json(SentOrDelayed::Now { event_id }))
}

async fn redact(app: App, request: Ruma<redact_event::v3::Request>) -> Result<Json<SentOrDelayed>> {
    if let Some(delay) = delayed_events::delay(&request.call.uri)? {
        let content = match &request.reason {
            Some(reason) => json!({ "redacts": request.event_id, "reason": reason }),
            None => json!({ "redacts": request.event_id }),
        };
        let later = Later {
            room_id: request.room_id.clone(),
            kind: "m.room.redaction".to_owned(),
            state_key: None,
            content: content.to_string(),
            delay,
            txn: Some(request.txn_id.to_string()),
            timestamp_ms: None,
        };
        return delayed_events::later(&app, &request, later).await;
    }
    let _answering = app.domain.core.answering.begin(request.user()?.device);
    let (room, target) = (request.room_id.clone(), request.event_id.clone());
    let (txn, reason) = (request.txn_id.to_string(), request.reason.clone());
    let event_id = app.domain.rooms.redact(request.user()?, room, target, txn, reason).await?;
    Ok(Json(SentOrDelayed::Now { event_id }))
}
