//! SFU tokens for clients that request them from their homeserver.

use hearth_base::Result;
use hearth_domain::rtc::TokenRequest;
use ruma::api::client::rtc::livekit::get_token::v1 as get_token;
use ruma::{OwnedRoomId, OwnedServerName};
use serde::Deserialize;

use super::member::{OldMember, member};
use crate::App;
use crate::edge::Rate;
use crate::loose::Loose;
use crate::route::{Endpoint, Ruma};

/// The proposal's stable path, which ruma does not have yet.
const STABLE: &str = "/_matrix/client/v1/rtc/livekit/get_token";

/// The endpoints of this file.
pub(super) fn endpoints() -> Vec<Endpoint> {
    vec![Endpoint::new(get_token).also_at(&[STABLE]).rate(Rate::Other).guests().appservices()]
}

/// The body of a token request.
#[derive(Debug, Deserialize)]
struct TokenQuery {
    server_name: Option<OwnedServerName>,
    url: String,
    room_id: OwnedRoomId,
    slot_id: String,
    member_id: Option<String>,
    member: Option<OldMember>,
}

async fn get_token(app: App, request: Ruma<Loose<get_token::Request>>) -> Result<get_token::Response> {
    let body: TokenQuery = request.call.json()?;
    let who = request.user()?;
    let wish = TokenRequest {
        room: &body.room_id,
        slot: &body.slot_id,
        member: member(body.member_id.as_deref(), body.member.as_ref())?,
    };
    let (rtc, abroad) =
        (&app.domain.rtc, body.server_name.as_ref().filter(|name| **name != app.domain.core.server_name));
    let jwt = match abroad {
        Some(server) => rtc.issue_to_remote(who, server, &body.url, wish).await?,
        None => rtc.give(who, &body.url, wish).await?,
    };
    Ok(get_token::Response::new(jwt))
}
