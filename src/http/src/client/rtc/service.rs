//! Tokens for our SFU in the form of a service beside the homeserver, which clients of 2026 ask with an OpenID token: those of this
//! server, and of others.

use axum::extract::{Request, State};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use hearth_base::{Error, Result, limits};
use hearth_domain::rtc::names::DEFAULT_SLOT;
use hearth_domain::rtc::{CallMember, OpenIdProof, SERVICE_PATH, TokenRequest};
use ruma::{OwnedRoomId, OwnedServerName};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use crate::app::{App, ClientAddress};
use crate::edge::{self, Rate};
use crate::respond::Failure;
use crate::route::read_body;

/// The routes of this file.
pub(super) fn routes() -> Router<App> {
    Router::new()
        .route(&format!("{SERVICE_PATH}/sfu/get"), post(of_device))
        .route(&format!("{SERVICE_PATH}/get_token"), post(of_member))
        .route(&format!("{SERVICE_PATH}/healthz"), get(healthy))
}

#[derive(Deserialize)]
struct Token {
    access_token: String,
    matrix_server_name: OwnedServerName,
}

/// A leave that this server is to send when its sender is no longer in the call.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Delayed {
    delay_id: String,
}

/// `POST /sfu/get`: a device in a room.
#[derive(Deserialize)]
struct OfDevice {
    room: OwnedRoomId,
    openid_token: Token,
    device_id: String,
    #[serde(flatten)]
    delayed: Delayed,
}

/// `POST /get_token`: a member of a slot.
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

async fn healthy(State(app): State<App>) -> Response {
    match app.domain.rtc.service_url() {
        Some(_) => Json(json!({})).into_response(),
        None => Failure(Error::not_found("This server has no group calls.")).into_response(),
    }
}

async fn of_device(State(app): State<App>, request: Request) -> Response {
    let answering = async {
        let body: OfDevice = read(&app, request).await?;
        let wish = TokenRequest { room: &body.room, slot: DEFAULT_SLOT, member: CallMember::Device(&body.device_id) };
        give(&app, &body.openid_token, None, wish, &body.delayed).await
    };
    answer(answering.await)
}

async fn of_member(State(app): State<App>, request: Request) -> Response {
    let answering = async {
        let body: OfMember = read(&app, request).await?;
        let member = CallMember::DeviceAndId(&body.member.claimed_device_id, &body.member.id);
        let wish = TokenRequest { room: &body.room_id, slot: &body.slot_id, member };
        give(&app, &body.openid_token, Some(&body.member.claimed_user_id), wish, &body.delayed).await
    };
    answer(answering.await)
}

async fn give(
    app: &App,
    token: &Token,
    claimed: Option<&str>,
    wish: TokenRequest<'_>,
    delayed: &Delayed,
) -> Result<Value> {
    let rtc = &app.domain.rtc;
    let openid = OpenIdProof { token: &token.access_token, server: &token.matrix_server_name };
    let jwt = rtc.give_for(openid, claimed, wish).await?;
    if !delayed.delay_id.is_empty() {
        delegate(app, openid, wish, &delayed.delay_id).await?;
    }
    Ok(json!({ "url": rtc.sfu_url(), "jwt": jwt }))
}

/// Takes over a leave of somebody of this server; the delay is what they have scheduled it with.
async fn delegate(app: &App, openid: OpenIdProof<'_>, wish: TokenRequest<'_>, delay_id: &str) -> Result<()> {
    let user = match *openid.server == *app.domain.core.server_name {
        true => app.domain.personal.openid.whose(openid.token).await?,
        false => None,
    };
    // Clients ask again without it.
    let user = user.ok_or_else(|| Error::bad_json("This server takes over delayed events of its own users only."))?;
    let url = app.domain.rtc.sfu_url().unwrap_or_default();
    app.domain.leaves.delegate(&user, &url, wish, delay_id).await
}

/// Anybody may ask, so they are counted by their address.
async fn read<T: DeserializeOwned>(app: &App, request: Request) -> Result<T> {
    let peer = request.extensions().get::<ClientAddress>().cloned().unwrap_or(ClientAddress { address: None });
    edge::rate_limit(app, Rate::Other, &peer, None)?;
    let raw = read_body(request.into_body(), limits::RTC_BODY_BYTES_MAX).await?;
    crate::json::check_depth(&raw)?;
    serde_json::from_slice(&raw).map_err(|error| crate::json::explain(&raw, &error))
}

fn answer(result: Result<Value>) -> Response {
    match result {
        Ok(value) => Json(value).into_response(),
        Err(error) => Failure(error).into_response(),
    }
}
