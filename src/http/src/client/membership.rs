//! Changes of membership: join, invite, knock, leave, kick, ban, unban, forget.

use hearth_base::{Error, Result};
use hearth_domain::rooms::JoinContent;
use ruma::api::client::knock::knock_room;
use ruma::api::client::membership::invite_user::v3::InvitationRecipient;
use ruma::api::client::membership::{
    ban_user, forget_room, invite_user, join_room_by_id, join_room_by_id_or_alias, kick_user, leave_room, unban_user,
};

use crate::App;
use crate::edge::Rate;
use crate::route::{Endpoint, Ruma};

/// The endpoints of this file.
pub(super) fn endpoints() -> Vec<Endpoint> {
    vec![
        Endpoint::new(join_by_id).rate(Rate::Join).guests().appservices(),
        Endpoint::new(join).rate(Rate::Join).guests().appservices(),
        Endpoint::new(invite).rate(Rate::Invite).appservices(),
        Endpoint::new(knock).rate(Rate::Join).appservices(),
        Endpoint::new(leave).rate(Rate::Other).all_but_locked(),
        Endpoint::new(kick).rate(Rate::Other).appservices(),
        Endpoint::new(ban).rate(Rate::Other).appservices(),
        Endpoint::new(unban).rate(Rate::Other).appservices(),
        Endpoint::new(forget).rate(Rate::Other).all_but_locked(),
    ]
}

fn no_third_party(is_signed: bool) -> Result<()> {
    if is_signed {
        return Err(Error::forbidden("This server does not take invitations by e-mail address or telephone number."));
    }
    Ok(())
}

/// Additional content for the join event: every field of the body is kept.
fn content<T>(request: &Ruma<T>) -> Result<JoinContent> {
    JoinContent::from_body(request.text_body()?)
}

async fn join_by_id(app: App, request: Ruma<join_room_by_id::v3::Request>) -> Result<join_room_by_id::v3::Response> {
    no_third_party(request.third_party_signed.is_some())?;
    let name = request.room_id.clone().into();
    let room_id = app.domain.actions.join(request.user()?, name, Vec::new(), content(&request)?).await?;
    Ok(join_room_by_id::v3::Response::new(room_id))
}

async fn join(
    app: App,
    request: Ruma<join_room_by_id_or_alias::v3::Request>,
) -> Result<join_room_by_id_or_alias::v3::Response> {
    no_third_party(request.third_party_signed.is_some())?;
    let (name, via) = (request.room_id_or_alias.clone(), request.via.clone());
    let room_id = app.domain.actions.join(request.user()?, name, via, content(&request)?).await?;
    Ok(join_room_by_id_or_alias::v3::Response::new(room_id))
}

async fn invite(app: App, request: Ruma<invite_user::v3::Request>) -> Result<invite_user::v3::Response> {
    match &request.recipient {
        InvitationRecipient::UserId(target) => {
            let (room, user, reason) = (request.room_id.clone(), target.user_id.clone(), target.reason.clone());
            app.domain.actions.invite(request.user()?, room, user, reason).await?;
        }
        _ => app.domain.rooms.invite_by_third_party()?,
    }
    Ok(invite_user::v3::Response::new())
}

async fn leave(app: App, request: Ruma<leave_room::v3::Request>) -> Result<leave_room::v3::Response> {
    app.domain.actions.leave(request.user()?, request.room_id.clone(), request.reason.clone()).await?;
    Ok(leave_room::v3::Response::new())
}

async fn knock(app: App, request: Ruma<knock_room::v3::Request>) -> Result<knock_room::v3::Response> {
    let (name, via) = (request.room_id_or_alias.clone(), request.via.clone());
    let room_id = app.domain.actions.knock(request.user()?, name, via, request.reason.clone()).await?;
    Ok(knock_room::v3::Response::new(room_id))
}

async fn kick(app: App, request: Ruma<kick_user::v3::Request>) -> Result<kick_user::v3::Response> {
    let (room, target, reason) = (request.room_id.clone(), request.user_id.clone(), request.reason.clone());
    app.domain.actions.kick(request.user()?, room, target, reason).await?;
    Ok(kick_user::v3::Response::new())
}

async fn ban(app: App, request: Ruma<ban_user::v3::Request>) -> Result<ban_user::v3::Response> {
    let (room, target, reason) = (request.room_id.clone(), request.user_id.clone(), request.reason.clone());
    app.domain.actions.ban(request.user()?, room, target, reason).await?;
    Ok(ban_user::v3::Response::new())
}

async fn unban(app: App, request: Ruma<unban_user::v3::Request>) -> Result<unban_user::v3::Response> {
    let (room, target, reason) = (request.room_id.clone(), request.user_id.clone(), request.reason.clone());
    app.domain.actions.unban(request.user()?, room, target, reason).await?;
    Ok(unban_user::v3::Response::new())
}

async fn forget(app: App, request: Ruma<forget_room::v3::Request>) -> Result<forget_room::v3::Response> {
    app.domain.actions.forget(request.user()?, request.room_id.clone()).await?;
    Ok(forget_room::v3::Response::new())
}
