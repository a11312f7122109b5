//! Delegated leaves (MSC4195): a client hands over its delayed leave event, and the SFU reports who has disconnected.

use hearth_base::{Result, limits};
use hearth_domain::rtc::{SERVICE_PATH, TokenRequest};
use http::Method;
use http::header::AUTHORIZATION;
use ruma::OwnedRoomId;
use ruma::api::client::rtc::livekit::delegate_delayed_leave::v1 as delegate_delayed_leave;
use serde::Deserialize;
use serde_json::{Value, json};

use super::member::{OldMember, member};
use crate::App;
use crate::auth::Authentication;
use crate::edge::Rate;
use crate::loose::Loose;
use crate::respond::Json;
use crate::route::{Call, Endpoint, Ruma};

/// The proposal's stable path, which ruma does not have yet.
const STABLE: &str = "/_matrix/client/v1/rtc/livekit/delegate_delayed_leave";

/// The endpoints of this file.
pub(super) fn endpoints() -> Vec<Endpoint> {
    vec![
        Endpoint::new(delegate).also_at(&[STABLE]).rate(Rate::Other).guests().appservices(),
        Endpoint::plain(Method::POST, [format!("{SERVICE_PATH}/sfu_webhook")], Authentication::None, webhook)
            .rate(Rate::Other)
            .body_bytes_max(limits::SFU_WEBHOOK_BYTES_MAX),
    ]
}

/// The body of a delegation.
#[derive(Debug, Deserialize)]
struct Delegation {
    url: String,
    room_id: OwnedRoomId,
    slot_id: String,
    member_id: Option<String>,
    member: Option<OldMember>,
    delay_id: String,
}

async fn delegate(
    app: App,
    request: Ruma<Loose<delegate_delayed_leave::Request>>,
) -> Result<delegate_delayed_leave::Response> {
    let body: Delegation = request.call.json()?;
    let wish = TokenRequest {
        room: &body.room_id,
        slot: &body.slot_id,
        member: member(body.member_id.as_deref(), body.member.as_ref())?,
    };
    let who = request.user()?;
    app.domain.leaves.delegate(&who.user_id, &body.url, wish, &body.delay_id).await?;
    Ok(delegate_delayed_leave::Response::new())
}

async fn webhook(app: App, call: Call) -> Result<Json<Value>> {
    let authorization = call.headers.get(AUTHORIZATION).and_then(|value| value.to_str().ok()).unwrap_or_default();
    app.domain.leaves.hear(authorization, &call.raw)?;
    Ok(Json(json!({})))
}
