//! Joining, inviting, leaving.

use axum::Router;
use hearth_base::{Error, Result};
use ruma::api::client::membership::invite_user::v3::InvitationRecipient;
use ruma::api::client::membership::{invite_user, join_room_by_id, join_room_by_id_or_alias, leave_room};

use crate::App;
use crate::edge::Rate;
use crate::route::{Bounds, RouterExt, Ruma};

/// The routes of this file.
pub(super) fn routes() -> Router<App> {
    Router::new()
        .endpoint(Bounds::rate(Rate::Join), join_by_id)
        .endpoint(Bounds::rate(Rate::Join), join)
        .endpoint(Bounds::rate(Rate::Invite), invite)
        .endpoint(Bounds::rate(Rate::Other), leave)
}

fn no_third_party(is_signed: bool) -> Result<()> {
    if is_signed {
        return Err(Error::forbidden("This server does not take invitations by e-mail address or telephone number."));
    }
    Ok(())
}

async fn join_by_id(app: App, request: Ruma<join_room_by_id::v3::Request>) -> Result<join_room_by_id::v3::Response> {
    no_third_party(request.third_party_signed.is_some())?;
    let name = request.room_id.clone().into();
    let room_id = app.domain.rooms.join(request.user()?, name, request.reason.clone()).await?;
    Ok(join_room_by_id::v3::Response::new(room_id))
}

async fn join(
    app: App,
    request: Ruma<join_room_by_id_or_alias::v3::Request>,
) -> Result<join_room_by_id_or_alias::v3::Response> {
    no_third_party(request.third_party_signed.is_some())?;
    let name = request.room_id_or_alias.clone();
    let room_id = app.domain.rooms.join(request.user()?, name, request.reason.clone()).await?;
    Ok(join_room_by_id_or_alias::v3::Response::new(room_id))
}

async fn invite(app: App, request: Ruma<invite_user::v3::Request>) -> Result<invite_user::v3::Response> {
    match &request.recipient {
        InvitationRecipient::UserId(target) => {
            let (room, user, reason) = (request.room_id.clone(), target.user_id.clone(), target.reason.clone());
            app.domain.rooms.invite(request.user()?, room, user, reason).await?;
        }
        _ => app.domain.rooms.invite_by_third_party()?,
    }
    Ok(invite_user::v3::Response::new())
}

async fn leave(app: App, request: Ruma<leave_room::v3::Request>) -> Result<leave_room::v3::Response> {
    app.domain.rooms.leave(request.user()?, request.room_id.clone(), request.reason.clone()).await?;
    Ok(leave_room::v3::Response::new())
}
