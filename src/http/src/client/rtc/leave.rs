//! Leaving a call for those who cannot: a client hands its leave over, and the SFU says who is gone.

use axum::extract::{Request, State};
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use axum::{Json, Router};
use hearth_base::{Result, limits};
use hearth_domain::rtc::{SERVICE_PATH, TokenRequest};
use http::header::AUTHORIZATION;
use ruma::OwnedRoomId;
use ruma::api::client::rtc::livekit::delegate_delayed_leave::v1 as delegate_delayed_leave;
use serde::Deserialize;
use serde_json::json;

use super::member::{OldMember, member};
use crate::app::{App, ClientAddress};
use crate::edge::{self, Rate};
use crate::loose::Loose;
use crate::respond::Failure;
use crate::route::{Bounds, RouterExt, Ruma, read_body};

/// The proposal's own path, which ruma does not know yet.
const STABLE: &str = "/_matrix/client/v1/rtc/livekit/delegate_delayed_leave";

/// The routes of this file.
pub(super) fn routes() -> Router<App> {
    let bounds = Bounds::rate(Rate::Other);
    Router::new()
        .endpoint(bounds, delegate)
        .endpoint_at(&[STABLE], bounds, delegate)
        .route(&format!("{SERVICE_PATH}/sfu_webhook"), post(webhook))
}

/// What a client hands over.
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
    let body: Delegation =
        serde_json::from_slice(&request.raw).map_err(|error| crate::json::explain(&request.raw, &error))?;
    let wish = TokenRequest {
        room: &body.room_id,
        slot: &body.slot_id,
        member: member(body.member_id.as_deref(), body.member.as_ref())?,
    };
    let who = request.user()?;
    app.domain.leaves.delegate(&who.user_id, &body.url, wish, &body.delay_id).await?;
    Ok(delegate_delayed_leave::Response::new())
}

async fn webhook(State(app): State<App>, request: Request) -> Response {
    match try_webhook(&app, request).await {
        Ok(()) => Json(json!({})).into_response(),
        Err(error) => Failure(error).into_response(),
    }
}

async fn try_webhook(app: &App, request: Request) -> Result<()> {
    let (parts, body) = request.into_parts();
    let peer = parts.extensions.get::<ClientAddress>().cloned().unwrap_or(ClientAddress { address: None });
    edge::rate_limit(app, Rate::Other, &peer, None)?;
    let authorization = parts.headers.get(AUTHORIZATION).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let raw = read_body(body, limits::SFU_WEBHOOK_BYTES_MAX).await?;
    app.domain.leaves.hear(authorization, &raw)
}
