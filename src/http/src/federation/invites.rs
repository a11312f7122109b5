//! Invites to local users from other servers, and exchange of third-party invites.

use hearth_base::Result;
use hearth_domain::federation::resident::{Bound, Invite};
use http::Method;
use ruma::api::federation::membership::create_invite;
use ruma::api::federation::thirdparty::{bind_callback, exchange_invite};
use ruma::{OwnedEventId, OwnedRoomId};
use serde_json::value::RawValue;

use crate::App;
use crate::edge::Rate;
use crate::loose::Loose;
use crate::route::{Endpoint, Ruma};

/// Registers the invite endpoints.
pub(super) fn endpoints() -> Vec<Endpoint> {
    vec![
        Endpoint::new(invite),
        Endpoint::new(old_invite),
        Endpoint::new(exchange),
        Endpoint::new(bound).rate(Rate::Other),
        // The specification requires PUT; identity servers have always sent POST.
        Endpoint::new(bound).by(Method::POST).rate(Rate::Other),
    ]
}

// Loose, because the event must be taken as it is signed.
async fn invite(app: App, request: Ruma<Loose<create_invite::v2::Request>>) -> Result<create_invite::v2::Response> {
    let (room_id, event_id): (OwnedRoomId, OwnedEventId) = (request.id(0)?, request.id(1)?);
    let invite: Invite = request.call.json()?;
    let event = app.domain.federation.receive_invite(request.origin()?, room_id, &event_id, invite).await?;
    Ok(create_invite::v2::Response::new(event))
}

async fn old_invite(app: App, request: Ruma<Loose<create_invite::v1::Request>>) -> Result<create_invite::v1::Response> {
    let (room_id, event_id): (OwnedRoomId, OwnedEventId) = (request.id(0)?, request.id(1)?);
    let event: Box<RawValue> = request.call.json()?;
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
