//! Tokens for our SFU, for users of other servers (MSC4195).

use axum::Router;
use hearth_base::Result;
use hearth_domain::rtc::{CallMember, TokenRequest};
use ruma::api::federation::rtc::livekit::get_token::msc4195 as get_token;

use crate::App;
use crate::route::{Bounds, RouterExt, Ruma};

/// The proposal's own path, which ruma does not know yet.
const STABLE: &str = "/_matrix/federation/v1/rtc/livekit/get_token";

/// The routes of this file.
pub(super) fn routes() -> Router<App> {
    Router::new().endpoint(Bounds::default(), give).endpoint_at(&[STABLE], Bounds::default(), give)
}

async fn give(app: App, request: Ruma<get_token::Request>) -> Result<get_token::Response> {
    let (origin, body) = (request.origin()?, &request.body);
    let wish = TokenRequest { room: &body.room_id, slot: &body.slot_id, member: CallMember::Id(&body.member_id) };
    Ok(get_token::Response::new(app.domain.rtc.give_to(origin, &body.user_id, &body.url, wish).await?))
}
