//! The members of a room.

use std::collections::BTreeMap;

use axum::response::Response;
use hearth_base::Result;
use hearth_domain::rooms::member_profile::MemberProfile;
use hearth_domain::rooms::read::Token;
use hearth_domain::rooms::read::members::MembersQuery;
use ruma::OwnedUserId;
use ruma::api::client::membership::{get_member_events, joined_members};
use serde::Serialize;

use crate::App;
use crate::completed::completed;
use crate::respond::Json;
use crate::route::{Endpoint, Ruma};

/// The endpoints of this file.
pub(super) fn endpoints() -> Vec<Endpoint> {
    vec![Endpoint::new(members).all_but_locked(), Endpoint::new(joined).all_but_locked()]
}

async fn members(app: App, request: Ruma<get_member_events::v3::Request>) -> Result<Response> {
    let question = MembersQuery {
        at: Token::parse_opt(request.at.as_deref())?,
        only: request.membership.clone(),
        except: request.not_membership.clone(),
    };
    let who = request.user()?;
    let members = app.domain.rooms.members(who, request.room_id.clone(), question).await?;
    completed(&app, who, get_member_events::v3::Response::new(members), |event| event)
}

/// A member. Fields without a value are present too: clients read them without checking that they exist.
#[derive(Serialize)]
struct Member {
    display_name: Option<String>,
    avatar_url: Option<String>,
}

#[derive(Serialize)]
struct Joined {
    joined: BTreeMap<OwnedUserId, Member>,
}

async fn joined(app: App, request: Ruma<joined_members::v3::Request>) -> Result<Json<impl Serialize>> {
    let joined = app.domain.rooms.joined_members(request.user()?, request.room_id.clone()).await?;
    let member = |face: MemberProfile| Member { display_name: face.displayname, avatar_url: face.avatar_url };
    Ok(Json(Joined { joined: joined.into_iter().map(|(user, face)| (user, member(face))).collect() }))
}
