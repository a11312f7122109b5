//! Sending of message events and redactions, now or later.

use hearth_base::Result;
use hearth_domain::actions::Redaction;
use hearth_domain::rooms::Message;
use ruma::api::client::message::send_message_event;
use ruma::api::client::redact::redact_event;

use super::appservice::overridden_timestamp;
use super::delayed_events::{SentOrDelayed, answer, delay};
use crate::App;
use crate::edge::Rate;
use crate::respond::Json;
use crate::route::{Endpoint, Ruma};

/// The endpoints of this file.
pub(super) fn endpoints() -> Vec<Endpoint> {
    vec![
        Endpoint::new(send).rate(Rate::Message).guests().appservices().precedes_sync(),
        Endpoint::new(redact).rate(Rate::Message).suspended().appservices().precedes_sync(),
    ]
}

async fn send(app: App, request: Ruma<send_message_event::v3::Request>) -> Result<Json<SentOrDelayed>> {
    let who = request.user()?;
    let message = Message {
        room_id: request.room_id.clone(),
        kind: request.event_type.to_string(),
        content: request.body.body.json().get().to_owned(),
        txn: request.txn_id.to_string(),
        timestamp_ms: overridden_timestamp(who, request.timestamp),
    };
    answer(app.domain.actions.send(who, message, delay(&request.call.uri)?).await)
}

async fn redact(app: App, request: Ruma<redact_event::v3::Request>) -> Result<Json<SentOrDelayed>> {
    let redaction = Redaction {
        room_id: request.room_id.clone(),
        target: request.event_id.clone(),
        txn: request.txn_id.to_string(),
        reason: request.reason.clone(),
    };
    answer(app.domain.actions.redact(request.user()?, redaction, delay(&request.call.uri)?).await)
}
