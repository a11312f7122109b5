//! SFU tokens by the API of a stand-alone service, which clients of 2026 call with an OpenID token: users of this
//! server and of others.

use hearth_base::{Error, Result, limits};
use hearth_domain::rtc::names::DEFAULT_SLOT;
use hearth_domain::rtc::{CallMember, OpenIdProof, SERVICE_PATH, TokenRequest};
use http::Method;
use ruma::{OwnedRoomId, OwnedServerName};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::App;
use crate::auth::Authentication;
use crate::edge::Rate;
use crate::respond::Json;
use crate::route::{Call, Endpoint};

/// The endpoints of this file. They need no access token: the OpenID token identifies the user.
pub(super) fn endpoints() -> Vec<Endpoint> {
    let at = |path: &str| [format!("{SERVICE_PATH}/{path}")];
    vec![
        Endpoint::plain(Method::POST, at("sfu/get"), Authentication::None, of_device)
            .rate(Rate::Other)
            .body_bytes_max(limits::RTC_BODY_BYTES_MAX),
        Endpoint::plain(Method::POST, at("get_token"), Authentication::None, of_member)
            .rate(Rate::Other)
            .body_bytes_max(limits::RTC_BODY_BYTES_MAX),
        Endpoint::plain(Method::GET, at("healthz"), Authentication::None, healthy),
    ]
}

#[derive(Deserialize)]
struct Token {
    access_token: String,
    matrix_server_name: OwnedServerName,
}

/// A leave event that this server sends after its sender has left the call.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Delayed {
    delay_id: String,
}

/// `POST /sfu/get`: a token for a device in a room.
#[derive(Deserialize)]
struct OfDevice {
    room: OwnedRoomId,
    openid_token: Token,
    device_id: String,
    #[serde(flatten)]
    delayed: Delayed,
}

/// `POST /get_token`: a token for a member of a slot.
#[derive(Deserialize)]
struct OfMember {
    room_id: OwnedRoomId,
    slot_id: String,
    openid_token: Token,
    member: Claimed,
    #[serde(flatten)]
    delayed: Delayed,
}

#[derive(Deserialize)]
struct Claimed {
    id: String,
    claimed_user_id: String,
    claimed_device_id: String,
}

async fn healthy(app: App, _: Call) -> Result<Json<Value>> {
    match app.domain.rtc.service_url() {
        Some(_) => Ok(Json(json!({}))),
        None => Err(Error::not_found("This server has no group calls.")),
    }
}

async fn of_device(app: App, call: Call) -> Result<Json<Value>> {
    let body: OfDevice = call.json()?;
    let wish = TokenRequest { room: &body.room, slot: DEFAULT_SLOT, member: CallMember::Device(&body.device_id) };
    give(&app, &body.openid_token, None, wish, &body.delayed).await
}

async fn of_member(app: App, call: Call) -> Result<Json<Value>> {
    let body: OfMember = call.json()?;
    let member = CallMember::DeviceAndId(&body.member.claimed_device_id, &body.member.id);
    let wish = TokenRequest { room: &body.room_id, slot: &body.slot_id, member };
    give(&app, &body.openid_token, Some(&body.member.claimed_user_id), wish, &body.delayed).await
}

async fn give(
    app: &App,
    token: &Token,
    claimed: Option<&str>,
    wish: TokenRequest<'_>,
    delayed: &Delayed,
) -> Result<Json<Value>> {
    let rtc = &app.domain.rtc;
    let openid = OpenIdProof { token: &token.access_token, server: &token.matrix_server_name };
    let jwt = rtc.give_for(openid, claimed, wish).await?;
    if !delayed.delay_id.is_empty() {
        delegate(app, openid, wish, &delayed.delay_id).await?;
    }
    Ok(Json(json!({ "url": rtc.sfu_url(), "jwt": jwt })))
}

/// Takes over the delayed leave of a local user, with the delay that the user has scheduled.
async fn delegate(app: &App, openid: OpenIdProof<'_>, wish: TokenRequest<'_>, delay_id: &str) -> Result<()> {
    let user = match *openid.server == *app.domain.core.server_name {
        true => app.domain.personal.openid.whose(openid.token).await?,
        false => None,
    };
    // Clients retry without the delegation.
    let user = user.ok_or_else(|| Error::bad_json("This server takes over delayed events of its own users only."))?;
    let url = app.domain.rtc.sfu_url().unwrap_or_default();
    app.domain.leaves.delegate(&user, &url, wish, delay_id).await
}
