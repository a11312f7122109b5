//! Invites: of users of this server by others, and of those who were first invited by another kind of address.

use axum::Router;
use axum::extract::{RawPathParams, Request, State};
use axum::response::Response;
use axum::routing::post;
use hearth_base::Result;
use hearth_domain::federation::resident::{Bound, Invite};
use http::Method;
use ruma::api::Metadata;
use ruma::api::federation::membership::create_invite;
use ruma::api::federation::thirdparty::{bind_callback, exchange_invite};
use ruma::api::path_builder::PathBuilder;
use ruma::{OwnedEventId, OwnedRoomId};
use serde_json::value::RawValue;

use crate::App;
use crate::edge::Rate;
use crate::json;
use crate::loose::Loose;
use crate::respond::{Failure, answer};
use crate::route::{Bounds, RouterExt, Ruma, serve};

/// Strangers may call it, and it makes this server ask others.
const BOUND: fn() -> Bounds = || Bounds::rate(Rate::Other);

/// The routes of this file.
pub(super) fn routes() -> Router<App> {
    let router = Router::new()
        .endpoint(Bounds::default(), invite)
        .endpoint(Bounds::default(), old_invite)
        .endpoint(Bounds::default(), exchange)
        .endpoint(BOUND(), bound);
    let paths = <bind_callback::v1::Request as Metadata>::PATH_BUILDER.all_paths();
    paths.fold(router, |router, path| router.route(path, post(bound_posted)))
}

// Loose, because the event must be taken as it is signed.
async fn invite(app: App, request: Ruma<Loose<create_invite::v2::Request>>) -> Result<create_invite::v2::Response> {
    let (room_id, event_id): (OwnedRoomId, OwnedEventId) = (request.id(0)?, request.id(1)?);
    let invite: Invite = serde_json::from_slice(&request.raw).map_err(|error| json::explain(&request.raw, &error))?;
    let event = app.domain.federation.receive_invite(request.origin()?, room_id, &event_id, invite).await?;
    Ok(create_invite::v2::Response::new(event))
}

async fn old_invite(app: App, request: Ruma<Loose<create_invite::v1::Request>>) -> Result<create_invite::v1::Response> {
    let (room_id, event_id): (OwnedRoomId, OwnedEventId) = (request.id(0)?, request.id(1)?);
    let event: Box<RawValue> =
        serde_json::from_slice(&request.raw).map_err(|error| json::explain(&request.raw, &error))?;
    let event = app.domain.federation.receive_old_invite(request.origin()?, room_id, &event_id, event).await?;
    Ok(create_invite::v1::Response::new(event))
}

async fn exchange(app: App, request: Ruma<exchange_invite::v1::Request>) -> Result<exchange_invite::v1::Response> {
    let (room_id, sender, target) = (request.room_id.clone(), request.sender.clone(), request.state_key.clone());
    let invite = Bound::from_event(room_id, &request.kind, sender, target, request.content.json().get())?;
    app.domain.federation.exchange_third_party_invite(request.origin()?, invite).await?;
    Ok(exchange_invite::v1::Response::new())
}

async fn bound(app: App, request: Ruma<bind_callback::v1::Request>) -> Result<bind_callback::v1::Response> {
    let user = request.mxid.clone();
    let invites = request.body.invites.into_iter().map(|invite| Bound {
        room_id: invite.room_id,
        sender: invite.sender,
        target: invite.mxid,
        signed: invite.signed.json().get().to_owned(),
    });
    app.domain.federation.bound(user, invites.collect()).await?;
    Ok(bind_callback::v1::Response::new())
}

/// The specification says PUT; identity servers have always sent POST.
async fn bound_posted(
    State(app): State<App>,
    params: RawPathParams,
    mut request: Request,
) -> Result<Response, Failure> {
    *request.method_mut() = Method::PUT;
    serve(app, params, request, BOUND(), async |app, request| bound(app, request).await.map(answer)).await
}
