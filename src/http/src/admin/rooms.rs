//! Rooms: `/api/v1/rooms`.

use hearth_admin::wire::{ListQuery, Page, RoomDetail, RoomMember, RoomSummary, paths};
use hearth_base::Result;
use hearth_domain::admin::rooms;
use http::Method;

use super::endpoint;
use super::users::page_request;
use crate::App;
use crate::respond::Json;
use crate::route::{Call, Endpoint};

pub(super) fn endpoints() -> Vec<Endpoint> {
    vec![endpoint(Method::GET, paths::ROOMS, list), endpoint(Method::GET, paths::ROOM, detail)]
}

async fn list(app: App, call: Call) -> Result<Json<Page<RoomSummary>>> {
    let query: ListQuery = call.query()?;
    let page = app.domain.admin.rooms(page_request(query)).await?;
    Ok(Json(Page { items: page.items.into_iter().map(summary).collect(), next: page.next, total: None }))
}

async fn detail(app: App, call: Call) -> Result<Json<RoomDetail>> {
    let room = call.param(0);
    let rooms::RoomDetail { room, topic, join_rule, members } = app.domain.admin.room(room).await?;
    let members = members.into_iter().map(|member| RoomMember {
        user_id: member.user_id,
        display_name: member.display_name,
        power_level: member.power_level,
    });
    Ok(Json(RoomDetail { summary: summary(room), topic, join_rule, members: members.collect() }))
}

fn summary(room: rooms::Room) -> RoomSummary {
    RoomSummary {
        room_id: room.room_id,
        name: room.name,
        canonical_alias: room.canonical_alias,
        version: room.version,
        joined_members: room.joined_members,
        local_members: room.local_members,
        events: room.events,
        encrypted: room.encrypted,
        public: room.public,
        creator: room.creator,
    }
}
