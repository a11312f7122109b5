//! Who is in a room.

use hearth_base::Result;
use hearth_domain::rooms::read::Token;
use hearth_domain::rooms::read::members::MembersQuery;
use ruma::api::client::membership::joined_members::v3::RoomMember;
use ruma::api::client::membership::{get_member_events, joined_members};

use crate::App;
use crate::route::{Endpoint, Ruma};

/// The endpoints of this file.
pub(super) fn endpoints() -> Vec<Endpoint> {
    vec![Endpoint::new(members).all_but_locked(), Endpoint::new(joined).all_but_locked()]
}

async fn members(app: App, request: Ruma<get_member_events::v3::Request>) -> Result<get_member_events::v3::Response> {
    let question = MembersQuery {
        at: Token::parse_opt(request.at.as_deref())?,
        only: request.membership.clone(),
        except: request.not_membership.clone(),
    };
    let members = app.domain.rooms.members(request.user()?, request.room_id.clone(), question).await?;
    Ok(get_member_events::v3::Response::new(members))
}

async fn joined(app: App, request: Ruma<joined_members::v3::Request>) -> Result<joined_members::v3::Response> {
    let joined = app.domain.rooms.joined_members(request.user()?, request.room_id.clone()).await?;
    let joined = joined.into_iter().map(|(user, face)| {
        let mut member = RoomMember::new();
        member.display_name = face.displayname;
        member.avatar_url = face.avatar_url.map(Into::into);
        (user, member)
    });
    Ok(joined_members::v3::Response::new(joined.collect()))
}
