//! SFU tokens for users of other servers (MSC4195).

use hearth_base::Result;
use hearth_domain::rtc::{CallMember, TokenRequest};
use ruma::api::federation::rtc::livekit::get_token::msc4195 as get_token;

use crate::App;
use crate::route::{Endpoint, Ruma};

/// The proposal's stable path, which ruma does not have yet.
const STABLE: &str = "/_matrix/federation/v1/rtc/livekit/get_token";

/// Registers the token endpoint.
pub(super) fn endpoints() -> Vec<Endpoint> {
    vec![Endpoint::new(give).also_at(&[STABLE])]
}

async fn give(app: App, request: Ruma<get_token::Request>) -> Result<get_token::Response> {
    let (origin, body) = (request.origin()?, &request.body);
    let wish = TokenRequest { room: &body.room_id, slot: &body.slot_id, member: CallMember::Id(&body.member_id) };
    Ok(get_token::Response::new(app.domain.rtc.give_to(origin, &body.user_id, &body.url, wish).await?))
}
